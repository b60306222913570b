package node_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// asOlder makes the data directory of a node that does not run what an older program
// would have left: one of other rules, to which notifications were what it says.
func asOlder(t *testing.T, n *running, dir string, why func(i int) verify.Reason) {
	t.Helper()
	storage, err := keys.LoadStorage(filepath.Join(dir, node.FileStorageKey))
	must(t, err)
	s, err := store.Open(store.Config{Dir: dir, Key: storage, Network: n.Status().Network, Rules: ct.RulesVersion + 1000})
	must(t, err)
	i := 0
	for s.Judging().Left() > 0 {
		_, err := s.JudgeAgain(100, func(h *wire.Header, body []byte) (verify.Reason, bool) {
			if ct.Kind(h.Kind) == ct.KindNotification {
				i++
				return why(i), true
			}
			return verify.Again(h, body, n.View())
		})
		must(t, err)
	}
	must(t, s.Close())
}

// What an older program did not understand reaches followers and matches when the
// node has been upgraded, once, as if it came then. What this one does not understand
// is said, counted and an alarm, until it is taken back.
func TestUpgradeJudgesAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		dirs := founded(t, 2, roster.DefaultPolicy())
		net := sim.New(5)
		defer net.Close()
		all := simulated(t, net, dirs)
		for _, n := range all {
			n.ready(ctx)
		}
		gen, want, content := synth.New(5), map[ct.ID]bool{}, []*ct.Notification{}
		for range 6 {
			n := gen.Notification(ct.TopicTravel, time.Now())
			r, err := all[1].Publish(ctx, n, desk.PublishOptions{})
			must(t, err)
			want[r.ID], content = true, append(content, n)
		}
		must(t, all[0].waitFor(ctx, want))
		head := all[0].Heads()[all[1].Status().Node]
		cursor := all[0].Status().Cursor
		for _, n := range all {
			n.close()
		}
		asOlder(t, all[0], dirs[0], func(i int) verify.Reason {
			return []verify.Reason{verify.UnsupportedKind, verify.BodyInvalid}[i%2]
		})

		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		defer func() { all[0].close() }()
		seen := map[ct.ID]int{}
		err := all[0].Tail(ctx, feed.Filter{}, cursor, func(e ct.Entry) error {
			if seen[e.ID]++; e.Readable {
				delete(want, e.ID)
			}
			if len(want) == 0 {
				return errEnough
			}
			return nil
		})
		if err != errEnough {
			t.Fatalf("%d records are not shown after the upgrade: %v", len(want), err)
		}
		until(ctx, t, "all is judged", func() bool { return all[0].Status().JudgingLeft == 0 && len(all[0].Status().NotYet) == 0 })
		entries, _, err := all[0].List(feed.Filter{}, cursor, 100)
		must(t, err)
		if len(entries) != len(content) {
			t.Errorf("%d records are listed after the upgrade, want %d", len(entries), len(content))
		}
		for _, n := range content {
			possible := 0
			_, err := all[0].Match(ctx, desk.MatchQuery{
				Person: n.Person, Purpose: "border-screening", Basis: "law", Case: "c1", Grounds: "test", States: []ct.State{states[0]},
			}, func(a desk.MatchAnswer) error {
				if a.Answer == desk.AnswerPossible {
					possible++
				}
				return nil
			})
			must(t, err)
			if possible != 1 {
				t.Errorf("a person of what is understood now: %d possible", possible)
			}
		}

		// A record of a later version comes, and is taken back.
		later := &thief{t, loadNodeKey(t, dirs[1]), all[0].Status().Network, all[0].View().Line(all[1].Status().Node), head.Size, head.ID, head.End}
		raw, id := later.sign(200, ct.TopicTravel, ct.MillisOf(time.Now().Add(time.Hour)), []byte("of a later version"))
		must(t, all[0].Submit(ctx, raw))
		until(ctx, t, "what is not understood is counted", func() bool { return len(all[0].Status().NotYet) == 1 })
		s := all[0].Status()
		if x := s.NotYet[0]; x.Kind != 200 || x.Reason != string(verify.UnknownKind) || x.Records != 1 {
			t.Errorf("not understood: %+v", x)
		}
		if alarms := strings.Join(s.Alarms, "; "); !strings.Contains(alarms, "cannot read the content of 1 records") {
			t.Errorf("alarms: %q", alarms)
		}
		if e, _, err := all[0].Get(id.String()); err != nil || e.Readable || e.Unreadable != ct.NotYet(string(verify.UnknownKind)) {
			t.Errorf("shown as %q, %v", e.Unreadable, err)
		}
		raw, _ = later.retract(ct.Ref{Log: later.key.Public(), Seq: later.seq, ID: id})
		must(t, all[0].Submit(ctx, raw))
		until(ctx, t, "what was taken back is counted no more", func() bool { return len(all[0].Status().NotYet) == 0 })
		if e, _, err := all[0].Get(id.String()); err != nil || e.Unreadable != ct.UnreadableRetracted {
			t.Errorf("after its retraction: %q, %v", e.Unreadable, err)
		}
	})
}
