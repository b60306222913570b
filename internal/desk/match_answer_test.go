package desk_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A responder gives every refusal for its own reason, and never an answer that
// is worth anything to somebody else.
func TestAnswerRefusals(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) { // all windows are of one moment
		net := newNetwork(t, settings{policy: roster.Policy{MatchBurst: 1_000, MatchPerHour: 1_000, MatchPerDay: 1_000}}, "UTO", "FIN", "KEN")
		a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
		publish(t, b, about(wanted()))
		b.follow()
		now := time.Now()
		good := func() *wire.MatchRequest {
			r := &wire.MatchRequest{
				Network: net.view.Network().Prefix(), Mode: wire.MatchPlain, Asker: a.key.Public(), Responder: b.key.Public(),
				Purpose: "investigation", Basis: "UNSCR-2396-OP11", Case: "c", Operator: "o", Grounds: "g", Priority: ct.PriorityRoutine,
				Issued: ct.MillisOf(now), Expires: ct.MillisOf(now.Add(time.Minute)), Person: minimal(wanted()),
			}
			net.nonce++
			copy(r.Nonce[:], fmt.Sprint(net.nonce))
			return r
		}
		seal := func(r *wire.MatchRequest, k *keys.Key, context keys.Context, network ct.NetworkID) []byte {
			body, err := wire.EncodeMatchRequest(r)
			must(t, err)
			sig, err := k.Sign(context, network, body)
			must(t, err)
			return wire.EncodeSignedMatch(wire.SignedMatch{Body: body, Alg: keys.AlgEd25519, Sig: sig})
		}
		signed := func(change func(*wire.MatchRequest)) []byte {
			r := good()
			change(r)
			return seal(r, a.key, keys.ContextMatchRequest, net.view.Network())
		}
		minute := ct.Millis(time.Minute.Milliseconds())
		seen := signed(func(r *wire.MatchRequest) {})
		if got := decodeAnswer(t, b.desk.Answer(within(t), a.key.Public(), seen)); got.Verdict != wire.MatchPossible {
			t.Fatalf("the good request: %+v", got)
		}
		cases := []struct {
			name   string
			from   *node
			raw    []byte
			reason string
		}{
			{"garbage", a, []byte("garbage"), "malformed"},
			{"empty", a, nil, "malformed"},
			{"huge", a, make([]byte, 1<<20), "malformed"},
			{"another network", a, signed(func(r *wire.MatchRequest) { r.Network[0] ^= 1 }), "other-network"},
			{"for another responder", a, signed(func(r *wire.MatchRequest) { r.Responder = c.key.Public() }), "other-responder"},
			{"relayed by another node", c, signed(func(r *wire.MatchRequest) {}), "other-asker"},
			{"in another's name", c, seal(good(), c.key, keys.ContextMatchRequest, net.view.Network()), "other-asker"},
			{"signed by another", a, seal(good(), c.key, keys.ContextMatchRequest, net.view.Network()), "bad-signature"},
			{"signed in another context", a, seal(good(), a.key, keys.ContextRecord, net.view.Network()), "bad-signature"},
			{"signed for another network", a, seal(good(), a.key, keys.ContextMatchRequest, ct.NetworkID{1}), "bad-signature"},
			{"another mode", a, signed(func(r *wire.MatchRequest) { r.Mode = 2 }), "unknown-mode"},
			{"window of eleven minutes", a, signed(func(r *wire.MatchRequest) { r.Expires = r.Issued + 11*minute }), "window-too-long"},
			{"ends before it begins", a, signed(func(r *wire.MatchRequest) { r.Expires = r.Issued - 1 }), "window-too-long"},
			{"expired", a, signed(func(r *wire.MatchRequest) { r.Issued, r.Expires = r.Issued-9*minute, r.Issued-3*minute }), "expired"},
			{"of the future", a, signed(func(r *wire.MatchRequest) { r.Issued, r.Expires = r.Issued+3*minute, r.Issued+4*minute }), "issued-in-future"},
			{"no purpose", a, signed(func(r *wire.MatchRequest) { r.Purpose = "" }), "purpose"},
			{"another purpose", a, signed(func(r *wire.MatchRequest) { r.Purpose = "curiosity" }), "purpose"},
			{"no basis", a, signed(func(r *wire.MatchRequest) { r.Basis = "" }), "no-basis"},
			{"no case", a, signed(func(r *wire.MatchRequest) { r.Case = "" }), "no-case"},
			{"no grounds", a, signed(func(r *wire.MatchRequest) { r.Grounds = "" }), "no-grounds"},
			{"no operator", a, signed(func(r *wire.MatchRequest) { r.Operator = "" }), "no-operator"},
			{"an invalid person", a, signed(func(r *wire.MatchRequest) { r.Person.Births[0].Date = "1987-02-30" }), "person"},
			{"a person nobody could find", a, signed(func(r *wire.MatchRequest) { r.Person = ct.Person{Names: []ct.Name{{Full: "--- ☂"}}} }), "person"},
			{"blank grounds", a, signed(func(r *wire.MatchRequest) { r.Grounds = "  " }), "no-grounds"},
			{"a blank basis", a, signed(func(r *wire.MatchRequest) { r.Basis = " " }), "no-basis"},
			{"a blank case", a, signed(func(r *wire.MatchRequest) { r.Case = " " }), "no-case"},
			{"a blank operator", a, signed(func(r *wire.MatchRequest) { r.Operator = " " }), "no-operator"},
			{"the same again", a, seen, "replayed"},
		}
		for _, x := range cases {
			got := decodeAnswer(t, b.desk.Answer(within(t), x.from.key.Public(), x.raw))
			if got.Verdict != wire.MatchRefused || got.Reason != x.reason {
				t.Errorf("%s: verdict %d, reason %q; want a refusal for %q", x.name, got.Verdict, got.Reason, x.reason)
			}
			if got.Request != wire.MatchRequestHash(x.raw) {
				t.Errorf("%s: the refusal is not bound to its request", x.name)
			}
		}
		if n := len(b.entries()); n != 1+1+len(cases) { // publish, the good one, every refusal
			t.Errorf("%d journal entries, want %d", n, 2+len(cases))
		}
		if got := b.desk.Answer(within(t), generate(t).Public(), seen); got != nil {
			t.Error("a stranger got an answer")
		}
		b.mu.Lock()
		b.muted["UTO"] = true
		b.mu.Unlock()
		if got := decodeAnswer(t, b.desk.Answer(within(t), a.key.Public(), signed(func(r *wire.MatchRequest) {}))); got.Reason != "muted" {
			t.Errorf("a muted State: %+v", got)
		}
	})
}

