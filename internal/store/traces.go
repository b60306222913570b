package store

import (
	"os"

	"go.etcd.io/bbolt"
)

// tracesKey says, in the meta bucket of keys.db and of local.db, that salts or
// values were deleted whose bytes still lie in the file's free pages. It goes in
// with the deletion, and no copy has it.
var tracesKey = []byte("traces")

// EraseTraces rewrites keys.db when salts were deleted whose bytes still lie in
// its free pages, and local.db when values were (a draft, a request), and tells
// whether there were any. Writers go on meanwhile.
func (s *Store) EraseTraces() (done bool, err error) {
	salts, err := s.eraseTraces()
	if err != nil {
		return salts, wrap("erase traces", err)
	}
	values, err := s.local.eraseTraces()
	return salts || values, wrap("erase traces", err)
}

// Traces is how many bytes EraseTraces would write now; 0: there are no traces.
func (s *Store) Traces() (bytes int64, err error) {
	for _, f := range []*file{s.keysDB, s.local.file} {
		traced, err := f.traced()
		if err != nil {
			return 0, wrap("traces", err)
		}
		if info, err := os.Stat(f.path); traced && err == nil {
			bytes += info.Size()
		}
	}
	return bytes, nil
}

// eraseTraces leaves no byte of a salt in keys.db that was deleted before.
// Appending goes on meanwhile.
func (s *Store) eraseTraces() (done bool, err error) { return s.keysDB.eraseTraces() }

func (l *Local) eraseTraces() (done bool, err error) { return l.file.eraseTraces() }

// traced tells whether what was deleted lies in free pages.
func (f *file) traced() (traced bool, err error) {
	err = f.view(func(tx *bbolt.Tx) error {
		traced = tx.Bucket([]byte(bktMeta)).Get(tracesKey) != nil
		return nil
	})
	return traced, err
}

// eraseTraces rewrites a file when what was deleted lies in its free pages.
func (f *file) eraseTraces() (done bool, err error) {
	f.tracing.Lock()
	defer f.tracing.Unlock()
	if err := f.track(); err != nil {
		return false, err
	}
	traced, err := f.traced()
	if err != nil || !traced {
		f.untrack()
		return false, err
	}
	err = f.rewriteOnline()
	f.noRoom(err, false) // it waits for no better time, as compaction does
	return err == nil, err
}

// leaveTraces notes, in a transaction that deletes, that bytes of it stay behind.
func (f *file) leaveTraces(tx *bbolt.Tx) error {
	f.touch(bktMeta, tracesKey)
	return tx.Bucket([]byte(bktMeta)).Put(tracesKey, one)
}
