package journal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/herald-net/herald/internal/store"
)

// Told is a head of this journal that another node remembers from a beacon.
type Told struct {
	Entries uint64
	Head    [32]byte
	By      string // who remembers it, for the message
}

// Verify walks the whole journal, from its checkpoint on (Cut), and returns the
// number of the newest entry. The error
// wraps ErrBroken and names the first entry that was edited, deleted, moved or
// cut off, or whose subject was changed or removed without an erase entry, or
// the first place where it is not what others were told.
func (j *Journal) Verify(told ...Told) (entries uint64, err error) {
	err = j.local.View(func(tx *store.LocalTx) error {
		entries, err = j.verify(tx, told)
		return err
	})
	j.met(err)
	if err != nil {
		return entries, fmt.Errorf("verify journal: %w", err)
	}
	return entries, nil
}

func (j *Journal) verify(tx *store.LocalTx, told []Told) (uint64, error) {
	w := walk{tx: tx, gone: map[uint64]bool{}, told: map[uint64][]Told{}}
	for _, t := range told {
		w.told[t.Entries] = append(w.told[t.Entries], t)
	}
	var err error
	if w.begin, w.hash, err = j.checkpoint(tx); err != nil {
		return 0, err
	}
	w.seq, w.beginHash = w.begin, w.hash
	if err := w.fits(w.begin, w.hash); err != nil {
		return w.seq, err
	}
	if err = w.all(); err != nil {
		return w.seq, err
	}
	seq, hash, err := j.head(tx)
	switch {
	case err != nil:
		return w.seq, err
	case seq != w.seq || hash != w.hash:
		return w.seq, fmt.Errorf("%w: the head says %d, the chain ends at %d", ErrBroken, seq, w.seq)
	}
	for _, t := range told {
		if t.Entries > w.seq {
			return w.seq, fmt.Errorf("%w: %s was told of %d entries, there are %d", ErrBroken, t.By, t.Entries, w.seq)
		}
	}
	return w.seq, nil
}

func (w *walk) all() error {
	if err := w.tx.Scan(bucketEntry, nil, w.entry); errors.Is(err, ErrBroken) {
		return err
	} else if err != nil {
		return unreadable(fmt.Sprintf("entry %d", w.seq+1), err)
	}
	if w.begin > 0 && !w.named {
		return fmt.Errorf("%w: no entry says that the entries up to %d were removed", ErrBroken, w.begin)
	}
	if len(w.gone) > 0 {
		return fmt.Errorf("%w: the subject of entry %d was removed", ErrBroken, slices.Min(slices.Collect(maps.Keys(w.gone))))
	}
	return w.strays()
}

// walk is the state of one Verify.
type walk struct {
	tx       *store.LocalTx
	told     map[uint64][]Told // by entries
	seq      uint64
	hash     [32]byte
	gone     map[uint64]bool // kept by the chain, not there, no erase entry yet
	subjects uint64          // that are there

	begin     uint64 // the checkpoint: the last entry that was removed
	beginHash [32]byte
	named     bool // an entry names it
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
	if err := w.fits(e.Seq, e.Hash); err != nil {
		return err
	}
	if e.Act == ActCut && e.Of == w.begin && e.Outcome == hex.EncodeToString(w.beginHash[:]) {
		w.named = true
	}
	if e.Act == ActEraseSubject && e.Of > w.begin {
		if !w.gone[e.Of] {
			return fmt.Errorf("%w: entry %d erased the subject of entry %d, which is still there or never was",
				ErrBroken, e.Seq, e.Of)
		}
		delete(w.gone, e.Of)
	}
	if !e.kept() {
		return nil
	}
	if err := e.fetch(w.tx); err != nil {
		return err
	}
	if e.Sealed == nil {
		w.gone[e.Seq] = true
		return nil
	}
	w.subjects++
	return nil
}

// fits compares an entry with what others were told of it.
func (w *walk) fits(seq uint64, hash [32]byte) error {
	for _, t := range w.told[seq] {
		if seq > 0 && t.Head != hash {
			return fmt.Errorf("%w: entry %d is not the one that %s was told of: it or one before it was written anew", ErrBroken, seq, t.By)
		}
	}
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
		return unreadable(fmt.Sprintf("a subject after that of entry %d", last), err)
	}
	if n != w.subjects {
		return fmt.Errorf("%w: %d sealed subjects, the chain keeps %d (the last is of entry %d)",
			ErrBroken, n, w.subjects, last)
	}
	return nil
}
