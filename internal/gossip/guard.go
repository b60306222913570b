package gossip

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

// What one peer may send. pubsub remembers each message that it queues, some
// 400 bytes for as long as seenTTL, and has one queue for all peers; so what is
// too much, or good for nothing, is cut out before it gets there. Who passes on
// what others sent cannot always know better: what is cut blames nobody, and
// sync brings what was good.
const (
	peerRate       = 2000 // messages a second, and
	peerRateMember = 100  // for each node of the roster, whose records the peer passes on
	peerBurst      = 4096
	peerBytes      = 16 << 20 // of messages, a second and at once

	controlRate  = 10_000 // message ids in control messages a second: twice what pubsub announces and asks for
	controlBurst = 3 * controlRate
	meshRate     = 60 // subscriptions, grafts and prunes a second: honest nodes send some 12
	meshBurst    = 600

	messageIDSize = 20
)

// Beyond this no honest node gets, whatever others make it pass on: an honest
// node passes on what it has found good, and of that each author has a rate.
const (
	floodRate  = 2 * authorRate // units a second for each node of the roster
	floodBurst = 2*authorBurst + 8*peerBurst
	idsPerUnit = 16
	meshFaults = 4 * meshBurst // subscriptions, grafts and prunes beyond the rate, an hour
)

// allowance is what one peer has left.
type allowance struct {
	messages, bytes, control, mesh *rate.Limiter
	flood, patience                *rate.Limiter
	again                          *rate.Limiter // what is beyond repeatsMax and copiesMax
	repeats, copies                repeats       // by a message's bytes, and by its log and seq
}

// guard holds the allowances, of members only, so the roster bounds them.
type guard struct {
	mu    sync.Mutex
	peers map[peer.ID]*allowance
	view  *roster.View // for which the allowances were made
	nodes int          // of it
}

func newGuard() *guard { return &guard{peers: map[peer.ID]*allowance{}} }

// of is a peer's allowance under a roster.
func (g *guard) of(id peer.ID, view *roster.View) *allowance {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.view != view {
		g.view = view
		if n := len(view.Nodes()); g.nodes != n {
			g.nodes = n
			clear(g.peers) // the roster changes seldom
		}
	}
	nodes := g.nodes
	a, ok := g.peers[id]
	if !ok {
		a = &allowance{
			messages: rate.NewLimiter(rate.Limit(peerRate+peerRateMember*nodes), peerBurst),
			bytes:    rate.NewLimiter(peerBytes, peerBytes),
			control:  rate.NewLimiter(controlRate, controlBurst),
			mesh:     rate.NewLimiter(meshRate, meshBurst),
			flood:    rate.NewLimiter(rate.Limit(floodRate*nodes), floodBurst*nodes),
			patience: rate.NewLimiter(rate.Every(time.Hour/meshFaults), meshFaults),
			again:    rate.NewLimiter(rate.Every(time.Hour/repeatFaults), repeatFaults),
		}
		g.peers[id] = a
	}
	return a
}

var errInspect = errors.New("refused RPC")

// inspect sees every RPC before pubsub does. What it cuts out of it never was;
// an RPC that it refuses is dropped whole.
func (g *Gossip) inspect(from peer.ID, rpc *pubsub.RPC) error {
	return g.inspectAt(from, rpc, time.Now())
}

func (g *Gossip) inspectAt(from peer.ID, rpc *pubsub.RPC, now time.Time) error {
	if !g.member(from) {
		g.metrics.rpcs.WithLabelValues("stranger").Inc()
		return errInspect
	}
	a := g.guard.of(from, g.cfg.View())
	if !a.flood.AllowN(now, units(rpc)) {
		g.metrics.rpcs.WithLabelValues("flood").Inc()
		g.cfg.Host.Quarantine(from, "flood of gossip")
		return errInspect
	}
	mesh := len(rpc.GetSubscriptions()) + len(rpc.GetControl().GetGraft()) + len(rpc.GetControl().GetPrune())
	switch {
	case len(rpc.GetSubscriptions()) > maxSubscriptions:
		g.metrics.rpcs.WithLabelValues("subscriptions").Inc()
		g.cfg.Host.Fault(from, "too many subscriptions in one message")
		return errInspect
	case !a.mesh.AllowN(now, mesh):
		g.metrics.rpcs.WithLabelValues("mesh").Inc()
		if !a.patience.AllowN(now, mesh) {
			g.cfg.Host.Quarantine(from, "flood of subscriptions, grafts or prunes")
		}
		return errInspect
	}
	g.inspectControl(from, rpc, a, now)
	g.inspectMessages(from, rpc, a, now)
	return nil
}

// units measure an RPC by the work that it is.
func units(rpc *pubsub.RPC) int {
	n := 1 + len(rpc.GetSubscriptions()) + len(rpc.GetPublish())
	if c := rpc.GetControl(); c != nil {
		n += len(c.GetIhave()) + len(c.GetGraft()) + len(c.GetPrune()) + ids(c)/idsPerUnit
	}
	return n
}

