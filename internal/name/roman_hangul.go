package name

import "strings"

// hangulWord romanises decomposed Hangul (conjoining jamo, as NFKD gives it),
// a syllable a word. Spelling is McCune-Reischauer without marks, the one that
// lists of the DPRK use; Revised Romanisation differs by letters that the edit
// distance knows as confusable (k/g, t/d, p/b).
func hangulWord(word string) string {
	var b strings.Builder
	for _, r := range word {
		switch {
		case r >= 0x1100 && r < 0x1100+rune(len(hangulInitials)):
			b.WriteByte(' ')
			b.WriteString(hangulInitials[r-0x1100])
		case r >= 0x1161 && r < 0x1161+rune(len(hangulMedials)):
			b.WriteString(hangulMedials[r-0x1161])
		case r >= 0x11a8 && r < 0x11a8+rune(len(hangulFinals)):
			b.WriteString(hangulFinals[r-0x11a8])
		}
	}
	return b.String()
}

var hangulInitials = [...]string{
	"k", "kk", "n", "t", "tt", "r", "m", "p", "pp", "s", "ss", "", "j", "tch", "ch", "k", "t", "p", "h",
}

var hangulMedials = [...]string{
	"a", "ae", "ya", "yae", "o", "e", "yo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "u", "ui", "i",
}

var hangulFinals = [...]string{
	"k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng", "t", "t",
	"k", "t", "p", "t",
}
