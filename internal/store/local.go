package store

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"
)

// MaxLocal is the largest value of Local, in bytes.
const MaxLocal = 4 << 20

// ErrStop, returned by the function given to Scan, ends it without an error.
var ErrStop = errors.New("stop")

// Local holds what only this node knows: drafts, the journal, the inbox; and in
// a file of its own, the imported lists: what writes many of them at once holds
// up nobody who journals.
// It is ordered keys and sealed values in named buckets. Values are sealed
// under the storage key and bound to bucket and key. Keys and bucket names are
// not sealed, since they keep an order: they must tell nothing of a person.
type Local struct {
	file *file
	aead cipher.AEAD
}

func openLocal(cfg *Config, spec *fileSpec) (*Local, error) {
	f, err := openFile(cfg, spec)
	if err != nil {
		return nil, err
	}
	return newLocal(cfg, f)
}

func newLocal(cfg *Config, f *file) (*Local, error) {
	key, err := cfg.Key.Derive(strings.TrimSuffix(f.spec.name, ".db"), nil)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(key[:])
	if err != nil {
		return nil, err
	}
	return &Local{f, aead}, nil
}

// Update runs fn in one transaction, durable when it returns; when fn fails
// nothing has changed. ErrFull: no room.
func (l *Local) Update(fn func(*LocalTx) error) error {
	return l.file.update(func(tx *bbolt.Tx) error { return fn(l.tx(tx)) })
}

func (l *Local) tx(tx *bbolt.Tx) *LocalTx {
	return &LocalTx{tx.Bucket([]byte(bktLocal)), l.aead, l.file}
}

// View runs fn in a reading transaction. It must be short, and must not call
// Update or View.
func (l *Local) View(fn func(*LocalTx) error) error {
	return l.file.view(func(tx *bbolt.Tx) error { return fn(l.tx(tx)) })
}

// Compact rewrites the file, so that no deleted or replaced value is left in a
// free page. Update waits meanwhile, but for that of local.db, which is written
// all the time.
func (l *Local) Compact() error {
	l.file.tracing.Lock()
	defer l.file.tracing.Unlock()
	if l.file.spec != &localSpec {
		return l.file.rewrite()
	}
	if err := l.file.track(); err != nil {
		return err
	}
	return l.file.rewriteOnline()
}

// LocalTx is a transaction of Local. What it returns is a copy.
type LocalTx struct {
	root *bbolt.Bucket
	aead cipher.AEAD
	file *file
}

// Get gives a value; ErrNotFound.
func (t *LocalTx) Get(bucket string, key []byte) ([]byte, error) {
	var v []byte
	if b := t.root.Bucket([]byte(bucket)); b != nil {
		v = b.Get(key)
	}
	if v == nil {
		return nil, fmt.Errorf("local %s: %w", bucket, ErrNotFound)
	}
	return t.open(bucket, key, v)
}

// Put sets a value.
func (t *LocalTx) Put(bucket string, key, val []byte) error {
	if len(val) > MaxLocal {
		return fmt.Errorf("local %s: value of %d bytes, at most %d", bucket, len(val), MaxLocal)
	}
	b, err := t.root.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return fmt.Errorf("local %s: %w", bucket, err)
	}
	if err := b.Put(key, t.aead.Seal(nil, nil, val, localAAD(bucket, key))); err != nil {
		return fmt.Errorf("local %s: %w", bucket, err)
	}
	t.file.touch(subPrefix+bucket, key)
	return nil
}

// Delete removes a key, when it is there. What its value was stays in a free page
// until the file is rewritten (EraseTraces, Compact).
func (t *LocalTx) Delete(bucket string, key []byte) error {
	b := t.root.Bucket([]byte(bucket))
	if b == nil || b.Get(key) == nil {
		return nil
	}
	t.file.touch(subPrefix+bucket, key)
	return wrap("local "+bucket, errors.Join(b.Delete(key), t.file.leaveTraces(t.root.Tx())))
}

// Drop removes a bucket with all it holds, when it is there.
func (t *LocalTx) Drop(bucket string) error {
	b := t.root.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	if t.file.touched != nil {
		c := b.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			t.file.touch(subPrefix+bucket, k)
		}
	}
	return wrap("local "+bucket, errors.Join(t.root.DeleteBucket([]byte(bucket)), t.file.leaveTraces(t.root.Tx())))
}

// Scan calls fn with the keys from one on, in order, until fn fails. Within fn
// the bucket must not be changed.
func (t *LocalTx) Scan(bucket string, from []byte, fn func(k, v []byte) error) error {
	b := t.root.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	c := b.Cursor()
	for k, v := c.Seek(from); k != nil; k, v = c.Next() {
		val, err := t.open(bucket, k, v)
		if err != nil {
			return err
		}
		if err := fn(bytes.Clone(k), val); err != nil {
			if errors.Is(err, ErrStop) {
				return nil
			}
			return err
		}
	}
	return nil
}

// Buckets names the buckets that there are.
func (t *LocalTx) Buckets() (names []string) {
	_ = t.root.ForEachBucket(func(k []byte) error { names = append(names, string(k)); return nil })
	return names
}

// Last gives the greatest key and its value; ErrNotFound.
func (t *LocalTx) Last(bucket string) (k, v []byte, err error) {
	if b := t.root.Bucket([]byte(bucket)); b != nil {
		k, v = b.Cursor().Last()
	}
	if k == nil {
		return nil, nil, fmt.Errorf("local %s: %w", bucket, ErrNotFound)
	}
	v, err = t.open(bucket, k, v)
	return bytes.Clone(k), v, err
}

func (t *LocalTx) open(bucket string, key, sealed []byte) ([]byte, error) {
	v, err := t.aead.Open(nil, nil, sealed, localAAD(bucket, key))
	if err != nil {
		return nil, fmt.Errorf("local %s: value %w", bucket, ErrDamaged)
	}
	if v == nil {
		v = []byte{}
	}
	return v, nil
}

func localAAD(bucket string, key []byte) []byte {
	return append(append([]byte(bucket), 0), key...)
}
