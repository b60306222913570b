package desk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// written is when all notifications of these tests were written: those of one
// number are equal.
var written = time.Now()

func wanting(n int) *ct.Notification {
	note := synth.New(seed+uint64(n)).Notification(ct.TopicTravel, written)
	note.Audience = ct.AudienceAll
	return note
}

// under are the options of a publication under an idempotency key.
func under(key string) desk.PublishOptions {
	return desk.PublishOptions{Operator: "desk-7", Key: key, Accept: []string{desk.AcceptAsylum}}
}

// conflict holds a refusal against the record or draft that it is to name.
func conflict(t *testing.T, err error, name string) {
	t.Helper()
	if !errors.Is(err, desk.ErrConflict) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want a conflict that names %s", err, name)
	}
}

// The same key with the same content is the same publication, whatever came
// between; with other content it is a conflict.
func TestKeyGivesTheSameReceipt(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	first, err := n.desk.Publish(within(t), wanting(1), under("job 17"))
	must(t, err)
	publish(t, n, wanting(2))
	same := func(when string) {
		t.Helper()
		records, entries := n.store.Last(), len(n.acts())
		r, err := n.desk.Publish(within(t), wanting(1), under("job 17"))
		must(t, err)
		if r.ID != first.ID || r.Seq != first.Seq || r.Log != first.Log || r.Waiting != "" {
			t.Errorf("%s: receipt %+v, want %+v", when, r, first)
		}
		if n.store.Last() != records || len(n.acts()) != entries {
			t.Errorf("%s: the second request left a record or a journal entry", when)
		}
		_, err = n.desk.Publish(within(t), wanting(3), under("job 17"))
		conflict(t, err, first.ID.String())
		if n.store.Last() != records {
			t.Errorf("%s: other content was published under the key", when)
		}
	}
	same("at once")
	n.restart()
	same("after a restart")
	n.close("own-head check")
	same("behind a closed gate")
	n.fill(store.ErrFull)
	same("on a full disk")
	n.close("")
	n.fill(nil)
	if _, err := n.desk.Retract(within(t), first.ID, ct.Retraction{Reason: "error"}, "op"); err != nil {
		t.Fatal(err)
	}
	same("after its retraction")
	dry := under("job 17")
	dry.DryRun = true
	r, err := n.desk.Publish(within(t), wanting(1), dry)
	must(t, err)
	if r.ID != first.ID || r.Preview != nil {
		t.Errorf("a dry run previews what will not be signed: %+v", r)
	}
}

func TestKeyIsChecked(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	for _, key := range []string{strings.Repeat("k", 65), "a\n", "a\x7f", "clé"} {
		var faults ct.Faults
		if _, err := n.desk.Publish(within(t), wanting(1), under(key)); !errors.As(err, &faults) || faults[0].Field != "idempotency_key" {
			t.Errorf("key %q: %v, want a fault", key, err)
		}
	}
	if n.store.Last() != 0 || len(n.acts()) != 0 {
		t.Error("a refused key left something")
	}
	if _, err := n.desk.Publish(within(t), wanting(1), under(strings.Repeat("~", 64))); err != nil {
		t.Error(err)
	}
}

// Equal content in force is a conflict that names the record, with another key or
// none, until a person accepts that it is there twice.
func TestEqualContentIsAConflict(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	first := publish(t, n, wanting(1))
	plain := desk.PublishOptions{Operator: "desk-7", Accept: []string{desk.AcceptAsylum}}
	for _, o := range []desk.PublishOptions{plain, under("another"), {NoWait: true, Accept: plain.Accept}} {
		_, err := n.desk.Publish(within(t), wanting(1), o)
		conflict(t, err, first.ID.String())
		conflict(t, err, "--accept duplicate")
	}
	if n.store.Last() != 1 || len(n.acts()) != 1 {
		t.Fatal("a refused notification left a record or a journal entry")
	}
	dry, err := n.desk.Publish(within(t), wanting(1), desk.PublishOptions{DryRun: true})
	must(t, err)
	if all := strings.Join(dry.Warnings, "\n"); !strings.Contains(all, "duplicate: equal content is in force: record "+first.ID.String()) {
		t.Errorf("a dry run warns of %q", all)
	}

	o := under("another")
	o.Accept = append(o.Accept, desk.AcceptDuplicate)
	second, err := n.desk.Publish(within(t), wanting(1), o)
	must(t, err)
	if second.ID == first.ID || second.Seq != 2 {
		t.Errorf("accepted: receipt %+v", second)
	}
	if e := n.entries()[1]; e.Actor != "desk-7" || !strings.Contains(e.Outcome, "accepted=asylum,duplicate") {
		t.Errorf("journal: %v %s by %q", e, e.Outcome, e.Actor)
	}

	// Both must be withdrawn before it may be said again.
	for i, r := range []desk.Receipt{second, first} {
		_, err := n.desk.Publish(within(t), wanting(1), plain)
		conflict(t, err, "record ")
		_, err = n.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error"}, "op")
		must(t, err)
		if i == 1 {
			publish(t, n, wanting(1))
		}
	}
}

