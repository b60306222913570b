package desk_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

// eventually waits for what another goroutine of the desk does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := within(t)
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// inbox gives the requests and the answers of a node's inbox.
func inbox(t *testing.T, n *node) (requests, answers []desk.InboxItem) {
	t.Helper()
	all, err := n.desk.Inbox()
	must(t, err)
	for _, i := range all {
		if i.Answer {
			answers = append(answers, i)
		} else {
			requests = append(requests, i)
		}
	}
	return requests, answers
}

// waiting is the one request that waits at a node.
func waiting(t *testing.T, n *node) desk.InboxItem {
	t.Helper()
	requests, _ := inbox(t, n)
	if len(requests) != 1 {
		t.Fatalf("%d requests wait at %s, want 1", len(requests), n.state)
	}
	return requests[0]
}

func status(t *testing.T, n *node, id ct.ID) string {
	t.Helper()
	_, answers := inbox(t, n)
	for _, a := range answers {
		if a.ID == id {
			return a.Status
		}
	}
	return "none"
}

// becomes waits until an answer has a status.
func becomes(t *testing.T, n *node, id ct.ID, want string) {
	t.Helper()
	eventually(t, "answer "+want, func() bool { return status(t, n, id) == want })
}

// arrives waits for what a record that another node signs in its own time does
// to an answer.
func arrives(t *testing.T, n *node, id ct.ID, want string) {
	t.Helper()
	eventually(t, "answer "+want, func() bool {
		n.net.deliver()
		return status(t, n, id) == want
	})
}

func lastAct(n *node, act string) (found journal.Entry) {
	for _, e := range n.entries() {
		if e.Act == act {
			found = e
		}
	}
	return found
}

func generous() settings {
	return settings{policy: roster.Policy{MatchBurst: 1_000, MatchPerHour: 1_000, MatchPerDay: 1_000}}
}

