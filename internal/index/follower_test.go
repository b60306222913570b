package index_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

const life = 48 * time.Hour

// people are persons whose names share nothing.
var people = []*ct.Person{
	named("Oskvar Tellumini", "1971-03-05"), named("Ingrabel Zuvantok", "1980-11-30"), named("Pohaku Wendrilith", "1966-07-01"),
	named("Dresimund Kaloporis", "1990-01-17"), named("Yurgathe Mostelwin", "1959-09-09"),
}

// hits names the refs of who is found, the best first.
func (w *world) hits(p *ct.Person, fresh bool) string {
	w.t.Helper()
	if !fresh {
		return found(w.t, w.index, p)
	}
	hits, err := w.index.FindFresh(match.Prepare(*p), index.Want{Limit: 10}, w.source(), time.Now())
	must(w.t, err)
	var refs []string
	for _, h := range hits {
		refs = append(refs, h.Ref)
	}
	return strings.Join(refs, " ")
}

func recordRef(r verify.Record) string { return index.RefRecord + r.ID().String() }

// Whatever order things come in, and however they are cut into batches, the
// index finds who may be found: it follows one record at a time, all at once,
// or all over again after its file was deleted.
func TestFollow(t *testing.T) {
	type scene struct {
		name  string
		steps func(w *world) []func()
		want  func(w *world) []string // by person; empty: not found
	}
	var recs []verify.Record
	scenes := []scene{
		{"records and lists", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], life), w.about(1, people[1], life)}
			return []func(){
				func() { w.append(recs[0]) },
				func() { w.lists.add(index.Change{Ref: "list:a/1", Person: people[2]}) },
				func() { w.append(recs[1]) },
				func() {
					w.lists.add(index.Change{Ref: "list:a/2", Person: people[3]}, index.Change{Ref: "list:a/1"})
				},
			}
		}, func(*world) []string { return []string{recordRef(recs[0]), recordRef(recs[1]), "", "list:a/2"} }},
		{"retracted", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], life), w.about(0, people[1], life)}
			gone := w.retract(0, recs[0])
			return []func(){func() { w.append(recs...) }, func() { w.append(gone) }}
		}, func(*world) []string { return []string{"", recordRef(recs[1])} }},
		{"retracted by another State", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], life)}
			vain := w.retract(1, recs[0])
			return []func(){func() { w.append(recs...) }, func() { w.append(vain) }}
		}, func(*world) []string { return []string{recordRef(recs[0])} }},
		{"a body that comes late", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], life)}
			return []func(){func() { w.append(w.bare(recs[0])) }, func() { w.fill(recs[0]) }}
		}, func(*world) []string { return []string{recordRef(recs[0])} }},
		{"a body that comes after the retraction", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], life)}
			gone := w.retract(0, recs[0])
			return []func(){func() { w.append(w.bare(recs[0]), gone) }, func() { w.fill(recs[0]) }}
		}, func(*world) []string { return []string{""} }},
		{"retracted by a record without a sound body", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], life)}
			gone := w.sign(0, ct.KindRetract, ct.TopicTravel, []byte("no retraction"), func(h *header) { h.Refs = []ct.Ref{ref(recs[0])} })
			return []func(){func() { w.append(recs...) }, func() { w.append(w.bare(gone)) }, func() { w.fill(gone) }}
		}, func(*world) []string { return []string{""} }},
		{"several retracted at once", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], life), w.about(0, people[1], life), w.about(0, people[2], life)}
			gone := w.sign(0, ct.KindRetract, ct.TopicTravel, nil, func(h *header) {
				h.Refs = []ct.Ref{ref(recs[2]), {Log: ref(recs[1]).Log, Seq: 99, ID: ref(recs[1]).ID}, ref(recs[0])}
			})
			return []func(){func() { w.append(recs[:2]...) }, func() { w.append(recs[2:]...) }, func() { w.append(gone) }}
		}, func(*world) []string { return []string{"", recordRef(recs[1]), ""} }},
		{"expired before it came", func(w *world) []func() {
			recs = []verify.Record{w.about(0, people[0], -time.Hour)}
			return []func(){func() { w.append(recs...) }}
		}, func(*world) []string { return []string{""} }},
		{"inadmissible", func(w *world) []func() {
			bad := w.sign(0, ct.KindNotification, ct.TopicTravel, []byte("no notification"), nil)
			recs = []verify.Record{w.about(0, people[0], life)}
			return []func(){func() { w.append(bad) }, func() { w.append(recs...) }}
		}, func(*world) []string { return []string{recordRef(recs[0])} }},
	}
	for _, c := range scenes {
		for _, how := range []string{"live", "at once", "again"} {
			t.Run(c.name+", "+how, func(t *testing.T) {
				w := newWorld(t, 2)
				steps := c.steps(w)
				for _, step := range steps {
					step()
					if how == "live" {
						w.follow()
					}
				}
				w.follow()
				if how == "again" {
					w.rebuild()
				}
				if got := w.index.Cursors(); got != w.reached() {
					t.Errorf("cursors %+v, the sources are at %+v", got, w.reached())
				}
				count := 0
				for i, want := range c.want(w) {
					if got := w.hits(people[i], false); got != want {
						t.Errorf("person %d: found %q, want %q", i, got, want)
					}
					if want != "" {
						count++
					}
				}
				if got := w.index.Persons(); got != count {
					t.Errorf("%d persons are indexed, want %d", got, count)
				}
			})
		}
	}
}

