package node

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
)

// indexAlarm is the line for an index that is so far behind that no match can be
// answered; "" when it is not.
func (n *Node) indexAlarm() string {
	lag := n.index.Lag(n.desk.Followed())
	if !lag.Blind {
		return ""
	}
	line := fmt.Sprintf("index: %d persons indexed, %d records and %d entries of lists to go; matches are refused until then",
		n.index.Persons(), lag.Records, lag.Changes)
	if lag.Left > 0 {
		line += fmt.Sprintf("; about %s left", lag.Left.Round(time.Second))
	}
	return line
}

// indexStill is how long an index that stands still is waited for.
const indexStill = time.Minute

// indexed waits until the index has followed what there is now. As long as it
// goes on it is waited for; api.ErrConflict when it stands still.
func (n *Node) indexed(ctx context.Context) error {
	until := n.desk.Followed().Last()
	for {
		at := n.index.Cursors()
		wait, cancel := context.WithTimeout(ctx, indexStill)
		err := n.index.Reach(wait, until)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("wait for the index: %w", ctx.Err())
		case n.index.Cursors() == at:
			return fmt.Errorf("%w: its persons cannot be found yet: the index stands still; matches are refused until it goes on, see `herald status`", api.ErrConflict)
		}
	}
}

// findable ends an import: with an error while its persons cannot be found.
func (n *Node) findable(ctx context.Context, list string, res desk.ImportResult, err error) error {
	if err == nil {
		if err = n.indexed(ctx); err != nil {
			err = fmt.Errorf("import: list %s is in force with %d persons: %w", list, res.After, err)
		}
	}
	return err
}

// registerIndexMetrics adds what the index is behind by.
func (n *Node) registerIndexMetrics(gauge func(name, help string, f func() float64)) {
	gauge("index_lag_records", "Records stored and not yet indexed.", func() float64 {
		return float64(n.index.Lag(n.desk.Followed()).Records)
	})
	gauge("index_lag_entries", "Changes of imported lists not yet indexed.", func() float64 {
		return float64(n.index.Lag(n.desk.Followed()).Changes)
	})
}
