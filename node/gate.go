package node

import (
	"fmt"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/reconcile"
)

// ownHeadWait is how long a node that few peers answer waits before one
// answer is enough; ownHeadAnswers is how many make waiting needless.
const (
	ownHeadWait    = 30 * time.Second
	ownHeadAnswers = 3
)

// gate is the own-head check and the clock check. What a node signs far from
// the members' time would be dated wrong for ever.
//
// The own-head check: a node signs nothing until its peers have told
// how far they know its log, and it holds that much itself. A restored backup
// would otherwise sign a seq a second time and fork its own log.
type gate struct {
	start  time.Time
	others func() int                         // other live nodes of the network
	told   func() (answers int, known uint64) // what peers told of our log
	held   func() uint64                      // what we hold of it
	ahead  func() (time.Duration, int)        // the members' clocks against ours, and of how many
	clock  func() time.Time

	mu   sync.Mutex
	open bool
}

// ready tells whether the node may sign, and for what it waits.
func (g *gate) ready() (bool, string) {
	answers, known := g.told()
	held := g.held()
	g.mu.Lock()
	defer g.mu.Unlock()
	if held < known {
		// Even an open gate closes: somebody holds records of ours that we lost.
		g.open = false
		return false, fmt.Sprintf("waiting for own records: %d held, peers know %d", held, known)
	}
	if ahead, clocks := g.ahead(); clocks > 0 && ahead.Abs() > reconcile.ClockRefuse {
		return false, fmt.Sprintf("clock: this node's clock is %s the median of %d others: set it", offset(ahead), clocks)
	}
	if g.open {
		return true, ""
	}
	need := min(ownHeadAnswers, g.others())
	waited := g.clock().Sub(g.start)
	switch {
	case answers >= need, waited >= ownHeadWait && answers >= 1:
		g.open = true
		return true, ""
	case waited < ownHeadWait:
		return false, fmt.Sprintf("own-head check: %d of %d peers have told how far they know our log", answers, need)
	default:
		return false, "own-head check: no peer has answered yet; see `herald outbox --sign-now` for an override"
	}
}

// offset says where this node's clock is when the others' are ahead by so much.
func offset(ahead time.Duration) string {
	if ahead < 0 {
		return ahead.Abs().Round(time.Second).String() + " ahead of"
	}
	return ahead.Round(time.Second).String() + " behind"
}

// clocks are the others' clocks against this node's: of the member States, as
// their beacons tell, and before the first beacon of the nodes it has met. What
// those said does not age, so it serves no longer than a beacon would.
func (n *Node) clocks() (ahead time.Duration, count int) {
	ahead, count = n.gossip.Clock()
	if count == 0 && time.Since(n.start) < reconcile.HeardWithin {
		return n.exchange.Clock()
	}
	return ahead, count
}

// others counts the live delegated nodes beside own.
func (n *Node) others() int {
	v, count, now := n.view.Load(), 0, time.Now()
	for _, m := range v.Nodes() {
		if m.Key != n.own && v.Live(m.Key, now) {
			count++
		}
	}
	return count
}

// ownSize is the number of own records held.
func (n *Node) ownSize() uint64 {
	h, _ := n.store.Head(n.own)
	return h.Size
}
