package store_test

import (
	"testing"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// judgedRows reads what arrived after a cursor: each record once, and what is said of it.
func judgedRows(w *world, s *store.Store, after uint64) map[ct.ID]store.Row {
	w.tb.Helper()
	out := map[ct.ID]store.Row{}
	for {
		rows, err := s.Read(after, 7, true)
		w.ok(err)
		if len(rows) == 0 {
			return out
		}
		for _, row := range rows {
			if _, twice := out[row.ID]; twice {
				w.tb.Fatalf("record %d is given twice", row.Header.Seq)
			}
			after, out[row.ID] = row.Cursor, row
		}
	}
}

// Rules that change judge again what is held, in steps that a restart may cut: what
// is understood now arrives as if it came now, once, and what no longer is, too. What
// has the same judgement stays where it was.
func TestJudgedAgain(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	w.ok(s.Close())
	cfg.Rules = 1
	s = w.reopen(cfg)
	a := w.authors[uto]
	var notes []verify.Record
	for range 40 {
		notes = append(notes, a.notify(20))
	}
	hidden, bare, erased := notes[3], notes[5], notes[7]
	address := a.record(ct.KindAddress, []byte("no addresses"))
	for i, rec := range notes {
		if i == 5 {
			rec = w.bare(rec)
		}
		w.append(s, rec)
	}
	w.append(s, address, a.retract(ref(hidden)))
	w.ok(s.Erase([]ct.Ref{ref(erased)}, store.BodyExpired))
	if left := s.Judging().Left(); left != 0 {
		t.Fatalf("%d records of this version's own are to be judged again", left)
	}
	before := s.Last()

	// Rules of the next version, which reads the notifications and no addresses.
	understands := func(h *wire.Header, body []byte) (verify.Reason, bool) {
		if ct.Kind(h.Kind) == ct.KindAddress {
			return verify.UnsupportedKind, true
		}
		return "", true
	}
	run := func(rules uint32, judge store.Judge) (changed int) {
		t.Helper()
		w.ok(s.Close())
		cfg.Rules = rules
		s = w.reopen(cfg)
		for left := s.Judging().Left(); left > 0; left = s.Judging().Left() {
			n, err := s.JudgeAgain(9, judge)
			w.ok(err)
			changed += n
			if s.Judging().Left() >= left {
				t.Fatalf("%d are left after %d", s.Judging().Left(), left)
			}
			w.ok(s.Close()) // what was done is not done again
			if s = w.reopen(cfg); s.Judging().Left() >= left {
				t.Fatalf("%d are left after a restart, %d before the step", s.Judging().Left(), left)
			}
		}
		checkStore(t, w, s)
		return changed
	}
	if n, want := run(2, understands), len(notes)-2+1; n != want { // not the bare and the erased one
		t.Errorf("%d judgements have changed, want %d", n, want)
	}
	news := judgedRows(w, s, before)
	for _, rec := range notes {
		row, ok := news[rec.ID()]
		switch id := rec.ID(); {
		case id == bare.ID() || id == erased.ID():
			if ok {
				t.Errorf("record %d arrives again and nobody can read it", rec.Header().Seq)
			}
		case !ok || row.Inadmissible != "":
			t.Errorf("record %d: arrived %v, %q", rec.Header().Seq, ok, row.Inadmissible)
		case (id == hidden.ID()) == row.HiddenBy.IsZero():
			t.Errorf("record %d: hidden by %s", rec.Header().Seq, row.HiddenBy.Short())
		}
	}
	if row := news[address.ID()]; row.Inadmissible != verify.UnsupportedKind {
		t.Errorf("what is no longer understood: %q", row.Inadmissible)
	}
	if len(news) != len(notes)-2+1 {
		t.Errorf("%d records arrive again", len(news))
	}
	if n := run(2, understands); n != 0 {
		t.Errorf("the same rules change %d judgements", n)
	}

	// Back again: by the rules that took the records in all is as it was.
	if n, want := run(1, func(h *wire.Header, body []byte) (verify.Reason, bool) { return verify.Again(h, body, w.view) }), len(notes)-2+1; n != want {
		t.Errorf("%d judgements have changed back, want %d", n, want)
	}
	for _, row := range judgedRows(w, s, 0) {
		if want := verify.BodyNotDecodable; ct.Kind(row.Header.Kind) == ct.KindNotification && row.Header.Seq != bare.Header().Seq && row.Inadmissible != want {
			t.Errorf("record %d: %q, want %q", row.Header.Seq, row.Inadmissible, want)
		}
	}
	checkFiles(t, s, cfg)
}

// A RETRACT that other rules do not take for one acts no more, and acts again under
// those that do; a record of a kind that nobody knows yet is hidden like any other.
func TestJudgedAgainRetracts(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	note, later := a.notify(20), a.record(200, []byte("of a later version"))
	one, two := a.retract(ref(note)), a.retract(ref(later))
	w.append(s, note, later, one, two)
	both := func(want bool) {
		t.Helper()
		for _, rec := range []verify.Record{note, later} {
			if _, ok := s.Hidden(rec.ID()); ok != want {
				t.Errorf("kind %d is hidden: %v, want %v", rec.Header().Kind, ok, want)
			}
		}
	}
	both(true)
	for i, why := range []verify.Reason{verify.UnknownPriority, ""} {
		before := s.Last()
		w.ok(s.Close())
		cfg.Rules = uint32(i) + 1
		s = w.reopen(cfg)
		for s.Judging().Left() > 0 {
			_, err := s.JudgeAgain(2, func(h *wire.Header, body []byte) (verify.Reason, bool) {
				if ct.Kind(h.Kind) == ct.KindRetract {
					return why, true
				}
				return verify.Again(h, body, w.view)
			})
			w.ok(err)
		}
		both(why == "")
		if news := judgedRows(w, s, before); len(news) != 4 && why != "" || len(news) != 2 && why == "" {
			t.Errorf("retractions that are %q: %d records arrive again", why, len(news))
		}
		checkStore(t, w, s)
	}
	checkFiles(t, s, cfg)
}
