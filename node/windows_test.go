package node_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// Every window of a network has ended, and its nodes start again. The States renew, all through one node,
// and the network is whole again: nobody has to be told of anybody.
func TestAllWindowsEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Hour)
		defer cancel()
		p := roster.DefaultPolicy()
		p.MaxDelegation = 48 * time.Hour // the shortest
		dirs, roots := foundedBy(t, 3, p)
		net := sim.New(1)
		defer net.Close()
		<-time.After(49 * time.Hour)
		all := simulated(t, net, dirs)
		defer func() {
			for _, n := range all {
				n.close()
			}
		}()
		<-time.After(5 * time.Minute)
		for i, n := range all {
			if got := n.Status().Peers; got != 0 {
				t.Errorf("node %d has %d members' nodes for peers, though no window holds", i, got)
			}
		}
		for i := range all {
			file, err := all[0].RosterFile()
			must(t, err)
			_, v, _, err := node.OpenRoster(file, time.Now())
			must(t, err)
			until := ct.MillisOf(time.Now().Add(47 * time.Hour))
			raw, _, _, err := v.SignOperation(roots[i], roster.Operation{Renewal: &ct.Renewal{Node: loadNodeKey(t, dirs[i]).Public(), NotAfter: until}}, time.Now())
			must(t, err)
			_, err = all[0].RosterSubmit(ctx, raw)
			must(t, err)
		}
		renewed := time.Now()
		for slices.ContainsFunc(all, func(n *running) bool { return n.Status().Peers != len(all)-1 }) {
			if time.Since(renewed) > 10*time.Minute {
				for i, n := range all {
					t.Errorf("node %d has %d peers and roster version %d", i, n.Status().Peers, n.RosterVersion())
				}
				t.Fatal("the network is not whole ten minutes after all have renewed")
			}
			<-time.After(time.Second)
		}
		t.Logf("whole again after %v", time.Since(renewed).Round(time.Second))
	})
}
