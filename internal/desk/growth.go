package desk

import (
	"fmt"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Growth tells how much of what this node's own log may take at once is used, and
// how fast that becomes free.
type Growth struct {
	Used, Burst uint64
	Rate        uint64    // bytes a day
	Free        time.Time // when a record may be signed again; zero: now
}

// Growth is that of the own log now.
func (d *Desk) Growth(now time.Time) Growth {
	own := d.cfg.Signer.Public()
	right, _ := d.cfg.View().Right(own)
	head, _ := d.cfg.Store.Head(own)
	at, may := max(ct.MillisOf(now), head.LastIssued), right.Growth
	line := may.Line.At(at)
	g := Growth{Used: max(head.End, line) - line, Burst: may.Burst, Rate: may.Line.Rate}
	if g.Used > g.Burst {
		g.Free = may.Filled(head.End).Time()
	}
	return g
}

// Near tells that four fifths are used up.
func (g Growth) Near() bool { return g.Used > g.Burst/5*4 }

// gate tells whether a draft can be signed now, and if not what it waits for.
// Others would hold a record that comes too early: the author waits instead.
func (d *Desk) gate() (bool, string) {
	if ready, why := d.cfg.Gate(); !ready {
		return false, why
	}
	if g := d.Growth(time.Now()); !g.Free.IsZero() {
		return false, fmt.Sprintf("growth: this node's log has used up what the policy lets it grow; there is room at %s", ct.MillisOf(g.Free))
	}
	return true, ""
}