// rebuild deletes the file and follows from the start.
func (w *world) rebuild() {
	w.t.Helper()
	must(w.t, w.index.Close())
	must(w.t, os.Remove(w.path))
	w.index = openIndex(w.t, w.path)
	if got := w.index.Cursors(); got != (index.Cursors{}) || w.index.Persons() != 0 {
		w.t.Fatalf("a new index is at %+v with %d persons", got, w.index.Persons())
	}
	w.follow()
}

// Follow wakes for the store and for the lists, ends with its context without
// an error, and with one when the store closes or cannot be read.
func TestFollowWakesAndEnds(t *testing.T) {
	w := newWorld(t, 1)
	w.following(func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i := range 3 {
			w.append(w.about(0, people[i], life))
			must(t, w.index.Reach(ctx, w.reached()))
			w.lists.add(index.Change{Ref: fmt.Sprint("list:a/", i), Person: people[i+1]})
			must(t, w.index.Reach(ctx, w.reached()))
		}
	})
	if got := w.index.Persons(); got != 6 {
		t.Errorf("%d persons, want 6", got)
	}
	broken := w.source()
	errDisk := errors.New("the disk is gone")
	broken.Read = func(uint64, int, bool) ([]store.Row, error) { return nil, errDisk }
	if err := w.index.Follow(t.Context(), broken); !errors.Is(err, errDisk) {
		t.Errorf("with a store that cannot be read: %v", err)
	}
	must(t, w.store.Close())
	if err := w.index.Follow(t.Context(), w.source()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("with a closed store: %v", err)
	}
}

// What is durable is found before the index has followed it, once, and what is
// hidden is not, whichever of the two knows it.
func TestFindFresh(t *testing.T) {
	w := newWorld(t, 1)
	early, late := w.about(0, people[0], life), w.about(0, people[0], life)
	w.append(early)
	w.follow()
	w.append(late, w.about(0, people[1], -time.Hour), w.bare(w.about(0, people[2], life)))
	got := strings.Fields(w.hits(people[0], true))
	want := []string{recordRef(early), recordRef(late)}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := w.hits(people[0], false); got != recordRef(early) {
		t.Errorf("the index alone found %q, want %q", got, recordRef(early))
	}
	for i, p := range people[1:3] {
		if got := w.hits(p, true); got != "" {
			t.Errorf("person %d, expired or without a body, is found: %q", i+1, got)
		}
	}
	// A retraction may commit between the reading of a row and the look at it.
	between := w.source()
	between.Hidden = func(id ct.ID) (ct.ID, bool) { return ct.ID{1}, id == late.ID() }
	hits, err := w.index.FindFresh(match.Prepare(*people[0]), index.Want{Limit: 10}, between, time.Now())
	if err != nil || len(hits) != 1 || hits[0].Ref != recordRef(early) {
		t.Errorf("retracted meanwhile: %d found (%v), want the other one", len(hits), err)
	}
	w.append(w.retract(0, late))
	if got := w.hits(people[0], true); got != recordRef(early) {
		t.Errorf("after the retraction in the tail: found %q, want %q", got, recordRef(early))
	}
	w.follow()
	if got := w.hits(people[0], true); got != recordRef(early) {
		t.Errorf("after the index has followed: found %q, want %q", got, recordRef(early))
	}
	hits, err = w.index.FindFresh(match.Prepare(*people[0]), index.Want{}, w.source(), time.Now())
	if len(hits) != 0 || err != nil {
		t.Errorf("with no room for hits: %v, %v", hits, err)
	}
}

// Forget takes persons out beside the follower and moves no cursor.
func TestForget(t *testing.T) {
	w := newWorld(t, 1)
	recs := []verify.Record{w.about(0, people[0], life), w.about(0, people[1], life), w.about(0, people[2], life)}
	w.append(recs...)
	w.follow()
	before := w.index.Cursors()
	must(t, w.index.Forget(nil))
	must(t, w.index.Forget([]ct.Ref{ref(recs[0]), ref(recs[2]), ref(recs[2]), {ID: ct.ID{9}}}))
	for i, want := range []string{"", recordRef(recs[1]), ""} {
		if got := w.hits(people[i], false); got != want {
			t.Errorf("person %d: found %q, want %q", i, got, want)
		}
	}
	if got := w.index.Cursors(); got != before || w.index.Persons() != 1 {
		t.Errorf("cursors %+v, %d persons; want %+v and 1", got, w.index.Persons(), before)
	}
	must(t, w.index.Close())
	w.index = openIndex(t, w.path)
	if got := w.hits(people[0], false); got != "" {
		t.Errorf("after the restart a forgotten person is found: %q", got)
	}
}
