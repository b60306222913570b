package index_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/verify"
)

// What a list says now counts before the index has followed it: who is new is
// found, who is off it is not, and of who was changed it is the new person.
func TestFindFreshReadsLists(t *testing.T) {
	w := newWorld(t, 1)
	w.lists.add(index.Change{Ref: "list:a/1", Person: people[0]}, index.Change{Ref: "list:a/2", Person: people[1]})
	w.follow()
	w.lists.add(
		index.Change{Ref: "list:a/1", Person: people[2]},
		index.Change{Ref: "list:a/2"},
		index.Change{Ref: "list:a/3", Person: people[3]},
	)
	for i, want := range []string{"", "", "list:a/1", "list:a/3"} {
		if got := w.hits(people[i], true); got != want {
			t.Errorf("person %d: found %q, want %q", i, got, want)
		}
	}
}

// An index that is behind by more than a search looks through says so, whether
// by records or by lists, and finds everybody up to there.
func TestBehindIsSaid(t *testing.T) {
	ask := func(w *world, i int) ([]index.Hit, error) {
		return w.index.FindFresh(match.Prepare(*people[i]), index.Want{Limit: 10}, w.source(), time.Now())
	}
	t.Run("lists", func(t *testing.T) {
		w := newWorld(t, 1)
		for i := range index.MaxTail {
			w.lists.add(index.Change{Ref: fmt.Sprint("list:a/", i), Person: named(fmt.Sprint("Vorbil Nadurke", i), "1950-01-02")})
		}
		w.lists.add(index.Change{Ref: "list:a/0", Person: people[0]})
		if hits, err := ask(w, 0); !errors.Is(err, index.ErrBehind) || !w.index.Lag(w.source()).Blind {
			t.Errorf("%d changes behind: %d hits, %v", index.MaxTail+1, len(hits), err)
		}
		w.follow()
		w.lists.add(index.Change{Ref: "list:a/x", Person: people[1]})
		for i, want := range []string{"list:a/0", "list:a/x"} {
			if hits, err := ask(w, i); err != nil || len(hits) != 1 || hits[0].Ref != want {
				t.Errorf("person %d: %v, %v, want %s", i, len(hits), err, want)
			}
		}
	})
	t.Run("records", func(t *testing.T) {
		w := newWorld(t, 1)
		recs := []verify.Record{w.about(0, people[0], life)}
		for i := range index.MaxTail - 1 {
			recs = append(recs, w.address(0, uint64(i+1)))
		}
		for len(recs) > 0 {
			n := min(len(recs), 500)
			w.append(recs[:n]...)
			recs = recs[n:]
		}
		if hits, err := ask(w, 0); err != nil || len(hits) != 1 || w.index.Lag(w.source()).Blind {
			t.Errorf("the first of %d records that are not indexed: %d hits, %v", index.MaxTail, len(hits), err)
		}
		w.append(w.about(0, people[1], life))
		if hits, err := ask(w, 1); !errors.Is(err, index.ErrBehind) {
			t.Errorf("one record more: %d hits, %v", len(hits), err)
		}
		w.follow()
		if hits, err := ask(w, 1); err != nil || len(hits) != 1 {
			t.Errorf("when they are indexed: %d hits, %v", len(hits), err)
		}
	})
}

// Hits that may not be shown take nobody's place, however many there are; where
// there are more than a search looks at, it does not say that there is nobody.
func TestHiddenHitsTakeNoPlace(t *testing.T) {
	w := newWorld(t, 1)
	keep := func(h index.Hit) (bool, error) { return h.Ref == "list:z/shown", nil }
	ask := func() ([]index.Hit, error) {
		return w.index.FindFresh(match.Prepare(*people[0]), index.Want{Limit: 5, Keep: keep}, w.source(), time.Now())
	}
	add := func(from, to int) {
		for i := from; i < to; i++ {
			w.lists.add(index.Change{Ref: fmt.Sprint("list:a/", i), Person: people[0]})
		}
	}
	add(0, 700)
	w.lists.add(index.Change{Ref: "list:z/shown", Person: people[0]})
	w.follow()
	if hits, err := ask(); err != nil || len(hits) != 1 || hits[0].Ref != "list:z/shown" {
		t.Errorf("behind 700 that may not be shown: %d hits, %v", len(hits), err)
	}
	w.lists.add(index.Change{Ref: "list:z/shown"})
	w.follow()
	if hits, err := ask(); err != nil || len(hits) != 0 {
		t.Errorf("only such as may not be shown: %d hits, %v", len(hits), err)
	}
	add(700, 3_000)
	w.follow()
	if hits, err := ask(); !errors.Is(err, index.ErrCrowded) {
		t.Errorf("3,000 that may not be shown: %d hits, %v", len(hits), err)
	}
}

// What a power cut may leave of a file: its name. All in it can be derived again.
func TestEmptyFileIsBuiltAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	must(t, os.WriteFile(path, nil, 0o600))
	x := openIndex(t, path)
	must(t, x.Update(index.Cursors{}, []index.Change{{Ref: "list:a/1", Person: people[0]}}))
	if got := found(t, x, people[0]); got != "list:a/1" {
		t.Errorf("found %q", got)
	}
}
