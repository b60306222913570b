package name

import "strings"

// arabicWord romanises one word of Arabic, Persian, Urdu, Pashto, Dari or
// Kurdish in Arabic script. Hamza carriers and vowel points are gone already
// (words decomposes and drops them).
func arabicWord(word string) string {
	rs := []rune(word)
	article := ""
	// al- is written together with its noun; Allah is a word of its own.
	if len(rs) >= 4 && rs[0] == 'ا' && rs[1] == 'ل' && !(len(rs) == 4 && rs[2] == 'ل') {
		article, rs = "al ", rs[2:]
	}
	var b strings.Builder
	b.WriteString(article)
	for i, r := range rs {
		last := i == len(rs)-1
		switch {
		case r == 'ع':
			// Ayn is heard only through its vowel; at the start of a word
			// romanisations write that vowel and nothing else.
			if i == 0 {
				b.WriteByte('a')
			}
		case r == 'ء':
		case (r == 'ه' || r == 'ة' || r == 'ہ' || r == 'ۃ' || r == 'ە') && last:
			b.WriteByte('a')
		case r == 'و' && i > 0:
			b.WriteByte('u')
		case (r == 'ي' || r == 'ی' || r == 'ى' || r == 'ې' || r == 'ۍ' || r == 'ے') && i > 0:
			b.WriteByte('i')
		case (r == 'ه' || r == 'ہ') && i > 0 && strings.ContainsRune("سصکكگتطدپز", rs[i-1]):
			b.WriteString("ah") // a sound of its own, not the h of sh, kh, ph
		default:
			if s, ok := arabic[r]; ok {
				b.WriteString(s)
			} else if s := mapped(string(r), nil); s != "" {
				b.WriteString(s)
			}
		}
	}
	return b.String()
}

// arabic follows the romanisations that passports and lists use (ICAO 9303-3,
// BGN/PCGN), without diacritics.
var arabic = map[rune]string{
	'ا': "a", 'ٱ': "a", 'ب': "b", 'ت': "t", 'ث': "th", 'ج': "j", 'ح': "h", 'خ': "kh", 'د': "d", 'ذ': "dh",
	'ر': "r", 'ز': "z", 'س': "s", 'ش': "sh", 'ص': "s", 'ض': "dh", 'ط': "t", 'ظ': "dh", 'غ': "gh",
	'ف': "f", 'ق': "q", 'ك': "k", 'ل': "l", 'م': "m", 'ن': "n", 'ه': "h", 'و': "w", 'ي': "y", 'ى': "a",
	'ة': "a",
	// Persian and Urdu
	'پ': "p", 'چ': "ch", 'ژ': "zh", 'گ': "g", 'ک': "k", 'ی': "y", 'ہ': "h", 'ھ': "h", 'ۃ': "a", 'ے': "e",
	'ٹ': "t", 'ڈ': "d", 'ڑ': "r", 'ں': "n",
	// Pashto
	'ټ': "t", 'ډ': "d", 'ړ': "r", 'ږ': "zh", 'ښ': "sh", 'ځ': "dz", 'څ': "ts", 'ڼ': "n", 'ګ': "g", 'ې': "e", 'ۍ': "ai",
	// Sindhi, Kurdish, Uyghur
	'ڤ': "v", 'ڵ': "l", 'ڕ': "r", 'ۆ': "o", 'ە': "e", 'ڭ': "ng", 'ۇ': "u", 'ۈ': "u", 'ۋ': "v",
	// Arabic digits inside a name ("the 2nd")
	'٠': "0", '١': "1", '٢': "2", '٣': "3", '٤': "4", '٥': "5", '٦': "6", '٧': "7", '٨': "8", '٩': "9",
}

// hebrew writes no short vowels either.
var hebrew = map[rune]string{
	'א': "a", 'ב': "b", 'ג': "g", 'ד': "d", 'ה': "h", 'ו': "u", 'ז': "z", 'ח': "h", 'ט': "t", 'י': "i", 'כ': "k",
	'ך': "k", 'ל': "l", 'מ': "m", 'ם': "m", 'נ': "n", 'ן': "n", 'ס': "s", 'ע': "a", 'פ': "f", 'ף': "f", 'צ': "ts",
	'ץ': "ts", 'ק': "k", 'ר': "r", 'ש': "sh", 'ת': "t",
}
