package p2p

import (
	"net/netip"
	"time"

	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	ma "github.com/multiformats/go-multiaddr"
)

// know tells the door where members are: where they say, where they answered or
// last came from, and where an operator says that one is.
func (p *Host) know() {
	at := map[netip.Prefix][]string{}
	add := func(a netip.Addr, owner string) {
		address, _ := prefixes(a)
		if !a.IsValid() || len(at[address]) > 0 && at[address][len(at[address])-1] == owner {
			return
		}
		at[address] = append(at[address], owner)
	}
	for _, b := range p.book {
		add(addressOf(b.addr), b.text)
	}
	said := p.cfg.Addresses()
	for _, n := range p.cfg.View().Nodes() { // by State, so that a State is added once
		id, err := PeerID(n.Key)
		if err != nil {
			continue
		}
		if _, _, ok := p.gate.admitted(id); !ok {
			continue
		}
		for _, m := range append(nodeAddresses(n.Key, said[n.Key]), p.boot[n.Key]...) {
			add(addressOf(m), string(n.State))
		}
		for _, a := range p.gate.places.met(n.Key) {
			add(a, string(n.State))
		}
	}
	p.door.know(at)
}

// met notes where a node was found, or came from.
func (p *Host) met(c network.Conn) {
	node, ok := NodeKey(c.RemotePeer())
	if !ok {
		return
	}
	if _, ended, ok := p.gate.admitted(c.RemotePeer()); ok && ended {
		p.noteEnded(c.RemotePeer(), true)
	}
	if c.Stat().Direction == network.DirOutbound {
		p.gate.places.answered(node, c.RemoteMultiaddr(), time.Now())
	} else {
		p.gate.places.connected(node, addressOf(c.RemoteMultiaddr()))
	}
}

// configured tells whether an operator has said that a node is at an address.
func (p *Host) configured(node ct.LogID, addr ma.Multiaddr) bool {
	for _, a := range p.boot[node] {
		if sameAddress(a, addr) {
			return true
		}
	}
	for _, b := range p.book {
		if met, ok := p.tries.whoAnswers(b.text); ok && met == node && sameAddress(b.addr, addr) {
			return true
		}
	}
	return false
}

// promptUpgrader takes the place of the library's, which gives a stranger 15 s
// to say who it is, over TCP.
func promptUpgrader(_ transport.Upgrader, security []sec.SecureTransport, muxers []upgrader.StreamMuxer, psk pnet.PSK, rm network.ResourceManager, gate connmgr.ConnectionGater) (transport.Upgrader, error) {
	return upgrader.New(security, muxers, psk, rm, gate, upgrader.WithAcceptTimeout(handshakeFor))
}
