package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// TestBitFlips flips one bit at a time of a stored file, and has a sound store
// of the same records give what is then asked for. Nothing wrong is ever read,
// and in the end all is as before. With HERALD_LONG=1 it flips 1,000 bits; it
// prints what became of them. A flip that changes nothing hit free space.
func TestBitFlips(t *testing.T) {
	n := 60
	if os.Getenv("HERALD_LONG") != "" {
		n = 1000
	}
	seed := rand.Uint64()
	if s := os.Getenv("HERALD_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d (HERALD_SEED)", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	f := newFlipped(t)
	names := flipNames
	type tally struct{ flips, none, mended, filled, anew, lost int }
	table := map[string]*tally{}
	for _, name := range names {
		table[name] = &tally{}
	}
	for i := range n {
		name := names[i%len(names)]
		r := table[name]
		r.flips++
		bit := f.bit(rng, name)
		switch what, err := f.one(t, name, bit); {
		case err != nil:
			t.Errorf("flip %d, bit %d of %s: %v", i, bit, name, err)
		case what == "none":
			r.none++
		case what == "mended":
			r.mended++
		case what == "filled":
			r.filled++
		case what == "anew":
			r.anew++
		case what == "lost":
			r.lost++
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%-9s %6s %10s %8s %8s %10s %12s %13s\n", "file", "flips", "no effect", "mended", "bodies", "made anew", "for backup", "served wrong")
	for _, name := range names {
		r := table[name]
		fmt.Fprintf(&out, "%-9s %6d %10d %8d %8d %10d %12d %13d\n", name, r.flips, r.none, r.mended, r.filled, r.anew, r.lost, 0)
	}
	t.Logf("%d bit flips (a wrong answer fails the test)\n%s", n, &out)
}

// flipped is a store whose files are damaged again and again, and what it must say.
type flipped struct {
	w     *world
	cfg   store.Config
	files map[string][]byte // as they were
	peer  *store.Store      // holds the same records
	want  map[ct.ID]store.Row
	heads map[ct.LogID]store.Head
	due   []ct.Ref
	local []byte
}

var flipNames = []string{"log.db", "keys.db", "body.db", "local.db", "lists.db"}

func newFlipped(t *testing.T) *flipped {
	w := newWorld(t, uto, isl)
	f := &flipped{w: w, files: map[string][]byte{}, want: map[ct.ID]store.Row{}, heads: map[ct.LogID]store.Head{}, local: []byte("draft")}
	u, i := w.authors[uto], w.authors[isl]
	recs := w.interleave(u.notifyMany(60, 300), i.notifyMany(60, 700))
	hidden, erased := firstOf(recs, u), firstOf(recs, i)
	recs = append(recs, u.retract(ref(hidden)), i.retract(ref(erased)))
	recs = append(recs, u.notifyMany(10, 100)...)
	missing := w.bare(u.notify(100))
	recs = append(recs, missing)
	s, cfg := w.create()
	f.cfg = cfg
	f.peer, _ = w.create()
	for _, s := range []*store.Store{s, f.peer} {
		for n := 0; n < len(recs); n += 40 {
			w.append(s, recs[n:min(n+40, len(recs))]...)
		}
		w.ok(s.Erase([]ct.Ref{ref(erased)}, store.BodyRetracted))
	}
	w.ok(s.Erase([]ct.Ref{ref(recs[20])}, store.BodyLocal)) // the peer still has it
	for _, l := range []*store.Local{s.Local(), s.Lists()} {
		w.ok(l.Update(func(tx *store.LocalTx) error { return tx.Put("drafts", number(1), f.local) }))
	}
	rows, err := s.Read(0, 1000, true)
	w.ok(err)
	for _, r := range rows {
		f.want[r.ID] = r
	}
	for log, h := range s.Heads() {
		f.heads[log] = h
	}
	f.due, err = s.DueRetractions(created.AddDate(100, 0, 0), 0, 10)
	w.ok(err)
	if len(f.want) != len(recs) || len(f.due) != 1 {
		t.Fatalf("%d records, due %v", len(f.want), f.due)
	}
	w.ok(s.Close())
	for _, name := range flipNames {
		f.files[name], err = os.ReadFile(filepath.Join(cfg.Dir, name))
		w.ok(err)
	}
	return f
}

func firstOf(recs []verify.Record, a *author) verify.Record {
	for _, r := range recs {
		if r.Header().Log == a.key.Public() {
			return r
		}
	}
	panic("no record")
}

// bit chooses a bit among the used pages of a file.
func (f *flipped) bit(rng *rand.Rand, name string) int {
	return rng.IntN(8 * len(bytes.TrimRight(f.files[name], "\x00")))
}

// one flips one bit and follows what comes of it.
func (f *flipped) one(t *testing.T, name string, bit int) (what string, err error) {
	cfg := f.cfg
	if cfg.Dir, err = os.MkdirTemp(t.TempDir(), "flip"); err != nil {
		return "", err
	}
	defer os.RemoveAll(cfg.Dir)
	for file, b := range f.files {
		if file == name {
			b = bytes.Clone(b)
			b[bit/8] ^= 1 << (bit % 8)
		}
		if err := writeSparse(filepath.Join(cfg.Dir, file), b); err != nil {
			return "", err
		}
	}
	what = "none"
	s, err := store.Open(cfg)
	if store.Damaged(err) != "" && store.Damaged(err) != name {
		return "", fmt.Errorf("another file is taken for damaged: %w", err)
	}
	if nowhereElse := store.Damaged(err) == "local.db" || store.Damaged(err) == "lists.db"; nowhereElse {
		if err := store.Rebuild(cfg, name, time.Now()); !errors.Is(err, store.ErrLocal) {
			return "", fmt.Errorf("rebuild of what nobody else has: %w", err)
		}
		return "lost", nil
	}
	if store.Damaged(err) == name {
		what = "anew"
		if err := store.Rebuild(cfg, name, time.Now()); err != nil {
			return "", err
		}
		s, err = store.Open(cfg)
	}
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	defer s.Close()
	same := func(tx *store.LocalTx) error {
		v, err := tx.Get("drafts", number(1))
		if err == nil && !bytes.Equal(v, f.local) {
			return errors.New("another local value")
		}
		return err
	}
	err = errors.Join(s.Local().View(same), s.Lists().View(same))
	if err != nil && (name == "local.db" || name == "lists.db") && (errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound)) {
		return "lost", nil
	} else if err != nil {
		return "", err
	}
	if err := f.truth(s, false); err != nil {
		return "", fmt.Errorf("before it is repaired: %w", err)
	}
	for range 3 {
		healed, err := f.heal(s)
		if err != nil {
			return "", fmt.Errorf("repair: %w", err)
		}
		if what == "none" {
			what = healed
		}
	}
	if err := f.truth(s, true); err != nil {
		return "", fmt.Errorf("after the repair (%s): %w", what, err)
	}
	return what, nil
}

// truth compares all that a store says with what is true. Before the repair
// something may be missing, but nothing may be wrong.
func (f *flipped) truth(s *store.Store, whole bool) error {
	var rows []store.Row
	for after := uint64(0); ; {
		more, err := s.Read(after, 50, true)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if len(more) == 0 {
			break
		}
		rows, after = append(rows, more...), more[len(more)-1].Cursor
	}
	seen := map[ct.ID]bool{}
	for i := range rows {
		if err := f.row(&rows[i], whole); err != nil {
			return err
		}
		if seen[rows[i].ID] {
			return fmt.Errorf("record %s is given twice", rows[i].ID.Short())
		}
		seen[rows[i].ID] = true
	}
	if whole && len(seen) != len(f.want) {
		return fmt.Errorf("%d of %d records are given", len(seen), len(f.want))
	}
	for log, want := range f.heads {
		h, ok := s.Head(log)
		if ok && h != want && h.Size != 0 || whole && h != want {
			return fmt.Errorf("head %+v, want %+v", h, want)
		}
		raws, err := s.Range(log, 1, 1000, 10<<20)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("range: %w", err)
		}
		if whole && uint64(len(raws)) != want.Size {
			return fmt.Errorf("a range of %d records, the log has %d", len(raws), want.Size)
		}
		for _, raw := range raws {
			e, err := wire.Decode(raw)
			if err != nil {
				return fmt.Errorf("range: %w", err)
			}
			r, ok := f.want[wire.ID(f.cfg.Network, e.HeaderBytes)]
			if !ok || !bytes.Equal(e.Sig, r.Sig) || e.HasBody() && !bytes.Equal(e.Body, r.Body) {
				return fmt.Errorf("log %s, seq %d: a range has another record", log.Short(), e.Header.Seq)
			}
		}
	}
	for id, r := range f.want {
		got, state, ok, err := s.Lookup(r.Header.Log, r.Header.Seq)
		switch {
		case err != nil && (whole || !errors.Is(err, store.ErrDamaged)):
			return fmt.Errorf("lookup: %w", err)
		case err == nil && ok && (got != id || state != r.BodyState && (whole && r.HiddenBy.IsZero() || state != store.BodyMissing)):
			return fmt.Errorf("lookup gives %s, %v; want %s, %v", got.Short(), state, id.Short(), r.BodyState)
		}
		if by, hidden := s.Hidden(id); whole && (hidden != !r.HiddenBy.IsZero() || by != r.HiddenBy) {
			return fmt.Errorf("record %s: hidden %v by %s", id.Short(), hidden, by.Short())
		}
	}
	due, err := s.DueRetractions(created.AddDate(100, 0, 0), 0, 10)
	if err != nil || whole && (len(due) != 1 || due[0] != f.due[0]) {
		return fmt.Errorf("due: %v, error %v", due, err)
	}
	if forks, err := s.Forks(); err != nil || len(forks) != 0 {
		return fmt.Errorf("%d forks, error %v", len(forks), err)
	}
	return nil
}

func (f *flipped) row(r *store.Row, whole bool) error {
	want, ok := f.want[r.ID]
	// Whoever has the header alone cannot judge the body, and a hidden one is
	// asked of nobody.
	judged := r.Inadmissible == want.Inadmissible || r.Inadmissible == "" && want.Body == nil
	asked := r.BodyState == want.BodyState || r.BodyState == store.BodyMissing && !r.HiddenBy.IsZero()
	switch {
	case !ok:
		return fmt.Errorf("seq %d: another record", r.Header.Seq)
	case !bytes.Equal(r.HeaderBytes, want.HeaderBytes) || !bytes.Equal(r.Sig, want.Sig) || r.State != want.State || !judged:
		return fmt.Errorf("record %s: not what was stored", r.ID.Short())
	case r.HiddenBy != want.HiddenBy:
		return fmt.Errorf("record %s: hidden by %s, want %s", r.ID.Short(), r.HiddenBy.Short(), want.HiddenBy.Short())
	case r.Body != nil && !bytes.Equal(r.Body, want.Body):
		return fmt.Errorf("record %s: a body that is not to be shown", r.ID.Short())
	case !asked && (whole || r.BodyState != store.BodyMissing):
		return fmt.Errorf("record %s: %v, want %v", r.ID.Short(), r.BodyState, want.BodyState)
	}
	return nil
}

// heal does what a node does: it scrubs, uses what is left, and asks its peer.
func (f *flipped) heal(s *store.Store) (what string, err error) {
	what = "none"
	for at, done := (store.ScrubPlace{}), false; !done; {
		next, found, err := s.Scrub(at, 100)
		if err != nil {
			return what, fmt.Errorf("scrub: %w", err)
		}
		at, done = next, found.Done
	}
	open := func(raw []byte) (verify.Record, error) {
		return verify.Open(raw, f.w.view, created.Add(time.Hour))
	}
	fetch := func(ref ct.Ref) (recs []verify.Record, err error) {
		raws, err := f.peer.Range(ref.Log, ref.Seq, 1, 1<<20)
		if err != nil {
			return nil, err
		}
		rec, err := open(s.Complete(raws[0]))
		return []verify.Record{rec}, err
	}
	refs, err := s.Rotten(100)
	if err != nil {
		return what, err
	}
	for _, ref := range refs {
		what = "mended"
		if raw := s.Remains(ref); raw != nil {
			if rec, err := open(raw); err == nil {
				if n, err := s.Mend([]verify.Record{rec}); err != nil {
					return what, err
				} else if n == 1 {
					continue
				}
			}
		}
		recs, err := fetch(ref)
		if err != nil {
			return what, err
		}
		if _, err := s.Mend(recs); err != nil {
			return what, err
		}
	}
	for _, ref := range s.MissingBodies(1000) {
		recs, err := fetch(ref)
		if err != nil {
			return what, err
		}
		n, err := s.FillBodies(recs)
		if err != nil {
			return what, err
		}
		if n > 0 && what == "none" {
			what = "filled"
		}
	}
	for log, h := range f.peer.Heads() { // what a sync would bring
		var recs []verify.Record
		mine, _ := s.Head(log)
		for seq := mine.Size + 1; seq <= h.Size; seq++ {
			got, err := fetch(ct.Ref{Log: log, Seq: seq})
			if err != nil {
				return what, err
			}
			recs = append(recs, got...)
		}
		if _, err := s.Append(recs); err != nil {
			return what, err
		}
	}
	return what, nil
}
