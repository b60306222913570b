package exchange

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"golang.org/x/sync/errgroup"
)

const (
	pulls      = 3                // run at once, from different nodes
	roundEvery = 30 * time.Second // ± a fifth
	roundPeers = 2
	kickEvery  = time.Second
)

// Run answers peers and pulls from them until ctx ends: from each on connect,
// from two at random every 30 s, at once when a gap shows or a peer shows that
// this node is behind. It returns when all streams have ended.
func (x *Exchange) Run(ctx context.Context) error {
	h := x.cfg.Host.Libp2p()
	sub, err := h.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.BufSize(1024))
	if err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	defer sub.Close()
	x.inbound.reopen()
	id := x.cfg.View().Network()
	h.SetStreamHandler(syncProtocol(id), func(s network.Stream) { x.serveSync(ctx, s) })
	h.SetStreamHandler(matchProtocol(id), func(s network.Stream) { x.serveMatch(ctx, s) })
	defer func() {
		h.RemoveStreamHandler(syncProtocol(id))
		h.RemoveStreamHandler(matchProtocol(id))
		x.inbound.close()
	}()
	for _, p := range x.cfg.Host.Peers() {
		x.queue.add(p.Node)
	}
	for _, node := range x.cfg.Host.Ended() {
		x.queue.add(node)
	}

	var g errgroup.Group
	defer func() { _ = g.Wait() }() // pulls report to the log and the metrics
	g.Go(func() error {
		x.recheck(ctx)
		return nil
	})
	slots := make(chan struct{}, pulls)
	second := time.NewTicker(kickEvery)
	defer second.Stop()
	round := time.NewTimer(jitter(roundEvery))
	defer round.Stop()
	var kicked time.Time
	for {
		if now := time.Now(); now.Sub(kicked) >= kickEvery {
			if log, ok := x.queue.takeGap(); ok {
				kicked = now
				x.pullForGap(log)
			}
		}
		var free chan<- struct{}
		if x.queue.ready() {
			free = slots
		}
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-sub.Out():
			if !ok {
				return errors.New("watch connections: the host has closed")
			}
			ev, _ := e.(event.EvtPeerConnectednessChanged)
			if node, _, ok := x.cfg.Host.Admitted(ev.Peer); ok && ev.Connectedness == network.Connected {
				x.queue.add(node.Key)
			}
		case <-x.queue.wake:
		case <-second.C:
			for _, node := range x.queue.changed(x.cfg.View().Version()) {
				x.queue.add(node)
			}
			if len(slots) == cap(slots) && x.queue.ready() {
				x.turns.end(time.Now())
			}
		case <-round.C:
			round.Reset(jitter(roundEvery))
			for _, p := range x.pick(roundPeers) {
				x.queue.add(p.Node)
			}
			if ended := x.cfg.Host.Ended(); len(ended) > 0 {
				x.queue.add(ended[rand.IntN(len(ended))])
			}
		case free <- struct{}{}:
			node, ok := x.queue.next()
			if !ok {
				<-slots
				continue
			}
			g.Go(func() error {
				defer func() { <-slots }()
				defer x.queue.done(node)
				x.pullInTurn(ctx, node)
				return nil
			})
		}
	}
}

func (x *Exchange) pullAndReport(ctx context.Context, node ct.LogID) {
	err := x.pull(ctx, node)
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, errPeer):
		x.log.Warn("leaving a peer alone for a while", "node", node.Short(), "err", err)
	default:
		x.log.Debug("sync ended early", "node", node.Short(), "err", err)
	}
}

// pullForGap asks the author itself when it is connected, and someone else: the
// author may be the one who leaves gaps.
func (x *Exchange) pullForGap(log ct.LogID) {
	if x.cfg.Host.Connected(log) {
		x.queue.add(log)
	}
	for _, p := range x.pick(1) {
		x.queue.add(p.Node)
	}
}

// pick chooses n connected peers at random.
func (x *Exchange) pick(n int) []p2p.Peer {
	peers := x.cfg.Host.Peers()
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	return peers[:min(n, len(peers))]
}

func jitter(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5) }
