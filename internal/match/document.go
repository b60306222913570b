package match

import "strings"

// Lengths of a number that can identify: shorter ones are shared by chance.
const (
	minDocument = 5
	maxDocument = 32
)

// documentNumbers normalises the text of a document field. Most sources write
// a number; some write a phrase around it ("passport no. A1234567, expired
// 2015"): then each word with enough digits is taken.
func documentNumbers(text string) []string {
	if len(text) > 256 {
		text = text[:256]
	}
	if whole := documentNumber(text); whole != "" && strings.Count(strings.TrimSpace(text), " ") <= 1 && digits(whole) >= 4 {
		return []string{whole}
	}
	var out []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == ',' || r == ';' || r == '(' || r == ')' || r == ':' }) {
		if d := documentNumber(w); d != "" && digits(d) >= 5 && len(out) < 4 {
			out = append(out, d)
		}
	}
	return out
}

// documentNumber keeps letters and digits, and folds what machines and people
// confuse: O and 0, I, L and 1. "" when nothing usable is left.
func documentNumber(s string) string {
	out := make([]byte, 0, maxDocument)
	for i := 0; i < len(s) && len(out) < maxDocument; i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch {
		case c == 'O':
			c = '0'
		case c == 'I' || c == 'L':
			c = '1'
		}
		if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			out = append(out, c)
		}
	}
	if len(out) < minDocument {
		return ""
	}
	return string(out)
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

// compareDocuments: one common number agrees. Different numbers say little: a
// person has several documents.
func compareDocuments(a, b []string) Verdict {
	if len(a) == 0 || len(b) == 0 {
		return Absent
	}
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return Agree
			}
		}
	}
	for _, x := range a {
		for _, y := range b {
			if len(x) >= 7 && oneTypingError(x, y) {
				return Close
			}
		}
	}
	return Conflict
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
