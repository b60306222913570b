package unlist

import (
	"slices"
	"strings"
	"sync"

	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// Country finds the State that a text names: English names of today and of
// yesterday, with or without its constitutional form, alpha-3 and alpha-2 codes,
// former ones included. Of several States it is the first.
func Country(text string) (ct.State, bool) {
	states, _ := Countries(text)
	if len(states) == 0 {
		return "", false
	}
	return states[0], true
}

// formerCodes are codes of yesterday that stand for one State of today.
var formerCodes = map[string]ct.State{"XKX": "RKS", "TMP": "TLS", "ZAR": "COD", "ROM": "ROU", "BUR": "MMR", "UK": "GBR"}

// Countries finds every State that a text names, divided by commas, strokes,
// "and" or "or". whole: no part of it is left over.
func Countries(text string) (states []ct.State, whole bool) {
	if text = strings.TrimSpace(text); len(text) > 256 {
		return nil, false
	}
	if s, ok := country(text); ok {
		return []ct.State{s}, true
	}
	parts := strings.FieldsFunc(strings.NewReplacer(" and ", "/", " or ", "/", "/or ", "/").Replace(text), func(r rune) bool { return r == '/' || r == ',' || r == ';' })
	whole = len(parts) > 1
	for _, p := range parts {
		s, ok := country(strings.TrimSpace(p))
		switch {
		case len(parts) < 2 || !ok:
			whole = false
		case !slices.Contains(states, s):
			states = append(states, s)
		}
	}
	return states, whole
}

// country finds the one State that a text names.
func country(text string) (ct.State, bool) {
	if s := ct.CanonicalState(text); len(text) == 3 && ct.ValidState(s) || s == "DEU" {
		return s, true
	}
	upper := strings.ToUpper(text)
	if s, ok := formerCodes[upper]; ok {
		return s, true
	}
	if s, ok := ct.StateByAlpha2(upper); ok {
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
	// "Tanzania, United Republic of"
	if head, form, ok := strings.Cut(text, ","); ok && strings.HasSuffix(strings.ToLower(form), " of") {
		s, ok := countryNames()[countryKey(form+" "+head)]
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
