package roster

import (
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Growth is what a log may take: a line that rises with time, which no offset
// lies below, and how far above it a record may begin.
type Growth struct {
	Line  wire.Line
	Burst uint64
}

// growth of the logs of a network. A root log has little to say.
func growth(p Policy, created ct.Millis, root bool) Growth {
	if root {
		return Growth{wire.Line{Since: created, Rate: RootRate}, RootBurst}
	}
	return Growth{wire.Line{Since: created, Rate: p.LogRate}, p.LogBurst}
}

// Room is the highest offset of a record issued at a time.
func (g Growth) Room(at ct.Millis) uint64 { return g.Line.At(at) + g.Burst }

// Filled is when Room comes up to so many bytes.
func (g Growth) Filled(bytes uint64) ct.Millis {
	return g.Line.Reaches(bytes - min(bytes, g.Burst))
}
