package feed_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// states of the index when Get is asked: it may not have begun, be on its way
// or be there, and Get finds the same.
var behind = []struct {
	name    string
	follows func(w *world, at, of int) bool // after append number at
}{
	{"index empty", func(*world, int, int) bool { return false }},
	{"index half way", func(_ *world, at, of int) bool { return at == of/2 }},
	{"index complete", func(_ *world, at, of int) bool { return at == of }},
}

func (w *world) appendFollowing(follows func(*world, int, int) bool, steps ...func()) {
	w.t.Helper()
	for i, step := range steps {
		step()
		if follows(w, i+1, len(steps)) {
			w.follow()
		}
	}
}

func TestGetByPrefix(t *testing.T) {
	for _, b := range behind {
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(t, 1)
			// Two ids that begin with the same four digits turn up soon.
			recs, first := []verify.Record{}, map[string]ct.ID{}
			var twin [2]ct.ID
			for len(recs) < 5000 && twin[0].IsZero() {
				r := w.many(0, 1)[0]
				recs = append(recs, r)
				if other, ok := first[r.ID().String()[:4]]; ok {
					twin = [2]ct.ID{other, r.ID()}
				}
				first[r.ID().String()[:4]] = r.ID()
			}
			half := len(recs) / 2
			w.appendFollowing(b.follows, func() { w.append(recs[:half]...) }, func() { w.append(recs[half:]...) })
			same := 4
			for twin[0].String()[:same+1] == twin[1].String()[:same+1] {
				same++
			}
			id := twin[0].String()
			for _, c := range []struct {
				name, prefix string
				want         error
			}{
				{"whole", id, nil},
				{"upper case with blanks", " " + strings.ToUpper(id) + "\n", nil},
				{"sixteen digits", id[:16], nil},
				{"seventeen digits", id[:17], nil},
				{"just enough", id[:same+1], nil},
				{"of two", id[:same], feed.ErrAmbiguous},
				{"of nobody", strings.Repeat("0", 40), feed.ErrNotFound},
				{"but for the last digit", id[:63] + string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", id[63])+1)%16]), feed.ErrNotFound},
				{"three digits", id[:3], feed.ErrPrefix},
				{"empty", "", feed.ErrPrefix},
				{"too long", id + "0", feed.ErrPrefix},
				{"no digits", "travel", feed.ErrPrefix},
				{"odd and no digit at the end", id[:8] + "g", feed.ErrPrefix},
			} {
				e, history, err := w.feed.Get(c.prefix)
				if !errors.Is(err, c.want) || c.want == nil && (err != nil || e.ID.String() != id || len(history) != 0) {
					t.Errorf("%s: got %v, %v; want %v", c.name, e, err, c.want)
				}
			}
			row, err := w.feed.Lookup(twin[1])
			if err != nil || row.ID != twin[1] {
				t.Errorf("Lookup: %v", err)
			}
			if _, err := w.feed.Lookup(ct.ID{1}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Lookup of nobody: %v", err)
			}
		})
	}
}

// The history of a record is what its own State said of it, each once, in the
// order of arrival, though bodies come late and bring records again.
func TestGetHistory(t *testing.T) {
	for _, b := range behind {
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(t, 2)
			target := w.plain(0, ct.TopicTravel)
			one, two := w.retract(0, target), w.retract(0, target)
			foreign := w.retract(1, target)
			other := w.plain(0, ct.TopicTravel)
			w.appendFollowing(b.follows,
				func() { w.append(target) },
				func() { w.append(w.bare(one)) },
				func() { w.append(foreign) },
				func() { w.append(two, other) },
				func() { w.fill(one) },
				func() { w.append(w.retract(0, other)) },
			)
			e, history, err := w.feed.Get(target.ID().String())
			must(t, err)
			if e.Readable || e.Unreadable != ct.UnreadableRetracted || !e.Hidden || e.Notification != nil {
				t.Errorf("the retracted record: readable %v, %q, hidden %v", e.Readable, e.Unreadable, e.Hidden)
			}
			if got, want := ids(history), []ct.ID{two.ID(), one.ID()}; !slices.Equal(got, want) {
				t.Errorf("history %v, want %v", got, want)
			}
			for _, h := range history {
				if h.Retraction == nil || !h.Readable {
					t.Errorf("retraction %s: %q", h.ID.Short(), h.Unreadable)
				}
			}
		})
	}
}

