package desk_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// sweep is how many numbers a fisher asks for; the figure is of 100,000:
//
//	go test ./internal/desk -run TestFishing -v -sweep 100000 -timeout 1h
var sweep = flag.Int("sweep", 1_500, "document numbers that a fishing State asks for")

// inVirtualTime runs a test whose clock moves when everything waits, from 2026 on.
func inVirtualTime(t *testing.T, fn func(t *testing.T)) {
	bubble.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
		fn(t)
	})
}

// signed is a request of a node as it goes over the wire.
func (n *node) signed(to *node, p ct.Person, operator, reference string) []byte {
	t := n.net.t
	t.Helper()
	now := time.Now()
	r := &wire.MatchRequest{
		Network: n.net.view.Network().Prefix(), Mode: wire.MatchPlain, Asker: n.key.Public(), Responder: to.key.Public(),
		Purpose: "investigation", Basis: "UNSCR-2396-OP11", Case: reference, Operator: operator, Grounds: "g", Priority: ct.PriorityRoutine,
		Issued: ct.MillisOf(now), Expires: ct.MillisOf(now.Add(time.Minute)), Person: p,
	}
	n.net.nonce++
	copy(r.Nonce[:], fmt.Sprint("nonce ", n.net.nonce))
	body, err := wire.EncodeMatchRequest(r)
	must(t, err)
	sig, err := n.key.Sign(keys.ContextMatchRequest, n.net.view.Network(), body)
	must(t, err)
	return wire.EncodeSignedMatch(wire.SignedMatch{Body: body, Alg: keys.AlgEd25519, Sig: sig})
}

// asked is what became of one request, and when.
type asked struct {
	at      time.Time
	verdict wire.MatchVerdict
	reason  string
}

func (n *node) asks(to *node, p ct.Person, operator, reference string) asked {
	n.net.t.Helper()
	a := decodeAnswer(n.net.t, to.desk.Answer(context.Background(), n.key.Public(), n.signed(to, match.Minimal(&p), operator, reference)))
	return asked{time.Now(), a.Verdict, a.Reason}
}

func (a asked) answered() bool {
	return a.verdict == wire.MatchNoHit || a.verdict == wire.MatchPossible
}

// checkBudget fails when more was answered in any span than a policy allows.
func checkBudget(t *testing.T, all []asked, p roster.Policy) {
	t.Helper()
	var times []time.Time
	for _, a := range all {
		if a.answered() {
			times = append(times, a.at)
		}
	}
	for span, most := range map[time.Duration]uint32{time.Minute: p.MatchBurst, time.Hour: p.MatchPerHour, 24 * time.Hour: p.MatchPerDay} {
		for i := int(most); i < len(times); i++ {
			if times[i].Sub(times[i-int(most)]) < span-time.Second {
				t.Errorf("more than %d answers within %v", most, span)
				break
			}
		}
	}
}