// From the question to the release, across a restart of the responder, and on
// to the retraction of what was released.
func TestRequestReleaseWithdrawal(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
	a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
	note := about(wanted())
	note.Person.Contacts = []ct.PersonContact{{Kind: "phone", Value: "+3580000000"}}
	note.Person.Names[0].SourceRef = "FIN-internal-9"
	r := publish(t, b, note)
	b.follow()
	answers, _ := ask(t, a, query(wanted(), "FIN", "KEN"))
	first := answers["FIN"].Inbox
	if first.IsZero() || !answers["KEN"].Inbox.IsZero() || answers["FIN"].Asked != 2 {
		t.Fatalf("answers %+v", answers)
	}
	if got := status(t, a, first); got != desk.StatusWaiting {
		t.Fatalf("the asker's answer is %s", got)
	}
	item := waiting(t, b)
	if item.ID != first || item.State != "UTO" || item.Node != a.key.Public() || item.Purpose != "investigation" || item.Case != "UTO-2026-77" ||
		item.Basis != "UNSCR-2396-OP11" || item.Grounds != "seen with a forged stamp" || item.Operator != "desk-7" || item.Tier != "strong" ||
		len(item.Hits) != 1 || item.Hits[0].Ref != "rec:"+r.ID.String() {
		t.Fatalf("the inbox has %+v", item)
	}
	if left := time.Until(item.Until); left < 71*time.Hour || left > 72*time.Hour {
		t.Fatalf("a routine request waits for %s", left)
	}
	if requests, _ := inbox(t, c); len(requests) != 0 {
		t.Fatal("a State that knows nobody has something waiting")
	}

	// The same person again: one item, both requests.
	answers, _ = ask(t, a, query(wanted(), "FIN"))
	second := answers["FIN"].Inbox
	if item = waiting(t, b); item.ID != first || item.Times != 2 || second == first {
		t.Fatalf("asked twice: %+v", item)
	}

	b.restart()
	b.follow()
	shown, err := b.desk.InboxShow(first.String()[:8], "officer-3")
	must(t, err)
	if shown.Person == nil || shown.Person.Names[0].Full != wanted().Names[0].Full || len(shown.Release.Hits) != 1 {
		t.Fatal("the request is not shown whole")
	}
	if e := lastAct(b, journal.ActInboxShow); e.Actor != "officer-3" || e.Peer != "UTO" || e.Case != "UTO-2026-77" {
		t.Fatalf("nobody has looked, says the journal: %v", e)
	}
	receipt, content, err := b.desk.Release(within(t), first.String(), desk.ReleaseOptions{Operator: "officer-3", Withhold: []string{"documents"}})
	must(t, err)
	row, err := b.store.Get(receipt.Log, receipt.Seq)
	must(t, err)
	if h := row.Header; ct.Kind(h.Kind) != ct.KindMatchRelease || ct.Topic(h.Topic) != ct.TopicReceipt || len(h.Refs) != 0 || row.Inadmissible != "" {
		t.Fatalf("the record %+v", h)
	}
	if e := lastAct(b, journal.ActRelease); e.Actor != "officer-3" || e.Peer != "UTO" || e.Purpose != "investigation" || !strings.Contains(e.Outcome, "by=human") {
		t.Fatalf("the release is not journalled: %v %q", e, e.Outcome)
	}
	if requests, _ := inbox(t, b); len(requests) != 0 {
		t.Fatal("the request still waits")
	}
	if _, _, err := b.desk.Release(within(t), first.String(), desk.ReleaseOptions{}); !errors.Is(err, desk.ErrNotFound) {
		t.Fatalf("released twice: %v", err)
	}
	if !slices.Equal(content.Requests, []ct.ID{first, second}) {
		t.Fatalf("it answers %v", content.Requests)
	}

	// The asker is off while it comes.
	a.restart()
	net.deliver()
	for _, id := range []ct.ID{first, second} {
		becomes(t, a, id, desk.StatusReleased)
	}
	got, err := a.desk.InboxShow(first.String(), "desk-7")
	must(t, err)
	hit := got.Release.Hits[0]
	if hit.Person == nil || hit.Person.Names[0].Full != wanted().Names[0].Full || hit.Person.Births == nil || got.Item.Release != receipt.ID ||
		hit.Author != "FIN" || hit.Contact == nil {
		t.Fatal("the asker does not see what was released")
	}
	if hit.Person.Documents != nil || hit.Person.Contacts != nil || hit.Person.Names[0].SourceRef != "" ||
		!slices.Contains(hit.Withheld, "documents") || !slices.Contains(hit.Withheld, "contacts") || slices.Contains(hit.Withheld, "births") {
		t.Fatalf("released too much; withheld %v", hit.Withheld)
	}
	if e := lastAct(a, journal.ActReleaseShow); e.Actor != "desk-7" || e.Peer != "FIN" || !strings.Contains(e.Outcome, receipt.ID.String()) {
		t.Fatalf("the view is not journalled: %v", e)
	}
	if _, others := inbox(t, c); len(others) != 0 {
		t.Fatal("a State that was not answered has an answer")
	}

	// What was released is taken back, and the asker hears of it unasked.
	_, err = b.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "mistaken-identity"}, "officer-3")
	must(t, err)
	arrives(t, a, first, desk.StatusWithdrawn)
	got, err = a.desk.InboxShow(first.String(), "desk-7")
	must(t, err)
	if got.Release != nil || got.Item.Reason != "mistaken-identity" {
		t.Fatalf("withdrawn: %+v", got.Item)
	}
	if e := lastAct(b, journal.ActWithdraw); e.Peer != "UTO" || !strings.Contains(e.Outcome, "mistaken-identity") {
		t.Fatalf("the withdrawal is not journalled: %v %q", e, e.Outcome)
	}
	b.restart() // and it is not done again
	head, _ := b.store.Head(b.key.Public())
	b.follow()
	must(t, b.desk.ClerkNow())
	waitOutbox(t, b, 0)
	if now, _ := b.store.Head(b.key.Public()); now.Size != head.Size {
		t.Fatal("withdrawn twice")
	}
	for _, n := range net.nodes {
		if strings.Contains(n.logs.String(), "Oskvar") || strings.Contains(n.metrics(), "Oskvar") {
			t.Errorf("%s: the person is in a log or a metric", n.state)
		}
	}
}

