package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// What a ref names: a record of the network by its id, or an entry of one of
// the State's own lists as LIST/ENTRY.
const (
	RefRecord = "rec:"
	RefList   = "list:"
)

// Source is what the index follows: the store, and the State's own lists.
type Source struct {
	Wait   func(ctx context.Context, after uint64) error
	Read   func(after uint64, max int, bodies bool) ([]store.Row, error)
	Hidden func(id ct.ID) (by ct.ID, ok bool)

	// Retention is the longest life of a body after its record was issued, whatever
	// an inadmissible record says; 0: what the record says.
	Retention time.Duration

	// Lists gives the changes of imported lists after a sequence, and the
	// sequence that they reach. WaitLists blocks until there are more.
	Lists     func(after uint64, max int) ([]Change, uint64, error)
	WaitLists func(ctx context.Context, after uint64) error

	// Last is how far the sources go now; Behind counts, as a bound, the records
	// and the changes of lists that follow cursors.
	Last   func() Cursors
	Behind func(after Cursors) (records, changes int)
}

// A transaction takes so many records or bytes of bodies: large and sorted is
// several times faster than small. They are read in parts, since the bodies of
// a part are in memory together.
const (
	followBatch = 10_000
	followBytes = 16 << 20
	followPart  = 1_000
)

// followPause lets a batch gather. At 1,000 records a second it is within the
// tail that FindFresh looks through.
const followPause = 100 * time.Millisecond

// recordRef names the person of a notification.
func recordRef(id ct.ID) string { return RefRecord + id.String() }

