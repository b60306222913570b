// Package p2p joins a node to the members' nodes: one libp2p host with a gate
// that admits live nodes of the roster only, and a loop that keeps connections
// to them. It carries no meaning: what travels over the streams is gossip's and
// exchange's. There is no relay, no discovery, no address book of strangers.
package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
)

// dialTimeout bounds one attempt to reach a peer.
const dialTimeout = 10 * time.Second

// Underlay carries a simulated network below the host; only internal/sim makes
// one. A nil Underlay is the operating system's network.
type Underlay struct{ opts []libp2p.Option }

// NewUnderlay wraps the options that put QUIC on a simulated network.
func NewUnderlay(opts ...libp2p.Option) *Underlay { return &Underlay{opts} }

// Config says who the node is and whom it may meet.
type Config struct {
	Key        *keys.Key                    // node key: log id and transport identity
	Listen     []string                     // multiaddrs; empty: dial only
	Announce   []string                     // multiaddrs told to peers; empty: the listen addresses
	Bootstrap  []string                     // multiaddrs of members' nodes, with or without /p2p/ID
	View       func() *roster.View          // never nil, may change at any time
	Muted      func(ct.State) bool          // States this node has muted; nil: none
	Addresses  func() map[ct.LogID][]string // newest ADDRESS statements; nil: none
	Private    bool                         // those may be private ones, as they may in an exercise
	Underlay   *Underlay                    // nil: the operating system
	Log        *slog.Logger                 // nil: discard
	Registerer prometheus.Registerer        // nil: no metrics
}

// Host is one node on the members' network.
type Host struct {
	cfg   Config
	h     host.Host
	gate  *gater
	log   *slog.Logger
	book  []bootstrapAddr
	boot  map[ct.LogID][]ma.Multiaddr // bootstrap addresses that name their node
	tries tries
	door  *door

	large   atomic.Bool   // the network is too large for a connection to everyone
	closing chan struct{} // somebody is not admitted any more

	mu      sync.Mutex
	leaving map[peer.ID]time.Time // connected nodes whose log was closed, and since when that is known
	ended   map[peer.ID]bool      // connected nodes whose window had ended
}

// Parting is how long a connected node whose log was closed stays so: it hears
// of its closing from those who cut it off. It is admitted to nothing new.
const Parting = time.Second

type bootstrapAddr struct {
	addr ma.Multiaddr
	text string
}

// Peer is a member's node that is connected now.
type Peer struct {
	Node    ct.LogID
	State   ct.State
	Addr    string
	Inbound bool
	Since   time.Time
}

