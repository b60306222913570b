package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// Run is the writer. It returns nil when the context ends, after the commit at
// hand, and an error when the store has stopped. It is called once.
func (in *Ingest) Run(ctx context.Context) error {
	defer close(in.done) // those who wait withdraw what is still queued
	for {
		jobs := in.collect(nil)
		if len(jobs) == 0 && len(in.ready) == 0 {
			select {
			case j := <-in.own:
				jobs = in.collect(in.taken(nil, j))
			case j := <-in.queue:
				jobs = in.collect(in.taken(nil, j))
			case <-ctx.Done():
				return nil
			}
		}
		jobs = in.gather(ctx, jobs)
		if err := in.process(jobs); err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// gather lets records of gossip, which nobody waits for, come together when
// they come fast: a commit's cost is shared by its records, and one of a small
// commit costs three times as much as one of a thousand. Whoever waits, an
// author first, ends it.
func (in *Ingest) gather(ctx context.Context, jobs []*job) []*job {
	waited := func(j *job) bool { return j.done != nil }
	if in.lately < lingerFrom || len(jobs) == 0 || len(jobs) >= lingerFor || len(in.ready) > 0 || slices.ContainsFunc(jobs, waited) {
		return jobs
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case j := <-in.own:
		jobs = in.taken(jobs, j)
	case <-in.hurry:
	case <-timer.C:
	case <-ctx.Done():
	}
	return in.collect(jobs)
}

// collect takes what is queued, without waiting, until a commit has enough.
func (in *Ingest) collect(jobs []*job) []*job {
	n := 0
	for _, j := range jobs {
		n += max(1, len(j.recs))
	}
	for n < maxCommit {
		var j *job
		select {
		case j = <-in.own:
		default:
			select {
			case j = <-in.queue:
			default:
				return jobs
			}
		}
		jobs = in.taken(jobs, j)
		n += max(1, len(j.recs))
	}
	return jobs
}

// taken makes room in the queue and leaves out what its caller withdrew.
func (in *Ingest) taken(jobs []*job, j *job) []*job {
	in.room.give(j.cost)
	if !j.claim() {
		return jobs
	}
	return append(jobs, j)
}

// process brings a batch to its end: every job is answered. The error is fatal.
func (in *Ingest) process(jobs []*job) error {
	errRewind := in.rewindAll(jobs)
	b := newBatch(in)
	for _, j := range jobs {
		if j.author != nil {
			b.sign(j)
			continue
		}
		if j.proof {
			b.prove(j)
			continue
		}
		for i, rec := range j.recs {
			b.place(item{rec, j, i})
		}
	}
	b.release()
	err := in.commit(b)
	in.settle(b, jobs)
	if err := errors.Join(errRewind, err); fatal(err) {
		return err
	}
	return nil
}

// fatal tells whether the store is beyond use; a full one is not.
func fatal(err error) bool {
	return errors.Is(err, store.ErrStopped) || errors.Is(err, store.ErrClosed)
}

// commit makes a batch durable: records, then bodies and fork proofs, which may
// be of those records. What failed is taken back, and only that: an error says
// that a record is not in.
func (in *Ingest) commit(b *batch) error {
	if len(b.appends)+len(b.fills)+len(b.forks) == 0 {
		return nil
	}
	start := time.Now()
	if start.Before(in.fullUntil) {
		b.fail(store.ErrFull, &b.onAppend, &b.onFill, &b.onFork)
		return nil
	}
	err := in.append(b)
	if err != nil {
		b.fail(err, &b.onAppend, &b.onFill, &b.onFork)
	} else {
		errFill, errFork := in.fill(b), in.putForks(b)
		err = errors.Join(errFill, errFork)
	}
	// With a ballast there is room for retractions from now on; without one, or
	// when that room is used up too, nothing is tried for a moment.
	if errors.Is(err, store.ErrFull) && (b.full || in.cfg.Store.Full().IsZero()) {
		in.fullUntil = start.Add(fullPause)
	}
	if err != nil {
		in.log.Error("records were not stored", "error", err)
	}
	in.metrics.commit.Observe(time.Since(start).Seconds())
	n := len(b.appends) + len(b.fills)
	if start.Sub(in.since) >= linger {
		in.since, in.lately = start, 0
	}
	in.lately += n
	in.metrics.batch.Observe(float64(n))
	return err
}

func (in *Ingest) append(b *batch) error {
	if len(b.appends) == 0 {
		return nil
	}
	_, err := in.cfg.Store.Append(records(b.appends))
	return err
}

func (in *Ingest) fill(b *batch) error {
	if len(b.fills) == 0 {
		return nil
	}
	_, err := in.cfg.Store.FillBodies(records(b.fills))
	if err != nil {
		b.fail(err, &b.onFill)
	}
	return err
}

func (in *Ingest) putForks(b *batch) error {
	for _, f := range b.forks {
		if err := in.putFork(f); err != nil {
			b.fail(err, &b.onFork)
			return err
		}
	}
	return nil
}

func (in *Ingest) putFork(f fork) error {
	h := f.b.rec.Header()
	in.log.Warn("fork: a key has signed two histories of its log", "log", h.Log.Short(), "seq", h.Seq, "state", f.b.rec.State())
	if f.a != nil {
		return in.cfg.Store.PutFork(*f.a, f.b.rec)
	}
	return in.cfg.Store.PutForkHeld(f.b.rec)
}

// settle asks for what is missing and answers the callers, last: they find
// everything that they may look at up to date.
func (in *Ingest) settle(b *batch, jobs []*job) {
	in.metrics.waiting.Store(int64(in.waiting.n))
	var tally [len(outcomeNames)]int
	for _, j := range append(jobs, b.loose) {
		for _, o := range j.outcomes {
			tally[o]++
		}
	}
	for o, n := range tally {
		if n > 0 {
			in.metrics.count(Outcome(o), n)
		}
	}
	for log := range b.gaps {
		in.gap(log)
	}
	for _, j := range jobs {
		if j.done != nil {
			close(j.done)
		}
	}
}

func records(items []item) []verify.Record {
	recs := make([]verify.Record, len(items))
	for i, it := range items {
		recs[i] = it.rec
	}
	return recs
}

// item is a record on its way, and the place for its outcome.
type item struct {
	rec verify.Record
	job *job
	i   int
}

// fork is a record that contradicts a, or what is held when a is nil.
type fork struct {
	a *verify.Record
	b item
}

// head is a log's head as it will be after the batch.
type head struct {
	store.Head
	held  uint64          // size in the store
	seen  uint64          // as Ingest.seen
	added []verify.Record // by this batch: held+1 and on
}

// at is the record that this batch adds at seq, if it does.
func (h *head) at(seq uint64) (verify.Record, bool) {
	if seq <= h.held || seq-h.held > uint64(len(h.added)) {
		return verify.Record{}, false
	}
	return h.added[seq-h.held-1], true
}

func (in *Ingest) head(log ct.LogID) *head {
	h, _ := in.cfg.Store.Head(log)
	return &head{Head: h, held: h.Size, seen: in.seen[log]}
}
