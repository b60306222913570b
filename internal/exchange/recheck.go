package exchange

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

const (
	recheckBatch = 256              // signatures: about 10 ms of one core
	recheckRest  = 4                // a batch is followed by a pause of so many times its own length
	recheckIdle  = 10 * time.Second // between looks when nothing is left
	// recheckYield is between batches while a catch-up runs: each still takes
	// its turn, so that no peer can put it off for ever, with one hundredth of a core.
	recheckYield = time.Second
)

// recheck verifies, with at most a fifth of one core and much less while a
// catch-up needs the cores, the signatures that
// catch-up took on a later one's word. A bad one blames nobody, since the id
// does not cover it and any peer on its way may have replaced it: it is asked of
// peers by pullSignatures.
func (x *Exchange) recheck(ctx context.Context) {
	for {
		start, pause := time.Now(), recheckIdle
		checked, bad, err := x.cfg.Store.Recheck(recheckBatch)
		switch {
		case err != nil:
			x.log.Error("signatures are not checked", "err", err)
		case checked > 0:
			pause = recheckRest * time.Since(start)
			if x.catchingUp(time.Now()) {
				pause = max(pause, recheckYield)
			}
		}
		if bad > 0 {
			x.log.Warn("signatures inside ranges are bad and wanted from other peers", "records", bad)
		}
		x.metrics.signatures.WithLabelValues("good").Add(float64(checked - bad))
		x.metrics.signatures.WithLabelValues("bad").Add(float64(bad))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// catchingUp tells whether a large chunk was stored within the last second.
func (x *Exchange) catchingUp(now time.Time) bool {
	return now.Sub(time.UnixMilli(x.caughtUp.Load())) < recheckYield
}

// pullSignatures asks for the records whose signature is bad here.
func (x *Exchange) pullSignatures(ctx context.Context, e *session, node ct.LogID) error {
	refs, err := x.cfg.Store.Unsound(wire.MaxSyncRanges)
	if err != nil || len(refs) == 0 || !x.told.signatures.may(node, time.Now()) {
		return err
	}
	_, err = x.fetch(ctx, e, reconcile.NewSignatureFetch(refs), x.openSigned, x.putSignatures)
	return err
}

func (x *Exchange) putSignatures(_ context.Context, recs []verify.Record) error {
	n, err := x.cfg.Store.PutSignatures(recs)
	if err != nil {
		return fmt.Errorf("store signatures: %w", err)
	}
	x.metrics.signatures.WithLabelValues("replaced").Add(float64(n))
	return nil
}
