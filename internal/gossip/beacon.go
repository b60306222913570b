package gossip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

const (
	// firstBeacon lets connections and meshes come up before the first one.
	firstBeacon = 5 * time.Second
	// Two a minute and node: room for jitter, and for a restart.
	beaconRate  = rate.Limit(2.0 / 60)
	beaconBurst = 2
)

// beacons guards the machines that read beacons, and their budgets.
type beacons struct {
	mu       sync.Mutex
	machine  *reconcile.Beacons
	journals *reconcile.Journals
	rates    map[ct.LogID]*rate.Limiter // bounded by the roster
	alarms   [2]bool                    // eclipse and clock, as last logged
}

func newBeacons(cfg Config) *beacons {
	me, _ := cfg.View().Node(cfg.Own)
	return &beacons{
		machine:  reconcile.NewBeacons(me.State, cfg.Clock()),
		journals: reconcile.NewJournals(cfg.Journals),
		rates:    map[ct.LogID]*rate.Limiter{},
	}
}

// Journals are the heads of the other nodes' audit journals, as their beacons
// have told.
func (g *Gossip) Journals() []reconcile.JournalOf {
	g.beacons.mu.Lock()
	defer g.beacons.mu.Unlock()
	return g.beacons.journals.All()
}

// AcceptJournal ends the alarm about a node's journal; false: there is none.
func (g *Gossip) AcceptJournal(node ct.LogID) (bool, error) {
	g.beacons.mu.Lock()
	ok := g.beacons.journals.Accept(node)
	g.beacons.mu.Unlock()
	return ok, g.keepJournals()
}

// keepJournals hands on what is remembered when it has changed.
func (g *Gossip) keepJournals() error {
	if g.cfg.KeepJournals == nil {
		return nil
	}
	view := g.cfg.View()
	g.beacons.mu.Lock()
	changed := g.beacons.journals.Changed()
	g.beacons.journals.Forget(func(node ct.LogID) bool { _, ok := view.Node(node); return ok })
	all := g.beacons.journals.All()
	g.beacons.mu.Unlock()
	if !changed {
		return nil
	}
	return g.cfg.KeepJournals(all)
}

// Watch is what the members' beacons tell now.
func (g *Gossip) Watch() reconcile.Watch {
	now, view := g.cfg.Clock(), g.cfg.View()
	members := map[ct.LogID]ct.State{}
	for _, n := range view.Nodes() {
		if view.Live(n.Key, now) {
			members[n.Key] = n.State
		}
	}
	g.beacons.mu.Lock()
	defer g.beacons.mu.Unlock()
	return g.beacons.machine.Watch(members, g.size, now)
}

// Away tells that a node was not heard for three beacons, and when it was last heard;
// zero: not since the start.
func (g *Gossip) Away(node ct.LogID) (heard time.Time, away bool) {
	g.beacons.mu.Lock()
	defer g.beacons.mu.Unlock()
	return g.beacons.machine.Away(node, g.cfg.Clock())
}

// Clock is the median of the other members' clocks against this node's, of the
// last ten minutes, and of how many States; positive when theirs are ahead.
func (g *Gossip) Clock() (ahead time.Duration, states int) {
	g.beacons.mu.Lock()
	defer g.beacons.mu.Unlock()
	return g.beacons.machine.Clock(g.cfg.Clock())
}

func (g *Gossip) size(log ct.LogID) uint64 {
	h, _ := g.cfg.Store.Head(log)
	return h.Size
}

// sendBeacons gossips this node's own beacon every minute, at a moment that
// differs from node to node.
func (g *Gossip) sendBeacons(ctx context.Context, topic *pubsub.Topic) error {
	if g.cfg.Signer == nil {
		return nil
	}
	timer := time.NewTimer(jitter(firstBeacon))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		timer.Reset(jitter(reconcile.BeaconEvery))
		g.logAlarms(ctx)
		if err := g.keepJournals(); err != nil {
			g.log.WarnContext(ctx, "the journal heads of other nodes are not kept", "err", err)
		}
		if !g.cfg.View().Live(g.cfg.Own, g.cfg.Clock()) {
			continue
		}
		raw, err := g.beacon()
		if err == nil {
			err = topic.Publish(ctx, raw)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			g.log.Warn("cannot gossip a beacon; the next one is due in a minute", "err", err)
			continue
		}
		g.metrics.beacons.WithLabelValues("sent", "").Inc()
	}
}

func jitter(d time.Duration) time.Duration { return d*9/10 + rand.N(d/5) }

// beacon is what this node says of itself now, signed and encoded.
func (g *Gossip) beacon() ([]byte, error) {
	view := g.cfg.View()
	own, _ := g.cfg.Store.Head(g.cfg.Own)
	digest, logs := g.cfg.Holdings()
	b := wire.Beacon{
		Network: view.Network().Prefix(), Node: g.cfg.Own, Time: ct.MillisOf(g.cfg.Clock()),
		Size: own.Size, Head: own.ID, Logs: uint32(logs), Digest: digest, Roster: view.Version(),
	}
	if g.cfg.Journal != nil {
		b.JournalEntries, b.JournalHead = g.cfg.Journal()
	}
	g.mark(&b)
	s := wire.SignedBeacon{Bytes: wire.EncodeBeacon(&b), Alg: wire.AlgEd25519}
	var err error
	if s.Sig, err = g.cfg.Signer.Sign(keys.ContextBeacon, view.Network(), s.Bytes); err != nil {
		return nil, fmt.Errorf("sign beacon: %w", err)
	}
	return wire.EncodeSignedBeacon(&s), nil
}

