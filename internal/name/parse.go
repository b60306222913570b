package name

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Parse reads one name, in any script, as it was written. Order, case,
// punctuation and spacing do not matter. A word in a script that is not read
// becomes a token that agrees with itself alone. A text without a letter or
// digit gives a name without tokens.
func Parse(text string) Name {
	if len(text) > MaxBytes {
		text = strings.ToValidUTF8(text[:MaxBytes], "")
	}
	b := builder{}
	for _, w := range words(text) {
		roman, abjad := romanise(w)
		before := len(b.tokens)
		for _, r := range strings.Fields(roman) {
			b.word(r, abjad)
		}
		if len(b.tokens) == before && !abjad {
			if hash := opaque(w); hash != "" {
				b.add(hash, Opaque)
			}
		}
	}
	b.finish()
	return Name{Tokens: b.tokens}
}

// ParseZone reads the name field of a machine readable zone. One that fills the
// field is cut short (ICAO 9303-3, 4.7): its last word may be the beginning of one.
func ParseZone(text string) Name {
	n := Parse(text)
	text = strings.TrimSpace(text)
	full := len(text) == 30 || len(text) == 31 || len(text) == 39 // TD1, TD2, TD3
	if last := len(n.Tokens) - 1; full && last >= 1 && text[len(text)-1] != '<' && !n.Tokens[last].Has(Particle) {
		n.Tokens[last].Flags |= Cut
	}
	return n
}

// words splits at everything that is neither letter, digit, mark nor
// apostrophe. Apostrophes vanish: they write a glottal stop or nothing. Case is
// folded, compatibility forms are resolved, marks that only decorate are dropped.
func words(text string) []string {
	var out []string
	var w strings.Builder
	flush := func() {
		if w.Len() > 0 {
			out = append(out, w.String())
			w.Reset()
		}
	}
	for _, r := range norm.NFKD.String(text) {
		switch {
		case decoration(r) || apostrophe(r) || unicode.Is(unicode.Cf, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			w.WriteRune(unicode.ToLower(r))
		default:
			flush()
		}
	}
	flush()
	return out
}

// decoration says whether r is a mark that romanisation does not need: accents
// of Latin, Greek and Cyrillic, vowel points of Arabic and Hebrew, the Arabic
// lengthening stroke. The vowel signs of Indic scripts are not decoration.
func decoration(r rune) bool {
	switch {
	case r >= 0x300 && r <= 0x36f, r >= 0x591 && r <= 0x5c7:
		return true
	case r >= 0x610 && r <= 0x61a, r >= 0x64b && r <= 0x65f, r == 0x670, r >= 0x6d6 && r <= 0x6ed && unicode.IsMark(r):
		return true
	case r == 0x640:
		return true
	}
	return false
}

func apostrophe(r rune) bool {
	switch r {
	case '\'', '’', '‘', '‛', '`', '´', 'ʹ', 'ʻ', 'ʼ', 'ʽ', 'ʾ', 'ʿ', 'ˈ', '′', '＇':
		return true
	}
	return false
}

// builder collects tokens.
type builder struct {
	tokens []Token
}

func (b *builder) word(w string, abjad bool) {
	if w = ascii(w); abjad {
		w = single(w)
	} else {
		w = fold(w)
	}
	if w == "" {
		return
	}
	if len(w) > MaxToken {
		w = w[:MaxToken]
	}
	var flags Flags
	if abjad {
		flags = Abjad
	}
	head, tail := compound(w, abjad)
	b.add(head, flags)
	if tail != "" {
		b.add(tail, flags|Glued)
	}
}

func (b *builder) add(text string, flags Flags) {
	if len(b.tokens) >= MaxTokens {
		return
	}
	b.tokens = append(b.tokens, NewToken(text, 0, flags))
}

// finish weighs the tokens; an article is known by what follows it.
func (b *builder) finish() {
	defer b.syllabic()
	for i := range b.tokens {
		t := &b.tokens[i]
		if t.Has(Opaque) {
			t.Weight = weightName
			continue
		}
		next := ""
		if i+1 < len(b.tokens) {
			next = b.tokens[i+1].Text
		}
		weight, particle := weigh(t.Text, next, t.Has(Abjad))
		t.Weight = weight
		if particle {
			t.Flags |= Particle
		} else if len(t.Text) == 1 && t.Text[0] >= 'a' && !t.Has(Abjad) {
			t.Flags |= Initial
		}
	}
	for i := 1; i < len(b.tokens); i++ {
		// An article may stand between. Abu Bakr is a name of its own.
		before := b.tokens[i-1]
		if i >= 2 && before.Weight == weightArticle {
			before = b.tokens[i-2]
		}
		if t := &b.tokens[i]; before.Weight == weightKunya && before.Has(Particle) && !t.Has(Particle) && Skeleton(t.Text) != "bkr" {
			t.Flags |= Kunya
		}
	}
	// A name that is nothing but particles ("Al", "Abu Ali" cut short) still
	// has to be compared by something.
	for _, t := range b.tokens {
		if !t.Has(Particle) {
			return
		}
	}
	for i := range b.tokens {
		b.tokens[i].Weight = max(b.tokens[i].Weight, 50)
	}
}

// syllabic takes a name of Korean or Chinese syllables for what it is: the il
// of Choe Il Song, the son of Ri Son Gwon and the van of Do Van Minh are no
// particles.
func (b *builder) syllabic() {
	names := 0
	for i := range b.tokens {
		t := &b.tokens[i]
		if t.Has(Abjad) || !syllable(t.Text) {
			return
		}
		if !t.Has(Particle) {
			names++
		}
	}
	if names < 2 {
		return
	}
	for i := range b.tokens {
		if t := &b.tokens[i]; t.Has(Particle) {
			t.Flags &^= Particle
			t.Weight = weightOf(t.Text, "", false)
		}
	}
}

// ascii keeps a-z and 0-9 and lowers A-Z.
func ascii(s string) string {
	clean := true
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			out = append(out, c)
		case c >= 'A' && c <= 'Z':
			out = append(out, c+'a'-'A')
		}
	}
	return string(out)
}
