// Package gossip is the fast hint: it spreads records live over GossipSub and
// hands what arrives to ingest, and it carries the beacons. It promises nothing, and what it loses exchange
// finds. It keeps no record and decides no order.
package gossip

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Config joins gossip to its node.
type Config struct {
	Host       *p2p.Host
	View       func() *roster.View
	Store      *store.Store
	Offer      func(verify.Record) bool // ingest; must not block
	Own        ct.LogID                 // this node's key
	Log        *slog.Logger             // nil: discard
	Registerer prometheus.Registerer    // nil: no metrics

	Signer  keys.Signer                            // signs this node's beacons; nil: it sends none
	Journal func() (entries uint64, head [32]byte) // of the audit journal, for beacons; nil: none
	// Sync is called when a beacon shows that its node holds other records than
	// this one; it must not block. nil: nothing is done.
	Sync  func(node ct.LogID)
	Clock func() time.Time // nil: time.Now; simulations set it wrong
	// Holdings are the digest and the number of the logs that this node holds, as
	// beacons say it.
	Holdings func() (digest [32]byte, logs int)

	// Journals are the journal heads of other nodes that were remembered before
	// the start, and KeepJournals keeps them, at most once a minute; nil: they
	// are remembered until the end.
	Journals     []reconcile.JournalOf
	KeepJournals func([]reconcile.JournalOf) error

	// Sent is the time of the newest beacon that was sent before the start, and
	// KeepSent keeps it, once a minute; nil: only this process's are known again.
	Sent     ct.Millis
	KeepSent func(ct.Millis) error
}

// Gossip is one node's place in the six topics.
type Gossip struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	budget  *budget
	guard   *guard
	taken   *taken
	beacons *beacons
	twin    *twin
	topics  map[string]ct.Topic // by name
}

// New makes a gossip; Run joins the topics.
func New(cfg Config) (*Gossip, error) {
	if cfg.Host == nil || cfg.View == nil || cfg.Store == nil || cfg.Offer == nil {
		return nil, errors.New("gossip: config needs Host, View, Store and Offer")
	}
	if cfg.Holdings == nil && (cfg.Signer != nil || cfg.Sync != nil) {
		return nil, errors.New("gossip: beacons need Holdings")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	topics := map[string]ct.Topic{}
	for _, t := range ct.Topics() {
		topics[topicName(cfg.View().Network(), t)] = t
	}
	return &Gossip{
		cfg:     cfg,
		log:     cfg.Log.With("component", "gossip"),
		metrics: newMetrics(cfg.Registerer),
		budget:  newBudget(),
		guard:   newGuard(),
		taken:   newTaken(),
		beacons: newBeacons(cfg),
		twin:    newTwin(cfg),
		topics:  topics,
	}, nil
}

// Run joins the topics that the store keeps, offers what arrives to ingest and publishes what this
// node's own logs have newly stored, until ctx ends.
func (g *Gossip) Run(ctx context.Context) error {
	opts, err := g.options()
	if err != nil {
		return err
	}
	outer := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends pubsub, also when joining fails
	group, ctx := errgroup.WithContext(ctx)
	ps, err := pubsub.NewGossipSub(ctx, g.cfg.Host.Libp2p(), opts...)
	if err != nil {
		return fmt.Errorf("start gossip: %w", err)
	}
	network := g.cfg.View().Network()
	topics := map[ct.Topic]*pubsub.Topic{}
	var subs []*pubsub.Subscription
	for _, t := range ct.Topics() {
		if !g.cfg.Store.Topics().Has(t) {
			continue
		}
		name := topicName(network, t)
		if err := ps.RegisterTopicValidator(name, g.validator(t), pubsub.WithValidatorInline(true)); err != nil {
			return fmt.Errorf("join topic %s: %w", t, err)
		}
		if topics[t], err = ps.Join(name); err != nil {
			return fmt.Errorf("join topic %s: %w", t, err)
		}
		sub, err := topics[t].Subscribe(pubsub.WithBufferSize(subscriptionBuffer))
		if err != nil {
			return fmt.Errorf("join topic %s: %w", t, err)
		}
		subs = append(subs, sub)
	}
	for _, sub := range subs {
		group.Go(func() error { return g.receive(ctx, sub) })
	}
	group.Go(func() error { return g.publish(ctx, topics) })
	group.Go(func() error { return g.sendBeacons(ctx, topics[ct.TopicControl]) })
	if err := group.Wait(); outer.Err() == nil {
		return err
	}
	return nil
}

// receive only hands on: whatever blocks here makes pubsub drop messages.
func (g *Gossip) receive(ctx context.Context, sub *pubsub.Subscription) error {
	self := g.cfg.Host.Libp2p().ID()
	for {
		msg, err := sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("receive gossip: %w", err)
		}
		if msg.ReceivedFrom == self {
			continue
		}
		if b, ok := msg.ValidatorData.(verify.Beacon); ok {
			g.follow(b.Said())
			continue
		}
		rec, ok := msg.ValidatorData.(verify.Record)
		if !ok {
			continue
		}
		if !g.cfg.Offer(rec) {
			g.metrics.refused.WithLabelValues("ignore", "busy").Inc()
		}
	}
}

func topicName(n ct.NetworkID, t ct.Topic) string {
	return "/herald/1/" + networkLabel(n) + "/" + t.String()
}

// networkLabel is how a network shows in topic names and protocol ids: the
// first eight bytes of its id.
func networkLabel(n ct.NetworkID) string {
	p := n.Prefix()
	return hex.EncodeToString(p[:])
}
