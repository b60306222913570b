package p2p

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/time/rate"
)

// A connection that came in and has not yet proved who it is costs a file or
// memory and a handshake, and anybody can open many and say nothing on them. So
// those from addresses at which members are known have places of their own: for
// each State as many as its nodes ever need, so that neither strangers nor
// another State fill them. TCP and QUIC have each their own.
const (
	handshakeFor = 5 * time.Second // over TCP; over QUIC the library gives as much to each step and twice that in all

	doorMember       = 16 // at a time, for each State that is known at the address
	doorMemberRate   = 20 // new ones a second
	doorMemberBurst  = 64
	doorStrangers    = 256 // at a time, all that are not known
	doorSubnet       = 128 // of them from one /24 or /48
	doorAddress      = 32  // of them from one address, or /64
	doorRate         = 100 // new ones a second: what their handshakes may cost this node
	doorBurst        = 512
	doorAddressRate  = 10
	doorAddressBurst = 64
	doorAddresses    = 4096 // of which the rate is remembered

	// From so many on that have not proved who they are, an address over QUIC
	// must first show that it is its sender's.
	doorVerify = 8
)

var errDoor = errors.New("too many connections are waiting to prove who they are")

// door bounds the connections that come in until a peer has proved its identity.
// It stands before the library's own limits, which know no members.
type door struct {
	network.ResourceManager

	mu        sync.Mutex
	known     map[netip.Prefix][]string // pots by address; see Host.know
	transport [2]waiting                // by connection: TCP, QUIC
}

// waiting is one transport's connections that have not proved who they are.
type waiting struct {
	members   map[string]*pot // of State, or of a configured address
	strangers int
	places    map[netip.Prefix]int // strangers by address and by subnet
	rate      *rate.Limiter
	rates     map[netip.Prefix]*rate.Limiter
}

type pot struct {
	count int
	rate  *rate.Limiter
}

func newDoor(below network.ResourceManager) *door {
	d := &door{ResourceManager: below}
	for i := range d.transport {
		d.transport[i] = waiting{
			members: map[string]*pot{}, places: map[netip.Prefix]int{},
			rate: rate.NewLimiter(doorRate, doorBurst), rates: map[netip.Prefix]*rate.Limiter{},
		}
	}
	return d
}

// know says where members are. Those who wait keep the places they have.
func (d *door) know(at map[netip.Prefix][]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = at
	owners := map[string]bool{}
	for _, all := range at {
		for _, o := range all {
			owners[o] = true
		}
	}
	for i := range d.transport {
		for o, p := range d.transport[i].members {
			if !owners[o] && p.count == 0 {
				delete(d.transport[i].members, o)
			}
		}
	}
}

// OpenConnection takes a place for a connection that comes in. The scope gives
// it back when the peer has proved who it is, and when the connection ends.
func (d *door) OpenConnection(dir network.Direction, usefd bool, from ma.Multiaddr) (network.ConnManagementScope, error) {
	if dir != network.DirInbound {
		return d.ResourceManager.OpenConnection(dir, usefd, from)
	}
	i := 1
	if usefd {
		i = 0
	}
	leave, ok := d.enter(i, addressOf(from), time.Now())
	if !ok {
		return nil, errDoor
	}
	s, err := d.ResourceManager.OpenConnection(dir, usefd, from)
	if err != nil {
		leave()
		return nil, err
	}
	return &entering{s, leave}, nil
}

// VerifySourceAddress tells whether who calls over QUIC must first show that it
// gets what is sent to its address. Else one forger would hold the places of all.
func (d *door) VerifySourceAddress(net.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.transport[1].strangers
	for _, p := range d.transport[1].members {
		n += p.count
	}
	return n >= doorVerify
}

// enter takes a place and gives how to give it back.
func (d *door) enter(transport int, from netip.Addr, now time.Time) (leave func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := &d.transport[transport]
	address, subnet := prefixes(from)
	if owners := d.known[address]; len(owners) > 0 {
		p := w.pot(owners)
		if p.count >= doorMember || !p.rate.AllowN(now, 1) {
			return nil, false
		}
		p.count++
		return d.once(func() { p.count-- }), true
	}
	if w.strangers >= doorStrangers || w.places[address] >= doorAddress || w.places[subnet] >= doorSubnet ||
		!w.perAddress(address).AllowN(now, 1) || !w.rate.AllowN(now, 1) {
		return nil, false
	}
	w.strangers++
	w.places[address]++
	w.places[subnet]++
	return d.once(func() {
		w.strangers--
		for _, p := range [...]netip.Prefix{address, subnet} {
			if w.places[p]--; w.places[p] <= 0 {
				delete(w.places, p)
			}
		}
	}), true
}

// once makes leave a thing that happens one time, under the lock.
func (d *door) once(leave func()) func() {
	var once sync.Once
	return func() {
		once.Do(func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			leave()
		})
	}
}

// pot is the emptiest of the owners' pots: several States may share an address.
func (w *waiting) pot(owners []string) *pot {
	var best *pot
	for _, o := range owners {
		p := w.members[o]
		if p == nil {
			p = &pot{rate: rate.NewLimiter(doorMemberRate, doorMemberBurst)}
			w.members[o] = p
		}
		if best == nil || p.count < best.count {
			best = p
		}
	}
	return best
}

func (w *waiting) perAddress(address netip.Prefix) *rate.Limiter {
	l := w.rates[address]
	if l == nil {
		if len(w.rates) >= doorAddresses {
			clear(w.rates) // the rate of all bounds them still
		}
		l = rate.NewLimiter(doorAddressRate, doorAddressBurst)
		w.rates[address] = l
	}
	return l
}

// entering is the scope of a connection that came in.
type entering struct {
	network.ConnManagementScope
	leave func()
}

// SetPeer comes when the handshake has proved who the peer is.
func (e *entering) SetPeer(id peer.ID) error {
	e.leave()
	return e.ConnManagementScope.SetPeer(id)
}

// Done comes when the connection has ended, at whatever point.
func (e *entering) Done() {
	e.leave()
	e.ConnManagementScope.Done()
}

// addressOf is the address that a connection comes from; zero: it has none.
func addressOf(m ma.Multiaddr) netip.Addr {
	ip, err := manet.ToIP(m)
	if err != nil {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// prefixes are what stands for one party and for its neighbourhood: whoever has
// an IPv6 address has all of its /64.
func prefixes(a netip.Addr) (address, subnet netip.Prefix) {
	one, more := 32, 24
	if a.Is6() {
		one, more = 64, 48
	}
	address, _ = a.Prefix(one)
	subnet, _ = a.Prefix(more)
	return address, subnet
}
