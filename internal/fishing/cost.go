package fishing

import (
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/name"
)

// variant is how alike two names of one person are: spelled differently, in
// another order or script, without a part. Names that contradict each other in
// a part are of two.
const variant = 0.75

// distinct gives the names of a subject that are no variants of each other. Each
// is compared with those already counted alone, so that no chain of names, each
// like the one before, passes for one.
func distinct(s *match.Subject) []name.Name {
	var out []name.Name
next:
	for i := range s.Names {
		n := s.Names[i].Name
		for _, o := range out {
			if c := name.Compare(o, n); c.Score >= variant && c.Differ&name.OtherPart == 0 {
				continue next
			}
		}
		out = append(out, n)
	}
	return out
}

// Cost is about how many persons a request asks: its names that are no variants
// of each other, and its numbers, of which one may be that of the first name.
// Budgets count it, so that a request with a dictionary in it costs what the
// same names cost one by one.
func Cost(s *match.Subject) int { return cost(len(distinct(s)), len(withoutCheckDigits(s.Documents))) }

func cost(names, numbers int) int {
	if names > 0 && numbers > 0 {
		numbers--
	}
	return max(1, names+numbers)
}
