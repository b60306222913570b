package desk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

const seed = 2396

// notification gives valid notifications that differ.
func notification(n int) *ct.Notification {
	g := synth.New(seed + uint64(n))
	note := g.Notification(ct.TopicTravel, time.Now())
	note.Audience = ct.AudienceAll
	return note
}

func publish(t *testing.T, n *node, note *ct.Notification) desk.Receipt {
	t.Helper()
	r, err := n.desk.Publish(within(t), note, desk.PublishOptions{Operator: "desk-7", Accept: []string{desk.AcceptAsylum}})
	must(t, err)
	return r
}

func TestPublishIsDurable(t *testing.T) {
	t.Logf("seed %d", seed)
	net := newNetwork(t, settings{}, "UTO", "FIN")
	n := net.nodes[0]
	for i := 1; i <= 3; i++ {
		note := notification(i)
		r := publish(t, n, note)
		if r.Seq != uint64(i) || r.Log != n.key.Public() || r.Waiting != "" {
			t.Fatalf("receipt %+v, want seq %d of the own log", r, i)
		}
		row, err := n.store.Get(r.Log, r.Seq)
		must(t, err)
		if row.ID != r.ID || row.Inadmissible != "" || row.BodyState != store.BodyHeld {
			t.Fatalf("record %d: inadmissible %q, body %v", i, row.Inadmissible, row.BodyState)
		}
	}
	rows, err := n.store.Read(0, 10, true)
	must(t, err)
	got, err := wire.DecodeNotification(rows[2].Header.BodyHeader(), rows[2].Body)
	must(t, err)
	if got.Person.Names[0].Full != notification(3).Person.Names[0].Full {
		t.Fatal("the body is another notification's")
	}
	e := n.entries()
	if len(e) != 3 || e[0].Act != journal.ActPublish || e[0].Actor != "desk-7" || e[0].Purpose != notification(1).Assessment.Purpose {
		t.Fatalf("journal: %v", e)
	}
	if want := fmt.Sprintf("%x", rows[0].Header.Commit); !strings.Contains(e[0].Outcome, want) {
		t.Errorf("journal does not name the record's commitment: %q", e[0].Outcome)
	}
	if got := n.counter("herald_publish_total", map[string]string{"kind": "notification", "outcome": "signed"}); got != 3 {
		t.Errorf("herald_publish_total is %v, want 3", got)
	}
	net.deliver()
	if h, _ := net.nodes[1].store.Head(n.key.Public()); h.Size != 3 {
		t.Errorf("the other node holds %d records, want 3", h.Size)
	}
}

