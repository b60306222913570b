package p2p

import (
	"fmt"

	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// maxAddress bounds one address in bytes: those of peers come from outside.
const maxAddress = 256

// parseAddress splits an address that may end in /p2p/ID into what to dial
// and who should answer; the id is empty when the address names nobody.
func parseAddress(s string) (ma.Multiaddr, peer.ID, error) {
	if len(s) > maxAddress {
		return nil, "", fmt.Errorf("address of %d bytes: at most %d", len(s), maxAddress)
	}
	m, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, "", fmt.Errorf("address %q: %w", s, err)
	}
	transport, id := peer.SplitAddr(m)
	if !dialable(transport) {
		return nil, "", fmt.Errorf("address %q: want /ip4, /ip6 or /dns… with /tcp/PORT or /udp/PORT/quic-v1", s)
	}
	return transport, id, nil
}

func dialable(m ma.Multiaddr) bool {
	if len(m) < 2 {
		return false
	}
	switch m[0].Code() {
	case ma.P_IP4, ma.P_IP6, ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
	default:
		return false
	}
	switch {
	case len(m) == 2:
		return m[1].Code() == ma.P_TCP
	case len(m) == 3:
		return m[1].Code() == ma.P_UDP && m[2].Code() == ma.P_QUIC_V1
	}
	return false
}

// sameAddress tells whether a resolved address is a configured one: of a name,
// what follows it has to be the same.
func sameAddress(configured, resolved ma.Multiaddr) bool {
	if len(configured) != len(resolved) || len(configured) < 2 {
		return false
	}
	switch configured[0].Code() {
	case ma.P_IP4, ma.P_IP6:
		return configured.Equal(resolved)
	}
	return configured[1:].Equal(resolved[1:])
}

// nodeAddresses keeps what can be dialled of a node's own statement; the
// statement is another State's, so what is odd in it is left out.
func nodeAddresses(node ct.LogID, addrs []string) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, s := range addrs {
		if len(out) == maxNodeAddresses {
			break
		}
		m, id, err := parseAddress(s)
		if err != nil {
			continue
		}
		if key, ok := NodeKey(id); id != "" && (!ok || key != node) {
			continue
		}
		out = append(out, m)
	}
	return out
}
