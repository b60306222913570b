package exchange_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// cluster is n members on a simulated network, in virtual time and without
// gossip. The test starts the nodes it wants.
type cluster struct {
	t       *testing.T
	ctx     context.Context
	net     *sim.Network
	members *sim.Members
	dir     string
	nodes   []*sim.Stack
	evils   []*p2p.Host
	over    chan struct{} // closed when the test is
}

func inBubble(t *testing.T, n int, fn func(t *testing.T, b *cluster)) {
	t.Helper()
	inBubbleOf(t, rand.Uint64(), n, fn)
}

// inBubbleOf is inBubble with this seed.
func inBubbleOf(t *testing.T, seed uint64, n int, fn func(t *testing.T, b *cluster)) {
	t.Helper()
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		m, err := sim.NewMembers(n, seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		b := &cluster{t: t, ctx: ctx, net: sim.New(seed), members: m, dir: dir, nodes: make([]*sim.Stack, n), over: make(chan struct{})}
		defer b.net.Close()
		defer func() {
			close(b.over)
			for i := range b.nodes {
				b.stop(i)
			}
			for _, h := range b.evils {
				_ = h.Close()
			}
		}()
		fn(t, b)
	})
}

func (b *cluster) view() *roster.View { return b.members.View }

// start runs node i, which dials the nodes of boot.
func (b *cluster) start(i int, change func(*sim.StackConfig), boot ...int) *sim.Stack {
	b.t.Helper()
	cfg := sim.StackConfig{
		Key: b.members.Nodes[i], View: b.view, Dir: filepath.Join(b.dir, fmt.Sprint(i)),
		Underlay: b.net.Underlay(i), Listen: []string{b.net.Addr(i)}, NoGossip: true,
	}
	for _, j := range boot {
		cfg.Bootstrap = append(cfg.Bootstrap, b.net.Addr(j))
	}
	if change != nil {
		change(&cfg)
	}
	s, err := sim.Start(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.nodes[i] = s
	return s
}

func (b *cluster) stop(i int) {
	if b.nodes[i] == nil {
		return
	}
	if err := b.nodes[i].Close(); err != nil {
		b.t.Errorf("close node %d: %v", i, err)
	}
	b.nodes[i] = nil
}

func (b *cluster) log(i int) ct.LogID { return b.members.Nodes[i].Public() }

// write gives k signed records of node i's log after prev (zero: from seq 1).
func (b *cluster) write(i, k int, prev *verify.Record, body string) []verify.Record {
	b.t.Helper()
	right, _ := b.members.View.Right(b.log(i))
	h := sim.Header(b.members.View.Network(), b.log(i), ct.TopicTravel, time.Now())
	at := wire.First(right.First)
	if prev != nil {
		at = prev.Next()
	}
	var out []verify.Record
	for range k {
		at.Put(&h, right.Growth.Line)
		r, err := sim.Sign(b.members.Nodes[i], b.members.View, h, []byte(body))
		if err != nil {
			b.t.Fatal(err)
		}
		out, at = append(out, r), r.Next()
	}
	return out
}

func (b *cluster) put(s *sim.Stack, recs []verify.Record) {
	b.t.Helper()
	if err := s.Ingest.SubmitAll(b.ctx, recs); err != nil {
		b.t.Fatal(err)
	}
}

func (b *cluster) size(i int, log ct.LogID) uint64 {
	h, _ := b.nodes[i].Store.Head(log)
	return h.Size
}

// last is the last record that node i holds of its own log; nil: it holds none.
func (b *cluster) last(i int) *verify.Record {
	b.t.Helper()
	size := b.size(i, b.log(i))
	if size == 0 {
		return nil
	}
	raws, err := b.nodes[i].Store.Range(b.log(i), size, 1, 1<<20)
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := verify.Open(raws[0], b.members.View, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return &r
}

// pause waits in virtual time; false: the test is over.
func (b *cluster) pause(d time.Duration) bool {
	select {
	case <-b.over:
		return false
	case <-time.After(d):
		return true
	}
}

// until waits in virtual time.
func (b *cluster) until(what string, limit time.Duration, ok func() bool) {
	b.t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > limit {
			b.t.Fatalf("after %v: not %s", limit, what)
		}
	}
}

// evil is a member's node that speaks the protocol by hand.
type evil struct {
	*p2p.Host
	b *cluster
}

// evil starts host i, whose sync streams are answered by serve.
func (b *cluster) evil(i int, serve func(c conn)) *evil {
	b.t.Helper()
	h, err := p2p.New(p2p.Config{
		Key: b.members.Nodes[i], View: b.view, Underlay: b.net.Underlay(i), Listen: []string{b.net.Addr(i)},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.evils = append(b.evils, h)
	if serve != nil {
		h.Libp2p().SetStreamHandler(exchange.SyncProtocol(b.members.View.Network()), func(s network.Stream) {
			serve(conn{s, bufio.NewReader(s)})
			_ = s.Close()
		})
	}
	return &evil{h, b}
}

// conn is a sync stream spoken by hand; errors end the speaker's part only.
type conn struct {
	network.Stream
	r *bufio.Reader
}

func (c conn) send(m *wire.SyncMessage) bool {
	_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
	_, err := c.Write(wire.AppendFrame(nil, wire.EncodeSync(m)))
	return err == nil
}

func (c conn) receive() *wire.SyncMessage {
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	raw, err := wire.ReadFrame(c.r, wire.MaxSyncFrame)
	if err != nil {
		return nil
	}
	m, err := wire.DecodeSync(raw)
	if err != nil {
		return nil
	}
	return m
}

// dial opens a sync stream from the evil host.
func (e *evil) dial(s *sim.Stack) conn {
	e.b.t.Helper()
	c, err := e.open(s)
	if err != nil {
		e.b.t.Fatal(err)
	}
	return c
}

// open is dial for where it may be refused.
func (e *evil) open(s *sim.Stack) (conn, error) {
	st, err := e.stream(s, exchange.SyncProtocol(e.b.members.View.Network()))
	if err != nil {
		return conn{}, err
	}
	return conn{st, bufio.NewReader(st)}, nil
}

// openMatch opens a match stream.
func (e *evil) openMatch(s *sim.Stack) network.Stream {
	e.b.t.Helper()
	st, err := e.stream(s, exchange.MatchProtocol(e.b.members.View.Network()))
	if err != nil {
		e.b.t.Fatal(err)
	}
	return st
}

func (e *evil) stream(s *sim.Stack, id protocol.ID) (network.Stream, error) {
	e.Libp2p().Peerstore().AddAddrs(s.Host.Libp2p().ID(), s.Host.Libp2p().Addrs(), time.Hour)
	return e.Libp2p().NewStream(e.b.ctx, s.Host.Libp2p().ID(), id)
}

func echo(_ context.Context, _ ct.LogID, req []byte) []byte { return req }

func hello(digest byte, yours uint64) *wire.SyncMessage {
	return &wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{digest}, YourSize: yours, Time: ct.MillisOf(time.Now())}}
}

func frontier(heads ...wire.LogHead) *wire.SyncMessage {
	return &wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: heads}}
}

func raws(recs []verify.Record) (out [][]byte) {
	for _, r := range recs {
		out = append(out, r.Raw())
	}
	return out
}
