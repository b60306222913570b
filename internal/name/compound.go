package name

import "strings"

// fold brings spellings of one sound together before anything is compared:
// French ou and English oo are u, ee is i, dj is j, ph is f, and a doubled
// letter is one; ks is x, and the German sch and tsch are sh and ch. It never
// makes a text longer.
func fold(w string) string {
	out := make([]byte, 0, len(w))
	for i := 0; i < len(w); i++ {
		c, next := w[i], byte(0)
		if i+1 < len(w) {
			next = w[i+1]
		}
		switch {
		case c == 'o' && (next == 'u' || next == 'o'):
			c, i = 'u', i+1
		case c == 'e' && next == 'e':
			c, i = 'i', i+1
		case c == 'd' && next == 'j':
			c, i = 'j', i+1
		case c == 'p' && next == 'h':
			c, i = 'f', i+1
		case c == 'c' && next == 'k':
			c, i = 'k', i+1
		case c == 'k' && next == 's' && i > 0 && vowel(w[i-1]) && !strings.HasPrefix(w[i+2:], "o") &&
			!strings.HasPrefix(w[i+2:], "s") && !strings.HasPrefix(w[i+2:], "h"): // not Jackson, Eriksson, Lakshmi
			c, i = 'x', i+1
		case c == 'x' && next == 'x' && i > 0 && (w[i-1] == 'n' || w[i-1] == 'u'):
			i++ // NXX and UXX of a machine readable zone are Ñ and Ü
			continue
		case c == 't' && strings.HasPrefix(w[i:], "tsch"):
			c, i = 'c', i+2
		case c == 't' && next == 'c' && i+2 < len(w) && w[i+2] == 'h':
			c, i = 'c', i+1
		case c == 's' && next == 'c' && i+2 < len(w) && w[i+2] == 'h':
			i++
		}
		if n := len(out); n == 0 || out[n-1] != c || c <= '9' {
			out = append(out, c)
		}
	}
	return string(out)
}

// single drops the second of two equal letters and leaves digraphs alone: in a
// text without short vowels dj and ph are two sounds.
func single(w string) string {
	out := make([]byte, 0, len(w))
	for i := range len(w) {
		if c := w[i]; len(out) == 0 || out[len(out)-1] != c || c <= '9' {
			out = append(out, c)
		}
	}
	return string(out)
}

// compound takes apart a name that is written both as one word and as several:
// Abdulrahman and Abd al-Rahman, Nuruddin and Nur al-Din, Saifullah and Saif
// Allah. tail is "" for an ordinary word. Both writings then give the same
// tokens. w is folded: it has no doubled letters.
func compound(w string, abjad bool) (head, tail string) {
	if rest, ok := strings.CutPrefix(w, "abd"); ok {
		if h, t := servant(w, rest, abjad); h != "" {
			return h, t
		}
	}
	if abjad {
		return w, ""
	}
	for _, e := range endings {
		h, ok := strings.CutSuffix(w, e.written)
		if !ok {
			continue
		}
		if e.tail != "alah" {
			// Between the parts stands what is left of the article: a vowel,
			// with l, r or d (nuruddin, ziaurrahman, fakhreldin).
			h = strings.TrimRight(h, "lrd")
			if h == "" || !vowel(h[len(h)-1]) {
				continue
			}
			h = h[:len(h)-1]
		}
		if len(h) >= 3 && Skeleton(h) != "" {
			return h, e.tail
		}
	}
	return w, ""
}

type ending struct{ written, tail string }

// endings, folded, the longest first.
var endings = [...]ending{
	{"rahman", "rahman"}, {"rehman", "rahman"}, {"rakhman", "rahman"},
	{"dine", "din"}, {"din", "din"}, {"dien", "din"},
	{"ulah", "alah"}, {"olah", "alah"}, {"alah", "alah"}, {"ula", "alah"}, {"ola", "alah"},
}

// servant reads what begins with abd: the word itself with an article (abdul,
// abder, abdus), or all of a name in one word (abdulrahman, abdirahman,
// abdelkader, abdulah). Abdi, abdu and abdo are names of their own: "" then.
func servant(w, rest string, abjad bool) (head, tail string) {
	after := strings.TrimLeft(rest, "aeiouy")
	vowels := len(rest) - len(after)
	switch {
	case rest == "":
		return "abd", ""
	case after == "" || vowels > 2:
		return "", ""
	case allahEnd(after) && (vowels > 0 || abjad):
		return "abd", "alah"
	case len(after) <= 2 && vowels > 0 && !strings.ContainsAny(after, "aeiou"):
		return "abd", "" // abdul, abdel, abdur, abdush
	case after[0] == 'l' && len(after) >= 4 && (vowels > 0 || abjad) && !vowel(after[1]):
		after = after[1:] // the article; abdulatif keeps its own l
	case after[0] == 'l' && len(after) >= 5 && abjad:
		after = after[1:]
	}
	if len(after) < 3 || len(Skeleton(after)) < 2 {
		return "", ""
	}
	return "abd", after
}

// allahEnd says whether r is what remains of Allah after "abdu", folded.
func allahEnd(r string) bool {
	switch r {
	case "la", "lah", "lahi", "lo", "loh", "lai", "laev", "loev", "lla", "llah":
		return true
	}
	return false
}
