package name

import "strings"

// likeSyllable is the likeness of two spellings of one Chinese or Korean
// syllable in two systems: Xi and Hsi, Zhang and Chang, Jung, Jeong and Chong.
// Several syllables share a spelling, so it is far from one.
const likeSyllable = 0.78

// maxSyllable is the longest spelling of one syllable: zhuang, chuang.
const maxSyllable = 6

// sounds are the syllables that a spelling may stand for; 0 is none.
type sounds [4]uint16

// sameSyllable says whether two short texts can be one syllable. What cannot,
// by its first and last letter, is refused before anything is looked up.
func sameSyllable(a, b string) bool {
	if len(a) > maxSyllable || len(b) > maxSyllable || len(a) < 2 || len(b) < 2 {
		return false
	}
	if onsets[a[0]&31]&onsets[b[0]&31] == 0 || codas[a[len(a)-1]&31] != codas[b[len(b)-1]&31] {
		return false
	}
	if x := koreanSound(a); x != 0 && x == koreanSound(b) {
		return true
	}
	x, ok := chinese[a]
	if !ok {
		return false
	}
	y := chinese[b]
	for _, s := range x {
		for _, t := range y {
			if s != 0 && s == t {
				return true
			}
		}
	}
	return false
}

// syllable says whether text can be one syllable of Chinese or Korean.
func syllable(text string) bool {
	if len(text) < 2 || len(text) > maxSyllable {
		return false
	}
	_, ok := chinese[text]
	return ok || koreanSound(text) != 0
}

// onsets are sets of sounds that a first letter writes, codas the kind of the
// last letter, both by the low five bits of the letter.
var onsets, codas = func() (first, last [32]uint8) {
	for bit, letters := range [...]string{"kg", "td", "pb", "cjqztsx", "sxh", "rlj", "yiweu", "mnf"} {
		for _, c := range letters {
			first[c&31] |= 1 << bit
		}
	}
	for i, letters := range [...]string{"aeiouyhw", "n", "g", "m", "lr", "k", "pb", "tsd"} {
		for _, c := range letters {
			last[c&31] = uint8(i + 1)
		}
	}
	return first, last
}()

// koreanSound reads one Korean syllable as Revised Romanisation, McCune-
// Reischauer, Yale or its bearer writes it, in classes that all of them keep
// apart; 0 when text is no such syllable.
func koreanSound(text string) uint16 {
	i := 0
	for i < len(text) && !strings.ContainsRune("aeiouyw", rune(text[i])) {
		i++
	}
	j := i
	for j < len(text) && strings.ContainsRune("aeiouyw", rune(text[j])) {
		j++
	}
	rest := text[j:]
	if rest == "h" { // Roh, Bae(h)
		rest = ""
	}
	initial, vowels, final := koreanInitials(text[:i]), koreanVowels(text[i:j]), koreanFinals(rest)
	if initial == 0 || vowels == 0 || final == 0 {
		return 0
	}
	return uint16(initial)<<10 | uint16(vowels)<<5 | uint16(final)
}

func koreanInitials(s string) uint8 {
	switch s {
	case "":
		return 1
	case "k", "g":
		return 2
	case "t", "d":
		return 3
	case "p", "b":
		return 4
	case "c", "ch", "j", "z", "zh":
		return 5
	case "s", "sh":
		return 6
	case "r", "l":
		return 7
	case "h":
		return 8
	case "m":
		return 9
	case "n":
		return 10
	}
	return 0
}

func koreanVowels(s string) uint8 {
	switch s {
	case "a":
		return 1
	case "o", "eo", "u", "eu", "oe":
		return 2
	case "e", "ae", "ay":
		return 3
	case "i", "ui", "eui", "wi", "y":
		return 4
	case "yo", "yeo", "yu", "yeu":
		return 5
	case "ya":
		return 6
	case "wo", "weo", "wu":
		return 7
	case "wa":
		return 8
	case "we", "wae":
		return 9
	case "ye", "yae":
		return 10
	}
	return 0
}

