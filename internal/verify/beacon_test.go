package verify_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

func TestOpenBeacon(t *testing.T) {
	w := newWorld(t)
	view := w.view[exercise]
	sign := func(by string, c keys.Context, net string, edit func(*wire.Beacon)) []byte {
		b := wire.Beacon{Network: w.view[net].Network().Prefix(), Node: key(by).Public(), Time: ct.MillisOf(now)}
		if edit != nil {
			edit(&b)
		}
		s := wire.SignedBeacon{Bytes: wire.EncodeBeacon(&b), Alg: wire.AlgEd25519}
		var err error
		if s.Sig, err = key(by).Sign(c, w.view[net].Network(), s.Bytes); err != nil {
			t.Fatal(err)
		}
		return wire.EncodeSignedBeacon(&s)
	}
	good := sign("NOR 1", keys.ContextBeacon, exercise, nil)
	tests := []struct {
		name string
		raw  []byte
		now  time.Time
		want verify.Reason
	}{
		{"good", good, now, ""},
		{"of a root key", sign("NOR root", keys.ContextBeacon, exercise, nil), now, verify.Stranger},
		{"of a stranger", sign("FJI 1", keys.ContextBeacon, exercise, nil), now, verify.Stranger},
		{"before its delegation", good, founded.Add(-25 * time.Hour), verify.HeldDelegation},
		{"after its delegation", good, founded.Add(401 * day), verify.HeldDelegation},
		{"of the other network", sign("NOR 1", keys.ContextBeacon, earnest, nil), now, verify.OtherNetwork},
		{"signed for the other network", sign("NOR 1", keys.ContextBeacon, earnest, func(b *wire.Beacon) {
			b.Network = view.Network().Prefix()
		}), now, verify.BadSignature},
		{"signed as a record", sign("NOR 1", keys.ContextRecord, exercise, nil), now, verify.BadSignature},
		{"in another's name", sign("NOR 1", keys.ContextBeacon, exercise, func(b *wire.Beacon) { b.Node = key("BRA 1").Public() }), now, verify.BadSignature},
		{"another algorithm", bytes.Replace(good, []byte{7 << 3, 1, 8<<3 | 2}, []byte{7 << 3, 2, 8<<3 | 2}, 1), now, verify.BadAlgorithm},
		{"too large", append(good, make([]byte, wire.MaxBeacon)...), now, verify.TooLarge},
		{"garbage", []byte("2nothing"), now, verify.NotABeacon},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := verify.DecodeBeacon(tt.raw)
			var b verify.Beacon
			if err == nil {
				b, err = verify.OpenBeacon(s, view, tt.now)
			}
			var fault *verify.Error
			if errors.As(err, &fault); (err == nil) != (tt.want == "") || err != nil && fault.Reason != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil && (b.State() != "NOR" || b.Said() != s.Beacon) {
				t.Errorf("got %s %+v", b.State(), b.Said())
			}
		})
	}
	// No bit of a beacon can be changed.
	for bit := range len(good) * 8 {
		raw := bytes.Clone(good)
		raw[bit/8] ^= 1 << (bit % 8)
		s, err := verify.DecodeBeacon(raw)
		if err == nil {
			_, err = verify.OpenBeacon(s, view, now)
		}
		if err == nil {
			t.Fatalf("bit %d flipped, and the beacon is accepted", bit)
		}
	}
}