func TestPublishRefuses(t *testing.T) {
	exercise := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	earnest := newNetwork(t, settings{real: true}, "KEN", "FIN").nodes[0]
	arrivals, err := ct.TopicsOf(ct.TopicArrival)
	must(t, err)
	partial := newNetwork(t, settings{topics: arrivals}, "UTO", "FIN").nodes[0]
	for name, c := range map[string]struct {
		node   *node
		change func(*ct.Notification)
		want   error
		field  string
	}{
		"sealed audience":    {exercise, func(n *ct.Notification) { n.Audience = ct.AudienceSealed }, desk.ErrSealedAudience, ""},
		"group audience":     {exercise, func(n *ct.Notification) { n.Audience = ct.AudienceGroup }, desk.ErrNotAllowed, ""},
		"all, no exercise":   {earnest, func(n *ct.Notification) {}, desk.ErrSealedAudience, ""},
		"topic not kept":     {partial, func(n *ct.Notification) {}, desk.ErrNotAllowed, ""},
		"no purpose":         {exercise, func(n *ct.Notification) { n.Assessment.Purpose = "" }, nil, "assessment.purpose"},
		"no legal basis":     {exercise, func(n *ct.Notification) { n.Assessment.LegalBasis = nil }, nil, "assessment.legal_basis"},
		"expired":            {exercise, func(n *ct.Notification) { n.Retention.Expires = "2020-01-01T00:00:00Z" }, nil, "retention.expires"},
		"expiry too late":    {exercise, func(n *ct.Notification) { n.Retention.Expires = "2099-01-01T00:00:00Z" }, nil, "retention.expires"},
		"event of elsewhere": {exercise, func(n *ct.Notification) { n.Topic = ct.TopicDetention }, nil, "topic"},
	} {
		t.Run(name, func(t *testing.T) {
			note := notification(1)
			c.change(note)
			for _, dry := range []bool{false, true} {
				_, err := c.node.desk.Publish(within(t), note, desk.PublishOptions{DryRun: dry})
				var faults ct.Faults
				switch {
				case err == nil:
					t.Fatal("published")
				case c.want != nil && !errors.Is(err, c.want):
					t.Fatalf("got %v, want %v", err, c.want)
				case c.want == nil && (!errors.As(err, &faults) || !slices.ContainsFunc(faults, func(f ct.Fault) bool { return f.Field == c.field })):
					t.Fatalf("got %v, want a fault of %s", err, c.field)
				}
			}
		})
	}
	for _, n := range []*node{exercise, earnest, partial} {
		if n.store.Last() != 0 || len(n.entries()) != 0 {
			t.Error("a refused notification left a record or a journal entry")
		}
	}
}

func TestPublishNeedsADelegation(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	n := net.nodes[0]
	stranger := desk.New(desk.Config{
		Store: n.store, Index: n.index, Ingest: n.ingest, Journal: n.journal, View: net.nodes[0].desk.View(),
		Signer: generate(t), State: "UTO", Gate: n.gate, Ask: n.send, Lookup: n.lookup,
	})
	if _, err := stranger.Publish(within(t), notification(1), desk.PublishOptions{}); !errors.Is(err, desk.ErrNotAllowed) {
		t.Fatalf("got %v, want ErrNotAllowed", err)
	}
}

func TestDryRunKeepsNothing(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	note := notification(1)
	r, err := n.desk.Publish(within(t), note, desk.PublishOptions{DryRun: true})
	must(t, err)
	p := r.Preview
	if p == nil || p.Seq != 1 || p.State != "UTO" || p.Topic != note.Topic || !p.Exercise || p.Notification != note || p.BodySize == 0 {
		t.Fatalf("preview %v", p)
	}
	if !r.ID.IsZero() || n.store.Last() != 0 || len(n.entries()) != 0 {
		t.Fatal("a dry run left something")
	}
	// What it previews is what is signed.
	signed := publish(t, n, note)
	row, err := n.store.Get(signed.Log, signed.Seq)
	must(t, err)
	if row.Header.BodySize != p.BodySize || row.Header.Expires != p.Expires || row.Header.Seq != p.Seq {
		t.Fatal("the signed record differs from its preview")
	}
}

func TestAddresseeWarnings(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	note := notification(1)
	note.Person.Nationalities = []ct.State{"KEN"}
	note.Person.AsylumOrRefugee = true
	note.Person.BirthPlaces = nil
	note.Event.Source, note.Event.Transit, note.Event.Destination, note.Event.Legs = "FIN", nil, "BRA", nil
	r, err := n.desk.Publish(within(t), note, desk.PublishOptions{DryRun: true})
	must(t, err)
	all := strings.Join(r.Warnings, "\n")
	if !strings.Contains(all, "BRA is an addressee and no member") || !strings.Contains(all, "KEN is an addressee and the person seeks or has asylum") {
		t.Fatalf("warnings: %s", all)
	}
	if strings.Contains(all, "FIN") {
		t.Fatalf("a member that is reached was warned of: %s", all)
	}
}

