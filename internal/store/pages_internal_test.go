package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// large is above the pages of all files of these tests: all of them are read.
const large = 1 << 20

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
		if err := checkPagesOf(bytes.NewReader(b), int64(len(b)), large); err != nil {
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
			if err := checkPagesOf(bytes.NewReader(bad), int64(len(bad)), large); err == nil {
				t.Errorf("no free list %v: %s: not found", noFree, name)
			}
		}
		short := int64(m.end-1) * 1024
		if err := checkPagesOf(bytes.NewReader(b[:short]), short, large); err == nil {
			t.Error("a file cut short was not found")
		}
	}
	b := boltFile(t, false)
	m, err := newestMeta(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	native.PutUint64(b[int(m.free)*1024+pageHeader:], m.root)
	if err := checkPagesOf(bytes.NewReader(b), int64(len(b)), large); err == nil {
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
		if checkPagesOf(bytes.NewReader(b), int64(len(b)), large) == nil {
			follow(t, b)
		}
	})
}

// prove reads all leaves of a file's bucket in parts, as of a file in use.
func prove(b []byte, bucket string) error {
	m, err := newestMeta(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	root := b[m.root*uint64(m.pageSize):]
	at := bytes.Index(root, []byte(bucket))
	for from := []byte{}; from != nil; {
		from, err = proveLeaves(bytes.NewReader(b), int64(m.pageSize), int64(m.end)*int64(m.pageSize), native.Uint64(root[at+len(bucket):]), from, 3)
		if err != nil {
			return err
		}
	}
	return nil
}

// Of a large file the branches are read at once and the leaves later: between
// the two, each change of a page is found.
func TestLargePages(t *testing.T) {
	b := boltFile(t, false)
	check := func(b []byte) error { return checkPagesOf(bytes.NewReader(b), int64(len(b)), 0) }
	if err := errors.Join(check(b), prove(b, "large")); err != nil {
		t.Fatalf("a sound file: %v", err)
	}
	m, err := newestMeta(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	page := func(id uint64) int { return int(id * uint64(m.pageSize)) }
	root := page(m.root)
	branch := page(native.Uint64(b[bytes.Index(b[root:], []byte("large"))+root+5:]))
	if native.Uint16(b[branch+8:]) != pageBranch {
		t.Fatal("the bucket has one page")
	}
	child := func(i int) uint64 { return native.Uint64(b[branch+pageHeader+i*branchElem+8:]) }
	for native.Uint16(b[page(child(0))+8:]) == pageBranch { // down to one whose children are leaves
		branch = page(child(0))
	}
	long := -1 // a leaf of several pages, not the first
	for i := 1; i < int(native.Uint16(b[branch+10:])); i++ {
		if native.Uint32(b[page(child(i))+12:]) > 0 {
			long = i
		}
	}
	list := page(m.free)
	if n := native.Uint16(b[branch+10:]); n < 5 || long < 0 || native.Uint16(b[list+10:]) == 0 {
		t.Fatalf("%d leaves, long %d, %d free pages", n, long, native.Uint16(b[list+10:]))
	}
	for _, c := range []struct {
		name    string
		change  func(b []byte)
		atOnce  bool // found before the file is opened
		inProof bool // found while it is in use
	}{
		{"a branch's child outside", func(b []byte) { native.PutUint64(b[branch+pageHeader+branchElem+8:], m.end) }, true, true},
		{"a branch's child twice", func(b []byte) { native.PutUint64(b[branch+pageHeader+branchElem+8:], child(2)) }, true, true},
		{"a branch of itself", func(b []byte) { native.PutUint64(b[branch+pageHeader+8:], uint64(branch)/uint64(m.pageSize)) }, true, true},
		{"a branch's key", func(b []byte) { b[branch+pageHeader+int(native.Uint32(b[branch+pageHeader:]))] ^= 0x80 }, true, true},
		{"a leaf in the free list", func(b []byte) { native.PutUint64(b[list+pageHeader:], child(3)) }, true, false},
		{"the second page of a leaf in the free list", func(b []byte) { native.PutUint64(b[list+pageHeader:], child(long)+1) }, true, false},
		{"a leaf's kind", func(b []byte) { b[page(child(2))+8] = 7 }, false, true},
		{"a leaf's entry", func(b []byte) { b[page(child(2))+pageHeader+7] = 0xFF }, false, true},
		{"a leaf's key", func(b []byte) {
			b[page(child(2))+pageHeader+int(native.Uint32(b[page(child(2))+pageHeader+4:]))] ^= 0x80
		}, false, true},
		{"the last leaf's length", func(b []byte) { b[page(child(int(native.Uint16(b[branch+10:]))-1))+13] = 0xFF }, true, true},
	} {
		bad := bytes.Clone(b)
		c.change(bad)
		if err := check(bad); (err != nil) != c.atOnce {
			t.Errorf("%s: at once: %v", c.name, err)
		}
		if err := prove(bad, "large"); (err != nil) != c.inProof {
			t.Errorf("%s: in use: %v", c.name, err)
		}
	}
}

// use reads and changes a file as the store would, in guard.
func use(tb testing.TB, b []byte) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "x.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	var db *bbolt.DB
	err := guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
		return err
	})
	if err != nil {
		return
	}
	defer db.Close()
	_ = guard(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
				return b.ForEach(func(k, v []byte) error { b.Get(bytes.Clone(k)); return nil })
			})
		})
	})
	for i := range 8 {
		err := guard(func() error {
			return db.Update(func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte("large"))
				if b == nil {
					return nil
				}
				return errors.Join(b.Put(fmt.Appendf(nil, "key %03d", i*30), make([]byte, 100)), b.Delete(fmt.Appendf(nil, "key %03d", i*30+7)))
			})
		})
		if err != nil {
			return
		}
	}
}

// FuzzLargePages changes bytes of a file. What the check of branches lets pass
// may fail, but neither end the process nor go on for ever.
func FuzzLargePages(f *testing.F) {
	file := boltFile(f, false)
	f.Add([]byte{0, 0, 8, 16, 0xFF})
	f.Add([]byte{0, 0, 4, 40, 1, 0, 0, 12, 12, 200})
	f.Fuzz(func(t *testing.T, edits []byte) {
		b := bytes.Clone(file)
		for ; len(edits) >= 5; edits = edits[5:] {
			b[int(binary.BigEndian.Uint32(edits))%len(b)] = edits[4]
		}
		if checkPagesOf(bytes.NewReader(b), int64(len(b)), 0) == nil {
			use(t, b)
		}
	})
}
