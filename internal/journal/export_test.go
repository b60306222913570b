package journal

import (
	"time"

	"github.com/herald-net/herald/internal/store"
)

// What tests need to play the part of somebody who holds the storage key and
// rewrites the journal.
const (
	BucketEntry   = bucketEntry
	BucketSubject = bucketSubject
	BucketHead    = bucketHead
)

func HeadName() []byte { return headName }

func SeqKey(seq uint64) []byte { return seqKey(seq) }

// Encode writes an entry as it stands, with whatever hash it has.
func (e Entry) Encode() []byte { return e.encode() }

// Rehash gives the hash that the entry's fields ask for.
func (e Entry) Rehash() [32]byte { return e.hash() }

func DecodeEntry(k, v []byte) (Entry, error) { return decodeEntry(k, v) }

// VerifyIn verifies what a transaction that is still open would leave.
func (j *Journal) VerifyIn(tx *store.LocalTx, told ...Told) (uint64, error) {
	return j.verify(tx, told)
}

// CheckpointIn is Checkpoint within a transaction.
func (j *Journal) CheckpointIn(tx *store.LocalTx) (uint64, [32]byte, error) { return j.checkpoint(tx) }

// EncodeCheckpoint writes a checkpoint under the audit key.
func (j *Journal) EncodeCheckpoint(seq uint64, hash [32]byte) []byte {
	return j.encodeCheckpoint(seq, hash)
}

// AppendAll appends many entries in one transaction.
func (j *Journal) AppendAll(entries []Entry) error {
	var batch []*pending
	for _, e := range entries {
		if err := e.prepare(time.Now(), j.auditor); err != nil {
			return err
		}
		batch = append(batch, &pending{entry: e})
	}
	j.commit.Lock()
	defer j.commit.Unlock()
	return j.update(batch, func(*store.LocalTx) error { return nil })
}