func TestRetract(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	r := publish(t, a, notification(1))
	net.deliver()
	reason := ct.Retraction{Reason: "mistaken-identity"}

	if _, err := b.desk.Retract(within(t), r.ID, reason, "desk-1"); !errors.Is(err, desk.ErrNotAllowed) {
		t.Errorf("another State retracts: %v, want ErrNotAllowed", err)
	}
	if _, err := a.desk.Retract(within(t), ct.ID{9}, reason, "desk-1"); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("an unknown record: %v, want ErrNotFound", err)
	}
	var faults ct.Faults
	if _, err := a.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "because"}, "desk-1"); !errors.As(err, &faults) {
		t.Errorf("a reason off the list: %v, want faults", err)
	}
	got, err := a.desk.Retract(within(t), r.ID, reason, "desk-1")
	must(t, err)
	row, err := a.store.Get(got.Log, got.Seq)
	must(t, err)
	if row.Inadmissible != "" || ct.Kind(row.Header.Kind) != ct.KindRetract || len(row.Header.Refs) != 1 || row.Header.Refs[0].ID != r.ID {
		t.Fatalf("retraction: kind %d, inadmissible %q, refs %v", row.Header.Kind, row.Inadmissible, row.Header.Refs)
	}
	if row.Header.Topic != uint32(ct.TopicTravel) || row.Header.Expires < ct.MillisOf(time.Now()) {
		t.Fatalf("retraction: topic %d, expires %v", row.Header.Topic, row.Header.Expires)
	}
	net.deliver()
	for _, n := range net.nodes {
		if by, hidden := n.store.Hidden(r.ID); !hidden || by != got.ID {
			t.Errorf("%s still shows the record", n.state)
		}
	}
	if _, err := a.desk.Retract(within(t), r.ID, reason, "desk-1"); !errors.Is(err, desk.ErrConflict) {
		t.Errorf("a second retraction: %v, want ErrConflict", err)
	}
	if _, err := a.desk.Retract(within(t), got.ID, reason, "desk-1"); !errors.Is(err, desk.ErrNotAllowed) {
		t.Errorf("a retraction of a retraction: %v, want ErrNotAllowed", err)
	}
}

func TestOutboxWaitsForTheGate(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	n := net.nodes[0]
	n.close("asking peers for this node's own log")
	var keys []string
	for i := 1; i <= 4; i++ {
		r, err := n.desk.Publish(within(t), notification(i), desk.PublishOptions{NoWait: true})
		must(t, err)
		if r.Waiting == "" || r.Why != "asking peers for this node's own log" || !r.ID.IsZero() {
			t.Fatalf("receipt %+v", r)
		}
		keys = append(keys, r.Waiting)
	}
	check := func() {
		t.Helper()
		items, err := n.desk.Outbox()
		must(t, err)
		if len(items) != 4 {
			t.Fatalf("%d drafts in the outbox, want 4", len(items))
		}
		for i, it := range items {
			if it.Key != keys[i] || it.Topic != ct.TopicTravel || it.Why != "asking peers for this node's own log" || it.Kind != ct.KindNotification {
				t.Fatalf("draft %d: %+v", i, it)
			}
		}
		if n.store.Last() != 0 {
			t.Fatal("something was signed behind a closed gate")
		}
	}
	check()
	n.restart()
	check()
	if got := n.counter("herald_outbox", nil); got != 4 {
		t.Errorf("herald_outbox is %v, want 4", got)
	}
	n.close("")
	must(t, n.store.Wait(within(t), 3))
	rows, err := n.store.Read(0, 10, true)
	must(t, err)
	if len(rows) != 4 {
		t.Fatalf("%d records, want 4", len(rows))
	}
	for i, r := range rows { // in the order in which they came
		note, err := wire.DecodeNotification(r.Header.BodyHeader(), r.Body)
		must(t, err)
		if note.Person.Names[0].Full != notification(i + 1).Person.Names[0].Full {
			t.Errorf("record %d is not draft %d", i+1, i+1)
		}
	}
	if got := len(n.acts()); got != 4 {
		t.Errorf("%d journal entries, want 4", got)
	}
}

