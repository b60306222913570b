package name

import (
	"slices"
	"testing"
	"unicode/utf8"
)

func TestSeveral(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"Tarek Munir Belkazi", []string{"Tarek Munir Belkazi"}},
		{"Belkazi, Tarek", []string{"Belkazi, Tarek"}},
		{"Sorrentak Belvin (previously listed as Ondrival Krestov)", []string{"Sorrentak Belvin", "Ondrival Krestov"}},
		{"Sorrentak Belvin (alias: Krestov)", []string{"Sorrentak Belvin", "Krestov"}},
		{"Sorrentak Belvin (Krestov)", []string{"Sorrentak Belvin Krestov"}},
		{"Sorrentak Belvin (Ondrival Krestov)", []string{"Sorrentak Belvin", "Ondrival Krestov"}},
		{"Mamadou (ⵎⵓⵃⴰⵎⵎⴰⴷ)", []string{"Mamadou", "ⵎⵓⵃⴰⵎⵎⴰⴷ"}},
		{"Sorrentak Belvin a.k.a. Ondrival Krestov", []string{"Sorrentak Belvin", "Ondrival Krestov"}},
		{"a) Telmurad Vosk b) Ardelan Pirov", []string{"Telmurad Vosk", "Ardelan Pirov"}},
		{"(a) Telmurad Vosk; (b)Ardelan Pirov (born Lusk)", []string{"Telmurad Vosk", "Ardelan Pirov", "Lusk"}},
		{"Telmurad Vosk; Ardelan Pirov", []string{"Telmurad Vosk", "Ardelan Pirov"}},
		{"Telmurad (Vosk", []string{"Telmurad (Vosk"}},
		{"????", nil},
		{"", nil},
	} {
		got := Several(c.text)
		for i := range got {
			got[i] = squeeze(got[i])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func squeeze(s string) string {
	var out []rune
	for _, r := range s {
		if r != ' ' || len(out) > 0 && out[len(out)-1] != ' ' {
			out = append(out, r)
		}
	}
	return string(out)
}

// FuzzSeveral: whatever stands in a name, the names in it are few, not longer
// than it, and whole characters.
func FuzzSeveral(f *testing.F) {
	for _, s := range []string{"A (alias B)", "a) X b) Y", "A; B", "(((", "）（A", "a) b) c)", "A aka", "\xff(\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names := Several(text)
		if len(names) > maxSeveral {
			t.Errorf("%d names", len(names))
		}
		for _, n := range names {
			if len(n) > len(text) || utf8.ValidString(text) && !utf8.ValidString(n) {
				t.Errorf("a name of %d bytes in a text of %d", len(n), len(text))
			}
		}
	})
}

// Equal words of a script that is not read agree, and nothing else does.
func TestOpaque(t *testing.T) {
	texts := []string{"𞤃𞤢𞥄𞤥𞤢𞤣𞤵 𞤁𞤭𞤢𞤤𞤮", "ߡߡߊ߬ߘߎ߫ ߕߙߊߥߟߋ߫", "ⵎⵓⵃⴰⵎⵎⴰⴷ ⴰⵢⵜ", "𐴔𐴟𐴇𐴝𐴔𐴗𐴝𐴊 𐴀𐴝𐴔𐴞𐴕", "𑄟𑄧𑄚𑄧 𑄌𑄋𑄴𑄟", "𠜎𠜱𠝹"}
	for i, a := range texts {
		for j, b := range texts {
			x, y := Parse(a), Parse(b)
			if len(x.Tokens) == 0 {
				t.Errorf("%q: no token", a)
				continue
			}
			if s := Similarity(x.Tokens[0], y.Tokens[0]); (s == 1) != (i == j) || s != 0 && s != 1 {
				t.Errorf("%q and %q: %v", a, b, s)
			}
		}
	}
	if n := Parse("???? ..."); len(n.Tokens) != 0 {
		t.Errorf("signs alone: %d tokens", len(n.Tokens))
	}
}
