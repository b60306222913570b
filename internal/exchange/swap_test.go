package exchange_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// swapped are the raw records with other signatures at some places.
func (b *cluster) swapped(recs []verify.Record, at ...int) [][]byte {
	b.t.Helper()
	out := raws(recs)
	for _, i := range at {
		e, err := wire.Decode(bytes.Clone(out[i]))
		if err != nil {
			b.t.Fatal(err)
		}
		e.Sig[7] ^= 1
		out[i] = wire.Encode(e)
	}
	return out
}

// liar serves the log of node 2 as it is in raws, and the same to every want.
func (b *cluster) liar(recs []verify.Record, raws [][]byte) func(c conn) {
	head := recs[len(recs)-1]
	return func(c conn) {
		c.receive()
		c.send(hello(1, 0))
		for m := c.receive(); m != nil; m = c.receive() {
			switch {
			case m.Frontier != nil:
				c.send(frontier(wire.LogHead{Log: b.log(2), Size: uint64(len(recs)), Head: head.ID()}))
			case m.Want != nil:
				var out [][]byte
				for _, r := range m.Want.Ranges {
					if r.Log == b.log(2) && r.From+r.Count-1 <= uint64(len(raws)) {
						out = append(out, raws[r.From-1:r.From+r.Count-1]...)
					}
				}
				c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: out, Last: true}})
			}
		}
	}
}

// badSignatures counts what a store holds of a log whose own signature is bad.
func badSignatures(t *testing.T, s *sim.Stack, log ct.LogID, size int) (bad []int) {
	t.Helper()
	for seq := range size {
		ok, err := s.Store.Signed(log, uint64(seq)+1)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			bad = append(bad, seq+1)
		}
	}
	return bad
}

// A member that serves a range with other signatures inside harms nobody: the
// records are the author's, nobody is blamed for passing them on inside their
// range, and the good signatures come from another peer.
func TestSwappedSignatures(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int
		swap []int // by index
	}{
		{"one of a long range", 40, []int{20}},
		{"many in a row", 40, []int{5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
		{"all but the last", 40, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38}},
		{"one of a short range", 4, []int{1}},
		{"where a part of a range ends", 300, []int{exchange.MaxRange - 1}},
		{"where a want for a piece ends", 30, []int{9, 19}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, 5, func(t *testing.T, b *cluster) {
				recs := b.write(2, tt.n, nil, "true")
				b.evil(1, b.liar(recs, b.swapped(recs, tt.swap...)))
				x := b.start(0, nil, 1)
				b.until("fetched from the liar", time.Minute, func() bool { return b.size(0, b.log(2)) == uint64(tt.n) })
				time.Sleep(30 * time.Second)
				if got := badSignatures(t, x, b.log(2), tt.n); len(got) != len(tt.swap) {
					t.Errorf("bad signatures %v, want %d", got, len(tt.swap))
				}
				if got := x.Counter("herald_sync_signatures_total", "result", "bad"); got != float64(len(tt.swap)) {
					t.Errorf("found by the check: %v", got)
				}

				// Whoever fetches from here gets what proves itself and blames nobody.
				y := b.start(3, nil, 0)
				b.until("passed on", time.Minute, func() bool { return b.size(3, b.log(2)) == uint64(tt.n) })
				if got := y.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
					t.Errorf("an honest node is blamed %v times", got)
				}

				// A node that has the good signatures joins.
				z := b.start(4, nil, 0, 3)
				b.put(z, recs)
				b.until("healed", 10*time.Minute, func() bool {
					return len(badSignatures(t, x, b.log(2), tt.n)) == 0 && len(badSignatures(t, y, b.log(2), tt.n)) == 0
				})
				for i, s := range []*sim.Stack{x, y} {
					if h, _ := s.Store.Head(b.log(2)); h.Contested != 0 || h.ID != recs[tt.n-1].ID() {
						t.Errorf("node %d: head %+v", i, h)
					}
					row, err := s.Store.Get(b.log(2), uint64(tt.swap[0])+1)
					if err != nil || !bytes.Equal(row.Sig, recs[tt.swap[0]].Sig()) {
						t.Errorf("node %d: the good signature is not held: %v", i, err)
					}
				}
			})
		})
	}
}

// The last signature of a run is the peer's word.
func TestSwappedLastSignature(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, b *cluster) {
		recs := b.write(2, 30, nil, "true")
		b.evil(1, b.liar(recs, b.swapped(recs, 29)))
		x := b.start(0, nil, 1)
		b.until("blamed", time.Minute, func() bool { return x.Counter("herald_sync_pulls_total", "result", "peer") > 0 })
		b.put(b.start(3, nil, 0), recs)
		b.until("fetched", 5*time.Minute, func() bool { return b.size(0, b.log(2)) == 30 })
		if got := badSignatures(t, x, b.log(2), 30); len(got) != 0 {
			t.Errorf("bad signatures %v", got)
		}
	})
}

// While records pour in their signatures wait, but never for ever: one batch a
// second is checked, and all of them soon after the last.
func TestRecheckYields(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		const rounds, each = 25, 270
		x := b.start(0, nil)
		y := b.start(1, nil, 0)
		var last *verify.Record
		good := func() float64 { return y.Counter("herald_sync_signatures_total", "result", "good") }
		time.Sleep(time.Minute)
		for range rounds {
			recs := b.write(0, each, last, "x")
			last = &recs[each-1]
			b.put(x, recs)
			if err := y.Exchange.SyncNow(b.ctx, b.log(0)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(700 * time.Millisecond)
		}
		// The first batch comes up to ten seconds after the first record.
		if got := good(); got < 5*256 || got > 20*256 {
			t.Errorf("%v signatures checked in %d rounds of 0.7 s, want about one batch of 256 a second", got, rounds)
		}
		b.until("checked", time.Minute, func() bool {
			n, err := y.Store.Unchecked()
			return err == nil && n == 0
		})
		if got := good(); got < rounds*(each-each/exchange.MaxRange-1) {
			t.Errorf("%v signatures checked of %d records", got, rounds*each)
		}
	})
}
