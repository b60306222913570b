package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	week     = 200_000 // records that a node misses in a week away
	fewOf    = 10      // records missing in the runs that compare a large network with a small one
	smallAll = 1_000   // records of the small one
	fillPart = 200_000 // records signed at a time: not all are held in memory
)

// catchupBench: one node holds everything, another pulls it over loopback TCP
// and TLS: both in this process, a few records again and again, and both in
// processes of their own.
func catchupBench(ctx context.Context, o Options, out func(Result) error) (err error) {
	large, err := newPair(ctx, o, o.Records)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, large.close()) }()
	if err := large.catchUp(ctx, out); err != nil {
		return err
	}
	small, err := newPair(ctx, o, min(smallAll, o.Records))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, small.close()) }()
	if err := small.sync(ctx); err != nil {
		return err
	}
	if err := few(ctx, o, large, small, out); err != nil {
		return err
	}
	return betweenProcesses(ctx, o, large, out)
}

// pair is a node that holds everything and one that is to fetch it.
type pair struct {
	net         *network
	full, empty *peer // full's exchange answers; empty's does what it is told
	records     int
	bytes       int // of the records
	stop        func()
}

func newPair(ctx context.Context, o Options, records int) (*pair, error) {
	net, err := newNetwork(o.Logs, o.Seed)
	if err != nil {
		return nil, err
	}
	full, err := newPeer(ctx, o, net, net.nodes[0], nil)
	if err != nil {
		return nil, err
	}
	p := &pair{net: net, full: full, stop: func() {}}
	part := max(fillPart/o.Logs, 1) * o.Logs // whole turns of all authors: see feedAll
	for left := records; left > 0; left -= part {
		raws, err := net.records(min(part, left), o, net.nodes)
		if err == nil {
			err = feedAll(ctx, full.bed, net, raws, o)
		}
		if err != nil {
			return nil, errors.Join(err, full.close())
		}
		for _, r := range raws {
			p.bytes += len(r)
		}
		p.records += len(raws)
	}
	if p.empty, err = newPeer(ctx, o, net, net.nodes[1], full.host.Addrs()); err != nil {
		return nil, errors.Join(err, full.close())
	}
	p.stop = full.start(ctx)
	if err := p.empty.host.Dial(ctx, full.own.key.Public()); err != nil {
		return nil, errors.Join(fmt.Errorf("catchup: %w", err), p.close())
	}
	return p, nil
}

// start lets a peer answer and dial until the result is called.
func (p *peer) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{p.exchange.Run, p.host.Run} {
		parts.Go(func() { _ = run(ctx) })
	}
	return func() {
		cancel()
		parts.Wait()
	}
}

func (p *pair) close() error {
	p.stop()
	return errors.Join(p.empty.close(), p.full.close())
}

func (p *pair) sync(ctx context.Context) error {
	if err := p.empty.exchange.SyncNow(ctx, p.full.own.key.Public()); err != nil {
		return fmt.Errorf("catchup: %w", err)
	}
	if a, b := p.full.store.Last(), p.empty.store.Last(); a != b {
		return fmt.Errorf("catchup: %d of %d records arrived", b, a)
	}
	return nil
}

// catchUp fetches everything, and then nothing.
func (p *pair) catchUp(ctx context.Context, out func(Result) error) error {
	have, before := p.empty.store.Last(), moved(p.empty.registry, "received")
	start, used := time.Now(), cpu()
	if err := p.sync(ctx); err != nil {
		return err
	}
	wall, busy := time.Since(start), cpu()-used
	got := float64(p.empty.store.Last() - have)
	bytes := moved(p.empty.registry, "received") - before
	if bytes == 0 {
		return fmt.Errorf("catchup: the exchange counts no bytes")
	}
	start = time.Now()
	if err := p.sync(ctx); err != nil {
		return err
	}
	idle, idleBytes := time.Since(start), moved(p.empty.registry, "received")-before-bytes
	chained, perSignature, err := recheck(p.empty.store)
	if err != nil {
		return err
	}
	return all(out,
		Result{Name: "catchup.records", Value: got, Unit: "records"},
		Result{Name: "catchup.record", Value: float64(p.bytes) / got, Unit: "bytes"},
		atLeast("catchup.one-process", got/wall.Seconds(), "records/s, both sides in one process", 60_000),
		Result{Name: "catchup.cpu", Value: float64(busy.Microseconds()) / got, Unit: "us/record, both sides"},
		Result{Name: "catchup.chained", Value: 100 * float64(chained) / got, Unit: "% of the signatures left to the background"},
		Result{Name: "catchup.recheck.cpu", Value: perSignature, Unit: "us/signature, afterwards"},
		atMost("catchup.bytes", bytes/float64(p.bytes), "bytes received per byte of records", 1.2),
		atMost("catchup.nothing-new", idleBytes, fmt.Sprintf("bytes received for %d logs", 2*len(p.net.nodes)), 4096),
		Result{Name: "catchup.nothing-new.time", Value: ms(idle), Unit: "ms"},
	)
}

