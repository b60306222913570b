package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// stuck tells that a node says in all places that it signs nothing for a reason
// that no waiting ends.
func stuck(n *running, why string) bool {
	s := n.Status()
	return !s.Ready && s.Stuck && strings.Contains(strings.Join(s.Reasons, "; "), why) &&
		strings.Contains(strings.Join(s.Alarms, "; "), why) && n.alarm("fork") == 1
}

// A data directory that was copied runs twice. What the copy signs tells
// the other that it is not alone: it signs nothing, and no log forks.
// With one of them ended and the other restarted all goes on.
func TestCopiedDirectory(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		dirs := founded(t, 5, roster.DefaultPolicy())
		net := sim.New(1)
		defer net.Close()
		all := simulated(t, net, dirs)
		end := func(i int) {
			if all[i] != nil {
				all[i].close()
			}
			all[i] = nil
		}
		defer func() {
			for i := range all {
				end(i)
			}
		}()
		for _, n := range all {
			n.ready(ctx)
		}
		<-time.After(3 * time.Minute)
		// A restart hears nothing but what it has said itself, also from before.
		end(4)
		twin := filepath.Join(t.TempDir(), "copy")
		must(t, os.CopyFS(twin, os.DirFS(dirs[4])))
		for _, name := range []string{node.FileNodeKey, node.FileStorageKey} {
			must(t, os.Chmod(filepath.Join(twin, name), 0o600))
		}
		all[4] = startSimulated(t, net, dirs, 4, dirs[4])
		all[4].ready(ctx)
		<-time.After(5 * time.Minute)
		for i, n := range all {
			if s := n.Status(); !s.Ready || s.Stuck || n.alarm("fork") != 0 {
				t.Errorf("node %d, before there is a copy: ready %v %q", i, s.Ready, s.Reasons)
			}
		}
		var peers []string
		for i := range 4 {
			peers = append(peers, net.Addr(i))
		}
		all = append(all, start(t, node.Config{Dir: twin, Listen: []string{net.Addr(5)}, Peers: peers, Underlay: net.Underlay(5)}))
		// At least one knows, so that there is one that signs.
		var quiet []*running
		until(ctx, t, "a copy knows of the other", func() bool {
			quiet = nil
			for _, n := range all[4:] {
				if stuck(n, "twin: another process has signed a record") {
					quiet = append(quiet, n)
				}
			}
			return len(quiet) > 0
		})
		for _, n := range quiet {
			r, err := n.Publish(ctx, synth.New(1).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{NoWait: true})
			must(t, err)
			if r.Waiting == "" || !strings.Contains(r.Why, "twin: another process") {
				t.Errorf("a copy signs, or does not say why not: %+v", r)
			}
			// No operator knows better, and the node has no other way to sign.
			log := loadNodeKey(t, dirs[4]).Public()
			before := n.Heads()[log].Size
			if _, err := n.SignNow(ctx, r.Waiting); !errors.Is(err, desk.ErrNotAllowed) || !strings.Contains(err.Error(), "twin: another process") {
				t.Errorf("sign now, beside a copy: %v, want that it is not allowed", err)
			}
			if after := n.Heads()[log].Size; after != before {
				t.Errorf("a copy has signed record %d", after)
			}
			must(t, n.Discard(r.Waiting))
		}
		for i, n := range all[:4] {
			if s := n.Status(); !s.Ready || s.Forks > 0 {
				t.Errorf("node %d: ready %v, %d forks", i, s.Ready, s.Forks)
			}
		}
		end(5)
		end(4)
		all[4] = startSimulated(t, net, dirs, 4, dirs[4])
		all[4].ready(ctx)
		<-time.After(5 * time.Minute)
		if s := all[4].Status(); !s.Ready {
			t.Errorf("alone again: %q", s.Reasons)
		}
	})
}

// A node whose own log has forked is not ready, says so and what to do, and
// keeps nothing waiting that it can never sign.
func TestForkedNodeIsNotReady(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		dirs := founded(t, 3, roster.DefaultPolicy())
		net := sim.New(1)
		defer net.Close()
		all := simulated(t, net, dirs)
		defer func() {
			for _, n := range all {
				n.close()
			}
		}()
		for _, n := range all {
			n.ready(ctx)
		}
		key := loadNodeKey(t, dirs[2])
		log := key.Public()
		told(ctx, t, all[2], log, all)
		head := all[0].Heads()[log]
		a := &thief{t, key, all[0].Status().Network, all[0].View().Line(log), head.Size, head.ID, head.End}
		b := *a
		gen := synth.New(5)
		for _, x := range []*thief{a, &b} {
			raw, _ := x.notify(gen.Notification(ct.TopicTravel, time.Now()))
			if err := all[0].Submit(ctx, raw); err != nil {
				t.Logf("the second branch: %v", err)
			}
		}
		until(ctx, t, "the forked node says so", func() bool { return stuck(all[2], "forked: this node's key has signed two records") })
		_, err := all[2].Publish(ctx, gen.Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{NoWait: true})
		if !errors.Is(err, desk.ErrNotAllowed) || !strings.Contains(err.Error(), "herald roster close") {
			t.Errorf("publish: %v, want that it is not allowed, and the next step", err)
		}
		if s := all[0].Status(); !s.Ready || s.Forks != 1 {
			t.Errorf("another node: ready %v %q, %d forks", s.Ready, s.Reasons, s.Forks)
		}
	})
}
