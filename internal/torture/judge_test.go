package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// state is what a store holds after some steps.
type state struct {
	created  bool
	n        int // records appended
	arrivals uint64
	body     map[int]store.BodyState
	hidden   map[int]bool
	local    map[string]string
	backup   *state // what the backup file holds; nil: there is none
	restored *state
}

func (s *state) clone() *state {
	c := *s
	c.body, c.hidden, c.local = maps.Clone(s.body), maps.Clone(s.hidden), maps.Clone(s.local)
	return &c
}

func emptyState() *state {
	return &state{body: map[int]store.BodyState{}, hidden: map[int]bool{}, local: map[string]string{}}
}

// after is the state after one more step.
func (s *state) after(w *world, n int) *state {
	c := s.clone()
	switch st := w.Steps[n]; st.Op {
	case "create":
		c.created = true
	case "append":
		for i := c.n; i < st.To; i++ {
			c.body[i] = store.BodyHeld
			if st.Bare {
				c.body[i] = store.BodyMissing
			}
			c.arrivals++
		}
		c.n = st.To
		c.hide(w)
	case "fill":
		for _, i := range st.Targets {
			c.body[i] = store.BodyHeld
			c.arrivals++
		}
	case "erase":
		for _, i := range st.Targets {
			c.body[i] = store.BodyLocal
		}
	case "local":
		c.local[string(localKey(n))] = string(localValue(n))
	case "backup":
		c.backup = s
	case "restore":
		c.restored = s.backup
	}
	return c
}

// hide marks what the retractions among the records name.
func (s *state) hide(w *world) {
	for i := range s.n {
		h := w.recs[i].Header()
		if h.Kind != uint32(ct.KindRetract) {
			continue
		}
		for j := range s.n {
			if slices.Contains(h.Refs, w.ref(j)) {
				s.hidden[j] = true
			}
		}
	}
}

func (s *state) same(o *state) bool {
	return s.n == o.n && s.arrivals == o.arrivals && maps.Equal(s.body, o.body) && maps.Equal(s.hidden, o.hidden)
}

// persons is how many persons an index of this state makes known.
func (s *state) persons(w *world) int {
	n := 0
	for i := range s.n {
		if w.recs[i].Header().Kind == uint32(ct.KindNotification) && s.body[i] == store.BodyHeld && !s.hidden[i] {
			n++
		}
	}
	return n
}

// Kinds of what a judge finds.
var (
	errLost    = errors.New("lost")    // what was acknowledged is not there
	errCorrupt = errors.New("corrupt") // what is there is not in order
	errLeaked  = errors.New("leaked")  // what was erased can be read, or a body lies bare
)

// judge looks at what a crash left below root: before is the state that was
// acknowledged, next the one on the way (or before again). deep adds what
// takes longest.
func judge(w *world, root string, before, next *state, deep bool) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errCorrupt, p)
		}
	}()
	dir := filepath.Join(root, dirData)
	cfg := w.config(dir)
	if _, err := os.Stat(filepath.Join(dir, "log.db")); err != nil {
		if before.created {
			return fmt.Errorf("%w: the store was made, and now: %v", errLost, err)
		}
		// It was being made: what is there must not keep it from being made.
		if err := store.Create(cfg); err != nil {
			return fmt.Errorf("%w: after a crash while it was made: %w", errCorrupt, err)
		}
	}
	// Nothing erased may be on the disk that the machine comes up with.
	if err := erasedIsGone(w, root, before); err != nil {
		return err
	}
	got, err := judgeStore(w, cfg, before, next)
	if err != nil {
		return err
	}
	// The sequence is usable: what comes next is taken, and nothing else.
	s, err := store.Open(cfg)
	if err != nil {
		return fmt.Errorf("%w: second open: %w", errCorrupt, err)
	}
	// What the crash left of salts goes with the janitor's first round.
	if _, err = s.EraseTraces(); err == nil {
		if err := erasedIsGone(w, root, got); err != nil {
			return errors.Join(err, s.Close())
		}
		_, err = s.Append(w.recs[got.n:min(got.n+spare, len(w.recs))])
	}
	if err == nil {
		err = judgeIndex(w, s, dir, before, next)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("%w: going on: %w", errCorrupt, err)
	}
	if deep {
		if err := clean(cfg); err != nil {
			return err
		}
	}
	return judgeCopies(w, root, before, next, deep)
}

