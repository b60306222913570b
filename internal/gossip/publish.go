package gossip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"golang.org/x/time/rate"
)

// A burst goes out no faster than peers' queues take it in, and no more than
// peers grant an author.
const (
	publishRate  = 1000 // records a second
	publishBurst = queueSize / 2
	readRecords  = 256
	readBytes    = 1 << 20
	freshFor     = 10 * time.Minute
)

// publish follows the store and gossips what this node's own logs have newly
// stored. Nothing is gossiped before it is durable here.
func (g *Gossip) publish(ctx context.Context, topics map[ct.Topic]*pubsub.Topic) error {
	next := map[ct.LogID]uint64{} // seq to publish next
	limit := publishing{
		rate.NewLimiter(publishRate, publishBurst),
		rate.NewLimiter(authorRate*9/10, authorBurst*3/4), rate.NewLimiter(authorBytes*9/10, authorBytesBurst*3/4),
	}
	for cursor := g.cfg.Store.Last(); ; {
		for _, log := range g.ownLogs() {
			if next[log] == 0 {
				head, _ := g.cfg.Store.Head(log)
				next[log] = head.Size + 1
			}
		}
		if err := g.cfg.Store.Wait(ctx, cursor); err != nil {
			return fmt.Errorf("follow the store: %w", err)
		}
		cursor = g.cfg.Store.Last()
		for log, seq := range next {
			if head, _ := g.cfg.Store.Head(log); head.Size < seq {
				continue
			}
			n, err := g.publishFrom(ctx, log, seq, limit, topics)
			next[log] = seq + n
			if err != nil {
				return err
			}
		}
	}
}

// publishing bounds what goes out: the pace, and what an author is granted.
type publishing struct{ pace, records, bytes *rate.Limiter }

func (p publishing) wait(ctx context.Context, size int) error {
	return errors.Join(p.pace.Wait(ctx), p.records.Wait(ctx), p.bytes.WaitN(ctx, size))
}

// ownLogs are this node's log and all root logs: what a root key has said,
// however long ago, comes in by any node and is to reach every other one at
// once. Who has seen it does not pass it on again.
func (g *Gossip) ownLogs() []ct.LogID {
	logs := []ct.LogID{g.cfg.Own}
	for _, m := range g.cfg.View().Members() {
		logs = append(logs, m.Root)
	}
	return logs
}

// publishFrom gossips a log from seq on and returns how many records it passed.
func (g *Gossip) publishFrom(ctx context.Context, log ct.LogID, seq uint64, limit publishing, topics map[ct.Topic]*pubsub.Topic) (uint64, error) {
	for n := uint64(0); ; {
		raws, err := g.cfg.Store.Range(log, seq+n, readRecords, readBytes)
		if errors.Is(err, store.ErrNotFound) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("read own log: %w", err)
		}
		for _, raw := range raws {
			n++
			topic, ok := fresh(raw, log == g.cfg.Own, time.Now())
			if !ok || topics[topic] == nil {
				continue
			}
			if err := limit.wait(ctx, len(raw)); err != nil {
				return n, fmt.Errorf("publish: %w", err)
			}
			if err := topics[topic].Publish(ctx, raw); err != nil {
				if ctx.Err() != nil {
					return n, ctx.Err()
				}
				g.log.Warn("cannot gossip an own record; peers get it by sync", "log", log.Short(), "seq", seq+n-1, "err", err)
				continue
			}
			g.metrics.published.Inc()
		}
	}
}

// fresh tells whether a record is worth gossiping: with its body, and of a node
// log not one that came back from peers after a restore.
func fresh(raw []byte, node bool, now time.Time) (ct.Topic, bool) {
	env, err := wire.Decode(raw)
	if err != nil || !env.HasBody() || env.Header.Topic > uint32(ct.TopicReceipt) {
		return 0, false
	}
	age := now.Sub(env.Header.Issued.Time())
	return ct.Topic(env.Header.Topic), !node || age < freshFor
}
