package store_test

import (
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// Who takes back a State's whole past within a day, as the thief of a key would, hides
// it at once; but of what is beyond the measure the bodies stay for a week.
func TestTooManyRetractions(t *testing.T) {
	const grace = 24 * time.Hour
	for _, c := range []struct {
		name                   string
		held, retracted, early int
	}{
		{"a few", 30, 20, 20},
		{"of a few all", 40, 40, 20},
		{"of many one in a hundred", 3000, 30, 30},
		{"of many more", 3000, 50, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				w := newWorld(t, uto, isl)
				s, cfg := w.create()
				a, thief := w.authors[uto], w.secondLog(uto)
				recs := a.notifyMany(c.held, 20)
				w.append(s, recs...)
				w.append(s, w.authors[isl].notifyMany(3000, 1)...) // of another State: no matter
				var rets []verify.Record
				for _, r := range recs[:c.retracted] {
					rets = append(rets, thief.retract(ref(r)))
				}
				for i, r := range rets { // through the day, with a start between
					w.append(s, r)
					time.Sleep(20 * time.Minute / time.Duration(1+c.retracted/50))
					if i == len(rets)/2 {
						w.ok(s.Close())
						s = w.reopen(cfg)
					}
				}
				for i, r := range recs {
					if _, hidden := s.Hidden(r.ID()); hidden != (i < c.retracted) {
						t.Fatalf("record %d: hidden %v", i, hidden)
					}
				}
				late, err := s.Late()
				w.ok(err)
				if n := c.retracted - c.early; n == 0 && len(late) != 0 || n > 0 && (len(late) != 1 || late[0].Records != n || late[0].By != thief.key.Public() || late[0].State != uto || late[0].First != uint64(c.early+1)) {
					t.Fatalf("late: %+v, want %d", late, n)
				}
				time.Sleep(grace)
				due, err := s.DueRetractions(time.Now(), grace, 1000)
				w.ok(err)
				if len(due) != c.early {
					t.Fatalf("%d are due after the grace, want %d", len(due), c.early)
				}
				w.ok(s.Erase(due, store.BodyRetracted))
				checkStore(t, w, s)
				if c.retracted > c.early { // the State closes the log of the key before its RETRACTs
					if late, err := s.Late(); err != nil || len(late) != 1 {
						t.Fatal(late, err)
					}
					w.ok(s.CloseLog(thief.key.Public(), 0, thief.first()))
					for _, r := range recs[c.early:] {
						if row, err := s.Get(a.key.Public(), r.Header().Seq); err != nil || row.BodyState != store.BodyHeld || row.Body == nil {
							t.Fatalf("after the closing: %v, %v", row.BodyState, err)
						}
					}
					if late, err := s.Late(); err != nil || len(late) != 0 {
						t.Fatal(late, err)
					}
				} else {
					time.Sleep(store.LateBy)
				}
				if due, err := s.DueRetractions(time.Now(), grace, 1000); err != nil || len(due) != 0 {
					t.Fatal(len(due), err)
				}
				checkFiles(t, s, cfg)
			})
		})
	}
}

// After a week the bodies go all the same.
func TestLateRetractionsEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, uto)
		s, cfg := w.create()
		a := w.authors[uto]
		recs := a.notifyMany(25, 20)
		w.append(s, recs...)
		for _, r := range recs {
			w.append(s, a.retract(ref(r)))
		}
		time.Sleep(time.Hour)
		for _, want := range []int{20, 5, 0} {
			due, err := s.DueRetractions(time.Now(), time.Hour, 100)
			w.ok(err)
			if len(due) != want {
				t.Fatalf("%d due, want %d", len(due), want)
			}
			w.ok(s.Erase(due, store.BodyRetracted))
			if again, err := s.DueRetractions(time.Now(), time.Hour, 100); err != nil || len(again) != 0 {
				t.Fatal(again, err)
			}
			time.Sleep(store.LateBy)
		}
		checkFiles(t, s, cfg)
	})
}

// first is the prev of the log's first record.
func (a *author) first() ct.ID {
	right, _ := a.w.view.Right(a.key.Public())
	return right.First
}

// A new member catches up with years of retractions, of records whose bodies nobody
// gives any more, and starts again: that is no flood.
func TestCatchingUpIsNoFlood(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	for range 30 {
		r := a.notify(20)
		w.append(s, w.bare(r), a.retract(ref(r)))
	}
	w.ok(s.Close())
	s = w.reopen(cfg)
	r := a.notify(20)
	w.append(s, r, a.retract(ref(r)))
	if late, err := s.Late(); err != nil || len(late) != 0 {
		t.Fatalf("late: %+v, %v", late, err)
	}
	checkFiles(t, s, cfg)
}

// What was hidden while the clock was a year ahead is erased after the grace, as
// the right clock counts it.
func TestHiddenUnderAClockAhead(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	r := a.notify(20)
	w.append(s, r, a.retract(ref(r)))
	right := time.Now().Add(-365 * 24 * time.Hour)
	for _, step := range []struct {
		at  time.Time
		due int
	}{{right, 0}, {right.Add(time.Minute), 0}, {right.Add(2 * time.Hour), 1}} {
		due, err := s.DueRetractions(step.at, time.Hour, 10)
		if err != nil || len(due) != step.due {
			t.Fatalf("after %v: %d due, want %d; %v", step.at.Sub(right), len(due), step.due, err)
		}
	}
	w.ok(s.Erase([]ct.Ref{ref(r)}, store.BodyRetracted))
	if due, err := s.DueRetractions(right.Add(3*time.Hour), time.Hour, 10); err != nil || len(due) != 0 {
		t.Fatal(due, err)
	}
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}
