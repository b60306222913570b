package store

import (
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// Compacted is what became of one file, in bytes.
type Compacted struct {
	File          string
	Before, After int64
}

// Compact rewrites all files without their free pages. Nothing is written
// meanwhile, and room for a second copy of the largest file is needed.
func (s *Store) Compact() ([]Compacted, error) {
	s.whole.Lock()
	defer s.whole.Unlock()
	s.w.Lock()
	defer s.w.Unlock()
	var out []Compacted
	for _, f := range []*file{s.keysDB, s.bodyDB, s.logDB, s.local.file} {
		c := Compacted{File: f.spec.name}
		err := f.size(&c.Before)
		if err == nil {
			err = f.rewrite(func([]byte) bool { return false })
		}
		if err == nil {
			err = f.size(&c.After)
		}
		if err != nil {
			return out, fmt.Errorf("compact store: %w", err)
		}
		out = append(out, c)
	}
	err := s.logDB.update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bktMeta)).Delete(garbageKey) })
	return out, wrap("compact store", err)
}

func (f *file) size(n *int64) error {
	info, err := os.Stat(f.path)
	if err == nil {
		*n = info.Size()
	}
	return err
}
