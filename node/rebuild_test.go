package node_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// breakPages makes the pages of a file unusable behind its meta pages, as far as
// the first node of its tree: one bit in the id of the root page.
func breakPages(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	must(t, err)
	var at int64
	must(t, db.View(func(tx *bbolt.Tx) error {
		at = int64(tx.Cursor().Bucket().Root()) * int64(db.Info().PageSize)
		return nil
	}))
	must(t, db.Close())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	must(t, err)
	b[0] ^= 4
	_, err = f.WriteAt(b, at)
	must(t, err)
	must(t, f.Close())
}

// A file whose structure is damaged is made anew from the other nodes: every
// record is there again, the node does not fork its log, what was retracted or
// erased stays so, and readers with an old cursor miss nothing.
func TestDamagedFileIsMadeAnew(t *testing.T) {
	for _, file := range []string{"log.db", "keys.db", "body.db", "index.db"} {
		t.Run(file, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			bubble.Test(t, func(t *testing.T) {
				today()
				ctx, cancel := context.WithTimeout(context.Background(), 30*24*time.Hour)
				defer cancel()
				policy := roster.DefaultPolicy()
				policy.RetractGrace = 10 * time.Minute
				dirs := founded(t, 3, policy)
				net := sim.New(seed)
				defer net.Close()
				all := simulated(t, net, dirs)
				defer func() {
					for _, n := range all {
						if n != nil {
							n.close()
						}
					}
				}()
				for _, n := range all {
					n.ready(ctx)
				}
				gen := synth.New(seed)
				want := map[ct.ID]bool{}
				publish := func(n *running) ct.ID {
					r, err := n.Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{})
					must(t, err)
					want[r.ID] = true
					return r.ID
				}
				erased, hidden := publish(all[0]), publish(all[1])
				for i := range 12 {
					publish(all[i%3])
				}
				retract := func(n *running, id ct.ID) {
					r, err := n.Retract(ctx, id, ct.Retraction{Reason: "error"}, "op1")
					must(t, err)
					want[r.ID] = true
				}
				retract(all[0], erased)
				<-time.After(12 * time.Minute) // the grace is over: its body is erased everywhere
				retract(all[1], hidden)
				for _, n := range all {
					must(t, n.waitFor(ctx, want))
				}
				cursor := all[0].Status().Cursor
				all[0].close()
				all[0] = nil
				breakPages(t, filepath.Join(dirs[0], file))

				all[0] = startSimulated(t, net, dirs, 0, dirs[0])
				if file == "log.db" {
					waits, err := all[0].Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{NoWait: true})
					must(t, err)
					if waits.Waiting == "" {
						t.Error("it signed before it knew its log")
					}
				}
				all[0].ready(ctx)
				for id := range want {
					var why string
					for {
						e, _, err := all[0].Get(id.String())
						if err == nil && (e.Readable || e.Unreadable == ct.UnreadableRetracted) {
							if gone := id == erased || id == hidden; e.Readable == gone {
								t.Errorf("record %s: readable %v", id.Short(), e.Readable)
							}
							break
						}
						why = e.Unreadable
						select {
						case <-ctx.Done():
							t.Fatalf("record %s: %q, %v", id.Short(), why, err)
						case <-time.After(time.Second):
						}
					}
				}
				publish(all[0])
				for i, n := range all {
					must(t, n.waitFor(ctx, want))
					if s := n.Status(); s.Forks != 0 {
						t.Errorf("node %d: %d forks", i, s.Forks)
					}
				}
				entries, _, err := all[0].List(feed.Filter{All: true}, cursor, 1000)
				must(t, err)
				if file == "log.db" && len(entries) < len(want) {
					t.Errorf("a reader with the cursor of before sees %d records again, want all %d", len(entries), len(want))
				}
				all[0].close()
				all[0] = nil
				if file != "index.db" {
					_, err = os.Stat(filepath.Join(dirs[0], file+".damaged"))
					if kept := err == nil; kept != (file != "keys.db") {
						t.Errorf("the damaged file is kept: %v", kept)
					}
				}
				all[0] = startSimulated(t, net, dirs, 0, dirs[0])
				all[0].ready(ctx)
				if strings.Contains(all[0].log.String(), "made anew") {
					t.Errorf("it is made anew again:\n%s", all[0].log)
				}
			})
		})
	}
}

// What only this node has is not made anew behind anybody's back, nor is a file
// that nobody else could fill.
func TestDamagedFileThatNobodyElseHas(t *testing.T) {
	for _, c := range []struct {
		file  string
		nodes int
		want  string
	}{{"local.db", 2, "nowhere else: restore a backup"}, {"lists.db", 2, "nowhere else: restore a backup"}, {"log.db", 1, "restore a backup"}} {
		dirs := founded(t, c.nodes, roster.DefaultPolicy())
		path := filepath.Join(dirs[0], c.file)
		breakPages(t, path)
		before, err := os.ReadFile(path)
		must(t, err)
		n, err := node.New(t.Context(), node.Config{Dir: dirs[0], Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoAPI: true})
		if err == nil {
			t.Errorf("%s: it starts", c.file)
			must(t, n.Close())
		} else if !strings.Contains(err.Error(), c.want) || store.Damaged(err) != c.file {
			t.Errorf("%s: %v", c.file, err)
		}
		after, err := os.ReadFile(path)
		must(t, err)
		if string(before) != string(after) {
			t.Errorf("%s was changed", c.file)
		}
	}
}
