package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
)

// chained opens successive records of one log by their last signature, those
// of bad with a signature that a peer replaced.
func (w *world) chained(recs []verify.Record, bad ...int) []verify.Record {
	w.tb.Helper()
	raws := make([][]byte, len(recs))
	for i, r := range recs {
		raws[i] = r.Raw()
	}
	for _, i := range bad {
		e, err := wire.Decode(bytes.Clone(raws[i]))
		w.ok(err)
		e.Sig[5] ^= 1
		raws[i] = wire.Encode(e)
	}
	out, err := verify.OpenRange(raws, w.view, created.Add(time.Hour))
	w.ok(err)
	return out
}

// served reads a log as a peer would get it, in pieces of max, and wants each
// piece to prove itself.
func (w *world) served(s *store.Store, a *author, from uint64, max int) (got []int) {
	w.tb.Helper()
	for {
		raws, err := s.Range(a.key.Public(), from, max, 1<<20)
		if errors.Is(err, store.ErrNotFound) {
			return got
		}
		w.ok(err)
		recs, err := verify.OpenRange(raws, w.view, created.Add(time.Hour))
		if err != nil {
			w.tb.Fatalf("%d records from %d do not prove themselves: %v", len(raws), from, err)
		}
		got, from = append(got, len(recs)), from+uint64(len(recs))
	}
}

func (w *world) want(got []int, want ...int) {
	w.tb.Helper()
	if !slices.Equal(got, want) {
		w.tb.Fatalf("got %v, want %v", got, want)
	}
}

func (w *world) signed(s *store.Store, a *author, seq uint64, want bool) {
	w.tb.Helper()
	if got, err := s.Signed(a.key.Public(), seq); err != nil || got != want {
		w.tb.Fatalf("record %d signed: %v, %v", seq, got, err)
	}
}

func TestChained(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	a, b := w.authors[uto], w.authors[isl]
	recs, others := a.notifyMany(30, 100), b.notifyMany(20, 100)
	w.append(s, recs[:5]...)
	// Two ranges and single records between them; of the first range the
	// signatures of seq 8, 9 and 10 are bad.
	w.append(s, append(w.chained(recs[5:15], 2, 3, 4), w.chained(others)...)...)
	w.append(s, recs[15])
	w.append(s, w.chained(recs[16:])...)

	w.want(w.served(s, a, 1, 100), 30)
	w.want(w.served(s, a, 1, 9), 7, 9, 9, 5) // 8 to 10 end no piece
	w.want(w.served(s, a, 8, 3))             // and are no piece of their own
	w.signed(s, a, 7, true)
	w.signed(s, a, 8, false)
	w.signed(s, a, 30, true)

	s = reopened(w, s, cfg, 9+13+19, 0)
	if refs, err := s.Unsound(10); err != nil || len(refs) != 0 {
		t.Fatalf("bad before anything was checked: %v, %v", refs, err)
	}
	checked, bad := 0, 0
	for {
		left, err := s.Unchecked()
		if w.ok(err); left != uint64(9+13+19-checked) {
			t.Fatalf("%d checked, %d unchecked", checked, left)
		}
		n, m, err := s.Recheck(7)
		w.ok(err)
		if n == 0 {
			break
		}
		checked, bad = checked+n, bad+m
	}
	if checked != 9+13+19 || bad != 3 {
		t.Fatalf("%d checked, %d bad", checked, bad)
	}
	w.want(w.served(s, a, 1, 9), 7, 9, 9, 5)
	w.signed(s, a, 9, false)
	s = reopened(w, s, cfg, 0, 3)

	// Successive calls go round.
	var seqs []int
	for range 3 {
		refs, err := s.Unsound(2)
		w.ok(err)
		for _, r := range refs {
			seqs = append(seqs, int(r.Seq))
		}
	}
	w.want(seqs, 8, 9, 10, 8, 9, 10)

	// Only the good signature of the very record is taken.
	n, err := s.PutSignatures(append(w.chained(recs[5:15], 3)[:4], recs[0], others[3], a.w.secondLog(uto).notify(9)))
	if err != nil || n != 0 {
		t.Fatalf("%d replaced, %v", n, err)
	}
	n, err = s.PutSignatures([]verify.Record{recs[7], recs[9], recs[7]})
	if err != nil || n != 2 {
		t.Fatalf("%d replaced, %v", n, err)
	}
	w.want(w.served(s, a, 1, 9), 8, 9, 9, 4) // 9 is still bad
	s = reopened(w, s, cfg, 0, 1)
	n, err = s.PutSignatures(recs)
	if err != nil || n != 1 {
		t.Fatalf("%d replaced, %v", n, err)
	}
	w.want(w.served(s, a, 1, 1), slices.Repeat([]int{1}, 30)...)
	reopened(w, s, cfg, 0, 0)
}

// A body that comes with the good signature of a record brings that too.
func TestFillBringsASignature(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	recs := a.notifyMany(10, 100)
	bare := make([]verify.Record, len(recs))
	for i, rec := range recs {
		bare[i] = w.bare(rec)
	}
	w.append(s, w.chained(bare, 3, 4)...)
	_, bad, err := s.Recheck(100)
	if w.ok(err); bad != 2 {
		t.Fatalf("%d are bad", bad)
	}
	n, err := s.FillBodies(append(w.chained(recs[4:], 0), recs[3]))
	if err != nil || n != 7 {
		t.Fatalf("%d filled, %v", n, err)
	}
	w.signed(s, a, 4, true)
	w.signed(s, a, 5, false) // it came in a run
	reopened(w, s, cfg, 0, 1)
}

// reopened examines the closed files and opens them again.
func reopened(w *world, s *store.Store, cfg store.Config, chained, unsound int) *store.Store {
	w.tb.Helper()
	report := checkFiles(w.tb, s, cfg)
	if report.Chained != chained || report.Unsound != unsound {
		w.tb.Fatalf("%d chained, %d unsound, want %d and %d", report.Chained, report.Unsound, chained, unsound)
	}
	return w.reopen(cfg)
}

// A bad signature that nobody marked is a fault of the file.
func TestCheckFindsBadSignature(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	w.append(s, w.chained(w.authors[uto].notifyMany(10, 10), 4)...)
	for {
		if n, _, err := s.Recheck(100); err != nil || n == 0 {
			w.ok(err)
			break
		}
	}
	w.ok(s.ForgetUnsound())
	w.ok(s.Close())
	report, err := store.Check(cfg)
	w.ok(err)
	if len(report.Problems) != 1 {
		t.Fatalf("problems: %v", report.Problems)
	}
}
