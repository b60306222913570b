// Package value reads single values of a person as lists, registers and
// spreadsheets write them: lines of text, dates of birth, numbers, sex. What can
// be read in one way only is read; what cannot is told in words, never guessed
// and never dropped in silence.
//
// A note says what is wrong with a value and never holds it.
package value

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/herald-net/herald/node/ct"
)

// Line makes one line without blanks at its ends: sources wrap and indent
// inside of values, and hold marks that print nothing. The joiners and the two
// marks of direction stay, which Persian and Arabic need. A replacement
// character stays too: it stands for letters that are lost.
func Line(s string) string {
	plain := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			plain = false
			break
		}
	}
	if !plain {
		s = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsSpace(r) || unicode.IsControl(r):
				return ' '
			case r >= '\u200c' && r <= '\u200f', r == unicode.ReplacementChar:
				return r
			case !unicode.IsPrint(r) && !unicode.Is(unicode.Co, r):
				return -1
			}
			return r
		}, s)
	}
	if plain && !strings.Contains(s, "  ") {
		return strings.Trim(s, " ")
	}
	return strings.Join(strings.Fields(s), " ")
}

// Nothing tells whether a value stands for "not known": empty, or what lists
// write instead.
func Nothing(s string) bool {
	switch strings.ToLower(strings.Trim(s, ".:- ")) {
	case "", "na", "n/a", "none", "null", "unknown", "not known", "not available", "not applicable":
		return true
	}
	return false
}

// unquoted takes off what spreadsheets put around a text so that it stays one.
func unquoted(s string) string {
	if inner, ok := strings.CutPrefix(s, `="`); ok && strings.HasSuffix(inner, `"`) {
		return Line(strings.TrimSuffix(inner, `"`))
	}
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return Line(s[1 : len(s)-1])
	}
	return Line(strings.TrimPrefix(s, "'"))
}

var (
	scientific = regexp.MustCompile(`^\d([.,]\d+)?[eE]\+\d+$|^\d[.,]\d+[eE]\d+$`)
	float      = regexp.MustCompile(`^(\d+)[.,]0+$`)
)

// Number reads the number of a document. Without one, note says why.
func Number(text string) (number, note string) {
	s := unquoted(Line(text))
	switch m := float.FindStringSubmatch(s); {
	case Nothing(s):
		return "", "no number"
	case scientific.MatchString(s):
		return "", "cut by a spreadsheet: its last digits are lost, format the column as text"
	case strings.Trim(s, "#") == "":
		return "", "cut by a spreadsheet: the column was too narrow"
	case strings.ContainsRune(s, unicode.ReplacementChar):
		return "", "characters of it are lost"
	case m != nil:
		return m[1], ""
	}
	return s, ""
}

// Sex reads a word or a letter; false: it is none.
func Sex(text string) (ct.Sex, bool) {
	switch strings.ToLower(Line(text)) {
	case "m", "male":
		return "M", true
	case "f", "female":
		return "F", true
	case "x", "unspecified":
		return "X", true
	}
	return "", false
}

// DocumentType gives the ICAO 9303 code for a code or a word; false: it is none.
func DocumentType(text string) (string, bool) {
	s := strings.ToUpper(Line(text))
	switch {
	case strings.Contains(s, "PASSPORT"), strings.Contains(s, "PASSEPORT"), strings.Contains(s, "PASAPORTE"):
		return "P", true
	case s == "VISA":
		return "V", true
	case s == "ID CARD", s == "IDENTITY CARD", s == "NATIONAL ID", s == "NATIONAL ID CARD":
		return "I", true
	}
	return s, len(s) > 0 && len(s) <= 2
}
