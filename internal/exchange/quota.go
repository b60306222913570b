package exchange

import (
	"context"
	"sync"
	"time"

	"github.com/herald-net/herald/node/ct"
)

const (
	// A peer may be sent at once what quotaWhole times the store's files and
	// quotaBase hold: a new node gets everything, and is not hindered when it has
	// to begin again.
	quotaWhole = 2
	quotaBase  = 64 << 20
	// quotaRefill is the time in which a spent quota fills up. A peer that asks
	// for everything for ever gets a third of a percent of the store a second.
	quotaRefill = 10 * time.Minute
)

// quota bounds the bytes of records that each peer is sent, over all its
// streams. The roster bounds its size.
type quota struct {
	mu    sync.Mutex
	spent map[ct.LogID]spent
}

type spent struct {
	bytes float64
	at    time.Time
}

// take notes n bytes for a peer and tells how long to wait before they are
// sent, so that not more than full bytes leave at once.
func (q *quota) take(peer ct.LogID, n int, full float64, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spent == nil {
		q.spent = map[ct.LogID]spent{}
	}
	rate := full / quotaRefill.Seconds()
	s := q.spent[peer]
	s.bytes = max(0, s.bytes-rate*now.Sub(s.at).Seconds()) + float64(n)
	s.at = now
	q.spent[peer] = s
	if s.bytes <= full {
		return 0
	}
	return time.Duration((s.bytes - full) / rate * float64(time.Second))
}

// pace waits until a peer may be sent n bytes more.
func (x *Exchange) pace(ctx context.Context, peer ct.LogID, n int) error {
	full := quotaBase + quotaWhole*float64(x.cfg.Store.FileBytes())
	wait := x.quota.take(peer, n, full, time.Now())
	if wait <= 0 {
		return nil
	}
	x.metrics.paced.Add(wait.Seconds())
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
