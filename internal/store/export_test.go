package store

import (
	"bytes"

	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// Summed gives a value of log.db its sum.
func Summed(b []byte) []byte { return summed(b) }

// ForgetUnsound drops all marks of bad signatures, as damage would.
func (s *Store) ForgetUnsound() error {
	return s.logDB.update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte(bktUnsound)); err != nil {
			return err
		}
		_, err := tx.CreateBucket([]byte(bktUnsound))
		return err
	})
}

// Salts counts the salts that are held.
func (s *Store) Salts() (n int, err error) {
	err = s.keysDB.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bktSalt)).ForEach(func(k, v []byte) error {
			n++
			return nil
		})
	})
	return n, err
}

// RewriteKeysAround rewrites keys.db as erasing does, with something done right
// after the rewriting has begun.
func (s *Store) RewriteKeysAround(do func() error) error {
	if err := s.keysDB.track(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return s.keysDB.rewriteOnline()
}

// Forget deletes the salt and body of the record at a seq of the first log.
func (s *Store) Forget(seq uint64) error {
	s.w.Lock()
	defer s.w.Unlock()
	return s.forget(map[place]bool{placeOf(1, seq): true})
}

// FlipFork flips a bit of a byte of the proof of a log's fork.
func (s *Store) FlipFork(log ct.LogID, at int) error {
	return s.logDB.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bktFork))
		v := bytes.Clone(b.Get(log[:]))
		v[at] ^= 1
		return b.Put(log[:], v)
	})
}

// RewriteLocalAround rewrites local.db, with something done while it is copied.
func (s *Store) RewriteLocalAround(do func() error) error {
	f := s.local.file
	if err := f.track(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return f.rewriteOnline()
}
