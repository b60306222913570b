package exchange_test

import (
	"testing"
	"time"

	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// mixed gives n records of node i's log, on travel and arrival in turn.
func (b *cluster) mixed(i, n int) (out []verify.Record) {
	b.t.Helper()
	right, _ := b.members.View.Right(b.log(i))
	h := sim.Header(b.members.View.Network(), b.log(i), ct.TopicTravel, time.Now())
	at := wire.First(right.First)
	for k := range n {
		at.Put(&h, right.Growth.Line)
		h.Topic = uint32([]ct.Topic{ct.TopicTravel, ct.TopicArrival}[k%2])
		r, err := sim.Sign(b.members.Nodes[i], b.members.View, h, make([]byte, 500))
		if err != nil {
			b.t.Fatal(err)
		}
		out, at = append(out, r), r.Next()
	}
	return out
}

// bodies counts the records of a log by what became of their bodies.
func bodies(t *testing.T, s *sim.Stack, log ct.LogID) map[store.BodyState]int {
	t.Helper()
	out := map[store.BodyState]int{}
	h, _ := s.Store.Head(log)
	for seq := range h.Size {
		row, err := s.Store.Get(log, seq+1)
		if err != nil {
			t.Fatal(err)
		}
		if out[row.BodyState]++; (row.BodyState == store.BodyHeld) != (row.Body != nil) {
			t.Errorf("record %d: %s, body of %d bytes", seq+1, row.BodyState, len(row.Body))
		}
	}
	return out
}

// A node of some topics fetches every header and the bodies of its topics. It
// claims no others: who fetches from it gets them elsewhere and blames nobody.
// When it is given another topic it fetches what it lacks.
func TestPartialTopics(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, b *cluster) {
		const n = 3000
		arrivals, err := ct.TopicsOf(ct.TopicArrival)
		if err != nil {
			t.Fatal(err)
		}
		recs := b.mixed(3, n)
		x := b.start(0, nil)
		b.put(x, recs)
		partial := func(c *sim.StackConfig) { c.Topics = arrivals }
		y := b.start(1, partial, 0)
		b.until("at the partial node", time.Minute, func() bool { return b.size(1, b.log(3)) == n })
		time.Sleep(3 * time.Minute) // time to ask for what it must not ask for
		if got := bodies(t, y, b.log(3)); got[store.BodyHeld] != n/2 || got[store.BodyElsewhere] != n/2 {
			t.Errorf("the partial node: %v, want half held, half elsewhere", got)
		}
		if refs := y.Store.MissingBodies(10); len(refs) != 0 {
			t.Errorf("it wants bodies of other topics: %v", refs)
		}
		size := 0
		for _, r := range recs {
			size += len(r.Raw())
		}
		if got := y.Counter("herald_sync_bytes_total"); got > 0.75*float64(size) {
			t.Errorf("%v bytes came and went, of %d with all bodies", got, size)
		}
		// A body that comes all the same is not kept, neither late nor with its header.
		for _, unasked := range [][]verify.Record{recs[:2], b.mixed(2, 10)} {
			if err := y.Ingest.SubmitAll(b.ctx, unasked); err != nil {
				t.Fatal(err)
			}
		}
		if got := bodies(t, y, b.log(3)); got[store.BodyHeld] != n/2 {
			t.Errorf("after unwanted bodies: %v", got)
		}
		if got := bodies(t, y, b.log(2)); got[store.BodyHeld] != 5 || got[store.BodyElsewhere] != 5 {
			t.Errorf("records with unwanted bodies: %v", got)
		}

		// The partial node is all that z knows, then it meets x.
		z := b.start(2, nil, 1)
		b.until("fetched from the partial node", time.Minute, func() bool { return b.size(2, b.log(3)) == n })
		if got := bodies(t, z, b.log(3)); got[store.BodyHeld] != n/2 || got[store.BodyMissing] != n/2 {
			t.Errorf("from the partial node alone: %v, want half held, half missing", got)
		}
		b.stop(2)
		z = b.start(2, nil, 0, 1)
		b.until("filled", 5*time.Minute, func() bool { return bodies(t, z, b.log(3))[store.BodyHeld] == n })
		for i, s := range []*sim.Stack{x, y, z} {
			if got := s.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
				t.Errorf("node %d blames others %v times", i, got)
			}
		}

		b.stop(1)
		y = b.start(1, nil, 0)
		b.until("filled with the other topics", 5*time.Minute, func() bool { return bodies(t, y, b.log(3))[store.BodyHeld] == n })
	})
}
