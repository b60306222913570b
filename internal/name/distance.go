package name

import (
	"math/bits"
	"strings"
)

// Costs of the edit distance in hundredths of a plain edit.
const (
	costEdit      = 100
	costVowel     = 60 // a vowel written or not
	costSilent    = 50 // h, y, w
	costDigraph   = 30 // the h of kh, gh, sh, ...
	costDouble    = 25 // a doubled letter
	costUmlaut    = 25 // the e of ae, oe and ue, which passports write for ä, ö and ü
	costTranspose = 80
	costUnwritten = 6  // a short vowel against a script that does not write it
	costNearVowel = 30 // i/e/y, o/u
	costFarVowel  = 50
	costConfused  = 50 // k/q, s/z, d/t, ...
)

// distance is the optimal string alignment distance with these costs, and
// stops early above limit. a and b have at most MaxToken bytes; longer ones are cut.
func distance(a, b string, abjadA, abjadB bool, limit int) int {
	if len(a) > 2*MaxToken {
		a = a[:2*MaxToken]
	}
	if len(b) > 2*MaxToken {
		b = b[:2*MaxToken]
	}
	var rows [3][2*MaxToken + 1]int32
	var gaps [2 * MaxToken]int32
	prev2, prev, cur := &rows[0], &rows[1], &rows[2]
	for j := range len(b) {
		gaps[j] = gap(b, j, abjadA)
		prev[j+1] = prev[j] + gaps[j]
	}
	for i := range len(a) {
		own := gap(a, i, abjadB)
		cur[0] = prev[0] + own
		least := cur[0]
		costs := &substitutions[a[i]&127]
		for j := range len(b) {
			c := prev[j]
			if a[i] != b[j] {
				if i+j == 0 && abjadA != abjadB && vowel(a[0]) && vowel(b[0]) {
					c += costUnwritten // an initial alif carries any vowel
				} else {
					c += int32(costs[b[j]&127])
				}
			}
			c = min(c, prev[j+1]+own, cur[j]+gaps[j])
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] && a[i] != a[i-1] {
				c = min(c, prev2[j-1]+costTranspose)
			}
			cur[j+1] = c
			least = min(least, c)
		}
		if int(least) > limit+costTranspose {
			return int(least)
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return int(prev[len(b)])
}

// gap is the cost of s[i] having no partner. abjad tells that the other text
// comes from a script without short vowels and doubled letters.
func gap(s string, i int, abjad bool) int32 {
	c := s[i]
	if i > 0 && s[i-1] == c {
		if abjad {
			return costUnwritten
		}
		return costDouble
	}
	switch c {
	case 'a', 'e', 'i', 'o', 'u':
		if abjad {
			return costUnwritten
		}
		if c == 'e' && i > 0 && (s[i-1] == 'a' || s[i-1] == 'o' || s[i-1] == 'u') {
			return costUmlaut
		}
		return costVowel
	case 'h':
		if i > 0 && digraph(s[i-1]) {
			return costDigraph
		}
		if abjad && i > 0 && i+1 < len(s) {
			return costEdit
		}
		return costSilent
	case 'y', 'w':
		if abjad && i == 0 {
			return costEdit
		}
		return costSilent
	}
	return costEdit
}

// digraph: letters whose sound an h behind them changes a little.
func digraph(c byte) bool {
	switch c {
	case 'c', 'd', 'g', 'k', 's', 't', 'z', 'b', 'p':
		return true
	}
	return false
}

// substitutions is the cost of one letter for another, by the two bytes.
var substitutions = func() (t [128][128]uint8) {
	for a := range t {
		for b := range t {
			switch {
			case a == b:
			case vowel(byte(a)) && vowel(byte(b)):
				t[a][b] = costFarVowel
			default:
				t[a][b] = costEdit
			}
		}
	}
	set := func(cost uint8, pairs string) {
		for p := range strings.FieldsSeq(pairs) {
			t[p[0]][p[1]], t[p[1]][p[0]] = cost, cost
		}
	}
	set(costConfused, "cs sz dt bp fv gj jy gk gq gh hx hk cj dz uv ij")
	set(costNearVowel, "iy ei ey ou ae kq ck uw ow vw")
	return t
}()

// Letters by the least that one of them costs when only one of two texts has
// it: half of its cheapest substitution, which may account for two letters.
const (
	liquids = 1<<('m'-'a') | 1<<('n'-'a') | 1<<('r'-'a') | 1<<('l'-'a')
	stops   = 1<<('b'-'a') | 1<<('p'-'a') | 1<<('d'-'a') | 1<<('t'-'a') | 1<<('s'-'a') | 1<<('z'-'a') | 1<<('f'-'a') | 1<<('x'-'a')
	velars  = 1<<('c'-'a') | 1<<('k'-'a') | 1<<('q'-'a') | 1<<('g'-'a') | 1<<('j'-'a') | 1<<('v'-'a')
)

// atLeast is a lower bound of the distance of two texts with these letters, so
// that most pairs need no distance at all. abjad: one side writes no vowels.
func atLeast(a, b uint32, abjad bool) int {
	apart := a ^ b
	bound := 50*bits.OnesCount32(apart&liquids) + 25*bits.OnesCount32(apart&stops) + 15*bits.OnesCount32(apart&velars)
	if !abjad {
		bound += 15 * bits.OnesCount32(apart&^(liquids|stops|velars))
	}
	return bound
}
