package store_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

func TestErase(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := w.interleave(w.authors[uto].notifyMany(300, 200), w.authors[isl].notifyMany(300, 200))
	for i := 0; i < len(recs); i += 20 {
		w.append(s, recs[i:i+20]...)
	}
	gone := recs[100:110]
	var refs []ct.Ref
	for _, r := range gone {
		refs = append(refs, ref(r))
		scan(t, cfg.Dir, r.Salt(), true)
	}
	w.ok(s.Erase(refs, store.BodyLocal))
	checkStore(t, w, s)
	for _, r := range gone {
		scan(t, cfg.Dir, r.Salt(), false)
	}
	scan(t, cfg.Dir, recs[99].Salt(), true)

	if n, err := s.FillBodies(gone); n != 0 || err != nil {
		t.Fatalf("a tombstoned body came back: %d, %v", n, err)
	}
	row, err := s.Get(gone[0].Header().Log, gone[0].Header().Seq)
	w.ok(err)
	if row.BodyState != store.BodyLocal || row.Body != nil {
		t.Fatalf("row: %v, %d bytes", row.BodyState, len(row.Body))
	}
	raw, err := s.Range(gone[0].Header().Log, gone[0].Header().Seq, 1, wire.MaxRecord)
	w.ok(err)
	if w.open(raw[0]).HasBody() {
		t.Fatal("an erased body is served")
	}
	if len(s.MissingBodies(10)) != 0 {
		t.Fatal("an erased body is wanted")
	}

	// What was appended to the exchanged file is as durable as before.
	more := w.authors[uto].notifyMany(5, 10)
	w.append(s, more...)
	w.ok(s.CompactBodies())
	w.ok(s.CompactBodies())
	checkStore(t, w, s)
	w.ok(s.Close())
	s = w.reopen(cfg)
	checkStore(t, w, s)
	for _, r := range gone {
		scan(t, cfg.Dir, r.Salt(), false)
	}
	if r := checkFiles(t, s, cfg); r.Erased != len(gone) || r.Bodies != len(recs)+len(more)-len(gone) {
		t.Fatalf("check counted %+v", r)
	}
}

func TestEraseReasons(t *testing.T) {
	w := newWorld(t, uto)
	s, _ := w.create()
	rec := w.authors[uto].notify(10)
	w.append(s, rec, w.authors[uto].notify(10))
	for _, step := range []struct{ why, want store.BodyState }{
		{store.BodyExpired, store.BodyExpired},
		{store.BodyLocal, store.BodyLocal},
		{store.BodyRetracted, store.BodyRetracted},
		{store.BodyExpired, store.BodyRetracted},
		{store.BodyLocal, store.BodyRetracted},
	} {
		w.ok(s.Erase([]ct.Ref{ref(rec)}, step.why))
		row, err := s.At(1)
		w.ok(err)
		if row.BodyState != step.want {
			t.Fatalf("erased as %v: %v, want %v", step.why, row.BodyState, step.want)
		}
	}
	unheld := w.authors[uto].notify(10)
	wrong := ref(rec)
	wrong.ID[0] ^= 1
	good, err := s.At(2)
	w.ok(err)
	named := ct.Ref{Log: good.Header.Log, Seq: good.Header.Seq, ID: good.ID}
	if err := s.Erase([]ct.Ref{named}, store.BodyMissing); err == nil {
		t.Error("missing is no reason")
	}
	if after, err := s.At(2); err != nil || after.BodyState != store.BodyHeld {
		t.Errorf("%v, %v", after.BodyState, err)
	}
	// What cannot be erased keeps no other's body.
	w.ok(s.Erase([]ct.Ref{wrong, ref(unheld), {Seq: 1}, named}, store.BodyExpired))
	if after, err := s.At(2); err != nil || after.BodyState != store.BodyExpired {
		t.Errorf("beside records that are not held: %v, %v", after.BodyState, err)
	}
	if after, err := s.At(1); err != nil || after.BodyState != store.BodyRetracted {
		t.Errorf("of another id: %v, %v", after.BodyState, err)
	}
	checkStore(t, w, s)
}

