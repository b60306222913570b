// Package synth makes persons and notifications that nobody is meant by: names
// from invented syllables in several scripts, documents of the specimen State
// UTO, ordinary States only for routes and further nationalities. The same
// seed gives the same sequence on every machine.
//
// It is for examples, exercises, tests and benchmarks. It does not model how
// often real names, dates or journeys occur.
package synth

import (
	"math/rand/v2"

	"github.com/herald-net/herald/node/ct"
)

// Gen is a generator. It is not safe for concurrent use.
type Gen struct {
	r      *rand.Rand
	states []ct.Country // the Member States of the United Nations
	crowd  *crowd       // of NewCrowd; nil: every name is made anew
}

// New starts the sequence of a seed.
func New(seed uint64) *Gen {
	g := &Gen{r: rand.New(rand.NewPCG(seed, 0x68_65_72_61_6c_64))}
	for _, c := range ct.Countries() {
		if c.Status == ct.StatusMember {
			g.states = append(g.states, c)
		}
	}
	return g
}

// chance is true in percent of 100 calls.
func (g *Gen) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *Gen) between(least, most int) int { return least + g.r.IntN(most-least+1) }

func pick[T any](g *Gen, from []T) T { return from[g.r.IntN(len(from))] }

func (g *Gen) letters(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	upper     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits    = "0123456789"
	hexDigits = "0123456789abcdef"
)
