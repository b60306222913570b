package node_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
)

// For a node that is away nobody waits: it is shown as away, with the time when it was
// last heard, and is asked like any other as soon as it is back. A batch of a flight's
// passengers, side by side, takes seconds, and nobody refuses for the crowd.
// `go test ./node -run TestAwayNodes -v` prints how long it takes; time is virtual, so
// processors and disks count for nothing.
func TestAwayNodes(t *testing.T) {
	passengers := 181
	if bubble.Race {
		passengers = 24
	}
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
		defer cancel()
		policy := roster.DefaultPolicy()
		policy.MatchPerHour, policy.MatchPerDay, policy.MatchBurst = 100_000, 100_000, 100_000
		dirs := founded(t, 6, policy)
		net := sim.New(1)
		defer net.Close()
		net.SetLatency(func(int, int) time.Duration { return 20 * time.Millisecond })
		all := simulated(t, net, dirs)
		defer func() {
			for _, n := range all {
				if n != nil {
					n.close()
				}
			}
		}()
		for _, n := range all {
			n.ready(ctx)
		}
		gen := synth.New(1)
		ask := func(i int) (sum desk.MatchSummary, took time.Duration, err error) {
			began := time.Now()
			sum, err = all[0].Match(ctx, desk.MatchQuery{
				Person: gen.Person(), Purpose: "border-screening", Basis: "law", Case: fmt.Sprint("C", i), Grounds: "test", Timeout: 10 * time.Second,
			}, func(desk.MatchAnswer) error { return nil })
			return sum, time.Since(began), err
		}
		dead := all[5].Status().Node
		<-time.After(2 * time.Minute) // beacons are heard
		all[5].close()
		all[5] = nil
		net.Partition([]int{5}) // nothing answers at its address
		died := time.Now()
		sum, took, err := ask(0)
		must(t, err)
		t.Logf("at once after its death: %v, %+v", took, sum.Silent)
		<-time.After(5 * time.Minute)
		away := func(sum *desk.MatchSummary) bool {
			return sum.Asked == 6 && sum.Answered == 5 && len(sum.Silent) == 1 && sum.Silent[0].Node == dead && sum.Silent[0].Why == "away"
		}
		if sum, took, err = ask(1); err != nil || !away(&sum) || took > 1200*time.Millisecond {
			t.Errorf("with a node away: %v, %+v, %v", took, sum, err)
		}
		if since := sum.Silent[0].Since; since.After(died) || died.Sub(since) > 2*time.Minute {
			t.Errorf("it died at %v and is said to have been heard last at %v", died, since)
		}
		if sum, took, err = ask(2); err != nil || !away(&sum) || took > 200*time.Millisecond {
			t.Errorf("a second time: %v, %+v, %v", took, sum, err)
		}

		began := time.Now()
		var batch errgroup.Group
		batch.SetLimit(8) // as the command does
		for i := range passengers {
			person := gen.Person()
			batch.Go(func() error {
				sum, err := all[0].Match(ctx, desk.MatchQuery{
					Person: person, Purpose: "border-screening", Basis: "law", Case: fmt.Sprint("F", i), Grounds: "test", Timeout: 10 * time.Second,
				}, func(desk.MatchAnswer) error { return nil })
				if err == nil && (!away(&sum) || sum.NoHit != 5) {
					err = fmt.Errorf("passenger %d: %+v", i, sum)
				}
				return err
			})
		}
		if err := batch.Wait(); err != nil {
			t.Error(err)
		}
		took = time.Since(began)
		t.Logf("%d passengers, 5 States of which 4 answer and the own one, one dead: %v", passengers, took)
		if took > 15*time.Second {
			t.Errorf("%d passengers took %v", passengers, took)
		}

		net.Heal()
		all[5] = startSimulated(t, net, dirs, 5, dirs[5])
		all[5].ready(ctx)
		until(ctx, t, "it is back", func() bool { return len(all[0].Peers()) == 5 })
		if sum, _, err = ask(3); err != nil || sum.Answered != 6 {
			t.Errorf("it is back: %+v, %v", sum, err)
		}
	})
}