func decodeAnswer(t testing.TB, raw []byte) *wire.MatchAnswer {
	t.Helper()
	if len(raw) != wire.MatchAnswerSize {
		t.Fatalf("answer of %d bytes, want %d whatever it says", len(raw), wire.MatchAnswerSize)
	}
	a, _, err := wire.DecodeMatchAnswer(raw)
	must(t, err)
	return a
}

// On the wire a hit, a near miss, a miss and a refusal are of one size and come
// at one time.
func TestAnswersLookAlike(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		set := settings{policy: roster.Policy{MatchBurst: 4, MatchPerHour: 60, MatchPerDay: 500}}
		net := newNetwork(t, set, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		_, err := b.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-1", wanted())), nil)
		must(t, err)
		b.follow()
		near := wanted()
		near.Names[0].Full, near.Births[0].Date, near.Documents = "Oskvar Lindqvist", "1951-01-01", nil
		seen := map[string]bool{}
		a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
			start := time.Now()
			answer, err := a.call(ctx, to, raw)
			if took := time.Since(start); took != desk.AnswerStep {
				t.Errorf("the answer took %s, want %s", took, desk.AnswerStep)
			}
			got := decodeAnswer(t, answer) // checks the size
			seen[fmt.Sprintf("%d %s", got.Verdict, got.Reason)] = true
			return answer, err
		}
		for _, p := range []ct.Person{wanted(), near, stranger()} {
			ask(t, a, query(p, "FIN"))
		}
		b.mu.Lock()
		b.muted["UTO"] = true
		b.mu.Unlock()
		ask(t, a, query(wanted(), "FIN"))
		ask(t, a, query(wanted(), "FIN")) // the fifth
		for _, want := range []string{"2 ", "1 ", "3 muted", "4 burst"} {
			if !seen[want] {
				t.Errorf("no answer %q among %v", want, seen)
			}
		}
	})
}

// What is retracted, expired or gone from its list is no hit from that moment,
// though the index still has it.
func TestHiddenRecordsDoNotMatch(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	b := net.nodes[1]
	r := publish(t, b, about(wanted()))
	b.follow()
	p := wanted()
	row, err := b.store.Get(r.Log, r.Seq)
	must(t, err)
	end := row.Header.Expires.Time()
	for _, x := range []struct {
		at   time.Time
		hits int
	}{{time.Now(), 1}, {end.Add(-time.Second), 1}, {end, 0}, {end.Add(time.Second), 0}} {
		hits, err := b.desk.SearchAt(&p, x.at)
		must(t, err)
		if len(hits) != x.hits {
			t.Errorf("%v: %d hits, want %d (expiry %v)", x.at, len(hits), x.hits, end)
		}
	}
	_, err = b.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error"}, "desk-1")
	must(t, err)
	if b.index.Persons() != 1 {
		t.Fatal("the index was updated: the test proves nothing")
	}
	answers, _ := ask(t, net.nodes[0], query(wanted(), "FIN"))
	if answers["FIN"].Answer != desk.AnswerNoHit {
		t.Fatalf("a retracted record was matched: %+v", answers["FIN"])
	}
}

