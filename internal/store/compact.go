package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

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
	for _, f := range s.files() {
		c := Compacted{File: f.spec.name}
		err := f.size(&c.Before)
		if err == nil {
			err = s.rewrite(f)
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

func (s *Store) rewrite(f *file) error {
	f.tracing.Lock()
	defer f.tracing.Unlock()
	return f.rewrite()
}

func (f *file) size(n *int64) error {
	info, err := os.Stat(f.path)
	if err == nil {
		*n = info.Size()
	}
	return err
}

// entryKey names a value in a file.
type entryKey struct{ bucket, key string }

// touch notes that a value is written or deleted, for the rewriting that is under
// way. It is called inside update.
func (f *file) touch(bucket string, key []byte) {
	if f.touched != nil {
		f.touched[entryKey{bucket, string(key)}] = struct{}{}
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
	f.touched = make(map[entryKey]struct{})
	return nil
}

// untrack ends it.
func (f *file) untrack() {
	f.w.Lock()
	defer f.w.Unlock()
	f.touched = nil
}

// subPrefix stands before the name of a bucket of local.db in an entryKey.
const subPrefix = bktLocal + "/"

// moving gives the bucket of an entryKey; nil: there is none.
func moving(tx *bbolt.Tx, name string) *bbolt.Bucket {
	sub, ok := strings.CutPrefix(name, subPrefix)
	if !ok {
		return tx.Bucket([]byte(name))
	}
	return tx.Bucket([]byte(bktLocal)).Bucket([]byte(sub))
}

// makeMoving is moving in the copy, where what is missing is made.
func makeMoving(tx *bbolt.Tx, name string) (*bbolt.Bucket, error) {
	sub, ok := strings.CutPrefix(name, subPrefix)
	if !ok {
		return tx.CreateBucketIfNotExists([]byte(name))
	}
	b, err := tx.CreateBucketIfNotExists([]byte(bktLocal))
	if err != nil {
		return nil, err
	}
	return b.CreateBucketIfNotExists([]byte(sub))
}

// movingNames are the names of all buckets, as in an entryKey.
func (f *file) movingNames() (names []string, err error) {
	names = append([]string{bktMeta}, f.spec.buckets...)
	err = f.view(func(tx *bbolt.Tx) error {
		local := tx.Bucket([]byte(bktLocal))
		if local == nil {
			return nil
		}
		return local.ForEachBucket(func(sub []byte) error { names = append(names, subPrefix+string(sub)); return nil })
	})
	return names, err
}

// rewriteOnline is rewrite for keys.db, body.db and local.db, of which writers touch
// what they change, since track: they go on while it is copied, in short reading
// transactions, and wait only while the last of that is copied again and the
// files exchanged. What is deleted meanwhile may be in free pages of the new file.
func (f *file) rewriteOnline() (err error) {
	defer f.untrack()
	tmp := f.path + ".new"
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
		f.touched = make(map[entryKey]struct{})
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
		return fmt.Errorf("rewrite %s: %w", f.path, fullOr(err))
	}
	return f.exchange(fresh, tmp)
}

// fewTouched are copied while writers wait: some milliseconds.
const fewTouched = 1000

// copyMoving copies the buckets of a file that is being written, a part at a time.
func (f *file) copyMoving(fresh *bbolt.DB) error {
	type span struct{ from, key, end int }
	var buf []byte // of the keys and values of a part
	names, err := f.movingNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		var from []byte
		for more := true; more; {
			var parts []span
			buf = buf[:0]
			err := f.view(func(tx *bbolt.Tx) error {
				b := moving(tx, name)
				if b == nil {
					from, more = nil, false // dropped meanwhile
					return nil
				}
				c := b.Cursor()
				k, v := c.Seek(from)
				for ; k != nil && len(buf) < copyStep; k, v = c.Next() {
					if v == nil || name == bktMeta && bytes.Equal(k, tracesKey) {
						continue
					}
					at := len(buf)
					buf = append(append(buf, k...), v...)
					parts = append(parts, span{at, at + len(k), len(buf)})
				}
				from, more = bytes.Clone(k), k != nil
				return nil
			})
			if err != nil {
				return err
			}
			err = guard(func() error {
				return fresh.Update(func(tx *bbolt.Tx) error {
					b, err := makeMoving(tx, name)
					if err != nil {
						return err
					}
					b.FillPercent = logFill
					for _, p := range parts {
						if err := b.Put(buf[p.from:p.key], buf[p.key:p.end]); err != nil {
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

// copyTouched copies values again that were changed meanwhile.
func (f *file) copyTouched(fresh *bbolt.DB, touched map[entryKey]struct{}) error {
	return f.view(func(from *bbolt.Tx) error {
		return fresh.Update(func(to *bbolt.Tx) error {
			for e := range touched {
				src, k := moving(from, e.bucket), []byte(e.key)
				dst, err := makeMoving(to, e.bucket)
				if err == nil {
					err = dst.Delete(k)
				}
				if err == nil && src != nil {
					if v := src.Get(k); v != nil {
						err = dst.Put(k, v)
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}
