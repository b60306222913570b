package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/gossip"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sync/errgroup"
)

// StackConfig says which lower half of a node to build.
type StackConfig struct {
	Key       *keys.Key
	View      func() *roster.View
	Dir       string
	Underlay  *p2p.Underlay // nil: the operating system, on loopback
	Listen    []string
	Bootstrap []string
	Addresses func() map[ct.LogID][]string // of others; nil: only what Bootstrap tells
	Topics    ct.TopicSet                  // whose bodies it keeps; zero: all
	NoGossip  bool                         // only sync brings records
	NoSync    bool                         // only gossip does
	Answer    func(ctx context.Context, from ct.LogID, req []byte) []byte
	Muted     func(ct.State) bool
	Beacons   bool             // it sends beacons, and syncs with whose beacon says something else
	Clock     func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: discard
}

// Stack is the lower half of a node, as node.New joins it: store, ingest, host,
// gossip and exchange.
type Stack struct {
	Key      *keys.Key
	View     func() *roster.View
	Store    *store.Store
	Ingest   *ingest.Ingest
	Host     *p2p.Host
	Gossip   *gossip.Gossip // nil without gossip
	Exchange *exchange.Exchange
	Metrics  *prometheus.Registry

	stop context.CancelFunc
	run  *errgroup.Group
}

// Start builds a stack and runs it until Close. The store is created when the
// directory holds none.
func Start(cfg StackConfig) (_ *Stack, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Stack{Key: cfg.Key, View: cfg.View, Metrics: prometheus.NewRegistry()}
	own := cfg.Key.Public()
	sc := store.Config{Dir: cfg.Dir, Key: keys.Storage{1}, Network: cfg.View().Network(), Log: cfg.Log, Topics: cfg.Topics}
	if s.Store, err = store.Open(sc); err != nil {
		if err = store.Create(sc); err == nil {
			s.Store, err = store.Open(sc)
		}
	}
	if err != nil {
		return nil, err
	}
	var kick atomic.Pointer[exchange.Exchange]
	s.Ingest = ingest.New(ingest.Config{
		Store: s.Store, View: cfg.View, Log: cfg.Log, Registerer: s.Metrics,
		Gap: func(log ct.LogID) {
			if x := kick.Load(); x != nil {
				x.Kick(log)
			}
		},
	})
	s.Host, err = p2p.New(p2p.Config{
		Key: cfg.Key, Listen: cfg.Listen, Bootstrap: cfg.Bootstrap, View: cfg.View, Muted: cfg.Muted,
		Addresses: cfg.Addresses, Underlay: cfg.Underlay, Log: cfg.Log,
	})
	if err != nil {
		return nil, errors.Join(err, s.Store.Close())
	}
	s.Exchange = exchange.New(exchange.Config{
		Host: s.Host, View: cfg.View, Store: s.Store, Ingest: s.Ingest, Own: own,
		Answer: cfg.Answer, Clock: cfg.Clock, Log: cfg.Log, Registerer: s.Metrics,
	})
	kick.Store(s.Exchange)
	runs := []func(context.Context) error{s.Ingest.Run, s.Host.Run}
	if !cfg.NoSync {
		runs = append(runs, s.Exchange.Run)
	}
	if !cfg.NoGossip {
		gc := gossip.Config{
			Host: s.Host, View: cfg.View, Store: s.Store, Offer: s.Ingest.Offer, Own: own,
			Holdings: s.Exchange.Holdings, Clock: cfg.Clock, Log: cfg.Log, Registerer: s.Metrics,
		}
		if cfg.Beacons {
			gc.Signer, gc.Sync = cfg.Key, s.Exchange.Kick
		}
		s.Gossip, err = gossip.New(gc)
		if err != nil {
			return nil, errors.Join(err, s.Host.Close(), s.Store.Close())
		}
		runs = append(runs, s.Gossip.Run)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.run, ctx = errgroup.WithContext(ctx)
	for _, run := range runs {
		s.run.Go(func() error { return run(ctx) })
	}
	return s, nil
}

// Close ends the stack in the reverse order of its building.
func (s *Stack) Close() error {
	s.stop()
	err := s.run.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.Host.Close(), s.Store.Close())
}

// Publish signs a record with the node's key at its log's head and returns
// when it is durable.
func (s *Stack) Publish(ctx context.Context, topic ct.Topic, body []byte) (verify.Record, error) {
	v := s.View()
	own := s.Key.Public()
	right, ok := v.Right(own)
	if !ok {
		return verify.Record{}, fmt.Errorf("node %s is not delegated", own.Short())
	}
	return s.Ingest.Author(ctx, own, right.First, func(at wire.Next) (verify.Record, error) {
		h := Header(v.Network(), own, topic, time.Now())
		at.Put(&h, right.Growth.Line)
		return Sign(s.Key, v, h, body)
	})
}

// Counter is the value of one of the stack's counters; labels are name, value, …
func (s *Stack) Counter(name string, labels ...string) float64 {
	families, err := s.Metrics.Gather()
	if err != nil {
		return -1
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			match := true
			for i := 0; i+1 < len(labels); i += 2 {
				match = match && slices.ContainsFunc(m.GetLabel(), func(p *dto.LabelPair) bool {
					return p.GetName() == labels[i] && p.GetValue() == labels[i+1]
				})
			}
			if match {
				total += m.GetCounter().GetValue()
			}
		}
	}
	return total
}
