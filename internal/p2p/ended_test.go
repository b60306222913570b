package p2p_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
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

// endingAt are members of whom the first's window ends at a time and the others'
// long after, when renewed says so; else the last of their windows does.
func endingAt(t *testing.T, n int, end time.Time, renewed bool) (*sim.Members, *roster.View) {
	t.Helper()
	m, err := sim.NewMembers(n, 3, end)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := m.View.Node(m.Nodes[0].Public())
	for _, node := range m.View.Nodes() { // founding windows differ by up to 60 days
		if !renewed && node.NotAfter > first.NotAfter {
			first = node
		}
	}
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
		conns := func() (ids []string) {
			for _, c := range b.Libp2p().Network().ConnsToPeer(id) {
				ids = append(ids, c.ID())
			}
			return ids
		}
		same := func(before []string) bool {
			return slices.ContainsFunc(conns(), func(id string) bool { return slices.Contains(before, id) })
		}
		w.until("connected", 5*time.Second, func() bool { return b.Connected(ended) })
		before := conns()
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
		if !same(before) {
			t.Error("the connection is not the same")
		}
		if err := a.Libp2p().Network().ClosePeer(b.Libp2p().ID()); err != nil {
			t.Fatal(err)
		}
		w.until("connected again", time.Minute, func() bool { return len(b.Ended()) == 1 && !same(before) })
		check("afterwards")
		_, v, err := m.Delegate(v, 0, m.Nodes[0], time.Now())
		if err != nil {
			t.Fatal(err)
		}
		before = conns()
		view.Store(v)
		w.until("a member again", time.Minute, func() bool { return b.Connected(ended) && len(b.Ended()) == 0 && !same(before) })
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
		if _, isEnded, ok := h.Admitted(id); ok && isEnded {
			ended = append(ended, id)
		}
	}
	member, err := p2p.PeerID(m.Nodes[1].Public())
	if err != nil {
		t.Fatal(err)
	}
	if len(ended) <= p2p.EndedSeats {
		t.Fatalf("only %d windows have ended", len(ended))
	}
	seated := 0
	var connected []peer.ID
	for _, id := range ended {
		if h.Allow(id, connected) {
			connected = append(connected, id)
			seated++
		}
	}
	if seated != p2p.EndedSeats {
		t.Errorf("%d of %d are let in, want %d", seated, len(ended), p2p.EndedSeats)
	}
	if !h.Allow(member, connected) {
		t.Error("a member is not let in beside them")
	}
	if !h.Allow(connected[0], connected) {
		t.Error("who has a seat loses it")
	}
}

// A State has few of them, however many keys it has let end.
func TestSeatsOfOneState(t *testing.T) {
	now := time.Now()
	m, v := endingAt(t, 3, now.Add(-time.Minute), false)
	ids := make([]peer.ID, p2p.EndedSeatsOne+1)
	for i := range ids {
		k := sim.Key(77, i)
		proof, err := roster.Agree(k, m.States[1], m.Roots[1].Public())
		if err != nil {
			t.Fatal(err)
		}
		d := &ct.Delegation{
			State: m.States[1], Serial: uint64(i + 2), Node: k.Public(), Proof: proof,
			NotBefore: ct.MillisOf(now.Add(-50 * time.Hour)), NotAfter: ct.MillisOf(now.Add(-time.Hour)),
		}
		body, err := wire.EncodeDelegation(d)
		if err != nil {
			t.Fatal(err)
		}
		h := sim.Header(v.Network(), m.Roots[1].Public(), ct.TopicControl, now.Add(-50*time.Hour))
		h.Kind = uint32(ct.KindDelegation)
		next, _ := v.RootNext(h.Log)
		next.Put(&h, v.Line(h.Log))
		rec, err := sim.Sign(m.Roots[1], v, h, body)
		if err != nil {
			t.Fatal(err)
		}
		op, err := roster.ReadOperation(uint32(ct.KindDelegation), body)
		if err != nil {
			t.Fatal(err)
		}
		if v, err = v.Apply(rec.Header(), rec.ID(), op); err != nil {
			t.Fatal(err)
		}
		if ids[i], err = p2p.PeerID(k.Public()); err != nil {
			t.Fatal(err)
		}
	}
	h, err := p2p.New(p2p.Config{Key: m.Nodes[0], View: func() *roster.View { return v }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for i, id := range ids {
		if got, want := h.Allow(id, ids[:i]), i < p2p.EndedSeatsOne; got != want {
			t.Errorf("key %d of one State: let in: %v, want %v", i+1, got, want)
		}
	}
}
