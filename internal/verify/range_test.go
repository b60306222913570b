package verify_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// chain signs n successive notifications of UTO's first node.
func (w *world) chain(tb testing.TB, n int) [][]byte {
	tb.Helper()
	return w.chainOf(tb, n, nil)
}

func (w *world) chainOf(tb testing.TB, n int, edit func(*wire.Header)) [][]byte {
	tb.Helper()
	var raws [][]byte
	line := w.line("UTO 1").At(ct.MillisOf(issued))
	at := wire.Next{Seq: 7, Prev: w.draft(ct.KindNotification, ct.TopicTravel, nil).h.Prev, End: line + 9000}
	for i := range n {
		d := w.draft(ct.KindNotification, ct.TopicTravel, body(notification(ct.TopicTravel)))
		at.Put(&d.h, w.line("UTO 1"))
		if i == 2 { // content that breaks a rule is chained all the same
			d.body = []byte("no notification")
		}
		if edit != nil {
			edit(&d.h)
		}
		raw := w.raw(d)
		env, err := wire.Decode(raw)
		if err != nil {
			tb.Fatal(err)
		}
		raws = append(raws, raw)
		at = env.Header.After(wire.ID(w.view[exercise].Network(), env.HeaderBytes), len(env.HeaderBytes))
	}
	return raws
}

// change decodes a copy of a record, changes it and encodes it again.
func change(tb testing.TB, raw []byte, f func(e *wire.Envelope)) []byte {
	tb.Helper()
	e, err := wire.Decode(bytes.Clone(raw))
	if err != nil {
		tb.Fatal(err)
	}
	f(e)
	return wire.Encode(e)
}

func TestOpenRange(t *testing.T) {
	w := newWorld(t)
	good := w.chain(t, 10)
	swap := func(e *wire.Envelope) { e.Sig[3] ^= 1 }
	with := func(i int, f func(e *wire.Envelope)) [][]byte {
		out := append([][]byte(nil), good...)
		out[i] = change(t, out[i], f)
		return out
	}
	other := w.draft(ct.KindNotification, ct.TopicTravel, nil)
	other.by, other.h.Seq, other.h.Prev = "NOR 1", 17, ct.ID{1}
	tests := []struct {
		name   string
		raws   [][]byte
		now    time.Time
		reason verify.Reason // "" with fails: ErrRange
		fails  bool
		bad    int // record whose own signature is bad; -1: none
	}{
		{"a range", good, now, "", false, -1},
		{"one record", good[9:], now, "", false, -1},
		{"nothing", nil, now, "", false, -1},
		{"a signature inside replaced", with(4, swap), now, "", false, 4},
		{"the first signature replaced", with(0, swap), now, "", false, 0},
		{"the last signature replaced", with(9, swap), now, verify.BadSignature, true, -1},
		{"another's signature last", with(9, func(e *wire.Envelope) {
			first, err := wire.Decode(good[8])
			if err != nil {
				t.Fatal(err)
			}
			copy(e.Sig, first.Sig)
		}), now, verify.BadSignature, true, -1},
		{"a body inside replaced", with(4, func(e *wire.Envelope) { e.Body[0] ^= 1 }), now, verify.BodyMismatch, true, -1},
		{"a body inside left out", with(4, func(e *wire.Envelope) { e.Salt, e.Body = nil, nil }), now, "", false, -1},
		{"a header inside replaced", with(4, func(e *wire.Envelope) {
			h := e.Header
			h.Priority++
			e.HeaderBytes = wire.EncodeHeader(&h)
		}), now, "", true, -1},
		{"one left out", append(good[:4:4], good[5:]...), now, "", true, -1},
		{"one twice", append(good[:5:5], good[4:]...), now, "", true, -1},
		{"two exchanged", append(append(good[:4:4], good[5], good[4]), good[6:]...), now, "", true, -1},
		{"another offset inside", w.chainOf(t, 10, func(h *wire.Header) {
			if h.Seq == 12 {
				h.Offset--
			}
		}), now, "", true, -1},
		{"another log last", append(good[:10:10], w.raw(other)), now, "", true, -1},
		{"another algorithm inside", with(4, func(e *wire.Envelope) { e.Alg = 2 }), now, verify.BadAlgorithm, true, -1},
		{"a long signature inside", with(4, func(e *wire.Envelope) { e.Sig = make([]byte, 4096) }), now, verify.BadSignature, true, -1},
		{"garbage inside", append(append(good[:4:4], []byte("garbage")), good[5:]...), now, verify.NotARecord, true, -1},
		{"after the delegation", good, now.Add(401 * day), verify.HeldDelegation, true, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			recs, err := verify.OpenRange(tt.raws, w.view[exercise], tt.now)
			if tt.fails {
				var fault *verify.Error
				switch {
				case recs != nil:
					t.Error("records and an error")
				case tt.reason == "" && !errors.Is(err, verify.ErrRange):
					t.Errorf("got %v, want %v", err, verify.ErrRange)
				case tt.reason != "" && (!errors.As(err, &fault) || fault.Reason != tt.reason):
					t.Errorf("got %v, want %v", err, tt.reason)
				}
				return
			}
			if err != nil || len(recs) != len(tt.raws) {
				t.Fatalf("got %d records, %v", len(recs), err)
			}
			for i, r := range recs {
				if r.Chained() != (i < len(recs)-1) || r.Signed() != (i != tt.bad) {
					t.Errorf("record %d: chained %v, signed %v", i, r.Chained(), r.Signed())
				}
				if want := i == 2; want != (r.Inadmissible() == verify.BodyNotDecodable) && len(recs) > 1 {
					t.Errorf("record %d: inadmissible %q", i, r.Inadmissible())
				}
			}
		})
	}
}

// Whatever a peer makes of a range: what OpenRange lets in is what Open lets
// in, but for signatures before the last, and nothing that the author did not write.
func FuzzOpenRange(f *testing.F) {
	w := newWorld(f)
	good := w.chain(f, 4)
	wrote := map[ct.ID]bool{}
	for i, raw := range good {
		r, err := verify.Open(raw, w.view[exercise], now)
		if err != nil {
			f.Fatal(err)
		}
		wrote[r.ID()] = true
		f.Add(uint8(i), raw)
		f.Add(uint8(i), change(f, raw, func(e *wire.Envelope) { e.Sig[9] ^= 4 }))
		f.Add(uint8(i+1), raw)
	}
	f.Add(uint8(1), []byte{})
	f.Fuzz(func(t *testing.T, at uint8, raw []byte) {
		raws := append([][]byte(nil), good...)
		raws[int(at)%len(raws)] = raw
		recs, err := verify.OpenRange(raws, w.view[exercise], now)
		if err != nil {
			return
		}
		for i, r := range recs {
			one, err := verify.Open(raws[i], w.view[exercise], now)
			var fault *verify.Error
			switch {
			case !wrote[r.ID()]:
				t.Fatalf("record %d is not the author's", i)
			case err == nil && (one.ID() != r.ID() || one.Inadmissible() != r.Inadmissible() || !r.Signed()):
				t.Fatalf("record %d is judged differently", i)
			case err != nil && (!errors.As(err, &fault) || fault.Reason != verify.BadSignature || r.Signed() || i == len(recs)-1):
				t.Fatalf("record %d: %v", i, err)
			}
		}
	})
}
