package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// fork gives an author with the same key, who goes on from where a stands.
func (a *author) fork() *author {
	b := *a
	return &b
}

func (w *world) head(s *store.Store, log ct.LogID) store.Head {
	h, _ := s.Head(log)
	return h
}

// states counts all rows by what became of their bodies.
func states(s *store.Store) map[store.BodyState]int {
	out := map[store.BodyState]int{}
	for _, r := range readAll(s) {
		out[r.BodyState]++
	}
	return out
}

// What was signed after the record that a closing names goes: its content at
// once and for good, its header stays as evidence and arrives once more.
func TestCloseLog(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	a := w.authors[uto]
	recs := a.notifyMany(10, 400)
	w.append(s, w.interleave(recs, w.authors[isl].notifyMany(5, 100))...)
	before := s.Last()
	w.ok(s.CloseLog(a.key.Public(), 6, recs[5].ID()))

	h := w.head(s, a.key.Public())
	if h.Size != 6 || h.ID != recs[5].ID() || h.LastIssued != recs[5].Header().Issued || !h.Closed || h.Contested != 0 {
		t.Fatalf("head %+v", h)
	}
	checkStore(t, w, s)
	if got := states(s); got[store.BodyDisowned] != 4 || got[store.BodyHeld] != 11 {
		t.Fatalf("rows %v, want 4 disowned and 11 held", got)
	}
	rows, err := s.Read(before, 100, true)
	w.ok(err)
	if len(rows) != 4 {
		t.Fatalf("%d records arrived once more, want 4", len(rows))
	}
	for i, r := range rows {
		if r.ID != recs[6+i].ID() || r.BodyState != store.BodyDisowned || r.Body != nil || r.Header.Seq != uint64(7+i) {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	// By its old cursor it is found as what it is now.
	if r, err := s.At(rows[0].Cursor); err != nil || r.BodyState != store.BodyDisowned {
		t.Errorf("at its new cursor: %v, %v", r.BodyState, err)
	}
	if _, _, ok, err := s.Lookup(a.key.Public(), 7); ok || err != nil {
		t.Errorf("record 7 is held: %v, %v", ok, err)
	}
	if _, err := s.Range(a.key.Public(), 7, 10, 1<<20); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("record 7 is served: %v", err)
	}
	// An expiry that comes up for a disowned record stops no other one's.
	w.ok(s.Erase([]ct.Ref{ref(recs[8]), ref(recs[0])}, store.BodyExpired))
	// Once more changes nothing.
	last := s.Last()
	w.ok(s.CloseLog(a.key.Public(), 6, recs[5].ID()))
	if s.Last() != last {
		t.Error("a second call disowned more")
	}
	if r := checkFiles(t, s, cfg); r.Disowned != 4 {
		t.Errorf("check: %+v, want 4 disowned", r)
	}
	for _, name := range []string{"keys.db", "body.db"} {
		b, err := os.ReadFile(filepath.Join(cfg.Dir, name))
		w.ok(err)
		if name == "keys.db" && bytes.Contains(b, recs[7].Salt()) {
			t.Error("the salt of a disowned record is still in keys.db")
		}
	}
	s = w.reopen(cfg)
	if h := w.head(s, a.key.Public()); h.Size != 6 || !h.Closed {
		t.Errorf("after a restart: %+v", h)
	}
	checkStore(t, w, s)
}

// A log may be closed before anything of it counts, and before it is known.
func TestCloseLogAtItsBeginning(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	first := a.prev
	w.ok(s.CloseLog(a.key.Public(), 0, first))
	if _, ok := s.Head(a.key.Public()); ok {
		t.Error("an empty log became known")
	}
	w.append(s, a.notifyMany(3, 50)...)
	w.ok(s.CloseLog(a.key.Public(), 0, first))
	if h := w.head(s, a.key.Public()); h.Size != 0 || !h.ID.IsZero() || !h.Closed {
		t.Errorf("head %+v", h)
	}
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}

// On another branch than the closing's: nothing from its seq on counts, the
// rest waits for the common ancestor, and then the branch that holds comes in
// at the places of the other, with content.
func TestRewindToTheOtherBranch(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	common := a.notifyMany(5, 200)
	b := a.fork()
	ours, theirs := a.notifyMany(6, 200), b.notifyMany(8, 200)
	w.append(s, append(common, ours...)...)
	w.ok(s.PutForkHeld(theirs[0]))
	log := a.key.Public()
	w.ok(s.CloseLog(log, 10, theirs[4].ID()))
	if h := w.head(s, log); h.Size != 9 || h.Contested == 0 || !h.Closed {
		t.Fatalf("before the ancestor is known: %+v", h)
	}
	if _, err := s.Append(theirs[:1]); err == nil {
		t.Fatal("a record of another branch was appended")
	}
	w.ok(s.Rewind(log, 5))
	if h := w.head(s, log); h.Size != 5 || h.ID != common[4].ID() || h.Contested != 0 {
		t.Fatalf("at the ancestor: %+v", h)
	}
	w.append(s, theirs[:5]...)
	w.ok(s.CloseLog(log, 10, theirs[4].ID()))
	if h := w.head(s, log); h.Size != 10 || h.ID != theirs[4].ID() || !h.Closed || h.Contested != 0 {
		t.Fatalf("in the end: %+v", h)
	}
	checkStore(t, w, s)
	for i, r := range theirs[:5] {
		row, err := s.Get(log, uint64(6+i))
		if err != nil || !bytes.Equal(row.Body, r.Body()) {
			t.Errorf("record %d of the branch that holds: %v", 6+i, err)
		}
	}
	if got := states(s); got[store.BodyDisowned] != 6 || got[store.BodyHeld] != 10 {
		t.Errorf("rows %v", got)
	}
	if r := checkFiles(t, s, cfg); r.Forks != 1 || r.Disowned != 6 {
		t.Errorf("check: %+v", r)
	}
}

// A record whose body came late has two cursors; the older one, which names
// the place that it had, leads nobody astray.
func TestRewindOfAFilledRecord(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	common := a.notifyMany(1, 50)
	b := a.fork()
	late := a.notify(70)
	w.append(s, append(common, w.bare(late))...)
	n, err := s.FillBodies([]verify.Record{late})
	if err != nil || n != 1 {
		t.Fatalf("filled %d, %v", n, err)
	}
	w.ok(s.CloseLog(a.key.Public(), 1, common[0].ID()))
	if _, err := s.At(2); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the older cursor of a disowned record: %v", err)
	}
	checkStore(t, w, s)
	w.append(s, b.notify(90))
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}

