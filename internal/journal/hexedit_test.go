package journal_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"go.etcd.io/bbolt"
)

// Who writes into local.db without the storage key is found: whatever value of
// the journal is changed, moved or removed, Verify names the place, Append
// refuses, and the journal says of itself that it is not whole.
func TestWritingIntoTheFile(t *testing.T) {
	const entries = 5
	for name, x := range map[string]struct {
		do    func(local *bbolt.Bucket) error
		names string // what Verify says
		met   bool   // by who opens the journal or appends to it, too
	}{
		"an entry":           {flipIn(journal.BucketEntry, journal.SeqKey(2)), "entry 2", false},
		"the last entry":     {flipIn(journal.BucketEntry, journal.SeqKey(entries)), "entry 5", true},
		"a subject":          {flipIn(journal.BucketSubject, journal.SeqKey(2)), "entry 2", false},
		"the head":           {flipIn(journal.BucketHead, []byte("head")), "the head", true},
		"entries exchanged":  {exchangeIn(journal.BucketEntry, journal.SeqKey(2), journal.SeqKey(3)), "entry 2", false},
		"subjects exchanged": {exchangeIn(journal.BucketSubject, journal.SeqKey(2), journal.SeqKey(4)), "entry 2", false},
		"no last entry": {func(b *bbolt.Bucket) error {
			return b.Bucket([]byte(journal.BucketEntry)).Delete(journal.SeqKey(entries))
		}, "the last entry is 4", true},
		"no head": {func(b *bbolt.Bucket) error { return b.DeleteBucket([]byte(journal.BucketHead)) }, "the head says 0", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			fill(t, open(t, s, auditKey), entries)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := bbolt.Open(filepath.Join(dir, "local.db"), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bbolt.Tx) error { return x.do(tx.Bucket([]byte("local"))) })
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}

			j := open(t, openStore(t, dir), auditKey) // opens, to be verified
			if _, err := j.Append(example(1)); x.met != errors.Is(err, journal.ErrBroken) || x.met != errors.Is(j.Broken(), journal.ErrBroken) {
				t.Errorf("append: %v; broken: %v", err, j.Broken())
			}
			if _, err := j.Verify(); !errors.Is(err, journal.ErrBroken) || !strings.Contains(err.Error(), x.names) {
				t.Errorf("verify: %v, want %q in it", err, x.names)
			}
			if j.Broken() == nil {
				t.Error("the journal does not say that it is broken")
			}
		})
	}
}

func flipIn(bucket string, key []byte) func(*bbolt.Bucket) error {
	return func(local *bbolt.Bucket) error {
		b := local.Bucket([]byte(bucket))
		v := append([]byte{}, b.Get(key)...)
		return b.Put(key, flip(v, len(v)/2))
	}
}

func exchangeIn(bucket string, one, two []byte) func(*bbolt.Bucket) error {
	return func(local *bbolt.Bucket) error {
		b := local.Bucket([]byte(bucket))
		first, second := append([]byte{}, b.Get(one)...), append([]byte{}, b.Get(two)...)
		if first == nil || second == nil {
			return store.ErrNotFound
		}
		return errors.Join(b.Put(one, second), b.Put(two, first))
	}
}