func TestRetractHidesInAnyOrder(t *testing.T) {
	type step func(w *world, s *store.Store, target, retract verify.Record)
	appendOne := func(which int) step {
		return func(w *world, s *store.Store, target, retract verify.Record) {
			w.append(s, []verify.Record{target, retract}[which])
		}
	}
	for _, c := range []struct {
		name  string
		by    ct.State
		steps []step
		hides bool
	}{
		{"target first", uto, []step{appendOne(0), appendOne(1)}, true},
		{"in one batch", uto, []step{func(w *world, s *store.Store, a, b verify.Record) { w.append(s, a, b) }}, true},
		{"retraction first, from the State's other log", "", []step{appendOne(1), appendOne(0)}, true},
		{"of another State, target first", isl, []step{appendOne(0), appendOne(1)}, false},
		{"of another State, retraction first", isl, []step{appendOne(1), appendOne(0)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, uto, isl)
			s, cfg := w.create()
			w.append(s, w.authors[isl].notify(10))
			target := w.authors[uto].notify(100)
			var retract verify.Record
			if c.by == "" {
				retract = w.secondLog(uto).retract(ref(target))
			} else {
				retract = w.authors[c.by].retract(ref(target))
			}
			for _, do := range c.steps {
				do(w, s, target, retract)
				checkStore(t, w, s)
			}
			by, hidden := s.Hidden(target.ID())
			if hidden != c.hides || hidden && by != retract.ID() {
				t.Fatalf("hidden %v by %s, want %v", hidden, by.Short(), c.hides)
			}
			row, err := s.Get(target.Header().Log, target.Header().Seq)
			w.ok(err)
			if (row.Body == nil) != c.hides {
				t.Fatalf("body shown: %v", row.Body != nil)
			}
			raw, err := s.Range(target.Header().Log, target.Header().Seq, 1, wire.MaxRecord)
			w.ok(err)
			if w.open(raw[0]).HasBody() == c.hides {
				t.Fatal("peers get what is hidden, or do not get what is not")
			}
			due, err := s.DueRetractions(time.Now().Add(48*time.Hour), 24*time.Hour, 10)
			w.ok(err)
			if (len(due) == 1) != c.hides {
				t.Fatalf("due: %v", due)
			}
			checkFiles(t, s, cfg)
		})
	}
}

// A member may name the id of a foreign record beside a place in its own log.
func TestRetractWithALyingRef(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, _ := w.create()
	victim := w.authors[uto].notify(100)
	own := w.authors[isl].notify(100)
	lie := ref(own)
	lie.ID = victim.ID()
	ahead := lie
	ahead.Seq = 1 << 40
	w.append(s, victim, own, w.authors[isl].retract(lie), w.authors[isl].retract(ahead))
	for _, r := range []verify.Record{victim, own} {
		if by, ok := s.Hidden(r.ID()); ok {
			t.Fatalf("hidden by %s", by.Short())
		}
	}
	checkStore(t, w, s)
}

// verify cannot see that a retraction is of another State's log while the
// roster does not know that log. The store can, as soon as it holds it.
func TestRetractOfALogNotYetKnown(t *testing.T) {
	for _, first := range []string{"target", "retraction"} {
		w := newWorld(t, uto, isl)
		s, _ := w.create()
		before := w.view
		newcomer := w.delegate(uto)
		target := newcomer.notify(100)
		known := w.view
		w.view = before
		foreign := w.authors[isl].retract(ref(target))
		own := w.authors[uto].retract(ref(target))
		w.view = known
		if foreign.Inadmissible() != "" {
			t.Fatalf("the test is pointless: %s", foreign.Inadmissible())
		}
		if first == "target" {
			w.append(s, target, foreign)
		} else {
			w.append(s, foreign, target)
		}
		if by, ok := s.Hidden(target.ID()); ok {
			t.Fatalf("%s first: hidden by %s of another State", first, by.Short())
		}
		checkStore(t, w, s)
		w.append(s, own)
		if by, ok := s.Hidden(target.ID()); !ok || by != own.ID() {
			t.Fatalf("%s first: not hidden by its own State", first)
		}
		checkStore(t, w, s)
	}
}

func TestDueRetractions(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, uto)
		s, cfg := w.create()
		a := w.authors[uto]
		recs := a.notifyMany(4, 100)
		w.append(s, recs...)
		const grace = 24 * time.Hour
		w.append(s, a.retract(ref(recs[0])))
		time.Sleep(time.Hour)
		w.append(s, a.retract(ref(recs[1])), a.retract(ref(recs[0]))) // a second retraction changes nothing

		due := func() []ct.Ref {
			t.Helper()
			refs, err := s.DueRetractions(time.Now(), grace, 10)
			w.ok(err)
			return refs
		}
		if got := due(); len(got) != 0 {
			t.Fatalf("due at once: %v", got)
		}
		time.Sleep(grace - time.Hour)
		if got := due(); len(got) != 1 || got[0] != ref(recs[0]) {
			t.Fatalf("due after the grace: %v", got)
		}
		time.Sleep(time.Hour)
		got := due()
		if len(got) != 2 {
			t.Fatalf("due later: %v", got)
		}
		w.ok(s.Erase(got[:1], store.BodyExpired)) // another reason is not the end of it
		if len(due()) != 2 {
			t.Fatal("expired ones are to be retracted too")
		}
		w.ok(s.Erase(got, store.BodyRetracted))
		if left := due(); len(left) != 0 {
			t.Fatalf("due after erasing: %v", left)
		}
		if row, err := s.At(1); err != nil || row.BodyState != store.BodyRetracted || row.HiddenBy.IsZero() {
			t.Fatalf("%v %v", row.BodyState, err)
		}
		checkStore(t, w, s)
		checkFiles(t, s, cfg)
	})
}

