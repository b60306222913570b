package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/gossip"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// peer is a bed with a host on loopback.
type peer struct {
	*bed
	own      *author
	host     *p2p.Host
	exchange *exchange.Exchange
	registry *prometheus.Registry
}

func newPeer(ctx context.Context, o Options, net *network, own *author, dial []string) (*peer, error) {
	b, err := newBed(ctx, o, net)
	if err != nil {
		return nil, err
	}
	p := &peer{bed: b, own: own, registry: prometheus.NewRegistry()}
	view := func() *roster.View { return net.view }
	p.host, err = p2p.New(p2p.Config{
		Key: own.key, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, View: view, Bootstrap: dial,
	})
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	p.exchange = exchange.New(exchange.Config{
		Host: p.host, View: view, Store: b.store, Ingest: b.ingest, Own: own.key.Public(), Registerer: p.registry,
	})
	return p, nil
}

func (p *peer) close() error { return errors.Join(p.host.Close(), p.bed.close()) }

// catchupBench: one node holds everything, another pulls it over loopback TCP
// and TLS. Both run in this process, so the processors are shared.
func catchupBench(ctx context.Context, o Options, out func(Result) error) (err error) {
	net, err := newNetwork(o.Logs, o.Seed)
	if err != nil {
		return err
	}
	full, err := newPeer(ctx, o, net, net.nodes[0], nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, full.close()) }()
	raws, err := net.records(o.Records, o, net.nodes)
	if err != nil {
		return err
	}
	if err := feedAll(ctx, full.bed, net, raws, o); err != nil {
		return err
	}
	empty, err := newPeer(ctx, o, net, net.nodes[1], full.host.Addrs())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, empty.close()) }()

	runCtx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{full.exchange.Run, full.host.Run} {
		parts.Go(func() { _ = run(runCtx) })
	}
	defer parts.Wait()
	defer stop()
	if err := empty.host.Dial(ctx, full.own.key.Public()); err != nil {
		return fmt.Errorf("catchup: %w", err)
	}
	size := 0
	for _, r := range raws {
		size += len(r)
	}
	have, before := empty.store.Last(), received(empty.registry)
	start, used := time.Now(), cpu()
	if err := empty.exchange.SyncNow(ctx, full.own.key.Public()); err != nil {
		return fmt.Errorf("catchup: %w", err)
	}
	wall, busy := time.Since(start), cpu()-used
	got := float64(empty.store.Last() - have)
	if int(got) != len(raws) {
		return fmt.Errorf("catchup: %g of %d records arrived", got, len(raws))
	}
	moved := received(empty.registry) - before
	if moved == 0 {
		return fmt.Errorf("catchup: the exchange counts no bytes")
	}
	start = time.Now()
	if err := empty.exchange.SyncNow(ctx, full.own.key.Public()); err != nil {
		return err
	}
	idle, idleBytes := time.Since(start), received(empty.registry)-before-moved
	chained, perSignature, err := recheck(empty.store)
	if err != nil {
		return err
	}
	for _, r := range []Result{
		atLeast("catchup.one-process", got/wall.Seconds(), "records/s, both sides in one process", 60_000),
		{Name: "catchup.cpu", Value: float64(busy.Microseconds()) / got, Unit: "us/record, both sides"},
		{Name: "catchup.chained", Value: 100 * float64(chained) / got, Unit: "% of the signatures left to the background"},
		{Name: "catchup.recheck.cpu", Value: perSignature, Unit: "us/signature, afterwards"},
		atMost("catchup.bytes", moved/float64(size), "bytes received per byte of records", 1.2),
		atMost("catchup.nothing-new", idleBytes, fmt.Sprintf("bytes received for %d logs", o.Logs), 4096),
		{Name: "catchup.nothing-new.time", Value: ms(idle), Unit: "ms"},
	} {
		if err := out(r); err != nil {
			return err
		}
	}
	return nil
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

