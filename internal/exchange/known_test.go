package exchange_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// After the first time two nodes tell each other only what changed, and both
// find all of it. A node that starts anew is told everything again.
func TestFrontierChanges(t *testing.T) {
	const members, changed = 60, 5
	inBubble(t, members, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		last := make([]verify.Record, members)
		for i := range last {
			recs := b.write(i, 2, nil, "x")
			b.put(x, recs)
			last[i] = recs[1]
		}
		y := b.start(1, nil, 0)
		equal := func() bool { return x.Store.Last() == y.Store.Last() && y.Store.Last() > 0 }
		b.until("in sync", 10*time.Second, equal)
		bytes := func() float64 { return y.Counter("herald_sync_bytes_total") }
		for round := range 4 {
			// Before round 0 y has fetched all that it now tells of.
			if round == 2 { // x forgets what it was called
				b.stop(0)
				x = b.start(0, nil)
				b.until("connected again", 5*time.Minute, func() bool { return y.Host.Connected(b.log(0)) })
				time.Sleep(time.Second)
			}
			size := 0
			for i := round * changed; i < (round+1)*changed; i++ {
				recs := b.write(i, 1, &last[i], "y")
				last[i] = recs[0]
				b.put(x, recs)
				size += len(recs[0].Raw())
			}
			before := bytes()
			if err := y.Exchange.SyncNow(b.ctx, b.log(0)); err != nil {
				t.Fatal(err)
			}
			if !equal() {
				t.Fatalf("round %d: %d of %d records", round, y.Store.Last(), x.Store.Last())
			}
			// A head takes about 75 bytes, a range 40.
			got := bytes() - before - float64(size)
			if limit := float64(changed * 250); round%2 == 1 && got > limit {
				t.Errorf("round %d: %v bytes beside the records for %d changed logs of %d, want at most %v", round, got, changed, members, limit)
			}
		}
		// What y has is told in changes as well: x pulls it at once.
		b.put(y, b.write(1, 1, &last[1], "z"))
		if err := y.Exchange.SyncNow(b.ctx, b.log(0)); err != nil {
			t.Fatal(err)
		}
		b.until("pulled", time.Second, equal)
	})
}

// Who sends wrong changes is asked for everything; nothing is missed for its
// sake and no memory grows with what it makes up.
func TestWrongChanges(t *testing.T) {
	for name, wrong := range map[string]func(since wire.Mark) (f wire.SyncFrontier, blame bool){
		"none":               func(since wire.Mark) (wire.SyncFrontier, bool) { return wire.SyncFrontier{Since: since}, false },
		"since another mark": func(wire.Mark) (wire.SyncFrontier, bool) { return wire.SyncFrontier{Since: wire.Mark{9}}, true },
		"logs without end": func(since wire.Mark) (wire.SyncFrontier, bool) {
			return wire.SyncFrontier{Since: since, Heads: many()}, false
		},
		"everything, no change": func(wire.Mark) (wire.SyncFrontier, bool) { return wire.SyncFrontier{Heads: nil}, false },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(t *testing.T, b *cluster) {
				recs := b.write(2, 10, nil, "true")
				head := func(n int) wire.LogHead {
					return wire.LogHead{Log: b.log(2), Size: uint64(n), Head: recs[n-1].ID()}
				}
				var mu sync.Mutex // streams may run side by side, and beside the test
				sessions, asked, blame := 0, []wire.Mark(nil), false
				note := func(since wire.Mark, bad bool) {
					mu.Lock()
					defer mu.Unlock()
					asked, blame = append(asked, since), blame || bad
				}
				b.evil(1, func(c conn) {
					mu.Lock()
					sessions++
					session := sessions
					mu.Unlock()
					n := 5
					if session > 1 {
						n = 10
					}
					c.receive()
					c.send(&wire.SyncMessage{Hello: &wire.SyncHello{
						Digest: wire.FrontierDigest([]wire.LogHead{head(n)}), Time: ct.MillisOf(time.Now()),
					}})
					for m := c.receive(); m != nil; m = c.receive() {
						switch {
						case m.Frontier != nil && session > 1 && !m.Frontier.Since.IsZero():
							f, bad := wrong(m.Frontier.Since)
							f.Mark = wire.Mark{7}
							note(m.Frontier.Since, bad)
							c.send(&wire.SyncMessage{Frontier: &f})
						case m.Frontier != nil:
							note(m.Frontier.Since, false)
							c.send(&wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{head(n)}, Mark: wire.Mark{7}}})
						case m.Want != nil:
							r := m.Want.Ranges[0]
							c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: raws(recs[r.From-1 : r.From-1+r.Count]), Last: true}})
						}
					}
				})
				x := b.start(0, func(c *sim.StackConfig) {}, 1)
				b.until("at 5", 10*time.Second, func() bool { return b.size(0, b.log(2)) == 5 })
				time.Sleep(time.Second)
				_ = x.Exchange.SyncNow(b.ctx, b.log(1)) // blame shows below
				mu.Lock()
				marks, bad := slices.Clone(asked), blame
				mu.Unlock()
				if got := x.Counter("herald_sync_pulls_total", "result", "peer") > 0; got != bad {
					t.Errorf("blamed: %v, want %v", got, bad)
				}
				if len(marks) < 2 || !marks[0].IsZero() || marks[1] != (wire.Mark{7}) {
					t.Errorf("asked for what changed since %x", marks)
				}
				b.until("at 10", 5*time.Minute, func() bool { return b.size(0, b.log(2)) == 10 })
			})
		})
	}
}

