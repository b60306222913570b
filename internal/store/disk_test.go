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
		if want && (err != nil || info.Size() != ballast*3/4 || info.Sys().(*syscall.Stat_t).Blocks*512 < info.Size()) {
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
	if left, _ := filepath.Glob(path + "*.new"); len(left) != 0 {
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

// A disk that is full step by step: records come in without their bodies, so that a
// RETRACT and what else takes something away is never stuck behind one; when only
// the last of the ballast is left, these alone; and a start in between forgets
// nothing of it.
func TestFullDiskStepByStep(t *testing.T) {
	dir := smallDisk(t, "64m")
	w := newWorld(t, uto, isl)
	cfg := w.config(filepath.Join(dir, "data"))
	cfg.Ballast = 8 << 20
	w.ok(store.Create(cfg))
	s := w.reopen(cfg)
	w.ok(s.KeepBallast())
	a, b := w.authors[uto], w.authors[isl]
	target := a.notify(500)
	w.append(s, target)
	fillDisk(t, dir, 2<<20)
	var err error
	for n := 0; err == nil && n < 5000; n++ {
		before := *b
		if _, err = s.Append(b.notifyMany(10, 4000)); err != nil {
			*b = before
		}
	}
	if !errors.Is(err, store.ErrFull) || s.Full().IsZero() || !s.HeadersFit() {
		t.Fatalf("%v, full %v, room for headers %v", err, s.Full(), s.HeadersFit())
	}
	again := func(what string) {
		t.Helper()
		headers := s.HeadersFit()
		w.ok(s.Close())
		s = w.reopen(cfg)
		if s.Full().IsZero() || s.HeadersFit() != headers {
			t.Fatalf("%s, after a start: full %v, room for headers %v, want %v", what, s.Full(), s.HeadersFit(), headers)
		}
	}
	again("first step")
	behind := a.notify(300)
	if _, err := s.Append([]verify.Record{behind}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a body on a full disk: %v", err)
	}
	w.append(s, behind.Bare(), a.retract(ref(target)))
	if _, hidden := s.Hidden(target.ID()); !hidden {
		t.Fatal("the RETRACT behind a record without room does not count")
	}
	w.ok(s.Erase([]ct.Ref{ref(target)}, store.BodyRetracted))

	// Nothing but headers, until that room is used up too.
	fillDisk(t, dir, 2<<20)
	for err = nil; err == nil; {
		before := *b
		var bare []verify.Record
		for _, r := range b.notifyMany(500, 10) {
			bare = append(bare, r.Bare())
		}
		if _, err = s.Append(bare); err != nil {
			*b = before
		}
	}
	if !errors.Is(err, store.ErrFull) || s.HeadersFit() {
		t.Fatalf("%v, room for headers %v", err, s.HeadersFit())
	}
	again("second step")
	if _, err := s.Append([]verify.Record{b.fork().notify(1).Bare()}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a header beyond its room: %v", err)
	}
	for _, raw := range w.founding { // root logs
		w.append(s, w.open(raw))
	}
	w.append(s, a.retract(ref(behind)))
	w.ok(s.Entomb([]ct.Ref{ref(behind)}, store.BodyRetracted))

	// There is room again: bodies are asked for and come.
	freeDisk(t, dir)
	w.ok(s.KeepBallast())
	if !s.Full().IsZero() || !s.Ballast() || !s.HeadersFit() {
		t.Fatalf("with room: full %v, ballast %v", s.Full(), s.Ballast())
	}
	if len(s.MissingBodies(10)) == 0 {
		t.Error("no body is asked for")
	}
	w.append(s, a.notifyMany(100, 2000)...)
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}

// fillDisk leaves so many bytes of a disk.
func fillDisk(t *testing.T, dir string, left int64) {
	t.Helper()
	var free syscall.Statfs_t
	if err := syscall.Statfs(dir, &free); err != nil {
		t.Fatal(err)
	}
	n := int64(free.Bavail)*int64(free.Bsize) - left
	if n <= 0 {
		return
	}
	f, err := os.CreateTemp(dir, "filler*")
	if err == nil {
		_, err = f.Write(bytes.Repeat([]byte{1}, int(n)))
	}
	if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

func freeDisk(t *testing.T, dir string) {
	t.Helper()
	fillers, err := filepath.Glob(filepath.Join(dir, "filler*"))
	if err != nil || len(fillers) == 0 {
		t.Fatal(fillers, err)
	}
	for _, path := range fillers {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