// A RETRACT acts by its header: a body that comes late and is none, or comes at
// once, changes nothing, also when the target has been erased meanwhile.
func TestRetractActsByItsHeader(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newWorld(t, uto)
		s, cfg := w.create()
		a := w.authors[uto]
		target := a.notify(100)
		bad := a.record(ct.KindRetract, []byte("no retraction at all"), ref(target))
		if bad.Inadmissible() == "" {
			t.Fatal("the retraction should not be in order")
		}
		if late {
			w.append(s, target, w.bare(bad))
		} else {
			w.append(s, target, bad)
		}
		if by, ok := s.Hidden(target.ID()); !ok || by != bad.ID() {
			t.Fatal("it does not hide")
		}
		due, err := s.DueRetractions(time.Now().Add(time.Hour), 0, 10)
		w.ok(err)
		w.ok(s.Erase(due, store.BodyRetracted))
		if late {
			if n, err := s.FillBodies([]verify.Record{bad}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if row, err := s.Get(a.key.Public(), 1); err != nil || row.BodyState != store.BodyRetracted || row.HiddenBy != bad.ID() {
			t.Fatalf("%s, hidden by %s, %v", row.BodyState, row.HiddenBy.Short(), err)
		}
		checkStore(t, w, s)
		checkFiles(t, s, cfg)
	}
}

// What is wrong with its header takes a RETRACT its effect.
func TestInadmissibleRetractDoesNotHide(t *testing.T) {
	w := newWorld(t, uto)
	s, _ := w.create()
	a := w.authors[uto]
	target := a.notify(100)
	salt, body := w.salt(), []byte("no matter")
	h := a.header(ct.KindRetract, salt, body, ref(target))
	h.Expires = h.Issued
	bad := w.open(a.sign(h, salt, body))
	if why := bad.Inadmissible(); why != verify.ExpiryFirst {
		t.Fatal(why)
	}
	w.append(s, target, bad)
	if _, ok := s.Hidden(target.ID()); ok {
		t.Fatal("hidden by a record that is not in order")
	}
	checkStore(t, w, s)
}

// Two neighbours that have rotted, so that nobody knows which records they are, keep
// no other's body; when they are whole again they are erased like all.
func TestEraseBesideRot(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(6, 100)
	w.append(s, recs...)
	w.ok(s.Close())
	for _, seq := range []uint64{3, 4} {
		tamper(t, cfg, "log.db", func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("hdr"))
			v := bytes.Clone(b.Get(at(seq)))
			v[40] ^= 1
			return b.Put(at(seq), v)
		})
	}
	s = w.reopen(cfg)
	var refs []ct.Ref
	for _, r := range recs {
		refs = append(refs, ref(r))
	}
	w.ok(s.Erase(refs, store.BodyExpired))
	for _, seq := range []uint64{1, 2, 5, 6} {
		if row, err := s.Get(recs[0].Header().Log, seq); err != nil || row.BodyState != store.BodyExpired {
			t.Errorf("record %d: %v, %v", seq, row.BodyState, err)
		}
	}
	for range 2 {
		_, err := s.Mend(recs)
		w.ok(err)
	}
	w.ok(s.Erase(refs, store.BodyExpired))
	if n, err := s.Salts(); n != 0 || err != nil {
		t.Errorf("%d salts are left, %v", n, err)
	}
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}

// Writers get their turn while many are erased.
func TestEraseLetsWritersIn(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(4000, 50)
	w.append(s, recs...)
	more := w.authors[isl].notifyMany(400, 50)
	var refs []ct.Ref
	for _, r := range recs {
		refs = append(refs, ref(r))
	}
	done := make(chan error, 1)
	go func() { done <- s.Entomb(refs, store.BodyExpired) }()
	meanwhile := 0
	for {
		select {
		case err := <-done:
			w.ok(err)
			if meanwhile < 5 {
				t.Errorf("%d appends while 4,000 were erased", meanwhile)
			}
			t.Logf("%d appends while 4,000 were erased", meanwhile)
			_, err = s.EraseTraces()
			w.ok(err)
			checkFiles(t, s, cfg)
			return
		default:
		}
		if meanwhile < len(more) {
			w.append(s, more[meanwhile])
			meanwhile++
		}
	}
}

// What an inadmissible record says of its own end binds nobody for ever.
func TestBodiesEnd(t *testing.T) {
	const month = 30 * 24 * time.Hour
	issued := ct.MillisOf(created)
	for _, c := range []struct{ expires, want ct.Millis }{
		{issued + 5, issued + 5},
		{issued + ct.Millis(month.Milliseconds()), issued + ct.Millis(month.Milliseconds())},
		{1<<63 - 1, issued + ct.Millis(month.Milliseconds())},
		{issued - 5, issued - 5},
	} {
		row := store.Row{Header: wire.Header{Issued: issued, Expires: c.expires}}
		if got := row.Ends(month); got != c.want {
			t.Errorf("expires %d: ends %d, want %d", c.expires, got, c.want)
		}
		if got := row.Ends(0); got != c.expires {
			t.Errorf("without a policy: %d", got)
		}
	}
	row := store.Row{Header: wire.Header{Issued: 1<<63 - 1, Expires: 1<<63 - 1}}
	if got := row.Ends(month); got != 1<<63-1 {
		t.Errorf("at the end of time: %d", got)
	}
}
