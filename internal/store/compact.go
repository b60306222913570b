package store

import (
	"bytes"
	"errors"
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
	err := s.logDB.update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bktMeta))
		return errors.Join(meta.Delete(garbageKey), meta.Delete(garbageSinceKey))
	})
	return out, wrap("compact store", err)
}

func (f *file) size(n *int64) error {
	info, err := os.Stat(f.path)
	if err == nil {
		*n = info.Size()
	}
	return err
}

// touch notes that a body is written or deleted, for the rewriting that is under
// way. It is called inside update.
func (f *file) touch(at place) {
	if f.touched != nil {
		f.touched[at] = struct{}{}
	}
}

// track begins to note what is touched.
func (f *file) track() error {
	f.w.Lock()
	defer f.w.Unlock()
	switch {
	case f.db == nil:
		return ErrClosed
	case f.stopped != nil:
		return f.stopped
	}
	f.touched = make(map[place]struct{})
	return nil
}

// fewTouched are copied while writers wait: some milliseconds.
const fewTouched = 1000

// rewriteOnline is rewrite for body.db, of which writers touch the places that
// they change, since track: they go on while it is copied, in short reading
// transactions, and wait only while the last of those places are copied again
// and the files exchanged.
func (f *file) rewriteOnline() (err error) {
	tmp := f.path + ".new"
	defer func() {
		f.w.Lock()
		f.touched = nil
		f.w.Unlock()
	}()
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh, err := f.openBolt(tmp, false)
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", f.path, err)
	}
	fresh.AllocSize = copyAlloc
	err = f.copyMoving(fresh)
	for n := fewTouched + 1; err == nil && n > fewTouched; {
		f.w.Lock()
		touched := f.touched
		f.touched = make(map[place]struct{})
		f.w.Unlock()
		n = len(touched)
		err = f.copyTouched(fresh, touched)
	}
	if err == nil {
		f.w.Lock()
		defer f.w.Unlock()
		if err = f.stopped; err == nil {
			err = f.copyTouched(fresh, f.touched)
		}
	}
	fresh.AllocSize = f.spec.alloc
	if err != nil {
		_ = fresh.Close()
		_ = os.Remove(tmp)
		return fmt.Errorf("rewrite %s: %w", f.path, fullOr(err)) // which is no reason to give up the ballast
	}
	return f.exchange(fresh, tmp)
}

// copyMoving copies the buckets of a file that is being written, a part at a time.
func (f *file) copyMoving(fresh *bbolt.DB) error {
	for _, name := range append([]string{bktMeta}, f.spec.buckets...) {
		var from []byte
		for more := true; more; {
			var keys, values [][]byte
			err := f.view(func(tx *bbolt.Tx) error {
				c, size := tx.Bucket([]byte(name)).Cursor(), 0
				k, v := c.Seek(from)
				for ; k != nil && size < copyStep; k, v = c.Next() {
					keys, values = append(keys, bytes.Clone(k)), append(values, bytes.Clone(v))
					size += len(k) + len(v)
				}
				from, more = bytes.Clone(k), k != nil
				return nil
			})
			if err != nil {
				return err
			}
			err = guard(func() error {
				return fresh.Update(func(tx *bbolt.Tx) error {
					b, err := tx.CreateBucketIfNotExists([]byte(name))
					if err != nil {
						return err
					}
					b.FillPercent = logFill
					for i, k := range keys {
						if err := b.Put(k, values[i]); err != nil {
							return err
						}
					}
					return nil
				})
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// copyTouched copies places again that were changed meanwhile.
func (f *file) copyTouched(fresh *bbolt.DB, touched map[place]struct{}) error {
	return f.view(func(from *bbolt.Tx) error {
		return fresh.Update(func(to *bbolt.Tx) error {
			src, dst := from.Bucket([]byte(bktBody)), to.Bucket([]byte(bktBody))
			for at := range touched {
				err := dst.Delete(at[:])
				if v := src.Get(at[:]); v != nil && err == nil {
					err = dst.Put(at[:], v)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}
