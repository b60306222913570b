package desk_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// wanted is a person whom every test's notification or list may hold.
func wanted() ct.Person {
	return ct.Person{
		Names:         []ct.Name{{Full: "Oskvar Tellumini Brandeth"}},
		Births:        []ct.Birth{{Date: "1987-04-23"}},
		Nationalities: []ct.State{"FIN"},
		Documents:     []ct.Document{{Type: "P", Number: "K4471902X"}},
	}
}

// stranger is a person whom nobody holds.
func stranger() ct.Person {
	return ct.Person{Names: []ct.Name{{Full: "Ulfgrim Zetakovnar"}}, Births: []ct.Birth{{Date: "1944-12-01"}}}
}

// minimal is what of a person travels.
func minimal(p ct.Person) ct.Person { return match.Minimal(&p) }

func about(p ct.Person) *ct.Notification {
	n := notification(1)
	n.Person = p
	return n
}

func query(p ct.Person, states ...ct.State) desk.MatchQuery {
	return desk.MatchQuery{
		Person: p, Purpose: "investigation", Basis: "UNSCR-2396-OP11", Case: "UTO-2026-77", Grounds: "seen with a forged stamp",
		Operator: "desk-7", States: states, Timeout: time.Minute,
	}
}

// ask runs a match and gives the answers by State.
func ask(t *testing.T, n *node, q desk.MatchQuery) (map[ct.State]desk.MatchAnswer, desk.MatchSummary) {
	t.Helper()
	answers := map[ct.State]desk.MatchAnswer{}
	s, err := n.desk.Match(within(t), q, func(a desk.MatchAnswer) error {
		if _, twice := answers[a.State]; twice {
			t.Errorf("%s answered twice", a.State)
		}
		answers[a.State] = a
		return nil
	})
	must(t, err)
	return answers, s
}

func TestMatchHitAndNoHit(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN", "KEN")
	a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
	r := publish(t, b, about(wanted()))
	b.follow() // nobody else has it yet
	answers, s := ask(t, a, query(wanted()))
	if s.Asked != 3 || s.Answered != 3 || s.Possible != 1 || s.NoHit != 2 || s.Refused != 0 || len(s.Silent) != 0 {
		t.Fatalf("summary %+v", s)
	}
	hit := answers["FIN"]
	if hit.Answer != desk.AnswerPossible || hit.Node != b.key.Public() || len(hit.Hits) != 1 || hit.Own {
		t.Fatalf("answer %+v", hit)
	}
	h := hit.Hits[0]
	if h.Ref != "rec:"+r.ID.String() || h.Tier != "strong" || h.Score <= 0.8 || h.Score > 1 || !slices.Contains(h.Why, "name:agree") {
		t.Fatalf("hit %+v", h)
	}
	if own := answers["UTO"]; !own.Own || own.Answer != desk.AnswerNoHit || own.Node != a.key.Public() {
		t.Fatalf("own answer %+v", own)
	}
	if answers["KEN"].Answer != desk.AnswerNoHit {
		t.Fatalf("answer %+v", answers["KEN"])
	}

	answers, s = ask(t, a, query(stranger(), "FIN", "KEN"))
	if s.Asked != 2 || s.NoHit != 2 || len(answers) != 2 {
		t.Fatalf("summary %+v", s)
	}

	// Both journals hold the act, the asker's before, at every answer and after,
	// and commit to the same subject.
	if got := strings.Join(a.acts(), " "); got != "match-ask match-told match-told match-told match-result match-ask match-told match-told match-result" {
		t.Fatalf("asker's journal: %s", got)
	}
	var asked []journal.Entry
	for _, e := range a.entries() {
		if e.Act != journal.ActMatchTold {
			asked = append(asked, e)
		} else if e.Of == 0 || e.Peer == "" || e.Subject != nil {
			t.Fatalf("an answer is journalled as %v of %d", e, e.Of)
		}
	}
	if e := asked[0]; e.Actor != "desk-7" || e.Purpose != "investigation" || e.Basis != "UNSCR-2396-OP11" || e.Case != "UTO-2026-77" ||
		!bytes.Contains(e.Subject, []byte("Oskvar")) || !bytes.Contains(e.Subject, []byte("forged stamp")) {
		t.Fatalf("asker's entry %v is not whole", e)
	}
	if e := asked[1]; e.Of != 1 || !strings.HasPrefix(e.Outcome, "asked=3 answered=3 possible=1 refused=0 no-hit=2") || !strings.Contains(e.Outcome, "=POSSIBLE") {
		t.Fatalf("outcome %q of %d", e.Outcome, e.Of)
	}
	for _, n := range []*node{b, c} {
		var own []journal.Entry
		for _, e := range n.entries() {
			if e.Act == journal.ActMatchAnswer {
				own = append(own, e)
			}
		}
		if len(own) != 2 || own[0].Peer != "UTO" || own[0].Actor != "desk-7" || own[0].Case != "UTO-2026-77" {
			t.Fatalf("%s: journal %v", n.state, own)
		}
		if own[0].Commit != asked[0].Commit || own[1].Commit != asked[2].Commit || own[0].Commit == own[1].Commit {
			t.Errorf("%s commits to another subject", n.state)
		}
		// On a no nothing of the person stays; on a hit it is kept, sealed.
		if own[1].Subject != nil || own[1].Salt != nil {
			t.Errorf("%s keeps the person it does not know", n.state)
		}
		if kept := own[0].Subject != nil; kept != (n == b) {
			t.Errorf("%s: subject kept %v", n.state, kept)
		}
	}
	if got := b.counter("herald_match_requests_total", map[string]string{"side": "responder", "answer": "POSSIBLE"}); got != 1 {
		t.Errorf("herald_match_requests_total of POSSIBLE is %v, want 1", got)
	}
	if got := a.counter("herald_match_requests_total", map[string]string{"side": "asker", "answer": "NO_HIT"}); got != 4 {
		t.Errorf("herald_match_requests_total of NO_HIT is %v, want 4", got)
	}
}

