package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.etcd.io/bbolt"
)

// SuspectSuffix: a file is suspect when a page of it was found damaged while it was in use: a
// file of this suffix beside it says so, and the next Open reads all of its
// pages before it follows one.
const SuspectSuffix = ".suspect"

func isSuspect(path string) bool {
	_, err := os.Lstat(path + SuspectSuffix)
	return err == nil
}

// Suspect makes a bbolt file suspect: CheckPages then reads all of it.
func Suspect(path string) error {
	f, err := os.OpenFile(path+SuspectSuffix, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncPath(path+SuspectSuffix))
}

// provePart is how many leaves are read at a time, some milliseconds, while a
// reader holds old pages.
const provePart = 512

// ProvePages reads the pages that opening large files has left unread, resting
// between parts. ErrDamaged: the file is suspect, and made anew when the store
// is opened again. It returns nil when all pages are sound or ctx ends.
func (s *Store) ProvePages(ctx context.Context, rest time.Duration) error {
	for _, f := range s.files() {
		if err := f.provePages(ctx, rest); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return nil
}

func (f *file) provePages(ctx context.Context, rest time.Duration) error {
	return proveBuckets(ctx, f.path, f.large, rest, f.view)
}

// ProveFile is ProvePages for any bbolt file in use, which view reads.
func ProveFile(ctx context.Context, path string, rest time.Duration, view func(func(*bbolt.Tx) error) error) error {
	return proveBuckets(ctx, path, largeFile, rest, view)
}

func proveBuckets(ctx context.Context, path string, large uint64, rest time.Duration, view func(func(*bbolt.Tx) error) error) error {
	var buckets [][]byte
	err := view(func(tx *bbolt.Tx) error {
		if uint64(tx.Size())/uint64(tx.DB().Info().PageSize) <= large {
			return nil // all of it was read before it was opened
		}
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
			buckets = append(buckets, bytes.Clone(name))
			return nil
		})
	})
	if err != nil {
		return err
	}
	tick := time.NewTicker(max(rest, time.Microsecond))
	defer tick.Stop()
	for _, name := range buckets {
		for from, more := []byte{}, true; more; {
			err := view(func(tx *bbolt.Tx) error {
				var err error
				from, err = provePages(tx, path, name, from)
				more = from != nil
				return err
			})
			if errors.Is(err, ErrDamaged) {
				return errors.Join(err, Suspect(path))
			} else if err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
	return nil
}

// provePages reads one part of a bucket's leaves and tells where the next one
// begins; nil: it was the last. What a transaction reaches is not written over
// while it lasts. The file is opened by its own name: bbolt knows one that was
// rewritten by the name that it had then.
func provePages(tx *bbolt.Tx, path string, bucket, from []byte) (next []byte, err error) {
	b := tx.Bucket(bucket)
	if b == nil || b.RootPage() == 0 {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return proveLeaves(f, int64(tx.DB().Info().PageSize), tx.Size(), uint64(b.RootPage()), from, provePart)
}

// proveLeaves reads n leaves of a tree from the one of a key on.
func proveLeaves(f io.ReaderAt, pageSize, size int64, root uint64, from []byte, n int) (next []byte, err error) {
	c := &pageCheck{f: f, size: pageSize, end: uint64(size / pageSize), walk: &leafWalk{from: from, left: n}}
	c.seen = make(pageSet, c.end/64+1)
	if _, err := c.tree(root, 0, nil, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return c.walk.next, nil
}
