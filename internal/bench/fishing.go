package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/fishing"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

// fishingBench tells how many honest States are taken for fishers, and after
// how many requests a fisher is found that uses its budget of 500 a day and no
// more. The traffic is internal/synth's model of it.
func fishingBench(ctx context.Context, o Options, out func(Result) error) error {
	const fishers = 20 // of each kind
	days, each := o.Days, fishers
	if o.Quick {
		days, each = 1, 2
	}
	start := ct.MillisOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	at := func(d time.Duration) ct.Millis { return start + ct.Millis(d.Milliseconds()) }
	limits := fishing.DefaultLimits()
	flagged, total, asked := 0, 0, 0
	var busy time.Duration
	for i, kind := range synth.Posts() {
		alarms := 0
		asks := synth.New(o.Seed+uint64(i)).Post(kind, days)
		w, before := fishing.New([32]byte{1}, kind), cpu()
		for _, a := range asks {
			if f, _ := w.See(at(a.At), match.Prepare(a.Person), true, limits); f.Rule != "" {
				alarms++
				w.Clear()
			}
		}
		busy += cpu() - before
		if err := ctx.Err(); err != nil {
			return err
		}
		flagged, total, asked = flagged+alarms, total+days, asked+len(asks)
		o.Progress("honest States", i+1, len(synth.Posts()))
		if err := out(atMost("fishing.false-alarms."+kind, float64(alarms), fmt.Sprintf("of %d State-days", days), 0)); err != nil {
			return err
		}
	}
	if err := all(out,
		atMost("fishing.false-alarms", 100*float64(flagged)/float64(total), fmt.Sprintf("%% of %d State-days", total), .1),
		Result{Name: "fishing.cost", Value: float64(busy.Microseconds()) / float64(asked), Unit: "us of processor a request"},
	); err != nil {
		return err
	}
	for i, kind := range synth.Fishers() {
		worst := 0
		for seed := range each {
			w := fishing.New([32]byte{1}, kind)
			found := 0
			for n, p := range synth.New(o.Seed+uint64(seed)).Fisher(kind, 500) {
				if f, _ := w.See(at(time.Duration(n)*24*time.Hour/500), match.Prepare(p), true, limits); f.Rule != "" {
					found = n + 1
					break
				}
			}
			if found == 0 {
				found = 500 // not found at all
			}
			worst = max(worst, found)
		}
		o.Progress("fishers", i+1, len(synth.Fishers()))
		if err := out(atMost("fishing.found-after."+kind, float64(worst), fmt.Sprintf("requests, the latest of %d", each), 249)); err != nil {
			return err
		}
	}
	return nil
}