func many() (out []wire.LogHead) {
	for i := range wire.MaxSyncLogs {
		out = append(out, wire.LogHead{Log: ct.LogID{byte(i >> 8), byte(i)}, Size: 1, Head: ct.ID{1}})
	}
	return out
}

// A node tells every change since any of its marks, and knows no mark of another
// run, or from before a log went away because its State closed it.
func TestMarks(t *testing.T) {
	inBubble(t, 5, func(t *testing.T, b *cluster) {
		var view atomic.Pointer[roster.View]
		view.Store(b.members.View)
		x := b.start(0, func(c *sim.StackConfig) { c.View = view.Load })
		want := func(s, since exchange.Snapshot, ok bool, nodes ...int) {
			t.Helper()
			got, known := s.After(since.Mark())
			logs := map[ct.LogID]bool{}
			for _, h := range got {
				logs[h.Log] = true
			}
			if known != ok || len(got) != len(nodes) {
				t.Fatalf("got %v, %v, want nodes %v, %v", got, known, nodes, ok)
			}
			for _, i := range nodes {
				if !logs[b.log(i)] {
					t.Errorf("node %d's log has changed and is not told", i)
				}
			}
		}
		one, two := b.write(1, 4, nil, "x"), b.write(2, 2, nil, "x")
		b.put(x, one[:3])
		b.put(x, two[:1])
		s := x.Exchange.Holds()
		want(s, s, true)
		if _, ok := s.After(wire.Mark{}); ok {
			t.Error("no mark is a mark")
		}
		b.put(x, two[1:])
		b.put(x, b.write(3, 1, nil, "x"))
		next := x.Exchange.Holds()
		want(next, s, true, 2, 3)
		want(next, next, true)
		want(s, next, false) // of its future
		if _, err := x.Ingest.Submit(b.ctx, b.write(1, 1, &one[1], "other")[0]); err != nil {
			t.Fatal(err)
		}
		forked := x.Exchange.Holds()
		want(forked, next, true, 1)
		if h := forked.Head(b.log(1)); h.Size != 2 || h.Head != one[1].ID() || h.Fork != 3 {
			t.Errorf("a forked log is told as %+v, want its undisputed part", h)
		}
		c := ct.Closing{Log: b.log(2), Seq: 2, ID: two[1].ID(), Reason: "retired"}
		_, _, closed, err := b.members.View.SignOperation(b.members.Roots[2], roster.Operation{Closing: &c}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		view.Store(closed)
		without := x.Exchange.Holds()
		want(without, forked, false)
		if h := without.Head(b.log(2)); h.Size != 0 {
			t.Error("a closed log is compared")
		}
		b.stop(0)
		x = b.start(0, func(c *sim.StackConfig) { c.View = view.Load })
		again := x.Exchange.Holds()
		want(again, without, false)
		if d, n := x.Exchange.Holdings(); d != wire.FrontierDigest(without.Since(0)) || n != 2 {
			t.Errorf("%d logs after the restart, or another digest", n)
		}
	})
}
