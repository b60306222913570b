package name

import "strings"

// Weights in hundredths. A full name of two ordinary parts weighs 200.
const (
	weightName      = 100
	weightCommon    = 70 // among the most frequent names of the world: tells less
	weightTitle     = 20
	weightArticle   = 10
	weightDescent   = 15 // son of, of, from
	weightKunya     = 25 // father of, mother of
	weightServant   = 30 // the abd of Abd al-X, the din of X al-Din
	weightHonorific = 40
	weightUnvoiced  = 40 // one consonant of a script without vowels
)

// weigh says how much a token tells, and whether it is a particle. next is the
// token after it ("" at the end): an assimilated article (ar-Rahman) is known
// only by its noun.
func weigh(text, next string, abjad bool) (weight uint8, particle bool) {
	if w := particles[text]; w > 0 && (w != weightArticle || next != "") {
		return w, true // but an article stands before something
	}
	if next != "" && assimilated(text, next) {
		return weightArticle, true
	}
	if next == "" && len(text) <= 3 {
		if suffixes[text] > 0 {
			return weightTitle, true
		}
	}
	sk := Skeleton(text)
	if common[text] > 0 || commonSkeleton[sk] > 0 {
		return min(weightCommon, weightOf(text, sk, abjad)), false
	}
	return weightOf(text, sk, abjad), false
}

// weightOf is what a name of these letters tells when nothing more is known of it.
func weightOf(text, sk string, abjad bool) uint8 {
	if abjad {
		switch len(sk) {
		case 0, 1:
			return weightUnvoiced
		case 2:
			return weightCommon
		}
		return weightName
	}
	switch len(text) {
	case 1:
		return 30
	case 2:
		return 60
	case 3:
		return 80
	}
	return weightName
}

// assimilated says whether text is the Arabic article in front of a sun letter:
// ar-Rahman, ash-Shami, ed-Din, ur-Rahman.
func assimilated(text, next string) bool {
	if len(text) < 2 || len(text) > 3 || !vowel(text[0]) {
		return false
	}
	if c := text[1]; vowel(c) || c == 'b' || c == 'k' || c == 'm' || c == 'h' || c == 'f' {
		return false
	}
	return len(next) >= len(text) && next[:len(text)-1] == text[1:]
}

// The tables hold folded words (see fold).

// particles of languages whose names carry them, by weight.
var particles = table([]weighted{
	{weightArticle, `
		al el ul il ol l`},
	{weightDescent, `
		bin ben ibn bn abn bint bnt binti binte uld wuld wald walad ait oglu ogly oghlu ugli kyzy qizi ulu zade de
		da do di du del dela der den dos das des la le las los van von zu ter ten son of wld y e i na wa af av bar
		mac`},
	{weightKunya, `
		abu abi aba um om`},
	{weightServant, `
		abd abed abdul abdel abdal abdol din edine udin edin alah ulah ala alh`},
	{weightTitle, `
		dr mr mrs ms mis prof eng gen general col colonel maj major capt captain lt brig brigadier comander haj haji
		hj alhaj sheikh shaikh shaykh sheik cheikh shekh mulah mula maulavi mawlawi maulawi molvi maulana mawlana
		qari qazi ustad ustaz imam emir hafiz mufti sardar sidi mulay`},
	{weightHonorific, `
		sayid sayed syed seyed akhund agha`},
})

// lineages are the words that stand between a child and its father.
var lineages = table([]weighted{{weightDescent, `bin ben ibn bn bint bnt binti binte uld wuld wald walad ait son oglu ogly oghlu ugli kyzy qizi ulu`}})

// suffixes stand last.
var suffixes = table([]weighted{{weightTitle, `jr sr i iv bey`}})

// weighted is words of one weight.
type weighted struct {
	weight uint8
	words  string
}

func table(rows []weighted) map[string]uint8 {
	out := map[string]uint8{}
	for _, r := range rows {
		for w := range strings.FieldsSeq(r.words) {
			out[w] = r.weight
		}
	}
	return out
}
