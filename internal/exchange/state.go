package exchange

import (
	"bytes"
	"context"
	"slices"
	"sort"
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
	after ct.LogID                   // the last log taken
	pulls map[ct.LogID]chan struct{} // closed when the pull from this node ends
	// held are logs of which a peer served a record that could not be judged. Of
	// such a log one header is asked of this peer after a time, or when the roster
	// has changed, and the rest when that one gets in: a clock that was wrong may
	// be right by then, and a version may be known. Other peers are asked
	// meanwhile: no signature was checked.
	held map[heldLog]heldUntil
}

// maxHeld bounds what is remembered of held logs.
const maxHeld = 1 << 16

type heldLog struct{ from, log ct.LogID }

type heldUntil struct {
	version uint64 // of the roster
	until   time.Time
	wait    time.Duration
	short   bool // the peer cannot vouch for what comes next: one record is not enough
}

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
// records; skip names logs to leave out, and one those of which one record is
// enough for now. Ranges are by ascending log. Where many
// logs are behind, each gets a part, and the next call goes on after the last of
// them: a long log does not keep the others waiting.
func (c *claims) take(ranges []wire.SyncRange, max uint64, skip, one map[ct.LogID]bool) []wire.SyncRange {
	c.mu.Lock()
	defer c.mu.Unlock()
	var free []wire.SyncRange
	for _, r := range ranges {
		if _, taken := c.logs[r.Log]; !taken && !skip[r.Log] {
			free = append(free, r)
		}
	}
	if len(free) == 0 {
		return nil
	}
	start := sort.Search(len(free), func(i int) bool { return bytes.Compare(free[i].Log[:], c.after[:]) > 0 })
	share := uint64(wire.MaxSyncRecords)
	if even := max / uint64(len(free)); even > share {
		share = even
	}
	var out []wire.SyncRange
	for i := range free {
		r := free[(start+i)%len(free)]
		if max == 0 {
			break
		}
		r.Count = min(r.Count, share, max)
		if one[r.Log] {
			r.Count = 1
		}
		max -= r.Count
		c.logs[r.Log], c.after = struct{}{}, r.Log
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

// hold notes the logs that are held, each for its time.
func (c *claims) hold(from ct.LogID, logs held, version uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for log, d := range logs {
		if len(c.held) >= maxHeld {
			clear(c.held) // they are asked for once more
		}
		k := heldLog{from, log}
		d = max(d, min(2*c.held[k].wait, heldMost))
		c.held[k] = heldUntil{version: version, until: now.Add(d), wait: d}
	}
}

// holdShort notes a log of which a peer does not serve what comes next.
func (c *claims) holdShort(from, log ct.LogID, version uint64, now time.Time) {
	c.hold(from, held{log: heldFor}, version, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.held[heldLog{from, log}]
	u.short = true
	c.held[heldLog{from, log}] = u
}

// free forgets that a log was held.
func (c *claims) free(from, log ct.LogID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, heldLog{from, log})
}

// heldOf sorts the logs of theirs that were held: those to leave out, and those
// of which it is time to ask for one record.
func (c *claims) heldOf(from ct.LogID, theirs []wire.LogHead, version uint64, now time.Time) (skip, one map[ct.LogID]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	skip, one = map[ct.LogID]bool{}, map[ct.LogID]bool{}
	if len(c.held) == 0 {
		return skip, one
	}
	for _, h := range theirs {
		k := heldLog{from, h.Log}
		switch u, ok := c.held[k]; {
		case !ok:
		case u.version == version && now.Before(u.until):
			skip[h.Log] = true
		case !u.short:
			one[h.Log] = true
		}
	}
	return skip, one
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
