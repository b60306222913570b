package exchange

import (
	"context"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What the tests of the package look into.
var (
	SyncProtocol  = syncProtocol
	MatchProtocol = matchProtocol
)

const (
	SyncsPerPeer   = syncsPerPeer
	SyncsTotal     = syncsTotal
	MatchesPerPeer = matchesPerPeer
	MatchesTotal   = matchesTotal
	MaxRange       = maxRange
	MaxMatchFrame  = maxMatchFrame
)

type (
	Quota    = quota
	Claims   = claims
	Snapshot = snapshot
)

func (x *Exchange) Holds() Snapshot                                   { return x.holds() }
func (s *snapshot) After(m wire.Mark) (heads []wire.LogHead, ok bool) { return s.after(m) }
func (s *snapshot) Mark() wire.Mark                                   { return s.mark }

func (q *quota) Take(peer ct.LogID, n int, full float64, now time.Time) time.Duration {
	return q.take(peer, n, full, now)
}

func NewClaims() *Claims { return &claims{logs: map[ct.LogID]struct{}{}} }

func (c *claims) Take(ranges []wire.SyncRange, max uint64, skip map[ct.LogID]bool) []wire.SyncRange {
	return c.take(ranges, max, skip, nil)
}
func (c *claims) Release(ranges []wire.SyncRange) { c.release(ranges) }

// FetchRange asks a node for one range, whatever it says it holds.
func (x *Exchange) FetchRange(ctx context.Context, node ct.LogID, r wire.SyncRange, put func(context.Context, []verify.Record) error) error {
	s, stop, err := x.open(ctx, node, syncProtocol(x.cfg.View().Network()), p2p.ServiceSync)
	if err != nil {
		return err
	}
	defer stop()
	e := newSession(s, x.metrics)
	if err := e.send(&wire.SyncMessage{Hello: x.hello(node, new(snapshot))}); err != nil {
		return err
	}
	if _, err := e.receive(); err != nil {
		return err
	}
	_, err = x.fetch(ctx, e, reconcile.NewFetch([]wire.SyncRange{r}), x.openChunk, put)
	return err
}

// SpendQuota leaves nothing of a peer's quota and tells how much that was.
func (x *Exchange) SpendQuota(node ct.LogID) float64 {
	full := quotaBase + quotaWhole*float64(x.cfg.Store.FileBytes())
	x.quota.take(node, int(full), full, time.Now())
	return full
}