func TestMatchNamesWhatIsMissing(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a := net.nodes[0]
	full := query(wanted())
	for name, c := range map[string]struct {
		change func(*desk.MatchQuery)
		fields []string
	}{
		"purpose":         {func(q *desk.MatchQuery) { q.Purpose = "" }, []string{"purpose"}},
		"another purpose": {func(q *desk.MatchQuery) { q.Purpose = "curiosity" }, []string{"purpose"}},
		"basis":           {func(q *desk.MatchQuery) { q.Basis = "" }, []string{"basis"}},
		"case":            {func(q *desk.MatchQuery) { q.Case = "" }, []string{"case"}},
		"grounds":         {func(q *desk.MatchQuery) { q.Grounds = "" }, []string{"grounds"}},
		"all four":        {func(q *desk.MatchQuery) { q.Purpose, q.Basis, q.Case, q.Grounds = "", "", "", "" }, []string{"purpose", "basis", "case", "grounds"}},
		"long case":       {func(q *desk.MatchQuery) { q.Case = strings.Repeat("c", wire.MaxMatchCase+1) }, []string{"case"}},
		"escape":          {func(q *desk.MatchQuery) { q.Operator = "\x1b[2J" }, []string{"operator"}},
		"blank basis":     {func(q *desk.MatchQuery) { q.Basis = "   " }, []string{"basis"}},
		"nobody":          {func(q *desk.MatchQuery) { q.Person = ct.Person{} }, []string{"person.names"}},
		"signs for a name": {func(q *desk.MatchQuery) {
			q.Person = ct.Person{Names: []ct.Name{{Full: "☂ ☀"}}, Births: []ct.Birth{{Date: "1987"}}}
		}, []string{"person.names"}},
		"impossible date": {func(q *desk.MatchQuery) { q.Person.Births[0].Date = "1987-02-30" }, []string{"person.births[0].date"}},
		"endless":         {func(q *desk.MatchQuery) { q.Timeout = time.Hour }, []string{"timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := full
			q.Person = wanted()
			c.change(&q)
			_, err := a.desk.Match(within(t), q, func(desk.MatchAnswer) error { t.Error("an answer came"); return nil })
			var faults ct.Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want faults", err)
			}
			var got []string
			for _, f := range faults {
				got = append(got, f.Field)
			}
			if !slices.Equal(got, c.fields) {
				t.Fatalf("faults of %v, want %v", got, c.fields)
			}
		})
	}
	if len(a.entries()) != 0 || len(net.nodes[1].entries()) != 0 {
		t.Error("a refused query was journalled or sent")
	}
	if _, err := a.desk.Match(within(t), query(wanted(), "BRA"), nil); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("a State that is no member: %v, want ErrNotFound", err)
	}
	byDocument := query(ct.Person{Documents: []ct.Document{{Number: "K4471902X"}}}, "UTO")
	if _, s := ask(t, a, byDocument); s.Answered != 1 {
		t.Errorf("a query by document alone: %+v", s)
	}
}

func TestMatchIsJournalledFirst(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a := net.nodes[0]
	a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
		// The own node's answer may stand there too.
		if got := strings.Join(a.acts(), " "); got != "match-ask" && got != "match-ask match-told" {
			t.Errorf("journal when the request goes out: %q", got)
		}
		return a.call(ctx, to, raw)
	}
	ask(t, a, query(stranger()))
}

