package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/store"
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
