package name

import "unicode"

// Script is the ISO 15924 code of the script of most letters of text, "" when
// it has no letter, and Zyyy for a script that is not named here.
func Script(text string) string {
	counts := [len(scripts) + 1]int{}
	total := 0
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		total++
		counts[scriptOf(r)]++
	}
	if total == 0 {
		return ""
	}
	best := 0
	for i, n := range counts {
		if n > counts[best] {
			best = i
		}
	}
	if best == len(scripts) {
		return "Zyyy"
	}
	return scripts[best].code
}

type script struct {
	code  string
	table *unicode.RangeTable
}

// scripts is in the order of likelihood; Latin first, so that most letters are
// found at once.
var scripts = [...]script{
	{"Latn", unicode.Latin}, {"Arab", unicode.Arabic}, {"Cyrl", unicode.Cyrillic}, {"Hani", unicode.Han},
	{"Hang", unicode.Hangul}, {"Deva", unicode.Devanagari}, {"Beng", unicode.Bengali}, {"Thai", unicode.Thai},
	{"Hebr", unicode.Hebrew}, {"Grek", unicode.Greek}, {"Geor", unicode.Georgian}, {"Armn", unicode.Armenian},
	{"Ethi", unicode.Ethiopic}, {"Hira", unicode.Hiragana}, {"Kana", unicode.Katakana}, {"Taml", unicode.Tamil},
	{"Telu", unicode.Telugu}, {"Knda", unicode.Kannada}, {"Mlym", unicode.Malayalam}, {"Gujr", unicode.Gujarati},
	{"Guru", unicode.Gurmukhi}, {"Sinh", unicode.Sinhala}, {"Mymr", unicode.Myanmar}, {"Khmr", unicode.Khmer},
	{"Laoo", unicode.Lao}, {"Tibt", unicode.Tibetan}, {"Mong", unicode.Mongolian}, {"Syrc", unicode.Syriac},
	{"Thaa", unicode.Thaana}, {"Tfng", unicode.Tifinagh},
}

func scriptOf(r rune) int {
	for i := range scripts {
		if unicode.Is(scripts[i].table, r) {
			return i
		}
	}
	return len(scripts)
}
