// Package name turns a person's name, in any script, into comparable tokens
// and says how alike two names are.
//
// It knows writing: case, punctuation, articles, compound names, initials,
// romanisation, spelling variants. It does not know persons: no dates, no
// documents, no statistics of a list, and it never decides that two persons
// are the same (package match does). It is pure: no I/O, no goroutines, no state.
package name

import (
	"fmt"
	"io"
	"log/slog"
)

// Version changes whenever the tokens or skeletons of some name change, so
// that whoever stored them knows to build them again.
const Version = 5

// Limits of what is read of one name. What lies beyond is ignored: the longest
// alias of the lists seen has 193 characters and the longest name 12 tokens.
const (
	MaxBytes  = 512
	MaxTokens = 16
	MaxToken  = 32 // bytes of one token's text
)

// Token is one comparable piece of a name.
type Token struct {
	Text    string // romanised, a-z and 0-9 only, 1..MaxToken bytes
	Weight  uint8  // what it tells about a person, in hundredths: 100 for a rare name, 10 for an article
	Flags   Flags
	twofold bool   // Text has a th, dh or gh, see otherReading
	letter  uint32 // set of letters in Text, for a quick refusal before the edit distance
}

// Flags of a token.
type Flags uint8

const (
	// Abjad: the script wrote no short vowels, so Text has none.
	Abjad Flags = 1 << iota
	// Glued: written as one word with the token before it.
	Glued
	// Initial: a single letter that stands for a name.
	Initial
	// Particle: an article, a preposition, a title or a word of descent.
	Particle
	// Kunya: what stands behind "father of" or "mother of": the name of a
	// child, or of what a nom de guerre is proud of, not of its bearer.
	Kunya
	// Cut: the field of a machine readable zone ended within it.
	Cut
	// Opaque: the word is in a script that is not read; Text is a hash of it.
	Opaque
)

// Name is one name as tokens in the order of writing.
type Name struct {
	Tokens []Token
}

// NewToken builds a token from its stored parts. It is the inverse of reading
// Text, Weight and Flags.
func NewToken(text string, weight uint8, flags Flags) Token {
	return Token{Text: text, Weight: weight, Flags: flags, letter: letters(text), twofold: otherReading(text)}
}

// Has says whether all flags of f are set.
func (t Token) Has(f Flags) bool { return t.Flags&f == f }

// Information is the sum of the weights of a name's tokens, in hundredths.
func (n Name) Information() int {
	sum := 0
	for _, t := range n.Tokens {
		sum += int(t.Weight)
	}
	return sum
}

// letters is a set of 32 bits: a-z, and the digits folded into the rest.
func letters(s string) uint32 {
	var set uint32
	for i := range len(s) {
		if c := s[i]; c >= 'a' && c <= 'z' {
			set |= 1 << (c - 'a')
		} else {
			set |= 1 << (26 + c%6)
		}
	}
	return set
}

// Format and LogValue keep names out of logs and errors.
func (Token) Format(f fmt.State, _ rune) { io.WriteString(f, "token(redacted)") }
func (Token) LogValue() slog.Value       { return slog.StringValue("token(redacted)") }
func (Name) Format(f fmt.State, _ rune)  { io.WriteString(f, "name(redacted)") }
func (Name) LogValue() slog.Value        { return slog.StringValue("name(redacted)") }
