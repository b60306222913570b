package exchange

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

const (
	wantsAhead  = 2    // keeps the peer busy while its last answer is verified and stored
	chunksAhead = 4    // verified and not yet stored, of about 1 MiB at most
	maxPut      = 4096 // records after which no more chunks are stored together
	maxPutSize  = 8    // chunks, for records may be large
)

// submit stores verified records, which are in order within each log.
type submit func(ctx context.Context, recs []verify.Record) error

// open verifies a chunk; see openChunk.
type open func(raws [][]byte, held held) ([]verify.Record, error)

// fetch asks for all of f and stores the answers. Reading, verifying and
// storing overlap; the order of records is kept. When it returns, everything
// that arrived before an error is durable or dropped. Held are the logs with a
// record that cannot be judged now.
func (x *Exchange) fetch(ctx context.Context, e *session, f *reconcile.Fetch, open open, put submit) (_ held, err error) {
	held, unknown := held{}, held{}
	raws, recs := make(chan [][]byte, 1), make(chan []verify.Record, chunksAhead)
	g, ctx := errgroup.WithContext(ctx)
	var broken error // the stream; what came before is stored all the same, and not asked for again
	g.Go(func() error {
		defer close(raws)
		broken = x.read(ctx, e, f, raws, unknown)
		return nil
	})
	g.Go(func() error {
		defer close(recs)
		return e.endOn(x.verifyStage(ctx, open, raws, recs, held))
	})
	g.Go(func() error {
		for chunk := range recs {
			chunk = drain(chunk, recs)
			if err := put(ctx, chunk); err != nil {
				return e.endOn(err)
			}
			x.metrics.records.Add(float64(len(chunk)))
			if len(chunk) >= recheckBatch {
				x.caughtUp.Store(time.Now().UnixMilli())
			}
		}
		return nil
	})
	if err = g.Wait(); err == nil {
		err = broken
	}
	maps.Copy(held, unknown)
	return held, err
}

// drain adds the chunks that have been verified while the last ones were
// stored: a commit costs little more for many records than for a few.
func drain(chunk []verify.Record, recs <-chan []verify.Record) []verify.Record {
	for n := 1; n < maxPutSize && len(chunk) < maxPut; n++ {
		select {
		case more, ok := <-recs:
			if !ok {
				return chunk
			}
			chunk = append(chunk, more...)
		default:
			return chunk
		}
	}
	return chunk
}

// endOn resets the stream when a later stage has failed, which ends the reading.
func (e *session) endOn(err error) error {
	if err != nil {
		_ = e.s.Reset()
	}
	return err
}

func (x *Exchange) verifyStage(ctx context.Context, open open, raws <-chan [][]byte, out chan<- []verify.Record, held held) error {
	for chunk := range raws {
		good, err := open(chunk, held)
		select {
		case out <- good:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read sends the wants and checks that what comes back is what was asked. A
// log with a record of a version that this program does not know ends there.
func (x *Exchange) read(ctx context.Context, e *session, f *reconcile.Fetch, out chan<- [][]byte, unknown held) error {
	for {
		for f.Open() < wantsAhead {
			w := f.Next()
			if w == nil {
				break
			}
			if w.Topics = x.cfg.Store.Topics(); f.Bare {
				w.Topics = 1 << ct.TopicControl
			}
			if err := e.send(&wire.SyncMessage{Want: w}); err != nil {
				return err
			}
		}
		if f.Open() == 0 {
			return nil
		}
		m, err := e.receive()
		if err != nil {
			return err
		}
		if m.Records == nil {
			return fmt.Errorf("%w: want records", errPeer)
		}
		e.got += len(m.Records.Records)
		worth := m.Records.Records[:0]
		for _, raw := range m.Records.Records {
			log, err := got(f, raw)
			if err != nil {
				return fmt.Errorf("%w: %w", errPeer, err)
			}
			if _, short := e.short[log]; short || unknown[log] > 0 {
				continue // it does not follow what came before
			}
			if worth = append(worth, raw); wire.OtherVersion(raw) {
				unknown.add(log, verify.UnknownVersion)
			}
		}
		if len(worth) > 0 {
			select {
			case out <- worth:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if m.Records.Last {
			short, err := f.Done()
			if err != nil {
				return fmt.Errorf("%w: %w", errPeer, err)
			}
			for i, r := range short {
				e.short[r.Log] = i == 0
			}
		}
	}
}

// got checks that a record is the next one asked for.
func got(f *reconcile.Fetch, raw []byte) (ct.LogID, error) {
	if wire.OtherVersion(raw) {
		return f.GotUnknown()
	}
	log, seq, err := wire.Peek(raw)
	if err == nil {
		err = f.Got(log, seq)
	}
	return log, err
}

// submitInOrder stores a chunk.
func (x *Exchange) submitInOrder(ctx context.Context, recs []verify.Record) error {
	if len(recs) == 0 {
		return nil
	}
	return x.stored(x.cfg.Ingest.SubmitAll(ctx, recs))
}

// submitEach offers records for their own sake: halves of forks.
func (x *Exchange) submitEach(ctx context.Context, recs []verify.Record) error {
	for _, r := range recs {
		if _, err := x.cfg.Ingest.Submit(ctx, r); x.stored(err) != nil {
			return err
		}
	}
	return nil
}

// stored tells which outcomes of ingest end a sync. What concerns one log
// alone does not: the log stays where it is.
func (x *Exchange) stored(err error) error {
	if errors.Is(err, ingest.ErrForked) || errors.Is(err, ingest.ErrGap) || errors.Is(err, ingest.ErrRefused) {
		x.log.Debug("a log was not extended", "err", err)
		return nil
	}
	return err
}

// fetchProofs asks for fork proofs: two records of the same log and seq each.
func (x *Exchange) fetchProofs(ctx context.Context, e *session, logs []ct.LogID) error {
	if err := e.send(&wire.SyncMessage{Want: &wire.SyncWant{Forks: logs}}); err != nil {
		return err
	}
	wanted := map[ct.LogID]bool{}
	for _, l := range logs {
		wanted[l] = true
	}
	for got := 0; ; {
		m, err := e.receive()
		if err != nil {
			return err
		}
		if m.Records == nil {
			return fmt.Errorf("%w: want records", errPeer)
		}
		got += len(m.Records.Records)
		if got > 2*len(logs) {
			return fmt.Errorf("%w: more fork proofs than asked for", errPeer)
		}
		e.got += len(m.Records.Records)
		for raws := m.Records.Records; len(raws) > 0; raws = raws[2:] {
			if len(raws) == 1 {
				return fmt.Errorf("%w: half a fork proof", errPeer)
			}
			recs, err := x.openEach(raws[:2], held{})
			if err != nil {
				return err
			}
			if len(recs) < 2 {
				continue // it cannot be judged now
			}
			if !wanted[recs[0].Header().Log] || !wanted[recs[1].Header().Log] {
				return fmt.Errorf("%w: a fork proof that was not asked for", errPeer)
			}
			if _, err := x.cfg.Ingest.SubmitProof(ctx, recs[0], recs[1]); x.stored(err) != nil {
				return err
			}
		}
		if m.Records.Last {
			return nil
		}
	}
}
