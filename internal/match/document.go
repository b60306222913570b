package match

import (
	"slices"
	"strings"
	"unicode"

	"github.com/herald-net/herald/node/ct"
)

// Document is the number of a travel or identity document, normalised.
type Document struct {
	Number string   // minDocument to maxDocument letters and digits
	Issuer ct.State // empty: not known
}

// Lengths of a number that can identify: shorter ones are shared by chance.
const (
	minDocument = 5
	maxDocument = 32
)

// maxNumbers is how many numbers one text may give.
const maxNumbers = 4

// documentNumbers normalises the text of a document field. Most sources write
// a number, whole or in groups ("12 AB 34 567", "TR-P 714 266"), some with what it
// is in front ("passport no. A1234567"): what follows is one number. Some write a
// phrase around it ("A1234567, expired 2015"): then each word is taken that can
// hardly be anything else. None when there is nothing that could be compared.
func documentNumbers(text string) []string {
	if len(text) > 256 {
		text = text[:256]
	}
	var out []string
	add := func(number string) {
		if number != "" && len(out) < maxNumbers && !slices.Contains(out, number) {
			out = append(out, number)
		}
	}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",;():\n\r\t", r) }) {
		words := strings.Fields(part)
		for len(words) > 0 && label(words[0]) {
			words = words[1:]
		}
		if !slices.ContainsFunc(words, plainWord) {
			whole := strings.Join(words, "")
			if number := documentNumber(whole); digits(number) > 0 && !oneSign(number) {
				add(number)
				add(withoutCheckDigit(whole))
			}
			continue
		}
		for _, w := range words {
			number := documentNumber(w)
			if n := digits(number); n >= 5 || n > 0 && len(number) >= 7 && !plainWord(w) {
				add(number)
			}
		}
	}
	return out
}

// label tells a word that says what the number behind it is.
func label(word string) bool {
	return labels[strings.ToLower(strings.Trim(word, ".#°ºª"))]
}

var labels = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`no nr num n nº n° № number numéro numero número passport pass ppt passeport pasaporte reisepass
		passaporto id idno card document doc national identity identification tazkira travel paspoort pasaport`) {
		out[w] = true
	}
	return out
}()

// plainWord tells a word of a phrase from a group of a number: it has no digit,
// and four letters or more, or is a month or a preposition.
func plainWord(word string) bool {
	letters := 0
	for _, r := range word {
		switch {
		case unicode.IsDigit(r):
			return false
		case unicode.IsLetter(r):
			letters++
		}
	}
	return letters >= 4 || months[strings.ToLower(strings.Trim(word, "."))]
}

var months = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq("jan feb mar apr may jun jul aug sep oct nov dec on at of to or and the by not") {
		out[w] = true
	}
	return out
}()

// oneSign tells a number that is one sign again and again: what is typed where
// there is none.
func oneSign(number string) bool { return strings.Trim(number, number[:1]) == "" }

// documentNumber keeps letters and digits, of any script that numbers are
// written in, and folds what everybody confuses: O and 0, I, L and 1. "" when
// nothing usable is left.
func documentNumber(s string) string {
	out := make([]byte, 0, maxDocument)
	for _, r := range s {
		if len(out) == maxDocument {
			break
		}
		switch c := documentLetter(r); {
		case c == 'O':
			out = append(out, '0')
		case c == 'I' || c == 'L':
			out = append(out, '1')
		case c != 0:
			out = append(out, c)
		}
	}
	if len(out) < minDocument {
		return ""
	}
	return string(out)
}

// documentLetter gives A-Z or 0-9 for a letter or digit, 0 for everything else.
// Digits of Arabic, Persian and Indic writing are read; of Cyrillic and Greek,
// the capital letters that look like Latin ones, in which series are written.
func documentLetter(r rune) byte {
	switch {
	case r >= '0' && r <= '9' || r >= 'A' && r <= 'Z':
		return byte(r)
	case r >= 'a' && r <= 'z':
		return byte(r - 'a' + 'A')
	case r >= 0xff01 && r <= 0xff5e: // full width
		return documentLetter(r - 0xfee0)
	case r >= 0x0660 && r <= 0x0669:
		return byte(r-0x0660) + '0'
	case r >= 0x06f0 && r <= 0x06f9:
		return byte(r-0x06f0) + '0'
	case r >= 0x0966 && r <= 0x096f:
		return byte(r-0x0966) + '0'
	case r >= 0x09e6 && r <= 0x09ef:
		return byte(r-0x09e6) + '0'
	}
	const cyrillic, greek, latin = "АВЕКМНОРСТУХІЅЈ", "ΑΒΕΚΜΝΟΡΤΥΧΙΖΗ", "ABEKMHOPCTYXISJ"
	r = unicode.ToUpper(r)
	for i, c := range []rune(cyrillic) {
		if c == r {
			return latin[i]
		}
	}
	for i, c := range []rune(greek) {
		if c == r {
			return "ABEKMNOPTYXIZH"[i]
		}
	}
	return 0
}

// confusable folds what a poor print or scan confuses besides: S and 5, B and
// 8, Z and 2, G and 6, D and Q and 0. Numbers are found by it, and are close,
// not equal, when they agree only so.
func confusable(number string) string { return confusables.Replace(number) }

var confusables = strings.NewReplacer("S", "5", "B", "8", "Z", "2", "G", "6", "D", "0", "Q", "0")

// withoutCheckDigit gives the number when text is one as it stands in a machine
// readable zone: nine characters, filled up with <, and their check digit (ICAO
// 9303-3, 4.9). "" for everything else. One number in ten ends so by chance,
// which is why the whole one is kept beside it.
func withoutCheckDigit(text string) string {
	text = strings.ToUpper(strings.TrimSpace(text))
	if len(text) != 10 || text[9] < '0' || text[9] > '9' {
		return ""
	}
	sum := 0
	for i := range 9 {
		value := 0
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			value = int(c - '0')
		case c >= 'A' && c <= 'Z':
			value = int(c-'A') + 10
		case c != '<':
			return ""
		}
		sum += value * [3]int{7, 3, 1}[i%3]
	}
	if sum%10 != int(text[9]-'0') {
		return ""
	}
	bare := documentNumber(text[:9])
	if bare == "" || digits(bare) == 0 || oneSign(bare) {
		return ""
	}
	return bare
}

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// compareDocuments: one common number of one issuer agrees; of two issuers, or
// with a typing error, it is close. Different numbers say little: a person has
// several documents.
func compareDocuments(a, b []Document) Verdict {
	if len(a) == 0 || len(b) == 0 {
		return Absent
	}
	best := Conflict
	for _, x := range a {
		for _, y := range b {
			same := x.Issuer == "" || y.Issuer == "" || x.Issuer == y.Issuer
			switch {
			case x.Number == y.Number && same:
				return Agree
			case x.Number == y.Number, same && len(x.Number) >= 7 && (oneTypingError(x.Number, y.Number) || confusable(x.Number) == confusable(y.Number)):
				best = Close
			}
		}
	}
	return best
}

// oneTypingError: one character replaced, left out, added, or two exchanged.
func oneTypingError(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) || a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
