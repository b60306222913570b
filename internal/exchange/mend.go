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

// pullRotten asks for the records that have rotted here. What a peer sends is
// verified like any record, and the store takes it only where the chain names
// its id.
func (x *Exchange) pullRotten(ctx context.Context, e *session, node ct.LogID) error {
	refs, err := x.cfg.Store.Rotten(wire.MaxSyncRanges)
	if err != nil || len(refs) == 0 || !x.told.rotten.may(node, time.Now()) {
		return err
	}
	_, err = x.fetch(ctx, e, reconcile.NewSignatureFetch(refs), x.openRotten, x.mend)
	return err
}

// openRotten is openSigned for records of which the body may be here still.
func (x *Exchange) openRotten(raws [][]byte, held held) ([]verify.Record, error) {
	whole := make([][]byte, len(raws))
	for i, raw := range raws {
		whole[i] = x.cfg.Store.Complete(raw)
	}
	return x.openSigned(whole, held)
}

func (x *Exchange) mend(_ context.Context, recs []verify.Record) error {
	n, err := x.cfg.Store.Mend(recs)
	if err != nil {
		return fmt.Errorf("store records again: %w", err)
	}
	x.metrics.mended.Add(float64(n))
	return nil
}