// Silence, and whatever does not verify, is no answer; it is never a "no".
func TestMatchSilence(t *testing.T) {
	type asked func(ctx context.Context, a, to *node, raw []byte) ([]byte, error)
	var earlier []byte
	for name, c := range map[string]struct {
		ask asked
		why string
	}{
		"refuses the stream": {func(context.Context, *node, *node, []byte) ([]byte, error) { return nil, errClosedStream }, "no-answer"},
		"never answers":      {func(ctx context.Context, _, _ *node, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }, "no-answer"},
		"garbage":            {func(context.Context, *node, *node, []byte) ([]byte, error) { return []byte("no"), nil }, "bad-answer"},
		"of the right size": {func(context.Context, *node, *node, []byte) ([]byte, error) {
			return make([]byte, wire.MatchAnswerSize), nil
		}, "bad-answer"},
		"another node's": {func(ctx context.Context, a, _ *node, raw []byte) ([]byte, error) {
			return a.call(ctx, a.net.nodes[2], raw)
		}, "bad-answer"},
		"to another request": {func(ctx context.Context, a, to *node, raw []byte) ([]byte, error) {
			if earlier == nil {
				var err error
				if earlier, err = a.call(ctx, to, raw); err != nil {
					return nil, err
				}
				return nil, errClosedStream
			}
			return earlier, nil
		}, "bad-answer"},
		"flipped bit": {func(ctx context.Context, a, to *node, raw []byte) ([]byte, error) {
			answer, err := a.call(ctx, to, raw)
			if err == nil {
				answer[40] ^= 1
			}
			return answer, err
		}, "bad-answer"},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T) { // the disks take none of what the match waits
				a := newNetwork(t, settings{}, "UTO", "FIN", "KEN").nodes[0]
				b := a.net.nodes[1]
				a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
					if to == b {
						return c.ask(ctx, a, to, raw)
					}
					return a.call(ctx, to, raw)
				}
				q := query(stranger(), "FIN", "KEN")
				if name == "to another request" {
					ask(t, a, q)
				}
				answers, s := ask(t, a, q)
				if s.Asked != 2 || s.Answered != 1 || s.NoHit != 1 || len(s.Silent) != 1 || len(answers) != 1 {
					t.Fatalf("summary %+v", s)
				}
				if x := s.Silent[0]; x.State != "FIN" || x.Node != b.key.Public() || x.Why != c.why {
					t.Fatalf("silent %+v, want %s", x, c.why)
				}
			})
		})
	}
}

func TestMutedStateIsNotAsked(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a := net.nodes[0]
	a.muted["FIN"] = true
	_, s := ask(t, a, query(stranger()))
	if s.Asked != 2 || s.Answered != 1 || len(s.Silent) != 1 || s.Silent[0].Why != "muted" {
		t.Fatalf("summary %+v", s)
	}
	if len(net.nodes[1].entries()) != 0 {
		t.Error("the muted State was asked")
	}
}

// To ask the State from which a person has asylum is to tell it.
func TestAsylumIsNotTold(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN", "KEN")
	a := net.nodes[0]
	p := wanted()
	p.AsylumOrRefugee = true
	answers, s := ask(t, a, query(p))
	if _, told := answers["FIN"]; told || s.Asked != 2 || !slices.Equal(s.Withheld, []ct.State{"FIN"}) {
		t.Fatalf("summary %+v", s)
	}
	if len(net.nodes[1].entries()) != 0 {
		t.Fatal("the State of nationality was asked")
	}
	if _, err := a.desk.Match(within(t), query(p, "FIN"), nil); !errors.Is(err, desk.ErrNotAllowed) {
		t.Fatalf("naming that State: %v, want ErrNotAllowed", err)
	}
}

// The answers come while others are still awaited, one at a time, and an
// error of the reader ends the match.
func TestAnswersComeAsTheyAre(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN", "KEN", "BRA")
	a := net.nodes[0]
	release := make(chan struct{})
	a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
		if to.state == "BRA" {
			select {
			case <-release:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return a.call(ctx, to, raw)
	}
	var inside atomic.Int32
	got := 0
	_, err := a.desk.Match(within(t), query(stranger()), func(x desk.MatchAnswer) error {
		if inside.Add(1) != 1 {
			t.Error("two answers at once")
		}
		defer inside.Add(-1)
		if got++; got == 3 { // own, FIN, KEN: BRA still waits
			if x.State == "BRA" {
				t.Error("the slow answer came early")
			}
			close(release)
		}
		return nil
	})
	must(t, err)
	if got != 4 {
		t.Fatalf("%d answers, want 4", got)
	}
	stop := errors.New("the reader has gone")
	_, err = a.desk.Match(within(t), query(stranger()), func(desk.MatchAnswer) error { return stop })
	if !errors.Is(err, stop) {
		t.Fatalf("got %v, want the reader's error", err)
	}
	if acts := a.acts(); acts[len(acts)-1] != journal.ActMatchResult {
		t.Error("a match that broke off has no outcome in the journal")
	}
}
