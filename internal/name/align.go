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
}

// Prices of what finds no partner, against the weight of what does.
const (
	priceMissing  = 0.30 // left out on one side: common and innocent
	priceConflict = 1.60 // on both sides at once: another person's name
)

// accept is the least likeness of two tokens that may be partners. It is low
// because a typing error in a name of three letters leaves little: a poor pair
// still costs the score its unlikeness, but is no contradiction.
const accept = 0.30

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
	differ             Kind
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
				if j >= 0 && j < len(m.b) && m.partnerA[i] < 0 && m.partnerB[j] < 0 && m.a[i].Text == m.b[j].Text {
					m.partnerA[i], m.partnerB[j] = int8(j), int8(i)
					m.take(m.a[i], m.b[j], 1)
				}
			}
		}
	}
}

// singles pairs what is left token by token, the most telling pair first.
func (m *matching) singles() {
	var pairs [MaxTokens * MaxTokens]pair
	n := 0
	for i := range m.a {
		for j := range m.b {
			if m.partnerA[i] >= 0 || m.partnerB[j] >= 0 {
				continue
			}
			if like := Similarity(m.a[i], m.b[j]); like >= accept {
				value := like * float64(int(m.a[i].Weight)+int(m.b[j].Weight))
				pairs[n] = pair{i: int8(i), j: int8(j), value: float32(value), like: float32(like)}
				n++
			}
		}
	}
	for k := 0; k < n; k++ {
		best := k
		for l := k + 1; l < n; l++ {
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
	m.whole = m.whole || !a.Has(Initial) && !b.Has(Initial) && !a.Has(Particle)
	if a.Has(Initial) != b.Has(Initial) {
		m.differ |= ByInitial
		w = float64(min(a.Weight, b.Weight))
	} else if like < 0.995 && !a.Has(Particle) {
		m.differ |= Spelling
	}
	m.agreed += w * like
	m.weight += w
}

// joins finds two neighbours on one side that are one word on the other.
func (m *matching) joins() {
	join(m.a, m.b, &m.partnerA, &m.partnerB, m)
	join(m.b, m.a, &m.partnerB, &m.partnerA, m)
}

func join(a, b []Token, partnerA, partnerB *[MaxTokens]int8, m *matching) {
	if unpaired(b, partnerB) == 0 {
		return
	}
	for i := 0; i+1 < len(a); i++ {
		if partnerA[i] >= 0 || partnerA[i+1] >= 0 {
			continue
		}
		both := glue(a[i], a[i+1])
		for j := range b {
			if partnerB[j] >= 0 || abs(len(both.Text)-len(b[j].Text)) > 3 && both.Flags == b[j].Flags&Abjad {
				continue
			}
			if like := Similarity(both, b[j]); like >= 0.75 {
				partnerA[i], partnerA[i+1], partnerB[j] = joined, joined, joined
				m.take(both, b[j], like)
				m.differ |= Joined
				break
			}
		}
	}
}

// remainders compares everything that is left on either side as one string: a
// space typed in the wrong place.
func (m *matching) remainders() {
	ta, na := leftover(m.a, &m.partnerA)
	tb, nb := leftover(m.b, &m.partnerB)
	if na == 0 || nb == 0 || na+nb < 3 || abs(len(ta.Text)-len(tb.Text)) > 3 && (ta.Flags^tb.Flags)&Abjad == 0 {
		return
	}
	if like := Similarity(ta, tb); like >= 0.85 {
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

func leftover(ts []Token, partner *[MaxTokens]int8) (Token, int) {
	var text [MaxTokens * MaxToken]byte
	out, n, weight := text[:0], 0, 0
	var flags Flags
	for i := range ts {
		if partner[i] < 0 {
			out = append(out, ts[i].Text...)
			weight, flags, n = weight+int(ts[i].Weight), flags|ts[i].Flags&Abjad, n+1
		}
	}
	if n == 0 {
		return Token{}, 0
	}
	return NewToken(string(out[:min(len(out), 2*MaxToken)]), uint8(min(weight, 200)), flags), n
}

// glue is two tokens written as one.
func glue(a, b Token) Token {
	text := a.Text + b.Text
	if len(text) > 2*MaxToken {
		text = text[:2*MaxToken]
	}
	return NewToken(text, uint8(min(int(a.Weight)+int(b.Weight), 200)), (a.Flags|b.Flags)&Abjad)
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
	return Alignment{Score: score, Evidence: int(m.agreed), Differ: m.differ}
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
