package name

import (
	"strings"
	"unicode"

	"github.com/mozillazg/go-unidecode"
)

// Romanise gives text in Latin letters, lower case, words separated by single
// spaces: the form that is compared. It is not a transliteration for display.
func Romanise(text string) string {
	var out []string
	for _, w := range words(text) {
		roman, _ := romanise(w)
		for _, r := range strings.Fields(roman) {
			if a := ascii(r); a != "" {
				out = append(out, a)
			}
		}
	}
	return strings.Join(out, " ")
}

// romanise writes one folded word in Latin letters. It may become several
// words (an article that the script writes together with its noun, the
// syllables of Chinese and Korean). abjad says that short vowels are missing.
func romanise(word string) (roman string, abjad bool) {
	first := rune(0)
	plain := true
	for _, r := range word {
		if first == 0 {
			first = r
		}
		if r >= 0x80 {
			plain = false
			break
		}
	}
	switch {
	case plain:
		return word, false
	case unicode.Is(unicode.Arabic, first):
		return arabicWord(word), !strings.ContainsAny(word, "ەېۆ") // Kurdish and Uyghur letters write vowels
	case unicode.Is(unicode.Hebrew, first):
		return mapped(word, hebrew), true
	case unicode.Is(unicode.Cyrillic, first):
		return mapped(word, cyrillic), false
	case first >= 0x1100 && first <= 0x11ff:
		return hangulWord(word), false
	case unicode.Is(unicode.Han, first):
		return hanWord(word), false
	case unicode.Is(unicode.Greek, first):
		return greekWord(word), false
	case unicode.Is(unicode.Devanagari, first):
		word = devanagari.Replace(word)
	default:
		word = strings.ReplaceAll(word, "ə", "a") // of Azerbaijani: Əliyev is Aliyev in a passport's Latin
	}
	return strings.ReplaceAll(unidecode.Unidecode(word), " ", ""), false
}

// devanagari: two clusters that are not said as they are written, jñ and the
// nasal before h (Gyan, Singh).
var devanagari = strings.NewReplacer("\u091c\u094d\u091e", "\u0917\u094d\u092f", "\u0902\u0939", "\u0919\u094d\u0918")

// mapped replaces letters by table; what the table does not know goes through
// unidecode.
func mapped(word string, table map[rune]string) string {
	var b strings.Builder
	for _, r := range word {
		if s, ok := table[r]; ok {
			b.WriteString(s)
		} else {
			b.WriteString(strings.TrimSpace(unidecode.Unidecode(string(r))))
		}
	}
	return b.String()
}
