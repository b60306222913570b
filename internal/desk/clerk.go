package desk

import (
	"context"
	"errors"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/node/ct"
)

// clerkPeriod is how often the inbox is looked through for what has lapsed. A
// new request and a new list are looked at when they come.
const clerkPeriod = 30 * time.Second

// clerk does what needs no person: it releases by standing policy, lets
// requests lapse at their deadline, and withdraws releases whose source is no
// more what it was. A failure is said and tried again in the next round.
func (d *Desk) clerk(ctx context.Context) error {
	tried := map[ct.ID]bool{}
	tick := time.NewTicker(clerkPeriod)
	defer tick.Stop()
	all := func(now time.Time) error {
		return errors.Join(d.lapse(now), d.supersede("", now), d.attend(now, tried), d.sweepLeads(now, maxLeads), d.sweepImprints(now))
	}
	task := all
	for {
		lists := d.lists.wait()
		if err := task(time.Now()); err != nil && ctx.Err() == nil {
			d.log.Warn("the inbox was not looked through to its end", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.inbox.wake:
			task = func(now time.Time) error { return d.attend(now, tried) }
		case <-lists:
			task = func(now time.Time) error { return d.supersede(index.RefList, now) }
		case <-tick.C:
			task = all
		}
	}
}
