package store_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// retractions is a random world: logs of two States, whose records retract each
// other, rightly and wrongly.
type retractions struct {
	*world
	rng   *rand.Rand
	order []*author
	logs  map[ct.LogID][]verify.Record
	all   []verify.Record
	kinds map[ct.ID]ct.Kind
}

func newRetractions(t *testing.T, seed uint64) *retractions {
	r := &retractions{
		world: newWorld(t, uto, isl), rng: rand.New(rand.NewPCG(seed, 1)),
		logs: map[ct.LogID][]verify.Record{}, kinds: map[ct.ID]ct.Kind{},
	}
	r.order = []*author{r.authors[uto], r.secondLog(uto), r.authors[isl]}
	for range 60 {
		a := r.order[r.rng.IntN(len(r.order))]
		kind, body := ct.KindNotification, []byte("a person")
		var refs []ct.Ref
		switch n := r.rng.IntN(10); {
		case n == 0:
			kind = ct.KindAddress
		case n < 5 && len(r.all) > 0:
			kind = ct.KindRetract
			for range []int{1, 1, 1, 2, 3, wire.MaxRefs}[r.rng.IntN(6)] {
				refs = append(refs, r.someRef())
			}
			if body = []byte("no retraction"); r.rng.IntN(2) == 0 {
				var err error
				body, err = wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
				r.ok(err)
			}
		}
		rec := a.record(kind, body, refs...)
		r.logs[a.key.Public()] = append(r.logs[a.key.Public()], rec)
		r.all, r.kinds[rec.ID()] = append(r.all, rec), kind
	}
	return r
}

// someRef names a record, or nearly.
func (r *retractions) someRef() ct.Ref {
	to := ref(r.all[r.rng.IntN(len(r.all))])
	switch r.rng.IntN(8) {
	case 0:
		to.Seq++
	case 1:
		to.Log = r.order[r.rng.IntN(len(r.order))].key.Public()
	case 2:
		to.ID[3] ^= 1
	case 3:
		to.Log = r.delegated().key.Public() // of which nobody holds anything
	}
	return to
}

func (r *retractions) delegated() *author { return r.secondLog(isl) }

// hidden is what the records of these sizes of logs hide, by the rule alone.
func (r *retractions) hidden(sizes map[ct.LogID]int) map[ct.ID]bool {
	held := map[ct.Ref]verify.Record{}
	for log, recs := range r.logs {
		for _, rec := range recs[:sizes[log]] {
			held[ref(rec)] = rec
		}
	}
	out := map[ct.ID]bool{}
	for _, by := range held {
		why := by.Inadmissible()
		if ct.Kind(by.Header().Kind) != ct.KindRetract || why != "" && !why.OfBody() && why != verify.OtherState {
			continue
		}
		for _, to := range by.Header().Refs {
			if target, ok := held[to]; ok && target.State() == by.State() && ct.Kind(target.Header().Kind) == ct.KindNotification {
				out[to.ID] = true
			}
		}
	}
	return out
}

func (r *retractions) sizes() map[ct.LogID]int {
	out := map[ct.LogID]int{}
	for log, recs := range r.logs {
		out[log] = len(recs)
	}
	return out
}

// fill appends all that is not held, in an order of its own, some without their
// bodies, which come later; at times the process begins anew.
func (r *retractions) fill(s *store.Store, cfg store.Config) *store.Store {
	rest := maps.Clone(r.logs)
	for log := range rest {
		rest[log] = rest[log][r.head(s, log).Size:]
	}
	var bare []verify.Record
	for {
		var batch []verify.Record
		for range 1 + r.rng.IntN(8) {
			a := r.order[r.rng.IntN(len(r.order))]
			own := rest[a.key.Public()]
			if len(own) == 0 {
				continue
			}
			rec := own[0]
			rest[a.key.Public()] = own[1:]
			if r.rng.IntN(3) == 0 {
				bare = append(bare, rec)
				rec = r.bare(rec)
			}
			batch = append(batch, rec)
		}
		if len(batch) > 0 {
			r.append(s, batch...)
		} else if !slices.ContainsFunc(slices.Collect(maps.Values(rest)), func(own []verify.Record) bool { return len(own) > 0 }) {
			break
		}
		if r.rng.IntN(4) == 0 && len(bare) > 0 {
			_, err := s.FillBodies(bare[:1])
			r.ok(err)
			bare = bare[1:]
		}
		if r.rng.IntN(6) == 0 {
			r.ok(s.Close())
			s = r.reopen(cfg)
		}
	}
	_, err := s.FillBodies(bare)
	r.ok(err)
	return s
}

