package desk

import (
	"context"
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// A node that is known to be away is asked all the same, since it may be back and a
// "no answer" in place of a POSSIBLE is dear: but for a moment, so that nobody waits
// for the dead, and not by every request of a batch.
const (
	awayTry   = time.Second
	awayEvery = 30 * time.Second
)

// Requests to one node at once. It answers four of one peer, and refuses more; a seat
// is free there a little later than the answer is here.
const perNode = 3

// lanes are the ways to the other nodes, bounded by the roster.
type lanes struct {
	mu sync.Mutex
	of map[ct.LogID]*lane
}

type lane struct {
	slots chan struct{}
	tried time.Time // when it was last asked though it is away; guarded by lanes.mu
}

func (l *lanes) lane(node ct.LogID) *lane {
	if l.of == nil {
		l.of = map[ct.LogID]*lane{}
	}
	x := l.of[node]
	if x == nil {
		x = &lane{slots: make(chan struct{}, perNode)}
		l.of[node] = x
	}
	return x
}

// enter waits for a place on the way to a node.
func (l *lanes) enter(ctx context.Context, node ct.LogID) (leave func(), err error) {
	l.mu.Lock()
	x := l.lane(node)
	l.mu.Unlock()
	select {
	case x.slots <- struct{}{}:
		return func() { <-x.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// try tells whether a node that is away is to be asked, now and then.
func (l *lanes) try(node ct.LogID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.lane(node)
	if !x.tried.IsZero() && now.Sub(x.tried).Abs() < awayEvery {
		return false
	}
	x.tried = now
	return true
}
