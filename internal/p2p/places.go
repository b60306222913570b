package p2p

import (
	"net/netip"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"
)

// Where a node is, its State says: in the genesis, in ADDRESS records, and the
// node itself when it connects. It may name anybody's address and any port, and
// every member would knock there. So a place is tried ever more seldom until the
// node itself has answered at it, and a State has few tries in all.
const (
	placeMin    = time.Second
	placeMax    = 30 * time.Minute
	placeProved = 24 * time.Hour       // for how long a node that answered once is tried as often as any
	placesNode  = 4 * maxNodeAddresses // in a day

	placesRate  = rate.Limit(1.0 / 30) // tries of unproved places, a second and State
	placesBurst = 64
)

// places remembers where nodes were sought and found, by address and port.
type places struct {
	mu    sync.Mutex
	nodes map[ct.LogID]map[string]*place // bounded by the roster and placesNode
	came  map[ct.LogID]netip.Addr        // where each node last connected from
	tries map[ct.State]*rate.Limiter
}

func newPlaces() *places {
	return &places{nodes: map[ct.LogID]map[string]*place{}, came: map[ct.LogID]netip.Addr{}, tries: map[ct.State]*rate.Limiter{}}
}

type place struct {
	wait   time.Duration
	tried  time.Time
	due    time.Time
	proved time.Time // when the node last answered there
}

// may tells whether a place is to be tried now, and counts it as tried.
func (p *places) may(n roster.Node, addr ma.Multiaddr, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.of(n.Key, addr.String(), now)
	switch {
	case x == nil:
		return false
	case !x.proved.IsZero() && now.Sub(x.proved) < placeProved, now.Sub(x.tried) < placeMin:
		return true // the second: others join the dial that is under way
	case now.Before(x.due):
		return false
	}
	l := p.tries[n.State]
	if l == nil {
		l = rate.NewLimiter(placesRate, placesBurst)
		p.tries[n.State] = l
	}
	if !l.AllowN(now, 1) {
		return false
	}
	x.wait = min(max(2*x.wait, placeMin), placeMax)
	x.tried, x.due = now, now.Add(jitter(x.wait))
	return true
}

// answered notes that the node itself was met at a place.
func (p *places) answered(node ct.LogID, addr ma.Multiaddr, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := p.of(node, addr.String(), now); x != nil {
		*x = place{proved: now}
	}
}

// connected notes where a node came from.
func (p *places) connected(node ct.LogID, from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.came[node] = from
}

// of is one place of a node; nil when the node is said to be at too many.
func (p *places) of(node ct.LogID, addr string, now time.Time) *place {
	all := p.nodes[node]
	if all == nil {
		all = map[string]*place{}
		p.nodes[node] = all
	}
	if x := all[addr]; x != nil {
		return x
	}
	if len(all) >= placesNode {
		for a, x := range all {
			if now.Sub(x.tried) > placeProved && now.Sub(x.proved) > placeProved {
				delete(all, a)
			}
		}
		if len(all) >= placesNode {
			return nil
		}
	}
	all[addr] = &place{}
	return all[addr]
}

// keep drops the nodes that are in the roster no more.
func (p *places) keep(known func(ct.LogID) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node := range p.nodes {
		if !known(node) {
			delete(p.nodes, node)
		}
	}
	for node := range p.came {
		if !known(node) {
			delete(p.came, node)
		}
	}
}

// hope has all places tried soon, as far as their States' tries go: an outage of
// this node's own has ended.
func (p *places) hope(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, all := range p.nodes {
		for _, x := range all {
			if x.due.After(now) {
				x.due = now
			}
		}
	}
}

// met are the addresses at which a node has answered, or last came from.
func (p *places) met(node ct.LogID) (out []netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.came[node]; ok {
		out = append(out, a)
	}
	for text, x := range p.nodes[node] {
		if m, err := ma.NewMultiaddr(text); err == nil && !x.proved.IsZero() {
			out = append(out, addressOf(m))
		}
	}
	return out
}

// special are ranges that are nobody's on the network that all share.
var special = func() (out []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
		"3fff::/20", "5f00::/16",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

// nameable tells whether a State may have others dial an address: one of the
// network that all share. Any other is a machine of whoever dials, or of its
// neighbours; where members are on a network of their own, private is said.
func nameable(a netip.Addr, private bool) bool {
	a = a.Unmap()
	if private {
		return a.IsGlobalUnicast() || a.IsLoopback()
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}