// few lets both pairs miss a few records, in turn, so that both see the same
// load of the machine.
func few(ctx context.Context, o Options, large, small *pair, out func(Result) error) error {
	rounds := 31
	if o.Quick {
		rounds = 3
	}
	o.Progress = func(string, int, int) {}
	rng := rand.New(rand.NewPCG(o.Seed, 4))
	var took [2][]time.Duration
	extra := 0.0
	for round := range rounds {
		for i, p := range []*pair{large, small} {
			size, err := p.miss(ctx, o, rng)
			if err != nil {
				return err
			}
			before := moved(p.empty.registry, "received", "sent")
			start := time.Now()
			if err := p.sync(ctx); err != nil {
				return err
			}
			took[i] = append(took[i], time.Since(start))
			if i == 0 && round > 0 { // in the first the two have yet to tell each other what they hold
				extra = max(extra, moved(p.empty.registry, "received", "sent")-before-float64(size))
			}
		}
	}
	a, b := ms(percentile(took[0], 50)), ms(percentile(took[1], 50))
	return all(out,
		Result{Name: "catchup.few.large", Value: a, Unit: fmt.Sprintf("ms for %d missing of %d records", fewOf, large.records)},
		Result{Name: "catchup.few.small", Value: b, Unit: fmt.Sprintf("ms for %d missing of %d records", fewOf, small.records)},
		atMost("catchup.few.ratio", a/b, "times the small one's, medians", 1.5),
		atMost("catchup.few.bytes", extra, fmt.Sprintf("bytes both ways beside the records, %d of %d logs changed", fewOf, 2*len(large.net.nodes)), 4096),
	)
}

// miss gives the full node records that the other lacks, each in another log.
func (p *pair) miss(ctx context.Context, o Options, rng *rand.Rand) (size int, err error) {
	var authors []*author
	for _, i := range rng.Perm(len(p.net.nodes))[:min(fewOf, len(p.net.nodes))] {
		authors = append(authors, p.net.nodes[i])
	}
	raws, err := p.net.records(fewOf, o, authors)
	if err != nil {
		return 0, err
	}
	var recs []verify.Record
	for _, raw := range raws {
		r, err := verify.Open(raw, p.net.view, time.Now())
		if err != nil {
			return 0, err
		}
		recs, size = append(recs, r), size+len(raw)
	}
	return size, p.full.ingest.SubmitAll(ctx, recs)
}

// recheck does at once what a node does at leisure: it checks the signatures
// that catch-up took on a later one's word.
func recheck(s *store.Store) (checked int, us float64, err error) {
	used := cpu()
	for {
		n, bad, err := s.Recheck(1024)
		if err != nil {
			return checked, 0, err
		}
		if bad > 0 {
			return checked, 0, fmt.Errorf("catchup: %d bad signatures", bad)
		}
		if n == 0 {
			return checked, float64((cpu() - used).Microseconds()) / float64(max(checked, 1)), nil
		}
		checked += n
	}
}

// moved sums the bytes that an exchange has sent or received.
func moved(reg *prometheus.Registry, directions ...string) float64 {
	families, err := reg.Gather()
	if err != nil {
		return 0
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != "herald_sync_bytes_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				for _, d := range directions {
					if l.GetValue() == d {
						sum += m.GetCounter().GetValue()
					}
				}
			}
		}
	}
	return sum
}