// What an author wrote is the body and the header fields that he chose.
func TestWhatIsEqual(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	publish(t, n, wanting(1))
	for name, change := range map[string]func(*ct.Notification){
		"priority": func(x *ct.Notification) { x.Priority = ct.PriorityFlash },
		"TLP":      func(x *ct.Notification) { x.TLP = ct.TLPRed },
		"expiry":   func(x *ct.Notification) { x.Retention.Expires = earlier(t, x.Retention.Expires) },
		"contact":  func(x *ct.Notification) { x.Contact.Desk += " 2" },
	} {
		x := wanting(1)
		change(x)
		if _, err := n.desk.Publish(within(t), x, under(name)); err != nil {
			t.Errorf("another %s: %v", name, err)
		}
		again := wanting(1)
		change(again)
		if _, err := n.desk.Publish(within(t), again, under("")); !errors.Is(err, desk.ErrConflict) {
			t.Errorf("another %s, twice: %v", name, err)
		}
	}
}

func earlier(t *testing.T, at string) string {
	t.Helper()
	x, err := time.Parse(time.RFC3339, at)
	must(t, err)
	return ct.MillisOf(x.Add(-time.Second)).String()
}

// A draft that waits is in force: who comes again with its key waits with it, who
// comes without is told of it.
func TestKeyWhileTheDraftWaits(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	n.close("own-head check")
	o := under("k")
	o.NoWait = true
	waits, err := n.desk.Publish(within(t), wanting(1), o)
	must(t, err)
	n.restart()
	again, err := n.desk.Publish(within(t), wanting(1), o)
	must(t, err)
	if waits.Waiting == "" || again.Waiting != waits.Waiting || again.Why != "own-head check" {
		t.Fatalf("receipts %+v and %+v", waits, again)
	}
	_, err = n.desk.Publish(within(t), wanting(1), desk.PublishOptions{NoWait: true})
	conflict(t, err, "draft "+waits.Waiting+" of the outbox")
	_, err = n.desk.Publish(within(t), wanting(2), o)
	conflict(t, err, "draft "+waits.Waiting+" of the outbox")

	var wg sync.WaitGroup
	got := make([]desk.Receipt, 3)
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = n.desk.Publish(within(t), wanting(1), under("k")); err != nil {
				t.Error(err)
			}
		})
	}
	n.close("")
	wg.Wait()
	waitOutbox(t, n, 0)
	for _, r := range got {
		if r.ID.IsZero() || r.ID != got[0].ID || r.Seq != 1 {
			t.Errorf("receipts %+v", got)
		}
	}
	if n.store.Last() != 1 {
		t.Errorf("%d records, want 1", n.store.Last())
	}
}

// A draft that was dropped is no publication.
func TestDiscardedIsNotInForce(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	n.close("own-head check")
	o := under("k")
	o.NoWait = true
	waits, err := n.desk.Publish(within(t), wanting(1), o)
	must(t, err)
	must(t, n.desk.Discard(waits.Waiting, "wrong person", "op"))
	n.close("")
	publish(t, n, wanting(1))
	if _, err := n.desk.Publish(within(t), wanting(2), under("k")); err != nil {
		t.Errorf("the key of what was dropped is free: %v", err)
	}
}

// Of many that come at once one is published: all with its key get its receipt,
// all without are told of it.
func TestManyAtOnce(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	at := func(content int, o desk.PublishOptions) (receipts []desk.Receipt, refused int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				r, err := n.desk.Publish(within(t), wanting(content), o)
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, desk.ErrConflict) {
					refused++
					return
				}
				if err != nil {
					t.Error(err)
				}
				receipts = append(receipts, r)
			})
		}
		wg.Wait()
		return receipts, refused
	}
	with, refused := at(1, under("k"))
	if refused != 0 || n.store.Last() != 1 || slices.ContainsFunc(with, func(r desk.Receipt) bool { return r.ID != with[0].ID }) {
		t.Errorf("with a key: %d records, %d refused, %+v", n.store.Last(), refused, with)
	}
	without, refused := at(2, under(""))
	if refused != 15 || len(without) != 1 || n.store.Last() != 2 {
		t.Errorf("without: %d records, %d refused", n.store.Last(), refused)
	}
}

