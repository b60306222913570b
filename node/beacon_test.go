package node_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
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

// Six whole nodes in virtual time: one has a wrong clock, later one is cut off.
func TestBeaconAlarms(t *testing.T) {
	const nodes, wrong, cut = 6, 5, 0
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
		defer cancel()
		dirs := founded(t, nodes, roster.DefaultPolicy())
		net := sim.New(seed)
		defer net.Close()
		var peers []string
		for i := range dirs {
			peers = append(peers, net.Addr(i))
		}
		var running []*running
		for i, dir := range dirs {
			cfg := node.Config{Dir: dir, Listen: []string{net.Addr(i)}, Peers: peers, Underlay: net.Underlay(i)}
			if i == wrong {
				cfg = node.WithClock(cfg, func() time.Time { return time.Now().Add(6 * time.Minute) })
			}
			running = append(running, start(t, cfg))
		}
		defer func() {
			for _, n := range running {
				n.close()
			}
		}()
		// check looks at every node; the clock's wrong one is so all the time.
		check := func(when string, eclipsed int) {
			t.Helper()
			for i, n := range running {
				s := n.Status()
				said := strings.Join(s.Alarms, "; ")
				if got, want := strings.Contains(said, "eclipse: "), i == eclipsed; got != want || running[i].alarm("eclipse") == 1 != want {
					t.Errorf("%s, node %d: alarms %q (metric %v), want eclipse %v", when, i, said, running[i].alarm("eclipse"), want)
				}
				if got, want := strings.Contains(said, "clock: "), i == wrong; got != want || running[i].alarm("clock") == 1 != want {
					t.Errorf("%s, node %d: alarms %q (metric %v), want clock %v", when, i, said, running[i].alarm("clock"), want)
				}
			}
		}
		<-time.After(3 * time.Minute)
		check("after three minutes", -1)
		for i, n := range running {
			s := n.Status()
			if s.Heard != nodes || s.States != nodes || s.Clocks != nodes-1 {
				t.Errorf("node %d hears %d of %d States, %d clocks", i, s.Heard, s.States, s.Clocks)
			}
			if s.Ready != (i != wrong) {
				t.Errorf("node %d: ready %v %v", i, s.Ready, s.Reasons)
			}
		}
		// Its publications wait, and say for what.
		got, err := running[wrong].Publish(ctx, synth.New(seed).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{NoWait: true})
		must(t, err)
		if !got.ID.IsZero() || got.Waiting == "" || !strings.Contains(got.Why, "ahead of the median of 5 others") {
			t.Errorf("a node with a wrong clock signed, or does not say why not: %+v", got)
		}

		net.Partition([]int{cut})
		<-time.After(8 * time.Minute)
		check("cut off for eight minutes", -1)
		<-time.After(4 * time.Minute)
		check("cut off for twelve minutes", cut)
		s := running[cut].Status()
		if s.Heard != 1 || len(s.Silent) != nodes-1 {
			t.Errorf("the node that is cut off hears %d States, not %v", s.Heard, s.Silent)
		}
		if s := running[1].Status(); s.Heard != nodes-1 || fmt.Sprint(s.Silent) != fmt.Sprint(states[cut:cut+1]) {
			t.Errorf("the others hear %d States, not %v", s.Heard, s.Silent)
		}
		// A restart raises no alarm before it has listened for ten minutes.
		running[cut].close()
		running[cut] = start(t, node.Config{Dir: dirs[cut], Listen: []string{net.Addr(cut)}, Peers: peers, Underlay: net.Underlay(cut)})
		<-time.After(5 * time.Minute)
		check("five minutes after a restart, still cut off", -1)
		<-time.After(6 * time.Minute)
		check("eleven minutes after a restart, still cut off", cut)

		net.Heal()
		<-time.After(5 * time.Minute)
		check("healed", -1)
	})
}
