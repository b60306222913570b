package wire

import (
	"math"
	"math/bits"

	"github.com/herald-net/herald/node/ct"
)

const (
	day     = 24 * 60 * 60 * 1000 // milliseconds
	highest = 1 << 62             // a line ends here, and no sum of sizes above it overflows
)

// Line is what a log may grow by with time: so many bytes a day since a moment.
// No offset lies below it, so that what a log leaves unused is gone.
type Line struct {
	Since ct.Millis
	Rate  uint64 // bytes a day
}

// At is how high the line is at a time, in whole bytes: any program finds the same.
func (l Line) At(t ct.Millis) uint64 {
	if t <= l.Since {
		return 0
	}
	hi, lo := bits.Mul64(l.Rate, uint64(t)-uint64(l.Since))
	if hi >= day {
		return highest
	}
	n, _ := bits.Div64(hi, lo, day)
	return min(n, highest)
}

// Reaches is the first time at which the line is not below so many bytes; the
// greatest number when it never is.
func (l Line) Reaches(bytes uint64) ct.Millis {
	if bytes == 0 {
		return l.Since
	}
	hi, lo := bits.Mul64(bytes, day)
	if bytes > highest || hi >= l.Rate {
		return math.MaxInt64
	}
	ms, rest := bits.Div64(hi, lo, l.Rate)
	if rest > 0 {
		ms++
	}
	if ms > math.MaxInt64-uint64(l.Since) {
		return math.MaxInt64
	}
	return l.Since + ct.Millis(ms)
}
