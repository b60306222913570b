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
	return joinPeer(b, net, own, dial)
}

// joinPeer gives a bed its host. The bed is closed when that fails.
func joinPeer(b *bed, net *network, own *author, dial []string) (*peer, error) {
	p := &peer{bed: b, own: own, registry: prometheus.NewRegistry()}
	view := func() *roster.View { return net.view }
	var err error
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
