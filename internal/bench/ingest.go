package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// bed is a store with its ingest running.
type bed struct {
	dir    string
	store  *store.Store
	ingest *ingest.Ingest
	stop   context.CancelFunc
	run    *errgroup.Group
}

func newBed(ctx context.Context, o Options, net *network) (*bed, error) {
	dir, err := os.MkdirTemp(o.Dir, "bench-")
	if err != nil {
		return nil, err
	}
	b, err := createBed(ctx, dir, net)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return b, nil
}

// createBed makes a store in an empty directory and leaves its key there, for
// a process that opens it later.
func createBed(ctx context.Context, dir string, net *network) (*bed, error) {
	key, err := keys.NewStorage()
	if err != nil {
		return nil, err
	}
	if err := keys.SaveStorage(filepath.Join(dir, "storage.key"), key); err != nil {
		return nil, err
	}
	if err := store.Create(store.Config{Dir: dir, Key: key, Network: net.view.Network()}); err != nil {
		return nil, err
	}
	b, err := openBed(ctx, dir, net)
	if err != nil {
		return nil, err
	}
	recs, err := net.delegations()
	if err == nil {
		_, err = b.store.Append(recs)
	}
	if err != nil {
		return nil, errors.Join(err, b.halt())
	}
	return b, nil
}

func openBed(ctx context.Context, dir string, net *network) (*bed, error) {
	key, err := keys.LoadStorage(filepath.Join(dir, "storage.key"))
	if err != nil {
		return nil, err
	}
	b := &bed{dir: dir}
	if b.store, err = store.Open(store.Config{Dir: dir, Key: key, Network: net.view.Network()}); err != nil {
		return nil, err
	}
	b.ingest = ingest.New(ingest.Config{
		Store: b.store, View: func() *roster.View { return net.view }, Gap: func(ct.LogID) {},
	})
	runCtx, stop := context.WithCancel(ctx)
	b.stop = stop
	b.run, runCtx = errgroup.WithContext(runCtx)
	b.run.Go(func() error { return b.ingest.Run(runCtx) })
	return b, nil
}

// halt stops the writer and closes the store, which stays on the disk.
func (b *bed) halt() error {
	b.stop()
	err := b.run.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, b.store.Close())
}

func (b *bed) close() error { return errors.Join(b.halt(), os.RemoveAll(b.dir)) }

func ingestBench(ctx context.Context, o Options, out func(Result) error) (err error) {
	net, err := newNetwork(o.Logs, o.Seed)
	if err != nil {
		return err
	}
	paced := int(1000 * o.Pace.Seconds())
	raws, err := net.records(o.Records+paced, o, net.nodes)
	if err != nil {
		return err
	}
	b, err := newBed(ctx, o, net)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()

	live, tail := raws[:o.Records], raws[o.Records:]
	bytes := 0
	for _, r := range live {
		bytes += len(r)
	}
	fresh, err := liveRun(ctx, b, net, live, o)
	if err != nil {
		return err
	}
	acks, err := pace(ctx, b, net, tail, o.Pace)
	if err != nil {
		return err
	}
	for _, r := range []Result{
		atLeast("ingest.live", fresh.rate, "records/s", 20_000),
		{Name: "ingest.live.cpu", Value: fresh.us, Unit: "us/record"},
		{Name: "ingest.record", Value: float64(bytes) / float64(len(live)), Unit: "bytes"},
		{Name: "ingest.ack.p50", Value: ms(percentile(acks, 50)), Unit: "ms at 1000/s"},
		atMost("ingest.ack.p99", ms(percentile(acks, 99)), "ms at 1000/s", 10),
	} {
		if err := out(r); err != nil {
			return err
		}
	}
	return largeBench(ctx, b, net, o, fresh, out)
}

// run is what a run over many records cost.
type run struct{ rate, us float64 } // records/s, processor time of one in us

func liveRun(ctx context.Context, b *bed, net *network, raws [][]byte, o Options) (run, error) {
	start, used, first := time.Now(), cpu(), b.store.Last()
	if err := feedAll(ctx, b, net, raws, o); err != nil {
		return run{}, err
	}
	if got := b.store.Last() - first; got != uint64(len(raws)) {
		return run{}, fmt.Errorf("ingest: %d of %d records stored", got, len(raws))
	}
	n := float64(len(raws))
	return run{n / time.Since(start).Seconds(), float64((cpu() - used).Microseconds()) / n}, nil
}

// feedAhead is how many records may be offered and not yet durable: enough for
// the next commit to be full when one ends, and less than the queue holds.
const feedAhead = 8192

// feedAll verifies on all processors and offers as gossip does, no faster than
// records become durable. Each worker has its own logs, so that every log stays
// in order.
func feedAll(ctx context.Context, b *bed, net *network, raws [][]byte, o Options) error {
	workers := min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	logs := len(net.nodes)
	var done atomic.Int64
	first := b.store.Last()
	g, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		g.Go(func() error {
			var last verify.Record
			for i := range raws {
				if i%logs%workers != w {
					continue
				}
				rec, err := verify.Open(raws[i], net.view, time.Now())
				if err != nil {
					return err
				}
				for last := b.store.Last(); done.Load()-int64(last-first) >= feedAhead; last = b.store.Last() {
					if err := b.store.Wait(ctx, last); err != nil {
						return err
					}
				}
				if !b.ingest.Offer(rec) {
					if _, err := b.ingest.Submit(ctx, rec); err != nil {
						return err
					}
				}
				last = rec
				if n := done.Add(1); n%1000 == 0 {
					o.Progress("ingest", int(n), len(raws))
				}
			}
			// The queue is first in, first out: when the last is durable, all are.
			_, err := b.ingest.Submit(ctx, last)
			return err
		})
	}
	err := g.Wait()
	o.Progress("ingest", len(raws), len(raws))
	return err
}

// pace submits one record a millisecond and measures from bytes to durable.
func pace(ctx context.Context, b *bed, net *network, raws [][]byte, d time.Duration) ([]time.Duration, error) {
	acks := make([]time.Duration, len(raws))
	tick := time.NewTicker(d / time.Duration(max(len(raws), 1)))
	defer tick.Stop()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(1024)
	for i, raw := range raws {
		select {
		case <-ctx.Done():
			return nil, g.Wait()
		case <-tick.C:
		}
		g.Go(func() error {
			start := time.Now()
			rec, err := verify.Open(raw, net.view, start)
			if err != nil {
				return err
			}
			for {
				last := b.store.Last() // before: what is waited for may be in when Submit returns
				outcome, err := b.ingest.Submit(ctx, rec)
				if err != nil {
					return err
				}
				if outcome != ingest.Held {
					break
				}
				// A record of the same log that is still on its way: wait for it.
				if err := b.store.Wait(ctx, last); err != nil {
					return err
				}
			}
			acks[i] = time.Since(start)
			return nil
		})
	}
	return acks, g.Wait()
}
