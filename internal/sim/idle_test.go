package sim_test

import (
	"slices"
	"testing"
	"time"
)

// idleTarget is DESIGN's, in bytes a second and node in a network of 200 States.
const idleTarget = 20_000

// A network in which nothing happens: what every node receives a second, all
// protocols and headers together, and that everyone is heard.
func TestScaleIdle(t *testing.T) {
	n, window := scaleNodes(8, 200), size(3*time.Minute, 5*time.Minute)
	inField(t, n, 4*time.Hour, func(t *testing.T, c *cluster) {
		c.startAll()
		c.meshed()
		c.publish(1, c.all()...)
		c.settle(each(c.all(), 1))
		time.Sleep(2 * time.Minute) // gossip has forgotten the records, everyone has sent a beacon
		before, beacons := make([]int64, n), 0.0
		duplicates, grafts := c.sum("herald_gossip_duplicate_total"), c.sum("herald_gossip_grafts_total")
		for i := range n {
			before[i] = c.net.Received(i)
			beacons -= c.nodes[i].Counter("herald_gossip_beacons_total", "verdict", "accept")
		}
		time.Sleep(window)
		rates := make([]float64, n)
		for i, s := range c.nodes {
			rates[i] = float64(c.net.Received(i)-before[i]) / window.Seconds()
			beacons += s.Counter("herald_gossip_beacons_total", "verdict", "accept")
			if w := s.Gossip.Watch(); w.Heard != n || w.Eclipsed || w.ClockOff || w.Behind != 0 {
				t.Errorf("node %d: %+v, want all %d States heard and no alarm", i, w, n)
			}
			if got := s.Counter("herald_gossip_beacons_total", "verdict", "reject"); got != 0 {
				t.Errorf("node %d rejected %v honest beacons", i, got)
			}
		}
		slices.Sort(rates)
		low, high := c.degrees()
		t.Logf("%d nodes, %d to %d connections each: an idle node receives %.0f B/s (median; %.0f to %.0f), target < %d; %.2f of %.2f beacons a second, %.1f duplicates a beacon; %.2f mesh links made a minute",
			n, low, high, rates[n/2], rates[0], rates[n-1], idleTarget,
			beacons/float64(n)/window.Seconds(), float64(n-1)/60,
			(c.sum("herald_gossip_duplicate_total")-duplicates)/beacons,
			(c.sum("herald_gossip_grafts_total")-grafts)/float64(n)/window.Minutes())
		if n > fullMesh+1 && (low < fewest || high > most) {
			t.Errorf("nodes have %d to %d connections, want %d to %d", low, high, fewest, most)
		}
		if rates[n-1] >= idleTarget {
			t.Errorf("an idle node receives %.0f B/s, want < %d", rates[n-1], idleTarget)
		}
	})
}
