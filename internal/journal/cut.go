package journal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// A journal that is kept for a time has a checkpoint where it begins: number and hash
// of the last entry that was removed, under the audit key like the head. An entry of
// the chain (ActCut) names the same, so that a checkpoint of another place, or of
// another chain, is found: heads that others were told still lie on what is left.

var checkpointName = []byte("checkpoint")

// maxCut bounds the entries that one transaction removes.
const maxCut = 5_000

// Checkpoint is the last entry that was removed: Verify begins behind it. Zero: the
// journal is whole.
func (j *Journal) Checkpoint() (seq uint64, hash [32]byte, err error) {
	err = j.local.View(func(tx *store.LocalTx) error {
		seq, hash, err = j.checkpoint(tx)
		return err
	})
	return seq, hash, err
}

func (j *Journal) checkpoint(tx *store.LocalTx) (seq uint64, hash [32]byte, err error) {
	stored, err := tx.Get(bucketHead, checkpointName)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, hash, nil
	case err != nil:
		return 0, hash, unreadable("the checkpoint", err)
	case len(stored) != 8+32+32:
		return 0, hash, fmt.Errorf("%w: the checkpoint has another form", ErrBroken)
	}
	seq = binary.BigEndian.Uint64(stored)
	copy(hash[:], stored[8:])
	if !hmac.Equal(stored, j.encodeCheckpoint(seq, hash)) {
		return 0, hash, fmt.Errorf("%w: the checkpoint was not written under this audit key", ErrBroken)
	}
	return seq, hash, nil
}

// encodeCheckpoint is encodeHead in a context of its own.
func (j *Journal) encodeCheckpoint(seq uint64, hash [32]byte) []byte {
	b := append(seqKey(seq), hash[:]...)
	m := hmac.New(sha256.New, j.headKey[:])
	m.Write(checkpointName)
	m.Write(b)
	return m.Sum(b)
}

// Cut removes the entries before a time, with their subjects, and tells how many. It
// stops at the first that is not older, and never removes the newest: an entry dated
// by a wrong clock keeps those behind it. The bytes go with the traces of the file.
func (j *Journal) Cut(before ct.Millis) (removed uint64, err error) {
	for more := true; more; {
		var n uint64
		if n, err = j.cut(before); err != nil {
			return removed, fmt.Errorf("cut journal: %w", err)
		}
		removed += n
		more = n == maxCut
	}
	return removed, nil
}

func (j *Journal) cut(before ct.Millis) (uint64, error) {
	j.commit.Lock()
	defer j.commit.Unlock()
	var old []Entry
	newest, _ := j.Head()
	err := j.local.View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketEntry, nil, func(k, v []byte) error {
			e, err := decodeEntry(k, v)
			if err != nil {
				return err
			}
			if len(old) == maxCut || e.Time >= before || e.Seq == newest {
				return store.ErrStop
			}
			old = append(old, Entry{Seq: e.Seq, Hash: e.Hash, SealedHash: e.SealedHash})
			return nil
		})
	})
	if err != nil || len(old) == 0 {
		j.met(err)
		return 0, err
	}
	last := old[len(old)-1]
	e := Entry{Act: ActCut, Of: last.Seq, Outcome: hex.EncodeToString(last.Hash[:])}
	if err := e.prepare(time.Now(), j.auditor); err != nil {
		return 0, err
	}
	err = j.update([]*pending{{entry: e}}, func(tx *store.LocalTx) error {
		for i := range old {
			if err := tx.Delete(bucketEntry, seqKey(old[i].Seq)); err != nil {
				return err
			}
			if old[i].kept() {
				if err := tx.Delete(bucketSubject, seqKey(old[i].Seq)); err != nil {
					return err
				}
			}
		}
		return tx.Put(bucketHead, checkpointName, j.encodeCheckpoint(last.Seq, last.Hash))
	})
	if err != nil {
		return 0, err
	}
	return uint64(len(old)), nil
}
