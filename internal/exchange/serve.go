package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/libp2p/go-libp2p/core/network"
)

const (
	syncsPerPeer  = 2
	syncsTotal    = 32
	framesPerPeer = 1 << 14 // messages a peer may send on one stream
)

// admit checks a stream once more against the roster and the limits. The
// returned function ends what it began.
func (x *Exchange) admit(ctx context.Context, s network.Stream, service string, perPeer, total int) (roster.Node, *seat, func(), bool) {
	node, ended, ok := x.cfg.Host.Admitted(s.Conn().RemotePeer())
	if ok {
		ok = s.Scope().SetService(service) == nil
	}
	if ended {
		ok = ok && service == p2p.ServiceSync
		service, perPeer, total = endedService, 1, endedSyncs
	}
	if ok {
		ok = x.inbound.enter(service, node.Key, perPeer, total, func() bool { return x.seats.yield(service, time.Now()) })
	}
	if !ok {
		x.metrics.refused.WithLabelValues(service).Inc()
		_ = s.Reset()
		return node, nil, nil, false
	}
	end := func() { _ = s.Reset() }
	seat := x.seats.take(service, node.Key, time.Now(), end)
	stop := context.AfterFunc(ctx, end)
	return node, seat, func() {
		stop()
		seat.leave()
		x.inbound.leave(service, node.Key)
	}, true
}

// serveSync answers one sync stream.
func (x *Exchange) serveSync(ctx context.Context, s network.Stream) {
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	node, seat, leave, ok := x.admit(ctx, s, p2p.ServiceSync, syncsPerPeer, syncsTotal)
	if !ok {
		return
	}
	defer leave()
	e := newSession(s, x.metrics)
	e.seat = seat
	err := x.serveOver(ctx, e, node)
	if err == nil || late(err) {
		_ = s.Close() // what is under way on a slow line still arrives
		return
	}
	_ = s.Reset()
	if errors.Is(err, errPeer) {
		x.cfg.Host.Fault(s.Conn().RemotePeer(), "sync stream against the protocol")
		x.log.Warn("ending the stream of a peer", "node", node.Key.Short(), "err", err)
	}
}

func (x *Exchange) serveOver(ctx context.Context, e *session, node roster.Node) error {
	m, err := e.receive()
	if err != nil {
		return err
	}
	if m.Hello == nil {
		return fmt.Errorf("%w: want a hello", errPeer)
	}
	mine, restricted := x.holdsFor(node.Key)
	if !restricted && !x.believe(node.Key, heard{m.Hello.YourSize, x.ahead(m.Hello.Time)}) {
		x.queue.add(node.Key)
	}
	if err := e.send(&wire.SyncMessage{Hello: x.hello(node.Key, &mine)}); err != nil {
		return err
	}
	for range framesPerPeer {
		m, err := e.receive()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Frontier != nil:
			asked, err := e.allPages(m.Frontier)
			if err != nil {
				return err
			}
			if err := e.sendFrontier(tell(&mine, asked)); err != nil {
				return err
			}
			if restricted {
				asked.Heads = x.allowedHeads(asked.Heads, node.Key)
			}
			plan := reconcile.Compare(mine.Head, x.unclosed(asked.Heads), x.class)
			if plan.Behind() || plan.Skipped > 0 {
				x.queue.add(node.Key)
			}
		case m.Want != nil:
			if restricted {
				m.Want = x.allowedWant(m.Want, node.Key)
			}
			send := func(r *wire.SyncRecords, size int) error {
				e.seat.wait(time.Now()) // who has had too much gives way first
				if err := x.pace(ctx, node.Key, size); err != nil {
					return err
				}
				return e.send(&wire.SyncMessage{Records: r})
			}
			if err := x.serveWant(send, m.Want); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: neither a frontier nor a want", errPeer)
		}
	}
	return fmt.Errorf("%w: more than %d messages", errPeer, framesPerPeer)
}

// chunk gathers records up to the limits of one message.
type chunk struct {
	send func(r *wire.SyncRecords, size int) error
	recs [][]byte
	size int
}

func (c *chunk) room() int { return wire.MaxSyncRecordBytes - c.size }

func (c *chunk) add(raw []byte) {
	c.recs = append(c.recs, raw)
	c.size += len(raw)
}

func (c *chunk) flush(last bool) error {
	if len(c.recs) == 0 && !last {
		return nil
	}
	err := c.send(&wire.SyncRecords{Records: c.recs, Last: last}, c.size)
	c.recs, c.size = c.recs[:0], 0
	return err
}

// serveWant sends the records asked for, as far as this node holds them.
func (x *Exchange) serveWant(send func(*wire.SyncRecords, int) error, w *wire.SyncWant) error {
	c := &chunk{send: send}
	for _, r := range w.Ranges {
		held, err := x.serveRange(c, r, w)
		if err != nil {
			return err
		}
		if !held && !w.Bodies {
			break // what follows would be out of order for the asker
		}
	}
	if err := x.serveForks(c, w); err != nil {
		return err
	}
	return c.flush(true)
}

// serveRange adds one range; false when this node does not hold all of it.
func (x *Exchange) serveRange(c *chunk, r wire.SyncRange, w *wire.SyncWant) (bool, error) {
	for r.Count > 0 {
		if len(c.recs) == wire.MaxSyncRecords || c.room() < wire.MaxRecord {
			if err := c.flush(false); err != nil {
				return false, err
			}
		}
		raws, err := x.cfg.Store.RangeOf(r.Log, r.From, int(min(r.Count, uint64(wire.MaxSyncRecords-len(c.recs)))), c.room(), w.Topics)
		if errors.Is(err, store.ErrNotFound) {
			// In a message of its own there may be room as far as a signature
			// that proves the range.
			if len(c.recs) > 0 {
				if err := c.flush(false); err != nil {
					return false, err
				}
				continue
			}
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read log: %w", err)
		}
		for i, raw := range raws {
			if w.Bodies {
				// What is left out ends a run, and the last of a run must be
				// proved by itself.
				if env, err := wire.Decode(raw); err != nil || !env.HasBody() {
					continue
				}
				if signed, err := x.cfg.Store.Signed(r.Log, r.From+uint64(i)); err != nil || !signed {
					continue
				}
			}
			c.add(raw)
		}
		r.From += uint64(len(raws))
		r.Count -= uint64(len(raws))
	}
	return true, nil
}

func (x *Exchange) serveForks(c *chunk, w *wire.SyncWant) error {
	if len(w.Forks) == 0 {
		return nil
	}
	forks, err := x.cfg.Store.Forks()
	if err != nil {
		return fmt.Errorf("read fork proofs: %w", err)
	}
	for _, log := range w.Forks {
		for _, f := range forks {
			if f.Log != log {
				continue
			}
			if len(c.recs)+2 > wire.MaxSyncRecords || c.room() < 2*wire.MaxRecord {
				if err := c.flush(false); err != nil {
					return err
				}
			}
			c.add(f.A)
			c.add(f.B)
			break
		}
	}
	return nil
}
