package match

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// What Unread says of a value.
const (
	unreadName     = "nothing in it can be read"
	unreadScript   = "in a script that is not read: found by equal text alone"
	unreadLetters  = "? stands where a letter was lost"
	unreadBirth    = "no date that is understood, such as 1970-12-31 or 1970"
	unreadDocument = "no number that can be compared: five letters and digits or more, one digit among them"
)

// Unread names the values of a person that matching cannot use, or not fully:
// nobody may take what was left out for having been compared. It shows no value.
func Unread(p *ct.Person) (out ct.Faults) {
	tell := func(field string, i int, what string) {
		out = append(out, ct.Fault{Field: fmt.Sprintf(field, i), Fault: what})
	}
	for i, n := range p.Names {
		parts := strings.Join(n.Parts, " ") // compared beside the whole
		if (n.Full == "" || plainText(n.Full)) && (parts == "" || plainText(parts)) && n.Full+parts != "" {
			continue
		}
		full, other := name.Parse(n.Full), name.Parse(parts)
		switch {
		case len(full.Tokens)+len(other.Tokens)+len(name.ParseZone(n.MRZ).Tokens) == 0:
			tell("names[%d]", i, unreadName)
		case hasOpaque(full) || hasOpaque(other):
			tell("names[%d]", i, unreadScript)
		case lostLetters(n.Full) || lostLetters(parts):
			tell("names[%d]", i, unreadLetters)
		}
	}
	for i, b := range p.Births {
		if len(ParseBirths(b.Date)) == 0 {
			tell("births[%d].date", i, unreadBirth)
		}
	}
	for i, d := range p.Documents {
		if len(documentNumbers(d.Number)) == 0 {
			tell("documents[%d].number", i, unreadDocument)
		}
	}
	for i, d := range p.NationalIDs {
		if len(documentNumbers(d.Value)) == 0 {
			tell("national_ids[%d].value", i, unreadDocument)
		}
	}
	return out
}

// plainText says that nothing is to be told of a name: most are so, and are told
// from others without being read.
func plainText(text string) bool {
	letters := false
	for i := range len(text) {
		c := text[i]
		if c >= 0x80 || c == '?' {
			return false
		}
		letters = letters || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	return letters
}

func hasOpaque(n name.Name) bool {
	for _, t := range n.Tokens {
		if t.Has(name.Opaque) {
			return true
		}
	}
	return false
}

// lostLetters says whether a question mark, or the sign for what could not be
// decoded, stands at a letter: who saved the text did so in another encoding.
func lostLetters(text string) bool {
	before := ' '
	for _, r := range text {
		lost := func(r rune) bool { return r == '?' || r == unicode.ReplacementChar }
		if lost(r) && unicode.IsLetter(before) || lost(before) && unicode.IsLetter(r) {
			return true
		}
		before = r
	}
	return false
}