// judgeStore opens a store as its node would and compares all it shows.
func judgeStore(w *world, cfg store.Config, before, next *state) (*state, error) {
	s, err := store.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: open: %w", errCorrupt, err)
	}
	defer s.Close()
	got := emptyState()
	number := map[ct.ID]int{}
	for i, r := range w.recs {
		number[r.ID()] = i
	}
	rows, err := s.Read(0, len(w.recs)*4, true)
	if err != nil {
		return nil, fmt.Errorf("%w: read: %w", errCorrupt, err)
	}
	for _, row := range rows {
		i, ok := number[row.ID]
		if _, twice := got.body[i]; !ok || twice {
			return nil, fmt.Errorf("%w: record %s was never submitted, or is there twice", errCorrupt, row.ID.Short())
		}
		rec := w.recs[i]
		got.n = max(got.n, i+1)
		got.body[i] = row.BodyState
		if !row.HiddenBy.IsZero() {
			got.hidden[i] = true
		}
		shown := row.BodyState == store.BodyHeld && row.HiddenBy.IsZero()
		switch {
		case !bytes.Equal(row.HeaderBytes, rec.HeaderBytes()) || !bytes.Equal(row.Sig, rec.Sig()):
			return nil, fmt.Errorf("%w: record %d is not what was submitted", errCorrupt, i)
		case shown && !bytes.Equal(row.Body, rec.Body()):
			return nil, fmt.Errorf("%w: the body of record %d is not the one that was submitted", errLost, i)
		case !shown && row.Body != nil:
			return nil, fmt.Errorf("%w: record %d is %v and its body is shown", errLeaked, i, row.BodyState)
		}
	}
	got.arrivals = s.Last()
	if len(got.body) != got.n {
		return nil, fmt.Errorf("%w: %d records up to number %d", errCorrupt, len(got.body), got.n)
	}
	switch {
	case got.same(next), got.same(before):
	case got.n < before.n:
		return nil, fmt.Errorf("%w: %d records were acknowledged, %d are there", errLost, before.n, got.n)
	default:
		return nil, fmt.Errorf("%w: neither what was acknowledged nor what was on its way: %s", errCorrupt, got.difference(before))
	}
	err = s.Local().View(func(tx *store.LocalTx) error {
		for n := range 3 {
			v, err := tx.Get("torture", localKey(n))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			was, is := before.local[string(localKey(n))], next.local[string(localKey(n))]
			if string(v) != was && string(v) != is {
				return fmt.Errorf("local value %d is %x, acknowledged was %x", n, v, was)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	return got, nil
}

func (s *state) difference(o *state) string {
	var out []string
	if s.n != o.n || s.arrivals != o.arrivals {
		out = append(out, fmt.Sprintf("%d records and %d arrivals, not %d and %d", s.n, s.arrivals, o.n, o.arrivals))
	}
	for i := range s.n {
		if s.body[i] != o.body[i] || s.hidden[i] != o.hidden[i] {
			out = append(out, fmt.Sprintf("record %d is %v, hidden %v; not %v, %v", i, s.body[i], s.hidden[i], o.body[i], o.hidden[i]))
		}
	}
	return strings.Join(out, "; ")
}

// judgeIndex follows the store with the index that the crash left.
func judgeIndex(w *world, s *store.Store, dir string, before, next *state) error {
	x, err := w.index(dir)
	if err != nil {
		return err
	}
	defer x.Close()
	if at := x.Cursors().Store; at > s.Last() {
		return fmt.Errorf("the index has followed to %d, the store holds %d", at, s.Last())
	}
	if err := follow(x, s); err != nil {
		return err
	}
	rows, err := s.Read(0, len(w.recs)*4, false)
	if err != nil {
		return err
	}
	now := emptyState()
	now.n = len(rows)
	for _, row := range rows {
		i := slices.IndexFunc(w.Raws, func(raw []byte) bool { return bytes.Contains(raw, row.HeaderBytes) })
		now.body[i] = row.BodyState
		if !row.HiddenBy.IsZero() {
			now.hidden[i] = true
		}
		cursors, err := x.ByID(row.ID.String(), 8)
		if err != nil || !slices.Contains(cursors, row.Cursor) {
			return fmt.Errorf("record %d: the index gives %v (%v), the store has it at %d", i, cursors, err, row.Cursor)
		}
	}
	// The store erases first: an index that was to follow may know a person
	// for the moment until the erasure is repeated.
	late := before.persons(w) - next.persons(w)
	if want := now.persons(w); x.Persons() != want && (late <= 0 || x.Persons() < want || x.Persons() > want+late) {
		return fmt.Errorf("the index knows %d persons, the store shows %d", x.Persons(), want)
	}
	return nil
}

// clean examines a closed store wholly.
func clean(cfg store.Config) error {
	r, err := store.Check(cfg)
	if err != nil {
		return fmt.Errorf("%w: check: %w", errCorrupt, err)
	}
	if !r.OK() {
		return fmt.Errorf("%w: check: %s: %s", errCorrupt, r.Problems[0].File, r.Problems[0].What)
	}
	return nil
}

// erasedIsGone looks for what was erased, and for any body, in all files that
// the store's directory has.
func erasedIsGone(w *world, root string, before *state) error {
	var hunt needles
	for i := range before.n {
		if before.body[i] == store.BodyLocal {
			hunt.add(w.recs[i].Salt(), fmt.Sprintf("the salt of record %d, which was erased", i))
		}
		if body := w.recs[i].Body(); !w.recs[i].Root() && len(body) >= 64 {
			hunt.add(body[8:40], fmt.Sprintf("the body of record %d, unsealed", i))
		}
	}
	return filepath.WalkDir(filepath.Join(root, dirData), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if what := hunt.in(b); what != "" {
			return fmt.Errorf("%w: %s holds %s", errLeaked, d.Name(), what)
		}
		return nil
	})
}

// needles are byte strings of at least 8 bytes to look for all at once.
type needles struct {
	first [1 << 16]bool // the first two bytes of any
	by    map[[8]byte]needle
}

type needle struct {
	whole []byte
	what  string
}

func (n *needles) add(b []byte, what string) {
	if n.by == nil {
		n.by = map[[8]byte]needle{}
	}
	n.first[uint16(b[0])<<8|uint16(b[1])] = true
	n.by[[8]byte(b)] = needle{b, what}
}

// in names the first that b holds.
func (n *needles) in(b []byte) string {
	var zeros [block]byte
	for at := 0; at+8 <= len(b); {
		if at%block == 0 && at+block <= len(b) && bytes.Equal(b[at:at+block], zeros[:]) {
			at += block - 7 // one may begin in its last bytes
			for ; at%block != 0 && at+8 <= len(b); at++ {
				if f, ok := n.by[[8]byte(b[at:])]; ok && bytes.HasPrefix(b[at:], f.whole) {
					return f.what
				}
			}
			continue
		}
		if n.first[uint16(b[at])<<8|uint16(b[at+1])] {
			if f, ok := n.by[[8]byte(b[at:])]; ok && bytes.HasPrefix(b[at:], f.whole) {
				return f.what
			}
		}
		at++
	}
	return ""
}

// judgeCopies looks at the backup and at what was restored of it.
func judgeCopies(w *world, root string, before, next *state, deep bool) error {
	restored := filepath.Join(root, dirRestored)
	if entries, err := os.ReadDir(restored); err == nil && len(entries) > 0 {
		if next.restored == nil {
			return fmt.Errorf("%w: a directory was restored before it was asked for", errCorrupt)
		}
		if _, err := judgeStore(w, w.config(restored), next.restored, next.restored); err != nil {
			return fmt.Errorf("restored: %w", err)
		}
		if deep {
			if err := clean(w.config(restored)); err != nil {
				return fmt.Errorf("restored: %w", err)
			}
		}
	} else if before.restored != nil {
		return fmt.Errorf("%w: what was restored is gone", errLost)
	}
	path := filepath.Join(root, fileBackup)
	if _, err := os.Stat(path); err != nil {
		if before.backup != nil {
			return fmt.Errorf("%w: the backup: %v", errLost, err)
		}
		return nil
	}
	if !deep {
		return nil
	}
	if next.backup == nil {
		return fmt.Errorf("%w: a backup has its name before it was asked for", errCorrupt)
	}
	if r, err := backup.Verify(context.Background(), path, w.backupKeys(), nil); err != nil || r.Report.Records != next.backup.n {
		return fmt.Errorf("%w: the backup: %w (%d records)", errCorrupt, err, r.Report.Records)
	}
	// A crash in the middle of a restore is no hindrance to the next one.
	if before.restored == nil && next.restored == nil {
		if _, err := backup.Restore(context.Background(), path, restored, w.backupKeys(), w.now(), nil); err != nil {
			return fmt.Errorf("%w: restore: %w", errCorrupt, err)
		}
	}
	return nil
}
