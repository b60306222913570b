// Package ingest is the one door into the store: a single writer that takes
// verified records from gossip, sync and the node's own publishing, puts them
// into the order of their logs, finds forks, and commits whatever is queued
// together. It does not verify, talk to peers or decide what is shown.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of the queue and of a commit.
const (
	maxQueued  = 64 << 20 // bytes that wait for the writer, see cost
	maxJobs    = 16384    // submissions that wait for the writer
	maxOwn     = 256      // records of this node that wait for the writer
	maxCommit  = 4096     // records after which no more submissions join a commit
	maxRange   = 2048     // chained records in a row
	maxChunk   = 1024     // records of one submission, but for a range that is longer
	maxAppend  = 4096     // records of one commit, with those that waited for a gap to close
	fullPause  = time.Second
	lingerFrom = 64                    // records within linger after which a commit may wait for more,
	lingerFor  = 2048                  // until so many are there
	linger     = 50 * time.Millisecond // or so long, unless somebody waits for one of them
	recordCost = 256                   // bytes of memory beside the raw record
)

// Errors of Submit, SubmitAll and Author beside those of the store.
var (
	ErrForked  = errors.New("the log is forked and not extended")
	ErrGap     = errors.New("records before this one are missing")
	ErrRefused = errors.New("the log may not add this record")
	ErrClosed  = errors.New("ingest has stopped")
)

// errNoRoom is what a new record gets while the disk is full.
var errNoRoom = fmt.Errorf("%w: new records are refused until there is room", store.ErrFull)

// Outcome is what became of a record.
type Outcome uint8

const (
	Stored     Outcome = iota + 1 // new and durable
	Duplicate                     // held already
	BodyFilled                    // was held without its body; durable
	Held                          // waits in memory for the records before it
	Forked                        // contradicts its log, or its log is contested; the proof is durable
	Dropped                       // too far ahead of its log, or a fork not yet proved: sync brings it again
	Refused                       // its log may not speak, or it does not follow the record before it
	failed                        // not stored: the store is full or has stopped
)

var outcomeNames = [...]string{"none", "stored", "duplicate", "body-filled", "held", "forked", "dropped", "refused", "failed"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("unknown(%d)", uint8(o))
}

// err is what SubmitAll reports of a record that did not get in.
func (o Outcome) err() error {
	switch o {
	case Held, Dropped:
		return ErrGap
	case Forked:
		return ErrForked
	case Refused:
		return ErrRefused
	}
	return nil
}

// Config joins the writer to its neighbours.
type Config struct {
	Store *store.Store
	// View is the roster in force: a record that waited is refused when its
	// log has lost the right to speak meanwhile. Nil: not asked.
	View func() *roster.View
	// Gap asks for a sync of a log. It is called by the writer and by Offer
	// and must not block. Nil: nobody is asked.
	Gap        func(ct.LogID)
	Log        *slog.Logger          // nil: slog.Default()
	Registerer prometheus.Registerer // nil: no metrics
}

// Ingest is the writer and its queue.
type Ingest struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics

	own   chan *job // Author: goes before the rest
	queue chan *job
	hurry chan struct{} // holds one when somebody waits for what is queued
	room  *room         // maxQueued
	done  chan struct{} // closed when Run has ended

	// The writer's own, touched by Run only.
	waiting   reorder
	ready     map[ct.LogID]bool   // logs whose waiting records may go in, left over from a full commit
	seen      map[ct.LogID]uint64 // highest seq with a good signature, also of records not held
	fullUntil time.Time           // after a full disk nothing is tried until then
	since     time.Time           // a commit's start: the first one linger or more after the last since
	lately    int                 // records of the commits from then on
}

// New makes an Ingest; Run makes it work.
func New(cfg Config) *Ingest {
	in := &Ingest{
		cfg:   cfg,
		log:   cfg.Log,
		own:   make(chan *job, maxOwn),
		queue: make(chan *job, maxJobs),
		hurry: make(chan struct{}, 1),
		room:  newRoom(maxQueued),
		done:  make(chan struct{}),
		ready: make(map[ct.LogID]bool),
		seen:  make(map[ct.LogID]uint64),
	}
	if in.log == nil {
		in.log = slog.Default()
	}
	in.log = in.log.With("component", "ingest")
	in.metrics = newMetrics(in)
	return in
}

// Submit brings one record in. Stored, Duplicate and BodyFilled are durable
// when it returns. It waits while the queue is full.
func (in *Ingest) Submit(ctx context.Context, rec verify.Record) (Outcome, error) {
	j := newJob([]verify.Record{rec})
	if err := in.enqueue(ctx, j); err != nil {
		return 0, err
	}
	if err := in.wait(ctx, j); err != nil {
		return 0, err
	}
	return j.outcomes[0], nil
}

