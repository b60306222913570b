package name

import (
	"bytes"
	"math"
	"strings"
)

// Similarity of two tokens, 0..1. It is 0 as soon as they differ by more than
// writing and one or two typing errors explain.
func Similarity(a, b Token) float64 { return similarity(&a, &b, 0) }

// SimilarityFrom is Similarity where that is at least least, and anything below
// least where it is not: sooner.
func SimilarityFrom(a, b *Token, least float64) float64 { return similarity(a, b, least) }

func similarity(a, b *Token, least float64) float64 {
	if a.letter == b.letter && a.Text == b.Text {
		return 1
	}
	if (a.Flags|b.Flags)&Opaque != 0 {
		return 0
	}
	if a.Has(Particle) && b.Has(Particle) {
		return particleSimilarity(a, b)
	}
	if (a.Flags|b.Flags)&Cut != 0 {
		if s := cut(a, b); s > 0 {
			return s
		}
	}
	if a.Has(Initial) || b.Has(Initial) {
		if a.Text[0] == b.Text[0] && !a.Has(Particle) && !b.Has(Particle) {
			return 0.85
		}
		return 0
	}
	if s := withArticle(a.Text, b.Text); s > 0 {
		return s
	}
	s := spelled(a, b, min(least, likeSuffix)) // from there on it decides what else is asked
	if s >= likeVariant || a.Has(Abjad) != b.Has(Abjad) && s > 0 {
		return s
	}
	if g := equivalents[a.Text]; g != "" && g == equivalents[b.Text] {
		var bufA, bufB [maxSkeleton]byte
		if bytes.Equal(appendSkeleton(bufA[:0], a.Text, false), appendSkeleton(bufB[:0], b.Text, false)) {
			return likeVariant // Mohamed and Muhammad: one name written in two ways
		}
		return max(likeEquivalent, s)
	}
	if s >= likeSuffix || (a.Flags|b.Flags)&Abjad != 0 {
		return s
	}
	if long, short := max(len(a.Text), len(b.Text)), min(len(a.Text), len(b.Text)); long >= 6 && short >= 4 && a.Text[0] == b.Text[0] {
		s = max(s, descended(a.Text, b.Text))
	}
	if s < likeSyllable && sameSyllable(a.Text, b.Text) {
		return likeSyllable
	}
	return s
}

// cut compares a word that the end of a field has cut with a whole one.
func cut(a, b *Token) float64 {
	if b.Has(Cut) {
		a, b = b, a
	}
	switch {
	case !strings.HasPrefix(b.Text, a.Text) || b.Has(Particle):
		return 0
	case len(a.Text) >= 4:
		return 0.95
	}
	return 0.85 // hardly more than an initial
}

// likeVariant is the likeness of two spellings that are known to be one name.
const likeVariant = 0.97

// spelled compares two tokens by their letters. What would be below least may be 0.
func spelled(a, b *Token, least float64) float64 {
	long, short := max(len(a.Text), len(b.Text)), min(len(a.Text), len(b.Text))
	if a.Has(Abjad) != b.Has(Abjad) {
		return abjadSimilarity(a, b, long)
	}
	limit := allowance(short)
	if (long-short)*costDouble > limit {
		return 0
	}
	limit = min(limit, farthest(least, long))
	if a.twofold || b.twofold {
		if apart(a.letter, b.letter, reread) > limit {
			return 0
		}
		return readings(a, b, limit, long)
	}
	if apart(a.letter, b.letter, 0) > limit {
		return 0
	}
	return likeness(distance(a.Text, b.Text, false, false, limit), limit, long)
}

// likeness turns a distance into 0..1. The same slip tells more against a
// short name than against a long one, and two slips more than twice one.
func likeness(d, limit, long int) float64 {
	if d > limit {
		return 0
	}
	r := float64(d) / float64(100*long)
	switch {
	case long <= 4:
		r *= 1.4
	case long == 5:
		r *= 1.15
	}
	return max(0, 1-r*(1+r))
}

// farthest is a distance beyond which likeness is below least.
func farthest(least float64, long int) int {
	if least <= 0 {
		return costEdit * long
	}
	r := (math.Sqrt(5-4*least) - 1) / 2 // r·(1+r) is 1 - least
	switch {
	case long <= 4:
		r /= 1.4
	case long == 5:
		r /= 1.15
	}
	return int(r*float64(100*long)) + 1
}

