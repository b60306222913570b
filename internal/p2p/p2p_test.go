package p2p_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

func TestPeerIDAndNodeKey(t *testing.T) {
	for i := range 20 {
		k, err := keys.Generate()
		if err != nil {
			t.Fatal(err)
		}
		id, err := p2p.PeerID(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p2p.NodeKey(id); !ok || got != k.Public() {
			t.Errorf("key %d: got %v, %v, want %v", i, got, ok, k.Public())
		}
	}
	for name, id := range map[string]peer.ID{
		"empty": "", "no key": peer.ID("abc"), "short": "\x00\x24\x08\x01\x12\x20" + peer.ID(make([]byte, 31)),
		"long": "\x00\x24\x08\x01\x12\x20" + peer.ID(make([]byte, 33)), "of another type": "\x00\x24\x08\x02\x12\x20" + peer.ID(make([]byte, 32)),
		"hash of an RSA key": peer.ID(append([]byte{0x12, 0x20}, make([]byte, 32)...)),
	} {
		if key, ok := p2p.NodeKey(id); ok {
			t.Errorf("%s: got node key %v", name, key)
		}
	}
}

func TestConfigAddresses(t *testing.T) {
	k, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"/ip4/127.0.0.1/udp/1":    "want /ip4",
		"/ip4/127.0.0.1/tcp/1/ws": "want /ip4",
		"/unix/tmp":               "want /ip4",
		"127.0.0.1:1":             "bootstrap address",
		"/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N": "not a node key",
		"/dns/" + strings.Repeat("a", 300) + "/tcp/1":                             "at most 256",
	} {
		_, err := p2p.New(p2p.Config{Key: k, View: func() *roster.View { return nil }, Bootstrap: []string{addr}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("bootstrap %q: got %v, want an error with %q", addr, err, want)
		}
	}
}

// onLoopback is two members and the host of the first, which listens there.
func onLoopback(t *testing.T) (*sim.Members, func() *roster.View, *p2p.Host) {
	t.Helper()
	m, err := sim.NewMembers(2, 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	view := func() *roster.View { return m.View }
	a, err := p2p.New(p2p.Config{Key: m.Nodes[0], View: view, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return m, view, a
}

// Two nodes on one address: the second says so and leaves nothing behind.
func TestListenAddressInUse(t *testing.T) {
	m, view, a := onLoopback(t)
	taken := a.Libp2p().Addrs()[0].String()
	if b, err := p2p.New(p2p.Config{Key: m.Nodes[1], View: view, Listen: []string{taken}}); err == nil {
		b.Close()
		t.Errorf("a second host listens on %s", taken)
	} else if !strings.Contains(err.Error(), taken) {
		t.Errorf("the error does not name the address: %v", err)
	}
}

// world is hosts on a simulated network, without gossip or sync.
type world struct {
	t       *testing.T
	ctx     context.Context
	net     *sim.Network
	members *sim.Members
	run     errgroup.Group
	hosts   []*p2p.Host
}

func inWorld(t *testing.T, n int, fn func(t *testing.T, w *world)) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Hour)
		m, err := sim.NewMembers(n, seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, ctx: ctx, net: sim.New(seed), members: m}
		defer func() {
			cancel()
			_ = w.run.Wait()
			for _, h := range w.hosts {
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}
			w.net.Close()
		}()
		fn(t, w)
	})
}

// host starts a host for key at address i; change may alter its configuration.
func (w *world) host(key *keys.Key, i int, change func(*p2p.Config)) *p2p.Host {
	w.t.Helper()
	cfg := p2p.Config{
		Key: key, Listen: []string{w.net.Addr(i)}, Underlay: w.net.Underlay(i),
		View: func() *roster.View { return w.members.View },
	}
	if change != nil {
		change(&cfg)
	}
	h, err := p2p.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.hosts = append(w.hosts, h)
	w.run.Go(func() error { return h.Run(w.ctx) })
	return h
}

func (w *world) bootstrap(addrs ...string) func(*p2p.Config) {
	return func(c *p2p.Config) { c.Bootstrap = addrs }
}

// until waits in virtual time.
func (w *world) until(what string, limit time.Duration, ok func() bool) {
	w.t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Since(begin) > limit {
			w.t.Fatalf("after %v: not %s", limit, what)
		}
	}
}