// Outside an exercise a hit is one bit: details come by release.
func TestNoDetailsOutsideAnExercise(t *testing.T) {
	net := newNetwork(t, settings{real: true}, "KEN", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	_, err := b.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-1", wanted())), nil)
	must(t, err)
	b.follow()
	answers, s := ask(t, a, query(wanted(), "FIN"))
	if got := answers["FIN"]; got.Answer != desk.AnswerPossible || len(got.Hits) != 0 || s.Possible != 1 {
		t.Fatalf("answer %+v", got)
	}
	e := b.entries()
	if last := e[len(e)-1]; string(last.Subject) != "list:national/N-1\n" {
		t.Errorf("the responder's journal does not name what was found: %q", last.Subject)
	}
}

func TestAnswersAreCappedAtFive(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	b := net.nodes[1]
	var lines strings.Builder
	for i := range 12 {
		lines.WriteString(listLine(fmt.Sprintf("N-%d", i), wanted()))
	}
	_, err := b.desk.ImportPersons(within(t), "national", strings.NewReader(lines.String()), nil)
	must(t, err)
	b.follow()
	answers, _ := ask(t, net.nodes[0], query(wanted(), "FIN"))
	if got := len(answers["FIN"].Hits); got != wire.MaxMatchHits {
		t.Fatalf("%d hits, want %d", got, wire.MaxMatchHits)
	}
}

func TestBudgetPerState(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) { // all windows are of one moment
		policy := roster.Policy{MatchBurst: 3, MatchPerHour: 5, MatchPerDay: 6}
		net := newNetwork(t, settings{policy: policy}, "UTO", "UTO", "FIN", "KEN")
		a1, a2, b, c := net.nodes[0], net.nodes[1], net.nodes[2], net.nodes[3]
		one := func(n *node) desk.MatchAnswer {
			answers, _ := ask(t, n, query(stranger(), "FIN"))
			return answers["FIN"]
		}
		for i, n := range []*node{a1, a2, a1} { // the State's nodes share its budget
			if got := one(n); got.Answer != desk.AnswerNoHit {
				t.Fatalf("request %d: %+v", i+1, got)
			}
		}
		if got := one(a2); got.Answer != desk.AnswerRateLimited || got.Reason != "burst" {
			t.Fatalf("request 4: %+v", got)
		}
		if got := one(c); got.Answer != desk.AnswerNoHit {
			t.Fatalf("another State pays for it: %+v", got)
		}
		b.restart() // forgives nothing
		if got := one(a1); got.Answer != desk.AnswerRateLimited {
			t.Fatalf("after a restart: %+v", got)
		}
		limited := 0
		for _, e := range b.entries() {
			if strings.HasPrefix(e.Outcome, desk.AnswerRateLimited) {
				limited++
			}
		}
		if limited != 2 { // once before the restart and once after: not every one
			t.Errorf("%d limited requests journalled, want 2", limited)
		}
	})
}

func TestBudgetWindows(t *testing.T) {
	policy := roster.Policy{MatchBurst: 2, MatchPerHour: 4, MatchPerDay: 6}
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	b := desk.NewBudgets()
	for i, x := range []struct {
		at    time.Duration
		limit string
	}{
		{0, ""}, {time.Second, ""}, {2 * time.Second, "burst"}, {59 * time.Second, "burst"},
		{61 * time.Second, ""}, {2 * time.Minute, ""}, {10 * time.Minute, "hour"}, {59 * time.Minute, "hour"},
		{time.Hour + time.Second, ""}, {time.Hour + 2*time.Second, ""}, {3 * time.Hour, "day"}, {23 * time.Hour, "day"},
		{24*time.Hour + time.Second, ""},
	} {
		limit, ok := b.Take("UTO", start.Add(x.at), policy)
		if limit != x.limit || ok != (x.limit == "") {
			t.Errorf("request %d at %v: limit %q, want %q", i+1, x.at, limit, x.limit)
		}
	}
	if _, ok := b.Take("FIN", start, policy); !ok {
		t.Error("another State has no budget left")
	}
	// A clock set back gives no new budget.
	if _, ok := b.Take("UTO", start, policy); ok {
		t.Error("a clock set back gave a new budget")
	}
}

func TestNoncesAreBounded(t *testing.T) {
	b := desk.NewBudgets()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	nonce := func(i int) (n [32]byte) { copy(n[:], fmt.Sprintf("%032d", i)); return n }
	for i := range desk.MaxNonces {
		if fresh, room := b.Once("UTO", nonce(i), now, now.Add(time.Minute)); !fresh || !room {
			t.Fatalf("nonce %d: fresh %v, room %v", i, fresh, room)
		}
	}
	if fresh, room := b.Once("UTO", nonce(desk.MaxNonces), now, now.Add(time.Minute)); !fresh || room {
		t.Errorf("one too many: fresh %v, room %v", fresh, room)
	}
	if fresh, _ := b.Once("UTO", nonce(7), now.Add(30*time.Second), now.Add(time.Minute)); fresh {
		t.Error("a live nonce was forgotten")
	}
	if fresh, room := b.Once("UTO", nonce(desk.MaxNonces), now.Add(2*time.Minute), now.Add(3*time.Minute)); !fresh || !room {
		t.Errorf("expired nonces were not forgotten: fresh %v, room %v", fresh, room)
	}
}
