package node

import (
	"time"

	"github.com/herald-net/herald/node/ct"
)

// away tells that a node is not there: it is not connected, and was not heard for three
// beacons or dialled in vain. heard is when its beacon last came; zero: not since the
// start.
func (n *Node) away(node ct.LogID) (heard time.Time, away bool) {
	if n.host.Connected(node) {
		return time.Time{}, false
	}
	heard, silent := n.gossip.Away(node)
	return heard, silent || n.host.Failing(node)
}
