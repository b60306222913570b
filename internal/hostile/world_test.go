package hostile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/hostile"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/peer"
)

// world is honest nodes and members that are none, on a simulated network in
// virtual time. The honest ones are the first.
type world struct {
	t       *testing.T
	ctx     context.Context
	seed    uint64
	net     *sim.Network
	members *sim.Members
	view    *roster.View
	nodes   []*sim.Stack
	wrote   []uint64       // by each honest node
	signed  map[ct.ID]bool // what honest nodes have signed
	expired [][]byte       // records of a key whose delegation ends soon after the start
}

// expiry is how long the delegation of world.expired lasts.
const expiry = 3 * time.Minute

func inWorld(t *testing.T, honest, hostiles int, limit time.Duration, fn func(t *testing.T, w *world)) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		m, err := sim.NewMembers(honest+hostiles, seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, ctx: ctx, seed: seed, net: sim.New(seed), members: m, view: m.View, wrote: make([]uint64, honest), signed: map[ct.ID]bool{}}
		defer w.net.Close()
		defer func() {
			for i, s := range w.nodes {
				if err := s.Close(); err != nil {
					t.Errorf("close node %d: %v", i, err)
				}
			}
		}()
		w.expire(sim.Key(seed, 1), honest)
		for i := range honest {
			cfg := sim.StackConfig{
				Key: m.Nodes[i], View: func() *roster.View { return w.view }, Dir: filepath.Join(dir, fmt.Sprint(i)),
				Underlay: w.net.Underlay(i), Listen: []string{w.net.Addr(i)}, Beacons: true,
				Answer: func(_ context.Context, _ ct.LogID, req []byte) []byte { return req },
			}
			for j := range honest {
				if j != i {
					cfg.Bootstrap = append(cfg.Bootstrap, w.net.Addr(j))
				}
			}
			s, err := sim.Start(cfg)
			if err != nil {
				t.Fatal(err)
			}
			w.nodes = append(w.nodes, s)
		}
		for i, s := range w.nodes {
			w.until(fmt.Sprintf("node %d connected", i), 5*time.Minute, func() bool { return len(s.Host.Peers()) >= honest-1 })
		}
		time.Sleep(3 * time.Second) // meshes
		fn(t, w)
	})
}

// expire delegates one more key of a State for a short time, and has it sign.
func (w *world) expire(k *keys.Key, state int) {
	w.t.Helper()
	m, now := w.members, time.Now()
	proof, err := roster.Agree(k, m.States[state], m.Roots[state].Public())
	if err != nil {
		w.t.Fatal(err)
	}
	d := &ct.Delegation{
		State: m.States[state], Serial: 2, Node: k.Public(), Proof: proof,
		NotBefore: ct.MillisOf(now), NotAfter: ct.MillisOf(now.Add(expiry)),
	}
	body, err := wire.EncodeDelegation(d)
	if err != nil {
		w.t.Fatal(err)
	}
	h := sim.Header(m.View.Network(), m.Roots[state].Public(), ct.TopicControl, now)
	at, _ := m.View.RootNext(h.Log)
	at.Put(&h, m.View.Line(h.Log))
	h.Kind = uint32(ct.KindDelegation)
	rec, err := sim.Sign(m.Roots[state], m.View, h, body)
	if err != nil {
		w.t.Fatal(err)
	}
	op, err := roster.ReadOperation(uint32(ct.KindDelegation), body)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.view, err = m.View.Apply(rec.Header(), rec.ID(), op); err != nil {
		w.t.Fatal(err)
	}
	if _, ok := w.view.Right(k.Public()); !ok {
		w.t.Fatal("the delegation has no effect")
	}
	a := hostile.NewAuthor(k, w.view)
	for range 3 {
		raw, err := a.Next(ct.TopicTravel, []byte("signed in time"), now.Add(time.Second), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		w.expired = append(w.expired, raw)
	}
}

// until waits in virtual time.
func (w *world) until(what string, limit time.Duration, ok func() bool) {
	w.t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > limit || w.ctx.Err() != nil {
			w.t.Fatalf("after %v: not %s", time.Since(begin), what)
		}
	}
}

