package ct

import "slices"

// SeeksAsylum tells whether the person seeks or has asylum: it is said so, a
// State is named that was fled, or a nationality is one of ICAO 9303 for
// refugees.
func (p *Person) SeeksAsylum() bool {
	return p.AsylumOrRefugee || len(p.FledFrom) > 0 || slices.ContainsFunc(p.Nationalities, func(s State) bool {
		return s == "XXB" || s == "XXC"
	})
}

// HasFled tells whether the person needs protection from a State, so that this
// State is told nothing of him. That are the States named as fled, those of
// nationality and those of birth, each by the State that answers for the code.
// Of who seeks asylum and of whom none of these is known, every State is one:
// whoever knows better names the State.
//
// It is the one rule about asylum: addressees, whom a match asks, whom it
// answers, what a release carries and what may be published all follow it.
func (p *Person) HasFled(s State) bool {
	if !p.SeeksAsylum() {
		return false
	}
	s = MemberOf(s)
	known, fled := false, false
	add := func(from State) {
		from = MemberOf(from)
		known, fled = known || from != "", fled || from != "" && from == s
	}
	for _, from := range p.FledFrom {
		add(from)
	}
	for _, from := range p.Nationalities {
		add(from)
	}
	for i := range p.BirthPlaces {
		add(p.BirthPlaces[i].State)
	}
	return fled || !known
}

// MemberOf gives the State that answers for a code: the one that administers a
// territory with a code of its own, the United Kingdom for its nationality
// codes of ICAO 9303, none for organisations and legal statuses, the specimen
// State for itself. Whose a territory is when that is in dispute is not said
// here: such a code stands for itself.
func MemberOf(s State) State {
	if by, ok := administers[s]; ok {
		return by
	}
	if c, ok := LookupState(s); !ok || c.Status == StatusICAO && s != "UTO" {
		return ""
	}
	return s
}

// administers holds the State that issues the passports of a code's people.
var administers = func() map[State]State {
	out := map[State]State{}
	for by, codes := range map[State][]State{
		"GBR": {"GBD", "GBN", "GBO", "GBP", "GBS", "AIA", "BMU", "CYM", "GGY", "GIB", "IMN", "JEY", "MSR", "PCN", "SHN", "TCA", "VGB"},
		"CHN": {"HKG", "MAC"},
		"FRA": {"BLM", "GLP", "GUF", "MAF", "MTQ", "MYT", "NCL", "PYF", "REU", "SPM", "WLF"},
		"USA": {"ASM", "GUM", "MNP", "PRI", "VIR"},
		"NLD": {"ABW", "BES", "CUW", "SXM"},
		"DNK": {"FRO", "GRL"},
		"NZL": {"COK", "NIU", "TKL"},
		"AUS": {"CCK", "CXR", "NFK"},
		"FIN": {"ALA"},
		"NOR": {"SJM"},
	} {
		for _, s := range codes {
			out[s] = by
		}
	}
	return out
}()