func TestRefuse(t *testing.T) {
	_, a, b := knowing(t)
	answers, _ := ask(t, a, query(wanted(), "FIN"))
	id := answers["FIN"].Inbox
	var faults ct.Faults
	if err := b.desk.Refuse(id.String(), " ", "officer-3"); !errors.As(err, &faults) || !faults.Has("reason", ct.FaultMissing) {
		t.Fatalf("without a reason: %v", err)
	}
	if err := b.desk.Refuse("zz", "x", ""); !errors.As(err, &faults) || !faults.Has("id", ct.FaultForm) {
		t.Fatalf("no id: %v", err)
	}
	if err := b.desk.Refuse("abcdef0123", "x", ""); !errors.Is(err, desk.ErrNotFound) {
		t.Fatalf("another id: %v", err)
	}
	must(t, b.desk.Refuse(id.String(), "not proportionate", "officer-3"))
	if requests, _ := inbox(t, b); len(requests) != 0 {
		t.Fatal("it still waits")
	}
	e := lastAct(b, journal.ActRefuse)
	if e.Actor != "officer-3" || e.Peer != "UTO" || !bytes.Equal(e.Subject, []byte("not proportionate")) || strings.Contains(e.Outcome, "proportionate") {
		t.Fatalf("the journal has %v %q", e, e.Outcome)
	}
	if got := status(t, a, id); got != desk.StatusWaiting {
		t.Fatalf("the asker is told %s", got)
	}
	// Nothing is held against it.
	ask(t, a, query(wanted(), "FIN"))
	waiting(t, b)
}

// What nobody has dealt with goes at its deadline, with an entry that says so.
func TestLapse(t *testing.T) {
	_, a, b := knowing(t)
	q := query(wanted(), "FIN")
	q.Priority = ct.PriorityFlash
	answers, _ := ask(t, a, q)
	item := waiting(t, b)
	if left := time.Until(item.Until); left > time.Hour || left < 50*time.Minute {
		t.Fatalf("a flash request waits for %s", left)
	}
	must(t, b.desk.LapseAt(item.Until.Add(-time.Second)))
	waiting(t, b)
	must(t, b.desk.LapseAt(item.Until))
	if requests, _ := inbox(t, b); len(requests) != 0 {
		t.Fatal("it waits for ever")
	}
	if e := lastAct(b, journal.ActLapse); e.Peer != "UTO" || e.Case != q.Case {
		t.Fatalf("the journal has %v", e)
	}
	if _, _, err := b.desk.Release(within(t), answers["FIN"].Inbox.String(), desk.ReleaseOptions{}); !errors.Is(err, desk.ErrNotFound) {
		t.Fatalf("released after its deadline: %v", err)
	}
	var faults ct.Faults
	q.ReleaseWithin = 31 * 24 * time.Hour
	if _, err := a.desk.Match(within(t), q, nil); !errors.As(err, &faults) || !faults.Has("release_within", ct.FaultRange) {
		t.Fatalf("a deadline beyond a month: %v", err)
	}
}

func TestInboxIsBounded(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
	a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
	publish(t, b, about(wanted()))
	b.follow()
	if lines := b.desk.Crowded(); len(lines) > 0 {
		t.Fatalf("%q", lines)
	}
	b.desk.FillInbox("UTO")
	if lines := b.desk.Crowded(); len(lines) != 1 || !strings.Contains(lines[0], "100 match requests of UTO") {
		t.Fatalf("the inbox is full, and says %q", lines)
	}
	answers, _ := ask(t, a, query(wanted(), "FIN"))
	if n := b.counter("herald_match_asked", map[string]string{"state": "UTO", "window": "hour"}); n != 1 {
		t.Errorf("herald_match_asked is %v, want 1", n)
	}
	if n := b.counter("herald_journal_entries", nil); n != float64(len(b.entries())) {
		t.Errorf("herald_journal_entries is %v, want %d", n, len(b.entries()))
	}
	if answers["FIN"].Answer != desk.AnswerPossible {
		t.Fatalf("answer %+v", answers["FIN"])
	}
	if requests, _ := inbox(t, b); len(requests) != 0 {
		t.Fatal("queued over the bound")
	}
	if e := lastAct(b, journal.ActMatchAnswer); !strings.Contains(e.Outcome, "(inbox full)") {
		t.Fatalf("the journal has %q", e.Outcome)
	}
	ask(t, c, query(wanted(), "FIN")) // another State has room of its own
	if item := waiting(t, b); item.State != "KEN" {
		t.Fatalf("%+v", item)
	}
}

