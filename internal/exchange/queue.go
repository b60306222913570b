package exchange

import (
	"slices"
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// blameFor is how long a peer that broke the protocol is not asked.
const blameFor = time.Minute

// queue is whom to pull from next. Each node is in it at most once, so the
// roster bounds it.
type queue struct {
	mu      sync.Mutex
	order   []ct.LogID
	in      map[ct.LogID]bool
	busy    map[ct.LogID]bool      // a pull from it runs: it waits for that outside the slots
	resting map[ct.LogID]time.Time // not before
	later   map[ct.LogID]uint64    // had logs unknown to this roster version
	gap     ct.LogID               // log of the last kick
	gapSet  bool
	wake    chan struct{}
}

func newQueue() queue {
	return queue{
		in: map[ct.LogID]bool{}, busy: map[ct.LogID]bool{}, resting: map[ct.LogID]time.Time{},
		later: map[ct.LogID]uint64{}, wake: make(chan struct{}, 1),
	}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) add(node ct.LogID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.in[node] || time.Now().Before(q.resting[node]) {
		return
	}
	q.in[node] = true
	q.order = append(q.order, node)
	q.signal()
}

// next takes out the first node from which no pull runs, and marks it until
// done: a node that makes itself be asked again and again has one slot at most.
func (q *queue) next() (ct.LogID, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, node := range q.order {
		if q.busy[node] {
			continue
		}
		q.order = slices.Delete(q.order, i, i+1)
		delete(q.in, node)
		q.busy[node] = true
		return node, true
	}
	return ct.LogID{}, false
}

func (q *queue) done(node ct.LogID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, node)
	q.signal()
}

// rest leaves a node alone for a time.
func (q *queue) rest(node ct.LogID, d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.resting[node] = time.Now().Add(d)
	if q.in[node] {
		delete(q.in, node)
		q.order = slices.DeleteFunc(q.order, func(n ct.LogID) bool { return n == node })
	}
}

// awaits notes that node held logs which the roster of this version does not know.
func (q *queue) awaits(node ct.LogID, version uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.later[node] = version
}

// changed takes out the nodes whose unknown logs a newer roster may know.
func (q *queue) changed(version uint64) []ct.LogID {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []ct.LogID
	for node, v := range q.later {
		if v != version {
			out = append(out, node)
			delete(q.later, node)
		}
	}
	return out
}

func (q *queue) kick(log ct.LogID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gap, q.gapSet = log, true
	q.signal()
}

// takeGap is the log of the last kick, once.
func (q *queue) takeGap() (ct.LogID, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	log, ok := q.gap, q.gapSet
	q.gapSet = false
	return log, ok
}

// ready tells whether next would give a node.
func (q *queue) ready() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.order, func(node ct.LogID) bool { return !q.busy[node] })
}