func TestBootstrapWithAndWithoutName(t *testing.T) {
	inWorld(t, 3, func(t *testing.T, w *world) {
		a := w.host(w.members.Nodes[0], 0, nil)
		named := a.Addrs()
		if len(named) != 1 || !strings.HasPrefix(named[0], w.net.Addr(0)+"/p2p/") {
			t.Fatalf("addresses: got %v", named)
		}
		b := w.host(w.members.Nodes[1], 1, w.bootstrap(named[0]))
		c := w.host(w.members.Nodes[2], 2, w.bootstrap(w.net.Addr(0), w.net.Addr(2)))
		w.until("connected", 5*time.Second, func() bool { return len(a.Peers()) == 2 })
		if got := b.Peers()[0]; got.Node != w.members.Nodes[0].Public() || got.State != "UTO" || got.Inbound {
			t.Errorf("peer of b: got %+v", got)
		}
		if got := a.Peers(); !got[0].Inbound || got[0].Addr != w.net.Addr(2) && got[0].Addr != w.net.Addr(1) {
			t.Errorf("peers of a: got %+v", got)
		}
		// c knows b only through an ADDRESS statement, which it has not: they
		// stay apart, and c's probe of its own address harms nobody.
		time.Sleep(time.Minute)
		if len(c.Peers()) != 1 {
			t.Errorf("peers of c: got %+v", c.Peers())
		}
	})
}

func TestAddressStatements(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		said := map[ct.LogID][]string{w.members.Nodes[0].Public(): {
			"nonsense", "/ip4/9.9.9.9/tcp/1/ws", w.net.Addr(0),
		}}
		a := w.host(w.members.Nodes[0], 0, nil)
		b := w.host(w.members.Nodes[1], 1, func(c *p2p.Config) {
			c.Addresses = func() map[ct.LogID][]string { return said }
		})
		w.until("connected", 5*time.Second, func() bool {
			return a.Connected(w.members.Nodes[1].Public()) && b.Connected(w.members.Nodes[0].Public())
		})
	})
}

// A node that reached nobody tries again, and finds who came up meanwhile.
func TestRedial(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		id, err := p2p.PeerID(w.members.Nodes[0].Public())
		if err != nil {
			t.Fatal(err)
		}
		b := w.host(w.members.Nodes[1], 1, w.bootstrap(w.net.Addr(0)+"/p2p/"+id.String()))
		time.Sleep(20 * time.Minute)
		a := w.host(w.members.Nodes[0], 0, nil)
		w.until("connected", 7*time.Minute, func() bool { return len(b.Peers()) == 1 })
		// Back-off is forgotten by a steady connection.
		time.Sleep(3 * time.Minute)
		if err := a.Libp2p().Network().ClosePeer(b.Libp2p().ID()); err != nil {
			t.Fatal(err)
		}
		w.until("disconnected", time.Minute, func() bool { return len(b.Peers()) == 0 })
		w.until("connected again", 20*time.Second, func() bool { return len(b.Peers()) == 1 })
	})
}

// refused checks that neither side keeps a connection, and no stream opens.
func refused(w *world, from, to *p2p.Host) {
	w.t.Helper()
	const proto = "/test/1"
	var reached atomic.Bool
	to.Libp2p().SetStreamHandler(proto, func(s network.Stream) { reached.Store(true); _ = s.Reset() })
	id := to.Libp2p().ID()
	from.Libp2p().Peerstore().AddAddrs(id, to.Libp2p().Addrs(), peerstore.PermanentAddrTTL)
	for range 3 {
		ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
		if s, err := from.Libp2p().NewStream(ctx, id, proto); err == nil {
			if _, err := s.Write([]byte("x")); err == nil {
				_, _ = s.Read(make([]byte, 1))
			}
		}
		cancel()
		time.Sleep(10 * time.Second)
	}
	if reached.Load() {
		w.t.Error("a stream of a refused peer was served")
	}
	if n := len(to.Libp2p().Network().ConnsToPeer(from.Libp2p().ID())); n != 0 {
		w.t.Errorf("%d connections to a refused peer", n)
	}
}

