package node

import "time"

// Rewriting a file takes traces of what was erased out of its free pages, and costs
// as much as the file has bytes, whatever was erased: what expires waits for the
// next turn, what was retracted takes one of a few turns that are kept for it.
const (
	rewritePeriod = time.Hour
	rewriteDaily  = 768 << 20 // bytes of a day: a larger file has its turn less often
	rewriteKept   = 3         // turns
)

// pace tells when it is time for a turn.
type pace struct {
	turns float64
	at    time.Time
}

func newPace(now time.Time) *pace { return &pace{rewriteKept, now} }

// may takes a turn for so many bytes when there is one.
func (p *pace) may(now time.Time, bytes int64, urgent bool) bool {
	period := max(rewritePeriod, time.Duration(float64(bytes)/rewriteDaily*float64(24*time.Hour)))
	p.turns = min(rewriteKept, p.turns+float64(now.Sub(p.at))/float64(period))
	p.at = now
	need := float64(rewriteKept)
	if urgent {
		need = 1
	}
	if p.turns < need {
		return false
	}
	p.turns--
	return true
}
