package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"golang.org/x/sync/errgroup"
)

// fillRange is the records of a range of the filled store.
const fillRange = 1024

// largeBench goes on where ingestBench has measured a fresh store: it fills the
// store, measures again, and lets the index follow all of it.
func largeBench(ctx context.Context, b *bed, net *network, o Options, fresh run, out func(Result) error) error {
	start, first := time.Now(), b.store.Last()
	if err := fill(ctx, b, net, o); err != nil {
		return err
	}
	filled := float64(b.store.Last()-first) / time.Since(start).Seconds()
	paced := int(1000 * o.Pace.Seconds())
	raws, err := net.records(o.Records+paced, o, net.nodes)
	if err != nil {
		return err
	}
	large, err := liveRun(ctx, b, net, raws[:o.Records], o)
	if err != nil {
		return err
	}
	for _, r := range []Result{
		{Name: "ingest.fill", Value: filled, Unit: "records/s, by ranges, signed and stored here"},
		{Name: "ingest.held", Value: float64(b.store.Last()), Unit: "records"},
		{Name: "ingest.held.live", Value: large.rate, Unit: "records/s"},
		{Name: "ingest.held.cpu", Value: large.us, Unit: "us/record"},
		atLeast("ingest.held.share", 100*large.rate/fresh.rate, "% of the fresh store's rate", 80),
		{Name: "ingest.held.cpu.share", Value: 100 * large.us / fresh.us, Unit: "% of the fresh store's processor time"},
	} {
		if err := out(r); err != nil {
			return err
		}
	}
	return indexBench(ctx, b, net, o, raws[o.Records:], out)
}

// fill brings the store to o.Held records by ranges that one signature proves,
// which is all that makes it faster than what it fills for.
func fill(ctx context.Context, b *bed, net *network, o Options) error {
	forms, err := net.forms()
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(o.Seed, 3))
	for i := 0; b.store.Last() < uint64(o.Held); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		a := net.nodes[i%len(net.nodes)]
		raws := make([][]byte, min(fillRange, o.Held-int(b.store.Last())))
		for j := range raws {
			a.bare = j < len(raws)-1
			f := forms[rng.IntN(len(forms))]
			if raws[j], err = a.next(net, f.body, f.topic, rng); err != nil {
				return err
			}
		}
		recs, err := verify.OpenRange(raws, net.view, time.Now())
		if err != nil {
			return err
		}
		if err := b.ingest.SubmitAll(ctx, recs); err != nil {
			return err
		}
		o.Progress("fill the store", int(b.store.Last()), o.Held)
	}
	return nil
}

// indexBench lets an index follow the whole store, and then, at a thousand
// records a second, measures how far it is behind.
func indexBench(ctx context.Context, b *bed, net *network, o Options, paced [][]byte, out func(Result) error) (err error) {
	key, err := keys.NewStorage()
	if err != nil {
		return err
	}
	x, err := index.Open(index.Config{Path: filepath.Join(b.dir, "index.db"), Key: key})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	following, stop := context.WithCancel(ctx)
	defer stop()
	g, following := errgroup.WithContext(following)
	g.Go(func() error {
		return x.Follow(following, source(b.store))
	})
	start, used, last := time.Now(), cpu(), b.store.Last()
	for x.Cursors().Store < last && following.Err() == nil {
		o.Progress("index the store", int(x.Cursors().Store), int(last))
		_ = pause(following, 20*time.Millisecond)
	}
	wall, busy := time.Since(start), cpu()-used

	var lags []time.Duration
	pacing, paceDone := context.WithCancel(following)
	var acks []time.Duration
	g.Go(func() (err error) {
		defer paceDone()
		acks, err = pace(following, b, net, paced, o.Pace)
		return err
	})
	lags = followLag(pacing, b, x)
	stop()
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	n := float64(last)
	for _, r := range []Result{
		{Name: "ingest.index", Value: n / wall.Seconds(), Unit: "records/s, all that is held"},
		{Name: "ingest.index.cpu", Value: float64(busy.Microseconds()) / n, Unit: "us/record"},
		{Name: "ingest.index.lag.p50", Value: ms(percentile(lags, 50)), Unit: "ms at 1000/s"},
		{Name: "ingest.index.lag.p99", Value: ms(percentile(lags, 99)), Unit: "ms at 1000/s"},
		{Name: "ingest.held.ack.p50", Value: ms(percentile(acks, 50)), Unit: "ms at 1000/s, indexing"},
		atMost("ingest.held.ack.p99", ms(percentile(acks, 99)), "ms at 1000/s, indexing", 10),
	} {
		if err := out(r); err != nil {
			return err
		}
	}
	return nil
}

// source is a store without lists of the State's own.
func source(s *store.Store) index.Source {
	return index.Source{
		Wait: s.Wait, Read: s.Read, Hidden: s.Hidden,
		Lists:     func(after uint64, _ int) ([]index.Change, uint64, error) { return nil, after, nil },
		WaitLists: func(ctx context.Context, _ uint64) error { <-ctx.Done(); return ctx.Err() },
	}
}

// followLag samples how long what is durable takes to be indexed.
func followLag(ctx context.Context, b *bed, x *index.Index) []time.Duration {
	type sample struct {
		at   time.Time
		last uint64
	}
	var open []sample
	var lags []time.Duration
	for ctx.Err() == nil {
		if last := b.store.Last(); len(open) == 0 || open[len(open)-1].last < last {
			open = append(open, sample{time.Now(), last})
		}
		for reached := x.Cursors().Store; len(open) > 0 && open[0].last <= reached; open = open[1:] {
			lags = append(lags, time.Since(open[0].at))
		}
		_ = pause(ctx, 5*time.Millisecond)
	}
	return lags
}