func TestPublishBlocksUntilSigned(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	n.close("clock is wrong")
	got := make(chan desk.Receipt, 1)
	fail := make(chan error, 1)
	go func() {
		r, err := n.desk.Publish(within(t), notification(1), desk.PublishOptions{})
		got <- r
		fail <- err
	}()
	waitOutbox(t, n, 1)
	n.close("")
	r := <-got
	must(t, <-fail)
	if r.ID.IsZero() || r.Seq != 1 || r.Waiting != "" {
		t.Fatalf("receipt %+v", r)
	}
	waitOutbox(t, n, 0)
}

// waitOutbox polls: nobody announces that a draft has come or gone.
func waitOutbox(t *testing.T, n *node, want int) {
	t.Helper()
	ctx := within(t)
	for {
		items, err := n.desk.Outbox()
		must(t, err)
		if len(items) == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d drafts in the outbox, want %d", len(items), want)
		case <-time.After(time.Millisecond):
		}
	}
}

// In virtual time, in which the disk takes none of the 20 ms.
func TestCancelLeavesTheDraft(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
		n.close("clock is wrong")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		r, err := n.desk.Publish(ctx, notification(1), desk.PublishOptions{})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stays in the outbox as "+r.Waiting) || !strings.Contains(err.Error(), "clock is wrong") {
			t.Fatalf("got %v", err)
		}
		waitOutbox(t, n, 1)
		n.close("")
		must(t, n.store.Wait(within(t), 0))
		waitOutbox(t, n, 0)
	})
}

func TestSignNow(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	n.close("no peer has answered")
	first, err := n.desk.Publish(within(t), notification(1), desk.PublishOptions{NoWait: true})
	must(t, err)
	second, err := n.desk.Publish(within(t), notification(2), desk.PublishOptions{NoWait: true})
	must(t, err)

	var faults ct.Faults
	if _, err := n.desk.SignNow(within(t), second.Waiting, "", "op"); !errors.As(err, &faults) {
		t.Errorf("no reason: %v, want a fault", err)
	}
	for _, key := range []string{"77", "x", ""} {
		if _, err := n.desk.SignNow(within(t), key, "why", "op"); !errors.Is(err, desk.ErrNotFound) {
			t.Errorf("key %q: %v, want ErrNotFound", key, err)
		}
	}
	r, err := n.desk.SignNow(within(t), second.Waiting, "flash: the flight lands in an hour", "op")
	must(t, err)
	if r.Seq != 1 || n.store.Last() != 1 {
		t.Fatalf("receipt %+v, %d records", r, n.store.Last())
	}
	e := n.entries()
	last := e[len(e)-1]
	if last.Act != journal.ActSignNow || string(last.Subject) != "flash: the flight lands in an hour" {
		t.Fatalf("journal: %v with %d bytes of reason", last, len(last.Subject))
	}
	must(t, n.desk.Discard(first.Waiting, "a duplicate", "op"))
	waitOutbox(t, n, 0)
	if err := n.desk.Discard(first.Waiting, "a duplicate", "op"); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("a second discard: %v, want ErrNotFound", err)
	}
}

