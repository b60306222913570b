// Package sim is for tests only: a network in memory and in virtual time, and
// members' nodes upon it. It puts the real p2p host on simulated UDP, with
// latency, loss and partitions, inside a testing/synctest bubble. It simulates
// nothing above the packet: keys, roster, store and protocols are the real ones.
package sim

import (
	"log/slog"
	"math/rand/v2"
	"net"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
)

// Bandwidth is each node's, in bits a second and direction, if nothing else is set.
const Bandwidth = 100 * simlibp2p.OneMbps

// Network is a set of addresses between which packets take time, or get lost.
// Build it, and the hosts on it, inside the bubble; build hosts one at a time.
type Network struct {
	sim *simnet.Simnet

	mu      sync.Mutex
	rng     *rand.Rand
	index   map[string]int // node by IP address
	latency func(from, to int) time.Duration
	loss    float64
	group   map[int]int // partition: nodes of different groups are cut off
	cut     bool
	bytes   map[int]int64 // sent to a node, by node
	links   map[int]Link
}

// Link is what is particular about one node's way into the network.
type Link struct {
	BitsPerSecond int     // each way; 0: Bandwidth
	Loss          float64 // of the packets to it and from it, beside the network's
}

// New starts a network. The seed fixes which packets are lost; the order of
// packets is the scheduler's, so a run is not repeated bit by bit. Log the seed.
func New(seed uint64) *Network {
	n := &Network{
		rng:     rand.New(rand.NewPCG(seed, 0)),
		index:   map[string]int{},
		bytes:   map[int]int64{},
		links:   map[int]Link{},
		latency: func(int, int) time.Duration { return 20 * time.Millisecond },
	}
	n.sim = &simnet.Simnet{LatencyFunc: n.delay, Logger: slog.New(slog.DiscardHandler)}
	n.sim.Start()
	return n
}

// Close ends the network; close the hosts first.
func (n *Network) Close() { n.sim.Close() }

// SetLink makes node i's link another one, from its next Underlay on.
func (n *Network) SetLink(i int, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[i] = l
}

// Underlay is what node i's host runs on. A node that starts again takes a new one.
func (n *Network) Underlay(i int) *p2p.Underlay {
	n.mu.Lock()
	n.index[simnet.IntToPublicIPv4(i).String()] = i
	link := simnet.LinkSettings{BitsPerSecond: Bandwidth}
	if l := n.links[i]; l.BitsPerSecond > 0 {
		link.BitsPerSecond = l.BitsPerSecond
	}
	n.mu.Unlock()
	return p2p.NewUnderlay(simlibp2p.QUICSimnet(n.sim, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}))
}

// Addr is the multiaddr on which node i listens.
func (n *Network) Addr(i int) string {
	return "/ip4/" + simnet.IntToPublicIPv4(i).String() + "/udp/" + strconv.Itoa(8000) + "/quic-v1"
}

// SetLatency sets the one-way delay of each pair, also during a run.
func (n *Network) SetLatency(f func(from, to int) time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latency = f
}

// SetLoss makes each packet get lost with probability p, also during a run.
func (n *Network) SetLoss(p float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = p
}

// Partition cuts the network into groups; nodes that are in none form one more.
func (n *Network) Partition(groups ...[]int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.group, n.cut = map[int]int{}, true
	for g, nodes := range groups {
		for _, i := range nodes {
			n.group[i] = g + 1
		}
	}
}

// Heal ends a partition.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = false
}

// delay decides the fate of one packet.
func (n *Network) delay(p *simnet.Packet) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	from, to := n.node(p.From), n.node(p.To)
	if n.cut && n.group[from] != n.group[to] || n.lost(n.loss) || n.lost(n.links[from].Loss) || n.lost(n.links[to].Loss) {
		// To an address that is nobody's: simnet drops no packet that it can
		// deliver, and must not keep those of an hour's partition.
		p.To = &net.UDPAddr{IP: net.IPv4zero, Port: 1}
		return 0
	}
	n.bytes[to] += headers + int64(size(p))
	return n.latency(from, to)
}

// lost draws whether a packet gets lost that does so with probability p.
func (n *Network) lost(p float64) bool { return p > 0 && n.rng.Float64() < p }

// headers are the bytes of IPv4 and UDP around a packet's payload.
const headers = 20 + 8

// size is a packet's payload in bytes, which simnet keeps to itself.
func size(p *simnet.Packet) int { return reflect.ValueOf(p).Elem().FieldByName("buf").Len() }

// Received is how many bytes have gone to node i, lost ones left out, all
// protocols and headers together.
func (n *Network) Received(i int) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bytes[i]
}

func (n *Network) node(a net.Addr) int {
	if udp, ok := a.(*net.UDPAddr); ok {
		if i, ok := n.index[udp.IP.String()]; ok {
			return i
		}
	}
	return -1
}
