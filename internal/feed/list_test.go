package feed_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

func ids(entries []ct.Entry) []ct.ID {
	var out []ct.ID
	for _, e := range entries {
		out = append(out, e.ID)
	}
	return out
}

func TestListFilters(t *testing.T) {
	w := newWorld(t, 2)
	recs := []verify.Record{
		w.plain(0, ct.TopicTravel), w.address(0, 1), w.plain(1, ct.TopicArrival), w.plain(1, ct.TopicTravel), w.plain(0, ct.TopicDetention),
	}
	recs = append(recs, w.retract(1, recs[2]))
	w.append(recs...)
	for _, c := range []struct {
		name   string
		filter feed.Filter
		want   []int
	}{
		{"nothing said: all but control", feed.Filter{}, []int{0, 2, 3, 4, 5}},
		{"all", feed.Filter{All: true}, []int{0, 1, 2, 3, 4, 5}},
		{"a topic", feed.Filter{Topics: []ct.Topic{ct.TopicTravel}}, []int{0, 3}},
		{"control, asked for", feed.Filter{Topics: []ct.Topic{ct.TopicControl}}, []int{1}},
		{"a State", feed.Filter{States: w.m.States[1:2]}, []int{2, 3, 5}},
		{"a State with control", feed.Filter{States: w.m.States[:1], All: true}, []int{0, 1, 4}},
		{"a kind", feed.Filter{Kinds: []ct.Kind{ct.KindRetract}}, []int{5}},
		{"kinds", feed.Filter{Kinds: []ct.Kind{ct.KindRetract, ct.KindNotification}}, []int{0, 2, 3, 4, 5}},
		{"a kind that is control", feed.Filter{Kinds: []ct.Kind{ct.KindAddress}}, nil},
		{"State and topic", feed.Filter{States: w.m.States[1:2], Topics: []ct.Topic{ct.TopicTravel}}, []int{3}},
		{"States", feed.Filter{States: w.m.States}, []int{0, 2, 3, 4, 5}},
		{"topics", feed.Filter{Topics: []ct.Topic{ct.TopicTravel, ct.TopicDetention}}, []int{0, 3, 4}},
		{"since long ago", feed.Filter{Since: ct.MillisOf(time.Now().Add(-time.Hour))}, []int{0, 2, 3, 4, 5}},
		{"since later", feed.Filter{Since: ct.MillisOf(time.Now().Add(time.Hour))}, nil},
		{"a State nobody is", feed.Filter{States: []ct.State{"ZZZ"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []ct.ID
			for _, i := range c.want {
				want = append(want, recs[i].ID())
			}
			for _, page := range []int{1, 2, 100} {
				if got := ids(w.list(c.filter, page)); !slices.Equal(got, want) {
					t.Errorf("in pages of %d: got %v, want %v", page, got, want)
				}
			}
			if _, next, err := w.feed.List(c.filter, 0, 100); err != nil || next != w.store.Last() {
				t.Errorf("after all: cursor %d (%v), want %d", next, err, w.store.Last())
			}
		})
	}
}

// Pages of any size give every record once, in the order of arrival, also
// across what one look at the store copies out.
func TestListPages(t *testing.T) {
	w := newWorld(t, 2)
	recs := append(w.many(0, 700), w.many(1, 400)...)
	w.append(recs...)
	for _, page := range []int{1, 499, 500, 501, 2000} {
		entries := w.list(feed.Filter{}, page)
		if len(entries) != len(recs) {
			t.Fatalf("pages of %d: %d entries, want %d", page, len(entries), len(recs))
		}
		for i, e := range entries {
			if e.ID != recs[i].ID() || e.Cursor != uint64(i+1) {
				t.Fatalf("pages of %d: entry %d is %s at cursor %d", page, i, e.ID.Short(), e.Cursor)
			}
		}
	}
	if entries, next, err := w.feed.List(feed.Filter{}, 0, 0); len(entries) != 0 || next != 0 || err != nil {
		t.Errorf("a page of nothing: %d entries, cursor %d, %v", len(entries), next, err)
	}
	if entries, next, err := w.feed.List(feed.Filter{}, 1<<40, 10); len(entries) != 0 || next != 1<<40 || err != nil {
		t.Errorf("a cursor that never was: %d entries, cursor %d, %v", len(entries), next, err)
	}
}

// A reader who stops for as long as it likes lags and loses nothing, and goes
// on from its cursor after an interruption.
func TestTailSlowReader(t *testing.T) {
	w := newWorld(t, 2)
	before, after := w.many(0, 30), w.many(1, 1300)
	w.append(before...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	errStop := errors.New("the reader's connection ended")
	var got []ct.Entry
	cursor := uint64(0)
	read := func(until int) error {
		return w.feed.Tail(ctx, feed.Filter{}, cursor, func(e ct.Entry) error {
			if len(got) == 20 { // it stands still while much arrives
				w.append(after...)
			}
			got, cursor = append(got, e), e.Cursor
			if len(got) == until {
				return errStop
			}
			return nil
		})
	}
	all := append(before, after...)
	for _, until := range []int{10, 531, len(all)} {
		if err := read(until); !errors.Is(err, errStop) {
			t.Fatalf("at %d entries: %v", len(got), err)
		}
	}
	for i, e := range got {
		if e.ID != all[i].ID() {
			t.Fatalf("entry %d is %s, want %s", i, e.ID.Short(), all[i].ID().Short())
		}
	}
	if len(got) != len(all) {
		t.Errorf("%d entries, want %d", len(got), len(all))
	}
}

// Tail waits for what is to come and ends with its context, also while it is
// far behind: nobody reads on for a reader who has left.
func TestTailEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter feed.Filter
		most   int // entries that may be given after the end
	}{
		{"at the newest", feed.Filter{}, 0},
		{"behind", feed.Filter{}, 500},
		{"nothing fits", feed.Filter{Topics: []ct.Topic{ct.TopicDetention}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.append(w.many(0, 5)...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if c.name == "behind" {
				w.append(w.many(0, 3000)...)
			}
			given, over := 0, 0
			if c.name == "nothing fits" {
				cancel()
			}
			err := w.feed.Tail(ctx, c.filter, 0, func(ct.Entry) error {
				if ctx.Err() != nil {
					over++
				}
				if given++; given == 5 {
					cancel()
				}
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			if over > c.most {
				t.Errorf("%d entries after the reader had left, want at most %d", over, c.most)
			}
		})
	}
}

// A body that comes later brings its record again, once, at the new place.
func TestLateBodyArrivesAgain(t *testing.T) {
	w := newWorld(t, 1)
	late, next := w.plain(0, ct.TopicTravel), w.plain(0, ct.TopicArrival)
	w.append(w.bare(late), next)
	entries := w.list(feed.Filter{}, 10)
	if len(entries) != 2 || entries[0].ID != late.ID() || entries[0].Unreadable != ct.UnreadableMissing || entries[0].Notification != nil {
		t.Fatalf("without its body: %v, %q", entries, entries[0].Unreadable)
	}
	seen := entries[1].Cursor
	w.fill(late)
	entries, _, err := w.feed.List(feed.Filter{}, seen, 10)
	must(t, err)
	if len(entries) != 1 || entries[0].ID != late.ID() || !entries[0].Readable || entries[0].Notification == nil {
		t.Fatalf("after the body came: %v", entries)
	}
	if got, want := fmt.Sprint(ids(w.list(feed.Filter{}, 10))), fmt.Sprint([]ct.ID{next.ID(), late.ID()}); got != want {
		t.Errorf("from the start: got %s, want %s", got, want)
	}
}
