package p2p

import (
	"sync"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Seats of nodes whose window has ended: for a sync of root logs, so that their
// renewal can spread. Members have no part in them.
const (
	endedSeats    = 64
	endedSeatsOne = 2 // of one State
)

// gater admits the nodes of the roster whose State is not muted, which are not
// in quarantine, and whose window holds now or ended not long ago, and nobody
// else. It asks the roster at each decision, so it is never out of date.
type gater struct {
	own     ct.LogID
	view    func() *roster.View
	muted   func(ct.State) bool
	private bool // others may name private addresses, though this is no exercise

	quarantine quarantine
	places     *places
	configured func(ct.LogID, ma.Multiaddr) bool // an operator has said that a node is there
	connected  func() []peer.ID

	mu     sync.Mutex
	probes map[peer.ID]struct{} // identities that nobody has, see Host.probe
}

// admitted finds the node behind a peer id; false when it may not connect now.
// Whose window has ended has a connection for root logs and for nothing else.
func (g *gater) admitted(id peer.ID) (node roster.Node, ended, ok bool) {
	key, ok := NodeKey(id)
	if !ok || key == g.own {
		return roster.Node{}, false, false
	}
	v, now := g.view(), time.Now()
	node, ok = v.Node(key)
	live := v.Live(key, now)
	if !ok || !live && !v.Ended(key, now) || g.muted(node.State) || g.quarantine.holds(key, now) {
		return roster.Node{}, false, false
	}
	return node, !live, true
}

// member finds the node behind a peer id; false when it may not speak now.
func (g *gater) member(id peer.ID) (roster.Node, bool) {
	node, ended, ok := g.admitted(id)
	if !ok || ended {
		return roster.Node{}, false
	}
	return node, true
}

func (g *gater) allow(id peer.ID) bool {
	node, ended, ok := g.admitted(id)
	return ok && (!ended || g.seat(id, node.State))
}

// seat tells whether there is one for a node whose window has ended. Those who
// came first keep theirs.
func (g *gater) seat(id peer.ID, state ct.State) bool {
	all, one := 0, 0
	for _, other := range g.connected() {
		node, ended, ok := g.admitted(other)
		if other == id || !ok || !ended {
			continue
		}
		all++
		if node.State == state {
			one++
		}
	}
	return all < endedSeats && one < endedSeatsOne
}

func (g *gater) addProbe(id peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probes[id] = struct{}{}
}

func (g *gater) removeProbe(id peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.probes, id)
}

func (g *gater) probe(id peer.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.probes[id]
	return ok
}

// InterceptPeerDial lets admitted nodes be dialled, and probes, whose handshake
// cannot succeed.
func (g *gater) InterceptPeerDial(id peer.ID) bool { return g.probe(id) || g.allow(id) }

// InterceptSecured is the decision: the handshake has proved the identity.
func (g *gater) InterceptSecured(_ network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	return g.allow(id)
}

// InterceptAddrDial lets an address be dialled that an operator has configured,
// and for others sees to it that no State makes this node knock at anybody's
// door: names are resolved by now, and what a peer said of itself comes here too.
func (g *gater) InterceptAddrDial(id peer.ID, addr ma.Multiaddr) bool {
	if g.probe(id) {
		return true
	}
	node, _, ok := g.admitted(id)
	switch {
	case !ok:
		return false
	case g.configured(node.Key, addr):
		return true
	}
	return dialable(addr) && nameable(addressOf(addr), g.private || g.view().Exercise()) && g.places.may(node, addr, time.Now())
}

// InterceptAccept cannot know who is calling; the door bounds those.
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptUpgraded repeats the decision for a roster that changed meanwhile.
func (g *gater) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	return g.allow(c.RemotePeer()), 0
}
