package roster

import (
	"math"
	"math/bits"

	"github.com/herald-net/herald/node/ct"
)

const day = 24 * 60 * 60 * 1000 // milliseconds

// Room is how many bytes of a log may come before a record issued at a time: what
// it may have at once, and what it may grow by a day since its key was first
// delegated. A root log has little to say; its time begins with the network.
func (v *View) Room(r Right, at ct.Millis) uint64 {
	burst, rate, since := v.growth(r)
	return room(burst, rate, at-since)
}

func (v *View) growth(r Right) (burst, rate uint64, since ct.Millis) {
	if r.Root {
		return rootBurst, rootRate, v.created
	}
	return v.policy.LogBurst, v.policy.LogRate, r.NotBefore
}

// Filled is when a log may have so many bytes before a record: Room at that time
// is not below them.
func (v *View) Filled(r Right, bytes uint64) ct.Millis {
	burst, rate, since := v.growth(r)
	if bytes <= burst {
		return since
	}
	hi, lo := bits.Mul64(bytes-burst, day)
	if hi >= rate {
		return math.MaxInt64
	}
	ms, rest := bits.Div64(hi, lo, rate)
	if rest > 0 {
		ms++
	}
	if ms > math.MaxInt64-uint64(since) {
		return math.MaxInt64
	}
	return since + ct.Millis(ms)
}

// room grows in whole bytes: any program finds the same. Before its time begins
// a log has what it may have at once.
func room(burst, rate uint64, age ct.Millis) uint64 {
	hi, lo := bits.Mul64(rate, uint64(max(age, 0)))
	if hi >= day {
		return math.MaxUint64
	}
	grown, _ := bits.Div64(hi, lo, day)
	sum, carry := bits.Add64(burst, grown, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}
