package wire_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/herald-net/herald/internal/wire"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func beaconSamples() map[string]wire.Beacon {
	whole := wire.Beacon{
		Network: [8]byte{1}, Node: syncLog(1), Time: 1_700_000_000_000, Size: 7, Head: syncID(2), Logs: 400,
		Digest: [32]byte{3}, Roster: 9, JournalEntries: 12, JournalHead: [32]byte{4},
	}
	widest := wire.Beacon{
		Network: [8]byte{1}, Node: syncLog(1), Time: 1<<63 - 1, Size: wire.MaxSyncSize, Logs: math.MaxUint32,
		Roster: 1<<64 - 1, JournalEntries: 1<<64 - 1,
	}
	return map[string]wire.Beacon{
		"whole":  whole,
		"widest": widest,
		"first":  {Network: [8]byte{1}, Node: syncLog(1), Time: 1},
	}
}

func signedBeacon(b wire.Beacon) []byte {
	return wire.EncodeSignedBeacon(&wire.SignedBeacon{Bytes: wire.EncodeBeacon(&b), Alg: wire.AlgEd25519, Sig: bytes.Repeat([]byte{7}, wire.SigSize)})
}

func TestBeaconThereAndBack(t *testing.T) {
	for name, b := range beaconSamples() {
		t.Run(name, func(t *testing.T) {
			raw := signedBeacon(b)
			if len(raw) > wire.MaxBeacon {
				t.Errorf("%d bytes, at most %d", len(raw), wire.MaxBeacon)
			}
			s, err := wire.DecodeBeacon(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(s.Beacon, b) {
				t.Errorf("got %+v\nwant %+v", s.Beacon, b)
			}
			if !wire.IsBeacon(raw) {
				t.Error("is not taken for a beacon")
			}
			if _, err := wire.Decode(raw); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("as a record: got %v, want %v", err, wire.ErrMalformed)
			}
		})
	}
}

// The hand-written codec says what beacon.proto says.
func TestBeaconIsItsProto(t *testing.T) {
	for name, b := range beaconSamples() {
		p := &heraldv1.Beacon{
			Version: 1, Network: b.Network[:], Node: b.Node[:], Time: uint64(b.Time), Size: b.Size, Logs: b.Logs,
			Digest: b.Digest[:], Roster: b.Roster, JournalEntries: b.JournalEntries,
		}
		if b.Size > 0 {
			p.Head = b.Head[:]
		}
		if b.JournalEntries > 0 {
			p.JournalHead = b.JournalHead[:]
		}
		in, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		out, err := proto.MarshalOptions{Deterministic: true}.Marshal(&heraldv1.SignedBeacon{
			Beacon: in, Alg: 1, Signature: bytes.Repeat([]byte{7}, wire.SigSize),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := signedBeacon(b); !bytes.Equal(got, out) {
			t.Errorf("%s: got %x\nwant %x", name, got, out)
		}
	}
}

func TestBeaconRefused(t *testing.T) {
	whole := beaconSamples()["whole"]
	in := wire.EncodeBeacon(&whole)
	wrap := func(in []byte) []byte {
		return wire.EncodeSignedBeacon(&wire.SignedBeacon{Bytes: in, Alg: 1, Sig: make([]byte, wire.SigSize)})
	}
	change := func(f func(*wire.Beacon)) []byte { b := whole; f(&b); return wrap(wire.EncodeBeacon(&b)) }
	tests := []struct {
		name string
		raw  []byte
		want error
	}{
		{"nothing", nil, wire.ErrBeacon},
		{"a record's first byte", []byte{0x0a, 0x01, 0x00}, wire.ErrBeacon},
		{"no signature", wrap(in)[:len(wrap(in))-wire.SigSize-2], wire.ErrBeacon},
		{"cut off", wrap(in)[:100], wire.ErrBeacon},
		{"one byte more", append(wrap(in), 0), wire.ErrBeacon},
		{"513 bytes", append([]byte{0x32}, make([]byte, wire.MaxBeacon)...), wire.ErrTooLarge},
		{"another version", wrap(append([]byte{8, 2}, in[2:]...)), wire.ErrVersion},
		{"no version", wrap(in[2:]), wire.ErrBeacon},
		{"no time", change(func(b *wire.Beacon) { b.Time = 0 }), wire.ErrBeacon},
		{"time beyond int64", change(func(b *wire.Beacon) { b.Time = -1 }), wire.ErrBeacon},
		{"own log too long", change(func(b *wire.Beacon) { b.Size = wire.MaxSyncSize + 1 }), wire.ErrTooLarge},
		{"unknown field", wrap(protowire.AppendVarint(protowire.AppendTag(bytes.Clone(in), 12, protowire.VarintType), 1)), wire.ErrBeacon},
		{"journal without its head", wrap(in[:len(in)-34]), wire.ErrBeacon},
		{"field twice", wrap(append(bytes.Clone(in), in[len(in)-34:]...)), wire.ErrBeacon},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := wire.DecodeBeacon(tt.raw); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// Whatever decodes encodes to the same bytes, and is not a record as well.
func FuzzBeacon(f *testing.F) {
	for _, b := range beaconSamples() {
		f.Add(signedBeacon(b))
	}
	f.Add([]byte{0x32, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := wire.DecodeBeacon(raw)
		if err != nil {
			return
		}
		if got := wire.EncodeBeacon(&s.Beacon); !bytes.Equal(got, s.Bytes) {
			t.Fatalf("got %x\nwant %x", got, s.Bytes)
		}
		if got := wire.EncodeSignedBeacon(s); !bytes.Equal(got, raw) {
			t.Fatalf("got %x\nwant %x", got, raw)
		}
		if _, err := wire.Decode(raw); err == nil || !wire.IsBeacon(raw) {
			t.Fatal("a beacon and a record at once")
		}
		if s.Beacon.Time <= 0 {
			t.Fatal("a beacon without a time")
		}
	})
}
