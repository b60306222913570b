// Package desk is what people do with a node: publish and retract, with an
// outbox for what cannot be signed yet; ask other States whether they know a
// person, and answer when they ask; import their own State's lists. It writes
// every one of these acts to the journal before anything is sent or shown.
//
// It does not move records between nodes, does not decide how alike two
// persons are, and keeps no reader's place: those are exchange, match and feed.
package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// The errors that a caller acts on. Others are failures of the machine. What
// is wrong with a document comes as ct.Faults.
var (
	ErrNotAllowed     = errors.New("not allowed")
	ErrSealedAudience = fmt.Errorf("%w: sealed audience not supported: only audience ALL, and only in an exercise network", ErrNotAllowed)
	ErrNotFound       = errors.New("not found")
	ErrConflict       = errors.New("conflict")
	ErrBusy           = errors.New("busy")
)

// Config joins a desk to its node. All fields are needed but where said.
type Config struct {
	Store   *store.Store
	Index   *index.Index
	Ingest  *ingest.Ingest
	Journal *journal.Journal
	View    func() *roster.View
	Signer  keys.Signer // of this node's log
	State   ct.State

	// Gate tells whether the node may sign, and if not, for what it waits.
	Gate func() (ready bool, why string)
	// Ask sends a signed match request to a node and returns its answer.
	Ask func(ctx context.Context, node ct.LogID, request []byte) ([]byte, error)
	// Lookup finds a record by its id; the error wraps store.ErrNotFound.
	Lookup func(id ct.ID) (store.Row, error)

	// Release is what the configuration says about releases.
	Release ReleasePolicy
	// Room is why no record may be published now, but a RETRACT; nil: never.
	Room func() error
	// Unsettled tells that what was retracted is not known yet: this node answers
	// no match, its own neither. Nil: never.
	Unsettled func() bool
	// Clock tells why nothing may be forgotten by this node's clock, "" when it is
	// trusted, and whether it is known to be wrong: then no match is answered
	// either. Nil: always trusted.
	Clock     func() (doubt string, wrong bool)
	Connected func(ct.LogID) bool // nil: unknown; connected nodes are asked first
	// Away tells of a node that is not there, as its beacons and the connections show,
	// and when it was last heard: nobody waits for it. Nil: none is.
	Away       func(ct.LogID) (since time.Time, away bool)
	Muted      func(ct.State) bool   // nil: nobody; muted States are refused
	Log        *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

// Desk is one node's desk. Its methods are safe for concurrent use.
type Desk struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	budgets *budgets
	guard   guard
	seen    seen
	inbox   *inbox
	given   *givens
	early   early
	lanes   lanes

	imprints *imprints

	wake    chan struct{} // one slot: the outbox changed
	waiting atomic.Int64  // drafts that can be signed
	unread  error         // why what an earlier run left could not be read

	deciding sync.Mutex // held while a waiting request is released or dropped; before signing
	signing  sync.Mutex // held while a draft of the outbox is signed or dropped

	mu      sync.Mutex
	waiters map[uint64][]chan settled // guarded by mu: publishers that wait for a draft
	hiding  map[ct.ID]int             // guarded by mu: records whose retraction waits in the outbox

	importing sync.Mutex // one import at a time: their change numbers do not mix
	lists     visible
}

// New makes a desk. Run must be running for the outbox to empty.
func New(cfg Config) *Desk {
	d := &Desk{
		cfg:     cfg,
		log:     cfg.Log,
		budgets: newBudgets(),
		inbox:   newInbox(),
		given:   newGivens(),

		imprints: newImprints(),

		wake:    make(chan struct{}, 1),
		waiters: map[uint64][]chan settled{},
		hiding:  map[ct.ID]int{},
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.cfg.Muted == nil {
		d.cfg.Muted = func(ct.State) bool { return false }
	}
	if d.cfg.Clock == nil {
		d.cfg.Clock = func() (string, bool) { return "", false }
	}
	if d.cfg.Connected == nil {
		d.cfg.Connected = func(ct.LogID) bool { return false }
	}
	if d.cfg.Away == nil {
		d.cfg.Away = func(ct.LogID) (time.Time, bool) { return time.Time{}, false }
	}
	d.metrics = newMetrics(cfg.Registerer, d.budgets, func() float64 { return float64(d.waiting.Load()) }, func() float64 { return float64(d.Waits()) },
		func() float64 { n, _ := cfg.Journal.Head(); return float64(n) })
	d.unread = errors.Join(d.loadLists(), d.recount(), d.loadInbox(), d.loadGiven(), d.loadImprints()) // before anybody publishes past what waits
	return d
}

// Run empties the outbox in order whenever the gate is open, looks after the
// inbox and what was released, and removes what earlier imports left behind. It
// returns when ctx ends, without an error.
func (d *Desk) Run(ctx context.Context) error {
	if d.unread != nil {
		return fmt.Errorf("run desk: %w", d.unread)
	}
	if err := d.refill(ct.MillisOf(time.Now())); err != nil { // before the first who asks has to wait for it
		d.log.Warn("match budgets not read from the journal", "error", err)
	}
	if err := d.sweepLists(); err != nil { // of no harm but for the room it takes
		d.log.Warn("superseded list not removed", "error", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.empty(ctx) })
	g.Go(func() error { return d.clerk(ctx) })
	g.Go(func() error { return d.followReleases(ctx) })
	return g.Wait()
}

// empty signs what waits in the outbox.
func (d *Desk) empty(ctx context.Context) error {
	const poll, longest = 200 * time.Millisecond, 30 * time.Second
	pause := poll
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		var tick <-chan time.Time
		if d.waiting.Load() > 0 { // an empty outbox waits for a draft, not for a timer
			timer.Reset(pause)
			tick = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-tick:
		}
		if ready, _ := d.gate(); !ready {
			pause = poll
			continue
		}
		if err := d.pump(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			pause = min(2*pause, longest)
			d.log.Warn("outbox waits", "error", err, "retry", pause)
			continue
		}
		pause = poll
	}
}

// unsettled tells that what was retracted may not be known here yet.
func (d *Desk) unsettled() bool { return d.cfg.Unsettled != nil && d.cfg.Unsettled() }

// right is what this node's key may sign now.
func (d *Desk) right(v *roster.View, now time.Time) (roster.Right, error) {
	own := d.cfg.Signer.Public()
	r, ok := v.Right(own)
	if !ok || r.Root || r.State != d.cfg.State || !v.Live(own, now) {
		return roster.Right{}, fmt.Errorf("%w: this node's key has no delegation of %s in force", ErrNotAllowed, d.cfg.State)
	}
	return r, nil
}