// A disowned RETRACT has hidden nothing: what it hid is shown again and
// arrives once more, also where it was erased, and then it is wanted again.
func TestRewindUndoesRetractions(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a, other := w.authors[uto], w.secondLog(uto)
	targets := append(a.notifyMany(3, 100), other.notifyMany(1, 100)...)
	w.append(s, targets...)
	keep := a.seq
	keepID := a.prev
	before := other.retract(ref(targets[1])) // by another node, which stays
	w.append(s, before)
	thief := a.notify(100)
	w.append(s, thief)
	var retracts []verify.Record
	for _, x := range []verify.Record{targets[0], targets[1], targets[2], targets[3], thief} {
		retracts = append(retracts, a.retract(ref(x)))
	}
	retracts = append(retracts, a.retract(ref(targets[0]))) // a second one
	w.append(s, retracts...)
	w.ok(s.Erase([]ct.Ref{ref(targets[2])}, store.BodyRetracted))
	cursor := s.Last()
	w.ok(s.CloseLog(a.key.Public(), keep, keepID))
	checkStore(t, w, s)

	for i, want := range []struct {
		state  store.BodyState
		hidden bool
	}{{store.BodyHeld, false}, {store.BodyHeld, true}, {store.BodyMissing, false}, {store.BodyHeld, false}} {
		row, err := s.Get(targets[i].Header().Log, targets[i].Header().Seq)
		w.ok(err)
		if row.BodyState != want.state || row.HiddenBy.IsZero() == want.hidden {
			t.Errorf("target %d: %v, hidden by %s; want %+v", i, row.BodyState, row.HiddenBy.Short(), want)
		}
		if again := row.Cursor > cursor; again == want.hidden {
			t.Errorf("target %d arrived once more: %v", i, again)
		}
	}
	if due, err := s.DueRetractions(time.Now().Add(time.Hour), 0, 10); err != nil || len(due) != 1 || due[0] != ref(targets[1]) {
		t.Errorf("due: %v, %v; want the one that another node has retracted", due, err)
	}
	if n, err := s.FillBodies(targets); err != nil || n != 1 {
		t.Errorf("filled %d, %v; want the one that was erased", n, err)
	}
	// A RETRACT that comes later hides again, and none reaches what is aside.
	w.append(s, other.retract(ref(targets[0])))
	w.append(s, other.record(ct.KindRetract, retracts[0].Body(), ct.Ref{Log: a.key.Public(), Seq: 1<<63 | 1, ID: thief.ID()}))
	if _, hidden := s.Hidden(targets[0].ID()); !hidden {
		t.Error("a later retraction does not hide")
	}
	if _, hidden := s.Hidden(thief.ID()); hidden {
		t.Error("a disowned record was retracted")
	}
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}

// Ranges that a later, now disowned signature proved are cut; the closing
// vouches for what is left of them, and their own signatures are checked still.
func TestRewindCutsRanges(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	recs := a.notifyMany(20, 60)
	w.append(s, w.chained(recs[:10], 2, 7)...)
	w.append(s, w.chained(recs[10:], 4)...)
	log := a.key.Public()
	jobs := 0
	w.ok(s.CloseLog(log, 8, recs[7].ID()))
	for {
		n, bad, err := s.Recheck(3)
		w.ok(err)
		if n == 0 {
			break
		}
		jobs += n
		_ = bad
	}
	if jobs != 8 {
		t.Errorf("%d signatures checked, want 8", jobs)
	}
	refs, err := s.Unsound(10)
	w.ok(err)
	if len(refs) != 2 || refs[0].Seq != 3 || refs[1].Seq != 8 {
		t.Errorf("unsound: %v", refs)
	}
	checkFiles(t, s, cfg)
}