// A State that asks for one document number after the other is found before
// the 250th, however fast it asks, and gets no more answers than its budget.
func TestFishingForNumbers(t *testing.T) {
	for _, x := range []struct {
		name  string
		pace  time.Duration // between two requests
		count int
		most  int // answers in all
	}{
		{"as fast as it can", 0, *sweep, 20},
		{"at the pace of its budget", 24 * time.Hour / 500, *sweep, 63 + 15*(6+*sweep/500)}, // up to the finding, and up to each later one: after six they are a day apart
	} {
		t.Run(x.name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) {
				net := newNetwork(t, settings{}, "UTO", "UTO", "FIN", "KEN")
				fishers, b, other := net.nodes[:2], net.nodes[2], net.nodes[3]
				began := time.Now()
				var all []asked
				found, line := 0, ""
				cover := synth.New(1).Fisher("with invented persons", 500)
				for i := range x.count {
					p := cover[i%len(cover)]
					p.Documents = []ct.Document{{Number: fmt.Sprintf("K%08d", 40_000_000+i)}}
					all = append(all, fishers[i%2].asks(b, p, fmt.Sprint("op-", i%2), fmt.Sprint("case-", i/100)))
					if found == 0 {
						if lines := b.desk.Fishing(time.Now()); len(lines) > 0 {
							found, line = i+1, lines[0]
						}
					}
					time.Sleep(x.pace)
				}
				answers := 0
				for _, a := range all {
					if a.answered() {
						answers++
					}
				}
				t.Logf("%d numbers in %v: found at request %d, %d answered: %s", x.count, time.Since(began).Round(time.Second), found, answers, line)
				if found == 0 || found >= 250 {
					t.Errorf("found at request %d, want before the 250th", found)
				}
				if answers > x.most {
					t.Errorf("%d answered, want at most %d", answers, x.most)
				}
				checkBudget(t, all, net.view.Policy())
				if last := all[len(all)-1]; x.pace == 0 && (last.verdict != wire.MatchRateLimited || last.reason != "cooling") {
					t.Errorf("the last answer: %+v", last)
				}
				if !strings.Contains(line, "fishing: UTO asks for document numbers in rows") || !strings.Contains(line, `"op-0"`) || !strings.Contains(line, `"case-0"`) {
					t.Errorf("alarm %q", line)
				}
				if b.counter("herald_match_flags_total", map[string]string{"side": "responder", "rule": "numbers"}) < 1 {
					t.Error("no metric")
				}
				// Another State pays nothing.
				if got := other.asks(b, stranger(), "o", "c"); got.verdict != wire.MatchNoHit {
					t.Errorf("another State: %+v", got)
				}
				// Every answer is in the journal, and a finding, and nobody's number.
				journalled, flags := 0, 0
				for _, e := range b.entries() {
					if e.Act == journal.ActMatchFlag {
						flags++
						if e.Peer != "UTO" || e.Subject != nil || e.Commit != [32]byte{} || e.Case == "" || !strings.HasPrefix(e.Actor, "op-") {
							t.Errorf("finding %+v", e)
						}
					}
					if e.Act == journal.ActMatchAnswer && e.Peer == "UTO" && strings.HasPrefix(e.Outcome, desk.AnswerNoHit) {
						journalled++
					}
					if strings.Contains(e.Outcome, "K4000") {
						t.Errorf("a number in the journal: %q", e.Outcome)
					}
				}
				if journalled != answers || flags == 0 {
					t.Errorf("%d answers and %d findings journalled, want %d and some", journalled, flags, answers)
				}
				for what, text := range map[string]string{"logs": b.logs.String(), "metrics": b.metrics(), "alarm": line} {
					if strings.Contains(text, "K4000") || strings.Contains(text, "4000000") {
						t.Errorf("a number in the %s", what)
					}
				}
			})
		})
	}
}

// Waiting is longer each time, survives a restart, and ends.
func TestCoolingGrows(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{}, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		next := 0
		fish := func() { // until found
			for range 250 {
				p := ct.Person{Documents: []ct.Document{{Number: fmt.Sprintf("K%08d", 40_000_000+next)}}}
				next++
				if got := a.asks(b, p, "o", "c"); got.reason == "cooling" {
					return
				}
				time.Sleep(3 * time.Minute)
			}
			t.Fatal("not found")
		}
		for i, want := range []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
			fish()
			if i == 1 {
				b.restart()
			}
			time.Sleep(want - time.Minute)
			if got := a.asks(b, stranger(), "o", "c"); got.reason != "cooling" {
				t.Fatalf("cooling %d: answered after %v: %+v", i, want-time.Minute, got)
			}
			time.Sleep(time.Minute + time.Second)
			if got := a.asks(b, ct.Person{Names: []ct.Name{{Full: fmt.Sprint("Ulfgrim ", strings.Repeat("x", i+1))}}}, "o", "c"); !got.answered() {
				t.Fatalf("cooling %d: not answered after %v: %+v", i, want, got)
			}
		}
		if lines := b.desk.Fishing(time.Now()); len(lines) != 1 {
			t.Errorf("alarms %q", lines)
		}
		time.Sleep(25 * time.Hour)
		if lines := b.desk.Fishing(time.Now()); len(lines) != 0 {
			t.Errorf("alarms a day later: %q", lines)
		}
		time.Sleep(8 * 24 * time.Hour) // and it is forgiven
		fish()
		time.Sleep(time.Hour + time.Second)
		if got := a.asks(b, stranger(), "o", "c"); !got.answered() {
			t.Errorf("after a week without a finding: %+v", got)
		}
	})
}