// A crash after signing and before the outbox is cleared publishes nothing twice.
func TestSignedDraftIsNotSignedAgain(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	n.close("wait")
	r, err := n.desk.Publish(within(t), notification(1), desk.PublishOptions{NoWait: true})
	must(t, err)
	drafts, err := desk.RawDrafts(n.store)
	must(t, err)
	signed, err := n.desk.SignNow(within(t), r.Waiting, "test", "op")
	must(t, err)
	n.stop()
	s, err := store.Open(n.storeConfig())
	must(t, err)
	must(t, s.Local().Update(func(tx *store.LocalTx) error {
		for k, v := range drafts {
			if err := tx.Put(desk.BucketOutbox, desk.OutboxKey(k), v); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, s.Close())
	n.start()
	waitOutbox(t, n, 1)
	again, err := n.desk.SignNow(within(t), r.Waiting, "test", "op")
	must(t, err)
	if again.ID != signed.ID || n.store.Last() != 1 {
		t.Fatalf("signed %v, then %v; %d records", signed, again, n.store.Last())
	}
	waitOutbox(t, n, 0)
}

// A draft whose time has passed is shown with its fault, and does not hold up
// those behind it.
func TestExpiredDraft(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	n.close("wait")
	late, err := n.desk.Publish(within(t), notification(1), desk.PublishOptions{NoWait: true})
	must(t, err)
	if _, err := n.desk.Publish(within(t), notification(2), desk.PublishOptions{NoWait: true}); err != nil {
		t.Fatal(err)
	}
	must(t, desk.EditDraft(n.store, 1, ct.MillisOf(time.Now().Add(-time.Second))))
	n.close("")
	must(t, n.store.Wait(within(t), 0))
	waitOutbox(t, n, 1)
	items, err := n.desk.Outbox()
	must(t, err)
	if items[0].Key != late.Waiting || !strings.Contains(items[0].Fault, ct.FaultExpired) {
		t.Fatalf("outbox: %+v", items[0])
	}
	if _, err := n.desk.SignNow(within(t), late.Waiting, "try", "op"); err == nil || !strings.Contains(err.Error(), ct.FaultExpired) {
		t.Fatalf("sign now: %v", err)
	}
	if got := n.counter("herald_outbox", nil); got != 0 {
		t.Errorf("herald_outbox counts a draft that waits for a human: %v", got)
	}
}

func TestOutboxIsBounded(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	n.close("wait")
	publishOne := func(i int) error {
		_, err := n.desk.Publish(within(t), notification(i), desk.PublishOptions{NoWait: true})
		return err
	}
	must(t, publishOne(1))
	n.desk.SetWaiting(desk.MaxOutbox)
	if err := publishOne(2); !errors.Is(err, desk.ErrBusy) {
		t.Fatalf("got %v, want ErrBusy", err)
	}
}

// A record's time is never before that of the record before it; a node whose
// clock has fallen far behind its own log does not sign.
func TestClockBehindTheLog(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	n := net.nodes[0]
	publish(t, n, notification(1))
	ahead := func(by time.Duration) {
		t.Helper()
		head, _ := n.store.Head(n.key.Public())
		row, err := n.store.At(n.store.Last())
		must(t, err)
		h := row.Header
		h.Issued = ct.MillisOf(time.Now().Add(by))
		head.Next(ct.ID{}).Put(&h, net.view.Line(h.Log))
		raw := wire.EncodeHeader(&h)
		sig, err := n.key.Sign(keys.ContextRecord, net.view.Network(), raw)
		must(t, err)
		rec, err := verify.Open(wire.Encode(&wire.Envelope{HeaderBytes: raw, Alg: keys.AlgEd25519, Sig: sig}), net.view, time.Now())
		must(t, err)
		_, err = n.ingest.Submit(within(t), rec)
		must(t, err)
	}
	ahead(4 * time.Minute)
	last, _ := n.store.Head(n.key.Public())
	r := publish(t, n, notification(2))
	row, err := n.store.Get(r.Log, r.Seq)
	must(t, err)
	if row.Header.Issued != last.LastIssued || row.Inadmissible != "" {
		t.Fatalf("issued %v after %v, inadmissible %q", row.Header.Issued, last.LastIssued, row.Inadmissible)
	}
	ahead(10 * time.Minute)
	before := n.store.Last()
	if _, err := n.desk.Publish(within(t), notification(3), desk.PublishOptions{}); err == nil || !strings.Contains(err.Error(), "set the clock") {
		t.Fatalf("got %v, want to be told of the clock", err)
	}
	if n.store.Last() != before {
		t.Fatal("it was signed all the same")
	}
}
