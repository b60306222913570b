package desk_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// packed draws requests with so many names and numbers each.
func packed(seed uint64, names, numbers int) func(i int) ct.Person {
	g := synth.New(seed)
	next := 40_000_000
	return func(i int) (p ct.Person) {
		for len(p.Names) < names {
			q := g.Person().Names[0]
			p.Names = append(p.Names, ct.Name{Full: q.Full, Parts: q.Parts})
		}
		for len(p.Documents) < numbers {
			p.Documents = append(p.Documents, ct.Document{Number: fmt.Sprintf("K%08d", next)})
			next++
		}
		return p
	}
}

// S12: what is asked many at a time costs what it costs one at a time, and is
// found as soon: a dictionary of 10,000 names would take weeks.
func TestManyPersonsInOneRequest(t *testing.T) {
	for _, x := range []struct {
		name           string
		names, numbers int
	}{{"names", 20, 0}, {"numbers", 0, 20}, {"both", 10, 10}} {
		t.Run(x.name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				net := newNetwork(t, settings{}, "UTO", "FIN", "KEN")
				a, b := net.nodes[0], net.nodes[1]
				next := packed(7, x.names, x.numbers)
				began, persons, found := time.Now(), 0, 0
				for i := 0; found == 0 && i < 100; i++ {
					if got := a.asks(b, next(i), "op", fmt.Sprint("case-", i)); got.answered() {
						persons += x.names + x.numbers
					}
					if len(b.desk.Fishing(time.Now())) > 0 {
						found = i + 1
					}
					time.Sleep(24 * time.Hour / 25) // the pace of the budget: 500 persons a day
				}
				t.Logf("found at request %d, after %d persons and %v", found, persons, time.Since(began).Round(time.Hour))
				if found == 0 || persons >= 250 {
					t.Errorf("found at request %d, after %d persons: want before 250", found, persons)
				}
			})
		})
	}
}

// The budget counts persons, in every window, across a restart.
func TestBudgetCountsPersons(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{policy: roster.Policy{MatchBurst: 20, MatchPerHour: 30, MatchPerDay: 500}}, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		next := packed(3, 12, 0)
		if got := a.asks(b, next(0), "o", "c"); !got.answered() {
			t.Fatalf("the first: %+v", got)
		}
		if got := a.asks(b, next(1), "o", "c"); got.verdict != wire.MatchRateLimited || got.reason != "burst" {
			t.Fatalf("12 more within a minute: %+v", got)
		}
		time.Sleep(2 * time.Minute)
		b.restart()
		if got := a.asks(b, next(2), "o", "c"); !got.answered() {
			t.Fatalf("two minutes later: %+v", got)
		}
		time.Sleep(2 * time.Minute)
		b.restart()
		if got := a.asks(b, next(3), "o", "c"); got.reason != "hour" {
			t.Fatalf("36 within an hour: %+v", got)
		}
		if e := lastAct(b, "match-answer"); !strings.Contains(e.Outcome, "RATE_LIMITED") {
			t.Errorf("the journal has %q", e.Outcome)
		}
	})
}

// One person's names and papers are one person's: an alias in another script, a
// respelling, a passport with its check digit.
func TestOnePersonCostsOne(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{policy: roster.Policy{MatchBurst: 1}}, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		p := wanted()
		p.Names = append(p.Names, ct.Name{Full: "Brandeth, Oskvar Tellumini"}, ct.Name{Full: "Oskvar Telumini Brandet"}, ct.Name{Full: "OSKVAR BRANDETH TELLUMINI"})
		if got := a.asks(b, p, "o", "c"); !got.answered() {
			t.Errorf("%+v", got)
		}
	})
}

// What no responder could ever answer is refused here, with the number.
func TestQueryOverTheBurst(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	q := query(packed(5, 60, 0)(0), "FIN")
	var faults ct.Faults
	_, err := a.desk.Match(within(t), q, func(desk.MatchAnswer) error { return nil })
	if !errors.As(err, &faults) || !faults.Has("person", ct.FaultTooMany) || !strings.Contains(err.Error(), "20 a minute") {
		t.Errorf("%v", err)
	}
	if len(a.entries())+len(b.entries()) != 0 {
		t.Error("somebody was asked")
	}
}
