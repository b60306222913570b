// Package node is one herald node: the place where the parts are joined. It
// is public and embeddable: New acquires everything, Run works until its
// context ends, Close gives everything back. It holds no rules of its own.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/gossip"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// Node is a running member of a network.
type Node struct {
	cfg   Config
	key   *keys.Key
	pen   *pen // the key, for records
	own   ct.LogID
	state ct.State
	start time.Time

	view      atomic.Pointer[roster.View]
	changed   chan struct{} // the roster has changed
	rootReads atomic.Uint64 // records of root logs given to the roster
	mutes     *mutes
	directory directory

	store    *store.Store
	index    *index.Index
	ingest   *ingest.Ingest
	host     *p2p.Host
	gossip   *gossip.Gossip
	exchange *exchange.Exchange
	journal  *journal.Journal
	desk     *desk.Desk
	feed     *feed.Feed
	api      *api.Server
	gate     *gate
	scrub    *scrub

	closers []func() error
}

// New opens the data directory and joins the parts. It is one straight line
// on purpose: what is opened first is closed last, and a failure half way
// gives back all that was taken.
func New(ctx context.Context, cfg Config) (_ *Node, err error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, start: time.Now(), changed: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	log := cfg.Log

	// Who we are and who may speak.
	if n.key, err = keys.Load(cfg.path(FileNodeKey)); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	n.own = n.key.Public()
	storage, err := keys.LoadStorage(cfg.StorageKeyFile)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	raw, err := os.ReadFile(cfg.path(FileGenesis))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("node: %s has joined no network yet: run `herald network join GENESIS --data %s`: %w", cfg.Dir, cfg.Dir, ErrNotJoined)
	} else if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	genesis, err := roster.ParseGenesis(raw)
	if err != nil {
		return nil, fmt.Errorf("node: %s: %w", cfg.path(FileGenesis), err)
	}
	view, err := roster.New(genesis)
	if err != nil {
		return nil, fmt.Errorf("node: %s: %w", cfg.path(FileGenesis), err)
	}
	n.view.Store(view)

	// What we hold.
	if n.store, err = openStore(cfg, store.Config{
		Dir: cfg.Dir, Key: storage, Network: view.Network(), Log: log, MaxSize: cfg.MaxSize, Ballast: cfg.Ballast, Topics: cfg.topics, Rules: ct.RulesVersion,
	}, view); err != nil {
		return nil, err
	}
	n.closers = append(n.closers, n.store.Close)
	n.pen = newPen(n.key, ct.MillisOf(n.start), n.ownSize(), func() string { return n.barred(time.Now()) })
	n.scrub = newScrub(cfg.Registry)
	if err := n.replayRoots(ctx); err != nil {
		return nil, err
	}
	// A crash may have come in the middle: nothing disowned is shown.
	for _, node := range n.closings() {
		if err := n.store.CloseLog(node.Key, node.Closing.Seq, node.Closing.ID); err != nil && !errors.Is(err, store.ErrFull) {
			return nil, err
		}
	}
	me, ok := n.view.Load().Node(n.own)
	if !ok {
		return nil, fmt.Errorf("node: the key %s is no node of network %q: run `herald network join` with a genesis that names it", n.own.Short(), view.Name())
	}
	n.state = me.State
	if n.mutes, err = loadMutes(n.store.Local()); err != nil {
		return nil, err
	}
	indexKey, err := storage.Derive("index", nil)
	if err != nil {
		return nil, err
	}
	if n.index, err = index.Open(index.Config{Path: cfg.path("index.db"), Key: indexKey, Log: log.With("component", "index")}); err != nil {
		return nil, err
	}
	n.closers = append(n.closers, n.index.Close)
	if n.journal, err = cfg.openJournal(n.store.Local(), storage); err != nil {
		return nil, err
	}
	remembered, err := loadJournals(n.store.Local())
	if err != nil {
		return nil, err
	}
	sent, err := loadSent(n.store.Local())
	if err != nil {
		return nil, err
	}
	if err := n.loadDirectory(); err != nil {
		return nil, err
	}

	// How it comes in and goes out. The gap callback needs the exchange, which
	// needs ingest: it is a field that is set before anything runs.
	n.ingest = ingest.New(ingest.Config{
		Store: n.store, View: n.view.Load, Gap: func(l ct.LogID) { n.exchange.Kick(l) },
		Log: log, Registerer: cfg.Registry,
	})
	if n.host, err = p2p.New(p2p.Config{
		Key: n.key, Listen: cfg.Listen, Announce: cfg.Announce, Bootstrap: cfg.Peers,
		View: n.view.Load, Muted: n.mutes.muted, Addresses: n.addresses, Private: cfg.PrivateAddresses,
		Underlay: cfg.Underlay, Log: log, Registerer: cfg.Registry,
	}); errors.Is(err, p2p.ErrInUse) {
		return nil, inUse{err}
	} else if err != nil {
		return nil, err
	}
	n.closers = append(n.closers, n.host.Close)
	if n.gossip, err = gossip.New(gossip.Config{
		Host: n.host, View: n.view.Load, Store: n.store, Offer: n.ingest.Offer, Own: n.own,
		Signer: n.key, Journal: n.journal.Head, Sync: func(l ct.LogID) { n.exchange.Kick(l) },
		Journals: remembered, KeepJournals: n.keepJournals, Sent: sent, KeepSent: n.keepSent,
		Holdings: func() ([32]byte, int) { return n.exchange.Holdings() },
		Clock:    cfg.clock, Log: log, Registerer: cfg.Registry,
	}); err != nil {
		return nil, err
	}
	n.exchange = exchange.New(exchange.Config{
		Host: n.host, View: n.view.Load, Store: n.store, Ingest: n.ingest, Own: n.own,
		Answer: func(ctx context.Context, from ct.LogID, req []byte) []byte {
			if n.gate.unsettled() { // what was retracted since the backup is not known yet
				return nil
			}
			return n.desk.Answer(ctx, from, req)
		},
		Clock: cfg.clock, Log: log, Registerer: cfg.Registry,
	})
	if n.gate, err = n.newGate(); err != nil {
		return nil, err
	}

	// What people do with it.
	n.feed = feed.New(feed.Config{Store: n.store, Index: n.index, View: n.view.Load, Unsettled: n.gate.unsettled, State: n.state,
		Retracting: func(id ct.ID) bool { return n.desk.Retracting(id) }})
	n.desk = desk.New(desk.Config{
		Store: n.store, Index: n.index, Ingest: n.ingest, Journal: n.journal, View: n.view.Load,
		Signer: n.pen, State: n.state, Gate: n.gate.ready, Unsettled: n.gate.unsettled, Room: n.room, Ask: n.exchange.Ask,
		Release: desk.ReleasePolicy{Rules: cfg.Release, For: cfg.ReleaseFor, Contact: cfg.ReleaseContact},
		Lookup:  n.feed.Lookup, Connected: n.host.Connected, Away: n.away, Muted: n.mutes.muted, Clock: n.deskClock,
		Log: log, Registerer: cfg.Registry,
	})
	n.registerMetrics()
	if n.api, err = api.New(n.apiConfig()); err != nil {
		return nil, err
	}
	n.closers = append(n.closers, n.api.Close)
	return n, nil
}