func TestStranger(t *testing.T) {
	// The stranger runs valid software and takes the network for its own; for
	// the outbound direction the member has been told its address.
	stranger := sim.Stranger(1)
	t.Run("dials a member", func(t *testing.T) {
		inWorld(t, 1, func(t *testing.T, w *world) {
			member := w.host(w.members.Nodes[0], 0, nil)
			s := w.host(stranger, 1, w.bootstrap(w.net.Addr(0)))
			refused(w, s, member)
		})
	})
	t.Run("is dialled by a member", func(t *testing.T) {
		inWorld(t, 1, func(t *testing.T, w *world) {
			s := w.host(stranger, 1, nil)
			member := w.host(w.members.Nodes[0], 0, func(c *p2p.Config) {
				c.Bootstrap = []string{w.net.Addr(1), s.Addrs()[0]}
				c.Addresses = func() map[ct.LogID][]string {
					return map[ct.LogID][]string{stranger.Public(): {w.net.Addr(1)}}
				}
			})
			time.Sleep(time.Minute)
			refused(w, member, s)
			if err := member.Dial(w.ctx, stranger.Public()); err == nil {
				t.Error("a stranger was dialled")
			}
			if n := len(member.Libp2p().Network().Conns()); n != 0 {
				t.Errorf("the member has %d connections", n)
			}
		})
	})
}

func TestMuteAndExpiry(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		var muted atomic.Bool
		a := w.host(w.members.Nodes[0], 0, func(c *p2p.Config) {
			c.Muted = func(s ct.State) bool { return s == w.members.States[1] && muted.Load() }
		})
		b := w.host(w.members.Nodes[1], 1, w.bootstrap(w.net.Addr(0)))
		both := func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 }
		none := func() bool { return len(a.Libp2p().Network().Conns())+len(b.Libp2p().Network().Conns()) == 0 }
		w.until("connected", 5*time.Second, both)
		muted.Store(true)
		a.Recheck()
		w.until("cut", time.Second, none)
		time.Sleep(10 * time.Minute)
		if !none() {
			t.Error("a muted State's node is connected")
		}
		if err := a.Dial(w.ctx, w.members.Nodes[1].Public()); err == nil {
			t.Error("a muted State's node was dialled")
		}
		muted.Store(false)
		w.until("connected again", 7*time.Minute, both)
	})
}

// A roster that no longer has a node cuts its connection without being asked.
func TestRosterChangeCuts(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		alone, err := sim.NewMembers(1, 7, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var view atomic.Pointer[roster.View]
		view.Store(w.members.View)
		a := w.host(w.members.Nodes[0], 0, func(c *p2p.Config) { c.View = view.Load })
		b := w.host(w.members.Nodes[1], 1, w.bootstrap(w.net.Addr(0)))
		w.until("connected", 5*time.Second, func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
		view.Store(alone.View)
		w.until("cut", 15*time.Second, func() bool { return len(a.Libp2p().Network().Conns()) == 0 })
	})
}

// An hour's outage makes hundreds of dials fail, on both sides. When it ends,
// whoever is back first shows it to the others: nobody's turn is waited for.
func TestRedialAfterOutage(t *testing.T) {
	const n = 8
	inWorld(t, n, func(t *testing.T, w *world) {
		said := map[ct.LogID][]string{}
		for i := range n {
			said[w.members.Nodes[i].Public()] = []string{w.net.Addr(i)}
		}
		for i := range n {
			w.host(w.members.Nodes[i], i, func(c *p2p.Config) {
				c.Addresses = func() map[ct.LogID][]string { return said }
			})
		}
		each := func(want int) func() bool {
			return func() bool {
				return !slices.ContainsFunc(w.hosts, func(h *p2p.Host) bool { return len(h.Peers()) != want })
			}
		}
		w.until("connected", 10*time.Second, each(n-1))
		w.net.Partition([]int{0, 1, 2, 3})
		w.until("cut", 2*time.Minute, each(n/2-1))
		time.Sleep(time.Hour)
		w.net.Heal()
		healed := time.Now()
		w.until("connected again", 25*time.Second, each(n-1))
		t.Logf("all connected again after %v", time.Since(healed))
	})
}