// readings compares with th and dh also read as s and z, and gh as q: Othman
// and Osman, Fadhl and Fazl, Ghader and Qader.
func readings(a, b *Token, limit, long int) float64 {
	var buf [2 * MaxToken]byte
	best := likeness(distance(a.Text, b.Text, false, false, limit), limit, long)
	if a.twofold {
		best = max(best, likeness(distance(string(readOther(&buf, a.Text)), b.Text, false, false, limit), limit, long)-0.02)
	}
	if b.twofold {
		best = max(best, likeness(distance(a.Text, string(readOther(&buf, b.Text)), false, false, limit), limit, long)-0.02)
	}
	return best
}

// otherReading: the text has a th, which may be an s, a dh, which may be a z, or
// a gh, which is one sound with q in Persian.
func otherReading(text string) bool {
	for i := 1; i < len(text); i++ {
		if text[i] == 'h' && (text[i-1] == 't' || text[i-1] == 'd' || text[i-1] == 'g') {
			return true
		}
	}
	return false
}

// readOther writes text with th as s, dh as z and gh as q into buf.
func readOther(buf *[2 * MaxToken]byte, text string) []byte {
	out := buf[:0]
	for i := 0; i < len(text) && len(out) < len(buf); i++ {
		switch c := text[i]; {
		case c == 't' && i+1 < len(text) && text[i+1] == 'h':
			out, i = append(out, 's'), i+1
		case c == 'd' && i+1 < len(text) && text[i+1] == 'h':
			out, i = append(out, 'z'), i+1
		case c == 'g' && i+1 < len(text) && text[i+1] == 'h':
			out, i = append(out, 'q'), i+1
		default:
			out = append(out, c)
		}
	}
	return out
}

// abjadSimilarity compares a text without short vowels with one that has them:
// the consonants must agree, long vowels should.
func abjadSimilarity(a, b *Token, long int) float64 {
	free := uint32(unwritten)
	if a.twofold || b.twofold {
		free |= reread
	}
	limit := allowance(min(len(a.Text), len(b.Text)))
	if apart(a.letter, b.letter, free) > limit+80 {
		return 0
	}
	var buf [2 * MaxToken]byte
	best := abjadReading(a, b, long)
	if a.twofold {
		best = max(best, abjadReading(&Token{Text: string(readOther(&buf, a.Text)), Flags: a.Flags}, b, long))
	}
	if b.twofold {
		best = max(best, abjadReading(a, &Token{Text: string(readOther(&buf, b.Text)), Flags: b.Flags}, long))
	}
	return best
}

func abjadReading(a, b *Token, long int) float64 {
	// Of the same consonants more is allowed. The distance comes first: most
	// pairs end there.
	limit := allowance(min(len(a.Text), len(b.Text))) + 20
	d := distance(a.Text, b.Text, a.Has(Abjad), b.Has(Abjad), limit+60)
	if d > limit+60 {
		return 0
	}
	var bufA, bufB [maxSkeleton]byte
	sa, sb := appendSkeleton(bufA[:0], a.Text, false), appendSkeleton(bufB[:0], b.Text, false)
	if len(sa) == 0 || len(sb) == 0 {
		return 0
	}
	same := bytes.Equal(sa, sb)
	if !same && d > limit {
		return 0
	}
	s := 1 - float64(d)/float64(100*long)
	if !same {
		s -= 0.05
	}
	if len(sa) <= 2 {
		s -= 0.05 // two consonants are many names
	}
	return max(0, s)
}

// allowance is the dearest difference that is still a variant of a token of n
// letters.
func allowance(n int) int {
	switch {
	case n <= 1:
		return 0
	case n == 2:
		return 30
	case n <= 4:
		return 100
	case n <= 6:
		return 160
	case n <= 8:
		return 210
	}
	return 260
}

// particleSimilarity: articles are all alike, words of descent too.
func particleSimilarity(a, b *Token) float64 {
	if a.Weight == b.Weight && a.Weight < weightTitle {
		return 0.95
	}
	if a.Weight == b.Weight && distance(a.Text, b.Text, false, false, 100) <= 100 {
		return 0.95
	}
	return 0
}

// withArticle: one text is the other with the article written on it (alrawi, rawi).
func withArticle(a, b string) float64 {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(b) >= 4 && len(a) == len(b)+2 && (a[:2] == "al" || a[:2] == "el") && a[2:] == b {
		return 0.95
	}
	return 0
}