// Follow keeps the index behind its sources until ctx ends. It is the one
// writer of the index. A full disk does not end it: the index stays behind until
// there is room, and says so (Full).
func (x *Index) Follow(ctx context.Context, src Source) error {
	if err := x.ready(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		more, err := x.catchUp(ctx, src)
		if err != nil && store.DiskFull(err) && x.untouched() {
			// Whoever searches is told that the index is behind.
			if !x.full.Swap(true) {
				x.log.ErrorContext(ctx, "person index waits for room on the disk", "error", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(followRetry):
			}
			continue
		}
		if err != nil {
			return err
		}
		x.full.Store(false)
		if more {
			continue
		}
		// Two waits, one wake-up: the first to return ends the other.
		c := x.Cursors()
		g, waiting := errgroup.WithContext(ctx)
		wait := func(f func(context.Context, uint64) error, after uint64) func() error {
			return func() error {
				if err := f(waiting, after); err != nil {
					return err
				}
				return errWoken
			}
		}
		g.Go(wait(src.Wait, c.Store))
		g.Go(wait(src.WaitLists, c.Lists))
		if err := g.Wait(); !errors.Is(err, errWoken) && ctx.Err() == nil {
			return err
		}
		// Records that come one by one are indexed together: each transaction
		// costs syncs that the acknowledgements wait behind, and nobody waits
		// for the index, since readers look through its tail.
		select {
		case <-ctx.Done():
		case <-time.After(followPause):
		}
	}
	return nil
}

var errWoken = errors.New("woken")

// catchUp indexes what there is and tells whether there was any. While a batch
// is written the next one is read.
func (x *Index) catchUp(ctx context.Context, src Source) (more bool, err error) {
	x.begin(src)
	b, err := gather(src, x.Cursors())
	for err == nil && b != nil && ctx.Err() == nil {
		var next *gathered
		var nextErr error
		var reading sync.WaitGroup
		if b.full {
			reading.Go(func() { next, nextErr = gather(src, b.reaches) })
		}
		err = x.write(&b.reaches, b.changes, b.places)
		reading.Wait()
		b, more, err = next, true, cmp.Or(err, nextErr)
	}
	return more, err
}

// gathered is one batch: what it changes and how far it reaches. A record may
// be retracted before the batch is written; its RETRACT comes in a later one.
type gathered struct {
	reaches Cursors
	changes []Change
	places  []place
	full    bool // there may be more
}

// gather reads a batch; nil: there is nothing after c.
func gather(src Source, c Cursors) (*gathered, error) {
	b := &gathered{reaches: c}
	var err error
	if b.changes, b.reaches.Lists, err = src.Lists(c.Lists, followBatch); err != nil {
		return nil, fmt.Errorf("follow lists: %w", err)
	}
	b.full = b.reaches.Lists-c.Lists >= followBatch
	b.changes = slices.Clip(b.changes) // the source's memory
	now, size := time.Now(), 0
	for len(b.places) < followBatch && size < followBytes {
		rows, err := src.Read(b.reaches.Store, followPart, true)
		if err != nil {
			return nil, fmt.Errorf("follow store: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		if err := b.take(rows, src, now); err != nil {
			return nil, fmt.Errorf("follow store: %w", err)
		}
		for i := range rows {
			size += len(rows[i].Body)
		}
	}
	if b.reaches == c {
		return nil, nil
	}
	b.full = b.full || len(b.places) >= followBatch || size >= followBytes
	return b, nil
}

// take adds records in the order of their arrival.
func (b *gathered) take(rows []store.Row, src Source, now time.Time) error {
	persons := personsOf(rows, src.Hidden, now)
	for i := range rows {
		r := &rows[i]
		b.reaches.Store = r.Cursor
		b.places = append(b.places, placeOf(r, src.Retention))
		if r.BodyState == store.BodyDisowned {
			// What it had hidden arrives once more by itself.
			b.changes = append(b.changes, Change{Ref: recordRef(r.ID)})
			continue
		}
		if persons[i].Ref != "" {
			b.changes = append(b.changes, persons[i])
		}
		if ct.Kind(r.Header.Kind) != ct.KindRetract {
			continue
		}
		for _, ref := range r.Header.Refs {
			if _, hidden := src.Hidden(ref.ID); hidden {
				b.changes = append(b.changes, Change{Ref: recordRef(ref.ID)})
				last := &b.places[len(b.places)-1]
				last.hides = append(last.hides, ref.ID)
			}
		}
	}
	return nil
}

// personsOf is personOf for many, on all processors; no Ref: none.
func personsOf(rows []store.Row, hidden func(ct.ID) (ct.ID, bool), now time.Time) []Change {
	out := make([]Change, len(rows))
	inParts(len(rows), func(i int) {
		if change, ok := personOf(&rows[i], hidden, now); ok {
			out[i] = change
		}
	})
	return out
}

// inParts calls fn for each of n, on all processors when there are many.
func inParts(n int, fn func(i int)) {
	var parts sync.WaitGroup
	size := max(partAtLeast, n/(4*runtime.GOMAXPROCS(0)))
	for first := 0; first < n; first += size {
		work := func() {
			for i := first; i < min(first+size, n); i++ {
				fn(i)
			}
		}
		if n <= size {
			work()
			return
		}
		parts.Go(work)
	}
	parts.Wait()
}

// partAtLeast is how many persons are worth a goroutine.
const partAtLeast = 64

// personOf gives the person that a record makes known, unless it may not be
// shown: then nobody may be told that it matches. What is not understood takes its
// person out: another version may have read it.
func personOf(r *store.Row, hidden func(ct.ID) (ct.ID, bool), now time.Time) (Change, bool) {
	if ct.Kind(r.Header.Kind) == ct.KindNotification && r.Inadmissible != "" {
		return Change{Ref: recordRef(r.ID)}, true
	}
	if ct.Kind(r.Header.Kind) != ct.KindNotification ||
		r.BodyState != store.BodyHeld || r.Header.Expires.Time().Before(now) {
		return Change{}, false
	}
	if _, ok := hidden(r.ID); ok {
		return Change{}, false
	}
	n, err := wire.DecodeNotification(wire.BodyHeader{
		Topic: ct.Topic(r.Header.Topic), Priority: ct.Priority(r.Header.Priority), TLP: ct.TLP(r.Header.TLP),
		Audience: ct.Audience(r.Header.Audience), Expires: r.Header.Expires,
	}, r.Body)
	if err != nil {
		return Change{}, false // verify has said so: it is inadmissible
	}
	return Change{Ref: recordRef(r.ID), Origin: string(r.State), Person: &n.Person}, true
}

// Forget takes the persons of erased records out. Safe beside Follow.
func (x *Index) Forget(refs []ct.Ref) error {
	for len(refs) > 0 {
		n := min(len(refs), followBatch)
		changes := make([]Change, 0, n)
		for _, r := range refs[:n] {
			changes = append(changes, Change{Ref: recordRef(r.ID)})
		}
		if err := x.write(nil, changes, nil); err != nil {
			return err
		}
		if err := x.forgetNotYet(refs[:n]); err != nil {
			return err
		}
		refs = refs[n:]
	}
	return nil
}
