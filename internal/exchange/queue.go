package exchange

import (
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// blameFor is how long a peer that broke the protocol is not asked.
const blameFor = time.Minute

// queue is whom to pull from next. Each node is in it at most once, so the
// roster bounds it.
type queue struct {
	mu     sync.Mutex
	order  []ct.LogID
	in     map[ct.LogID]bool
	blamed map[ct.LogID]time.Time // not before
	later  map[ct.LogID]uint64    // had logs unknown to this roster version
	gap    ct.LogID               // log of the last kick
	gapSet bool
	wake   chan struct{}
}

func newQueue() queue {
	return queue{
		in: map[ct.LogID]bool{}, blamed: map[ct.LogID]time.Time{},
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
	if q.in[node] || time.Now().Before(q.blamed[node]) {
		return
	}
	q.in[node] = true
	q.order = append(q.order, node)
	q.signal()
}

func (q *queue) next() (ct.LogID, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.order) == 0 {
		return ct.LogID{}, false
	}
	node := q.order[0]
	q.order = q.order[1:]
	delete(q.in, node)
	return node, true
}

func (q *queue) blame(node ct.LogID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blamed[node] = time.Now().Add(blameFor)
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

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.order)
}