func (r *retractions) compare(t *testing.T, what string, s *store.Store, want map[ct.ID]bool) {
	t.Helper()
	got := map[ct.ID]bool{}
	for _, rec := range r.all {
		if by, ok := s.Hidden(rec.ID()); ok {
			got[rec.ID()] = true
			if r.kinds[by] != ct.KindRetract {
				t.Errorf("%s: hidden by %s, a %s", what, by.Short(), r.kinds[by])
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%s: %d records are hidden, want %d", what, len(got), len(want))
	}
	checkStore(t, r.world, s)
}

// Whatever the order of arrival, with bodies late and starts between, and after a
// closing, a copy and the loss of log.db: the same records are hidden, and those
// that the rule hides.
func TestRetractionsInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	hidden, several := 0, 0
	for n := range uint64(rounds(t, 6)) {
		r := newRetractions(t, seed+n)
		want := r.hidden(r.sizes())
		hidden += len(want)
		for order := range 4 {
			s, cfg := r.create()
			s = r.fill(s, cfg)
			r.compare(t, "as they came", s, want)
			for _, rec := range r.all {
				if by, ok := s.Hidden(rec.ID()); ok && len(r.byID(by).Header().Refs) > 1 {
					several++
				}
			}
			switch order {
			case 0:
				s, cfg = r.copied(t, s, cfg)
				r.compare(t, "copied", s, want)
			case 1:
				r.ok(s.Close())
				r.ok(store.Rebuild(cfg, "log.db", time.Now()))
				s = r.fill(r.reopen(cfg), cfg)
				r.compare(t, "made anew", s, want)
			case 2: // erased, and taken back with the log that said so
				due, err := s.DueRetractions(time.Now().Add(time.Hour+store.LateBy), time.Minute, 1000) // too many of a day are late
				r.ok(err)
				if len(due) != len(want) {
					t.Fatalf("%d are due, want %d", len(due), len(want))
				}
				r.ok(s.Erase(due, store.BodyRetracted))
				r.compare(t, "erased", s, want)
			}
			sizes := r.sizes()
			for _, a := range r.order[:2] {
				log := a.key.Public()
				if len(r.logs[log]) == 0 {
					continue
				}
				seq := 1 + r.rng.IntN(len(r.logs[log]))
				r.ok(s.CloseLog(log, uint64(seq), r.logs[log][seq-1].ID()))
				sizes[log] = seq
				r.compare(t, "closed", s, r.hidden(sizes))
			}
			for row, err := range r.shown(s, sizes) {
				r.ok(err)
				if r.hidden(sizes)[row.ID] == (row.BodyState == store.BodyHeld && row.Body != nil) && row.BodyState != store.BodyMissing {
					t.Fatalf("record %s: body %s", row.ID.Short(), row.BodyState)
				}
			}
			checkFiles(t, s, cfg)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	if hidden == 0 || several == 0 {
		t.Fatalf("%d records were hidden, %d by a RETRACT of several: not everything was tried", hidden, several)
	}
	t.Logf("%d records were hidden, %d by a RETRACT of several", hidden, several)
}

func (r *retractions) byID(id ct.ID) verify.Record {
	i := slices.IndexFunc(r.all, func(rec verify.Record) bool { return rec.ID() == id })
	return r.all[i]
}

func (r *retractions) shown(s *store.Store, sizes map[ct.LogID]int) func(func(store.Row, error) bool) {
	return func(yield func(store.Row, error) bool) {
		for log, size := range sizes {
			for seq := 1; seq <= size; seq++ {
				if r.kinds[r.logs[log][seq-1].ID()] == ct.KindNotification && !yield(s.Get(log, uint64(seq))) {
					return
				}
			}
		}
	}
}

// copied makes another store of an export.
func (r *retractions) copied(t *testing.T, s *store.Store, cfg store.Config) (*store.Store, store.Config) {
	e, err := s.Export()
	r.ok(err)
	into := cfg
	into.Dir = t.TempDir()
	for _, part := range store.Parts() {
		var b bytes.Buffer
		r.ok(e.Write(t.Context(), part, &b))
		r.ok(store.Import(into, part, &b))
	}
	e.Close()
	return r.reopen(into), into
}

// The bodies of root logs say who may speak: no RETRACT hides one, nothing erases
// one, and what has no business in a root log has no body here.
func TestRootLogsAreNeverHidden(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	m, ok := w.view.Member(uto)
	if !ok {
		t.Fatal("no member")
	}
	first, ok := w.view.Right(m.Root)
	if !ok {
		t.Fatal("no right")
	}
	root := &author{w: w, key: w.roots[uto], state: uto, prev: first.First}
	for _, raw := range w.founding {
		if rec := w.open(raw); rec.Header().Log == m.Root {
			w.append(s, rec)
			root.seq, root.prev = rec.Header().Seq, rec.ID()
		}
	}
	held := root.seq
	if held == 0 {
		t.Fatal("no founding records")
	}
	stray := root.record(ct.KindNotification, []byte("a person"))
	w.append(s, stray)
	var refs []ct.Ref
	for seq := uint64(1); seq <= held+1; seq++ {
		row, err := s.Get(m.Root, seq)
		w.ok(err)
		refs = append(refs, ct.Ref{Log: m.Root, Seq: seq, ID: row.ID})
		w.append(s, w.secondLog(uto).retract(refs[len(refs)-1]))
	}
	w.append(s, w.authors[uto].record(ct.KindRetract, nil, refs[0], refs[1]))
	for _, why := range []store.BodyState{store.BodyRetracted, store.BodyExpired, store.BodyLocal} {
		w.ok(s.Erase(refs, why))
	}
	w.ok(s.Close())
	s = w.reopen(cfg)
	for _, to := range refs {
		row, err := s.Get(to.Log, to.Seq)
		w.ok(err)
		if _, hidden := s.Hidden(to.ID); hidden {
			t.Errorf("record %d is hidden", to.Seq)
		}
		if want := to.Seq <= held; want != (row.Body != nil) {
			t.Errorf("record %d: body %v, %s", to.Seq, row.Body != nil, row.BodyState)
		}
	}
	if _, err := s.FillBodies([]verify.Record{stray}); err != nil {
		t.Fatal(err)
	}
	if got := s.MissingBodies(10); len(got) != 0 {
		t.Errorf("asked for: %v", got)
	}
	if bytes.Contains(mustRead(t, cfg, "keys.db"), stray.Salt()) {
		t.Error("a body that has no business in a root log is stored")
	}
	checkFiles(t, s, cfg)
}

func mustRead(t *testing.T, cfg store.Config, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(cfg.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