// Run works until ctx ends or a part fails. All loops of the node are here.
func (n *Node) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"ingest", n.ingest.Run},
		{"roster", n.followRoster},
		{"closings", n.endLogs},
		{"index", n.followStore},
		{"judging", n.judgeAgain},
		{"exchange", n.exchange.Run},
		{"gossip", n.gossip.Run},
		{"p2p", n.host.Run},
		{"desk", n.desk.Run},
		{"addresses", n.announce},
		{"janitor", n.erase},
		{"scrub", n.runScrub},
		{"pages", n.provePages},
		{"disk", n.watchDisk},
		{"api", n.api.Run},
	} {
		g.Go(func() error {
			if err := part.run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
			return nil
		})
	}
	n.cfg.Log.InfoContext(ctx, "node runs", "state", n.state, "node", n.own.Short(), "network", n.view.Load().Name())
	return g.Wait()
}

// Close gives back what New took, in reverse. Call it after Run has returned.
func (n *Node) Close() error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	n.closers = nil
	return errors.Join(errs...)
}

// inUse says what err says and is what the command line knows a port in use by.
type inUse struct{ error }

func (e inUse) Unwrap() []error { return []error{e.error, api.ErrInUse} }

// ErrNotJoined tells that a data directory has keys but no network yet.
var ErrNotJoined = errors.New("no network joined")
