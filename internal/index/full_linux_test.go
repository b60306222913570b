package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
)

// A full disk does not end who follows: the index says that it is behind, and
// goes on by itself when there is room.
func TestFollowWaitsForRoom(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		var told bytes.Buffer // read when nobody writes
		x, err := index.Open(index.Config{Path: filepath.Join(disk, "index.db"), Key: testKey, Log: slog.New(slog.NewTextHandler(&told, nil))})
		must(t, err)
		defer x.Close()
		for i := range index.MaxTail + 1 {
			w.lists.add(index.Change{Ref: fmt.Sprint("list:a/", i), Person: people[i%len(people)]})
		}
		filler := filepath.Join(disk, "filler")
		f, err := os.Create(filler)
		must(t, err)
		for block := make([]byte, 4096); err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		must(t, f.Close())
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- x.Follow(ctx, w.source()) }()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		default:
		}
		if !strings.Contains(told.String(), "person index waits for room") || !x.Full() || x.Cursors() != (index.Cursors{}) {
			t.Errorf("followed to %+v, full %v, and said %q", x.Cursors(), x.Full(), told.String())
		}
		if _, err := x.FindFresh(match.Prepare(*people[0]), index.Want{Limit: 1}, w.source(), time.Now()); !errors.Is(err, index.ErrBehind) {
			t.Errorf("searching meanwhile: %v", err)
		}
		must(t, os.Remove(filler))
		must(t, x.Reach(ctx, w.reached()))
		hits, err := x.FindFresh(match.Prepare(*people[0]), index.Want{Limit: 1}, w.source(), time.Now())
		if err != nil || len(hits) != 1 || x.Full() {
			t.Errorf("searching after that: %d, %v, full %v", len(hits), err, x.Full())
		}
		cancel()
		must(t, <-ended)
	})
}
