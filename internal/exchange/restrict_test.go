package exchange_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// With a node whose window has ended root logs are synced, both ways, and
// nothing else: it is a member again only when its renewal has come.
func TestEndedSyncsRootLogs(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		end := time.Now().Add(2 * time.Minute)
		m, err := sim.NewMembers(3, 3, end)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := m.View.Node(m.Nodes[0].Public())
		if m, err = sim.NewMembers(3, 3, end.Add(-first.NotAfter.Time().Sub(end)).Truncate(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		founding, err := m.Founding(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		renewal := make([]verify.Record, 3)
		ended := m.View
		for i := 1; i < 3; i++ {
			if renewal[i], ended, err = m.Delegate(ended, i, m.Nodes[i], time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		m.View = ended
		b.members = m
		root := func(i int) (n [3]uint64) {
			for k := range n {
				n[k] = b.size(i, m.Roots[k].Public())
			}
			return n
		}
		var view atomic.Pointer[roster.View]
		view.Store(ended)
		answer := func(c *sim.StackConfig) {
			c.View = view.Load
			c.Answer = func(_ context.Context, _ ct.LogID, req []byte) []byte { return req }
		}
		b.start(0, answer)
		b.start(1, answer, 0)
		b.start(2, answer, 0, 1)
		for _, s := range b.nodes {
			b.put(s, founding)
		}
		for i := range 2 {
			b.put(b.nodes[i], b.write(i, 2, nil, "in time"))
		}
		b.until("all synced", time.Minute, func() bool { return b.size(0, b.log(1)) == 2 && b.size(1, b.log(0)) == 2 })
		time.Sleep(time.Until(end) + time.Minute)

		// Ended: what others write does not come to it, nor is it asked for what it
		// wrote to the last moment; root logs go both ways.
		var renewed *roster.View
		if renewal[0], renewed, err = m.Delegate(ended, 0, m.Nodes[0], time.Now()); err != nil {
			t.Fatal(err)
		}
		b.put(b.nodes[0], renewal[:1])
		b.put(b.nodes[1], renewal[1:2])
		b.put(b.nodes[2], renewal[2:])
		last := b.last(1)
		b.put(b.nodes[1], b.write(1, 3, last, "afterwards"))
		b.until("root logs are everywhere", 3*time.Minute, func() bool {
			return root(0) == [3]uint64{2, 2, 2} && root(1) == root(0) && root(2) == root(0)
		})
		b.until("members sync", 3*time.Minute, func() bool { return b.size(2, b.log(1)) == 5 })
		time.Sleep(3 * time.Minute)
		if got := b.size(0, b.log(1)); got != 2 {
			t.Errorf("a node whose window has ended was given %d records of another's log, want 2", got)
		}
		for _, ask := range [][2]int{{0, 1}, {1, 0}} {
			if _, err := b.nodes[ask[0]].Exchange.Ask(b.ctx, b.log(ask[1]), []byte("who?")); err == nil {
				t.Errorf("node %d was answered by node %d", ask[0], ask[1])
			}
		}
		for i, s := range b.nodes {
			for j := range b.nodes {
				if _, out := s.Host.Quarantined(b.log(j)); out {
					t.Errorf("node %d keeps node %d out", i, j)
				}
			}
		}

		// Renewed: all is as before.
		view.Store(renewed)
		b.until("a member again", 5*time.Minute, func() bool { return b.size(0, b.log(1)) == 5 })
		if _, err := b.nodes[1].Exchange.Ask(b.ctx, b.log(0), []byte("who?")); err != nil {
			t.Errorf("after the renewal: %v", err)
		}
	})
}
