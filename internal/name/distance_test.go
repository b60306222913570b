package name

import (
	"math/rand/v2"
	"testing"
)

// TestAtLeast: the quick bound never exceeds the distance, or it would hide a match.
func TestAtLeast(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	word := func() string {
		b := make([]byte, 1+r.IntN(8))
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[r.IntN(36)]
		}
		return fold(string(b))
	}
	for range 20_000 {
		a, b := word(), word()
		for _, abjad := range []bool{false, true} {
			d := distance(a, b, abjad, false, 1<<30)
			if least := atLeast(letters(a), letters(b), abjad); least > d {
				t.Fatalf("seed %d: bound %d of %q and %q (abjad %v) is above their distance %d", seed, least, a, b, abjad, d)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		name, a, b     string
		abjadA, abjadB bool
		want           int
	}{
		{"same", "karim", "karim", false, false, 0},
		{"one letter replaced", "karim", "kazim", false, false, 100},
		{"one letter left out", "karimov", "kaimov", false, false, 100},
		{"exchanged", "karim", "kairm", false, false, 80},
		{"vowel", "karim", "kareem", false, false, 55},
		{"near vowel", "omar", "umar", false, false, 30},
		{"doubled", "hasan", "hassan", false, false, 25},
		{"confused", "qasim", "kasim", false, false, 30},
		{"digraph", "khalid", "kalid", false, false, 30},
		{"no vowels written", "mhmd", "muhamad", true, false, 18},
		{"no vowels written, other side", "muhamad", "mhmd", false, true, 18},
		{"all", "a", "b", false, false, 100},
	} {
		if got := distance(c.a, c.b, c.abjadA, c.abjadB, 1<<30); got != c.want {
			t.Errorf("%s: distance(%q, %q) = %d, want %d", c.name, c.a, c.b, got, c.want)
		}
	}
}