// A refusal for the budget or for fishing says nothing of the person: it comes
// before the search, in the one size and no earlier than any other answer.
func TestRefusalsTellNothing(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{policy: roster.Policy{MatchBurst: 2}}, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		publish(t, b, about(wanted()))
		b.follow()
		var took []time.Duration
		var got []wire.MatchVerdict
		for _, p := range []ct.Person{wanted(), stranger(), wanted(), stranger()} {
			began := time.Now()
			got = append(got, a.asks(b, p, "o", "c").verdict)
			took = append(took, time.Since(began))
		}
		if !slices.Equal(got, []wire.MatchVerdict{wire.MatchPossible, wire.MatchNoHit, wire.MatchRateLimited, wire.MatchRateLimited}) {
			t.Errorf("verdicts %v", got)
		}
		for i, d := range took {
			if d != desk.AnswerStep {
				t.Errorf("answer %d after %v, want %v for all", i, d, desk.AnswerStep)
			}
		}
		for _, e := range b.entries() {
			if e.Act == journal.ActMatchFlag {
				t.Errorf("a spent budget is taken for fishing: %+v", e)
			}
		}
	})
}

// What is beyond the budget is looked at when it is the asking State's own
// word, and blames no other.
func TestOthersWordsBlameNobody(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{policy: roster.Policy{MatchBurst: 1}}, "UTO", "FIN", "KEN")
		a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
		c.asks(b, stranger(), "o", "c")
		for i := range 200 { // KEN passes on what UTO has signed
			p := ct.Person{Documents: []ct.Document{{Number: fmt.Sprintf("K%08d", 40_000_000+i)}}}
			raw := a.signed(b, p, "o", "c")
			if got := decodeAnswer(t, b.desk.Answer(t.Context(), c.key.Public(), raw)); got.Verdict != wire.MatchRateLimited {
				t.Fatalf("verdict %d", got.Verdict)
			}
		}
		if lines := b.desk.Fishing(time.Now()); len(lines) > 0 {
			t.Errorf("blamed: %q", lines)
		}
	})
}

// An operator who fishes is shown to this State's own people, sooner than
// others find the State, and is not stopped.
func TestOwnOperatorIsWarnedOf(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{}, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		for i := range 15 {
			q := query(ct.Person{Documents: []ct.Document{{Number: fmt.Sprintf("K%08d", 40_000_000+i)}}}, "FIN")
			answers, _ := ask(t, a, q)
			if got := answers["FIN"]; got.Answer != desk.AnswerNoHit {
				t.Fatalf("request %d: %+v", i+1, got)
			}
			time.Sleep(time.Minute)
		}
		lines := a.desk.Fishing(time.Now())
		if len(lines) != 1 || !strings.Contains(lines[0], `operator "desk-7" of this node asks for document numbers in rows`) {
			t.Errorf("alarms %q", lines)
		}
		if lines := b.desk.Fishing(time.Now()); len(lines) != 0 {
			t.Errorf("the responder found it as soon: %q", lines)
		}
		if n := strings.Count(strings.Join(a.acts(), " "), journal.ActMatchFlag); n != 1 {
			t.Errorf("%d findings journalled, want 1", n)
		}
		if a.counter("herald_match_flags_total", map[string]string{"side": "asker", "rule": "numbers"}) != 1 {
			t.Error("no metric")
		}
	})
}

// A family at a border, asked name by name, and a flight within the budget.
func TestHonestPostIsAnswered(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{}, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		for _, kind := range []string{"families", "flight"} {
			day := time.Now()
			for i, q := range synth.New(5).Post(kind, 1)[:100] {
				time.Sleep(time.Until(day.Add(q.At)))
				got := a.asks(b, q.Person, "o", "c")
				for tries := 0; got.reason == "hour" && tries < 3; tries++ { // just over 60 an hour: it waits and asks again
					time.Sleep(time.Minute)
					got = a.asks(b, q.Person, "o", "c")
				}
				if !got.answered() {
					t.Fatalf("%s %d: %+v", kind, i, got)
				}
			}
			time.Sleep(24 * time.Hour)
		}
		if lines := b.desk.Fishing(time.Now()); len(lines) != 0 {
			t.Errorf("alarms %q", lines)
		}
	})
}
