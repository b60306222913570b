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

// unchained gives n records of node i's log, well signed, that do not begin where
// the log does.
func (b *cluster) unchained(i, n int) (recs []verify.Record) {
	b.t.Helper()
	right, _ := b.members.View.Right(b.log(i))
	h := sim.Header(b.members.View.Network(), b.log(i), ct.TopicTravel, time.Now())
	h.Seq, h.Prev = 1, right.First
	h.Prev[0] ^= 1
	for range n {
		r, err := sim.Sign(b.members.Nodes[i], b.members.View, h, []byte("x"))
		if err != nil {
			b.t.Fatal(err)
		}
		recs = append(recs, r)
		h.Seq, h.Prev = h.Seq+1, r.ID()
	}
	return recs
}

// serveOne answers syncs with one log of node 2; asked counts its records.
func (b *cluster) serveOne(recs []verify.Record, asked *atomic.Int64) func(c conn) {
	return func(c conn) {
		c.receive()
		c.send(hello(1, 0))
		for m := c.receive(); m != nil; m = c.receive() {
			switch {
			case m.Frontier != nil:
				c.send(frontier(wire.LogHead{Log: b.log(2), Size: uint64(len(recs)), Head: recs[len(recs)-1].ID()}))
			case m.Want != nil && len(m.Want.Ranges) > 0:
				r := m.Want.Ranges[0]
				asked.Add(int64(r.Count))
				part := raws(recs[r.From-1 : r.From-1+r.Count])
				for ; len(part) > wire.MaxSyncRecords; part = part[wire.MaxSyncRecords:] {
					c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: part[:wire.MaxSyncRecords]}})
				}
				c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: part, Last: true}})
			default:
				c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Last: true}})
			}
		}
	}
}

// A log whose author breaks the chain gets no further, and is not fetched again
// and again for that: one header, seldomer each time.
func TestRefusedLogIsNotFetchedAgain(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		served := new(atomic.Int64)
		b.evil(1, b.serveOne(b.unchained(2, 200), served))
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

// A peer of which too much is looked at and does not get in is left alone for a
// while, with whatever else it holds; others bring that.
func TestVainPeer(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, b *cluster) {
		served := new(atomic.Int64)
		b.evil(1, b.serveOne(b.unchained(2, 17_000), served))
		x := b.start(0, nil, 1)
		pulls := func(result string) float64 { return x.Counter("herald_sync_pulls_total", "result", result) }
		b.until("left alone", time.Minute, func() bool { return pulls("vain") == 1 })
		time.Sleep(90 * time.Second)
		if pulls("ok")+pulls("peer") != 0 || pulls("vain") != 1 {
			t.Errorf("it was asked again within two minutes: %v, %v, %v", pulls("ok"), pulls("peer"), pulls("vain"))
		}
		b.put(b.start(3, nil, 0), b.write(3, 10, nil, "honest"))
		b.until("the honest node's records", time.Minute, func() bool { return b.size(0, b.log(3)) == 10 })
	})
}
