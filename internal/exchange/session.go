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
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// frameTimeout bounds each read and write. A reader may first have to
	// commit what it was sent before.
	frameTimeout = time.Minute
	// sessionTimeout bounds a stream; what is fetched by then stays fetched.
	sessionTimeout = 10 * time.Minute
)

// errPeer is a peer that breaks the protocol: it is left alone for a while.
var errPeer = errors.New("peer breaks the protocol")

// session is one sync stream.
type session struct {
	s network.Stream
	r *bufio.Reader
	m *metrics

	seat *seat // of a stream that is served; nil: this node opened it

	out    []byte // of the last frame sent; the next one uses it again
	proved int    // bytes of the largest frame received
	got    int    // records received that were asked for

	// short are the logs of which less came than was promised; false: only because
	// one before it in its want ended that.
	short map[ct.LogID]bool
}

func newSession(s network.Stream, m *metrics) *session {
	return &session{short: map[ct.LogID]bool{}, s: s, r: bufio.NewReaderSize(&pacedReader{s: s}, 64<<10), m: m}
}

// open starts a stream to a connected node. It is reset when ctx ends.
func (x *Exchange) open(ctx context.Context, node ct.LogID, proto protocol.ID, service string) (network.Stream, func(), error) {
	id, err := p2p.PeerID(node)
	if err != nil {
		return nil, nil, err
	}
	if _, ended, ok := x.cfg.Host.Admitted(id); !ok || ended && service != p2p.ServiceSync {
		return nil, nil, fmt.Errorf("node %s is no live member's node, or is muted", node.Short())
	}
	octx, cancel := context.WithTimeout(network.WithNoDial(ctx, "herald"), frameTimeout)
	defer cancel()
	s, err := x.cfg.Host.Libp2p().NewStream(octx, id, proto)
	if err != nil {
		return nil, nil, fmt.Errorf("open stream to node %s: %w", node.Short(), err)
	}
	if err := s.Scope().SetService(service); err != nil {
		_ = s.Reset()
		return nil, nil, fmt.Errorf("open stream to node %s: %w", node.Short(), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	return s, func() { stop() }, nil
}

func (e *session) send(m *wire.SyncMessage) error {
	e.out = wire.AppendSyncFrame(e.out[:0], m)
	n, err := e.write(e.out)
	e.m.bytes.WithLabelValues("sent").Add(float64(n))
	return err
}

func (e *session) receive() (*wire.SyncMessage, error) { return e.receiveWithin(frameTimeout) }

func (e *session) receiveWithin(d time.Duration) (*wire.SyncMessage, error) {
	now := time.Now()
	if err := e.s.SetReadDeadline(now.Add(d)); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	e.seat.wait(now)
	defer e.seat.work()
	raw, err := wire.ReadFrameProved(e.r, wire.MaxSyncFrame, e.proved)
	if errors.Is(err, wire.ErrFrame) {
		return nil, fmt.Errorf("%w: %w", errPeer, err)
	}
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	e.m.bytes.WithLabelValues("received").Add(float64(len(raw)))
	e.proved = max(e.proved, len(raw))
	m, err := wire.DecodeSync(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPeer, err)
	}
	return m, nil
}
