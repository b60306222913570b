package feed_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// world is an exercise network whose members sign real records into one
// node's real store and index.
type world struct {
	t     testing.TB
	m     *sim.Members
	store *store.Store
	index *index.Index
	feed  *feed.Feed
	gen   *synth.Gen
	logs  map[int]*log
}

// log is how far a member's node log is written.
type log struct{ at wire.Next }

const seed = 11

func newWorld(t testing.TB, members int) *world {
	t.Helper()
	t.Logf("seed %d", seed)
	m, err := sim.NewMembers(members, seed, time.Now().Add(-30*24*time.Hour))
	must(t, err)
	w := &world{t: t, m: m, gen: synth.New(seed), logs: map[int]*log{}}
	dir := t.TempDir()
	cfg := store.Config{Dir: dir, Key: keys.Storage{1}, Network: m.View.Network()}
	must(t, store.Create(cfg))
	w.store, err = store.Open(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	w.index, err = index.Open(index.Config{Path: filepath.Join(dir, "index.db"), Key: [32]byte{2}})
	must(t, err)
	t.Cleanup(func() { must(t, w.index.Close()) })
	w.feed = feed.New(feed.Config{Store: w.store, Index: w.index, View: func() *roster.View { return m.View }})
	for i, k := range m.Nodes {
		right, ok := m.View.Right(k.Public())
		if !ok {
			t.Fatalf("the roster does not know node %d", i)
		}
		w.logs[i] = &log{at: wire.First(right.First)}
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sign makes the next record of member i; change may alter its header.
func (w *world) sign(i int, kind ct.Kind, topic ct.Topic, body []byte, change func(*wire.Header)) verify.Record {
	w.t.Helper()
	l := w.logs[i]
	h := sim.Header(w.m.View.Network(), w.m.Nodes[i].Public(), topic, time.Now())
	h.Kind = uint32(kind)
	l.at.Put(&h, w.m.View.Line(h.Log))
	if change != nil {
		change(&h)
		h.Offset = max(l.at.End, w.m.View.Line(h.Log).At(h.Issued))
	}
	rec, err := sim.Sign(w.m.Nodes[i], w.m.View, h, body)
	must(w.t, err)
	l.at = rec.Next()
	l.at.Issued = 0 // each is dated as its test asks
	return rec
}

// notify makes a valid notification of member i, issued at a time for a life.
func (w *world) notify(i int, topic ct.Topic, issued time.Time, life time.Duration) verify.Record {
	w.t.Helper()
	n := w.gen.Notification(topic, issued)
	ends := ct.MillisOf(issued.Add(life))
	n.Retention = ct.Retention{
		PurposeDate: issued.UTC().Format(time.DateOnly), ReviewDate: issued.UTC().Format(time.DateOnly), Expires: ends.String(),
	}
	body, err := wire.EncodeNotification(n)
	must(w.t, err)
	rec := w.sign(i, ct.KindNotification, topic, body, func(h *wire.Header) {
		h.Issued, h.Expires, h.Priority, h.TLP = ct.MillisOf(issued), ends, uint32(n.Priority), uint32(n.TLP)
	})
	if rec.Inadmissible() != "" {
		w.t.Fatalf("the notification is inadmissible: %s", rec.Inadmissible())
	}
	return rec
}

// plain is a notification of now that lives a day.
func (w *world) plain(i int, topic ct.Topic) verify.Record {
	return w.notify(i, topic, time.Now(), 24*time.Hour)
}

// many are short records of member i: travel notifications whose body says nothing.
func (w *world) many(i, n int) []verify.Record {
	out := make([]verify.Record, n)
	for k := range out {
		out[k] = w.sign(i, ct.KindNotification, ct.TopicTravel, []byte("x"), nil)
	}
	return out
}

// address makes an ADDRESS statement of member i.
func (w *world) address(i int, serial uint64) verify.Record {
	w.t.Helper()
	body, err := wire.EncodeAddresses(&ct.Addresses{Serial: serial, Addrs: []string{"/ip4/192.0.2.1/tcp/4001"}})
	must(w.t, err)
	return w.sign(i, ct.KindAddress, ct.TopicControl, body, nil)
}

// retract makes a retraction by member i.
func (w *world) retract(i int, target verify.Record) verify.Record {
	w.t.Helper()
	body, err := wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
	must(w.t, err)
	h := target.Header()
	return w.sign(i, ct.KindRetract, ct.Topic(h.Topic), body, func(own *wire.Header) {
		own.Refs = []ct.Ref{{Log: h.Log, Seq: h.Seq, ID: target.ID()}}
	})
}

// bare is a record without its body.
func (w *world) bare(rec verify.Record) verify.Record {
	w.t.Helper()
	raw := wire.Encode(&wire.Envelope{HeaderBytes: rec.HeaderBytes(), Alg: rec.Alg(), Sig: rec.Sig()})
	out, err := verify.Open(raw, w.m.View, time.Now())
	must(w.t, err)
	return out
}

func (w *world) append(recs ...verify.Record) {
	w.t.Helper()
	_, err := w.store.Append(recs)
	must(w.t, err)
}

func (w *world) fill(recs ...verify.Record) {
	w.t.Helper()
	n, err := w.store.FillBodies(recs)
	if err != nil || n != len(recs) {
		w.t.Fatalf("filled %d of %d bodies: %v", n, len(recs), err)
	}
}

// follow brings the index up to the store.
func (w *world) follow() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.index.Follow(ctx, index.Source{
			Wait: w.store.Wait, Read: w.store.Read, Hidden: w.store.Hidden,
			Lists:     func(after uint64, _ int) ([]index.Change, uint64, error) { return nil, after, nil },
			WaitLists: func(ctx context.Context, _ uint64) error { <-ctx.Done(); return ctx.Err() },
		})
	}()
	reach, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	err := w.index.Reach(reach, index.Cursors{Store: w.store.Last()})
	cancel()
	must(w.t, errors.Join(err, <-done))
}

// list is the whole feed under a filter, read in pages.
func (w *world) list(filter feed.Filter, page int) []ct.Entry {
	w.t.Helper()
	var out []ct.Entry
	for after := uint64(0); ; {
		entries, next, err := w.feed.List(filter, after, page)
		must(w.t, err)
		if len(entries) == 0 {
			return out
		}
		out, after = append(out, entries...), next
	}
}
