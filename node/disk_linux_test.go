package node_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// A node on a full disk says so at once, refuses what is new, retracts all the
// same, and goes on by itself when there is room.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v; internal/ingest TestFullStore fills a store up to a bound", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		dir := filepath.Join(disk, "n1")
		must(t, os.CopyFS(dir, os.DirFS(founded(t, 1, roster.DefaultPolicy())[0])))
		must(t, os.Chmod(dir, 0o700))
		for _, key := range []string{node.FileNodeKey, node.FileStorageKey} {
			must(t, os.Chmod(filepath.Join(dir, key), 0o600))
		}
		net := sim.New(1)
		defer net.Close()
		n := start(t, node.Config{Dir: dir, Listen: []string{net.Addr(0)}, Underlay: net.Underlay(0), Ballast: 16 << 20})
		defer func() { n.close() }()
		n.ready(ctx)
		gen := synth.New(3)
		publish := func() (ct.ID, error) {
			r, err := n.Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{})
			return r.ID, err
		}
		first, err := publish()
		must(t, err)
		second, err := publish()
		must(t, err)
		filler := filepath.Join(disk, "filler")
		fill(t, filler)
		for i := 0; err == nil && i < 5000; i++ {
			_, err = publish()
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("publishing on a full disk: %v", err)
		}
		// The index or the store finds first that there is no room.
		s := n.Status()
		if alarms := strings.Join(s.Alarms, "; "); !strings.Contains(alarms, "make room on the disk of "+dir) || s.Ready {
			t.Errorf("ready %v, alarms %q", s.Ready, alarms)
		}
		if _, err := publish(); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "new records are refused until there is") {
			t.Errorf("publishing again: %v", err)
		}
		_, err = n.Retract(ctx, first, ct.Retraction{Reason: "error"}, "op1")
		must(t, err)
		if e, _, err := n.Get(first.String()); err != nil || !e.Hidden {
			t.Errorf("retracted: hidden %v, %v", e.Hidden, err)
		}
		// A start on the full disk forgets nothing, and takes away all the same.
		n.close()
		n = start(t, node.Config{Dir: dir, Listen: []string{net.Addr(0)}, Underlay: net.Underlay(0), Ballast: 16 << 20})
		s = n.Status()
		if why := strings.Join(s.Reasons, "; "); s.Ready || !strings.Contains(why, "the disk is full") || !strings.Contains(why, "make room on the disk of "+dir) {
			t.Errorf("after a start: ready %v, %q", s.Ready, why)
		}
		if _, err := publish(); !errors.Is(err, store.ErrFull) {
			t.Errorf("publishing after a start: %v", err)
		}
		fill(t, filler+"2") // what the ballast gave up too
		until(ctx, t, "the node signs again", func() bool {
			_, err = n.Retract(ctx, second, ct.Retraction{Reason: "error"}, "op1")
			return err == nil
		})
		if e, _, err := n.Get(second.String()); err != nil || !e.Hidden {
			t.Errorf("retracted after a start: hidden %v, %v", e.Hidden, err)
		}
		// Nor does the index end the node when its own file has no room.
		fill(t, filler+"3")
		<-time.After(time.Minute)
		select {
		case err := <-n.done:
			t.Fatalf("the node has ended: %v", err)
		default:
		}
		must(t, errors.Join(os.Remove(filler), os.Remove(filler+"2"), os.Remove(filler+"3")))
		freed := time.Now()
		n.ready(ctx)
		if took := time.Since(freed); took > 5*time.Second {
			t.Errorf("it went on after %v", took)
		}
		if _, err := publish(); err != nil {
			t.Errorf("publishing after that: %v", err)
		}
		if alarms := strings.Join(n.Status().Alarms, "; "); strings.Contains(alarms, "disk") {
			t.Errorf("alarms %q", alarms)
		}
	})
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	block := bytes.Repeat([]byte{1}, 64<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
