package p2p

import (
	"cmp"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
)

const (
	backoffMin = time.Second
	backoffMax = 45 * time.Second
	roundMin   = time.Second
	roundMax   = 10 * time.Second
	// A peer that comes back after such a wait tells that others may too: an
	// outage has ended. They are all tried within hopeWithin, once a hopeEvery.
	longWait   = 8 * time.Second
	hopeWithin = 5 * time.Second
	hopeEvery  = time.Minute
)

// steady is how long a connection must last before its target's back-off is
// forgotten: a peer that has muted this node hangs up at once.
const steady = time.Minute

// tries remembers attempts, by node key or bootstrap address, and what
// answered at bootstrap addresses that name nobody.
type tries struct {
	mu  sync.Mutex
	at  map[string]attempt
	met map[string]ct.LogID

	hoped time.Time // when an outage was last seen to end
}

type attempt struct {
	wait time.Duration
	due  time.Time
	busy bool // a dial is under way
	back bool // it has come back since the last dial
}

// due takes out the targets whose time has come, those that failed least first,
// and holds them until tried or release.
func (t *tries) due(targets []target, now time.Time) []target {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []target
	for _, x := range targets {
		if a := t.at[x.key]; !a.busy && !now.Before(a.due) {
			a.busy = true
			t.at[x.key] = a
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b target) int { return cmp.Compare(t.at[a.key].wait, t.at[b.key].wait) })
	return out
}

func (t *tries) release(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.at[key]
	a.busy = false
	t.at[key] = a
}

// failing tells that a target was dialled in vain, twice at least.
func (t *tries) failing(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at[key].wait >= 2*backoffMin
}

// tried doubles the wait, with jitter so that nodes do not march in step.
func (t *tries) tried(key string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := min(max(2*t.at[key].wait, backoffMin), backoffMax)
	t.at[key] = attempt{wait: wait, due: now.Add(jitter(wait))}
}

// connected notes that a target has a connection since opened, whoever made it.
// It tells whether that ends an outage: all others are tried soon.
func (t *tries) connected(key string, opened, now time.Time) (hope bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.at[key]
	if !ok {
		return false
	}
	if now.Sub(opened) > steady && !a.busy {
		delete(t.at, key)
		return false
	}
	if a.back || a.wait < longWait {
		return false
	}
	a.back = true
	t.at[key] = a
	if !t.hoped.IsZero() && now.Sub(t.hoped) < hopeEvery {
		return false
	}
	t.hoped = now
	for k, a := range t.at {
		if soon := now.Add(mrand.N(hopeWithin)); a.due.After(soon) {
			a.due = soon
			t.at[k] = a
		}
	}
	return true
}

// next is the time until the first of the targets may be tried again.
func (t *tries) next(targets []target, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := roundMax
	for _, x := range targets {
		if a := t.at[x.key]; !a.busy {
			wait = min(wait, a.due.Sub(now))
		}
	}
	return max(wait, roundMin)
}

// keep drops what is neither in the roster nor configured.
func (t *tries) keep(known map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.at {
		if !known[k] {
			delete(t.at, k)
		}
	}
}

func (t *tries) whoAnswers(addr string) (ct.LogID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	node, ok := t.met[addr]
	return node, ok
}

func (t *tries) answered(addr string, node ct.LogID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if node.IsZero() {
		delete(t.met, addr)
	} else {
		t.met[addr] = node
	}
}

func jitter(d time.Duration) time.Duration { return d*3/4 + mrand.N(d/2+1) }