// New starts listening. Dialling starts with Run; Close ends both.
func New(cfg Config) (*Host, error) {
	if cfg.Key == nil || cfg.View == nil {
		return nil, errors.New("p2p: config needs Key and View")
	}
	if cfg.Muted == nil {
		cfg.Muted = func(ct.State) bool { return false }
	}
	if cfg.Addresses == nil {
		cfg.Addresses = func() map[ct.LogID][]string { return nil }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Host{
		cfg: cfg,
		log: cfg.Log.With("component", "p2p"),
		gate: &gater{own: cfg.Key.Public(), view: cfg.View, muted: cfg.Muted, private: cfg.Private, probes: map[peer.ID]struct{}{},
			quarantine: quarantine{nodes: map[ct.LogID]*suspect{}}, places: newPlaces()},
		closing: make(chan struct{}, 1),
		ended:   map[peer.ID]bool{},
		boot:    map[ct.LogID][]ma.Multiaddr{},
		tries:   tries{at: map[string]attempt{}, met: map[string]ct.LogID{}},
	}
	p.gate.configured = p.configured
	p.gate.connected = func() []peer.ID { return p.h.Network().Peers() }
	for _, s := range cfg.Bootstrap {
		addr, id, err := parseAddress(s)
		if err != nil {
			return nil, fmt.Errorf("bootstrap %w", err)
		}
		if key, ok := NodeKey(id); ok {
			p.boot[key] = append(p.boot[key], addr)
		} else if id != "" {
			return nil, fmt.Errorf("bootstrap address %q: the id is not a node key's", s)
		} else {
			p.book = append(p.book, bootstrapAddr{addr, s})
		}
	}
	opts, err := p.options()
	if err != nil {
		return nil, err
	}
	cm, err := connmgr.NewConnManager(trimLow, trimHigh)
	if err != nil {
		return nil, fmt.Errorf("connection manager: %w", err)
	}
	rm, err := newResourceManager(cfg.Registerer != nil)
	if err != nil {
		return nil, errors.Join(err, cm.Close())
	}
	// From here on the host owns both; it closes them, but not if it never began.
	p.door = newDoor(rm)
	p.know()
	opts = append(opts, libp2p.ConnectionManager(cm), libp2p.ResourceManager(p.door))
	if p.h, err = libp2p.New(opts...); err != nil {
		err = fmt.Errorf("start libp2p host: %w", err)
		return nil, errors.Join(err, cm.Close(), rm.Close())
	}
	p.h.Network().Notify(&network.NotifyBundle{ConnectedF: func(net network.Network, c network.Conn) {
		closeRemains(net, c)
		p.met(c)
	}, DisconnectedF: func(net network.Network, c network.Conn) {
		if len(net.ConnsToPeer(c.RemotePeer())) == 0 {
			p.noteEnded(c.RemotePeer(), false)
		}
	}})
	for _, s := range cfg.Listen {
		if err := p.listen(s); err != nil {
			return nil, errors.Join(err, p.h.Close())
		}
	}
	return p, nil
}

// keepConns is how many connections of a peer may be in use: two that dialled
// each other at once, over either transport.
const keepConns = 4

// closeRemains closes the oldest connections to a peer that has more than it can
// use. They are what is left of processes that were killed: over QUIC that shows
// only half a minute later, and meanwhile a node that is started again and again
// would come to the bound of maxConnsPeer and stay alone.
func closeRemains(net network.Network, c network.Conn) {
	conns := net.ConnsToPeer(c.RemotePeer())
	if len(conns) <= keepConns {
		return
	}
	slices.SortFunc(conns, func(a, b network.Conn) int { return a.Stat().Opened.Compare(b.Stat().Opened) })
	for _, old := range conns[:len(conns)-keepConns] {
		_ = old.Close()
	}
}

// listen opens one address. All that are configured must open: a host is
// content with one of them, and an operator would not learn that nobody can
// reach the node over the other.
func (p *Host) listen(s string) error {
	addr, _, err := parseAddress(s)
	if err != nil {
		return fmt.Errorf("listen %w", err)
	}
	// The swarm's own method keeps the cause; Network.Listen makes text of it.
	swarm, ok := p.h.Network().(interface{ AddListenAddr(ma.Multiaddr) error })
	if !ok {
		return errors.New("listen: this host cannot open addresses one by one")
	}
	err = swarm.AddListenAddr(addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w", s, ErrInUse)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s, err)
	}
	return nil
}

// ErrInUse: another process listens there.
var ErrInUse = errors.New("in use by another process: set another `listen` in herald.toml")

func (p *Host) options() ([]libp2p.Option, error) {
	priv, err := identity(p.cfg.Key)
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(priv),
		libp2p.Security(libp2ptls.ID, libp2ptls.New), // negotiates X25519MLKEM768; Noise cannot
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.ConnectionGater(p.gate),
		libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.ForceReachabilityPublic(), // addresses are configured, not probed
		libp2p.Ping(false),
		// By default a hundred failed dials, an outage of an hour, make the
		// library refuse all further ones to UDP or IPv6, but one of a hundred.
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
		libp2p.UserAgent("herald/1"),
		libp2p.WithDialTimeout(dialTimeout),
		libp2p.WithFxOption(fx.Decorate(fx.Annotate(promptUpgrader, fx.ParamTags("", `name:"security"`)))),
	}
	opts = append(opts, libp2p.NoListenAddrs) // New opens them one by one
	if len(p.cfg.Announce) > 0 {
		announce := make([]ma.Multiaddr, 0, len(p.cfg.Announce))
		for _, s := range p.cfg.Announce {
			addr, _, err := parseAddress(s)
			if err != nil {
				return nil, fmt.Errorf("announce %w", err)
			}
			announce = append(announce, addr)
		}
		opts = append(opts, libp2p.AddrsFactory(func([]ma.Multiaddr) []ma.Multiaddr { return announce }))
	}
	if p.cfg.Registerer == nil {
		opts = append(opts, libp2p.DisableMetrics())
	} else {
		opts = append(opts, libp2p.PrometheusRegisterer(p.cfg.Registerer))
	}
	if p.cfg.Underlay == nil {
		return append(opts, libp2p.Transport(tcp.NewTCPTransport)), nil
	}
	return append(opts, p.cfg.Underlay.opts...), nil // a simulated network has no TCP
}

// Close ends every connection and stops listening.
func (p *Host) Close() error {
	if err := p.h.Close(); err != nil {
		return fmt.Errorf("close libp2p host: %w", err)
	}
	return nil
}

// Libp2p is the host below, for the packages that speak over it.
func (p *Host) Libp2p() host.Host { return p.h }

// Member finds the node behind a peer id; false when it may not speak now.
// Stream handlers and validators ask again, though the gate already has.
func (p *Host) Member(id peer.ID) (roster.Node, bool) { return p.gate.member(id) }

