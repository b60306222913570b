package store

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
)

// copyStep bounds the memory of one transaction of a copy, in bytes.
const copyStep = 8 << 20

// copyAlloc is the growth step while copying, in bytes: smaller than that of a
// file in use, so that the copy has no more empty pages at its end.
const copyAlloc = 256 << 10

// copyBuckets copies top-level buckets and, one level down, their buckets
// (local.db, lists.db). The mark of traces stays behind: a copy has none.
func copyBuckets(dst, src *bbolt.DB) error {
	return src.View(func(from *bbolt.Tx) error {
		return from.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if err := copyBucket(dst, b, name); err != nil {
				return err
			}
			return b.ForEachBucket(func(sub []byte) error {
				return copyBucket(dst, b.Bucket(sub), name, sub)
			})
		})
	})
}

func copyBucket(dst *bbolt.DB, src *bbolt.Bucket, path ...[]byte) error {
	meta := string(path[0]) == bktMeta
	c := src.Cursor()
	k, v := c.First()
	for {
		err := dst.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(path[0])
			if err == nil && len(path) > 1 {
				b, err = b.CreateBucketIfNotExists(path[1])
			}
			if err != nil {
				return err
			}
			b.FillPercent = logFill
			for size := 0; k != nil && size < copyStep; k, v = c.Next() {
				if v == nil || meta && bytes.Equal(k, tracesKey) {
					continue
				}
				if err := b.Put(k, v); err != nil {
					return err
				}
				size += len(k) + len(v)
			}
			return nil
		})
		if err != nil || k == nil {
			return wrap(fmt.Sprintf("copy bucket %s", path[len(path)-1]), err)
		}
	}
}