// ids are the message ids of a control message, and the lists that hold them.
func ids(c *pb.ControlMessage) int {
	n := len(c.GetIhave()) + len(c.GetIwant()) + len(c.GetIdontwant())
	for _, x := range c.GetIhave() {
		n += len(x.GetMessageIDs())
	}
	for _, x := range c.GetIwant() {
		n += len(x.GetMessageIDs())
	}
	for _, x := range c.GetIdontwant() {
		n += len(x.GetMessageIDs())
	}
	return n
}

// inspectControl cuts message ids that are too many, or can be nobody's.
func (g *Gossip) inspectControl(from peer.ID, rpc *pubsub.RPC, a *allowance, now time.Time) {
	c := rpc.GetControl()
	if c == nil {
		return
	}
	for _, p := range c.Prune {
		p.Peers = nil // no peer exchange: addresses come from records
	}
	bad := false
	for _, x := range c.GetIhave() {
		bad = bad || oddID(x.GetMessageIDs())
	}
	for _, x := range c.GetIwant() {
		bad = bad || oddID(x.GetMessageIDs())
	}
	for _, x := range c.GetIdontwant() {
		bad = bad || oddID(x.GetMessageIDs())
	}
	reason := ""
	switch {
	case bad:
		reason = "message-id"
		g.cfg.Host.Fault(from, "message id that is none")
	case !a.control.AllowN(now, ids(c)):
		reason = "control"
	default:
		return
	}
	g.metrics.rpcs.WithLabelValues(reason).Inc()
	c.Ihave, c.Iwant, c.Idontwant = nil, nil, nil
}

func oddID(ids []string) bool {
	for _, id := range ids {
		if len(id) != messageIDSize {
			return true
		}
	}
	return false
}

// inspectMessages keeps the messages that are worth a place in the queue.
func (g *Gossip) inspectMessages(from peer.ID, rpc *pubsub.RPC, a *allowance, now time.Time) {
	kept := rpc.Publish[:0]
	for _, m := range rpc.Publish {
		topic, ours := g.topics[m.GetTopic()]
		reason := ""
		switch {
		case !ours:
			reason = "topic"
		case len(m.From)+len(m.Seqno)+len(m.Signature)+len(m.Key) > 0:
			reason = "envelope" // the record carries its author's signature, and nothing else does
			g.cfg.Host.Fault(from, "message with an author or signature of its own")
		case a.repeats.more(m.GetTopic(), m.Data, repeatsMax, now) || a.copied(m.Data, now):
			reason = "repeat"
			if !a.again.AllowN(now, 1) {
				g.cfg.Host.Quarantine(from, "the same message or record again and again")
				clear(rpc.Publish[len(kept):])
				rpc.Publish = kept
				return
			}
		case !a.messages.AllowN(now, 1) || !a.bytes.AllowN(now, min(len(m.Data), peerBytes)):
			reason = "peer-rate"
		default:
			reason = g.useless(topic, m.Data, now)
		}
		if reason == "" {
			kept = append(kept, m)
			continue
		}
		g.metrics.cut.WithLabelValues(reason).Inc()
	}
	clear(rpc.Publish[len(kept):])
	rpc.Publish = kept
}

// copied counts one more message of a seq of a log. An honest node passes on no
// more than it has taken, whoever signed them and in how many ways.
func (a *allowance) copied(raw []byte, now time.Time) bool {
	log, seq, err := wire.Peek(raw)
	if err != nil {
		return false
	}
	return a.copies.more("", binary.BigEndian.AppendUint64(log[:], seq), copiesMax, now)
}

// useless tells cheaply, from what a message says of itself, why this node
// would ignore it; empty when it is to be judged. A forgery that says something
// else here gains nothing: what is let pass is judged whole.
func (g *Gossip) useless(topic ct.Topic, raw []byte, now time.Time) string {
	if topic == ct.TopicControl && wire.IsBeacon(raw) {
		s, err := wire.DecodeBeacon(raw)
		if err != nil {
			return "" // a fault, which the validator names
		}
		return g.uselessBeacon(&s.Beacon, g.cfg.Clock(), now)
	}
	log, seq, err := wire.Peek(raw)
	if err != nil {
		return "" // a fault too
	}
	return g.uselessRecord(log, seq, len(raw), now)
}

func (g *Gossip) uselessRecord(log ct.LogID, seq uint64, size int, now time.Time) string {
	if _, ok := g.cfg.View().Right(log); !ok {
		return "stranger"
	}
	head, _ := g.cfg.Store.Head(log)
	switch {
	case head.Ends(seq):
		return "contested" // not extended; the proof comes by sync
	case seq > head.Size+aheadMax:
		return "ahead"
	case seq+behindMax <= head.Size:
		return "old"
	case g.taken.full(log, seq):
		return "copy"
	case !g.budget.author(log).has(size, now):
		return "rate"
	}
	return ""
}

// uselessBeacon is told the time by this node's clock, and the time that runs
// on whatever the clock says.
func (g *Gossip) uselessBeacon(b *wire.Beacon, now, ran time.Time) string {
	if _, ok := g.cfg.View().Node(b.Node); !ok {
		return "stranger"
	}
	switch {
	case b.Node == g.cfg.Own && !g.twin.other(b.Time), b.Node != g.cfg.Own && g.oldBeacon(b, now):
		return "old"
	case g.beacons.rate(b.Node).TokensAt(ran) < 1:
		return "rate"
	}
	return ""
}