// A crash after the journal entry and before the signature leaves a note of what
// never became a record: it is no publication, and the retry is.
func TestUnsignedIsNoPublication(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	publish(t, n, wanting(9))
	dead := desk.New(desk.Config{
		Store: n.store, Index: n.index, Journal: n.journal, View: n.desk.View(), Signer: n.key, State: n.state,
		Gate: n.gate, Ask: n.send, Lookup: n.lookup, Ingest: stopped(t, n),
	})
	dead.NotedTo(1)
	for _, o := range []desk.PublishOptions{under("k"), under("")} {
		if r, err := dead.Publish(within(t), wanting(1), o); !errors.Is(err, ingest.ErrClosed) {
			t.Fatalf("published without a writer: %+v %v", r, err)
		}
	}
	n.restart()
	r, err := n.desk.Publish(within(t), wanting(1), under("k"))
	must(t, err)
	again, err := n.desk.Publish(within(t), wanting(1), under("k"))
	must(t, err)
	if r.Seq != 2 || again.ID != r.ID || n.store.Last() != 2 {
		t.Errorf("receipts %+v and %+v, %d records", r, again, n.store.Last())
	}
	content, keys, err := desk.Imprints(n.store)
	must(t, err)
	if len(content) != 2 || len(keys) != 1 {
		t.Errorf("%d publications and %d keys are noted, want 2 and 1", len(content), len(keys))
	}
}

// stopped is a writer that has ended.
func stopped(t *testing.T, n *node) *ingest.Ingest {
	t.Helper()
	in := ingest.New(ingest.Config{Store: n.store, View: n.desk.View()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := in.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return in
}

// A restored node does not know what was published after its backup. When that
// has come back from the others it is not published again: not by who asks then,
// and not by a draft that was waiting for it.
func TestRestoredPublishesNothingTwice(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	publish(t, n, wanting(8))
	n.stop()
	backup := t.TempDir()
	must(t, os.CopyFS(backup, os.DirFS(n.dir)))
	n.start()
	var lost []desk.Receipt
	var raws [][]byte
	for i := 1; i <= 2; i++ {
		r, err := n.desk.Publish(within(t), wanting(i), under("k"+string(rune('0'+i))))
		must(t, err)
		raw, err := n.store.Range(r.Log, r.Seq, 1, 1<<20)
		must(t, err)
		lost, raws = append(lost, r), append(raws, raw...)
	}
	n.stop()
	n.dir = t.TempDir()
	must(t, os.CopyFS(n.dir, os.DirFS(backup)))
	for _, name := range []string{"keys.db", "body.db", "log.db", "local.db", "lists.db", "index.db"} {
		must(t, os.Chmod(filepath.Join(n.dir, name), 0o600))
	}
	n.close("waiting for own records")
	n.start()
	early := under("k1")
	early.NoWait = true
	waits, err := n.desk.Publish(within(t), wanting(1), early)
	must(t, err)
	if waits.Waiting == "" {
		t.Fatalf("receipt %+v", waits)
	}
	for _, raw := range raws {
		rec, err := verify.Open(raw, n.net.view, time.Now())
		must(t, err)
		_, err = n.ingest.Submit(within(t), rec)
		must(t, err)
	}
	for i, key := range []string{"", "k2", "k3"} {
		_, err := n.desk.Publish(within(t), wanting(2), under(key))
		conflict(t, err, lost[1].ID.String())
		if t.Failed() {
			t.Fatalf("request %d", i)
		}
	}
	n.close("")
	ctx := within(t)
	for {
		items, err := n.desk.Outbox()
		must(t, err)
		if len(items) == 1 && items[0].Fault != "" {
			if !strings.Contains(items[0].Fault, lost[0].ID.String()) {
				t.Errorf("the draft does not say which record it repeats: %q", items[0].Fault)
			}
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("outbox: %+v, %d records", items, n.store.Last())
		case <-time.After(time.Millisecond):
		}
	}
	_, err = n.desk.Publish(within(t), wanting(1), under("k1"))
	conflict(t, err, lost[0].ID.String())
	if head, _ := n.store.Head(n.key.Public()); head.Size != 3 {
		t.Errorf("%d own records, want 3", head.Size)
	}
}

// Two retractions of one record at once are one, also while the first waits.
func TestRetractedOnce(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	r := publish(t, n, wanting(1))
	var wg sync.WaitGroup
	var done, refused int
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			_, err := n.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error"}, "op")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if errors.Is(err, desk.ErrConflict) {
				refused++
			}
		})
	}
	wg.Wait()
	if done != 1 || refused != 7 || n.store.Last() != 2 {
		t.Errorf("%d retracted, %d refused, %d records", done, refused, n.store.Last())
	}
	second := publish(t, n, wanting(2))
	inVirtualWait(t, n, func(ctx context.Context) {
		_, err := n.desk.Retract(ctx, second.ID, ct.Retraction{Reason: "error"}, "op")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("behind a closed gate: %v", err)
		}
	})
	_, err := n.desk.Retract(within(t), second.ID, ct.Retraction{Reason: "error"}, "op")
	conflict(t, err, "waits in the outbox already")
}

// inVirtualWait closes the gate and ends fn's context when its draft waits.
func inVirtualWait(t *testing.T, n *node, fn func(context.Context)) {
	t.Helper()
	n.close("wait")
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { fn(ctx) })
	waitOutbox(t, n, 1)
	cancel()
	wg.Wait()
}
