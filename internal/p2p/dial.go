package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
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
	wantHigh = 32 // and lets go of some above
	keepOwn  = 12 // of which so many of its own choosing stay, whoever else comes
	parallel = 8

	wantEnded = 8 // connections below which a node dials those whose window has ended
)

// target is one thing to dial: a node, or a bootstrap address without a name.
type target struct {
	key   string
	node  ct.LogID // zero: a probe
	addrs []ma.Multiaddr
}

// Run keeps the connections until ctx ends: it dials who is missing, and closes
// who is no longer admitted and what is too much. Dials end on their own time:
// one that waits for a dead peer holds up none but itself.
func (p *Host) Run(ctx context.Context) error {
	var dials errgroup.Group
	defer func() { _ = dials.Wait() }() // they report through tries
	slots, ended := make(chan struct{}, parallel), make(chan struct{}, 1)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var known time.Time // when it was last told to the door where members are
	for {
		p.Recheck()
		p.thin(time.Now())
		if now := time.Now(); now.Sub(known) >= roundMax {
			p.know()
			known = now
		}
		targets := p.targets()
		for _, t := range p.tries.due(targets, time.Now()) {
			select {
			case slots <- struct{}{}:
			default:
				p.tries.release(t.key) // until a dial ends
				continue
			}
			dials.Go(func() error {
				err := p.try(ctx, t)
				switch {
				case errors.Is(err, errEnough):
					p.tries.release(t.key)
				case err != nil && ctx.Err() == nil:
					p.log.Debug("cannot reach a peer", "target", t.key, "err", err)
					fallthrough
				default:
					p.tries.tried(t.key, time.Now())
				}
				<-slots
				select {
				case ended <- struct{}{}:
				default:
				}
				return nil
			})
		}
		timer.Reset(jitter(p.tries.next(targets, time.Now())))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-ended:
		case <-p.closing: // at once
		}
	}
}

// errEnough: in the meantime others have connected to this node.
var errEnough = errors.New("there are enough connections")

func (p *Host) try(ctx context.Context, t target) error {
	if t.node.IsZero() {
		return p.meet(ctx, t)
	}
	if p.large.Load() && len(p.h.Network().Peers()) >= wantLow {
		return errEnough
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

// targets is whom to dial now, the likeliest and most wanted first: everyone
// in a small network; beyond, while there are too few connections, whoever is
// due, of different States first.
func (p *Host) targets() []target {
	var missing, ended []roster.Node
	live, connected := 0, map[ct.State]int{}
	known := map[string]bool{}
	now, v := time.Now(), p.cfg.View()
	for _, n := range v.Nodes() {
		id, err := PeerID(n.Key)
		_, isEnded, ok := p.gate.admitted(id)
		if err != nil || !ok {
			continue
		}
		key := n.Key.String()
		known[key] = true
		if isEnded {
			if _, ok := p.opened(n.Key); !ok {
				ended = append(ended, n)
			}
			continue
		}
		live++
		if opened, ok := p.opened(n.Key); !ok {
			missing = append(missing, n)
		} else {
			connected[n.State]++
			if p.tries.connected(key, opened, now) {
				p.gate.places.hope(now)
			}
		}
	}
	for _, b := range p.book {
		known[b.text] = true
	}
	p.tries.keep(known)
	p.gate.places.keep(func(node ct.LogID) bool { return known[node.String()] })
	have := live - len(missing)
	p.large.Store(live > fullMesh)
	if live > fullMesh && have >= wantLow {
		return nil
	}
	spread(missing, connected)
	if all := len(p.h.Network().Peers()); all < wantEnded {
		mrand.Shuffle(len(ended), func(i, j int) { ended[i], ended[j] = ended[j], ended[i] })
		missing = append(missing, ended[:min(len(ended), wantEnded-all)]...)
	}
	if len(missing) == 0 {
		return nil
	}
	said := p.cfg.Addresses()
	var out []target
	for _, n := range missing {
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

// thin closes connections in excess of wantHigh, a few at a time. Everyone
// dials only what it lacks, but those who came first would in the end be
// everyone's. What is new, in use by a sync or a match, or one of the last few
// of this node's own choosing stays: others must not be able to push it out.
func (p *Host) thin(now time.Time) {
	if !p.large.Load() {
		return
	}
	type link struct {
		id    peer.ID
		state ct.State
		own   bool
	}
	var links []link
	states := map[ct.State]int{}
	own, all := 0, 0
	for _, id := range p.h.Network().Peers() {
		node, ok := p.gate.member(id)
		if !ok {
			continue
		}
		all++
		l := link{id: id, state: node.State}
		idle := true
		for _, c := range p.h.Network().ConnsToPeer(id) {
			l.own = l.own || c.Stat().Direction == network.DirOutbound
			idle = idle && now.Sub(c.Stat().Opened) > steady && !busy(c)
		}
		states[l.state]++
		if l.own {
			own++
		}
		if idle {
			links = append(links, l)
		}
	}
	surplus := all - wantHigh
	if surplus <= 0 {
		return
	}
	surplus = (surplus + 3) / 4
	mrand.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
	for _, several := range []bool{true, false} { // a State's second connection goes first
		for _, l := range links {
			if surplus == 0 || several && states[l.state] < 2 || l.own && own <= keepOwn ||
				len(p.h.Network().ConnsToPeer(l.id)) == 0 {
				continue
			}
			if err := p.h.Network().ClosePeer(l.id); err != nil {
				p.log.Debug("cannot close a connection too many", "err", err)
				continue
			}
			states[l.state]--
			if l.own {
				own--
			}
			surplus--
		}
	}
}

// busy tells whether a sync or a match is under way on a connection.
func busy(c network.Conn) bool {
	for _, s := range c.GetStreams() {
		if id := string(s.Protocol()); strings.HasPrefix(id, "/herald/sync/") || strings.HasPrefix(id, "/herald/match/") {
			return true
		}
	}
	return false
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
func spread(nodes []roster.Node, connected map[ct.State]int) {
	mrand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	seen, rest := map[ct.State]bool{}, map[ct.LogID]int{}
	for _, n := range nodes {
		if connected[n.State] > 0 || seen[n.State] {
			rest[n.Key] = 1
		}
		seen[n.State] = true
	}
	slices.SortStableFunc(nodes, func(a, b roster.Node) int { return rest[a.Key] - rest[b.Key] })
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
func (p *Host) meet(ctx context.Context, t target) error {
	_, pub, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return fmt.Errorf("probe identity: %w", err)
	}
	nobody, err := peer.IDFromPublicKey(pub)
	if err != nil {
		return fmt.Errorf("probe identity: %w", err)
	}
	p.gate.addProbe(nobody)
	err = p.dial(ctx, nobody, t.addrs)
	p.gate.removeProbe(nobody)
	p.h.Peerstore().ClearAddrs(nobody)
	p.h.Peerstore().RemovePeer(nobody)
	var other sec.ErrPeerIDMismatch
	switch {
	case err == nil:
		return errors.New("a peer proved a key that was made up here")
	case !errors.As(err, &other):
		return err
	}
	node, _, ok := p.gate.admitted(other.Actual)
	if !ok {
		return errors.New("who answers there is no member's node, is muted, or is this node itself")
	}
	p.tries.answered(t.key, node.Key) // from here on the address is configured as its
	return p.dial(ctx, other.Actual, t.addrs)
}
