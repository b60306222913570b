package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// The ballast is a file that does nothing but take room. When the disk is full
// it is given up: with its room bodies are erased, files rewritten and
// retractions stored, which must go on, while new records are refused. It is
// made again when there is room for it and a little more; then all goes on.
const (
	ballastFile  = "ballast"
	ballastSpare = 16 << 20 // bytes that must be free beside it, or it would be given up at once
)

// disk is what the files of a store know together of the disk they are on.
type disk struct {
	path string // of the ballast
	size int64  // of it, in bytes; 0: there is none
	log  *slog.Logger

	mu   sync.Mutex
	held bool      // the ballast is there
	full time.Time // since when there is no room; zero: there is
}

// filled notes that there is no room left, and gives the ballast up.
func (d *disk) filled(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size == 0 {
		return
	}
	if d.full.IsZero() {
		d.full = now
		d.log.Error("the disk is full: new records are refused, retraction and erasure go on with the room of the ballast")
	}
	if err := os.Remove(d.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Error("the ballast cannot be given up", "error", err)
	}
	d.held = false
}

func (d *disk) since() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.full
}

// Full is since when the disk has no room for new records; zero: it has. Without
// a ballast the store does not know, and each call that finds none says ErrFull.
func (s *Store) Full() time.Time { return s.disk.since() }

// Ballast tells whether the ballast is there, or none is wanted.
func (s *Store) Ballast() bool {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return s.disk.held || s.disk.size == 0
}

// KeepBallast makes the ballast when it is missing and there is room for it;
// ErrFull when there is not. A store that was full takes new records from then
// on. Call it every few seconds.
func (s *Store) KeepBallast() error {
	d := s.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size == 0 || d.held {
		return nil
	}
	if err := d.make(); err != nil {
		return fmt.Errorf("ballast: %w", fullOr(err))
	}
	d.held = true
	if !d.full.IsZero() {
		d.log.Info("there is room again: new records are taken", "full for", time.Since(d.full).Round(time.Second))
		d.full = time.Time{}
	}
	return nil
}

func (d *disk) make() error {
	if info, err := os.Stat(d.path); err == nil && info.Size() == d.size && d.full.IsZero() {
		return nil
	}
	tmp := d.path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = allocate(f, d.size+ballastSpare)
	if err == nil {
		err = f.Truncate(d.size)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return install(tmp, d.path)
}

// write takes n bytes of the disk where they cannot be asked for. They are not
// zeros, which a file system may leave out.
func write(f *os.File, n int64) error {
	block := make([]byte, 1<<20)
	x := uint64(0x9E3779B97F4A7C15)
	for n > 0 {
		for i := range block {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			block[i] = byte(x)
		}
		m, err := f.Write(block[:min(n, int64(len(block)))])
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// DiskFull tells that a write to any bbolt file failed for want of room on the disk.
func DiskFull(err error) bool { return err != nil && isDiskFull(fullOr(err)) }

// isDiskFull tells a full disk from a file at its bound: only for the first does
// giving up the ballast help.
func isDiskFull(err error) bool {
	return errors.Is(err, ErrFull) && (textOf(err, syscall.ENOSPC) || textOf(err, syscall.EDQUOT))
}

// Stopped is why nothing is written to one of the files any more (ErrStopped);
// nil: all are well. The node must end then.
func (s *Store) Stopped() error {
	var errs []error
	for _, f := range s.files() {
		f.fate.Lock()
		errs = append(errs, f.dead)
		f.fate.Unlock()
	}
	return errors.Join(errs...)
}

// room refuses records while the disk is full, but for those that take
// something away: the ballast's room is not for more of the others.
func (s *Store) room(recs []verify.Record) error {
	if s.Full().IsZero() {
		return nil
	}
	for _, r := range recs {
		if !Essential(r.Header().Kind) {
			return fmt.Errorf("%w: new records are refused until there is room", ErrFull)
		}
	}
	return nil
}

// Essential tells whether a record may come in while the disk is full: only
// what takes something away.
func Essential(kind uint32) bool { return ct.Kind(kind) == ct.KindRetract }
