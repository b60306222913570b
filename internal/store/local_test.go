package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/store"
	"go.etcd.io/bbolt"
)

func TestLocal(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	l := s.Local()
	boom := errors.New("boom")
	err := l.Update(func(tx *store.LocalTx) error {
		w.ok(tx.Put("a", number(1), []byte("x")))
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	w.ok(l.Update(func(tx *store.LocalTx) error {
		for i := range uint64(10) {
			w.ok(tx.Put("a", number(i), fmt.Appendf(nil, "value %d", i)))
		}
		w.ok(tx.Put("empty", number(1), nil))
		w.ok(tx.Delete("a", number(3)))
		w.ok(tx.Put("gone", number(1), []byte("x")))
		w.ok(tx.Drop("gone"))
		w.ok(tx.Drop("never was"))
		w.ok(tx.Delete("never was", number(1)))
		if err := tx.Put("a", number(99), make([]byte, store.MaxLocal+1)); err == nil {
			t.Error("a value without bounds was taken")
		}
		return nil
	}))
	w.ok(l.Compact())
	w.ok(s.Close())
	s = w.reopen(cfg)
	l = s.Local()
	w.ok(l.View(func(tx *store.LocalTx) error {
		var got []string
		w.ok(tx.Scan("a", number(2), func(k, v []byte) error {
			got = append(got, string(v))
			if len(got) == 3 {
				return store.ErrStop
			}
			return nil
		}))
		if want := "value 2,value 4,value 5"; strings.Join(got, ",") != want {
			t.Errorf("scan gives %v, want %s", got, want)
		}
		if k, v, err := tx.Last("a"); err != nil || !bytes.Equal(k, number(9)) || string(v) != "value 9" {
			t.Errorf("last: %x %q %v", k, v, err)
		}
		if v, err := tx.Get("empty", number(1)); err != nil || v == nil || len(v) != 0 {
			t.Errorf("empty value: %v %v", v, err)
		}
		for _, bucket := range []string{"a", "gone", "never was"} {
			if _, err := tx.Get(bucket, number(3)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("get from %s: %v", bucket, err)
			}
		}
		if _, _, err := tx.Last("gone"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("last of nothing: %v", err)
		}
		return nil
	}))
	checkFiles(t, s, cfg)
}

func TestCompactLocalForgets(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	l := s.Local()
	key := []byte("a key that marks its page")
	w.ok(l.Update(func(tx *store.LocalTx) error { return tx.Put("b", key, []byte("v")) }))
	w.ok(l.Update(func(tx *store.LocalTx) error { return tx.Delete("b", key) }))
	scan(t, cfg.Dir, key, true) // still in a free page
	w.ok(l.Compact())
	scan(t, cfg.Dir, key, false)
	checkFiles(t, s, cfg)
}

// A draft that was signed and cleared lives on in a free page until the traces are
// erased, also when others write meanwhile.
func TestDraftsAreErased(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	sealed := map[string][]byte{}
	for i := range uint64(50) {
		w.ok(s.Local().Update(func(tx *store.LocalTx) error {
			return tx.Put("desk.outbox", number(i), bytes.Repeat([]byte{byte(i)}, 1500))
		}))
	}
	w.ok(s.Close())
	tamper(t, cfg, "local.db", func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("local")).Bucket([]byte("desk.outbox")).ForEach(func(k, v []byte) error {
			sealed[string(k)] = bytes.Clone(v[:64])
			return nil
		})
	})
	s = w.reopen(cfg)
	for i := range uint64(49) {
		w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Delete("desk.outbox", number(i)) }))
	}
	if n, err := s.Traces(); err != nil || n == 0 {
		t.Fatalf("%d bytes to rewrite, %v", n, err)
	}
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				stopped <- n
				return
			default:
			}
			err := s.Local().Update(func(tx *store.LocalTx) error {
				return errors.Join(tx.Put("journal", number(uint64(n)), number(uint64(n))), tx.Put("new", number(0), number(uint64(n))))
			})
			if err != nil {
				t.Error(err)
			}
		}
	}()
	done, err := s.EraseTraces()
	close(stop)
	written := <-stopped
	w.ok(err)
	if !done {
		t.Fatal("nothing was done")
	}
	if n, err := s.Traces(); err != nil || n != 0 {
		t.Fatalf("afterwards: %d bytes, %v", n, err)
	}
	for i := range uint64(50) {
		raw := sealed[string(number(i))]
		if found := bytes.Contains(mustRead(t, cfg, "local.db"), raw); found != (i == 49) {
			t.Fatalf("draft %d is in the file: %v", i, found)
		}
	}
	w.ok(s.Local().View(func(tx *store.LocalTx) error {
		for i := range written {
			if v, err := tx.Get("journal", number(uint64(i))); err != nil || !bytes.Equal(v, number(uint64(i))) {
				t.Fatalf("what was written meanwhile: %d of %d: %v, %v", i, written, v, err)
			}
		}
		if v, err := tx.Get("desk.outbox", number(49)); err != nil || len(v) != 1500 {
			t.Errorf("the draft that waits: %d bytes, %v", len(v), err)
		}
		return nil
	}))
	checkFiles(t, s, cfg)
}

// A bucket that is dropped while the file is rewritten is not in the new one.
func TestDropWhileLocalIsRewritten(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	for _, name := range []string{"a", "b"} {
		w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Put(name, number(1), []byte("value")) }))
	}
	w.ok(s.RewriteLocalAround(func() error {
		return s.Local().Update(func(tx *store.LocalTx) error {
			return errors.Join(tx.Drop("a"), tx.Put("c", number(2), []byte("later")), tx.Delete("b", number(1)), tx.Put("b", number(3), []byte("other")))
		})
	}))
	w.ok(s.Local().View(func(tx *store.LocalTx) error {
		for _, c := range []struct {
			bucket string
			key    uint64
			want   bool
		}{{"a", 1, false}, {"b", 1, false}, {"b", 3, true}, {"c", 2, true}} {
			if _, err := tx.Get(c.bucket, number(c.key)); (err == nil) != c.want {
				t.Errorf("%s %d: %v", c.bucket, c.key, err)
			}
		}
		return nil
	}))
	if n, err := s.Traces(); err != nil || n == 0 {
		t.Errorf("what was deleted meanwhile may be in the new file: %d bytes to rewrite, %v", n, err)
	}
	checkFiles(t, s, cfg)
}
