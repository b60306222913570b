package index

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/herald-net/herald/internal/match"
)

// ErrBehind tells that the index has not yet followed its sources, by more than
// a search looks through: whether a person is known cannot be said now.
var ErrBehind = errors.New("the index has not yet followed the records and lists that are held")

// MaxTail bounds the records, and the changes of lists, that FindFresh looks
// through one by one.
const MaxTail = 4_000

// tailPart is how many of them are read together.
const tailPart = 1_000

// Want says which hits are wanted.
type Want struct {
	Limit int        // at most so many
	Least match.Tier // of this tier or a better one; at least weak
	// Keep tells whether a hit may be shown; nil: every one may. One that may
	// not takes nobody's place: the search goes on behind it.
	Keep func(Hit) (bool, error)
}

// FindFresh is Find over the index and what Follow has not reached yet: a
// person of a record that is durable, or of a list that is in force, is found,
// not a moment later. ErrBehind when that is more than can be looked through.
func (x *Index) FindFresh(q *match.Subject, w Want, src Source, now time.Time) ([]Hit, error) {
	// The tail is read first: what leaves it meanwhile is in the index then.
	tail, err := x.tail(src, now)
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	hits, err := x.find(q, w, func(ref string) bool { _, newer := tail[ref]; return newer })
	if err != nil {
		return nil, err
	}
	found := make([]Hit, 0, len(tail))
	for _, c := range tail {
		if c.Person == nil {
			continue
		}
		if r := match.Score(q, match.Prepare(*c.Person)); r.Tier >= max(w.Least, match.Weak) {
			found = append(found, Hit{Ref: c.Ref, Origin: c.Origin, Result: r})
		}
	}
	sortHits(found)
	late, _, err := w.keep(nil, found, func(string) bool { return false })
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	hits = append(hits, late...)
	sortHits(hits)
	return hits[:min(len(hits), max(w.Limit, 0))], nil
}

// keep adds the hits that may be shown to out, up to the limit, and counts those
// that may not.
func (w *Want) keep(out, hits []Hit, newer func(ref string) bool) (_ []Hit, dropped int, err error) {
	for _, h := range hits {
		if len(out) >= w.Limit {
			break
		}
		ok := !newer(h.Ref)
		if ok && w.Keep != nil {
			if ok, err = w.Keep(h); err != nil {
				return nil, 0, err
			}
		}
		if ok {
			out = append(out, h)
		} else {
			dropped++
		}
	}
	return out, dropped, nil
}

// tail is what the index has not followed: the last change of each ref.
func (x *Index) tail(src Source, now time.Time) (map[string]Change, error) {
	c := x.Cursors()
	var tail map[string]Change
	add := func(changes []Change) {
		if tail == nil {
			tail = make(map[string]Change, len(changes))
		}
		for _, change := range changes {
			tail[change.Ref] = change
		}
	}
	if last := src.Last(); last.Store > c.Store {
		if last.Store-c.Store > MaxTail { // a cursor may skip numbers
			heads, err := src.Read(c.Store, MaxTail+1, false)
			if err != nil {
				return nil, err
			}
			if len(heads) > MaxTail {
				return nil, ErrBehind
			}
		}
		for c.Store < last.Store {
			rows, err := src.Read(c.Store, tailPart, true)
			if err != nil {
				return nil, err
			}
			if len(rows) == 0 {
				break
			}
			c.Store = rows[len(rows)-1].Cursor
			persons := personsOf(rows, src.Hidden, now)
			add(slices.DeleteFunc(persons, func(c Change) bool { return c.Ref == "" }))
		}
	}
	if src.Last().Lists <= c.Lists {
		return tail, nil
	}
	changes, _, err := src.Lists(c.Lists, MaxTail+1)
	if err != nil {
		return nil, err
	}
	if len(changes) > MaxTail {
		return nil, ErrBehind
	}
	add(changes)
	return tail, nil
}

// Lag is how far the index is behind its sources.
type Lag struct {
	Records, Changes int           // of the store, and of the lists, that are not yet followed: at most so many
	Blind            bool          // more than FindFresh looks through
	Left             time.Duration // until all is followed; 0: not known
}

// Lag tells how far the index is behind its sources, and how long it may take.
func (x *Index) Lag(src Source) Lag {
	var l Lag
	l.Records, l.Changes = src.Behind(x.Cursors())
	l.Blind = l.Records > MaxTail || l.Changes > MaxTail
	x.mu.RLock()
	defer x.mu.RUnlock()
	if all := l.Records + l.Changes; l.Blind && x.pace.from > all {
		l.Left = time.Duration(float64(time.Since(x.pace.since)) * float64(all) / float64(x.pace.from-all))
	}
	return l
}

// pace is how fast the index follows: how much was to be done, and since when.
type pace struct {
	from  int
	since time.Time
}

// begin notes that a catching-up begins.
func (x *Index) begin(src Source) {
	if src.Behind == nil {
		return
	}
	records, changes := src.Behind(x.Cursors())
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pace = pace{records + changes, time.Now()}
}

// followRetry is the pause before what a full disk has stopped is tried again.
const followRetry = 5 * time.Second

// Full tells whether Follow waits for room on the disk.
func (x *Index) Full() bool { return x.full.Load() }

// untouched tells that nothing of a batch that failed shows in the file.
func (x *Index) untouched() bool {
	var held Cursors
	err := x.view(func(tx *bbolt.Tx) error {
		held = readCursors(tx.Bucket(bucketMeta))
		return nil
	})
	return err == nil && held == x.Cursors()
}
