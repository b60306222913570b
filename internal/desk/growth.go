package desk

import (
	"fmt"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Growth is how many bytes this node's own log has, and how many the policy lets
// it have by now.
type Growth struct{ Used, Room uint64 }

// Growth tells how far the own log has used up what it may grow.
func (d *Desk) Growth(now time.Time) Growth {
	own := d.cfg.Signer.Public()
	v := d.cfg.View()
	right, _ := v.Right(own)
	head, _ := d.cfg.Store.Head(own)
	return Growth{head.End, v.Room(right, max(ct.MillisOf(now), head.LastIssued))}
}

// Near tells that four fifths are used up.
func (g Growth) Near() bool { return g.Used > g.Room/5*4 }

// gate tells whether a draft can be signed now, and if not what it waits for.
// Others would hold a record that comes too early: the author waits instead.
func (d *Desk) gate() (bool, string) {
	if ready, why := d.cfg.Gate(); !ready {
		return false, why
	}
	if g := d.Growth(time.Now()); g.Used > g.Room {
		v := d.cfg.View()
		right, _ := v.Right(d.cfg.Signer.Public())
		return false, fmt.Sprintf("growth: this node's log has used up what the policy lets it grow; there is room at %s", v.Filled(right, g.Used))
	}
	return true, ""
}
