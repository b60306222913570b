//go:build linux

package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// A file system without room: nothing acknowledged is lost, nothing refused
// is half there, and the same store goes on when there is room again. TestFull
// proves the first two everywhere.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, uto, isl)
	cfg := w.config(filepath.Join(dir, "data"))
	w.ok(store.Create(cfg))
	s, err := store.Open(cfg)
	w.ok(err)
	defer s.Close()
	filler := filepath.Join(dir, "filler")
	w.ok(os.WriteFile(filler, bytes.Repeat([]byte{1}, 8<<20), 0o600))

	recs := w.interleave(w.authors[uto].notifyMany(1500, 2000), w.authors[isl].notifyMany(1500, 2000))
	stored := 0
	fill := func(want error) {
		t.Helper()
		for stored < len(recs) {
			n := min(20, len(recs)-stored)
			if _, err = s.Append(recs[stored : stored+n]); err != nil {
				break
			}
			stored += n
		}
		if !errors.Is(err, want) {
			t.Fatalf("after %d records: %v, want %v", stored, err, want)
		}
		if s.Last() != uint64(stored) {
			t.Fatalf("%d held, %d acknowledged", s.Last(), stored)
		}
		checkStore(t, w, s)
	}
	fill(store.ErrFull)
	first := stored
	if first == 0 || first == len(recs) {
		t.Fatalf("%d records fitted", first)
	}
	for range 3 {
		fill(store.ErrFull)
	}
	if err := s.Erase([]ct.Ref{ref(recs[0])}, store.BodyLocal); err != nil && !errors.Is(err, store.ErrFull) {
		t.Fatal(err)
	}
	w.ok(os.Remove(filler))
	w.ok(s.Erase([]ct.Ref{ref(recs[0])}, store.BodyLocal))
	scan(t, cfg.Dir, recs[0].Salt(), false)
	fill(store.ErrFull)
	if stored <= first {
		t.Fatalf("it did not go on: %d records before, %d after", first, stored)
	}
	w.ok(s.Close())
	report, err := store.Check(cfg)
	w.ok(err)
	if !report.OK() || report.Records != stored || report.Erased != 1 {
		t.Fatalf("check: %+v", report)
	}
}
