package node_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// What rots on one node comes back from the others, the node's own records too,
// while people see an alarm and nothing wrong; a salt that rots is not an erasure.
func TestRotHealsFromPeers(t *testing.T) {
	const nodes = 3
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
		defer cancel()
		dirs := founded(t, nodes, roster.DefaultPolicy())
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
		var first ct.ID
		for i := range 30 {
			r, err := all[i%nodes].Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{})
			must(t, err)
			want[r.ID] = true
			if i == 0 {
				first = r.ID
			}
		}
		r, err := all[0].Retract(ctx, first, ct.Retraction{Reason: "error"}, "op1")
		must(t, err)
		want[r.ID] = true
		for _, n := range all {
			must(t, n.waitFor(ctx, want))
		}
		all[0].close()
		all[0] = nil

		// Every third header, body and salt of node 0, one bit each.
		for file, bucket := range map[string]string{"log.db": "hdr", "body.db": "body", "keys.db": "salt"} {
			db, err := bbolt.Open(filepath.Join(dirs[0], file), 0o600, &bbolt.Options{Timeout: time.Second})
			must(t, err)
			must(t, db.Update(func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte(bucket))
				rotten := map[string][]byte{}
				i := 0
				must(t, b.ForEach(func(k, v []byte) error {
					if i++; i%3 == 0 {
						v = bytes.Clone(v)
						v[(seed+uint64(i))%uint64(len(v))] ^= 1 << (i % 8)
						rotten[string(k)] = v
					}
					return nil
				}))
				for k, v := range rotten {
					must(t, b.Put([]byte(k), v))
				}
				return nil
			}))
			must(t, db.Close())
		}
		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		all[0].ready(ctx)
		<-time.After(30 * time.Second)
		if alarms := strings.Join(all[0].Status().Alarms, "; "); !strings.Contains(alarms, "storage: what was stored has rotted") {
			t.Errorf("alarms: %q", alarms)
		}
		for healed := false; !healed; {
			select {
			case <-ctx.Done():
				t.Fatalf("not healed: %v", all[0].Status().Alarms)
			case <-time.After(10 * time.Second):
			}
			entries, _, err := all[0].List(feed.Filter{All: true}, 0, 1000)
			must(t, err)
			readable := 0
			for _, e := range entries {
				if e.ID == first && e.Readable {
					t.Fatal("what was retracted is shown")
				}
				if want[e.ID] && e.Readable {
					readable++
				}
			}
			healed = readable == len(want)-1
		}
		if e, _, err := all[0].Get(first.String()); err != nil || e.Readable || !e.Hidden {
			t.Errorf("the retracted one: %+v, %v", e.Hidden, err)
		}
		for i, n := range all {
			if s := n.Status(); s.Forks != 0 {
				t.Errorf("node %d has found %d forks", i, s.Forks)
			}
		}
		n, err := all[0].Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{})
		must(t, err)
		want[n.ID] = true
		for _, n := range all {
			must(t, n.waitFor(ctx, want))
		}
	})
}
