package ingest

import (
	"context"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// CloseLog ends a log where its State has closed it: what is held beyond is
// disowned when it returns. From the moment at which View tells the closing, no
// record enters that log but by SubmitProved. Calls are idempotent.
func (in *Ingest) CloseLog(ctx context.Context, log ct.LogID, c roster.Closing) error {
	return in.rewind(ctx, log, func() error { return in.cfg.Store.CloseLog(log, c.Seq, c.ID) })
}

// Rewind disowns what is held of a closed log after the record at keep, which
// leads to the one that the closing names.
func (in *Ingest) Rewind(ctx context.Context, log ct.LogID, keep uint64) error {
	return in.rewind(ctx, log, func() error { return in.cfg.Store.Rewind(log, keep) })
}

// SubmitProved is SubmitAll for records of a closed log of which the caller
// knows that they lead to the record that the closing names.
func (in *Ingest) SubmitProved(ctx context.Context, recs []verify.Record) error {
	return in.submitAll(ctx, recs, true)
}

func (in *Ingest) rewind(ctx context.Context, log ct.LogID, do func() error) error {
	j := newJob(nil)
	j.rewind = &rewind{log, do}
	select {
	case in.own <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-in.done:
		return ErrClosed
	}
	return in.wait(ctx, j)
}

// rewindAll runs the rewinds of a batch before anything is placed in it. What
// waited for records of such a log, and what was heard of its length, is of no
// use any more. The error is fatal.
func (in *Ingest) rewindAll(jobs []*job) error {
	for _, j := range jobs {
		if j.rewind == nil {
			continue
		}
		log := j.rewind.log
		if j.err = j.rewind.do(); j.err != nil {
			in.log.Error("a closed log was not rewound", "log", log.Short(), "error", j.err)
		}
		if fatal(j.err) {
			return j.err
		}
		in.waiting.drop(log)
		delete(in.ready, log)
		delete(in.seen, log)
	}
	return nil
}

// closing is where the State of a log has closed it; nil: it has not.
func (b *batch) closing(log ct.LogID) *roster.Closing {
	if b.view == nil {
		return nil
	}
	right, _ := b.view.Right(log)
	return right.Closing
}

// placeClosed decides what becomes of a record of a closed log. Which branch
// it is on only the way back from the closing tells (package exchange): until
// then it stays outside, and nothing here is evidence of a fork.
func (b *batch) placeClosed(it item, hd *head, c *roster.Closing) {
	h := it.rec.Header()
	switch {
	case h.Seq <= hd.Size:
		b.again(it, hd)
	case h.Seq > c.Seq: // verified before the closing was known
		b.set(it, Dropped)
	case it.job.proved && !hd.Ends(h.Seq) && h.Seq == hd.Size+1:
		b.next(it, hd)
	default:
		b.gaps[h.Log] = true
		b.set(it, Dropped)
	}
}
