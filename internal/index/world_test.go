package index_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// world is an exercise network whose members sign real records into one
// node's real store, which an index follows.
type world struct {
	t     testing.TB
	m     *sim.Members
	store *store.Store
	index *index.Index
	path  string // of the index
	gen   *synth.Gen
	logs  map[int]*log
	lists *lists
}

// log is how far a member's node log is written.
type log struct{ at wire.Next }

const worldSeed = 12

func newWorld(t testing.TB, members int) *world {
	t.Helper()
	t.Logf("seed %d", worldSeed)
	m, err := sim.NewMembers(members, worldSeed, time.Now().Add(-30*24*time.Hour))
	must(t, err)
	dir := t.TempDir()
	w := &world{t: t, m: m, gen: synth.New(worldSeed), logs: map[int]*log{}, path: filepath.Join(dir, "index.db"), lists: newLists()}
	cfg := w.config()
	must(t, store.Create(cfg))
	w.store, err = store.Open(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, w.store.Close()) })
	w.index = openIndex(t, w.path)
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

// config is that of the store.
func (w *world) config() store.Config {
	return store.Config{Dir: filepath.Dir(w.path), Key: keys.Storage{1}, Network: w.m.View.Network()}
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

// about makes a valid notification of member i about a person; its life may
// already have ended.
func (w *world) about(i int, p *ct.Person, life time.Duration) verify.Record {
	w.t.Helper()
	issued := time.Now()
	if life < time.Hour {
		issued = issued.Add(-24 * time.Hour)
		life += 24 * time.Hour
	}
	n := w.gen.Notification(ct.TopicTravel, issued)
	ends := ct.MillisOf(issued.Add(life))
	n.Person.Names, n.Person.Births, n.Person.Documents = p.Names, p.Births, p.Documents
	n.Retention = ct.Retention{
		PurposeDate: issued.UTC().Format(time.DateOnly), ReviewDate: issued.UTC().Format(time.DateOnly), Expires: ends.String(),
	}
	body, err := wire.EncodeNotification(n)
	must(w.t, err)
	return w.sign(i, ct.KindNotification, ct.TopicTravel, body, func(h *wire.Header) {
		h.Issued, h.Expires, h.Priority, h.TLP = ct.MillisOf(issued), ends, uint32(n.Priority), uint32(n.TLP)
	})
}

func (w *world) retract(i int, target verify.Record) verify.Record {
	w.t.Helper()
	body, err := wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
	must(w.t, err)
	return w.sign(i, ct.KindRetract, ct.TopicTravel, body, func(h *wire.Header) { h.Refs = []ct.Ref{ref(target)} })
}

func (w *world) address(i int, serial uint64) verify.Record {
	w.t.Helper()
	body, err := wire.EncodeAddresses(&ct.Addresses{Serial: serial, Addrs: []string{"/ip4/192.0.2.1/tcp/4001"}})
	must(w.t, err)
	return w.sign(i, ct.KindAddress, ct.TopicControl, body, nil)
}

func (w *world) bare(rec verify.Record) verify.Record {
	w.t.Helper()
	raw := wire.Encode(&wire.Envelope{HeaderBytes: rec.HeaderBytes(), Alg: rec.Alg(), Sig: rec.Sig()})
	out, err := verify.Open(raw, w.m.View, rec.Header().Issued.Time())
	must(w.t, err)
	return out
}

func ref(r verify.Record) ct.Ref {
	return ct.Ref{Log: r.Header().Log, Seq: r.Header().Seq, ID: r.ID()}
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

// retention is the policy's.
const retention = 400 * 24 * time.Hour

func (w *world) source() index.Source {
	return index.Source{
		Wait: w.store.Wait, Read: w.store.Read, Hidden: w.store.Hidden,
		Retention: retention, Lists: w.lists.after, WaitLists: w.lists.wait, Last: w.reached, Behind: w.behind,
	}
}

// reached is where the sources are now.
func (w *world) reached() index.Cursors {
	return index.Cursors{Store: w.store.Last(), Lists: w.lists.last()}
}

// behind counts what follows cursors.
func (w *world) behind(c index.Cursors) (records, changes int) {
	last := w.reached()
	return int(last.Store - c.Store), int(last.Lists - c.Lists)
}

// follow runs Follow until the index has reached its sources.
func (w *world) follow() {
	w.t.Helper()
	w.following(func() {})
}

// following runs Follow while fn works, and until the index has caught up.
func (w *world) following(fn func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.index.Follow(ctx, w.source()) }()
	fn()
	reach, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	err := w.index.Reach(reach, w.reached())
	cancel()
	must(w.t, errors.Join(err, <-done))
}
