package feed_test

import (
	"testing"
	"time"

	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A copy of a record obeys what every other outlet obeys: who it is for, its
// handling, expiry, retraction, one that waits here too.
func TestExportObeysHandling(t *testing.T) {
	w := newWorld(t, 2)
	var waits ct.ID
	author := ct.State("")
	of := func(own ct.State) *feed.Feed {
		return feed.New(feed.Config{
			Store: w.store, Index: w.index, View: func() *roster.View { return w.m.View }, State: own,
			Retracting: func(id ct.ID) bool { return id == waits },
		})
	}
	marked := func(change func(*ct.Notification)) verify.Record {
		n := w.gen.Notification(ct.TopicTravel, time.Now())
		n.TLP, n.Handling = ct.TLPGreen, ct.Handling{}
		change(n)
		body, err := wire.EncodeNotification(n)
		must(t, err)
		ends, _ := n.Retention.ExpiresAt()
		return w.sign(0, ct.KindNotification, ct.TopicTravel, body, func(h *wire.Header) {
			h.Expires, h.Priority, h.TLP = ends, uint32(n.Priority), uint32(n.TLP)
		})
	}
	body, err := wire.EncodeMatchRelease(&ct.MatchRelease{
		Requests: []ct.ID{{1}}, To: "KEN", By: ct.ReleasedByHuman, Contact: ct.Contact{Desk: "d"},
		Hits: []ct.ReleasedHit{{Ref: "list:own/1", Score: 1, Tier: "strong", Author: "FIN", TLP: ct.TLPAmber}},
	})
	must(t, err)
	release := w.sign(0, ct.KindMatchRelease, ct.TopicReceipt, body, nil)
	plain, red := marked(func(*ct.Notification) {}), marked(func(n *ct.Notification) { n.TLP = ct.TLPRed })
	h2 := marked(func(n *ct.Notification) { n.Handling.Codes = []string{"H2"} })
	onward := marked(func(n *ct.Notification) { n.Handling.Caveats = []string{"no-onward"} })
	over := w.notify(0, ct.TopicTravel, time.Now().Add(-2*time.Hour), time.Hour)
	gone, waiting := marked(func(*ct.Notification) {}), marked(func(*ct.Notification) {})
	w.append(release, plain, red, h2, onward, over, gone, waiting, w.retract(0, gone))
	w.follow()
	waits = waiting.ID()
	row, err := w.store.At(w.store.Last())
	must(t, err)
	author = row.State
	red3, third := ct.Unhandled("tlp"), ct.State("FJI")
	for _, x := range []struct {
		name                   string
		rec                    verify.Record
		own                    ct.State
		export, inList, single string
	}{
		{"a release between others", release, third, ct.UnreadableSealed, ct.UnreadableSealed, ct.UnreadableSealed},
		{"a release for us", release, "KEN", "", "", ""},
		{"a release of ours", release, author, "", "", ""},
		{"GREEN", plain, third, "", "", ""},
		{"RED", red, third, red3, red3, ""},
		{"our RED", red, author, "", "", ""},
		{"H2", h2, third, ct.Unhandled("handling-code"), "", ""},
		{"no onward", onward, third, ct.Unhandled("caveat"), "", ""},
		{"expired", over, third, ct.UnreadableExpired, ct.UnreadableExpired, ct.UnreadableExpired},
		{"retracted", gone, third, ct.UnreadableRetracted, ct.UnreadableRetracted, ct.UnreadableRetracted},
		{"its retraction waits", waiting, author, ct.UnreadableRetracted, ct.UnreadableRetracted, ct.UnreadableRetracted},
	} {
		f := of(x.own)
		_, export, err := f.Export(x.rec.ID().String())
		must(t, err)
		one, _, err := f.Get(x.rec.ID().String())
		must(t, err)
		all, _, err := f.List(feed.Filter{}, 0, 100)
		must(t, err)
		inList := "not there"
		for _, e := range all {
			if e.ID == x.rec.ID() {
				inList = e.Unreadable
				if (e.Notification != nil || e.Release != nil) != e.Readable {
					t.Errorf("%s: readable %v and its content is there otherwise", x.name, e.Readable)
				}
			}
		}
		if export != x.export || inList != x.inList || one.Unreadable != x.single {
			t.Errorf("%s: copied %q, listed %q, got %q; want %q, %q, %q", x.name, export, inList, one.Unreadable, x.export, x.inList, x.single)
		}
	}
}
