package sim_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/sim"
)

var idleNodes = flag.Int("idle-nodes", 8, "nodes of TestIdleTraffic, at most 194")

// idleTarget is DESIGN's, in bytes a second and node in a network of 200 States.
const idleTarget = 20_000

// A network in which nothing happens: what every node receives a second, all
// protocols and headers together, and that everyone is heard. A hundred nodes
// and more are connected as in the field: to some, not to all.
//
//	go test ./internal/sim -run TestIdleTraffic -v -idle-nodes 194
func TestIdleTraffic(t *testing.T) {
	const degree, window = 28, 5 * time.Minute
	n := *idleNodes
	inBubble(t, n, 2*time.Hour, func(t *testing.T, c *cluster) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
		i := 0
		c.config = func(cfg *sim.StackConfig) {
			cfg.Beacons = true
			cfg.Bootstrap = nil
			for k, j := range rng.Perm(n) {
				if n > 32 && k >= degree/2 {
					break
				}
				if j == i {
					continue
				}
				id, err := p2p.PeerID(c.members.Nodes[j].Public())
				if err != nil {
					t.Fatal(err)
				}
				cfg.Bootstrap = append(cfg.Bootstrap, c.net.Addr(j)+"/p2p/"+id.String())
			}
			i++
		}
		c.startAll()
		c.publish(1, c.all()...)
		c.settle(each(c.all(), 1))
		time.Sleep(2 * time.Minute) // gossip has forgotten the records, everyone has sent a beacon
		before, beacons := make([]int64, n), 0.0
		for i := range n {
			before[i] = c.net.Received(i)
			beacons -= c.nodes[i].Counter("herald_gossip_beacons_total", "verdict", "accept")
		}
		time.Sleep(window)
		rates, peers := make([]float64, n), 0
		for i, s := range c.nodes {
			rates[i] = float64(c.net.Received(i)-before[i]) / window.Seconds()
			beacons += s.Counter("herald_gossip_beacons_total", "verdict", "accept")
			peers += len(s.Host.Peers())
			if w := s.Gossip.Watch(); w.Heard != n || w.Eclipsed || w.ClockOff || w.Behind != 0 {
				t.Errorf("node %d: %+v, want all %d States heard and no alarm", i, w, n)
			}
			if got := s.Counter("herald_gossip_beacons_total", "verdict", "reject"); got != 0 {
				t.Errorf("node %d rejected %v honest beacons", i, got)
			}
		}
		slices.Sort(rates)
		t.Logf("%d nodes, %d connections each: an idle node receives %.0f B/s (median; %.0f to %.0f), target < %d; %.2f of %.2f beacons a second",
			n, peers/n, rates[n/2], rates[0], rates[n-1], idleTarget,
			beacons/float64(n)/window.Seconds(), float64(n-1)/60)
		if rates[n-1] >= idleTarget {
			t.Errorf("an idle node receives %.0f B/s, want < %d", rates[n-1], idleTarget)
		}
	})
}
