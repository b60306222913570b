package exchange

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/network"
)

const (
	maxMatchFrame  = 64 << 10
	matchTimeout   = 30 * time.Second
	matchesPerPeer = 4
	matchesTotal   = 64
)

// Ask sends a match request to a node, dialling it when needed, and returns
// the raw answer. It waits until ctx ends, at most 30 s.
func (x *Exchange) Ask(ctx context.Context, node ct.LogID, req []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, matchTimeout)
	defer cancel()
	answer, err := x.ask(ctx, node, req)
	if err != nil {
		x.metrics.asks.WithLabelValues("silent").Inc()
		return nil, fmt.Errorf("ask node %s: %w", node.Short(), err)
	}
	x.metrics.asks.WithLabelValues("answered").Inc()
	return answer, nil
}

func (x *Exchange) ask(ctx context.Context, node ct.LogID, req []byte) ([]byte, error) {
	if len(req) == 0 || len(req) > maxMatchFrame {
		return nil, fmt.Errorf("request of %d bytes: want 1 to %d", len(req), maxMatchFrame)
	}
	if err := x.cfg.Host.Dial(ctx, node); err != nil {
		return nil, err
	}
	s, stop, err := x.open(ctx, node, matchProtocol(x.cfg.View().Network()), p2p.ServiceMatch)
	if err != nil {
		return nil, err
	}
	defer stop()
	defer s.Close()
	deadline, _ := ctx.Deadline()
	if err := s.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	if _, err := s.Write(wire.AppendFrame(nil, req)); err != nil {
		_ = s.Reset()
		return nil, fmt.Errorf("send: %w", err)
	}
	answer, err := wire.ReadFrame(bufio.NewReader(s), maxMatchFrame)
	if err != nil {
		_ = s.Reset()
		if errors.Is(err, wire.ErrFrame) {
			x.cfg.Host.Fault(s.Conn().RemotePeer(), "match answer that is no frame")
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("receive: %w", err)
	}
	if len(answer) == 0 {
		return nil, errors.New("receive: empty answer")
	}
	return answer, nil
}

// serveMatch answers one match request.
func (x *Exchange) serveMatch(ctx context.Context, s network.Stream) {
	ctx, cancel := context.WithTimeout(ctx, matchTimeout)
	defer cancel()
	node, seat, leave, ok := x.admit(ctx, s, p2p.ServiceMatch, matchesPerPeer, matchesTotal)
	if !ok {
		return
	}
	defer leave()
	if err := x.answer(ctx, s, node.Key, seat); err != nil {
		_ = s.Reset()
		if errors.Is(err, errPeer) {
			x.cfg.Host.Fault(s.Conn().RemotePeer(), "match stream against the protocol")
		}
		x.log.Debug("match request not answered", "node", node.Key.Short(), "err", err)
		return
	}
	_ = s.Close()
}

func (x *Exchange) answer(ctx context.Context, s network.Stream, from ct.LogID, seat *seat) error {
	if x.cfg.Answer == nil {
		return errors.New("this node answers none")
	}
	deadline, _ := ctx.Deadline()
	if err := s.SetDeadline(deadline); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	req, err := wire.ReadFrame(bufio.NewReader(s), maxMatchFrame)
	if errors.Is(err, wire.ErrFrame) {
		return fmt.Errorf("%w: %w", errPeer, err)
	}
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	seat.work()
	answer := x.cfg.Answer(ctx, from, req)
	seat.wait(time.Now())
	if len(answer) == 0 || len(answer) > maxMatchFrame {
		return fmt.Errorf("answer of %d bytes", len(answer))
	}
	if _, err := s.Write(wire.AppendFrame(nil, answer)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	// It was answered, and counted against its State's budget. Whoever encodes by
	// the protocol sends none that cannot be read.
	if _, _, err := wire.DecodeMatchRequest(req); err != nil {
		x.cfg.Host.Fault(s.Conn().RemotePeer(), "malformed match request")
	}
	return nil
}
