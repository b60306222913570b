package gossip

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

const (
	// aheadMax is how far beyond this node's head a record is still passed on;
	// ingest's reorder buffer holds as many.
	aheadMax = 256
	// behindMax is how far behind it: an older one is a replay, and if it is
	// the other half of a fork, sync finds that.
	behindMax = 64

	// What one author's records may take of every node's memory and line. It is
	// far more than the growth rule lets an author write for long.
	authorRate       = 500 // records a second
	authorBurst      = 4096
	authorBytes      = 1 << 20 // a second
	authorBytesBurst = 8 << 20

	forwarderRate = 4000 // signature checks a second
	forwardBurst  = 8192
	forwardersMax = 1024
)

// validator judges messages of one topic, inline and on the CPU alone. Ignored
// is whatever depends on this node's state, so that honest nodes which hold
// different things never punish each other.
func (g *Gossip) validator(topic ct.Topic) func(context.Context, peer.ID, *pubsub.Message) pubsub.ValidationResult {
	self := g.cfg.Host.Libp2p().ID()
	return func(_ context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
		if from == self {
			return pubsub.ValidationAccept // stored here, so judged already
		}
		if topic == ct.TopicControl && wire.IsBeacon(msg.GetData()) {
			return g.validateBeacon(from, msg)
		}
		rec, verdict, reason := g.judge(topic, from, msg.GetData(), time.Now())
		switch verdict {
		case verify.Accept:
			msg.ValidatorData = rec
			return pubsub.ValidationAccept
		case verify.Reject:
			g.metrics.refused.WithLabelValues("reject", reason).Inc()
			g.cfg.Host.Fault(from, reason) // no honest node passes it on, whatever it knows: it follows from the bytes alone
			return pubsub.ValidationReject
		default:
			g.metrics.refused.WithLabelValues("ignore", reason).Inc()
			return pubsub.ValidationIgnore
		}
	}
}

func (g *Gossip) judge(topic ct.Topic, from peer.ID, raw []byte, now time.Time) (verify.Record, verify.Verdict, string) {
	none := verify.Record{}
	if !g.member(from) {
		return none, verify.Ignore, "forwarder"
	}
	// What does not decode, or is a stranger's, goes on to verify, which refuses
	// it before it checks a signature.
	log, seq, err := wire.Peek(raw)
	if _, ok := g.cfg.View().Right(log); err == nil && ok {
		if reason := g.uselessRecord(log, seq, len(raw), now); reason != "" {
			return none, verify.Ignore, reason
		}
		if !g.budget.forwarder(from).AllowN(now, 1) {
			return none, verify.Ignore, "rate"
		}
	}
	rec, err := verify.OpenGossip(raw, g.cfg.View(), topic, now)
	var fault *verify.Error
	switch {
	case err == nil:
	case errors.As(err, &fault):
		return none, fault.Verdict(), string(fault.Reason)
	default:
		return none, verify.Ignore, "error"
	}
	// The author pays only for what it did sign: forgeries in its name are
	// charged to who forwards them.
	g.budget.author(log).spend(len(raw), now)
	if !g.taken.take(log, seq) {
		return none, verify.Ignore, "copy"
	}
	return rec, verify.Accept, ""
}

// budget holds the token buckets. Authors are bounded by the roster.
type budget struct {
	mu         sync.Mutex
	authors    map[ct.LogID]author
	forwarders map[peer.ID]*rate.Limiter
}

func newBudget() *budget {
	return &budget{authors: map[ct.LogID]author{}, forwarders: map[peer.ID]*rate.Limiter{}}
}

// author is what a log has left, in records and in bytes.
type author struct{ records, bytes *rate.Limiter }

func (a author) has(size int, now time.Time) bool {
	return a.records.TokensAt(now) >= 1 && a.bytes.TokensAt(now) >= float64(size)
}

func (a author) spend(size int, now time.Time) {
	a.records.AllowN(now, 1)
	a.bytes.AllowN(now, size)
}

func (b *budget) author(log ct.LogID) author {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.authors[log]
	if !ok {
		l = author{rate.NewLimiter(authorRate, authorBurst), rate.NewLimiter(authorBytes, authorBytesBurst)}
		b.authors[log] = l
	}
	return l
}

func (b *budget) forwarder(id peer.ID) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.forwarders[id]
	if !ok {
		if len(b.forwarders) >= forwardersMax {
			clear(b.forwarders) // members come and go; none is owed an old bucket
		}
		l = rate.NewLimiter(forwarderRate, forwardBurst)
		b.forwarders[id] = l
	}
	return l
}