// The names of what was answered outlive a restart: within its window a request
// is refused again, though the nonces were in memory.
func TestReplayAfterRestart(t *testing.T) {
	_, a, b := knowing(t)
	var sent [][]byte
	a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
		sent = append(sent, raw)
		return a.call(ctx, to, raw)
	}
	ask(t, a, query(wanted(), "FIN"))
	ask(t, a, query(stranger(), "FIN"))
	b.restart()
	b.follow()
	for i, raw := range sent {
		if got := decodeAnswer(t, b.desk.Answer(within(t), a.key.Public(), raw)); got.Reason != "replayed" {
			t.Errorf("request %d again: %+v", i, got)
		}
	}
	if answers, _ := ask(t, a, query(wanted(), "FIN")); answers["FIN"].Answer != desk.AnswerPossible {
		t.Errorf("a new request: %+v", answers["FIN"])
	}
}

// A release counts when the node that was asked gives it to the State that
// asked. Nobody else's does, whatever it names.
func TestForeignReleases(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
	a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
	publish(t, b, about(wanted()))
	b.follow()
	answers, _ := ask(t, a, query(wanted(), "FIN"))
	id := answers["FIN"].Inbox
	_, content, err := b.desk.Release(within(t), id.String(), desk.ReleaseOptions{})
	must(t, err)
	forged := *content
	_, err = c.desk.ForgeRelease(within(t), &forged) // another node's
	must(t, err)
	other, _ := ask(t, a, query(wanted(), "UTO", "FIN"))
	forged.Requests, forged.To = []ct.ID{other["FIN"].Inbox}, "KEN" // the right node's, to another State
	_, err = b.desk.ForgeRelease(within(t), &forged)
	must(t, err)
	net.deliver()
	eventually(t, "all read", func() bool {
		at, err := a.desk.FollowedTo()
		must(t, err)
		return at == a.store.Last()
	})
	becomes(t, a, id, desk.StatusReleased)
	shown, err := a.desk.InboxShow(id.String(), "")
	must(t, err)
	row, err := a.lookup(shown.Item.Release)
	must(t, err)
	if row.Header.Log != b.key.Public() {
		t.Fatal("another State's release is taken for the answer")
	}
	if got := status(t, a, other["FIN"].Inbox); got != desk.StatusWaiting {
		t.Fatalf("a release to another State: %s", got)
	}
	if _, others := inbox(t, c); len(others) != 0 {
		t.Fatal("KEN has asked nothing and has an answer")
	}
	if n := strings.Count(a.logs.String(), "a release has come"); n != 1 {
		t.Errorf("%d releases are in the log, want the one that was asked for", n)
	}
}