func (g *Gossip) validateBeacon(from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
	b, verdict, reason := g.judgeBeacon(from, msg.GetData(), g.cfg.Clock(), time.Now())
	g.metrics.beacons.WithLabelValues(verdict.String(), reason).Inc()
	switch verdict {
	case verify.Accept:
		msg.ValidatorData = b
		return pubsub.ValidationAccept
	case verify.Reject:
		g.cfg.Host.Fault(from, reason)
		return pubsub.ValidationReject
	default:
		return pubsub.ValidationIgnore
	}
}

// judgeBeacon is the validator of beacons: as for records, what depends on this
// node's state is ignored, the clock included. now is the time by this node's
// clock; ran, for rates, is not moved when that is set.
func (g *Gossip) judgeBeacon(from peer.ID, raw []byte, now, ran time.Time) (verify.Beacon, verify.Verdict, string) {
	none := verify.Beacon{}
	if !g.member(from) {
		return none, verify.Ignore, "forwarder"
	}
	s, err := verify.DecodeBeacon(raw)
	if err != nil {
		return none, verdictOf(err), reasonOf(err)
	}
	node := s.Beacon.Node
	if _, ok := g.cfg.View().Node(node); ok {
		if reason := g.uselessBeacon(&s.Beacon, now, ran); reason != "" {
			return none, verify.Ignore, reason
		}
		if !g.budget.forwarder(from).AllowN(ran, 1) {
			return none, verify.Ignore, "rate"
		}
	}
	b, err := verify.OpenBeacon(s, g.cfg.View(), now)
	if err != nil {
		return none, verdictOf(err), reasonOf(err)
	}
	g.beacons.rate(node).AllowN(ran, 1)
	if node == g.cfg.Own {
		g.hearOwn(&s.Beacon)
		return none, verify.Ignore, "twin"
	}
	g.beacons.mu.Lock()
	defer g.beacons.mu.Unlock()
	switch g.beacons.machine.Hear(&s.Beacon, b.State(), g.size(node), now) {
	case reconcile.Heard:
		if g.beacons.journals.Hear(&s.Beacon) {
			g.log.Warn("journal alarm: a node's audit journal is not the one that it told of before",
				"node", node.Short(), "state", b.State(), "entries", s.Beacon.JournalEntries)
		}
		return b, verify.Accept, ""
	case reconcile.Off:
		return none, verify.Ignore, "clock"
	default:
		return none, verify.Ignore, "old"
	}
}

func (g *Gossip) oldBeacon(b *wire.Beacon, now time.Time) bool {
	g.beacons.mu.Lock()
	defer g.beacons.mu.Unlock()
	return g.beacons.machine.Old(b.Node, b.Time, now)
}

func (b *beacons) rate(node ct.LogID) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.rates[node]
	if !ok {
		l = rate.NewLimiter(beaconRate, beaconBurst)
		b.rates[node] = l
	}
	return l
}

func verdictOf(err error) verify.Verdict {
	var fault *verify.Error
	if errors.As(err, &fault) {
		return fault.Verdict()
	}
	return verify.Ignore
}

func reasonOf(err error) string {
	var fault *verify.Error
	if errors.As(err, &fault) {
		return string(fault.Reason)
	}
	return "error"
}

// follow compares what a node said with what is held here, and asks for a sync
// when the two differ.
func (g *Gossip) follow(b wire.Beacon) {
	if g.cfg.Sync == nil {
		return
	}
	head, _ := g.cfg.Store.Head(b.Node)
	mine := reconcile.Mine{Size: head.Size, Contested: head.Ends(b.Size)}
	mine.Digest, _ = g.cfg.Holdings()
	switch {
	case b.Size == head.Size:
		mine.At = head.ID
	case b.Size < head.Size:
		id, _, ok, err := g.cfg.Store.Lookup(b.Node, b.Size)
		if err != nil || !ok {
			mine.At = b.Head // what cannot be read here is no evidence against anyone
		} else {
			mine.At = id
		}
	}
	g.beacons.mu.Lock()
	lack := g.beacons.machine.Lacks(&b, mine, g.cfg.Clock())
	g.beacons.mu.Unlock()
	switch lack {
	case reconcile.LackNothing:
		return
	case reconcile.LackFork:
		g.log.Warn("a beacon names another record of its own log than is held here; asking for the proof",
			"node", b.Node.Short(), "seq", b.Size)
	}
	g.metrics.lacks.WithLabelValues(lack.String()).Inc()
	g.cfg.Sync(b.Node)
}

// logAlarms says when an alarm begins and when it ends.
func (g *Gossip) logAlarms(ctx context.Context) {
	w := g.Watch()
	g.beacons.mu.Lock()
	before := g.beacons.alarms
	g.beacons.alarms = [2]bool{w.Eclipsed, w.ClockOff}
	g.beacons.mu.Unlock()
	switch {
	case w.Eclipsed && !before[0]:
		g.log.WarnContext(ctx, "eclipse alarm: too few member States are heard", "heard", w.Heard, "states", w.States)
	case !w.Eclipsed && before[0]:
		g.log.InfoContext(ctx, "eclipse alarm is over", "heard", w.Heard, "states", w.States)
	}
	switch {
	case w.ClockOff && !before[1]:
		g.log.WarnContext(ctx, "clock alarm: this node's clock is not the members'", "members_ahead", w.Ahead, "states", w.Clocks)
	case !w.ClockOff && before[1]:
		g.log.InfoContext(ctx, "clock alarm is over", "members_ahead", w.Ahead, "states", w.Clocks)
	}
}
