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

// gater admits the live nodes of the roster whose State is not muted and which
// are not in quarantine, and nobody else. It asks the roster at each decision, so it is never out of date.
type gater struct {
	own   ct.LogID
	view  func() *roster.View
	muted func(ct.State) bool

	quarantine quarantine

	mu     sync.Mutex
	probes map[peer.ID]struct{} // identities that nobody has, see Host.probe
}

// member finds the node behind a peer id; false when it may not connect now.
func (g *gater) member(id peer.ID) (roster.Node, bool) {
	key, ok := NodeKey(id)
	if !ok || key == g.own {
		return roster.Node{}, false
	}
	v, now := g.view(), time.Now()
	node, ok := v.Node(key)
	if !ok || !v.Live(key, now) || g.muted(node.State) || g.quarantine.holds(key, now) {
		return roster.Node{}, false
	}
	return node, true
}

func (g *gater) allow(id peer.ID) bool {
	_, ok := g.member(id)
	return ok
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

// InterceptPeerDial lets members be dialled, and probes, whose handshake
// cannot succeed.
func (g *gater) InterceptPeerDial(id peer.ID) bool {
	g.mu.Lock()
	_, probe := g.probes[id]
	g.mu.Unlock()
	return probe || g.allow(id)
}

// InterceptSecured is the decision: the handshake has proved the identity.
func (g *gater) InterceptSecured(_ network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	return g.allow(id)
}

// InterceptAddrDial leaves the choice of address to the dialler.
func (g *gater) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

// InterceptAccept cannot know who is calling; rates are the resource manager's.
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptUpgraded repeats the decision for a roster that changed meanwhile.
func (g *gater) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	return g.allow(c.RemotePeer()), 0
}
