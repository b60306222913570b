package unlist

import (
	"strings"

	"github.com/herald-net/herald/node/ct"
)

// CheckCountryTable lists what of the table could never be found: names not in
// the form of countryKey, names twice, codes that ct does not know.
func CheckCountryTable() (bad []string) {
	seen := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(countryTable)) {
		code, list, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !ct.ValidState(ct.State(code)) {
			bad = append(bad, code)
		}
		for n := range strings.SplitSeq(list, "|") {
			if countryKey(n) != n || seen[n] {
				bad = append(bad, code+": "+n)
			}
			seen[n] = true
		}
	}
	return bad
}
