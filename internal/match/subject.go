// Package match says whether two descriptions can be of one person, how sure
// that is, and why.
//
// It prepares a person (Prepare), gives the keys by which an index finds
// candidates (Keys, Probes) and scores a candidate (Score). It is pure: it
// holds no list, does no I/O, starts no goroutine. A result is a lead for a
// human and carries codes only, never a value of either person; nothing here
// decides an action.
package match

import (
	"slices"
	"strings"

	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// Version changes whenever prepared subjects, their keys or their encoding do.
const Version = 4<<8 | name.Version

// Limits of one subject. What lies beyond is not used for matching.
const (
	MaxNames         = 64
	MaxBirths        = 16
	MaxDocuments     = 32
	MaxNationalities = 8
)

// Subject is a person prepared for matching. It holds what is compared and
// nothing else: no sex, no places, no free text.
type Subject struct {
	Names         []Name
	Births        []Birth
	Documents     []Document // of travel and of identity
	Nationalities []ct.State
}

// Name is one prepared name.
type Name struct {
	name.Name
	Low bool // an alias of low quality: never enough by itself
}

// Prepare reads a person. Values that cannot be used are left out, and Unread
// names them: an empty subject matches nobody. The victim of a misused identity is not the subject
// and is not read.
func Prepare(p ct.Person) *Subject {
	s := &Subject{}
	for _, n := range p.Names {
		low := n.Quality == "low"
		for _, text := range name.Several(n.Full) {
			s.addName(name.Parse(text), low)
		}
		if parts := strings.Join(n.Parts, " "); !sameWords(parts, n.Full) {
			s.addName(name.Parse(parts), low)
		}
		s.addName(name.ParseZone(n.MRZ), low)
	}
	for _, b := range p.Births {
		for _, birth := range ParseBirths(b.Date) {
			if len(s.Births) < MaxBirths && !slices.Contains(s.Births, birth) {
				s.Births = append(s.Births, birth)
			}
		}
	}
	for _, d := range p.Documents {
		s.addDocument(d.Number, d.Issuer)
	}
	for _, d := range p.NationalIDs {
		s.addDocument(d.Value, d.Country)
	}
	for _, n := range p.Nationalities {
		if len(n) == 3 && len(s.Nationalities) < MaxNationalities && !slices.Contains(s.Nationalities, n) {
			s.Nationalities = append(s.Nationalities, n)
		}
	}
	return s
}

func (s *Subject) addName(parsed name.Name, low bool) {
	n := Name{Name: parsed, Low: low}
	if len(n.Tokens) == 0 || len(s.Names) >= MaxNames {
		return
	}
	for i := range s.Names {
		if slices.Equal(s.Names[i].Tokens, n.Tokens) {
			s.Names[i].Low = s.Names[i].Low && low
			return
		}
	}
	s.Names = append(s.Names, n)
}

// sameWords says whether two texts have the same words, whatever their order.
func sameWords(a, b string) bool {
	if a == b {
		return true
	}
	words := func(s string) []string { return slices.Sorted(strings.FieldsSeq(s)) }
	return slices.Equal(words(a), words(b))
}

// Readable says whether there is something that is compared by more than being
// equal: of another subject nobody can say that it is not known.
func (s *Subject) Readable() bool {
	return len(s.Documents) > 0 || slices.ContainsFunc(s.Names, func(n Name) bool { return n.Name.Readable() })
}

func (s *Subject) addDocument(text string, issuer ct.State) {
	if len(issuer) != 3 {
		issuer = ""
	}
	for _, number := range documentNumbers(text) {
		d := Document{Number: number, Issuer: issuer}
		if len(s.Documents) < MaxDocuments && !slices.Contains(s.Documents, d) {
			s.Documents = append(s.Documents, d)
		}
	}
}

// Years lists the years of birth the subject may have, each once, and reports
// false when there is none or more than limit of them.
func (s *Subject) Years(limit int) ([]int, bool) {
	var years []int
	for _, b := range s.Births {
		for y := b.From; y <= b.To; y++ {
			if !slices.Contains(years, int(y)) {
				if len(years) >= limit {
					return nil, false
				}
				years = append(years, int(y))
			}
		}
	}
	return years, len(years) > 0
}

// Tokens counts the tokens of all names. Comparing two subjects costs the
// product of their counts.
func (s *Subject) Tokens() int {
	n := 0
	for i := range s.Names {
		n += len(s.Names[i].Tokens)
	}
	return n
}
