package name

// Kind says in what two names differ; several may hold at once.
type Kind uint8

const (
	Spelling    Kind = 1 << iota // some token is spelled differently
	Order                        // the tokens stand in another order
	MissingPart                  // one name has a part that the other lacks
	OtherPart                    // each has a part that the other contradicts
	ByInitial                    // a part is only an initial
	Joined                       // parts are written together in one and apart in the other
)

// Alignment is the result of comparing two names.
type Alignment struct {
	Score    float64 // 0..1; 1 is the same name, in any order and case
	Evidence int     // weight of what agrees, in hundredths: 200 is two ordinary names
	Differ   Kind
	// Told is the evidence with every pair discounted once more by its
	// unlikeness: a doubtful pair is shared by many strangers.
	Told int
	// Best is what the most telling pair adds to Told.
	Best int
	// OnlyA and OnlyB are the weights of what has no partner on either side.
	OnlyA, OnlyB int
	// Parts counts the pairs that agree, but for a slip, and are more than
	// particles and initials.
	Parts int
	// Ends: the first and the last part of both names have partners; what one
	// name lacks stands in the middle of the other.
	Ends bool
}

// Prices of what finds no partner, against the weight of what does.
const (
	priceMissing  = 0.30 // left out on one side: common and innocent
	priceConflict = 2.00 // on both sides at once: another person's name
)

// likeKunya is the likeness of a person's name and the same name in a kunya:
// the father of Salim is seldom called Salim.
const likeKunya = 0.75

// likeOtherFather is what is left of the score of two names whose father and
// son have changed places.
const likeOtherFather = 0.75

// accept is the least likeness of two tokens that may be partners. It is low
// because a typing error in a name of three letters leaves little: a poor pair
// still costs the score its unlikeness, but is no contradiction.
const accept = 0.30

// A pair is a part that agrees from this likeness and this weight on.
const (
	likePart   = 0.80
	weightPart = 50
)

// Compare aligns the tokens of two names without regard to order.
func Compare(a, b Name) Alignment {
	if len(a.Tokens) == 0 || len(b.Tokens) == 0 {
		return Alignment{}
	}
	m := matching{a: a.Tokens, b: b.Tokens}
	for i := range m.partnerA {
		m.partnerA[i], m.partnerB[i] = -1, -1
	}
	m.equals()
	m.singles()
	m.joins()
	m.remainders()
	return m.result()
}

// matching is the state of one comparison, on the stack.
type matching struct {
	a, b               []Token
	partnerA, partnerB [MaxTokens]int8 // index of the partner, -1 none, joined when part of a join
	agreed, weight     float64         // Σ weight·likeness and Σ weight of partners
	told, best         float64         // Σ weight·likeness², and the largest of them
	differ             Kind
	parts              int  // pairs that agree and are more than initials and particles
	whole              bool // some pair is more than initials and particles
}

const joined = MaxTokens

type pair struct {
	i, j  int8
	value float32
	like  float32
}

// equals pairs tokens of one text, those in the same place first, so that a
// name that repeats a token is not called reordered.
func (m *matching) equals() {
	for away := range max(len(m.a), len(m.b)) {
		for i := range m.a {
			for _, j := range [2]int{i + away, i - away} {
				if j >= 0 && j < len(m.b) && m.partnerA[i] < 0 && m.partnerB[j] < 0 && m.a[i].letter == m.b[j].letter && m.a[i].Text == m.b[j].Text {
					m.partnerA[i], m.partnerB[j] = int8(j), int8(i)
					m.take(m.a[i], m.b[j], 1)
				}
			}
		}
	}
}

// singles pairs what is left token by token, the most telling pair first.
func (m *matching) singles() {
	var few [24]pair // seldom more
	pairs := few[:0]
	for i := range m.a {
		for j := range m.b {
			if m.partnerA[i] >= 0 || m.partnerB[j] >= 0 {
				continue
			}
			if like := similarity(&m.a[i], &m.b[j], accept); like >= accept {
				value := like * float64(int(m.a[i].Weight)+int(m.b[j].Weight))
				pairs = append(pairs, pair{i: int8(i), j: int8(j), value: float32(value), like: float32(like)})
			}
		}
	}
	for k := range pairs {
		best := k
		for l := k + 1; l < len(pairs); l++ {
			if pairs[l].value > pairs[best].value {
				best = l
			}
		}
		pairs[k], pairs[best] = pairs[best], pairs[k]
		p := pairs[k]
		if m.partnerA[p.i] >= 0 || m.partnerB[p.j] >= 0 {
			continue
		}
		m.partnerA[p.i], m.partnerB[p.j] = p.j, p.i
		m.take(m.a[p.i], m.b[p.j], float64(p.like))
	}
	last := int8(-1)
	for i := range m.a {
		if p := m.partnerA[i]; p >= 0 {
			if p < last && !m.a[i].Has(Particle) {
				m.differ |= Order
			}
			last = max(last, p)
		}
	}
}

