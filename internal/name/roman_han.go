package name

import (
	"strings"

	"github.com/mozillazg/go-unidecode"
)

// hanWord romanises Chinese characters by their commonest Mandarin reading, a
// word a character, but for family names that are read in a way of their own.
func hanWord(word string) string {
	for _, s := range hanFamilies {
		if rest, ok := strings.CutPrefix(word, s.written); ok {
			return s.read + " " + unidecode.Unidecode(rest)
		}
	}
	return unidecode.Unidecode(word)
}

// hanFamilies stand first in a name; two characters before one.
var hanFamilies = [...]struct{ written, read string }{
	{"长孙", "zhang sun"}, {"長孫", "zhang sun"}, {"尉迟", "yu chi"}, {"尉遲", "yu chi"}, {"万俟", "mo qi"}, {"單于", "chan yu"},
	{"曾", "zeng"}, {"单", "shan"}, {"單", "shan"}, {"解", "xie"}, {"仇", "qiu"}, {"查", "zha"}, {"区", "ou"}, {"區", "ou"},
	{"任", "ren"}, {"华", "hua"}, {"華", "hua"}, {"翟", "zhai"}, {"覃", "qin"}, {"盖", "ge"}, {"蓋", "ge"}, {"朴", "piao"},
	{"缪", "miao"}, {"繆", "miao"}, {"洗", "xian"}, {"黑", "he"}, {"员", "yun"}, {"員", "yun"}, {"召", "shao"}, {"乐", "yue"}, {"樂", "yue"},
	{"冯", "feng"}, {"馮", "feng"}, {"宁", "ning"}, {"寧", "ning"}, {"石", "shi"}, {"重", "chong"}, {"种", "chong"}, {"折", "she"},
}