// Admitted finds the node behind a peer id; false when it may not connect now.
// Whose window has ended may sync root logs and nothing else.
func (p *Host) Admitted(id peer.ID) (node roster.Node, ended, ok bool) { return p.gate.admitted(id) }

// Ended lists the connected nodes whose window has ended.
func (p *Host) Ended() (out []ct.LogID) {
	for _, id := range p.h.Network().Peers() {
		if node, ended, ok := p.gate.admitted(id); ok && ended {
			out = append(out, node.Key)
		}
	}
	return out
}

// Recheck closes the connections of peers that may no longer be connected. One
// whose window has ended keeps its connection while there is a seat for it; when
// it is renewed it connects anew, since gossip has not heard it meanwhile.
func (p *Host) Recheck() {
	all, seats := 0, map[ct.State]int{}
	for _, id := range p.h.Network().Peers() {
		key, _ := NodeKey(id)
		node, isEnded, ok := p.gate.admitted(id)
		switch {
		case ok && isEnded && all < endedSeats && seats[node.State] < endedSeatsOne:
			p.noteEnded(id, true)
			all++
			seats[node.State]++
			continue
		case ok && !isEnded && !p.wasEnded(id):
			continue
		case ok:
			p.log.Info("closing a peer whose window has ended or is renewed", "node", key.Short())
			_ = p.h.Network().ClosePeer(id)
			continue
		}
		if p.parts(id, key, time.Now()) {
			continue
		}
		p.log.Info("closing a peer that is not admitted any more", "node", key.Short())
		if err := p.h.Network().ClosePeer(id); err != nil {
			p.log.Warn("cannot close a peer", "node", key.Short(), "err", err)
		}
	}
}

// noteEnded remembers of a connected peer that its window had ended.
func (p *Host) noteEnded(id peer.ID, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ended {
		p.ended[id] = true
	} else {
		delete(p.ended, id)
	}
}

func (p *Host) wasEnded(id peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended[id]
}

// parts tells whether a node has a moment left to hear that its log is closed.
func (p *Host) parts(id peer.ID, key ct.LogID, now time.Time) bool {
	node, _ := p.cfg.View().Node(key)
	if node.Closing == nil || p.cfg.Muted(node.State) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leaving == nil {
		p.leaving = make(map[peer.ID]time.Time) // bounded by the roster's nodes
	}
	since, known := p.leaving[id]
	if !known {
		p.leaving[id] = now
	}
	return !known || now.Sub(since) < Parting
}

// Peers lists the connected nodes, by State and key.
func (p *Host) Peers() []Peer {
	var out []Peer
	for _, id := range p.h.Network().Peers() {
		node, ok := p.gate.member(id)
		conns := p.h.Network().ConnsToPeer(id)
		if !ok || len(conns) == 0 {
			continue
		}
		st := conns[0].Stat()
		out = append(out, Peer{
			Node: node.Key, State: node.State, Addr: conns[0].RemoteMultiaddr().String(),
			Inbound: st.Direction == network.DirInbound, Since: st.Opened.UTC(),
		})
	}
	slices.SortFunc(out, func(a, b Peer) int {
		if c := strings.Compare(string(a.State), string(b.State)); c != 0 {
			return c
		}
		return strings.Compare(string(a.Node[:]), string(b.Node[:]))
	})
	return out
}

// Connected tells whether a node can be spoken to without dialling.
func (p *Host) Connected(node ct.LogID) bool {
	id, err := PeerID(node)
	if err != nil {
		return false
	}
	_, ok := p.gate.member(id)
	return ok && p.h.Network().Connectedness(id) == network.Connected
}

// Failing tells that a node is not connected and was dialled in vain, twice at least.
func (p *Host) Failing(node ct.LogID) bool {
	return !p.Connected(node) && p.tries.failing(node.String())
}

// Addrs are the multiaddrs, ending in /p2p/ID, under which others reach this node.
func (p *Host) Addrs() []string {
	var out []string
	for _, a := range p.h.Addrs() {
		out = append(out, a.String()+"/p2p/"+p.h.ID().String())
	}
	return out
}

// Dial connects to a member's node at its known addresses.
func (p *Host) Dial(ctx context.Context, node ct.LogID) error {
	id, err := PeerID(node)
	if err != nil {
		return err
	}
	if p.h.Network().Connectedness(id) == network.Connected {
		return nil
	}
	addrs := p.addresses(node, p.cfg.Addresses())
	if len(addrs) == 0 {
		return fmt.Errorf("dial node %s: no address is known", node.Short())
	}
	return p.dial(ctx, id, addrs)
}
