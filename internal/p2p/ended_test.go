package p2p_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/libp2p/go-libp2p/core/peer"
)

// run has a host keep its connections until the test ends.
func run(t *testing.T, h *p2p.Host) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { _ = h.Run(ctx) })
	t.Cleanup(func() { stop(); loop.Wait() })
}

// endingAt are members of whom the first's window ends at a time, and the
// others' too, or long after when renewed says so.
func endingAt(t *testing.T, n int, end time.Time, renewed bool) (*sim.Members, *roster.View) {
	t.Helper()
	m, err := sim.NewMembers(n, 3, end)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := m.View.Node(m.Nodes[0].Public())
	if m, err = sim.NewMembers(n, 3, end.Add(-first.NotAfter.Time().Sub(end)).Truncate(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	v := m.View
	for i := 1; renewed && i < n; i++ {
		if _, v, err = m.Delegate(v, i, m.Nodes[i], time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return m, v
}

// A node whose window ends stays connected, as one who is no member; it may come
// again for 60 days; and when it is renewed it connects anew, so that gossip
// hears it.
func TestWindowEnds(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		m, v := endingAt(t, 2, time.Now().Add(5*time.Minute), true)
		w.members = m
		var view atomic.Pointer[roster.View]
		view.Store(v)
		use := func(c *p2p.Config) { c.View = view.Load }
		a := w.host(m.Nodes[0], 0, use)
		b := w.host(m.Nodes[1], 1, func(c *p2p.Config) { use(c); c.Bootstrap = a.Addrs() })
		ended, id := m.Nodes[0].Public(), a.Libp2p().ID()
		opened := func() (at time.Time) {
			for _, c := range b.Libp2p().Network().ConnsToPeer(id) {
				at = c.Stat().Opened
			}
			return at
		}
		w.until("connected", 5*time.Second, func() bool { return b.Connected(ended) })
		before := opened()
		time.Sleep(6 * time.Minute)
		check := func(when string) {
			t.Helper()
			if _, ok := b.Member(id); ok || b.Connected(ended) || len(b.Peers()) != 0 {
				t.Errorf("%s: a node whose window has ended counts as a member", when)
			}
			if got := b.Ended(); len(got) != 1 || got[0] != ended {
				t.Errorf("%s: nodes connected whose window has ended: got %v", when, got)
			}
		}
		check("at the end")
		if !opened().Equal(before) {
			t.Error("the connection is not the same")
		}
		if err := a.Libp2p().Network().ClosePeer(b.Libp2p().ID()); err != nil {
			t.Fatal(err)
		}
		w.until("connected again", time.Minute, func() bool { return len(b.Ended()) == 1 })
		check("afterwards")
		_, v, err := m.Delegate(v, 0, m.Nodes[0], time.Now())
		if err != nil {
			t.Fatal(err)
		}
		before = opened()
		view.Store(v)
		w.until("a member again", time.Minute, func() bool { return b.Connected(ended) && len(b.Ended()) == 0 && !opened().Equal(before) })
	})
}

// After 60 days nobody waits for a renewal any more, and a stranger is one.
func TestWindowEndedLongAgo(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		m, v := endingAt(t, 2, time.Now().Add(5*time.Minute-60*24*time.Hour), true)
		w.members = m
		use := func(c *p2p.Config) { c.View = func() *roster.View { return v } }
		a := w.host(m.Nodes[0], 0, use)
		b := w.host(m.Nodes[1], 1, func(c *p2p.Config) { use(c); c.Bootstrap = a.Addrs() })
		w.until("connected", 5*time.Second, func() bool { return len(b.Ended()) == 1 })
		w.until("cut", 6*time.Minute, func() bool { return len(b.Libp2p().Network().Conns()) == 0 })
		refused(w, a, b)
	})
}

// Those whose window has ended have few seats, and take none from members.
func TestSeatsOfEnded(t *testing.T) {
	const n = p2p.EndedSeats + 4
	m, v := endingAt(t, n, time.Now().Add(-time.Minute), false)
	_, live, err := m.Delegate(v, 1, m.Nodes[1], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h, err := p2p.New(p2p.Config{Key: m.Nodes[0], View: func() *roster.View { return live }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var ended []peer.ID
	for i := 2; i < n; i++ {
		id, err := p2p.PeerID(m.Nodes[i].Public())
		if err != nil {
			t.Fatal(err)
		}
		if _, isEnded, ok := h.Admitted(id); ok && isEnded { // founding ends differ by up to 60 days
			ended = append(ended, id)
		}
	}
	member, err := p2p.PeerID(m.Nodes[1].Public())
	if err != nil {
		t.Fatal(err)
	}
	if len(ended) == 0 {
		t.Fatal("no window has ended")
	}
	seated := 0
	var connected []peer.ID
	for _, id := range ended {
		if h.Allow(id, connected) {
			connected = append(connected, id)
			seated++
		}
	}
	if want := min(len(ended), p2p.EndedSeats); seated != want {
		t.Errorf("%d of %d are let in, want %d", seated, len(ended), want)
	}
	if !h.Allow(member, connected) {
		t.Error("a member is not let in beside them")
	}
	if !h.Allow(connected[0], connected) {
		t.Error("who has a seat loses it")
	}
}