// SubmitAll brings in a chunk of sync, in its order, and returns when all of
// it is durable. A range that proves itself by its last record is committed in
// whole or not at all; it may have 2,048 records. When some of it is not, the error says why of the first;
// the rest is in. ErrGap, ErrForked and ErrRefused tell of the record,
// store.ErrFull and others of this node.
func (in *Ingest) SubmitAll(ctx context.Context, recs []verify.Record) error {
	return in.submitAll(ctx, recs, false)
}

func (in *Ingest) submitAll(ctx context.Context, recs []verify.Record, proved bool) error {
	var jobs []*job
	for len(recs) > 0 {
		n := chunk(recs)
		if n > maxChunk+maxRange {
			return fmt.Errorf("a range of more than %d records", maxRange)
		}
		j := newJob(recs[:n:n])
		j.proved = proved
		recs = recs[n:]
		if err := in.enqueue(ctx, j); err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	var first error
	for _, j := range jobs {
		if err := in.wait(ctx, j); err != nil {
			return err
		}
		for i, o := range j.outcomes {
			if err := o.err(); err != nil && first == nil {
				h := j.recs[i].Header()
				first = fmt.Errorf("record %d of log %s: %w", h.Seq, h.Log.Short(), err)
			}
		}
	}
	return first
}

// SubmitProof brings in the two records of a fork proof: a, and b at its seq or
// after it, which contradicts a. They need not be near what is held of their
// log. The outcome is Forked and the proof durable, or Dropped: it is none, or
// of a log that its State has closed.
func (in *Ingest) SubmitProof(ctx context.Context, a, b verify.Record) (Outcome, error) {
	j := newJob([]verify.Record{a, b})
	j.proof = true
	if err := in.enqueue(ctx, j); err != nil {
		return 0, err
	}
	if err := in.wait(ctx, j); err != nil {
		return 0, err
	}
	return j.outcomes[1], nil
}

// chunk is how many records make one submission. It never ends inside a range:
// what is held for a later signature's sake is committed together with it.
func chunk(recs []verify.Record) int {
	size, end := int64(0), 0
	for i, r := range recs {
		if size += cost(r); end > 0 && (i >= maxChunk || size > maxQueued/8) {
			return end
		}
		if !r.Chained() {
			end = i + 1
		}
	}
	return len(recs)
}

// Offer brings in a record of gossip. It never blocks: false means that the
// queue is full, the record dropped and a sync of its log asked for.
func (in *Ingest) Offer(rec verify.Record) bool {
	j := newOffer(rec)
	if in.room.try(j.cost) {
		select {
		case in.queue <- j:
			return true
		default:
			in.room.give(j.cost)
		}
	}
	in.metrics.count(Dropped, 1)
	in.gap(rec.Header().Log)
	return false
}

// Author adds a record of this node's own to a log. The writer calls sign with
// what the head of the log dictates of the record; sign must be quick. first is prev of the log's first record. Records of several
// callers share a commit; what is returned is durable. When the context ends
// before the record is signed it will not be; afterwards Author waits, so that
// an error means: not published. (store.ErrStopped alone means: look after the
// restart.)
//
// It refuses with ErrGap while a record of the log is known that is not held:
// signing then would fork the log.
func (in *Ingest) Author(ctx context.Context, log ct.LogID, first ct.ID, sign func(wire.Next) (verify.Record, error)) (verify.Record, error) {
	j := newJob(nil)
	j.author = &author{log, first, sign}
	select {
	case in.own <- j:
	case <-ctx.Done():
		return verify.Record{}, ctx.Err()
	case <-in.done:
		return verify.Record{}, ErrClosed
	}
	if err := in.wait(ctx, j); err != nil {
		return verify.Record{}, err
	}
	return j.recs[0], nil
}

func (in *Ingest) enqueue(ctx context.Context, j *job) error {
	if err := in.room.wait(ctx, in.done, j.cost); err != nil {
		return err
	}
	select {
	case in.queue <- j:
		select {
		case in.hurry <- struct{}{}:
		default:
		}
		return nil
	case <-ctx.Done():
		in.room.give(j.cost)
		return ctx.Err()
	case <-in.done:
		in.room.give(j.cost)
		return ErrClosed
	}
}

// wait waits for the writer. Whoever gives up withdraws the job, unless the
// writer has begun it: then the end is near and worth knowing.
func (in *Ingest) wait(ctx context.Context, j *job) error {
	var gaveUp error
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		gaveUp = ctx.Err()
	case <-in.done:
		gaveUp = ErrClosed
	}
	if j.claim() {
		return gaveUp
	}
	<-j.done
	return j.err
}

func (in *Ingest) gap(log ct.LogID) {
	if in.cfg.Gap != nil {
		in.cfg.Gap(log)
	}
}
