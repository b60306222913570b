package journal

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/herald-net/herald/internal/store"
)

// Verify walks the whole journal and returns the number of entries. The error
// wraps ErrBroken and names the first entry that was edited, deleted, moved or
// cut off, or whose subject was changed or removed without an erase entry.
func (j *Journal) Verify() (uint64, error) {
	var w walk
	err := j.local.View(func(tx *store.LocalTx) error {
		w = walk{j: j, tx: tx, gone: map[uint64]bool{}}
		if err := tx.Scan(bucketEntry, nil, w.entry); err != nil {
			return err
		}
		if len(w.gone) > 0 {
			return fmt.Errorf("%w: the subject of entry %d was removed", ErrBroken, slices.Min(slices.Collect(maps.Keys(w.gone))))
		}
		if err := w.strays(); err != nil {
			return err
		}
		seq, hash, err := j.head(tx)
		if err != nil {
			return err
		}
		if seq != w.seq || hash != w.hash {
			return fmt.Errorf("%w: the head says %d, the chain ends at %d", ErrBroken, seq, w.seq)
		}
		return nil
	})
	if err != nil {
		return w.seq, fmt.Errorf("verify journal: %w", err)
	}
	return w.seq, nil
}

// walk is the state of one Verify.
type walk struct {
	j        *Journal
	tx       *store.LocalTx
	seq      uint64
	hash     [32]byte
	gone     map[uint64]bool // kept by the chain, not there, no erase entry yet
	subjects uint64          // that are there
}

func (w *walk) entry(k, v []byte) error {
	e, err := decodeEntry(k, v)
	if err != nil {
		return err
	}
	switch {
	case e.Seq != w.seq+1:
		return fmt.Errorf("%w: entry %d follows entry %d", ErrBroken, e.Seq, w.seq)
	case e.Prev != w.hash:
		return fmt.Errorf("%w: entry %d does not continue entry %d", ErrBroken, e.Seq, w.seq)
	}
	w.seq, w.hash = e.Seq, e.Hash
	if e.Act == ActEraseSubject {
		if !w.gone[e.Of] {
			return fmt.Errorf("%w: entry %d erased the subject of entry %d, which is still there or never was",
				ErrBroken, e.Seq, e.Of)
		}
		delete(w.gone, e.Of)
	}
	if e.subjectState() != subjectKept {
		return nil
	}
	if err := w.j.openSubject(w.tx, &e); err != nil {
		return err
	}
	if e.Subject == nil {
		w.gone[e.Seq] = true
		return nil
	}
	w.subjects++
	return nil
}

// strays finds subjects that no entry keeps.
func (w *walk) strays() error {
	n := uint64(0)
	last := uint64(0)
	err := w.tx.Scan(bucketSubject, nil, func(k, _ []byte) error {
		n++
		if len(k) == 8 {
			last = binary.BigEndian.Uint64(k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n != w.subjects {
		return fmt.Errorf("%w: %d sealed subjects, the chain keeps %d (the last is of entry %d)",
			ErrBroken, n, w.subjects, last)
	}
	return nil
}
