package unlist

import (
	"strings"
	"sync"

	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// Country finds the State that a text names: English names of today and of
// yesterday, with or without its constitutional form, alpha-3 and alpha-2 codes.
func Country(text string) (ct.State, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 128 {
		return "", false
	}
	if s := ct.CanonicalState(text); len(text) == 3 && ct.ValidState(s) {
		return s, true
	}
	if s, ok := ct.StateByAlpha2(strings.ToUpper(text)); ok && len(text) == 2 {
		return s, true
	}
	if s, ok := countryNames()[countryKey(text)]; ok {
		return s, true
	}
	// "Iran (Islamic Republic of)": what stands in brackets may be left out.
	if head, _, ok := strings.Cut(text, "("); ok {
		s, ok := countryNames()[countryKey(head)]
		return s, ok
	}
	return "", false
}

// countryKey folds case, accents, punctuation and the words that come and go.
func countryKey(text string) string {
	words := strings.Fields(name.Romanise(text))
	kept := words[:0]
	for _, w := range words {
		if w != "the" && w != "of" && w != "and" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// countryNames reads the table once.
var countryNames = sync.OnceValue(func() map[string]ct.State {
	names := map[string]ct.State{}
	for line := range strings.Lines(countryTable) {
		code, list, _ := strings.Cut(strings.TrimSpace(line), " ")
		for n := range strings.SplitSeq(list, "|") {
			if n != "" {
				names[n] = ct.State(code)
			}
		}
	}
	return names
})
