// Package exchange is what makes delivery certain: over streams between two
// members' nodes it fetches the records that gossip did not bring, and carries
// match requests. Fetching is always a pull: a node asks, checks and stores by
// itself, and what it has stored it need not ask for again. What is compared
// and planned is reconcile's, who may sign is verify's, order is ingest's.
package exchange

import (
	"context"
	"encoding/hex"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/prometheus/client_golang/prometheus"
)

// Config joins an exchange to its node.
type Config struct {
	Host   *p2p.Host
	View   func() *roster.View
	Store  *store.Store
	Ingest *ingest.Ingest
	Own    ct.LogID // this node's key
	// Answer gives the answer to a match request of a member's node; nil: this
	// node answers none. It must be safe for concurrent calls.
	Answer     func(ctx context.Context, from ct.LogID, req []byte) []byte
	Clock      func() time.Time      // what is judged by the time is judged by it; nil: time.Now
	Log        *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
}

// Exchange syncs with peers and carries match requests.
type Exchange struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	inbound gate
	seats   seats
	turns   turns
	claims  claims
	told    told
	queue   queue
	known   known
	quota   quota
	vain    quota // of records that were fetched and did not get in

	holdings holdings
	closings closings

	caughtUp atomic.Int64 // when a large chunk was last stored, Unix milliseconds

	mu       sync.Mutex
	lastSync time.Time
}

// New makes an exchange; Run starts it.
func New(cfg Config) *Exchange {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Exchange{
		cfg:     cfg,
		log:     cfg.Log.With("component", "exchange"),
		metrics: newMetrics(cfg.Registerer),
		inbound: gate{open: map[gateKey]int{}},
		seats:   newSeats(),
		turns:   turns{running: map[ct.LogID]turn{}},
		claims:  claims{logs: map[ct.LogID]struct{}{}, pulls: map[ct.LogID]chan struct{}{}, held: map[heldLog]heldUntil{}},
		told:    told{by: map[ct.LogID]heard{}},
		queue:   newQueue(),
		known:   known{by: map[ct.LogID]knownPeer{}},
	}
}

// syncProtocol and matchProtocol end in the first eight bytes of the network
// id, so that two networks never talk to each other by mistake.
func syncProtocol(n ct.NetworkID) protocol.ID  { return protocolID("sync", n) }
func matchProtocol(n ct.NetworkID) protocol.ID { return protocolID("match", n) }

func protocolID(name string, n ct.NetworkID) protocol.ID {
	p := n.Prefix()
	return protocol.ID("/herald/" + name + "/1/" + hex.EncodeToString(p[:]))
}

// LastSync is when a pull last ran to its end; zero: never since the start.
func (x *Exchange) LastSync() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.lastSync
}

// OwnHead is what peers have told of this node's own log since the start: how
// many distinct peers, and the largest length that any of them holds. What a
// peer holds beyond this node is fetched first and counts when it is stored, so
// known is never more than is held here.
func (x *Exchange) OwnHead() (answers int, known uint64) { return x.told.ownHead() }

// Clock is the median of the peers' clocks against this node's, and of how
// many peers: positive when theirs are ahead. It is as exact as the delay on
// the way here.
func (x *Exchange) Clock() (ahead time.Duration, peers int) { return x.told.clock() }

// Kick asks for a sync because records of log are missing; it never blocks.
// Syncs so started are at most one a second.
func (x *Exchange) Kick(log ct.LogID) { x.queue.kick(log) }

// SyncNow dials node when needed and fetches all that it holds and this node
// does not.
func (x *Exchange) SyncNow(ctx context.Context, node ct.LogID) error {
	if err := x.cfg.Host.Dial(ctx, node); err != nil {
		return err
	}
	return x.pull(ctx, node)
}
