package match

import (
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

// Weights of the fields in the score. A field absent on either side is left
// out and the rest renormalised.
const (
	weightName        = 0.65
	weightBirth       = 0.25
	weightNationality = 0.05
	weightDocument    = 0.50 // when it agrees
	weightOtherDoc    = 0.05 // when it does not: persons have several
)

// Thresholds of the likeness of names.
const (
	nameExact = 0.94 // the same name
	nameAgree = 0.88 // the same name, give or take its spelling
	nameAlone = 0.84 // like enough to stand without a birth, or with one that says little
	nameYear  = 0.80 // like enough beside a year of birth
	nameClose = 0.74 // a part missing, or spelled very differently
	nameWeak  = 0.58 // half of the name
	nameTrace = 0.40 // one telling part of a name: shown as weak, never more
	namePart  = 0.36 // one part, beside a whole date of birth
)

// Amounts of evidence, in hundredths.
const (
	onePart = 100 // a telling part
	enough  = 130 // a name with two parts, one of them common
	ample   = 175 // two telling parts: what a name needs that stands alone and is not the same throughout
)

// nameEvidence is the best agreement of any name of either side.
type nameEvidence struct {
	name.Alignment
	low      bool
	complete bool // every part of both names agrees
}

func compareNames(query, cand []Name) nameEvidence {
	var best nameEvidence
	for _, a := range query {
		for _, b := range cand {
			al := name.Compare(a.Name, b.Name)
			low := a.Low || b.Low
			rank, bestRank := al.Score, best.Score
			if low {
				rank -= 0.10
			}
			if best.low {
				bestRank -= 0.10
			}
			if rank > bestRank || rank == bestRank && al.Evidence > best.Evidence {
				best = nameEvidence{Alignment: al, low: low, complete: al.Differ&(name.MissingPart|name.OtherPart) == 0}
			}
		}
	}
	return best
}

// Score compares a query with a candidate. It is symmetric in what it compares
// but not in meaning: the candidate's aliases of low quality count less.
func Score(query, cand *Subject) Result {
	document := compareDocuments(query.Documents, cand.Documents)
	names := compareNames(query.Names, cand.Names)
	birth := compareBirths(query.Births, cand.Births)
	nationality := compareNationalities(query, cand)
	if document != Agree {
		switch {
		case names.Score >= nameWeak, names.Score >= nameTrace && birth.verdict != Conflict:
		case birth.telling && nationality != Conflict && len(query.Names) > 0 && len(cand.Names) > 0:
			// Born on the same day under another name: an alias shares
			// nothing with the name it hides. Shown, never more than weak.
		default:
			return Result{}
		}
	}

	sum, weight := weightName*names.Score, weightName
	if birth.verdict != Absent {
		sum, weight = sum+weightBirth*birth.value, weight+weightBirth
	}
	switch nationality {
	case Agree:
		sum, weight = sum+weightNationality, weight+weightNationality
	case Conflict:
		weight += weightNationality
	}
	switch document {
	case Agree:
		sum, weight = sum+weightDocument, weight+weightDocument
	case Close:
		sum, weight = sum+0.8*weightDocument/2, weight+weightDocument/2
	case Conflict:
		weight += weightOtherDoc
	}
	r := Result{Tier: tier(names, birth, document, nationality)}
	r.Score = float64(int(sum/weight*1000+0.5)) / 1000
	r.Why = why(names, birth.verdict, document, nationality)
	return r
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

	case n.low && b.value < birthYearClose.value:
		return Weak // an alias of low quality needs a birth
	case b.value == 1 && n.Score >= nameClose && telling && !n.low:
		return Strong
	case b.value >= birthOneField.value && n.Score >= nameAgree && telling && !n.low:
		return Strong

	case b.verdict == Conflict:
		return Weak // a namesake
	case b.telling && n.Score >= namePart && n.Evidence >= onePart && nationality != Conflict:
		return Possible
	case b.value == 1 && n.Score >= nameWeak && n.Evidence >= enough/2:
		return Possible
	case b.value >= birthYear.value && n.Score >= nameYear && telling:
		return Possible
	case b.value >= birthYearClose.value && n.Score >= nameAlone && telling:
		return Possible
	case b.verdict == YearNear && n.Score >= nameAgree && n.Evidence >= enough:
		return Possible
	case b.verdict == Absent && n.Score >= nameExact && n.complete:
		return Possible
	case b.verdict == Absent && n.Score >= nameAlone && n.Evidence >= ample:
		return Possible
	}
	return Weak
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
	case n.Score >= nameTrace:
		out = append(out, Reason{"name", Close})
	default:
		out = append(out, Reason{"name", Conflict})
	}
	if n.Score >= nameTrace {
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
