package name

import (
	"math/rand/v2"
	"slices"
	"strings"
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
			free := uint32(0)
			if abjad {
				free = unwritten
			}
			for _, least := range []int{atLeast(letters(a), letters(b), abjad), apart(letters(a), letters(b), free)} {
				if least > d {
					t.Fatalf("seed %d: bound %d of %q and %q (abjad %v) is above their distance %d", seed, least, a, b, abjad, d)
				}
			}
			// With th, dh and gh read otherwise on one side.
			var buf [2 * MaxToken]byte
			read := string(readOther(&buf, a))
			if d, least := distance(read, b, abjad, false, 1<<30), apart(letters(a), letters(b), free|reread); least > d {
				t.Fatalf("seed %d: bound %d of %q and %q (abjad %v) is above the distance %d of %q", seed, least, a, b, abjad, d, read)
			}
		}
	}
}

// plainDistance is the distance as a table without a limit.
func plainDistance(a, b string, abjadA, abjadB bool) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 && j == 0 {
				continue
			}
			best := 1 << 30
			if i > 0 {
				best = min(best, d[i-1][j]+int(gap(a, i-1, abjadB)))
			}
			if j > 0 {
				best = min(best, d[i][j-1]+int(gap(b, j-1, abjadA)))
			}
			if i > 0 && j > 0 {
				x, y := a[i-1], b[j-1]
				cost := int(substitutions[x][y])
				if i+j == 2 && x != y && abjadA != abjadB && vowel(x) && vowel(y) {
					cost = costUnwritten
				}
				best = min(best, d[i-1][j-1]+cost)
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] && a[i-1] != a[i-2] {
				best = min(best, d[i-2][j-2]+costTranspose)
			}
			d[i][j] = best
		}
	}
	return d[len(a)][len(b)]
}

// TestDistanceLimit: a limit ends the work sooner and changes nothing below it.
func TestDistanceLimit(t *testing.T) {
	const seed = 8
	r := rand.New(rand.NewPCG(seed, 0))
	for range 50_000 {
		a := make([]byte, 1+r.IntN(9))
		for i := range a {
			a[i] = "abdehiostuwy0"[r.IntN(13)]
		}
		b := slices.Clone(a)
		for range r.IntN(5) {
			switch i := r.IntN(len(b)); r.IntN(4) {
			case 0:
				b = slices.Insert(b, i, "aehtd"[r.IntN(5)])
			case 1:
				b[i] = "abdehiostuwy0"[r.IntN(13)]
			case 2:
				b[i], b[0] = b[0], b[i]
			case 3:
				if i > 0 {
					b[i], b[i-1] = b[i-1], b[i]
				}
			}
		}
		abjadA, abjadB, limit := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(400)
		want := plainDistance(string(a), string(b), abjadA, abjadB)
		got := distance(string(a), string(b), abjadA, abjadB, limit)
		if got != want && (got <= limit || want <= limit) {
			t.Fatalf("seed %d: distance(%q, %q, %v, %v, %d) = %d, want %d", seed, a, b, abjadA, abjadB, limit, got, want)
		}
	}
}

// TestSimilarityFrom: a least value ends the work sooner and changes nothing above it.
func TestSimilarityFrom(t *testing.T) {
	const seed = 9
	r := rand.New(rand.NewPCG(seed, 0))
	words := strings.Fields("karim kareem kazim othman osman fadhl fazl ivanov ivanova rahmonov rahmonzoda xi hsi zhang chang" +
		" jung jeong joseph yusuf muhamad mohamed mhmd ghader qader alrawi rawi a k dhahabi zahabi abdulkadirov")
	for range 50_000 {
		word := func() Token {
			b := []byte(words[r.IntN(len(words))])
			for range r.IntN(3) {
				b[r.IntN(len(b))] = "adehiostuvwy"[r.IntN(12)]
			}
			return NewToken(string(b), 100, Flags(r.IntN(8)/7)*Abjad)
		}
		a, b := word(), word()
		want, least := Similarity(a, b), r.Float64()
		if got := SimilarityFrom(&a, &b, least); got != want && (got >= least || want >= least) {
			t.Fatalf("seed %d: from %v on, %q and %q are %v alike, want %v", seed, least, a.Text, b.Text, got, want)
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
