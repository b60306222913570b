package p2p

import (
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// faultsMax is how many faults within faultsFor a node is forgiven: memory
	// rots and programs have bugs.
	faultsMax = 4
	faultsFor = 10 * time.Minute

	quarantineMin = 10 * time.Minute // of the first time; then twice as long each time
	quarantineMax = 6 * time.Hour
	// quarantineCalm is how long a node must behave after a quarantine for the
	// next one to be short again.
	quarantineCalm = 24 * time.Hour
)

// quarantine keeps out nodes that do what no honest node does. It is this
// node's own measure, kept in memory: it says nothing to others, and whatever
// the node has signed is still taken from those who pass it on.
type quarantine struct {
	mu    sync.Mutex
	nodes map[ct.LogID]*suspect // members only: the roster bounds them
}

type suspect struct {
	faults int
	since  time.Time // of the first of the faults
	length time.Duration
	until  time.Time
}

func (q *quarantine) holds(node ct.LogID, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s, ok := q.nodes[node]
	return ok && now.Before(s.until)
}

func (q *quarantine) of(node ct.LogID) *suspect {
	s, ok := q.nodes[node]
	if !ok {
		s = &suspect{}
		q.nodes[node] = s
	}
	return s
}

// fault counts one; true when it is one too many.
func (q *quarantine) fault(node ct.LogID, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.of(node)
	if now.Sub(s.since) > faultsFor {
		s.since, s.faults = now, 0
	}
	s.faults++
	return s.faults > faultsMax
}

// begin puts a node out and tells for how long; zero when it is out already.
func (q *quarantine) begin(node ct.LogID, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.of(node)
	if now.Before(s.until) {
		return 0
	}
	if now.Sub(s.until) > quarantineCalm {
		s.length = 0
	}
	s.length = min(max(2*s.length, quarantineMin), quarantineMax)
	s.until, s.faults = now.Add(s.length), 0
	return s.length
}

// Fault notes that a peer has sent what no honest node sends, whatever it holds
// or knows. The fifth within ten minutes puts it into quarantine. What a peer
// could not judge when it passed it on is no fault.
func (p *Host) Fault(id peer.ID, what string) {
	if node, _, ok := p.gate.admitted(id); ok && p.gate.quarantine.fault(node.Key, time.Now()) {
		p.Quarantine(id, what)
	}
}

// Quarantine closes the connections with a member's node and admits none for
// ten minutes, and longer each time it comes to that again. It does not block.
func (p *Host) Quarantine(id peer.ID, why string) {
	node, _, ok := p.gate.admitted(id)
	if !ok {
		return
	}
	d := p.gate.quarantine.begin(node.Key, time.Now())
	if d == 0 {
		return
	}
	p.log.Warn("a member's node does what no honest node does; it is kept out for a time",
		"node", node.Key.Short(), "state", node.State, "why", why, "for", d)
	select {
	case p.closing <- struct{}{}:
	default: // a check is due already
	}
}

// Quarantined tells until when a node is kept out; false: it is not.
func (p *Host) Quarantined(node ct.LogID) (until time.Time, ok bool) {
	q := &p.gate.quarantine
	q.mu.Lock()
	defer q.mu.Unlock()
	s, found := q.nodes[node]
	if !found || !time.Now().Before(s.until) {
		return time.Time{}, false
	}
	return s.until, true
}
