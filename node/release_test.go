package node_test

import (
	"context"
	"encoding/json"
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
)

// A State asks all others over a real network. One releases while the asker is
// off: the release comes by sync. Another restarts before it decides. When a
// source is retracted, again while the asker is off, the asker's answer is
// withdrawn. Third States tell nothing of the record, and hold the releases and
// are shown nothing of them.
func TestReleaseOverTheNetwork(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		dirs := founded(t, 4, roster.DefaultPolicy())
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
		gen := synth.New(5)
		content := gen.Notification(ct.TopicArrival, time.Now())
		for content.Person.MaybeMinor(time.Now()) {
			content = gen.Notification(ct.TopicArrival, time.Now())
		}
		content.TLP, content.Handling = ct.TLPAmber, ct.Handling{}
		source, err := all[1].Publish(ctx, content, desk.PublishOptions{})
		must(t, err)
		for _, n := range all {
			must(t, n.waitFor(ctx, map[ct.ID]bool{source.ID: true}))
		}
		raw, err := json.Marshal(ct.Person{Names: content.Person.Names[:1], Births: content.Person.Births})
		must(t, err)
		line := `{"id":"p1",` + string(raw[1:])
		for _, n := range all[2:] { // who know the person by themselves
			_, err := n.ImportPersons(ctx, "own", strings.NewReader(line), nil)
			must(t, err)
		}
		ids, asked := map[ct.State]ct.ID{}, time.Now()
		_, err = all[0].Match(ctx, desk.MatchQuery{
			Person: content.Person, Purpose: "border-screening", Basis: "law", Case: "c1", Grounds: "test", ReleaseWithin: 30 * time.Minute,
		}, func(a desk.MatchAnswer) error {
			if a.Answer == desk.AnswerPossible && !a.Own {
				ids[a.State] = a.Inbox
			}
			return nil
		})
		must(t, err)
		if len(ids) != 3 {
			t.Fatalf("%d of 3 know the person", len(ids))
		}
		status := func(s ct.State) (it desk.InboxItem) {
			items, err := all[0].Inbox()
			must(t, err)
			for _, i := range items {
				if i.Answer && i.ID == ids[s] {
					it = i
				}
			}
			return it
		}
		// What waits at a node for the asker.
		waits := func(n *running) ct.ID {
			items, err := n.Inbox()
			must(t, err)
			if len(items) != 1 || items[0].Answer || items[0].State != states[0] {
				t.Fatalf("%d items wait", len(items))
			}
			return items[0].ID
		}

		all[0].close()
		released, _, err := all[1].Release(ctx, waits(all[1]).String(), desk.ReleaseOptions{Operator: "op1"})
		must(t, err)
		all[2].close()
		all[2] = startSimulated(t, net, dirs, 2, dirs[2])
		all[2].ready(ctx)
		_, third, err := all[2].Release(ctx, waits(all[2]).String(), desk.ReleaseOptions{Operator: "op2"})
		must(t, err)
		if len(third.Hits) != 1 || third.Hits[0].Author != states[2] {
			t.Fatalf("%d hits: a third State's AMBER record goes on", len(third.Hits))
		}
		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		all[0].ready(ctx)
		until(ctx, t, "both releases", func() bool {
			return status(states[1]).Status == desk.StatusReleased && status(states[2]).Status == desk.StatusReleased
		})
		if got := status(states[3]).Status; got != desk.StatusWaiting {
			t.Errorf("the one that has not decided: %s", got)
		}
		shown, err := all[0].InboxShow(ids[states[1]].String(), "op0")
		must(t, err)
		if shown.Release == nil || shown.Release.Hits[0].Person == nil || shown.Release.Hits[0].Ref != "rec:"+source.ID.String() {
			t.Fatal("the asker does not see what was released")
		}

		// By the record: the two States see it, the others that there is one.
		for i, want := range []bool{true, true, false, false} {
			must(t, all[i].waitFor(ctx, map[ct.ID]bool{released.ID: true}))
			e, _, err := all[i].Get(released.ID.String())
			must(t, err)
			if e.Readable != want || (e.Release != nil) != want || !want && e.Unreadable != ct.UnreadableSealed {
				t.Errorf("node %d: readable %v, %q", i, e.Readable, e.Unreadable)
			}
			if got := all[i].Status().Persons; got != 1+i/2 {
				t.Errorf("node %d answers from %d persons: another State's release is none of its own", i, got)
			}
			entries, _, err := all[i].List(feed.Filter{}, 0, 100)
			must(t, err)
			for _, e := range entries {
				if e.Release != nil {
					t.Errorf("node %d lists the content of a release", i)
				}
			}
		}

		// The source goes, with the asker off, and its release with it; the other
		// State's entry is its own.
		all[0].close()
		_, err = all[1].Retract(ctx, source.ID, ct.Retraction{Reason: "acquitted"}, "op1")
		must(t, err)
		all[0] = startSimulated(t, net, dirs, 0, dirs[0])
		all[0].ready(ctx)
		until(ctx, t, "withdrawn", func() bool { return status(states[1]).Status == desk.StatusWithdrawn })
		if got := status(states[2]).Status; got != desk.StatusReleased {
			t.Errorf("the other release: %s", got)
		}
		if got := status(states[1]).Reason; got != "acquitted" {
			t.Errorf("withdrawn because %q", got)
		}
		shown, err = all[0].InboxShow(ids[states[1]].String(), "op0")
		must(t, err)
		if shown.Release != nil {
			t.Error("what was withdrawn is still shown")
		}

		// Nobody at the fourth has looked: its request goes at its deadline.
		waits(all[3])
		<-time.After(30*time.Minute - time.Since(asked))
		until(ctx, t, "lapsed", func() bool { items, err := all[3].Inbox(); return err == nil && len(items) == 0 })
		if _, err := all[3].JournalVerify(nil); err != nil {
			t.Error(err)
		}
		if got := status(states[3]).Status; got != desk.StatusUnanswered {
			t.Errorf("after the deadline: %s", got)
		}
	})
}
