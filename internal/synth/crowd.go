package synth

import (
	"sort"

	"github.com/herald-net/herald/node/ct"
)

// NewCrowd is New for persons who share names as a population does: some names
// are borne by one in thirty of their culture, most by nearly nobody, and some
// cultures are met more often than others. It is for measuring what common
// names cost; each culture has its names from the same syllables as New's.
func NewCrowd(seed uint64) *Gen {
	g := New(seed)
	g.crowd = &crowd{pools: map[*element]*pool{}}
	return g
}

// crowd holds the names that a population shares, by the part of a name.
type crowd struct {
	pools map[*element]*pool
	top   int // draw from so many of the most frequent alone; 0: from all
}

// shares are parts in a hundred, by the order of cultures.
var shares = []int{10, 8, 3, 7, 30, 15, 12, 5, 3, 7}

// A pool has so many given names or surnames. The frequency of the n-th falls
// with n plus a shift, which keeps the first from being everybody's.
const (
	givenPool, givenShift   = 1_500, 3
	familyPool, familyShift = 20_000, 10
)

// pool is the names of one part with the sums of their frequencies.
type pool struct {
	names []syllable
	sums  []float64
}

func (g *Gen) culture() *culture {
	if g.crowd == nil {
		return &cultures[g.r.IntN(len(cultures))]
	}
	n := g.r.IntN(100)
	for i, share := range shares {
		if n -= share; n < 0 {
			return &cultures[i]
		}
	}
	return &cultures[0]
}

// shared draws part i of a name of culture c from those that the crowd shares.
func (g *Gen) shared(c *culture, i int) (native, latin string) {
	e := &c.parts[i]
	p := g.crowd.pools[e]
	if p == nil {
		size, shift := givenPool, givenShift
		if i == c.family {
			size, shift = familyPool, familyShift
		}
		p = &pool{}
		seen := map[syllable]bool{}
		for try := 0; try < 3*size && len(p.names) < size; try++ {
			native, latin := g.part(e)
			if s := (syllable{native, latin}); !seen[s] {
				seen[s] = true
				p.names = append(p.names, s)
			}
		}
		sum := 0.0
		for n := range p.names {
			sum += 1 / float64(n+1+shift)
			p.sums = append(p.sums, sum)
		}
		g.crowd.pools[e] = p
	}
	last := len(p.sums)
	if g.crowd.top > 0 {
		last = min(last, g.crowd.top)
	}
	at := sort.SearchFloat64s(p.sums[:last-1], g.r.Float64()*p.sums[last-1])
	return p.names[at].native, p.names[at].latin
}

// Common makes a person of a crowd of whose names each is among the ten most
// frequent of its culture, born on a day that is known.
func (g *Gen) Common() ct.Person {
	g.crowd.top = 10
	defer func() { g.crowd.top = 0 }()
	p := g.Person()
	for len(p.Births[0].Date) != len("2006-01-02") {
		p.Births[0] = g.birth(g.born())
	}
	return p
}
