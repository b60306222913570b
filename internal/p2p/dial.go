package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/errgroup"
)

const (
	fullMesh = 32 // up to so many other nodes, a node connects to all
	wantLow  = 24 // beyond, it dials below this many connections
	wantHigh = 32 // up to this many
	parallel = 8
)

// target is one thing to dial: a node, or a bootstrap address without a name.
type target struct {
	key   string
	node  ct.LogID // zero: a probe
	addrs []ma.Multiaddr
}

// Run keeps the connections until ctx ends: it dials who is missing and closes
// who is no longer admitted.
func (p *Host) Run(ctx context.Context) error {
	var g errgroup.Group
	defer func() { _ = g.Wait() }() // it returns nil
	g.Go(func() error {             // beside the rounds, which wait for who does not answer
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-p.closing:
				p.Recheck()
			}
		}
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		p.Recheck()
		p.round(ctx, p.targets())
		timer.Reset(jitter(p.tries.next(p.targets(), time.Now())))
	}
}

// round tries every target that is due once, at most parallel at a time.
func (p *Host) round(ctx context.Context, targets []target) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, t := range targets {
		if !p.tries.ready(t.key, time.Now()) {
			continue
		}
		g.Go(func() error {
			err := p.try(ctx, t)
			p.tries.tried(t.key, time.Now())
			if err != nil && ctx.Err() == nil {
				p.log.Debug("cannot reach a peer", "target", t.key, "err", err)
			}
			return nil
		})
	}
	_ = g.Wait() // the functions report through tries
}

func (p *Host) try(ctx context.Context, t target) error {
	if t.node.IsZero() {
		node, err := p.meet(ctx, t.addrs[0])
		if err == nil {
			p.tries.answered(t.key, node)
		}
		return err
	}
	id, err := PeerID(t.node)
	if err != nil {
		return err
	}
	err = p.dial(ctx, id, t.addrs)
	if err != nil {
		// Another node may live at a bootstrap address now: ask again who.
		for _, b := range p.book {
			if met, ok := p.tries.whoAnswers(b.text); ok && met == t.node {
				p.tries.answered(b.text, ct.LogID{})
			}
		}
	}
	return err
}

// targets is whom to dial now: everyone in a small network, else enough for
// wantHigh connections, of different States first.
func (p *Host) targets() []target {
	var missing []roster.Node
	live, connected := 0, map[ct.State]int{}
	known := map[string]bool{}
	now, v := time.Now(), p.cfg.View()
	for _, n := range v.Nodes() {
		if n.Key == p.gate.own || !v.Live(n.Key, now) || p.cfg.Muted(n.State) || p.gate.quarantine.holds(n.Key, now) {
			continue
		}
		live++
		known[n.Key.String()] = true
		if opened, ok := p.opened(n.Key); !ok {
			missing = append(missing, n)
		} else {
			connected[n.State]++
			if now.Sub(opened) > steady {
				p.tries.forget(n.Key.String())
			}
		}
	}
	for _, b := range p.book {
		known[b.text] = true
	}
	p.tries.keep(known)
	have := live - len(missing)
	if len(missing) == 0 || live > fullMesh && have >= wantLow {
		return nil
	}
	if live > fullMesh {
		missing = spread(missing, connected)
	}
	said := p.cfg.Addresses()
	var out []target
	for _, n := range missing {
		if live > fullMesh && have+len(out) >= wantHigh {
			break
		}
		if addrs := p.addresses(n.Key, said); len(addrs) > 0 {
			out = append(out, target{key: n.Key.String(), node: n.Key, addrs: addrs})
		}
	}
	for _, b := range p.book {
		if node, ok := p.tries.whoAnswers(b.text); !ok || !known[node.String()] {
			out = append(out, target{key: b.text, addrs: []ma.Multiaddr{b.addr}})
		}
	}
	return out
}

// opened is when the oldest connection to a node began; false: not connected.
func (p *Host) opened(node ct.LogID) (time.Time, bool) {
	id, err := PeerID(node)
	if err != nil {
		return time.Time{}, false
	}
	conns := p.h.Network().ConnsToPeer(id)
	if len(conns) == 0 {
		return time.Time{}, false
	}
	first := conns[0].Stat().Opened
	for _, c := range conns[1:] {
		if t := c.Stat().Opened; t.Before(first) {
			first = t
		}
	}
	return first, true
}

// spread shuffles nodes and puts those of States without a connection first.
func spread(nodes []roster.Node, connected map[ct.State]int) []roster.Node {
	mrand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	seen := map[ct.State]bool{}
	var first, rest []roster.Node
	for _, n := range nodes {
		if connected[n.State] == 0 && !seen[n.State] {
			seen[n.State] = true
			first = append(first, n)
		} else {
			rest = append(rest, n)
		}
	}
	return append(first, rest...)
}

// addresses joins what the operator configured with what the node itself said.
func (p *Host) addresses(node ct.LogID, said map[ct.LogID][]string) []ma.Multiaddr {
	addrs := append([]ma.Multiaddr(nil), p.boot[node]...)
	for _, b := range p.book {
		if met, ok := p.tries.whoAnswers(b.text); ok && met == node {
			addrs = append(addrs, b.addr)
		}
	}
	return ma.Unique(append(addrs, nodeAddresses(node, said[node])...))
}

// dial connects to id at addrs. The loop has its own back-off, so the
// library's must not refuse on top of it.
func (p *Host) dial(ctx context.Context, id peer.ID, addrs []ma.Multiaddr) error {
	if s, ok := p.h.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(id)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	p.h.Peerstore().AddAddrs(id, addrs, peerstore.TempAddrTTL)
	if err := p.h.Connect(ctx, peer.AddrInfo{ID: id}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// meet connects to whoever answers at an address that names nobody, and tells
// who it is. libp2p dials identities only, so the first dial asks for one that
// nobody has: the handshake fails and its error names who is there.
func (p *Host) meet(ctx context.Context, addr ma.Multiaddr) (ct.LogID, error) {
	_, pub, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return ct.LogID{}, fmt.Errorf("probe identity: %w", err)
	}
	nobody, err := peer.IDFromPublicKey(pub)
	if err != nil {
		return ct.LogID{}, fmt.Errorf("probe identity: %w", err)
	}
	p.gate.addProbe(nobody)
	err = p.dial(ctx, nobody, []ma.Multiaddr{addr})
	p.gate.removeProbe(nobody)
	p.h.Peerstore().ClearAddrs(nobody)
	p.h.Peerstore().RemovePeer(nobody)
	var other sec.ErrPeerIDMismatch
	switch {
	case err == nil:
		return ct.LogID{}, errors.New("a peer proved a key that was made up here")
	case !errors.As(err, &other):
		return ct.LogID{}, err
	}
	node, ok := p.gate.member(other.Actual)
	if !ok {
		return ct.LogID{}, errors.New("who answers there is no live member's node, is muted, or is this node itself")
	}
	return node.Key, p.dial(ctx, other.Actual, []ma.Multiaddr{addr})
}
