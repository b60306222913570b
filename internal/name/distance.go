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

// distance is the optimal string alignment distance with these costs; one that
// is above limit is given as any number above it. a and b have at most twice
// MaxToken bytes; longer ones are cut.
func distance(a, b string, abjadA, abjadB bool, limit int) int {
	a, b = a[:min(len(a), 2*MaxToken)], b[:min(len(b), 2*MaxToken)]
	var rows [3][2*MaxToken + 1]int16
	var gapsOfB [2 * MaxToken]int16
	prev2, prev, cur := rows[0][:len(b)+1], rows[1][:len(b)+1], rows[2][:len(b)+1]
	gaps := gapsOfB[:len(b)]
	for j := range gaps {
		gaps[j] = gap(b, j, abjadA)
		prev[j+1] = prev[j] + gaps[j]
	}
	// An initial alif carries any vowel.
	alif := abjadA != abjadB && len(a) > 0 && len(b) > 0 && a[0] != b[0] && vowel(a[0]) && vowel(b[0])
	leastBefore := 0
	letterBefore := byte(0)
	for i := range len(a) {
		letter, own := a[i], gap(a, i, abjadB)
		costs := &substitutions[letter&127]
		across := prev[0] // a row up, a column to the left
		left := across + own
		cur[0] = left
		least := left
		for j := range gaps {
			other := b[j]
			c := across + int16(costs[other&127])
			if alif && i+j == 0 {
				c = costUnwritten
			}
			across = prev[j+1]
			c = min(c, across+own, left+gaps[j])
			if other == letterBefore && j > 0 && letter == b[j-1] && letter != other {
				c = min(c, prev2[j-1]+costTranspose)
			}
			cur[j+1] = c
			left = c
			least = min(least, c)
		}
		// What follows grows out of this row, or by an exchange out of the last.
		if min(int(least), leastBefore+costTranspose) > limit {
			return limit + 1
		}
		leastBefore, letterBefore = int(least), letter
		prev2, prev, cur = prev, cur, prev2
	}
	return int(prev[len(b)])
}

// gap is the cost of s[i] having no partner. abjad tells that the other text
// comes from a script without short vowels and doubled letters.
func gap(s string, i int, abjad bool) int16 {
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

// Letters that may cost next to nothing: unwritten are those of a text without
// vowels against one with them, reread those that another reading of th, dh and
// gh takes or brings.
const (
	unwritten = ^uint32(liquids | stops | velars)
	reread    = 1<<('t'-'a') | 1<<('d'-'a') | 1<<('g'-'a') | 1<<('h'-'a') | 1<<('s'-'a') | 1<<('z'-'a') | 1<<('q'-'a')
)

// apart is the sharper and slower bound: it looks which letters the other text
// has that could stand for one that only one text has. What free letters cost
// is not known; they count nothing.
func apart(a, b, free uint32) int {
	onlyA, onlyB, both := a&^b&^free, b&^a&^free, a&b|free
	return lone(onlyA, onlyB, both) + lone(onlyB, onlyA, both)
}

// lone is what letters cost that the other text lacks: each is left out, or
// stands for a letter of both texts, or for one of others, which shares the cost.
func lone(letters, others, both uint32) int {
	sum := 0
	for ; letters != 0; letters &= letters - 1 {
		l := &likenesses[bits.TrailingZeros32(letters)]
		switch {
		case l.near&others != 0:
			sum += costNearVowel / 2
		case l.confused&others != 0:
			sum += min(costConfused/2, l.alone)
		case l.near&both != 0:
			sum += min(costNearVowel, l.alone)
		case l.confused&both != 0 || others != 0:
			sum += min(costConfused, l.alone)
		default:
			sum += l.alone
		}
	}
	return sum
}

// likenesses, by the letter's bit: which letters it is exchanged for at which
// price, and what it costs alone at least.
var likenesses = func() (t [32]struct {
	near, confused uint32
	alone          int
}) {
	for i := range t {
		c := byte(i) + 'a'
		t[i].alone = costEdit
		switch {
		case i >= 26:
			continue // digits
		case c == 'e':
			t[i].alone = costUmlaut
		case c == 'h':
			t[i].alone = costDigraph
		case c == 'y' || c == 'w':
			t[i].alone = costSilent
		case vowel(c):
			t[i].alone = costVowel
		}
		for o := range byte(26) {
			switch cost := substitutions[c][o+'a']; {
			case cost == 0:
			case cost <= costNearVowel:
				t[i].near |= 1 << o
			case cost <= costConfused:
				t[i].confused |= 1 << o
			}
		}
	}
	return t
}()