// hostile starts member i as a hostile node.
func (w *world) hostile(i int, serve func(*hostile.Stream)) *hostile.Node {
	w.t.Helper()
	n, err := hostile.Start(hostile.Config{
		Key: w.members.Nodes[i], View: func() *roster.View { return w.view }, Underlay: w.net.Underlay(i),
		Listen: []string{w.net.Addr(i)}, Sync: serve,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) victims() []peer.AddrInfo {
	var out []peer.AddrInfo
	for _, s := range w.nodes {
		out = append(out, peer.AddrInfo{ID: s.Host.Libp2p().ID(), Addrs: s.Host.Libp2p().Addrs()})
	}
	return out
}

// publish has an honest node publish one record.
func (w *world) publish(i int) ct.ID {
	w.t.Helper()
	w.wrote[i]++
	rec, err := w.nodes[i].Publish(w.ctx, ct.TopicTravel, fmt.Appendf(nil, "record %d of node %d", w.wrote[i], i))
	if err != nil {
		w.t.Fatalf("publish on node %d: %v", i, err)
	}
	w.signed[rec.ID()] = true
	return rec.ID()
}

// forged counts the records that honest nodes hold and whose author did not
// sign them, or no longer may have.
func (w *world) forged() (n int) {
	w.t.Helper()
	honest, ended := map[ct.LogID]bool{}, map[ct.LogID]bool{}
	for i := range w.nodes {
		honest[w.members.Nodes[i].Public()] = true
	}
	for _, raw := range w.expired {
		log, _, _ := wire.Peek(raw)
		ended[log] = true
	}
	for _, s := range w.nodes {
		for cursor := uint64(0); ; {
			rows, err := s.Store.Read(cursor, 1000, false)
			if err != nil {
				w.t.Fatal(err)
			}
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				cursor = r.Cursor
				if log := r.Header.Log; honest[log] && !w.signed[r.ID] || ended[log] {
					n++
				}
			}
		}
	}
	return n
}

// all tells whether every honest node holds all that honest nodes wrote.
func (w *world) all() bool {
	for i := range w.nodes {
		for j := range w.nodes {
			if h, _ := w.nodes[i].Store.Head(w.members.Nodes[j].Public()); h.Size < w.wrote[j] {
				return false
			}
		}
	}
	return true
}

// sound checks what no attack may change: honest logs are what their authors
// wrote, no honest node keeps another one out, and nothing of a key whose
// delegation has ended is held.
func (w *world) sound(after string) {
	w.t.Helper()
	if n := w.forged(); n > 0 {
		w.t.Errorf("after %q: %d forged records are held", after, n)
	}
	for i, s := range w.nodes {
		for j, author := range w.nodes {
			log := w.members.Nodes[j].Public()
			want, _ := author.Store.Head(log)
			if got, _ := s.Store.Head(log); got != want || want.Size != w.wrote[j] || want.Contested != 0 {
				w.t.Errorf("after %q: node %d holds the log of node %d to %d (%s), its author %d of %d (%s)",
					after, i, j, got.Size, got.ID.Short(), want.Size, w.wrote[j], want.ID.Short())
			}
			if _, out := s.Host.Quarantined(log); out {
				w.t.Errorf("after %q: node %d keeps the honest node %d out", after, i, j)
			}
		}
		if missing := s.Store.MissingBodies(10); len(missing) > 0 {
			w.t.Errorf("after %q: node %d lacks bodies", after, i)
		}
	}
}

// held are the last records of honest nodes, which all hold.
func (w *world) held() [][]byte {
	w.t.Helper()
	var out [][]byte
	for i, s := range w.nodes {
		from := w.wrote[i] - min(w.wrote[i], 10) + 1
		raws, err := s.Store.Range(w.members.Nodes[i].Public(), from, 10, 1<<20)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, raws...)
	}
	return out
}
