package index_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// TestQualitySynthetic is TestQuality on invented persons: primary names are
// indexed, aliases and other scripts are asked for, with the birth and without,
// and so are namesakes, recombined names and persons on no list.
func TestQualitySynthetic(t *testing.T) {
	const seed, listed, askedOfEach = 42, 3_000, 200
	t.Logf("seed %d, %d persons listed, %d asked for in each row", seed, listed, askedOfEach)
	p := newPopulation(seed)
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	persons := fill(t, x, p, listed, 1)
	queries := func(birth bool, alias func(parts []string) []string) (out []labelled) {
		for len(out) < askedOfEach {
			i := p.r.IntN(listed)
			parts := strings.Fields(persons[i].Names[0].Full)
			full := strings.Join(alias(slices.Clone(parts)), " ")
			if full == "" {
				continue
			}
			q := ct.Person{Names: []ct.Name{{Full: full}}}
			if birth {
				q.Births = persons[i].Births
			}
			out = append(out, labelled{fmt.Sprint(i), fmt.Sprint(i), q})
		}
		return out
	}
	stranger := func(birth bool, name func() string) (out []labelled) {
		for range 10 * askedOfEach {
			q := ct.Person{Names: []ct.Name{{Full: name()}}}
			if birth {
				q.Births = []ct.Birth{{Date: p.birth()}}
			}
			out = append(out, labelled{"", q.Names[0].Full, q})
		}
		return out
	}
	anybody := func() []string { return strings.Fields(persons[p.r.IntN(listed)].Names[0].Full) }
	mixed := func() string {
		a, b := anybody(), anybody()
		return a[0] + " " + b[len(b)-1]
	}
	other := func() string { return strings.Join(p.parts(), " ") }
	namesake := func() (out []labelled) {
		for i := range persons[:1000] {
			date := p.birth()
			if near(match.Prepare(*persons[i]).Births[0], date) {
				continue
			}
			out = append(out, labelled{"", fmt.Sprint(i), ct.Person{Names: persons[i].Names[:1], Births: []ct.Birth{{Date: date}}}})
		}
		return out
	}
	spelled := func(s []string) []string { return respell(s) }
	shorter := func(s []string) []string {
		if len(s) < 3 {
			return nil
		}
		return []string{s[0], s[len(s)-1]}
	}
	kunya := func(s []string) []string { return []string{"Abu", s[0], s[len(s)-1]} }
	otherFamily := func(s []string) []string { return append(s[:len(s)-1], p.long(p.family)) }
	warName := func([]string) []string {
		return []string{"Abu", p.long(givenNames), "al-" + p.family[p.r.IntN(len(p.family))]}
	}
	cyrillic := func(s []string) []string { return letterwise(s, cyrillicLetters) }
	arabic := func(s []string) []string { return letterwise(s, arabicLetters) }

	for _, r := range []struct {
		tierRow
		minFive, minLead, maxWrong float64
	}{
		{tierRow: tierRow{name: "spelled otherwise, with birth", queries: queries(true, spelled)}, minFive: 0.99, minLead: 0.95, maxWrong: 0.01},
		{tierRow: tierRow{name: "spelled otherwise, name only", queries: queries(false, spelled)}, minFive: 0.90},
		{tierRow: tierRow{name: "middle parts left out, with birth", queries: queries(true, shorter)}, minFive: 0.99, minLead: 0.95, maxWrong: 0.01},
		{tierRow: tierRow{name: "middle parts left out, name only", queries: queries(false, shorter)}, minFive: 0.93},
		{tierRow: tierRow{name: "kunya of the name, with birth", queries: queries(true, kunya)}, minFive: 0.97, minLead: 0.90},
		{tierRow: tierRow{name: "another family name, with birth", queries: queries(true, otherFamily)}, minFive: 0.95},
		{tierRow: tierRow{name: "nom de guerre, with birth", queries: queries(true, warName)}, minFive: 0.85},
		{tierRow: tierRow{name: "Cyrillic, with birth", queries: queries(true, cyrillic)}, minFive: 0.97, minLead: 0.95},
		{tierRow: tierRow{name: "Cyrillic, name only", queries: queries(false, cyrillic)}, minFive: 0.93},
		{tierRow: tierRow{name: "Arabic, with birth", queries: queries(true, arabic)}, minFive: 0.97, minLead: 0.90},
		{tierRow: tierRow{name: "Arabic, name only", queries: queries(false, arabic)}, minFive: 0.85},
		{tierRow: tierRow{name: "on no list, with birth", queries: stranger(true, other)}, maxWrong: 0.002},
		{tierRow: tierRow{name: "recombined, an invented birth", queries: stranger(true, mixed)}, maxWrong: 0.002},
		{tierRow: tierRow{name: "namesakes, another date", queries: namesake()}, maxWrong: 0.01},
	} {
		r.index = x
		r.ask(t)
		leads, wrong := r.own[match.Strong]+r.own[match.Possible], r.others[match.Strong]+r.others[match.Possible]
		t.Logf("%-34s first five %5.1f %%, leads %5.1f %%, false leads %.2f %% of %d", r.name,
			100*r.share(r.atFive), 100*r.share(leads), 100*r.share(wrong), r.n)
		if r.share(r.atFive) < r.minFive || r.share(leads) < r.minLead || r.maxWrong > 0 && r.share(wrong) > r.maxWrong {
			t.Errorf("%s: want at least %.2f and %.2f, false leads at most %.3f", r.name, r.minFive, r.minLead, r.maxWrong)
		}
	}
}

// respell writes parts as another clerk would.
func respell(parts []string) []string {
	r := strings.NewReplacer("ou", "u", "sh", "ch", "kh", "h", "k", "q", "ai", "ay", "v", "w", "y", "i", "zh", "j")
	for i := range parts {
		parts[i] = r.Replace(strings.ToLower(parts[i]))
	}
	return parts
}

// letterwise writes invented names in another script, sound by sound.
func letterwise(parts []string, letters *strings.Replacer) []string {
	for i := range parts {
		parts[i] = letters.Replace(strings.ToLower(parts[i]))
	}
	return parts
}

var cyrillicLetters = strings.NewReplacer("sh", "ш", "ch", "ч", "kh", "х", "zh", "ж", "ou", "у", "ai", "ай", "ya", "я", "yu", "ю",
	"a", "а", "b", "б", "c", "к", "d", "д", "e", "е", "f", "ф", "g", "г", "h", "х", "i", "и", "j", "дж", "k", "к", "l", "л", "m", "м",
	"n", "н", "o", "о", "p", "п", "q", "к", "r", "р", "s", "с", "t", "т", "u", "у", "v", "в", "w", "в", "x", "кс", "y", "й", "z", "з")

// In Arabic the short vowels a, e and o are not written.
var arabicLetters = strings.NewReplacer("sh", "ش", "ch", "تش", "kh", "خ", "zh", "ج", "ou", "و", "ai", "ي",
	"a", "", "b", "ب", "c", "ك", "d", "د", "e", "", "f", "ف", "g", "غ", "h", "ه", "i", "ي", "j", "ج", "k", "ك", "l", "ل", "m", "م",
	"n", "ن", "o", "", "p", "ب", "q", "ق", "r", "ر", "s", "س", "t", "ت", "u", "و", "v", "ف", "w", "و", "x", "كس", "y", "ي", "z", "ز")
