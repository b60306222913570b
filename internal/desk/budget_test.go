package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// The windows slide exactly over restarts: the node restarts before every
// request, and each limit ends to the second.
func TestWindowsSurviveRestarts(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{policy: roster.Policy{MatchBurst: 2, MatchPerHour: 4, MatchPerDay: 6}}, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		began := time.Now()
		for i, x := range []struct {
			at    time.Duration
			limit string
		}{
			{0, ""}, {time.Second, ""}, {2 * time.Second, "burst"}, {59 * time.Second, "burst"}, {62 * time.Second, ""}, {2 * time.Minute, ""},
			{10 * time.Minute, "hour"}, {59 * time.Minute, "hour"}, {time.Hour + time.Second, ""}, {time.Hour + 3*time.Second, ""},
			{3 * time.Hour, "day"}, {24*time.Hour - time.Second, "day"}, {24*time.Hour + time.Second, ""},
		} {
			time.Sleep(time.Until(began.Add(x.at)))
			b.restart()
			p := ct.Person{Names: []ct.Name{{Full: fmt.Sprintf("Ulfgrim Zetako%cvnar", 'a'+i)}}}
			if got := a.asks(b, p, "o", "c"); got.answered() != (x.limit == "") || got.reason != x.limit {
				t.Errorf("request %d after %v: %+v, want limit %q", i+1, x.at, got, x.limit)
			}
		}
	})
}

// BenchmarkRefill reads the last day of a journal of 100,000 entries, as the
// first thing a node does.
func BenchmarkRefill(b *testing.B) {
	sc := store.Config{Dir: b.TempDir(), Key: keys.Storage{1}, Network: ct.NetworkID{1}}
	must(b, store.Create(sc))
	s, err := store.Open(sc)
	must(b, err)
	defer s.Close()
	j, err := journal.Open(s.Local(), keys.Storage{3})
	must(b, err)
	now := time.Now()
	const entries = 100_000
	var g errgroup.Group
	for w := range 1000 { // appends that come together share a commit
		g.Go(func() error {
			for i := range entries / 1000 {
				_, err := j.Append(journal.Entry{
					Time: ct.MillisOf(now), Act: journal.ActMatchAnswer, Peer: ct.State(fmt.Sprintf("S%02d", w%60)), Actor: "op", Purpose: "border-screening",
					Basis: "UNSCR-2396-OP11", Case: fmt.Sprint(w, "/", i), Outcome: desk.AnswerNoHit + " node=0123456789ab", Subject: make([]byte, 300), Forget: i%2 == 0,
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(b, g.Wait())
	for b.Loop() {
		budgets := desk.NewBudgets()
		must(b, budgets.Refill(j, now))
	}
	b.ReportMetric(entries, "entries/op")
}

// A clock that was far ahead and has been set right locks nobody out: what was
// counted then is neither forgiven nor kept for longer than a day.
func TestClockSetBack(t *testing.T) {
	b := desk.NewBudgets()
	p := roster.Policy{MatchBurst: 2, MatchPerHour: 2, MatchPerDay: 2}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ahead := now.AddDate(1, 0, 0)
	for range 2 {
		if limit, ok := b.Take("UTO", ahead, p); !ok {
			t.Fatalf("limit %s", limit)
		}
	}
	if limit, ok := b.Take("UTO", now, p); ok || limit != "burst" {
		t.Errorf("just after the clock was set back: limit %q", limit)
	}
	if limit, ok := b.Take("UTO", now.Add(24*time.Hour-time.Second), p); ok || limit != "day" {
		t.Errorf("within a day: limit %q", limit)
	}
	if limit, ok := b.Take("UTO", now.Add(24*time.Hour), p); !ok {
		t.Errorf("a day later: limit %q", limit)
	}
	if yes, end := desk.Cooling(ahead, ahead.Add(2*time.Hour), now); !yes || !end.Equal(now.Add(2*time.Hour)) {
		t.Errorf("a cooling of two hours: %v until %v", yes, end)
	}
	if yes, _ := desk.Cooling(now.Add(-time.Hour), now, now); yes {
		t.Error("a cooling that is over")
	}
}

// An entry that was written while the clock was far behind does not hide the
// requests of the day before it.
func TestRefillOverAWrongClock(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO")
	j, now := net.nodes[0].journal, time.Now()
	for _, at := range []time.Time{now.Add(-2 * time.Hour), now.Add(-time.Hour), now.AddDate(-1, 0, 0), now.Add(-time.Minute)} {
		_, err := j.Append(journal.Entry{Time: ct.MillisOf(at), Act: journal.ActMatchAnswer, Peer: "FIN", Outcome: desk.AnswerNoHit})
		must(t, err)
	}
	b := desk.NewBudgets()
	must(t, b.Refill(j, now))
	if limit, ok := b.Take("FIN", now, roster.Policy{MatchBurst: 9, MatchPerHour: 9, MatchPerDay: 3}); ok || limit != "day" {
		t.Errorf("three of three were asked today: limit %q", limit)
	}
}
