package p2p

import (
	mrand "math/rand/v2"
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
)

const (
	backoffMin = time.Second
	backoffMax = 5 * time.Minute
	roundMin   = time.Second
	roundMax   = 10 * time.Second
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
}

type attempt struct {
	wait time.Duration
	due  time.Time
}

func (t *tries) ready(key string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !now.Before(t.at[key].due)
}

// tried doubles the wait, with jitter so that nodes do not march in step.
func (t *tries) tried(key string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := min(max(2*t.at[key].wait, backoffMin), backoffMax)
	t.at[key] = attempt{wait, now.Add(jitter(wait))}
}

func (t *tries) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.at, key)
}

// next is the time until the first of the targets may be tried again.
func (t *tries) next(targets []target, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := roundMax
	for _, x := range targets {
		wait = min(wait, t.at[x.key].due.Sub(now))
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
