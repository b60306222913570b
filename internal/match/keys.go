package match

import (
	"fmt"
	"slices"
	"strings"

	"github.com/herald-net/herald/internal/name"
)

// A key is one letter that says what it is, and the value. Only name keys are
// looked up inexactly (by the index, through its vocabulary).
const (
	KeyName     = 'n' // a token of a name
	KeyDocument = 'd' // a document number, what is confused folded
	KeyBirth    = 'b' // a whole date of birth
)

// MaxKeys bounds the keys of one subject.
const MaxKeys = 256

// Keys lists the index keys a subject is stored under, each once.
func Keys(s *Subject) []string {
	var keys []string
	add := func(kind byte, text string) {
		if key := string(kind) + text; len(keys) < MaxKeys && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, d := range s.Documents {
		add(KeyDocument, confusable(d.Number))
	}
	for _, b := range s.Births {
		if b.full() && !placeholder(b) {
			add(KeyBirth, birthKey(b))
		}
	}
	for _, n := range s.Names {
		for i, t := range n.Tokens {
			if !indexed(n.Name, i) {
				continue
			}
			add(KeyName, t.Text)
			if i+1 < len(n.Tokens) && writtenTogether(t, n.Tokens[i+1]) {
				add(KeyName, t.Text+n.Tokens[i+1].Text)
			}
			if whole := withParticles(n.Tokens, i); whole != "" {
				add(KeyName, whole)
			}
		}
	}
	return keys
}

// withParticles is a token and what stands before it written as one word:
// vanderlinden, delosreyes, binalrashid. "" when nothing stands there, or an
// article or an abd alone, which every query reads anyway.
func withParticles(ts []name.Token, i int) string {
	first := i
	for first > 0 && ts[first-1].Has(name.Particle) && !ts[first].Has(name.Glued) && i-first < 3 {
		first--
	}
	if first == i || ts[i].Has(name.Abjad) || first == i-1 && len(ts[first].Text) == 2 {
		return ""
	}
	var b strings.Builder
	for ; first <= i; first++ {
		b.WriteString(ts[first].Text)
	}
	if b.Len() > name.MaxToken {
		return ""
	}
	return b.String()
}

// birthKey is the date as yyyymmdd.
func birthKey(b Birth) string {
	return fmt.Sprintf("%04d%02d%02d", b.From, b.Month, b.Day)
}

// indexed: an article or a title finds half of the list, so it is no key,
// unless the name has nothing else.
func indexed(n name.Name, i int) bool {
	t := n.Tokens[i]
	if len(t.Text) < 2 {
		return false
	}
	return !t.Has(name.Particle) || t.Weight >= 50 || !slices.ContainsFunc(n.Tokens, func(o name.Token) bool {
		return !o.Has(name.Particle) && len(o.Text) >= 2
	})
}

// writtenTogether: parts that another source writes as one word. Short ones
// are syllables (Jong-un); glued ones were one word here.
func writtenTogether(a, b name.Token) bool {
	if a.Has(name.Particle) || len(a.Text)+len(b.Text) > name.MaxToken {
		return false
	}
	return b.Has(name.Glued) || !b.Has(name.Particle) && len(a.Text) <= 5 && len(b.Text) <= 5 && len(a.Text) >= 2 && len(b.Text) >= 2
}

// Probe is one look-up for a query. Probes of the same Group are alternatives
// for one token of one name.
type Probe struct {
	Key    string
	Weight float64 // 0..1, what finding it tells
	Group  int
}

// Probes lists the look-ups for a query, at most MaxKeys.
func Probes(s *Subject) []Probe {
	var probes []Probe
	seen := map[string]bool{}
	group := 0
	add := func(kind byte, text string, weight float64) {
		key := string(kind) + text
		if len(probes) < MaxKeys && !seen[key] {
			seen[key] = true
			probes = append(probes, Probe{Key: key, Weight: weight, Group: group})
		}
	}
	for _, d := range s.Documents {
		add(KeyDocument, confusable(d.Number), 1)
		group++
	}
	for _, b := range s.Births {
		if b.full() && !placeholder(b) {
			add(KeyBirth, birthKey(b), 1)
			group++
		}
	}
	for _, n := range s.Names {
		for i, t := range n.Tokens {
			if !indexed(n.Name, i) {
				continue
			}
			weight := float64(t.Weight) / 100
			add(KeyName, t.Text, weight)
			if rest := withoutArticle(t); rest != "" {
				add(KeyName, rest, weight*0.9)
			}
			group++
			if i+1 < len(n.Tokens) && (writtenTogether(t, n.Tokens[i+1]) || len(n.Tokens) <= 4 && !n.Tokens[i+1].Has(name.Particle)) {
				if both := t.Text + n.Tokens[i+1].Text; len(both) <= name.MaxToken {
					add(KeyName, both, weight)
					group++
				}
			}
		}
	}
	return probes
}

// withoutArticle gives rawi for alrawi.
func withoutArticle(t name.Token) string {
	if len(t.Text) >= 6 && !t.Has(name.Abjad) {
		if rest, ok := strings.CutPrefix(t.Text, "al"); ok {
			return rest
		}
		if rest, ok := strings.CutPrefix(t.Text, "el"); ok {
			return rest
		}
	}
	return ""
}
