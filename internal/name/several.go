package name

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSeveral bounds the names that one text may hold.
const maxSeveral = 8

// Several gives the names that stand in one text: itself, and where it holds
// more than one, each of them: "A (alias B)", "A a.k.a. B", "a) A b) B", "A; B".
// What stands in brackets without such a word, and is one word, is a part of the
// name, as a second given name often is.
func Several(text string) []string {
	if len(text) > MaxBytes {
		text = strings.ToValidUTF8(text[:MaxBytes], "")
	}
	out := []string{}
	add := func(s string) {
		if s = strings.Trim(s, " \t,;:/-"); len(out) < maxSeveral && strings.ContainsFunc(s, unicode.IsLetter) {
			out = append(out, s)
		}
	}
	for _, lettered := range lettered(text) {
		for part := range strings.SplitSeq(lettered, ";") {
			for _, whole := range aliases(part) {
				main, inner := brackets(whole)
				add(main)
				for _, s := range inner {
					add(s)
				}
			}
		}
	}
	return out
}

// lettered cuts "a) X b) Y" or "1) X 2) Y"; a text that does not begin so is one.
func lettered(text string) []string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil
	}
	if _, ok := mark(words[0]); !ok {
		return []string{text}
	}
	var out []string
	var at []string
	for _, w := range words {
		rest, ok := mark(w)
		if ok {
			out = append(out, strings.Join(at, " "))
			at = nil
			if w = rest; w == "" {
				continue
			}
		}
		at = append(at, w)
	}
	return append(out, strings.Join(at, " "))[1:]
}

// mark tells a word that begins with a), (a), 1) or (1), and what follows it.
func mark(word string) (rest string, ok bool) {
	w := strings.TrimPrefix(word, "(")
	if len(w) < 2 || w[1] != ')' || !(w[0] >= 'a' && w[0] <= 'z' || w[0] >= 'A' && w[0] <= 'Z' || w[0] >= '0' && w[0] <= '9') {
		return "", false
	}
	return w[2:], true
}

// aliases cuts at a word that says that another name follows. Within brackets it
// is left: the brackets cut there.
func aliases(text string) []string {
	var out []string
	var at []string
	depth := 0
	for _, w := range strings.Fields(text) {
		if depth == 0 && len(at) > 0 && aliasWord(w) {
			out, at = append(out, strings.Join(at, " ")), nil
			continue
		}
		depth = max(0, depth+strings.Count(w, "(")-strings.Count(w, ")"))
		at = append(at, w)
	}
	return append(out, strings.Join(at, " "))
}

func aliasWord(word string) bool {
	switch strings.ToLower(strings.Trim(word, ".,:\"'")) {
	case "alias", "aka", "a.k.a", "a/k/a", "fka", "f.k.a", "f/k/a", "nka", "n.k.a":
		return true
	}
	return false
}

// sayings stand in brackets before another name.
var sayings = []string{
	"also known as", "formerly known as", "previously known as", "formerly listed as", "previously listed as", "now known as",
	"known as", "listed as", "alias", "a.k.a.", "a.k.a", "aka", "f.k.a.", "f.k.a", "fka", "formerly", "previously", "born", "née", "nee", "né",
	"original script", "also", "or",
}

// brackets takes the names out of brackets: those that are said to be another
// name, those of several words, and those of another script.
func brackets(text string) (main string, inner []string) {
	var b strings.Builder
	for {
		open := strings.IndexAny(text, "([（")
		if open < 0 {
			b.WriteString(text)
			return b.String(), inner
		}
		_, width := utf8.DecodeRuneInString(text[open:])
		end := strings.IndexAny(text[open+width:], ")]）")
		if end < 0 {
			b.WriteString(text)
			return b.String(), inner
		}
		within := strings.TrimSpace(text[open+width : open+width+end])
		_, closing := utf8.DecodeRuneInString(text[open+width+end:])
		b.WriteString(text[:open])
		b.WriteByte(' ')
		if said := unsaid(within); said != within || len(strings.Fields(within)) > 1 || open > 0 && Script(within) != Script(b.String()) {
			inner = append(inner, said)
		} else {
			b.WriteString(within)
			b.WriteByte(' ')
		}
		text = text[open+width+end+closing:]
	}
}

// unsaid takes a saying off the front.
func unsaid(text string) string {
	lower := strings.ToLower(text)
	for _, s := range sayings {
		if len(lower) == len(text) && strings.HasPrefix(lower, s) && len(text) > len(s) && strings.ContainsRune(" :\t", rune(text[len(s)])) {
			return strings.Trim(text[len(s):], " :\t")
		}
	}
	return text
}