// take counts a pair.
func (m *matching) take(a, b Token, like float64) {
	w := float64(int(a.Weight)+int(b.Weight)) / 2
	if a.Has(Kunya) != b.Has(Kunya) {
		like *= likeKunya
	}
	m.whole = m.whole || !a.Has(Initial) && !b.Has(Initial) && !a.Has(Particle)
	if a.Has(Initial) != b.Has(Initial) {
		m.differ |= ByInitial
		w = float64(min(a.Weight, b.Weight))
	} else if like < 0.995 && !a.Has(Particle) {
		m.differ |= Spelling
	}
	if like >= likePart && w >= weightPart {
		m.parts++
	}
	m.agreed += w * like
	m.told += w * like * like
	m.best = max(m.best, w*like*like)
	m.weight += w
}

// joins finds neighbours on one side that are one word on the other: Mac
// Donald, de los Reyes, J. C. and JC.
func (m *matching) joins() {
	join(m.a, m.b, &m.partnerA, &m.partnerB, m)
	join(m.b, m.a, &m.partnerB, &m.partnerA, m)
}

// maxJoin is how many neighbours may be one word: van der and a name, bin al
// and a name.
const maxJoin = 4

func join(a, b []Token, partnerA, partnerB *[MaxTokens]int8, m *matching) {
	for j := range b {
		if partnerB[j] >= 0 || len(b[j].Text) == 1 {
			continue
		}
		for i := 0; i+1 < len(a) && partnerB[j] < 0; i++ {
			length, set, flags := 0, uint32(0), Flags(0)
			for k := i; k < len(a) && k < i+maxJoin && partnerA[k] < 0; k++ {
				length, set, flags = length+len(a[k].Text), set|a[k].letter, flags|a[k].Flags
				if k == i {
					continue
				}
				like := initials(a[i:k+1], b[j])
				both := Token{}
				if like == 0 {
					abjad := (flags^b[j].Flags)&Abjad != 0
					if !abjad && (abs(length-len(b[j].Text)) > 3 || atLeast(set, b[j].letter, false) > allowance(min(length, len(b[j].Text)))) ||
						abjad && atLeast(set, b[j].letter, true) > allowance(MaxToken)+80 {
						continue // before anything is put together
					}
					both = glue(a[i : k+1])
					if like = spelled(&both, &b[j], 0.75); like < 0.75 {
						continue
					}
				} else {
					both = NewToken(b[j].Text, b[j].Weight, 0)
					m.differ |= ByInitial
				}
				for l := i; l <= k; l++ {
					partnerA[l] = joined
				}
				partnerB[j] = joined
				m.take(both, b[j], like)
				m.differ |= Joined
				break
			}
		}
	}
}

// initials compares neighbours with a word that is their first letters: Jean
// Claude and JC. Such a word has no vowel.
func initials(ts []Token, word Token) float64 {
	const vowels = 1 | 1<<('e'-'a') | 1<<('i'-'a') | 1<<('o'-'a') | 1<<('u'-'a') // a is the first bit
	if len(word.Text) != len(ts) || len(ts) > 3 || word.letter&vowels != 0 || word.Flags&(Abjad|Particle) != 0 {
		return 0
	}
	for i := range ts {
		if ts[i].Text[0] != word.Text[i] || ts[i].Has(Particle) {
			return 0
		}
	}
	return 0.85
}

