package node

import (
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/reconcile"
)

// clockTrust is how long after its start a node that hears nobody's clock
// waits before it erases by its own.
const clockTrust = 24 * time.Hour

// now is the node's wall clock.
func (n *Node) now() time.Time {
	if n.cfg.clock != nil {
		return n.cfg.clock()
	}
	return time.Now()
}

// clockDoubt tells why nothing may be erased by this node's clock; empty: it is
// trusted. A clock that is years ahead would end every retention at once, and
// what is erased does not come back when the clock is set right.
func (n *Node) clockDoubt(now time.Time) string {
	if wrong := n.clockWrong(now); wrong != "" {
		return wrong
	}
	if _, count := n.clocks(); count == 0 && n.others() > 0 && time.Since(n.start) < clockTrust {
		return "nobody's clock has been heard since the start"
	}
	return ""
}

// clockWrong tells what is wrong with this node's clock; empty: nothing is
// known to be.
func (n *Node) clockWrong(now time.Time) string {
	if ahead, count := n.clocks(); count > 0 {
		if ahead.Abs() > reconcile.ClockRefuse {
			return fmt.Sprintf("this node's clock is %s the median of %d others", offset(ahead), count)
		}
		return ""
	}
	// Nobody to compare with: a jump shows against the time that has run.
	ran := time.Since(n.start)
	if jump := now.Round(0).Sub(n.start.Round(0)) - ran; jump.Abs() > reconcile.ClockRefuse {
		return fmt.Sprintf("this node's clock has jumped by %s since its start", jump.Round(time.Second))
	}
	return ""
}

// deskClock is the clock as the desk asks for it.
func (n *Node) deskClock() (doubt string, wrong bool) {
	now := n.now()
	return n.clockDoubt(now), n.clockWrong(now) != ""
}
