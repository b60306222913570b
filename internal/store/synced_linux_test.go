package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// Nothing is acknowledged that may not be on the disk: with any file whose
// syncs fail, Append fails, the record is not shown, that file takes nothing
// more until the restart, and after it the store is as before. That a body's
// failed sync leaves no header shows that bodies are committed first.
func TestEveryCommitIsSynced(t *testing.T) {
	for _, name := range []string{"keys.db", "body.db", "log.db"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, uto)
			s, cfg := w.create()
			recs := w.authors[uto].notifyMany(5, 300)
			w.append(s, recs[:3]...)
			last, err := failing(t, filepath.Join(cfg.Dir, name), func() (uint64, error) { return s.Append(recs[3:4]) })
			if !errors.Is(err, store.ErrStopped) || last != 3 {
				t.Errorf("append without a sync: cursor %d, %v; want 3 and %v", last, err, store.ErrStopped)
			}
			// The disk works again; nobody knows what became of the pages meanwhile.
			if _, err := s.Append(recs[3:4]); !errors.Is(err, store.ErrStopped) {
				t.Errorf("append after a failed sync: %v, want %v", err, store.ErrStopped)
			}
			if s.Last() != 3 {
				t.Errorf("cursor %d after what failed, want 3", s.Last())
			}
			if err := s.Stopped(); !errors.Is(err, store.ErrStopped) {
				t.Errorf("Stopped says %v", err)
			}
			checkStore(t, w, s)
			w.ok(s.Close())
			s = w.reopen(cfg)
			if s.Last() != 3 {
				t.Errorf("%d records after the restart, 3 were acknowledged", s.Last())
			}
			checkStore(t, w, s)
			w.append(s, recs[3:]...)
			checkStore(t, w, s)
			checkFiles(t, s, cfg)
		})
	}
}

// So is a body that comes later, an erasure, and what only this node knows.
func TestOtherCommitsAreSynced(t *testing.T) {
	for _, c := range []struct {
		file, what string
		commit     func(*world, *store.Store, []verify.Record) error
	}{
		{"log.db", "fill", func(w *world, s *store.Store, recs []verify.Record) error {
			_, err := s.FillBodies(recs[2:])
			return err
		}},
		{"log.db", "erase", func(w *world, s *store.Store, recs []verify.Record) error {
			return s.Erase([]ct.Ref{ref(recs[0])}, store.BodyRetracted)
		}},
		{"log.db", "fork proof", func(w *world, s *store.Store, recs []verify.Record) error {
			other := w.authors[uto]
			other.seq, other.prev = 2, recs[1].ID()
			return s.PutForkHeld(other.notify(10))
		}},
		{"lists.db", "lists", func(w *world, s *store.Store, _ []verify.Record) error {
			return s.Lists().Update(func(tx *store.LocalTx) error { return tx.Put("b", number(1), []byte("v")) })
		}},
		{"local.db", "local", func(w *world, s *store.Store, _ []verify.Record) error {
			return s.Local().Update(func(tx *store.LocalTx) error { return tx.Put("b", number(1), []byte("v")) })
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, uto)
			s, cfg := w.create()
			recs := w.authors[uto].notifyMany(3, 300)
			w.append(s, recs[0], recs[1], w.bare(recs[2]))
			_, err := failing(t, filepath.Join(cfg.Dir, c.file), func() (uint64, error) { return 0, c.commit(w, s, recs) })
			if !errors.Is(err, store.ErrStopped) {
				t.Errorf("%s without a sync: %v, want %v", c.what, err, store.ErrStopped)
			}
			if err := c.commit(w, s, recs); !errors.Is(err, store.ErrStopped) {
				t.Errorf("%s after a failed sync: %v, want %v", c.what, err, store.ErrStopped)
			}
			if err := s.Stopped(); !errors.Is(err, store.ErrStopped) {
				t.Errorf("Stopped says %v", err)
			}
			w.ok(s.Close())
			s = w.reopen(cfg)
			checkStore(t, w, s)
			if err := c.commit(w, s, recs); err != nil {
				t.Errorf("%s after the restart: %v", c.what, err)
			}
			checkStore(t, w, s)
			checkFiles(t, s, cfg)
		})
	}
}

// failing calls fn while one of the store's files stands for a disk that has
// died: what is written to its descriptor is gone, and a sync of it fails. The
// file is as it was afterwards.
func failing(t *testing.T, path string, fn func() (uint64, error)) (n uint64, err error) {
	t.Helper()
	fd := descriptor(t, path)
	file, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := os.OpenFile(os.DevNull, os.O_RDWR, 0) // takes every write, refuses every sync
	if err != nil {
		t.Fatal(err)
	}
	stand := func(in int) {
		t.Helper()
		if err := syscall.Dup3(in, fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
	}
	stand(int(dead.Fd()))
	n, err = fn()
	stand(file)
	if err := errors.Join(syscall.Close(file), dead.Close()); err != nil {
		t.Fatal(err)
	}
	return n, err
}

// descriptor finds the file descriptor by which this process has a file open.
func descriptor(t *testing.T, path string) int {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == path {
			var fd int
			if _, err := fmt.Sscan(filepath.Base(link), &fd); err != nil {
				t.Fatal(err)
			}
			return fd
		}
	}
	t.Fatalf("%s is not open", path)
	return 0
}
