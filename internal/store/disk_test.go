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
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// A file system without room: nothing acknowledged is lost, nothing refused
// is half there, and the same store goes on when there is room again. TestFull
// proves the first two everywhere.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, "12m")
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

// smallDisk is the directory of a file system of a size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v; internal/ingest TestFullStore fills a store up to a bound", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// With a ballast a full disk refuses new records and goes on to retract, erase
// and compact; when there is room again the store goes on by itself.
func TestBallast(t *testing.T) {
	const ballast = 8 << 20
	dir := smallDisk(t, "48m")
	w := newWorld(t, uto, isl)
	cfg := w.config(filepath.Join(dir, "data"))
	cfg.Ballast = ballast
	w.ok(store.Create(cfg))
	s := w.reopen(cfg)
	path := filepath.Join(cfg.Dir, "ballast")
	kept := func(want bool) {
		t.Helper()
		info, err := os.Stat(path)
		if want && (err != nil || info.Size() != ballast || info.Sys().(*syscall.Stat_t).Blocks*512 < ballast) {
			t.Fatalf("the ballast: %v, %v", info, err)
		}
		if want == (err != nil) || s.Ballast() != want || s.Full().IsZero() != want {
			t.Fatalf("the ballast is there: %v, %v, full %v; want %v", err == nil, s.Ballast(), s.Full(), want)
		}
	}
	w.ok(s.KeepBallast())
	kept(true)
	filler := filepath.Join(dir, "filler")
	var free syscall.Statfs_t
	w.ok(syscall.Statfs(dir, &free))
	w.ok(os.WriteFile(filler, bytes.Repeat([]byte{1}, int(free.Bavail)*int(free.Bsize)-2<<20), 0o600))

	a := w.authors[uto]
	var recs []verify.Record
	var err error
	for err == nil && len(recs) < 5000 {
		before := *a
		batch := a.notifyMany(20, 2000)
		if _, err = s.Append(batch); err != nil {
			*a = before
			break
		}
		recs = append(recs, batch...)
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d records: %v", len(recs), err)
	}
	kept(false)
	checkStore(t, w, s)

	// Refused with one clear error, though the ballast has left room.
	refused := w.copyOf(a).notify(10)
	if _, err := s.Append([]verify.Record{refused}); !errors.Is(err, store.ErrFull) || s.Last() != uint64(len(recs)) {
		t.Fatalf("a new record: %v, %d held", err, s.Last())
	}
	if err := s.KeepBallast(); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a ballast on a full disk: %v", err)
	}
	kept(false)
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Fatalf("left over: %v", left)
	}

	// What takes away goes on.
	retraction := a.retract(ref(recs[0]))
	if _, err := s.Append([]verify.Record{retraction}); err != nil {
		t.Fatalf("a retraction: %v", err)
	}
	recs = append(recs, retraction)
	w.ok(s.Erase([]ct.Ref{ref(recs[0]), ref(recs[1])}, store.BodyRetracted))
	scan(t, cfg.Dir, recs[0].Salt(), false)
	w.ok(s.CompactBodies())
	w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Put("journal", number(1), []byte("entry")) }))

	// There is room again.
	w.ok(os.Remove(filler))
	w.ok(s.KeepBallast())
	kept(true)
	w.append(s, a.notifyMany(100, 2000)...)
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
	s = w.reopen(cfg)
	w.ok(s.KeepBallast())
	kept(true)
}
