package p2p

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// What the tests of the package look into.
const (
	EndedSeats    = endedSeats
	EndedSeatsOne = endedSeatsOne
	DoorMember    = doorMember
	DoorStrangers = doorStrangers
	DoorSubnet    = doorSubnet
	DoorAddress   = doorAddress
	PlacesNode    = placesNode
	HandshakeFor  = handshakeFor
)

// Door is the bounds on connections that have not proved who they are.
type Door struct{ d *door }

// NewDoor is one that knows members at addresses, by owner.
func NewDoor(known map[string][]string) Door {
	d := newDoor(nil)
	at := map[netip.Prefix][]string{}
	for a, owners := range known {
		address, _ := prefixes(netip.MustParseAddr(a))
		at[address] = owners
	}
	d.know(at)
	return Door{d}
}

// Enter is a connection from an address, and how it leaves.
func (d Door) Enter(tcp bool, from string, now time.Time) (func(), bool) {
	i := 1
	if tcp {
		i = 0
	}
	return d.d.enter(i, netip.MustParseAddr(from), now)
}

// Door is the host's own.
func (p *Host) Door() Door { return Door{p.door} }

// Strangers are those who wait, over TCP and over QUIC.
func (d Door) Strangers() (tcp, quic int) {
	d.d.mu.Lock()
	defer d.d.mu.Unlock()
	return d.d.transport[0].strangers, d.d.transport[1].strangers
}

// Verify tells whether a caller over QUIC must show that its address is its own.
func (d Door) Verify() bool { return d.d.VerifySourceAddress(nil) }

// Allow asks the gate, as if these were connected.
func (p *Host) Allow(id peer.ID, connected []peer.ID) bool {
	p.gate.connected = func() []peer.ID { return connected }
	return p.gate.allow(id)
}

// MayDial asks the gate whether to dial an address.
func (p *Host) MayDial(id peer.ID, addr ma.Multiaddr) bool { return p.gate.InterceptAddrDial(id, addr) }

// Nameable tells whether a State may have others dial an address.
func Nameable(a string, private bool) bool { return nameable(netip.MustParseAddr(a), private) }
