package node_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node/ct"
)

// A closing that names a record which nobody has is an alarm everywhere for thirty
// days; after that only at nodes of the State that can put it right.
func TestBogusClosingIsNotForEver(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 100*24*time.Hour)
		defer cancel()
		dirs, roots := foundedBy(t, 3, roster.DefaultPolicy())
		net := sim.New(1)
		defer net.Close()
		all := simulated(t, net, dirs[:2])
		defer func() {
			for _, n := range all {
				n.close()
			}
		}()
		for _, n := range all {
			n.ready(ctx)
		}
		_, req := newcomer(t, states[0], roots[0])
		op, err := all[0].View().DelegationOf(req, time.Time{}, time.Now())
		must(t, err)
		act(ctx, t, all[0], roots[0], op)
		act(ctx, t, all[0], roots[0], roster.Operation{Closing: &ct.Closing{Log: req.Node, Seq: 7, ID: ct.ID{7}, Reason: "lost"}})
		closed := time.Now()
		alarmed := func(i int) func() bool {
			return func() bool {
				return strings.Contains(strings.Join(all[i].Status().Alarms, "; "), "closing: the end of what "+string(states[0])+" has closed is not held here")
			}
		}
		for _, after := range []struct {
			time.Duration
			other bool
		}{{0, true}, {30*24*time.Hour - time.Hour, true}, {30*24*time.Hour + time.Hour, false}} {
			if after.Duration > 0 { // nothing runs until then
				for _, n := range all {
					n.close()
				}
				<-time.After(time.Until(closed.Add(after.Duration)))
				all = simulated(t, net, dirs[:2])
			}
			until(ctx, t, "the alarm of the State that closed the log", alarmed(0))
			if after.other {
				until(ctx, t, "the alarm of another State", alarmed(1))
			} else if alarmed(1)() {
				t.Error("another State's node still has the alarm")
			}
		}
	})
}
