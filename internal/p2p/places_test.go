package p2p_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node/ct"
	ma "github.com/multiformats/go-multiaddr"
)

// A State may have members knock at few doors that are not its nodes', and
// seldom, whatever it says, and however often it says something else.
func TestStatesHaveFewTries(t *testing.T) {
	inWorld(t, 3, func(t *testing.T, w *world) {
		h := w.host(w.members.Nodes[0], 0, nil)
		other, err := p2p.PeerID(w.members.Nodes[1].Public())
		if err != nil {
			t.Fatal(err)
		}
		third, err := p2p.PeerID(w.members.Nodes[2].Public())
		if err != nil {
			t.Fatal(err)
		}
		at := func(i int) ma.Multiaddr {
			return ma.StringCast(fmt.Sprintf("/ip4/93.184.%d.%d/tcp/25", i>>8&255, i&255))
		}
		const day, every = 24 * time.Hour, 45 * time.Second
		same, many := 0, 0
		for range day / every {
			if h.MayDial(other, at(0)) {
				same++
			}
			time.Sleep(every)
		}
		if same < 40 || same > 70 {
			t.Errorf("one place is tried %d times in a day, want about one in half an hour", same)
		}
		for i := range day / every { // each time others
			for k := range 8 {
				if h.MayDial(third, at(int(i)<<3|k)) {
					many++
				}
			}
			time.Sleep(every)
		}
		if many < 20 || many > 2*p2p.PlacesNode {
			t.Errorf("%d of ever new places of one node are tried in a day, want at most %d", many, 2*p2p.PlacesNode)
		}
		if !h.MayDial(other, at(0)) {
			t.Error("one State uses up the tries of another")
		}
		for _, odd := range []string{
			"/ip4/93.184.216.34/tcp/80/ws", "/ip4/93.184.216.34/udp/4001", "/ip4/169.254.169.254/tcp/80", "/ip4/0.0.0.0/tcp/4001", "/ip4/224.0.0.1/udp/4001/quic-v1",
			"/ip4/93.184.216.34/tcp/4001/p2p/12D3KooWGC6TvWhfagpX6wvJHJTYa8a9fQyhPh5bYp2nYh4jQ1qB/p2p-circuit", "/dns4/example.org/tcp/4001",
		} {
			if h.MayDial(other, ma.StringCast(odd)) {
				t.Errorf("%s is dialled", odd)
			}
		}
	})
}

// What a State names in earnest is an address of the network that all share,
// unless an operator says that members have a network of their own.
func TestNameable(t *testing.T) {
	for addr, want := range map[string][2]bool{ // in earnest, and where private addresses are members'
		"93.184.216.34": {true, true}, "2606:2800:220:1::1": {true, true},
		"10.1.2.3": {false, true}, "172.16.0.1": {false, true}, "192.168.1.1": {false, true}, "fd00::1": {false, true},
		"127.0.0.1": {false, true}, "::1": {false, true}, "100.64.0.1": {false, true}, "::ffff:10.1.2.3": {false, true},
		"64:ff9b::a00:1": {false, true}, "2002:a00:1::": {false, true}, "198.18.0.1": {false, true},
		"169.254.169.254": {false, false}, "fe80::1": {false, false}, "0.0.0.0": {false, false}, "::": {false, false},
		"224.0.0.1": {false, false}, "255.255.255.255": {false, false}, "ff02::1": {false, false},
	} {
		if got := [2]bool{p2p.Nameable(addr, false), p2p.Nameable(addr, true)}; got != want {
			t.Errorf("%s: got %v, want %v", addr, got, want)
		}
	}
}

// In earnest nobody knocks at a private address because another State says so;
// at one that is configured here, and where private addresses are members', yes.
func TestPrivateAddressesInEarnest(t *testing.T) {
	view, ks := earnest(t)
	b, err := p2p.New(p2p.Config{Key: ks.Nodes[1], View: view, Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	at := b.Libp2p().Addrs()[0].String()
	port, err := ma.StringCast(at).ValueForProtocol(ma.P_TCP)
	if err != nil {
		t.Fatal(err)
	}
	names := at
	if ips, err := net.LookupIP("localhost"); err == nil && len(ips) > 0 { // a name is as good as its address
		names = "/dns4/localhost/tcp/" + port
	}
	said := map[ct.LogID][]string{ks.Nodes[1].Public(): {at, names}}
	for name, c := range map[string]struct {
		change func(*p2p.Config)
		want   bool
	}{
		"said":                           {func(*p2p.Config) {}, false},
		"said, and private are members'": {func(c *p2p.Config) { c.Private = true }, true},
		"configured":                     {func(c *p2p.Config) { c.Bootstrap = b.Addrs() }, true},
		"configured without a name":      {func(c *p2p.Config) { c.Bootstrap = []string{at} }, true},
		"configured by its name in DNS":  {func(c *p2p.Config) { c.Bootstrap = []string{names + "/p2p/" + b.Libp2p().ID().String()} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := p2p.Config{Key: ks.Nodes[0], View: view, Addresses: func() map[ct.LogID][]string { return said }}
			c.change(&cfg)
			a, err := p2p.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if name == "configured without a name" { // it is met by the loop
				run(t, a)
				for len(a.Peers()) == 0 {
					select {
					case <-t.Context().Done():
						t.Fatal("not connected")
					case <-time.After(10 * time.Millisecond):
					}
				}
				return
			}
			if err := a.Dial(t.Context(), ks.Nodes[1].Public()); (err == nil) != c.want {
				t.Errorf("got %v, want a connection: %v", err, c.want)
			}
		})
	}
}

// earnest is a network of two members that is no exercise.
func earnest(t *testing.T) (func() *roster.View, *sim.Members) {
	t.Helper()
	created := time.Now()
	m, err := sim.NewMembers(3, 1, created)
	if err != nil {
		t.Fatal(err)
	}
	m.States, m.Roots, m.Nodes = m.States[1:], m.Roots[1:], m.Nodes[1:] // the first is for exercises alone
	var reqs []roster.Request
	for i := range m.Nodes {
		r, err := roster.NewRequest(m.States[i], m.Roots[i], m.Nodes[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		reqs = append(reqs, r)
	}
	g, err := roster.NewGenesis("earnest", false, created, roster.DefaultPolicy(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range m.Roots {
		if err := g.Sign(root, created); err != nil {
			t.Fatal(err)
		}
	}
	v, err := roster.New(g)
	if err != nil {
		t.Fatal(err)
	}
	return func() *roster.View { return v }, m
}
