package match

import (
	"math"
	"slices"

	"github.com/herald-net/herald/internal/name"
)

// Tier is how far the evidence goes. It is the answer; Score only orders
// candidates of one tier.
type Tier uint8

const (
	None     Tier = iota
	Weak          // worth a look when nothing better is there
	Possible      // a lead: what a node may answer POSSIBLE for
	Strong        // a name and a birth date or a document agree
)

func (t Tier) String() string {
	switch t {
	case Weak:
		return "weak"
	case Possible:
		return "possible"
	case Strong:
		return "strong"
	}
	return "none"
}

// Verdict is a code for how one field compares. It never carries a value.
type Verdict string

const (
	Agree    Verdict = "agree"
	Close    Verdict = "close"
	Conflict Verdict = "conflict"
	Absent   Verdict = "absent" // on at least one side

	// Of names, beside the above.
	Spelling    Verdict = "spelling"     // spelled differently
	Order       Verdict = "order"        // parts in another order
	MissingPart Verdict = "missing-part" // one side lacks a part
	OtherPart   Verdict = "other-part"   // a part contradicts
	ByInitial   Verdict = "initial"      // a part is only an initial
	Joined      Verdict = "joined"       // parts written together or apart
	LowQuality  Verdict = "low-quality"  // the alias is marked as of low quality

	// Of births: finer than close.
	MonthAgree      Verdict = "month-agree"
	YearAgree       Verdict = "year-agree"
	DateClose       Verdict = "one-field-differs"
	DayMonthSwapped Verdict = "day-month-swapped"
	YearOffByOne    Verdict = "year-off-by-one"
	YearSwapped     Verdict = "year-digits-swapped"
	YearDigit       Verdict = "year-digit-differs"
	YearClose       Verdict = "year-close"
	YearNear        Verdict = "year-near"
)

// Reason is one line of the explanation: field is name, birth, document or nationality.
type Reason struct {
	Field   string  `json:"field"`
	Verdict Verdict `json:"verdict"`
}

// Result of comparing a query with a candidate.
type Result struct {
	Score float64  `json:"score"` // 0..1, in thousandths
	Tier  Tier     `json:"tier"`
	Why   []Reason `json:"why"`
}

// MarshalText gives a tier's word in JSON.
func (t Tier) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// The score is the odds that two descriptions are of one person, squeezed into
// 0..1. The odds add up, field by field, as logarithms: a name part that one in
// 250 bears is worth 5.5, a whole date of birth 9 (one in 365 days of some 25
// years), a year 3.5. They are estimates from such frequencies and fitted to no list.
const (
	oddsName      = 5.5 / 100  // a hundredth of what two names have in common
	oddsOther     = -1.5 / 100 // a hundredth of what contradicts
	oddsMissing   = -0.3 / 100 // a hundredth of what one name lacks
	oddsLow       = -2.0       // an alias of low quality
	oddsPlace     = 5.0        // less of a day that stands for "some day"
	oddsNation    = 1.5
	oddsNations   = -0.7
	oddsDocument  = 14.0
	oddsClose     = 5.0
	oddsDocuments = -0.3 // persons have several
	oddsEven      = 9.0  // where the score is one half: the odds of a list of some thousand persons
	oddsUnit      = 3.0
)

// score squeezes odds into thousandths of 0..1, never 0.
func score(odds float64) float64 {
	s := 1 / (1 + math.Exp((oddsEven-odds)/oddsUnit))
	return max(float64(int(s*1000+0.5))/1000, 0.001)
}

// Thresholds of the likeness of names.
const (
	nameSame  = 0.98 // the same name throughout
	nameExact = 0.94 // the same name, give or take a letter
	nameAgree = 0.88 // the same name, give or take its spelling
	nameAlone = 0.84 // like enough to stand without a birth, or with one that says little
	nameYear  = 0.80 // like enough beside a year of birth
	nameClose = 0.74 // a part missing, or spelled very differently
	nameWeak  = 0.58 // half of the name
	namePart  = 0.30 // one part, beside a whole date of birth
	nameTrace = 0.15 // below it there is no name in common
)

// oddsWeak is the least that is shown: one telling part of a name, when
// nothing but the rest of the name speaks against it.
const oddsWeak = 1.5

// Amounts of evidence, in hundredths.
const (
	onePart = 90  // a telling part
	enough  = 130 // a name with two parts, one of them common
	spare   = 30  // articles and the like: no part of a name
	ample   = 175 // two telling parts: what a name needs that stands alone and is not the same throughout
)

// nameEvidence is the agreement of one name of either side.
type nameEvidence struct {
	name.Alignment
	low      bool
	complete bool // every part of both names agrees
	named    bool // both sides have a name
	odds     float64
}

func compareName(a, b *Name) nameEvidence {
	n := nameEvidence{Alignment: name.Compare(a.Name, b.Name), low: a.Low || b.Low, named: true}
	n.complete = n.Differ&(name.MissingPart|name.OtherPart) == 0
	other, missing := min(n.OnlyA, n.OnlyB), max(n.OnlyA, n.OnlyB)-min(n.OnlyA, n.OnlyB)
	n.odds = oddsName*float64(n.Told) + oddsOther*float64(other) + oddsMissing*float64(missing)
	if n.Differ&name.OtherPart != 0 && other == 0 {
		n.odds += oddsOther * onePart // father and son exchanged
	}
	if n.low {
		n.odds += oddsLow
	}
	return n
}