// A process that is killed in the middle of a rewind leaves a whole log, and
// the next call ends where the first would have.
func TestKillInARewind(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, uto, isl)
	base := t.TempDir()
	cfg := w.config(filepath.Join(base, "data"))
	a := w.authors[uto]
	recs := a.notifyMany(200, 100)
	recs = append(recs, a.retract(ref(recs[10])))
	recs = append(recs, a.notifyMany(2*store.MaxBatch+500, 20)...) // three commits
	w.ok(saveRecords(recs[:100], filepath.Join(base, "records")))
	whole := w.config(filepath.Join(base, "whole"))
	w.ok(store.Create(whole))
	s := w.reopen(whole)
	for from := 0; from < len(recs); from += store.MaxBatch {
		w.append(s, w.chained(recs[from:min(from+store.MaxBatch, len(recs))])...) // as catch-up brings them
	}
	w.ok(s.Close())
	t.Setenv("HERALD_KILL_REWIND", "1")
	killed, partly := 0, 0
	for round := range rounds(t, 4) {
		w.ok(os.RemoveAll(cfg.Dir))
		w.ok(os.CopyFS(cfg.Dir, os.DirFS(whole.Dir)))
		// At once after one of the first two commits, or some time after the start.
		wait, after := 2+round%2, time.Duration(rng.IntN(30_000))*time.Microsecond
		if round%4 == 3 {
			wait, after = 1, time.Duration(rng.IntN(600_000))*time.Microsecond
		}
		_, done := killAfter(t, cfg.Dir, wait, after)
		if !done {
			killed++
		}
		s = w.reopen(cfg)
		h := w.head(s, a.key.Public())
		if h.Size != uint64(len(recs)) && h.Size != 100 {
			partly++
		}
		w.ok(s.Close())
		if r, err := store.Check(cfg); err != nil || !r.OK() {
			t.Fatalf("round %d, after the kill: %v %v", round, r.Problems, err)
		}
		s = w.reopen(cfg)
		w.ok(s.CloseLog(a.key.Public(), 100, recs[99].ID()))
		if h := w.head(s, a.key.Public()); h.Size != 100 || h.ID != recs[99].ID() || !h.Closed {
			t.Fatalf("round %d: %+v", round, h)
		}
		if row, err := s.Get(a.key.Public(), 11); err != nil || !row.HiddenBy.IsZero() || row.BodyState != store.BodyHeld {
			t.Fatalf("round %d: the retracted record: %v hidden by %s, %v", round, row.BodyState, row.HiddenBy.Short(), err)
		}
		if got := states(s); got[store.BodyHeld] != 100 || got[store.BodyDisowned] != len(recs)-100 {
			t.Fatalf("round %d: rows %v", round, got)
		}
		checkFiles(t, s, cfg)
	}
	t.Logf("%d killed, %d of them in the middle", killed, partly)
	if partly == 0 {
		t.Error("no kill hit the middle of a rewind: nothing was tried")
	}
}

// rewindChild closes the log of TestKillInARewind, whose first records lie beside
// the store, and has the store say each commit in a line: the parent kills by them.
func rewindChild(dir string) error {
	w := newWorld(childTB{}, uto, isl)
	raws, err := loadRecords(filepath.Join(dir, "..", "records"))
	if err != nil {
		return err
	}
	cfg := w.config(dir)
	cfg.Log = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := store.Open(cfg)
	if err != nil {
		return err
	}
	fmt.Println("opened")
	last := w.open(raws[len(raws)-1])
	if err := s.CloseLog(last.Header().Log, last.Header().Seq, last.ID()); err != nil {
		return err
	}
	fmt.Println("done")
	return s.Close()
}

// A RETRACT that has rotted is disowned like any other: what it hid is shown.
func TestRottenRetractIsDisowned(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	a, thief := w.authors[uto], w.secondLog(uto)
	recs := a.notifyMany(3, 20)
	w.append(s, recs...)
	w.append(s, thief.retract(ref(recs[1])))
	w.ok(s.Close())
	tamper(t, cfg, "log.db", flip("hdr", len(recs), 10))
	s = w.reopen(cfg)
	if _, hidden := s.Hidden(recs[1].ID()); !hidden {
		t.Fatal("not hidden: nothing is tried")
	}
	w.ok(s.CloseLog(thief.key.Public(), 0, thief.first()))
	row, err := s.Get(a.key.Public(), 2)
	w.ok(err)
	if _, hidden := s.Hidden(recs[1].ID()); hidden || row.Body == nil {
		t.Errorf("hidden %v, body %s", hidden, row.BodyState)
	}
	if due, err := s.DueRetractions(time.Now().Add(24*time.Hour), time.Minute, 10); err != nil || len(due) != 0 {
		t.Errorf("due: %v, %v", due, err)
	}
	checkStore(t, w, s)
}