// remainders compares everything that is left on either side as one string: a
// space typed in the wrong place.
func (m *matching) remainders() {
	a, b := left(m.a, &m.partnerA), left(m.b, &m.partnerB)
	if a.n == 0 || b.n == 0 || a.n+b.n < 3 {
		return
	}
	abjad := (a.flags^b.flags)&Abjad != 0
	if !abjad && (abs(a.length-b.length) > 3 || atLeast(a.set, b.set, false) > allowance(min(a.length, b.length))) ||
		abjad && atLeast(a.set, b.set, true) > allowance(MaxToken)+80 {
		return // before anything is put together
	}
	var restA, restB [MaxTokens]Token
	ta := glue(rest(restA[:0], m.a, &m.partnerA))
	tb := glue(rest(restB[:0], m.b, &m.partnerB))
	if like := similarity(&ta, &tb, 0.85); like >= 0.85 {
		for i := range m.a {
			if m.partnerA[i] < 0 {
				m.partnerA[i] = joined
			}
		}
		for j := range m.b {
			if m.partnerB[j] < 0 {
				m.partnerB[j] = joined
			}
		}
		m.take(ta, tb, like)
		m.differ |= Joined
	}
}

// leftover is what the tokens without a partner are together.
type leftover struct {
	n, length int
	set       uint32
	flags     Flags
}

func left(ts []Token, partner *[MaxTokens]int8) (l leftover) {
	for i := range ts {
		if partner[i] < 0 {
			l.n, l.length, l.set, l.flags = l.n+1, l.length+len(ts[i].Text), l.set|ts[i].letter, l.flags|ts[i].Flags
		}
	}
	return l
}

func rest(out, ts []Token, partner *[MaxTokens]int8) []Token {
	for i := range ts {
		if partner[i] < 0 {
			out = append(out, ts[i])
		}
	}
	return out
}

// glue is neighbours written as one.
func glue(ts []Token) Token {
	var text [2 * MaxToken]byte
	out, weight := text[:0], 0
	var flags Flags
	for i := range ts {
		out = append(out, ts[i].Text[:min(len(ts[i].Text), cap(out)-len(out))]...)
		weight, flags = weight+int(ts[i].Weight), flags|ts[i].Flags&Abjad
	}
	return NewToken(string(out), uint8(min(weight, 200)), flags)
}

func (m *matching) result() Alignment {
	if m.weight == 0 {
		return Alignment{}
	}
	ua, ub := unpaired(m.a, &m.partnerA), unpaired(m.b, &m.partnerB)
	conflict, missing := min(ua, ub), abs(ua-ub)
	if conflict >= 30 {
		m.differ |= OtherPart
	}
	if missing >= 30 {
		m.differ |= MissingPart
	}
	score := m.agreed / (m.weight + priceConflict*float64(conflict) + priceMissing*float64(missing))
	if !m.whole && m.differ != 0 {
		score /= 2 // initials and articles alone are nobody's name
	}
	if m.differ&Order != 0 && m.otherFather() {
		m.differ |= OtherPart
		score *= likeOtherFather
	}
	return Alignment{
		Score: score, Evidence: int(m.agreed), Differ: m.differ,
		Told: int(m.told), Best: int(m.best), OnlyA: ua, OnlyB: ub, Parts: m.parts,
		Ends: paired(m.a, &m.partnerA) && paired(m.b, &m.partnerB),
	}
}

// paired says whether the first and the last part of a name have partners.
func paired(ts []Token, partner *[MaxTokens]int8) bool {
	first, last := -1, -1
	for i := range ts {
		if ts[i].Has(Particle) {
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
	}
	return first >= 0 && partner[first] >= 0 && partner[last] >= 0
}

// otherFather: the son of one name is the father of the other. Order means
// nothing, but on the two sides of a word of descent it does: Ahmad bin Hasan
// is not Hasan bin Ahmad.
func (m *matching) otherFather() bool {
	i, j := lineage(m.a), lineage(m.b)
	if i < 0 || j < 0 {
		return false
	}
	son, father := m.partnerA[i-1], m.partnerA[i+1]
	return int(son) == j+1 && int(father) == j-1
}

// lineage is the place of the first word of descent with a name before and
// behind it, -1 when there is none.
func lineage(ts []Token) int {
	for i := 1; i+1 < len(ts); i++ {
		if ts[i].Has(Particle) && lineages[ts[i].Text] > 0 && !ts[i-1].Has(Particle) && !ts[i+1].Has(Particle) {
			return i
		}
	}
	return -1
}

func unpaired(ts []Token, partner *[MaxTokens]int8) int {
	sum := 0
	for i := range ts {
		if partner[i] < 0 {
			sum += int(ts[i].Weight)
		}
	}
	return sum
}

func abs[T ~int](n T) T {
	if n < 0 {
		return -n
	}
	return n
}
