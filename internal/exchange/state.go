package exchange

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// claims keeps two pulls from fetching the same log, and two pulls from
// running against the same node.
type claims struct {
	mu    sync.Mutex
	logs  map[ct.LogID]struct{}
	pulls map[ct.LogID]chan struct{} // closed when the pull from this node ends
	// held are logs of which a peer served a record that the roster of that
	// version could not judge: they are not fetched from this peer again before
	// the roster changes. Other peers are asked: no signature was checked.
	held map[heldLog]uint64
}

type heldLog struct{ from, log ct.LogID }

// begin waits until no other pull from node runs, and marks this one.
func (c *claims) begin(ctx context.Context, node ct.LogID) (end func(), err error) {
	for {
		c.mu.Lock()
		running, busy := c.pulls[node]
		if !busy {
			done := make(chan struct{})
			c.pulls[node] = done
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				delete(c.pulls, node)
				c.mu.Unlock()
				close(done)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-running:
		}
	}
}

// take claims ranges of logs that no other pull is fetching, up to about max
// records; skip names logs to leave out.
func (c *claims) take(ranges []wire.SyncRange, max uint64, skip map[ct.LogID]bool) []wire.SyncRange {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []wire.SyncRange
	for _, r := range ranges {
		if max == 0 {
			break
		}
		if _, taken := c.logs[r.Log]; taken || skip[r.Log] {
			continue
		}
		c.logs[r.Log] = struct{}{}
		r.Count = min(r.Count, max)
		max -= r.Count
		out = append(out, r)
	}
	return out
}

func (c *claims) release(ranges []wire.SyncRange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range ranges {
		delete(c.logs, r.Log)
	}
}

func (c *claims) hold(from ct.LogID, logs map[ct.LogID]bool, version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for log := range logs {
		c.held[heldLog{from, log}] = version
	}
}

// addHeld puts into skip the logs of theirs that are held under this roster.
func (c *claims) addHeld(skip map[ct.LogID]bool, from ct.LogID, theirs []wire.LogHead, version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range theirs {
		k := heldLog{from, h.Log}
		switch v, ok := c.held[k]; {
		case ok && v == version:
			skip[h.Log] = true
		case ok:
			delete(c.held, k)
		}
	}
}

// told is what peers said in their hellos; its size is bounded by the roster,
// whose nodes alone get to say hello.
type told struct {
	mu     sync.Mutex
	by     map[ct.LogID]heard
	synced map[ct.LogID]bool // a pull has run to its end

	bodies, signatures, rotten asked
}

// asked is when each peer was last asked for something that it need not have.
type asked struct {
	mu   sync.Mutex
	last map[ct.LogID]time.Time
}

// may tells whether node was not asked lately, and notes that it is now.
func (a *asked) may(node ct.LogID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, ok := a.last[node]; ok && now.Sub(last) < missingEvery {
		return false
	}
	if a.last == nil {
		a.last = map[ct.LogID]time.Time{}
	}
	a.last[node] = now
	return true
}

type heard struct {
	own   uint64        // length of our own log at the peer
	ahead time.Duration // its clock against ours
}

func (t *told) note(from ct.LogID, said heard) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[from] = said
}

func (t *told) pulled(from ct.LogID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.synced == nil {
		t.synced = map[ct.LogID]bool{}
	}
	t.synced[from] = true
}

// withdraw forgets what a peer said that could not keep it.
func (t *told) withdraw(from ct.LogID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, from)
}

func (t *told) ownHead() (answers int, known uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.by {
		known = max(known, h.own)
	}
	return len(t.by), known
}

func (t *told) clock() (time.Duration, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.by) == 0 {
		return 0, 0
	}
	var all []time.Duration
	for _, h := range t.by {
		all = append(all, h.ahead)
	}
	slices.Sort(all)
	return all[len(all)/2], len(all)
}

// gate bounds the streams that peers have open here, and lets Run wait for them.
type gate struct {
	mu     sync.Mutex
	open   map[gateKey]int // by peer and by protocol (zero node: all peers)
	closed bool
	idle   chan struct{} // closed when the gate is and the last stream ended
}

type gateKey struct {
	service string
	node    ct.LogID
}

// enter lets one in when there is room, or when one of all gives way.
func (g *gate) enter(service string, node ct.LogID, perNode, total int, yield func() bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	one, all := gateKey{service, node}, gateKey{service: service}
	if g.closed || g.open[one] >= perNode || g.open[all] >= total && !yield() {
		return false
	}
	g.open[one]++
	g.open[all]++
	return true
}

func (g *gate) leave(service string, node ct.LogID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range []gateKey{{service, node}, {service: service}} {
		if g.open[k]--; g.open[k] == 0 {
			delete(g.open, k)
		}
	}
	if g.closed && len(g.open) == 0 {
		close(g.idle)
	}
}

func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

// close refuses new streams and waits for those under way, whose context has ended.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.idle = make(chan struct{})
	if len(g.open) == 0 {
		close(g.idle)
	}
	idle := g.idle
	g.mu.Unlock()
	<-idle
}
