package exchange

import (
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A node whose window has ended, and was not closed, syncs root logs with others
// until it is renewed, so that renewals spread also when every window of a
// network has ended. It is served its own log too: what peers tell it of how far
// they know that must be true. Nothing else is served to it or taken from it.

// endedSyncs are the streams of all such nodes that are served at a time.
const endedSyncs = 4

// endedService counts those apart from members' streams.
const endedService = p2p.ServiceSync + ".ended"

// restricted tells whether a node syncs root logs only.
func (x *Exchange) restricted(node ct.LogID) bool {
	id, err := p2p.PeerID(node)
	if err != nil {
		return true
	}
	_, ended, ok := x.cfg.Host.Admitted(id)
	return ended || !ok
}

// allowed tells whether a log may be spoken of with a restricted node.
func (x *Exchange) allowed(log, node ct.LogID) bool {
	return log == node || x.class(log) == reconcile.Root
}

// allowedHeads is a frontier for a restricted node, or from it.
func (x *Exchange) allowedHeads(heads []wire.LogHead, node ct.LogID) (out []wire.LogHead) {
	for _, h := range heads {
		if x.allowed(h.Log, node) {
			out = append(out, h)
		}
	}
	return out
}

// allowedWant leaves out of what a restricted node asks for all that it is not
// served: to it, this node does not hold that.
func (x *Exchange) allowedWant(w *wire.SyncWant, node ct.LogID) *wire.SyncWant {
	out := *w
	out.Ranges, out.Forks = nil, nil
	for _, r := range w.Ranges {
		if x.allowed(r.Log, node) {
			out.Ranges = append(out.Ranges, r)
		} else if !w.Bodies {
			break // what follows would be out of order
		}
	}
	for _, log := range w.Forks {
		if x.allowed(log, node) {
			out.Forks = append(out.Forks, log)
		}
	}
	return &out
}