// received sums the bytes that an exchange has read.
func received(reg *prometheus.Registry) float64 {
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
				if l.GetValue() == "received" {
					sum += m.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}

// gossipBench: nodes on loopback, all connected, one author after the other.
// It measures live spreading alone: sync does not run.
func gossipBench(ctx context.Context, o Options, out func(Result) error) (err error) {
	paced, burst := 200, 1000
	if o.Quick {
		paced, burst = 20, 40
	}
	net, err := newNetwork(o.Nodes, o.Seed)
	if err != nil {
		return err
	}
	var peers []*peer
	defer func() {
		for _, p := range peers {
			err = errors.Join(err, p.close())
		}
	}()
	runCtx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	var dial []string
	for _, a := range net.nodes {
		p, err := newPeer(ctx, o, net, a, dial)
		if err != nil {
			return err
		}
		peers = append(peers, p)
		dial = append(dial, p.host.Addrs()...)
		g, err := gossip.New(gossip.Config{
			Host: p.host, View: func() *roster.View { return net.view }, Store: p.store,
			Offer: p.ingest.Offer, Own: a.key.Public(), Registerer: p.registry,
		})
		if err != nil {
			return err
		}
		parts.Go(func() { _ = g.Run(runCtx) })
	}
	for i, p := range peers {
		for _, q := range peers[:i] {
			if err := p.host.Dial(ctx, q.own.key.Public()); err != nil {
				return fmt.Errorf("gossip: connect: %w", err)
			}
		}
	}
	// A mesh forms within a few heartbeats of a second each.
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	gen, rng := synth.New(o.Seed), rand.New(rand.NewPCG(o.Seed, 3))
	sign := func(a *peer) (verify.Record, error) {
		n := gen.Notification(ct.TopicArrival, time.Now())
		body, err := wire.EncodeNotification(n)
		if err != nil {
			return verify.Record{}, err
		}
		raw, err := a.own.next(net, body, n.Topic, rng)
		if err != nil {
			return verify.Record{}, err
		}
		return verify.Open(raw, net.view, time.Now())
	}

	watch := newWatch(peers)
	parts.Go(func() { watch.run(runCtx) })
	// All nodes share one disk here: faster, and it is their syncs that are measured.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := range paced {
		<-tick.C
		at, from := time.Now(), peers[i%len(peers)]
		rec, err := sign(from)
		if err != nil {
			return err
		}
		watch.sent(rec.ID(), at)
		if _, err := from.ingest.Submit(ctx, rec); err != nil {
			return err
		}
		o.Progress("gossip", i+1, paced)
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	each, last := watch.delays(len(peers))
	var records []verify.Record
	for range burst {
		rec, err := sign(peers[0])
		if err != nil {
			return err
		}
		records = append(records, rec)
	}
	start := time.Now()
	if err := peers[0].ingest.SubmitAll(ctx, records); err != nil {
		return err
	}
	want := (burst + paced) * len(peers)
	deadline := time.Now().Add(30 * time.Second)
	for watch.count() < want && time.Now().Before(deadline) {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	took := time.Since(start)
	for _, r := range []Result{
		{Name: "gossip.nodes", Value: float64(len(peers)), Unit: "nodes on loopback"},
		{Name: "gossip.delivery.p50", Value: ms(percentile(each, 50)), Unit: "ms from publish to durable, at 10/s"},
		atMost("gossip.delivery.p99", ms(percentile(each, 99)), "ms from publish to durable, at 10/s", 200),
		{Name: "gossip.everywhere.p99", Value: ms(percentile(last, 99)), Unit: "ms until the last node has it"},
		atLeast("gossip.burst", 100*float64(watch.count()-paced*len(peers))/float64(burst*len(peers)), fmt.Sprintf("%% of a burst of %d delivered without sync", burst), 100),
		{Name: "gossip.burst.time", Value: took.Seconds(), Unit: "s"},
	} {
		if err := out(r); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// watch notes when each node holds each record.
type watch struct {
	peers []*peer
	mu    sync.Mutex
	at    map[ct.ID][]time.Time
	start map[ct.ID]time.Time
	seen  int
}

func newWatch(peers []*peer) *watch {
	return &watch{peers: peers, at: map[ct.ID][]time.Time{}, start: map[ct.ID]time.Time{}}
}

func (w *watch) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range w.peers {
		all.Go(func() {
			cursor := p.store.Last()
			for p.store.Wait(ctx, cursor) == nil {
				now := time.Now()
				rows, err := p.store.Read(cursor, 1000, false)
				if err != nil {
					return
				}
				w.note(rows, now)
				if len(rows) > 0 {
					cursor = rows[len(rows)-1].Cursor
				}
			}
		})
	}
	all.Wait()
}

func (w *watch) note(rows []store.Row, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen += len(rows)
	for _, r := range rows {
		w.at[r.ID] = append(w.at[r.ID], now)
	}
}

func (w *watch) sent(id ct.ID, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.start[id] = at
}

func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// delays gives every delivery's delay, and for each record the last one's.
// What has not arrived at all n nodes counts as an hour.
func (w *watch) delays(n int) (each, last []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, start := range w.start {
		longest := time.Duration(0)
		for _, at := range w.at[id] {
			d := at.Sub(start)
			each = append(each, d)
			longest = max(longest, d)
		}
		if len(w.at[id]) < n {
			longest = time.Hour
		}
		last = append(last, longest)
	}
	return each, last
}
