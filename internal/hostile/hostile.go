// Package hostile is for tests only: a member's node that speaks the real
// protocols by hand, over real libp2p hosts, and keeps none of their rules. It
// has a live delegation, so every door is open to it that is open to members.
// It holds attacks; what they must not achieve is in its tests.
package hostile

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"
)

const (
	maxFrame = 1 << 21 // of what it reads: more than any honest node sends
	maxHeard = 4096    // messages that it keeps
	patience = 10 * time.Second
)

// Config is whose node it is.
type Config struct {
	Key      *keys.Key
	View     func() *roster.View
	Underlay *p2p.Underlay // nil: the operating system
	Listen   []string
	// Sync answers the sync streams of others; nil: it reads and says nothing.
	Sync func(s *Stream)
}

// Node is a hostile member. It joins all topics, lets itself be grafted into
// every mesh and passes nothing on.
type Node struct {
	Host *p2p.Host
	Key  *keys.Key

	cfg    Config
	prefix string // of protocols and topics

	mu    sync.Mutex
	heard []*pb.Message // by gossip, the last ones
}

// Start makes a hostile node; it attacks nobody by itself.
func Start(cfg Config) (*Node, error) {
	h, err := p2p.New(p2p.Config{Key: cfg.Key, View: cfg.View, Underlay: cfg.Underlay, Listen: cfg.Listen})
	if err != nil {
		return nil, err
	}
	net := cfg.View().Network().Prefix()
	n := &Node{Host: h, Key: cfg.Key, cfg: cfg, prefix: hex.EncodeToString(net[:])}
	h.Libp2p().SetStreamHandler(n.gossip(), n.hear)
	h.Libp2p().SetStreamHandler(n.protocol("sync"), func(s network.Stream) {
		defer func() { _ = s.Reset() }()
		if cfg.Sync != nil {
			cfg.Sync(newStream(s))
			return
		}
		_, _ = s.Read(make([]byte, 1))
		_, _ = s.Read(make([]byte, maxFrame))
	})
	return n, nil
}

// Close ends it.
func (n *Node) Close() error { return n.Host.Close() }

func (n *Node) gossip() protocol.ID {
	return protocol.ID("/herald/1/" + n.prefix + "/meshsub/1.2.0")
}

func (n *Node) protocol(name string) protocol.ID {
	return protocol.ID("/herald/" + name + "/1/" + n.prefix)
}

// Topic is a topic's name.
func (n *Node) Topic(t ct.Topic) *string {
	return proto.String("/herald/1/" + n.prefix + "/" + t.String())
}

// hear reads what a peer gossips, keeps the messages and passes nothing on.
func (n *Node) hear(s network.Stream) {
	defer func() { _ = s.Reset() }()
	for r := bufio.NewReader(s); ; {
		raw, err := wire.ReadFrame(r, maxFrame)
		if err != nil {
			return
		}
		rpc := &pb.RPC{}
		if proto.Unmarshal(raw, rpc) != nil {
			return
		}
		n.mu.Lock()
		for _, m := range rpc.Publish {
			if n.heard = append(n.heard, m); len(n.heard) > maxHeard {
				n.heard = append(n.heard[:0], n.heard[maxHeard/2:]...)
			}
		}
		n.mu.Unlock()
	}
}

// Heard are the messages that it was sent.
func (n *Node) Heard() []*pb.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*pb.Message(nil), n.heard...)
}

// Meet connects with a node.
func (n *Node) Meet(ctx context.Context, to peer.AddrInfo) error {
	if err := n.Host.Libp2p().Connect(ctx, to); err != nil {
		return fmt.Errorf("meet: %w", err)
	}
	return nil
}

// Link is a gossip stream to one node.
type Link struct{ s network.Stream }

// Link opens the gossip stream to a node and joins all topics. A peer has one
// such stream: a second one ends the first.
func (n *Node) Link(ctx context.Context, to peer.AddrInfo) (*Link, error) {
	s, err := n.open(ctx, to, n.gossip())
	if err != nil {
		return nil, err
	}
	l := &Link{s}
	rpc := &pb.RPC{}
	for _, t := range ct.Topics() {
		rpc.Subscriptions = append(rpc.Subscriptions, &pb.RPC_SubOpts{Subscribe: proto.Bool(true), Topicid: n.Topic(t)})
	}
	return l, l.Send(rpc)
}

// Send sends one RPC. The error is that the node does not listen any more.
func (l *Link) Send(rpc *pb.RPC) error {
	frame, err := Frame(rpc)
	if err != nil {
		return err
	}
	return l.Write(frame)
}

// Write sends frames as they are.
func (l *Link) Write(frames []byte) error {
	if err := l.s.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if _, err := l.s.Write(frames); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Close ends the link.
func (l *Link) Close() error { return l.s.Reset() }

// Frame encodes an RPC.
func Frame(rpc *pb.RPC) ([]byte, error) {
	raw, err := proto.Marshal(rpc)
	if err != nil {
		return nil, err
	}
	return wire.AppendFrame(nil, raw), nil
}

// Stream is a sync or match stream spoken by hand.
type Stream struct {
	network.Stream
	r *bufio.Reader
}

func newStream(s network.Stream) *Stream { return &Stream{s, bufio.NewReader(s)} }

// Sync opens a sync stream.
func (n *Node) Sync(ctx context.Context, to peer.AddrInfo) (*Stream, error) {
	return n.stream(ctx, to, "sync")
}

// Match opens a match stream.
func (n *Node) Match(ctx context.Context, to peer.AddrInfo) (*Stream, error) {
	return n.stream(ctx, to, "match")
}

func (n *Node) stream(ctx context.Context, to peer.AddrInfo, name string) (*Stream, error) {
	s, err := n.open(ctx, to, n.protocol(name))
	if err != nil {
		return nil, err
	}
	return newStream(s), nil
}

func (n *Node) open(ctx context.Context, to peer.AddrInfo, id protocol.ID) (network.Stream, error) {
	if err := n.Meet(ctx, to); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := n.Host.Libp2p().NewStream(ctx, to.ID, id)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	return s, nil
}

// Say sends a sync message; false: the other side does not listen.
func (s *Stream) Say(m *wire.SyncMessage) bool {
	_ = s.SetWriteDeadline(time.Now().Add(patience))
	_, err := s.Write(wire.AppendFrame(nil, wire.EncodeSync(m)))
	return err == nil
}

// Get is the other side's next sync message; nil: there is none.
func (s *Stream) Get() *wire.SyncMessage {
	_ = s.SetReadDeadline(time.Now().Add(patience))
	raw, err := wire.ReadFrame(s.r, maxFrame)
	if err != nil {
		return nil
	}
	m, err := wire.DecodeSync(raw)
	if err != nil {
		return nil
	}
	return m
}

// Hello is the first sync message, of who holds other things.
func Hello(now time.Time) *wire.SyncMessage {
	return &wire.SyncMessage{Hello: &wire.SyncHello{Digest: [32]byte{1}, Time: ct.MillisOf(now)}}
}
