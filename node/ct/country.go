package ct

import (
	"slices"
	"strings"
)

// StateStatus says what a code of the State table stands for.
type StateStatus uint8

const (
	StatusOther    StateStatus = iota // in ISO 3166-1, neither member nor observer of the United Nations
	StatusMember                      // one of the 193 Member States
	StatusObserver                    // one of the two non-member observer States
	StatusICAO                        // only in ICAO Doc 9303-3 section 5: an organisation, a legal status, the specimen State
)

// Country is one row of the State table.
type Country struct {
	State  State
	Alpha2 string // ISO 3166-1 alpha-2; empty for the codes of ICAO alone
	Name   string // English short name
	Region string // finest UN M49 region (sub-region or intermediate region), three digits; empty where M49 has none
	Status StateStatus
}

// m49Parents gives the next coarser UN M49 region; 001 is the world.
var m49Parents = map[string]string{
	"014": "202", "017": "202", "018": "202", "011": "202", // Eastern, Middle, Southern, Western Africa
	"029": "419", "013": "419", "005": "419", // Caribbean, Central America, South America
	"015": "002", "202": "002", // Northern, Sub-Saharan Africa
	"419": "019", "021": "019", // Latin America and the Caribbean, Northern America
	"143": "142", "030": "142", "035": "142", "034": "142", "145": "142", // Asia
	"151": "150", "154": "150", "039": "150", "155": "150", // Europe
	"053": "009", "054": "009", "057": "009", "061": "009", // Oceania
	"002": "001", "019": "001", "142": "001", "150": "001", "009": "001",
}

// Countries lists the State table in order of code.
func Countries() []Country { return slices.Clone(countries[:]) }

// LookupState finds the row of a code.
func LookupState(s State) (Country, bool) {
	i, ok := stateRow(s)
	if !ok {
		return Country{}, false
	}
	return countries[i], true
}

// stateRow needs no search: every record names several States.
func stateRow(s State) (int, bool) {
	i, ok := alpha3Place(s)
	if !ok || stateRows[i] == 0 {
		return 0, false
	}
	return int(stateRows[i]) - 1, true
}

// stateRows holds for each three capitals their row in countries, from 1.
var stateRows = func() (rows [26 * 26 * 26]uint16) {
	for i := range countries {
		if at, ok := alpha3Place(countries[i].State); ok {
			rows[at] = uint16(i) + 1
		}
	}
	return rows
}()

func alpha3Place(s State) (int, bool) {
	if len(s) != 3 {
		return 0, false
	}
	at := 0
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return 0, false
		}
		at = at*26 + int(s[i]-'A')
	}
	return at, true
}

// ValidState tells whether s is in the State table: ISO 3166-1 alpha-3 or one
// of the ICAO 9303 codes, in capitals. The one-letter D of German passports is
// written DEU; decoding JSON does so.
func ValidState(s State) bool {
	_, ok := stateRow(s)
	return ok
}

// StateName is the English short name, or the code itself when unknown.
func StateName(s State) string {
	if c, ok := LookupState(s); ok {
		return c.Name
	}
	return string(s)
}

// StateByAlpha2 finds a State by its ISO 3166-1 alpha-2 code, as UN/LOCODE
// and INTERPOL write it.
func StateByAlpha2(a2 string) (State, bool) {
	i, ok := alpha2Place(a2)
	if !ok || alpha2Rows[i] == 0 {
		return "", false
	}
	return countries[alpha2Rows[i]-1].State, true
}

// alpha2Rows holds for each pair of capitals its row in countries, from 1.
var alpha2Rows = func() (rows [26 * 26]uint16) {
	for i := range countries {
		if at, ok := alpha2Place(countries[i].Alpha2); ok {
			rows[at] = uint16(i) + 1
		}
	}
	return rows
}()

func alpha2Place(a2 string) (int, bool) {
	if !shaped(a2, 2, 2, upper) {
		return 0, false
	}
	return int(a2[0]-'A')*26 + int(a2[1]-'A'), true
}

// CanonicalState is the code in capitals, with D and D<< written DEU. It does
// not check that the code exists.
func CanonicalState(s string) State {
	s = strings.ToUpper(strings.TrimSpace(strings.TrimRight(s, "<")))
	if s == "D" {
		return "DEU"
	}
	return State(s)
}

// UnmarshalText reads a code from JSON in its canonical form.
func (s *State) UnmarshalText(b []byte) error {
	*s = CanonicalState(string(b))
	return nil
}

// InRegion tells whether a State lies in a UN M49 region: an intermediate
// region, a sub-region, a region or 001, the world.
func InRegion(s State, m49 string) bool {
	c, ok := LookupState(s)
	if !ok {
		return false
	}
	for r := c.Region; r != ""; r = m49Parents[r] {
		if r == m49 {
			return true
		}
	}
	return false
}

// ValidRegion tells whether m49 is a region that InRegion knows.
func ValidRegion(m49 string) bool {
	_, ok := m49Parents[m49]
	return ok || m49 == "001"
}
