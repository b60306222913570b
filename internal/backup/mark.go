package backup

import (
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/store"
)

// The mark of a restored store: the time of the restore, in its own bucket of
// local.db. It stays until the node knows its own log's end.
const bucketMark = "restored"

var markKey = []byte("at")

func mark(l *store.Local, now time.Time) error {
	return l.Update(func(tx *store.LocalTx) error {
		v, err := now.UTC().MarshalBinary()
		if err != nil {
			return err
		}
		return tx.Put(bucketMark, markKey, v)
	})
}

// Marked tells whether, and when, the store was restored by Restore and has
// not been cleared since.
func Marked(l *store.Local) (at time.Time, ok bool, err error) {
	err = l.View(func(tx *store.LocalTx) error {
		v, err := tx.Get(bucketMark, markKey)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		ok = true
		return at.UnmarshalBinary(v)
	})
	if err != nil {
		return at, ok, fmt.Errorf("restore mark: %w", err)
	}
	return at, ok, nil
}

// Clear takes the mark off.
func Clear(l *store.Local) error {
	return l.Update(func(tx *store.LocalTx) error { return tx.Delete(bucketMark, markKey) })
}
