package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// The mark of a restored store: the time of the restore, in its own bucket of
// local.db. It stays until the node knows its own log's end.
const bucketMark = "restored"

var (
	markKey   = []byte("at")
	rebornKey = []byte("reborn") // when log.db was made anew, as far as this mark knows
)

func mark(l *store.Local, now time.Time) error {
	return l.Update(func(tx *store.LocalTx) error {
		v, err := now.UTC().MarshalBinary()
		if err != nil {
			return err
		}
		return tx.Put(bucketMark, markKey, v)
	})
}

// MarkReborn marks a store whose log.db was made anew at a time, like one that
// was restored. It tells whether it did; a second call for the same time does not.
func MarkReborn(l *store.Local, reborn ct.Millis, now time.Time) (fresh bool, err error) {
	v := binary.BigEndian.AppendUint64(nil, uint64(reborn))
	err = l.Update(func(tx *store.LocalTx) error {
		if old, err := tx.Get(bucketMark, rebornKey); err == nil && bytes.Equal(old, v) {
			return nil
		} else if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		fresh = true
		at, err := now.UTC().MarshalBinary()
		if err != nil {
			return err
		}
		return errors.Join(tx.Put(bucketMark, markKey, at), tx.Put(bucketMark, rebornKey, v))
	})
	if err != nil {
		return false, fmt.Errorf("restore mark: %w", err)
	}
	return fresh, nil
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