// Beyond 32 other nodes a host keeps 24 to 32 connections, also those who
// started first and were everyone's choice.
func TestLargeNetworkKeepsSome(t *testing.T) {
	n := 48
	if bubble.Race {
		n = 36
	}
	inWorld(t, n, func(t *testing.T, w *world) {
		said := map[ct.LogID][]string{}
		for i := range n {
			said[w.members.Nodes[i].Public()] = []string{w.net.Addr(i)}
		}
		var hosts []*p2p.Host
		for i := range n {
			hosts = append(hosts, w.host(w.members.Nodes[i], i, func(c *p2p.Config) {
				c.Addresses = func() map[ct.LogID][]string { return said }
			}))
			time.Sleep(3 * time.Second)
		}
		time.Sleep(6 * time.Minute)
		for i, h := range hosts {
			if got := len(h.Peers()); got < 24 || got > 32 {
				t.Errorf("node %d has %d connections, want 24 to 32", i, got)
			}
		}
		// Others are dialled when asked.
		for i := 1; i < n; i++ {
			if k := w.members.Nodes[i].Public(); !hosts[0].Connected(k) {
				if err := hosts[0].Dial(w.ctx, k); err != nil || !hosts[0].Connected(k) {
					t.Errorf("dial node %d: %v", i, err)
				}
				return
			}
		}
	})
}

// The same over the operating system's network: TCP and QUIC on loopback, a
// registry of the test's own, and a bootstrap address that names nobody.
func TestLoopback(t *testing.T) {
	m, err := sim.NewMembers(2, 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	view := func() *roster.View { return m.View }
	for _, listen := range []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"} {
		t.Run(listen, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			reg := prometheus.NewRegistry()
			a, err := p2p.New(p2p.Config{Key: m.Nodes[0], View: view, Listen: []string{listen}, Registerer: reg})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			anonymous := ma.StringCast(a.Addrs()[0])
			transport, _ := peer.SplitAddr(anonymous)
			b, err := p2p.New(p2p.Config{Key: m.Nodes[1], View: view, Bootstrap: []string{transport.String()}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			connected := make(chan struct{}, 8)
			a.Libp2p().Network().Notify(&network.NotifyBundle{ConnectedF: func(network.Network, network.Conn) { connected <- struct{}{} }})
			var g errgroup.Group
			g.Go(func() error { return b.Run(ctx) })
			select {
			case <-connected:
			case <-ctx.Done():
				t.Fatal("not connected")
			}
			if got := a.Peers(); len(got) != 1 || got[0].Node != m.Nodes[1].Public() {
				t.Errorf("peers: got %+v", got)
			}
			// Nothing but identify is offered: every further protocol is attack surface.
			got := a.Libp2p().Mux().Protocols()
			slices.Sort(got)
			if want := []protocol.ID{"/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0"}; !slices.Equal(got, want) {
				t.Errorf("protocols: got %v, want %v", got, want)
			}
			families, err := reg.Gather()
			if err != nil || len(families) == 0 {
				t.Errorf("metrics: got %d families, %v", len(families), err)
			}
			cancel()
			_ = g.Wait()
		})
	}
}

// What is left of processes that were killed, and over QUIC looks alive for half
// a minute, does not keep their node from connecting again.
func TestStartedAgainAndAgain(t *testing.T) {
	m, view, a := onLoopback(t)
	connected := make(chan struct{}, 64)
	a.Libp2p().Network().Notify(&network.NotifyBundle{ConnectedF: func(network.Network, network.Conn) { connected <- struct{}{} }})
	for i := range 20 {
		b, err := p2p.New(p2p.Config{Key: m.Nodes[1], View: view, Bootstrap: a.Addrs()})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close() // at the end: until then nobody says that it is gone
		if err := b.Dial(t.Context(), m.Nodes[0].Public()); err != nil {
			t.Fatalf("start %d: %v", i+1, err)
		}
		select {
		case <-connected:
		case <-time.After(time.Minute):
			t.Fatalf("start %d: not connected", i+1)
		}
	}
}

// A port in use is an error at start, on either transport, also when the other
// could be opened.
func TestPortInUse(t *testing.T) {
	m, err := sim.NewMembers(1, 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	const free = "/ip4/127.0.0.1/tcp/0"
	for _, taken := range []string{
		fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", tcp.Addr().(*net.TCPAddr).Port),
		fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", udp.LocalAddr().(*net.UDPAddr).Port),
	} {
		h, err := p2p.New(p2p.Config{Key: m.Nodes[0], View: func() *roster.View { return m.View }, Listen: []string{free, taken}})
		if err == nil {
			h.Close()
		}
		if !errors.Is(err, p2p.ErrInUse) || !strings.Contains(err.Error(), taken) {
			t.Errorf("%s: got %v, want ErrInUse", taken, err)
		}
	}
}
