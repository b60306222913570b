package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// The ballast is two files that do nothing but take room. When the disk is full the
// first is given up: with its room bodies are erased, files rewritten, and records
// taken in without their bodies, so that what takes something away is never stuck
// behind one that was refused. When that room is used up too, the last quarter is
// given up, for what is essential alone (Essential). Both are made again when there
// is room for them and a little more; then all goes on.
const (
	ballastFile  = "ballast"
	lastFile     = "ballast.last"
	lastPart     = 4        // of the ballast, one in so many is the last
	ballastSpare = 16 << 20 // bytes that must be free beside it, or it would be given up at once
)

// disk is what the files of a store know together of the disk they are on.
type disk struct {
	dir  string
	size int64 // of both pieces, in bytes; 0: there are none
	log  *slog.Logger

	mu          sync.Mutex
	first, last bool      // the pieces that are there
	full        time.Time // since when there is no room; zero: there is
}

// filled notes that there is no room left, and gives the next piece up; the last
// one only when it may.
func (d *disk) filled(now time.Time, mayLast bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.size == 0 {
		return
	}
	if d.full.IsZero() {
		d.full = now
		d.log.Error("the disk is full: records are taken without their bodies, retraction and erasure go on with the room of the ballast")
	}
	piece, name := &d.first, ballastFile
	if !d.first && !mayLast {
		return
	}
	if !d.first {
		piece, name = &d.last, lastFile
		if d.last {
			d.log.Error("the disk is full and the ballast nearly used up: nothing but retractions and root logs is taken")
		}
	}
	if err := os.Remove(filepath.Join(d.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Error("the ballast cannot be given up", "error", err)
	}
	*piece = false
}

// Full is since when the disk has no room for new bodies; zero: it has. Without
// a ballast the store does not know, and each call that finds none says ErrFull.
func (s *Store) Full() time.Time {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return s.disk.full
}

// Ballast tells whether all of the ballast is there, or none is wanted.
func (s *Store) Ballast() bool {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return s.disk.whole()
}

func (d *disk) whole() bool { return d.first && d.last || d.size == 0 }

// KeepBallast makes the ballast when it is missing and there is room for it;
// ErrFull when there is not. A store that was full takes new records from then
// on. Call it every few seconds.
func (s *Store) KeepBallast() error { return s.disk.keep() }

func (d *disk) keep() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.whole() {
		return nil
	}
	part := d.size / lastPart
	err := d.make(lastFile, part, &d.last)
	if err == nil {
		err = d.make(ballastFile, d.size-part, &d.first)
	}
	if err != nil {
		return fmt.Errorf("ballast: %w", fullOr(err))
	}
	if !d.full.IsZero() {
		d.log.Info("there is room again: new records are taken", "full for", time.Since(d.full).Round(time.Second))
		d.full = time.Time{}
	}
	return nil
}

// find looks for the ballast when the store opens. When it is not there and cannot be
// made, the disk was full before and is still: a start does not forget that.
func (d *disk) find(now time.Time) {
	if d.size == 0 {
		return
	}
	if err := d.keep(); !errors.Is(err, ErrFull) {
		return // a failure of another kind is told by the next KeepBallast
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = now
	d.log.Error("the disk is full: there is no room for the ballast; records are taken without their bodies")
}

// make makes one piece, unless it is there.
func (d *disk) make(name string, size int64, there *bool) error {
	if *there {
		return nil
	}
	path := filepath.Join(d.dir, name)
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		*there = true
		return nil
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = allocate(f, size+ballastSpare)
	if err == nil {
		err = f.Truncate(size)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := install(tmp, path); err != nil {
		return err
	}
	*there = true
	return nil
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

// IsFull tells whether an error says that a disk or a file's bound is full, also
// that of another package's bbolt file.
func IsFull(err error) bool { return err != nil && errors.Is(fullOr(err), ErrFull) }

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

// room refuses records while the disk is full: those with a body that are not
// essential, and when only the last of the ballast is left, all that are not.
func (s *Store) room(recs []verify.Record) error {
	if s.Full().IsZero() {
		return nil
	}
	headers := s.HeadersFit()
	for _, r := range recs {
		if !Essential(r) && (r.HasBody() || !headers) {
			return fmt.Errorf("%w: new records are refused until there is room", ErrFull)
		}
	}
	return nil
}

// HeadersFit tells whether a full disk has room for records without their bodies.
func (s *Store) HeadersFit() bool {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	return s.disk.last
}

// Essential tells whether a record comes in whole while the disk is full: what
// takes something away, and what says who may speak.
func Essential(r verify.Record) bool {
	rule, _ := ct.Kind(r.Header().Kind).Rule()
	return r.Root() || rule.Essential
}