// Without sealing nothing is released in earnest, and the request stays.
func TestNoReleaseInEarnest(t *testing.T) {
	net := newNetwork(t, settings{real: true}, "KEN", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	_, err := b.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-1", wanted())), nil)
	must(t, err)
	b.follow()
	answers, _ := ask(t, a, query(wanted(), "FIN"))
	_, _, err = b.desk.Release(within(t), answers["FIN"].Inbox.String(), desk.ReleaseOptions{})
	if !errors.Is(err, desk.ErrNotAllowed) || !strings.Contains(err.Error(), "sealing is not supported") {
		t.Fatalf("got %v", err)
	}
	waiting(t, b)
	if head, _ := b.store.Head(b.key.Public()); head.Size != 0 {
		t.Fatal("a record was signed")
	}
}

// A standing policy lets out what it covers and no more.
func TestStandingPolicy(t *testing.T) {
	for name, x := range map[string]struct {
		change   func(*ct.Notification, *desk.MatchQuery)
		released bool
	}{
		"covered":         {func(*ct.Notification, *desk.MatchQuery) {}, true},
		"another purpose": {func(_ *ct.Notification, q *desk.MatchQuery) { q.Purpose = "border-screening" }, false},
		"marked higher":   {func(n *ct.Notification, _ *desk.MatchQuery) { n.TLP = ct.TLPRed }, false},
		"asks for contact": {func(n *ct.Notification, _ *desk.MatchQuery) {
			n.Handling.Caveats = []string{"contact-first"}
		}, false},
		"not strong": {func(_ *ct.Notification, q *desk.MatchQuery) { q.Person.Births, q.Person.Documents = nil, nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			set := generous()
			rule := ct.ReleaseRule{State: "UTO", Purposes: []string{"investigation"}, TLP: ct.TLPAmber, Strong: true}
			set.release = map[ct.State]desk.ReleasePolicy{"FIN": {Rules: []ct.ReleaseRule{rule}, For: time.Hour, Contact: "Desk FIN, always"}}
			net := newNetwork(t, set, "UTO", "FIN")
			a, b := net.nodes[0], net.nodes[1]
			note, q := about(wanted()), query(wanted(), "FIN")
			note.TLP = ct.TLPAmber
			x.change(note, &q)
			publish(t, b, note)
			b.follow()
			answers, _ := ask(t, a, q)
			if !x.released {
				must(t, b.desk.ClerkNow())
				item := waiting(t, b)
				_, _, err := b.desk.Release(within(t), item.ID.String(), desk.ReleaseOptions{})
				must(t, err)
				if e := lastAct(b, journal.ActRelease); !strings.Contains(e.Outcome, "by=human") {
					t.Fatalf("released by %q", e.Outcome)
				}
				return
			}
			arrives(t, a, answers["FIN"].Inbox, desk.StatusReleased)
			shown, err := a.desk.InboxShow(answers["FIN"].Inbox.String(), "")
			must(t, err)
			if r := shown.Release; r.By != ct.ReleasedByPolicy || r.Contact.Desk != "Desk FIN, always" || r.Hits[0].Person == nil {
				t.Fatal("released otherwise than the policy says")
			}
			if e := lastAct(b, journal.ActRelease); e.Actor != "policy" || !strings.Contains(e.Outcome, "by=policy") {
				t.Fatalf("the journal has %v %q", e, e.Outcome)
			}
			row, err := a.lookup(shown.Item.Release)
			must(t, err)
			if good := time.Duration(row.Header.Expires-row.Header.Issued) * time.Millisecond; good > time.Hour {
				t.Fatalf("good for %s", good)
			}
		})
	}
}

// What was released of a list entry is withdrawn when the entry is corrected or
// goes, and not when the list is merely imported again.
func TestListEntriesAreFollowed(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	load := func(lines ...string) {
		t.Helper()
		_, err := b.desk.Import(within(t), desk.ImportOptions{List: "national", Form: desk.FormPersons, AcceptShrink: true}, strings.NewReader(strings.Join(lines, "")), nil)
		must(t, err)
		b.follow()
	}
	other, same := listLine("N-2", person("Somebody Else")), listLine("N-1", wanted())
	release := func() ct.ID {
		t.Helper()
		answers, _ := ask(t, a, query(wanted(), "FIN"))
		id := answers["FIN"].Inbox
		_, _, err := b.desk.Release(within(t), id.String(), desk.ReleaseOptions{})
		must(t, err)
		net.deliver()
		becomes(t, a, id, desk.StatusReleased)
		return id
	}
	load(same, other)
	id := release()
	load(other, same) // imported again, in another order
	must(t, b.desk.ClerkNow())
	waitOutbox(t, b, 0)
	net.deliver()
	corrected := wanted()
	corrected.Births[0].Date = "1987-04-24"
	if got := status(t, a, id); got != desk.StatusReleased {
		t.Fatalf("imported again: %s", got)
	}
	load(listLine("N-1", corrected), other)
	arrives(t, a, id, desk.StatusWithdrawn)
	id = release()
	load(other)
	arrives(t, a, id, desk.StatusWithdrawn)
}

// A State is told nothing of a person who has asylum from it: not even that
// there is something to tell.
func TestAsylumIsNotAnswered(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
	a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
	note := about(wanted()) // of FIN
	note.Person.AsylumOrRefugee = true
	publish(t, a, note)
	a.follow()
	if answers, _ := ask(t, b, query(wanted(), "UTO")); answers["UTO"].Answer != desk.AnswerNoHit {
		t.Fatalf("the State fled from is told %+v", answers["UTO"])
	}
	answers, _ := ask(t, c, query(wanted(), "UTO"))
	if answers["UTO"].Answer != desk.AnswerPossible {
		t.Fatalf("another State is told %+v", answers["UTO"])
	}
	if item := waiting(t, a); item.State != "KEN" {
		t.Fatalf("%+v", item)
	}
	if answers, _ := ask(t, a, query(wanted(), "UTO")); answers["UTO"].Answer != desk.AnswerPossible {
		t.Fatalf("the own State: %+v", answers["UTO"])
	}
}

// What is retracted between question and release is not released.
func TestReleaseOfWhatIsGone(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	r := publish(t, b, about(wanted()))
	b.follow()
	ask(t, a, query(wanted(), "FIN"))
	item := waiting(t, b)
	_, err := b.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error"}, "")
	must(t, err)
	if _, _, err := b.desk.Release(within(t), item.ID.String(), desk.ReleaseOptions{}); !errors.Is(err, desk.ErrConflict) {
		t.Fatalf("got %v", err)
	}
}

// Two officers decide at once: one release, one entry, and the other is told.
func TestTwoDecide(t *testing.T) {
	_, a, b := knowing(t)
	ask(t, a, query(wanted(), "FIN"))
	id := waiting(t, b).ID.String()
	errs := make(chan error, 8)
	for i := range cap(errs) {
		go func() {
			if i%2 == 0 {
				errs <- b.desk.Refuse(id, "not proportionate", "officer-3")
				return
			}
			_, _, err := b.desk.Release(within(t), id, desk.ReleaseOptions{Operator: "officer-4"})
			errs <- err
		}()
	}
	done := 0
	for range cap(errs) {
		switch err := <-errs; {
		case err == nil:
			done++
		case !errors.Is(err, desk.ErrConflict) && !errors.Is(err, desk.ErrNotFound):
			t.Error(err)
		}
	}
	acts := 0
	for _, e := range b.entries() {
		if e.Act == journal.ActRelease || e.Act == journal.ActRefuse {
			acts++
		}
	}
	if done != 1 || acts != 1 || b.desk.Waits() != 0 {
		t.Fatalf("%d succeeded, %d in the journal, %d wait", done, acts, b.desk.Waits())
	}
}

// A release that waits in the outbox when its source is retracted is never
// signed.
func TestUnsignedReleaseIsDropped(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	_, err := b.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-1", wanted())), nil)
	must(t, err)
	b.follow()
	ask(t, a, query(wanted(), "FIN"))
	b.close("catching up")
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() {
		_, _, err := b.desk.Release(ctx, waiting(t, b).ID.String(), desk.ReleaseOptions{})
		done <- err
	}()
	waitOutbox(t, b, 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("the wait ended with %v", err)
	}
	b.restart() // the draft, and what it would have told, are still known
	_, err = b.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-2", person("Somebody Else"))), nil)
	must(t, err)
	eventually(t, "withdrawn", func() bool { return lastAct(b, journal.ActWithdraw).Seq > 0 })
	b.close("")
	waitOutbox(t, b, 0)
	if head, _ := b.store.Head(b.key.Public()); head.Size != 0 {
		t.Fatal("it was signed all the same")
	}
}