// What may not be shown is not shown, and the reason is said.
func TestUnreadable(t *testing.T) {
	w := newWorld(t, 2)
	now := time.Now()
	shown := w.plain(0, ct.TopicTravel)
	retracted := w.plain(0, ct.TopicTravel)
	retractedErased := w.plain(0, ct.TopicTravel)
	expired := w.notify(0, ct.TopicArrival, now.Add(-2*time.Hour), time.Hour)
	expiredErased := w.notify(0, ct.TopicArrival, now.Add(-2*time.Hour), time.Hour)
	erased := w.plain(0, ct.TopicTravel)
	missing := w.plain(0, ct.TopicTravel)
	soon := w.notify(0, ct.TopicTravel, now.Add(5*time.Minute), time.Hour)
	future := w.notify(0, ct.TopicTravel, now.Add(11*time.Minute), time.Hour)
	garbled := w.sign(0, ct.KindNotification, ct.TopicTravel, []byte("no notification"), nil)
	strange := w.sign(0, ct.Kind(200), ct.TopicTravel, []byte("of a later version"), nil)
	forked := w.plain(1, ct.TopicDetention)
	w.append(shown, retracted, retractedErased, expired, expiredErased, erased, w.bare(missing), soon, future, garbled, strange,
		w.retract(0, retracted), w.retract(0, retractedErased), forked)
	ref := func(r verify.Record) []ct.Ref {
		return []ct.Ref{{Log: r.Header().Log, Seq: r.Header().Seq, ID: r.ID()}}
	}
	must(t, w.store.Erase(ref(retractedErased), store.BodyRetracted))
	must(t, w.store.Erase(ref(expiredErased), store.BodyExpired))
	must(t, w.store.Erase(ref(erased), store.BodyLocal))
	h := forked.Header() // another history of the second member's log
	w.logs[1].at = wire.Next{Seq: h.Seq, Prev: h.Prev, End: h.Offset}
	must(t, w.store.PutForkHeld(w.plain(1, ct.TopicArrival)))

	entries := map[ct.ID]ct.Entry{}
	for _, e := range w.list(feed.Filter{All: true}, 100) {
		entries[e.ID] = e
	}
	for _, c := range []struct {
		name      string
		rec       verify.Record
		why       string
		hidden    bool
		contested bool
	}{
		{"in order", shown, "", false, false},
		{"retracted", retracted, ct.UnreadableRetracted, true, false},
		{"retracted and erased", retractedErased, ct.UnreadableRetracted, true, false},
		{"expired, still held", expired, ct.UnreadableExpired, false, false},
		{"expired and erased", expiredErased, ct.UnreadableExpired, false, false},
		{"erased here", erased, ct.UnreadableErased, false, false},
		{"without its body", missing, ct.UnreadableMissing, false, false},
		{"a little ahead of our clock", soon, "", false, false},
		{"of the future", future, ct.UnreadableFuture, false, false},
		{"not decodable", garbled, ct.NotYet(string(verify.BodyNotDecodable)), false, false},
		{"of an unknown kind", strange, ct.NotYet(string(verify.UnknownKind)), false, false},
		{"of a forked log", forked, "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, ok := entries[c.rec.ID()]
			if !ok {
				t.Fatal("not in the feed")
			}
			if e.Unreadable != c.why || e.Readable != (c.why == "") || e.Hidden != c.hidden || e.Contested != c.contested || !e.Exercise {
				t.Errorf("unreadable %q, readable %v, hidden %v, contested %v, exercise %v; want %q, hidden %v, contested %v",
					e.Unreadable, e.Readable, e.Hidden, e.Contested, e.Exercise, c.why, c.hidden, c.contested)
			}
			if (e.Notification != nil) != e.Readable {
				t.Errorf("readable %v, content %v", e.Readable, e.Notification != nil)
			}
			if h := c.rec.Header(); e.Seq != h.Seq || e.Log != h.Log || e.Issued != h.Issued || e.Expires != h.Expires || e.BodySize != h.BodySize {
				t.Errorf("the entry does not say what the header says: %v", e)
			}
		})
	}
}
