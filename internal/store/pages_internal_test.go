package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// boltFile makes a small file with all that pages can hold: branches, small
// and large buckets, values longer than a page, and free pages.
func boltFile(tb testing.TB, noFree bool) []byte {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "x.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: noFree, PageSize: 1024})
	if err != nil {
		tb.Fatal(err)
	}
	for round := range 4 {
		err = db.Update(func(tx *bbolt.Tx) error {
			large, err := tx.CreateBucketIfNotExists([]byte("large"))
			if err != nil {
				return err
			}
			for i := range 60 {
				if err := large.Put(fmt.Appendf(nil, "key %03d", i*4+round), bytes.Repeat([]byte{byte(i)}, 40+50*(i%40))); err != nil {
					return err
				}
			}
			small, err := large.CreateBucketIfNotExists([]byte("small"))
			if err != nil {
				return err
			}
			return small.Put([]byte("k"), []byte{byte(round)})
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// follow uses a file as the store would, without catching anything.
func follow(tb testing.TB, b []byte) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "x.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true})
	if err != nil {
		return
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for range tx.Check() { // what it says does not matter, that it ends does
		}
		var visit func(b *bbolt.Bucket) error
		visit = func(b *bbolt.Bucket) error {
			if b == nil { // one bit makes a value of a bucket; checkMeta says that it is missing
				return nil
			}
			return b.ForEach(func(k, v []byte) error {
				if v == nil {
					return visit(b.Bucket(k))
				}
				b.Get(bytes.Clone(k))
				return nil
			})
		}
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return visit(b) })
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func TestPages(t *testing.T) {
	for _, noFree := range []bool{false, true} {
		b := boltFile(t, noFree)
		if err := checkPagesOf(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Fatalf("a sound file: %v", err)
		}
		follow(t, b)
		m, err := newestMeta(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		root := int(m.root) * 1024
		for name, change := range map[string]func(b []byte){
			"both meta pages":  func(b []byte) { b[40]++; b[1024+40]++ },
			"page id":          func(b []byte) { b[root]++ },
			"page kind":        func(b []byte) { b[root+8] = 7 },
			"entries":          func(b []byte) { b[root+11] = 0xFF },
			"overflow":         func(b []byte) { b[root+12] = 0xFF },
			"entry position":   func(b []byte) { b[root+pageHeader+4] = 0xFF; b[root+pageHeader+5] = 0xFF },
			"entry size":       func(b []byte) { b[root+pageHeader+14] = 1 },
			"bucket's page":    func(b []byte) { copy(b[bytes.Index(b[root:], []byte("large"))+root+5:], u64(1<<40)) },
			"a page of itself": func(b []byte) { native.PutUint64(b[bytes.Index(b[root:], []byte("large"))+root+5:], m.root) },
		} {
			bad := bytes.Clone(b)
			change(bad)
			if err := checkPagesOf(bytes.NewReader(bad), int64(len(bad))); err == nil {
				t.Errorf("no free list %v: %s: not found", noFree, name)
			}
		}
		short := int64(m.end-1) * 1024
		if err := checkPagesOf(bytes.NewReader(b[:short]), short); err == nil {
			t.Error("a file cut short was not found")
		}
	}
	b := boltFile(t, false)
	m, err := newestMeta(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	native.PutUint64(b[int(m.free)*1024+pageHeader:], m.root)
	if err := checkPagesOf(bytes.NewReader(b), int64(len(b))); err == nil {
		t.Error("a page in use stands in the free list: not found")
	}
}

// FuzzPages changes bytes of a file. What checkPages lets pass bbolt must be
// able to follow.
func FuzzPages(f *testing.F) {
	files := [][]byte{boltFile(f, false), boltFile(f, true)}
	f.Add(true, []byte{0, 0, 8, 16, 0xFF})
	f.Add(false, []byte{0, 0, 4, 40, 1, 0, 0, 12, 12, 200})
	f.Add(true, []byte{})
	f.Fuzz(func(t *testing.T, which bool, edits []byte) {
		b := bytes.Clone(files[flag(which)])
		for ; len(edits) >= 5; edits = edits[5:] {
			b[int(binary.BigEndian.Uint32(edits))%len(b)] = edits[4]
		}
		if checkPagesOf(bytes.NewReader(b), int64(len(b))) == nil {
			follow(t, b)
		}
	})
}
