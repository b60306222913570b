package node_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// simulated starts n whole nodes on a simulated network, one after the other,
// as operators do. It must be called inside a bubble.
func simulated(t *testing.T, net *sim.Network, dirs []string) []*running {
	t.Helper()
	var nodes []*running
	for i, dir := range dirs {
		nodes = append(nodes, startSimulated(t, net, dirs, i, dir))
	}
	return nodes
}

func startSimulated(t *testing.T, net *sim.Network, dirs []string, i int, dir string) *running {
	t.Helper()
	var peers []string
	for j := range dirs {
		if j != i {
			peers = append(peers, net.Addr(j))
		}
	}
	return start(t, node.Config{Dir: dir, Listen: []string{net.Addr(i)}, Peers: peers, Underlay: net.Underlay(i)})
}

// today lets virtual time, which begins in the year 2000, come to the years in
// which the invented persons are of age.
func today() { <-time.After(time.Until(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))) }

// Whole nodes over a bad network: one packet in ten is lost, and for ten
// minutes half of the nodes do not reach the other half while both sides
// publish. In the end every node holds every record.
func TestLossAndPartition(t *testing.T) {
	nodes, each := 20, 100
	if bubble.Race {
		nodes, each = 6, 10
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dirs := make([]string, 0, nodes)
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
		defer cancel()
		dirs = founded(t, nodes, roster.DefaultPolicy())
		net := sim.New(seed)
		defer net.Close()
		running := simulated(t, net, dirs)
		defer func() {
			for _, n := range running {
				n.close()
			}
		}()
		for _, n := range running {
			n.ready(ctx)
		}
		net.SetLoss(.1)
		want := map[ct.ID]bool{}
		publish := func(round int) {
			for i, n := range running {
				gen := synth.New(seed + uint64(1000*round+i))
				topic := ct.Topics()[1+(round+i)%4]
				got, err := n.Publish(ctx, gen.Notification(topic, time.Now()), desk.PublishOptions{})
				must(t, err)
				want[got.ID] = true
			}
		}
		for round := range each / 2 {
			publish(round)
		}
		var left []int
		for i := range nodes / 2 {
			left = append(left, i)
		}
		net.Partition(left)
		cut := time.Now()
		for round := each / 2; round < each; round++ {
			publish(round)
		}
		<-time.After(10*time.Minute - time.Since(cut))
		if held := running[0].ids(); len(held) >= nodes*each {
			t.Errorf("nothing was cut off: the partition does not bite")
		}
		net.Heal()
		healed := time.Now()
		for i, n := range running {
			if err := n.waitFor(ctx, want); err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
		}
		t.Logf("%d records on each of %d nodes, %v after the partition healed", len(want), nodes, time.Since(healed).Round(time.Millisecond))
		// Every node can open every one of them.
		for i, n := range running {
			for id := range want {
				if e, _, err := n.Get(id.String()); err != nil || !e.Readable {
					t.Fatalf("node %d: record %s: readable %v %q, error %v", i, id.Short(), e.Readable, e.Unreadable, err)
				}
			}
		}
	})
}

// Founders find each other by the addresses in the genesis, without being told
// of any peer.
func TestFoundersNeedNoPeers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		net := sim.New(1)
		defer net.Close()
		addrs := []string{net.Addr(0), net.Addr(1), net.Addr(2)}
		for i, dir := range founded(t, len(addrs), roster.DefaultPolicy(), addrs...) {
			n := start(t, node.Config{Dir: dir, Listen: addrs[i : i+1], Underlay: net.Underlay(i)})
			defer n.close()
			defer n.ready(ctx)
		}
	})
}
