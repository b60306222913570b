package name

import "strings"

// hangulWord romanises decomposed Hangul (conjoining jamo, as NFKD gives it),
// a syllable a word. Spelling is McCune-Reischauer without marks, the one that
// lists of the DPRK use; Revised Romanisation differs by letters that the edit
// distance knows as confusable (k/g, t/d, p/b).
func hangulWord(word string) string {
	var b strings.Builder
	rs := []rune(word)
	for i, r := range rs {
		switch {
		case r >= 0x1100 && r < 0x1100+rune(len(hangulInitials)):
			b.WriteByte(' ')
			b.WriteString(hangulInitials[r-0x1100])
		case r >= 0x1161 && r < 0x1161+rune(len(hangulMedials)):
			open := i+1 == len(rs) || rs[i+1] < 0x11a8
			if alone := hangulAlone[r]; alone != "" && open && i > 0 && rs[i-1] == 0x110b {
				if i == 1 && r == 0x1175 {
					alone = "ri" // the family name that is written Ri, Lee and Yi
				}
				b.WriteString(alone)
				continue
			}
			if r == 0x1174 && i > 0 && rs[i-1] == 0x1112 {
				r = 0x1175 // hui is said and mostly written hi
			}
			b.WriteString(hangulMedials[r-0x1161])
		case r >= 0x11a8 && r < 0x11a8+rune(len(hangulFinals)):
			b.WriteString(hangulFinals[r-0x11a8])
		}
	}
	return b.String()
}

// hangulAlone are syllables of nothing but a vowel, as names write them: one
// letter would be taken for an initial.
var hangulAlone = map[rune]string{0x1161: "ah", 0x1165: "eo", 0x1169: "oh", 0x116e: "wu", 0x1175: "yi"}

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
