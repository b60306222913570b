package node

import (
	"fmt"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/node/ct"
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
// would otherwise sign a seq a second time and fork its own log: the mark that
// a restore sets asks more of the network, and no wait replaces it.
type gate struct {
	start  time.Time
	others func() int                         // other live nodes of the network
	told   func() (answers int, known uint64) // what peers told of our log
	held   func() uint64                      // what we hold of it
	ahead  func() (time.Duration, int)        // the members' clocks against ours, and of how many
	clock  func() time.Time
	barred func() string // why its key may not speak; "": it may

	restored func() bool             // the store is marked
	why      string                  // what it is marked for
	show     string                  // why an operator shows its content all the same; "": nobody does
	synced   func() int              // States of which a node has given all it holds since the start
	states   func() (told, need int) // States of which a node has told, and how many a restored store asks
	clear    func() error            // takes the mark off, durably

	mu   sync.Mutex
	open bool
}

// ready tells whether the node may sign, and for what it waits.
func (g *gate) ready() (bool, string) {
	if why := g.barred(); why != "" {
		return false, why
	}
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
	if g.restored() {
		return g.readyRestored()
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

// unsettled tells that the store was restored from a backup and has not yet
// been compared with enough States.
func (g *gate) unsettled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.restored() && g.show == ""
}

// alarm is what people have to know of a marked store; "" when it is not.
func (g *gate) alarm() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.restored():
		return ""
	case g.show != "":
		return fmt.Sprintf("%s: content is shown by an operator's decision, though it may have been retracted since: %s", g.why, g.show)
	}
	return g.why + ": content is hidden, since it may have been retracted, until two thirds of the States have been synced with"
}

// readyRestored is ready for a marked store. The caller holds mu.
func (g *gate) readyRestored() (bool, string) {
	told, need := g.states()
	if told < need {
		return false, fmt.Sprintf("%s: %d of %d States have told how far they know our log; see `herald outbox --sign-now` for an override", g.why, told, need)
	}
	if synced := g.synced(); synced < need {
		return false, fmt.Sprintf("%s: %d of %d States have been synced with; see `herald outbox --sign-now` for an override", g.why, synced, need)
	}
	if err := g.clear(); err != nil {
		return false, fmt.Sprintf("%s: the mark cannot be taken off: %v", g.why, err)
	}
	g.open = true
	return true, ""
}

// newGate joins the own-head check to its node.
func (n *Node) newGate() (*gate, error) {
	_, marked, err := backup.Marked(n.store.Local())
	if err != nil {
		return nil, err
	}
	why := "restored from a backup"
	if n.store.Reborn() != 0 {
		why = "log.db was damaged and is made anew"
	}
	if n.cfg.ShowRestored != "" && marked {
		if err := n.journalShow(why); err != nil {
			return nil, err
		}
	}
	return &gate{
		why: why, show: n.cfg.ShowRestored, synced: func() int { return n.statesOf(n.exchange.Synced()) },
		start: n.start, others: n.others, told: n.exchange.OwnHead, held: n.ownSize, ahead: n.clocks, clock: time.Now, barred: func() string { return n.barred(time.Now()) },
		restored: func() bool { return marked }, states: n.toldStates,
		clear: func() error {
			err := backup.Clear(n.store.Local())
			if err == nil {
				marked = false // under the gate's lock, as all that reads it
				n.cfg.Log.Info("restored node knows the end of its log and signs again")
			}
			return err
		},
	}, nil
}

// toldStates counts the States of which a node has told how far it knows our
// log, and tells how many a restored store waits for: two thirds of the
// members, or all others that have a node when they are fewer.
func (n *Node) toldStates() (told, need int) {
	v, now := n.view.Load(), time.Now()
	other := map[ct.State]bool{}
	for _, m := range v.Nodes() {
		if m.Key != n.own && v.Live(m.Key, now) {
			other[m.State] = true
		}
	}
	return n.statesOf(n.exchange.ToldOwnHead()), min((2*len(v.Members())+2)/3, len(other))
}

// statesOf counts the other States that live nodes are of.
func (n *Node) statesOf(nodes []ct.LogID) int {
	v, now := n.view.Load(), time.Now()
	states := map[ct.State]bool{}
	for _, node := range nodes {
		if m, ok := v.Node(node); ok && node != n.own && v.Live(node, now) {
			states[m.State] = true
		}
	}
	return len(states)
}

// journalShow notes that an operator shows what a marked store holds.
func (n *Node) journalShow(why string) error {
	n.cfg.Log.Warn("content that may have been retracted since is shown by an operator's decision", "why", why)
	_, err := n.journal.Append(journal.Entry{Time: ct.MillisOf(time.Now()), Act: journal.ActShow, Outcome: n.cfg.ShowRestored})
	if err != nil {
		return fmt.Errorf("node: journal: %w", err)
	}
	return nil
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
