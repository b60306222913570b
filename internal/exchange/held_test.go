package exchange_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A node syncs while its clock is wrong, as that of a machine without a battery
// is at first; then the clock is set right, or time goes on. What was held comes,
// and nobody was blamed for it.
func TestHeldByAWrongClock(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 500 * 24 * time.Hour, "behind": -500 * 24 * time.Hour, "right": 0} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(t *testing.T, b *cluster) {
				one := b.start(1, nil)
				b.put(one, b.write(1, 50, nil, "x"))
				b.put(one, b.write(2, 50, nil, "y"))
				var wrong atomic.Int64
				wrong.Store(int64(off))
				x := b.start(0, func(c *sim.StackConfig) {
					c.Clock = func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }
				}, 1)
				b.until("met", time.Minute, func() bool { return x.Counter("herald_sync_pulls_total") > 0 })
				time.Sleep(20 * time.Minute)
				if off > 0 && b.size(0, b.log(1)) != 0 {
					t.Errorf("%d records of an ended delegation are stored", b.size(0, b.log(1)))
				}
				wrong.Store(0)
				b.until("fetched", time.Hour+time.Minute, func() bool { return b.size(0, b.log(1)) == 50 && b.size(0, b.log(2)) == 50 })
				if got := x.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
					t.Errorf("the peer was blamed %v times", got)
				}
			})
		})
	}
}

// A log whose author breaks the chain gets no further, and is not fetched again
// and again for that: one header, seldomer each time.
func TestRefusedLogIsNotFetchedAgain(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		right, _ := b.members.View.Right(b.log(2))
		h := sim.Header(b.members.View.Network(), b.log(2), ct.TopicTravel, time.Now())
		h.Seq, h.Prev = 1, right.First
		h.Prev[0] ^= 1
		var recs []verify.Record
		for range 200 {
			r, err := sim.Sign(b.members.Nodes[2], b.members.View, h, make([]byte, 1000))
			if err != nil {
				t.Fatal(err)
			}
			recs = append(recs, r)
			h.Seq, h.Prev = h.Seq+1, r.ID()
		}
		served := new(atomic.Int64)
		b.evil(1, func(c conn) {
			c.receive()
			c.send(hello(1, 0))
			for m := c.receive(); m != nil; m = c.receive() {
				switch {
				case m.Frontier != nil:
					c.send(frontier(wire.LogHead{Log: b.log(2), Size: 200, Head: recs[199].ID()}))
				case m.Want != nil && len(m.Want.Ranges) > 0:
					r := m.Want.Ranges[0]
					served.Add(int64(r.Count))
					c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: raws(recs[r.From-1 : r.From-1+r.Count]), Last: true}})
				default:
					c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Last: true}})
				}
			}
		})
		b.start(0, nil, 1)
		time.Sleep(40 * time.Minute)
		if got := served.Load(); got < 202 || got > 206 {
			t.Errorf("%d records of a log that does not chain were fetched in 40 minutes, want 200 and a few", got)
		}
		if b.size(0, b.log(2)) != 0 {
			t.Error("it was stored")
		}
	})
}
