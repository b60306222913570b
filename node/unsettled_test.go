package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// A node that comes back from a backup shows nobody what may have been
// retracted since: not by list, get, tail, raw record or match, until it has
// synced with two thirds of the States, or an operator decides for a reason.
func TestRestoredNodeHidesContent(t *testing.T) {
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
				if n != nil {
					n.close()
				}
			}
		}()
		for _, n := range all {
			n.ready(ctx)
		}
		content := synth.New(3).Notification(ct.TopicTravel, time.Now())
		first, err := all[1].Publish(ctx, content, desk.PublishOptions{})
		must(t, err)
		must(t, all[0].waitFor(ctx, map[ct.ID]bool{first.ID: true}))

		tmp := t.TempDir()
		o := api.BackupOptions{
			Out: filepath.Join(tmp, "b"), KeyFile: filepath.Join(tmp, "k"), GenerationFile: filepath.Join(tmp, "k.g"),
			Generation: backup.Generation(time.Now()),
		}
		k := backup.Keys{Backup: keys.Storage{1}, Generation: keys.Storage{2}, Name: o.Generation}
		must(t, keys.SaveBackup(o.KeyFile, k.Backup))
		must(t, keys.SaveBackup(o.GenerationFile, k.Generation))
		_, err = all[0].Backup(ctx, o, nil)
		must(t, err)
		r, err := all[1].Retract(ctx, first.ID, ct.Retraction{Reason: "error"}, "op1")
		must(t, err)
		must(t, all[0].waitFor(ctx, map[ct.ID]bool{r.ID: true}))
		all[0].close()
		all[0] = nil

		net.Partition([]int{0})
		must(t, os.RemoveAll(dirs[0]))
		_, err = backup.Restore(ctx, o.Out, dirs[0], k, time.Now(), nil)
		must(t, err)
		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		<-time.After(10 * time.Minute)
		hidden := func(want bool) {
			t.Helper()
			e, _, err := all[0].Get(first.ID.String())
			must(t, err)
			if e.Readable == want || want != (e.Unreadable == ct.UnreadableUnsettled) || want == (e.Notification != nil) {
				t.Errorf("get: readable %v, %q, content %v", e.Readable, e.Unreadable, e.Notification != nil)
			}
			entries, _, err := all[0].List(feed.Filter{}, 0, 100)
			must(t, err)
			if len(entries) != 1 || entries[0].Readable == want {
				t.Errorf("list: %v, readable %v", entries, entries[0].Readable)
			}
			if _, err := all[0].Record(first.ID.String()); want != errors.Is(err, api.ErrConflict) {
				t.Errorf("raw record: %v", err)
			}
			sum, err := all[0].Match(ctx, desk.MatchQuery{
				Person: content.Person, Purpose: "border-screening", Basis: "law", Case: "c1", Grounds: "test", States: []ct.State{states[0]},
			}, func(a desk.MatchAnswer) error {
				if want && a.Own {
					t.Errorf("own answer: %v", a.Answer)
				}
				return nil
			})
			if faults := new(ct.Faults); errors.As(err, faults) {
				t.Fatalf("match: %v", *faults)
			}
			must(t, err)
			if want && (len(sum.Silent) != 1 || sum.Silent[0].Why != ct.UnreadableUnsettled) || !want && len(sum.Silent) != 0 {
				t.Errorf("match: silent %v", sum.Silent)
			}
			tail, stop := context.WithTimeout(ctx, time.Minute)
			defer stop()
			got := 0
			_ = all[0].Tail(tail, feed.Filter{}, 0, func(ct.Entry) error { got++; return nil })
			if want == (got > 0) {
				t.Errorf("tail gives %d entries", got)
			}
		}
		hidden(true)
		if alarms := strings.Join(all[0].Status().Alarms, "; "); !strings.Contains(alarms, "restored from a backup: content is hidden") {
			t.Errorf("alarms: %q", alarms)
		}

		// An operator decides, and says why.
		all[0].close()
		all[0] = start(t, node.Config{
			Dir: dirs[0], Listen: []string{net.Addr(0)}, Underlay: net.Underlay(0), ShowRestored: "a flight leaves in an hour",
		})
		hidden(false)
		if alarms := strings.Join(all[0].Status().Alarms, "; "); !strings.Contains(alarms, "a flight leaves in an hour") {
			t.Errorf("alarms: %q", alarms)
		}

		// The others are back: it knows of the retraction.
		all[0].close()
		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		hidden(true)
		net.Heal()
		all[0].ready(ctx)
		if e, _, err := all[0].Get(first.ID.String()); err != nil || e.Readable || e.Unreadable != ct.UnreadableRetracted {
			t.Errorf("after the sync: readable %v, %q, %v", e.Readable, e.Unreadable, err)
		}
		for _, line := range all[0].Status().Alarms {
			if strings.Contains(line, "restored") {
				t.Errorf("the alarm stays: %q", line)
			}
		}
	})
}