// Score compares a query with a candidate. It is symmetric in what it compares
// but not in meaning: the candidate's aliases of low quality count less.
func Score(query, cand *Subject) Result {
	document := compareDocuments(query.Documents, cand.Documents)
	birth := compareBirths(query.Births, cand.Births)
	nationality := compareNationalities(query, cand)

	// The best of all pairs of names: that which gives the best tier, and of
	// those the best odds.
	names, best := nameEvidence{}, None
	for i := range query.Names {
		for j := range cand.Names {
			n := compareName(&query.Names[i], &cand.Names[j])
			if t := tier(n, birth, document, nationality); t > best || t == best && n.odds > names.odds {
				names, best = n, t
			}
		}
	}
	if best == None {
		best = tier(names, birth, document, nationality)
	}
	odds := names.odds + birth.odds()
	switch nationality {
	case Agree:
		odds += oddsNation
	case Conflict:
		odds += oddsNations
	}
	switch document {
	case Agree:
		odds += oddsDocument
	case Close:
		odds += oddsClose
	case Conflict:
		odds += oddsDocuments
	}
	if best == Weak && odds < oddsWeak {
		return Result{}
	}
	if best == None {
		return Result{}
	}
	return Result{Tier: best, Score: score(odds), Why: why(names, birth.verdict, document, nationality)}
}

// tier is the rule of evidence. It is written as a table of cases, so that each
// can be read, argued about and measured.
func tier(n nameEvidence, b birthEvidence, document, nationality Verdict) Tier {
	telling := n.Evidence >= enough || n.complete
	switch {
	case document == Agree && n.Score >= nameClose:
		return Strong
	case document == Agree && n.Score >= nameWeak && b.verdict != Conflict:
		return Strong
	case document == Agree:
		return Possible // another name with the same document is a lead too

	case n.Score < nameTrace && b.telling && nationality != Conflict && n.named:
		// Born on the same day under another name: an alias shares nothing
		// with the name it hides. Shown, never more than weak.
		return Weak
	case n.Score < nameTrace, b.verdict == Conflict && n.Score < nameWeak:
		return None

	case n.low && b.value < birthOneField.value && !(b.value >= birthYear.value && n.Score >= nameExact && n.Evidence >= ample):
		return Weak // an alias of low quality needs a birth
	case b.value == 1 && n.Score >= nameClose && telling && whole(n) && !n.low:
		return Strong
	case b.value >= birthOneField.value && n.Score >= nameAgree && telling && whole(n) && !n.low:
		return Strong

	case b.verdict == Conflict || b.verdict == YearNear || b.verdict == YearDigit:
		return Weak // a namesake
	case b.verdict == YearSwapped && nationality != Agree:
		return Weak // a slip of the pen asks for a third field
	case b.telling && n.Score >= namePart && (n.Best >= onePart || n.Told >= enough) && nationality != Conflict:
		return Possible
	case b.value == 1 && n.Score >= nameWeak && n.Told >= onePart:
		return Possible
	case b.value >= birthOneField.value && n.Score >= nameYear && telling && whole(n):
		return Possible
	case b.value >= birthYear.value && n.Score >= nameYear && n.Evidence >= ample && whole(n):
		return Possible
	case b.value >= birthYear.value && n.Score >= nameAgree && n.Evidence >= enough && n.complete:
		return Possible
	case b.value >= birthYearClose.value && n.Score >= nameAlone && n.Evidence >= ample && whole(n):
		return Possible
	case b.value >= birthYearClose.value && n.Score >= nameSame && n.complete:
		return Possible

	case b.verdict == Absent && alone(n):
		return Possible
	case document == Close && n.Score >= nameYear && n.Evidence >= enough:
		return Possible // a slip in the number, and the name
	}
	return Weak
}

// whole says whether a name is all of the other but for parts that it leaves
// out: fewer names than the candidate has are innocent, more are so in the middle.
func whole(n nameEvidence) bool {
	return n.complete || n.OnlyA <= spare || n.Ends || n.Parts >= 3
}

// alone says whether a name can be a lead without a birth.
func alone(n nameEvidence) bool {
	switch {
	case n.Differ&name.OtherPart != 0 || n.Score < nameAlone:
		return false
	case n.complete && n.Differ&name.Order != 0:
		return n.Score >= nameExact && n.Evidence >= ample || n.Score >= nameSame && n.Best >= onePart
	case n.complete && n.Score >= nameSame:
		return true // the listed name itself, however common
	case n.complete:
		return n.Score >= nameAgree && n.Evidence >= ample
	}
	// The query leaves out a part: three others must agree. A query that has
	// one part more is somebody else more often than not.
	return n.OnlyA <= spare && n.Parts >= 3
}

// compareNationalities: one common nationality agrees.
func compareNationalities(a, b *Subject) Verdict {
	if len(a.Nationalities) == 0 || len(b.Nationalities) == 0 {
		return Absent
	}
	for _, n := range a.Nationalities {
		if slices.Contains(b.Nationalities, n) {
			return Agree
		}
	}
	return Conflict
}

func why(n nameEvidence, birth, document, nationality Verdict) []Reason {
	out := make([]Reason, 0, 6)
	switch {
	case n.Score >= nameAgree:
		out = append(out, Reason{"name", Agree})
	case n.Score >= namePart:
		out = append(out, Reason{"name", Close})
	default:
		out = append(out, Reason{"name", Conflict})
	}
	if n.Score >= namePart {
		for _, d := range differences {
			if n.Differ&d.kind != 0 {
				out = append(out, Reason{"name", d.verdict})
			}
		}
		if n.low {
			out = append(out, Reason{"name", LowQuality})
		}
	}
	return append(out, Reason{"birth", birth}, Reason{"document", document}, Reason{"nationality", nationality})
}

var differences = [...]struct {
	kind    name.Kind
	verdict Verdict
}{
	{name.Spelling, Spelling}, {name.Order, Order}, {name.MissingPart, MissingPart},
	{name.OtherPart, OtherPart}, {name.ByInitial, ByInitial}, {name.Joined, Joined},
}