func koreanFinals(s string) uint8 {
	switch s {
	case "":
		return 1
	case "ng":
		return 2
	case "n":
		return 3
	case "m":
		return 4
	case "l", "r":
		return 5
	case "k", "g":
		return 6
	case "p", "b":
		return 7
	case "t", "s", "d":
		return 8
	}
	return 0
}

// chinese maps a spelling, in pinyin or in Wade-Giles without its apostrophes,
// to the syllables of Mandarin that it may stand for.
var chinese = func() map[string]sounds {
	out := map[string]sounds{}
	add := func(text string, code uint16) {
		text = fold(text)
		s := out[text]
		for i := range s {
			if s[i] == 0 || s[i] == code {
				s[i] = code
				break
			}
		}
		out[text] = s
	}
	code := uint16(0)
	for line := range strings.Lines(pinyin) {
		final, initials, _ := strings.Cut(strings.TrimSpace(line), ":")
		for initial := range strings.FieldsSeq(initials) {
			if initial == "-" {
				initial = ""
			}
			code++
			add(initial+final, code)
			add(wadeGiles(initial, final), code)
		}
	}
	return out
}()

// pinyin is every syllable, by its final: the initials before it, - for none.
const pinyin = `a: - b p m f d t n l g k h zh ch sh z c s
	ai: - b p m d t n l g k h zh ch sh z c s
	an: - b p m f d t n l g k h zh ch sh r z c s
	ang: - b p m f d t n l g k h zh ch sh r z c s
	ao: - b p m d t n l g k h zh ch sh r z c s
	e: - m d t n l g k h zh ch sh r z c s
	ei: b p m f d n l g h zh sh z
	en: - b p m f n g k h zh ch sh r z c s
	eng: b p m f d t n l g k h zh ch sh r z c s
	er: -
	i: b p m d t n l j q x zh ch sh r z c s y
	ia: l j q x
	ian: b p m d t n l j q x
	iang: n l j q x
	iao: b p m d t n l j q x
	ie: b p m d t n l j q x
	in: b p m n l j q x y
	ing: b p m d t n l j q x y
	iong: j q x
	iu: m d n l j q x
	o: - b p m f w
	ong: d t n l g k h zh ch r z c s y
	ou: - p m f d t l g k h zh ch sh r z c s y
	u: b p m f d t n l g k h zh ch sh r z c s j q x y w
	ua: g k h zh sh
	uai: g k h zh ch sh
	uan: d t n l g k h zh ch sh r z c s j q x y
	uang: g k h zh ch sh
	ue: n l j q x y
	ui: d t g k h zh ch sh r z c s
	un: d t l g k h zh ch sh r z c s j q x y
	uo: d t n l g k h zh ch sh r z c s
	a: y w
	an: y w
	ang: y w
	ao: y
	e: y
	ai: w
	ei: w
	en: w
	eng: w`

// wadeGiles writes a syllable of pinyin in Wade-Giles.
func wadeGiles(initial, final string) string {
	head := map[string]string{
		"b": "p", "d": "t", "g": "k", "zh": "ch", "j": "ch", "q": "ch", "x": "hs", "r": "j", "z": "ts", "c": "ts",
	}[initial]
	if head == "" {
		head = initial
	}
	switch {
	case final == "i" && (initial == "z" || initial == "c"):
		return "tzu"
	case final == "i" && initial == "s":
		return "szu"
	case final == "i" && (initial == "zh" || initial == "ch" || initial == "sh" || initial == "r"):
		return head + "ih"
	case final == "e" && (initial == "g" || initial == "k" || initial == "h"):
		return head + "o"
	case final == "e" && initial == "y":
		return "yeh"
	case final == "an" && initial == "y":
		return "yen"
	case final == "ou" && initial == "y":
		return "yu"
	case final == "uo" && initial != "g" && initial != "k" && initial != "h" && initial != "sh":
		return head + "o"
	case final == "ui" && (initial == "g" || initial == "k"):
		return head + "uei"
	}
	switch final {
	case "ong":
		final = "ung"
	case "iong":
		final = "iung"
	case "ian":
		final = "ien"
	case "ie":
		final = "ieh"
	case "ue":
		final = "ueh"
	case "er":
		final = "erh"
	}
	return head + final
}
