package fishing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// number is a document number in two orders: by its digits, among numbers with
// letters at the same places, and with letters as digits of base 36.
type number struct{ digits, whole place }

// place is a position in a series, moved by a secret distance.
type place struct {
	series uint64
	at     uint64
}

// birth is a date of birth, moved by a secret distance.
type birth struct {
	day  int64
	span int64 // days that are next to it: more where only the year is known
}

// sketch keeps of a person what patterns are made of.
func (w *Watch) sketch(now ct.Millis, s *match.Subject) ask {
	a := ask{at: now}
	var exact strings.Builder
	full := false
	for _, b := range s.Births {
		full = full || b.Day != 0 && b.From == b.To
		a.births = append(a.births, w.birth(b))
		fmt.Fprintf(&exact, "b%v", b)
	}
	for _, d := range withoutCheckDigits(s.Documents) {
		a.numbers = append(a.numbers, w.number(d))
		a.persons = append(a.persons, w.hash("document", d))
		fmt.Fprintf(&exact, "d%q", d)
	}
	pairs := 0
	for _, n := range s.Names {
		whole := skeletons(n.Name)
		if len(whole) == 0 {
			continue
		}
		a.names = append(a.names, w.hash("name", strings.Join(whole, " ")))
		for _, t := range n.Tokens {
			fmt.Fprintf(&exact, "n%q", t.Text)
		}
		for i, p := range persons(whole, s.Births) {
			if i > 0 {
				if pairs == maxPersons {
					break
				}
				pairs++
			}
			if h := w.hash("person", p); !slices.Contains(a.persons, h) {
				a.persons = append(a.persons, h)
			}
		}
	}
	a.exact = w.hash("exact", exact.String())
	a.noName = len(a.names) == 0
	names := distinct(s)
	asked := cost(len(names), len(a.numbers))
	a.bare = asked - 1 // a birth or a number is one person's
	if a.noName || !full && (len(a.numbers) == 0 || asked > 1) {
		a.bare++
	}
	if !a.noName && a.bare > 0 {
		for _, n := range names {
			a.places = append(a.places, w.alphabet(n))
		}
	}
	return a
}

// fewDigits: numbers with less of them are next to each other by chance.
const fewDigits = 4

// skeletons are the tokens of a name as they survive spelling and order.
func skeletons(n name.Name) []string {
	var out []string
	for _, t := range n.Tokens {
		if k := name.Skeleton(t.Text); k != "" && !t.Has(name.Particle) && len(t.Text) > 1 {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// persons are the keys of which two spellings of one person share one: each two
// tokens with the year of birth. Without a year two tokens are shared by too
// many, and the whole name is the key.
func persons(whole []string, births []match.Birth) []string {
	if len(births) == 0 || len(whole) < 2 {
		return []string{strings.Join(whole, " ")}
	}
	var out []string
	for _, b := range births[:min(len(births), 2)] {
		year := strconv.Itoa(int(b.From))
		for i := range whole {
			for j := i + 1; j < min(len(whole), 5); j++ {
				out = append(out, whole[i]+" "+whole[j]+" "+year)
			}
		}
	}
	return out
}

func (w *Watch) birth(b match.Birth) birth {
	month, day, span := int(b.Month), int(b.Day), int64(31)
	switch {
	case month == 0:
		month, day, span = 7, 1, 366
	case day == 0:
		day, span = 15, 62
	}
	days := time.Date(int(b.From), time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / 86_400
	return birth{day: days + int64(w.hash("births", "")>>24), span: span}
}

// withoutCheckDigits leaves out the second reading of a number that was given
// with its check digit.
func withoutCheckDigits(docs []match.Document) []string {
	var out []string
	for _, d := range docs {
		twice := slices.ContainsFunc(docs, func(o match.Document) bool {
			return len(d.Number) == len(o.Number)+1 && strings.HasPrefix(d.Number, o.Number)
		})
		if !twice && !slices.Contains(out, d.Number) {
			out = append(out, d.Number)
		}
	}
	return out
}

func (w *Watch) number(s string) number {
	const digits, letters = 18, 12 // as many as 64 bits hold
	layout, value := make([]byte, 0, len(s)), make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			layout, value = append(layout, '9'), append(value, s[i])
		} else {
			layout = append(layout, 'A')
		}
	}
	high := ""
	if n := len(value) - digits; n > 0 {
		high, value = string(value[:n]), value[n:]
	}
	whole, top := s, ""
	if len(value) < fewDigits { // of letters, mostly: their order is the whole one alone
		layout, value, high = []byte("letters"), nil, s
	}
	if n := len(s) - letters; n > 0 {
		top, whole = s[:n], s[n:]
	}
	return number{
		digits: w.place("digits/"+string(layout)+"/"+high, string(value), 10),
		whole:  w.place("whole/"+strconv.Itoa(len(s))+"/"+top, whole, 36),
	}
}

func (w *Watch) place(series, value string, base int) place {
	at, _ := strconv.ParseUint(value, base, 64) // "" is 0, as good as any
	return place{series: w.hash("series", series), at: at + w.hash("offset", series)}
}

// alphabet is where a name stands among names, moved by a secret distance.
func (w *Watch) alphabet(n name.Name) uint64 {
	const letters = 13
	var at uint64
	count := 0
	for _, t := range n.Tokens {
		for i := 0; i < len(t.Text) && count < letters; i++ {
			c := uint64(t.Text[i]) & 31
			at, count = at*27+min(c, 26), count+1
		}
	}
	for ; count < letters; count++ {
		at *= 27
	}
	return max(1, at+w.hash("alphabet", ""))
}
