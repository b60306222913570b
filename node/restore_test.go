package node_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

// A node that comes back from an old backup gets its own newer records from
// the others before it signs, and does not fork its log. What was retracted
// since the backup is hidden by then.
func TestRestoredNodeDoesNotFork(t *testing.T) {
	const nodes = 4
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		dirs := founded(t, nodes, roster.DefaultPolicy())
		net := sim.New(1)
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
		gen := synth.New(3)
		want := map[ct.ID]bool{}
		publish := func(n *running) desk.Receipt {
			r, err := n.Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{})
			must(t, err)
			want[r.ID] = true
			return r
		}
		first := publish(all[0])

		tmp := t.TempDir()
		o := api.BackupOptions{
			Out: filepath.Join(tmp, "b"), KeyFile: filepath.Join(tmp, "k"), GenerationFile: filepath.Join(tmp, "k.g"),
			Generation: backup.Generation(time.Now()),
		}
		k := backup.Keys{Backup: keys.Storage{1}, Generation: keys.Storage{2}, Name: o.Generation}
		must(t, keys.SaveBackup(o.KeyFile, k.Backup))
		must(t, keys.SaveBackup(o.GenerationFile, k.Generation))
		_, err := all[0].Backup(ctx, o, nil)
		must(t, err)

		// Since the backup: more of its own, and one taken back.
		for range 5 {
			publish(all[0])
		}
		retraction, err := all[0].Retract(ctx, first.ID, ct.Retraction{Reason: "error"}, "op1")
		must(t, err)
		want[retraction.ID] = true
		before := all[0].ids()
		for _, n := range all[1:] {
			must(t, n.waitFor(ctx, want))
		}
		all[0].close()
		all[0] = nil

		// Two of the other three are away: too few to sign.
		must(t, os.RemoveAll(dirs[0]))
		_, err = backup.Restore(ctx, o.Out, dirs[0], k, time.Now(), nil)
		must(t, err)
		net.Partition([]int{2, 3})
		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		<-time.After(10 * time.Minute)
		held, why := all[0].Status().Ready, strings.Join(all[0].Status().Reasons, "; ")
		if held || !strings.Contains(why, "restored from a backup: 1 of 3 States") {
			t.Errorf("with one State reachable: ready %v, %q", held, why)
		}
		waits, err := all[0].Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{NoWait: true})
		must(t, err)
		if waits.Waiting == "" {
			t.Error("it signed before it knew its log")
		}

		net.Heal()
		all[0].ready(ctx)
		for id := range before {
			if !all[0].ids()[id] {
				t.Fatal("an own record from before did not come back")
			}
		}
		if e, _, err := all[0].Get(first.ID.String()); err != nil || e.Readable {
			t.Errorf("what was retracted since the backup: readable %v, %v", e.Readable, err)
		}
		publish(all[0])
		for i, n := range all {
			if err := n.waitFor(ctx, want); err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
			if forks := n.Status().Forks; forks != 0 {
				t.Errorf("node %d has %d forks", i, forks)
			}
		}
		// The mark is gone: an ordinary restart asks as ever.
		all[0].close()
		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		all[0].ready(ctx)
		if strings.Contains(all[0].log.String(), "restored node knows") {
			t.Error("the mark came back")
		}
	})
}
