package name

import "strings"

// greekWord follows ELOT 743, which passports use (ICAO 9303-3), but for the
// stops that are written with two letters at the start of a word: those are b,
// d and g, as their bearers write them.
func greekWord(word string) string {
	rs := []rune(word)
	at := func(i int) rune {
		if i < len(rs) {
			return rs[i]
		}
		return 0
	}
	var b strings.Builder
	for i := 0; i < len(rs); i++ {
		r, next := rs[i], at(i+1)
		switch {
		case i == 0 && r == 'μ' && next == 'π':
			b.WriteByte('b')
			i++
		case i == 0 && r == 'ν' && next == 'τ':
			b.WriteByte('d')
			i++
		case r == 'γ' && next == 'κ':
			b.WriteByte('g')
			i++
		case r == 'γ' && (next == 'γ' || next == 'ξ' || next == 'χ'):
			b.WriteByte('n')
		case (r == 'α' || r == 'ε' || r == 'η') && next == 'υ':
			b.WriteString(greek[r])
			if after := at(i + 2); after == 0 || strings.ContainsRune("θκξπσςτφχψ", after) {
				b.WriteByte('f')
			} else {
				b.WriteByte('v')
			}
			i++
		case r == 'ο' && next == 'υ':
			b.WriteString("ou")
			i++
		default:
			b.WriteString(mapped(string(r), greek))
		}
	}
	return b.String()
}

var greek = map[rune]string{
	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l",
	'μ': "m", 'ν': "n", 'ξ': "x", 'ο': "o", 'π': "p", 'ρ': "r", 'σ': "s", 'ς': "s", 'τ': "t", 'υ': "y", 'φ': "f",
	'χ': "ch", 'ψ': "ps", 'ω': "o",
}
