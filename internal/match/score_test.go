package match_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// person builds an invented person: name; births, nationality and documents
// may be empty.
func person(name string, births []string, nationality ct.State, documents ...string) ct.Person {
	p := ct.Person{Names: []ct.Name{{Full: name}}}
	if name == "" {
		p.Names = nil
	}
	for _, b := range births {
		p.Births = append(p.Births, ct.Birth{Date: b})
	}
	if nationality != "" {
		p.Nationalities = []ct.State{nationality}
	}
	for _, d := range documents {
		p.Documents = append(p.Documents, ct.Document{Number: d})
	}
	return p
}

// issued is a person with a document of an issuer.
func issued(by ct.State) ct.Person {
	p := person("Tarek Munir Belkazi", nil, "")
	p.Documents = []ct.Document{{Number: "UT1234567", Issuer: by}}
	return p
}

func births(b ...string) []string { return b }

func TestScore(t *testing.T) {
	listed := person("Tarek Munir Belkazi", births("1971-03-05"), "UTO", "UT1234567")
	low := person("Tarek Munir Belkazi", births("1971-03-05"), "")
	low.Names[0].Quality = "low"
	twoBirths := person("Tarek Munir Belkazi", births("1960", "1971-03-05"), "")
	for _, c := range []struct {
		name  string
		query ct.Person
		cand  ct.Person
		tier  match.Tier
		why   match.Reason // must be among the reasons
	}{
		{"the same", listed, listed, match.Strong, match.Reason{Field: "birth", Verdict: match.Agree}},
		{"typing error", person("Tarek Munir Belkzai", births("1971-03-05"), ""), listed, match.Strong, match.Reason{Field: "name", Verdict: match.Spelling}},
		{"tokens swapped", person("BELKAZI, Tarek Munir", births("1971-03-05"), ""), listed, match.Strong, match.Reason{Field: "name", Verdict: match.Order}},
		{"missing middle name", person("Tarek Belkazi", births("1971-03-05"), ""), listed, match.Strong, match.Reason{Field: "name", Verdict: match.MissingPart}},
		{"initials", person("T. M. Belkazi", births("1971-03-05"), ""), listed, match.Strong, match.Reason{Field: "name", Verdict: match.ByInitial}},
		{"year off by one", person("Tarek Munir Belkazi", births("1972-03-05"), ""), listed, match.Strong, match.Reason{Field: "birth", Verdict: match.YearOffByOne}},
		{"day and month swapped", person("Tarek Munir Belkazi", births("1971-05-03"), ""), listed, match.Strong, match.Reason{Field: "birth", Verdict: match.DayMonthSwapped}},
		{"one digit of the year", person("Tarek Munir Belkazi", births("1977-03-05"), ""), listed, match.Weak, match.Reason{Field: "birth", Verdict: match.YearDigit}},
		{"digits of the year exchanged", person("Tarek Munir Belkazi", births("1917-03-05"), ""), listed, match.Weak, match.Reason{Field: "birth", Verdict: match.YearSwapped}},
		{"digits of the year exchanged, one nationality", person("Tarek Munir Belkazi", births("1917-03-05"), "UTO"), listed, match.Possible, match.Reason{Field: "birth", Verdict: match.YearSwapped}},
		{"a year some years off", person("Tarek Munir Belkazi", births("1975"), ""), listed, match.Weak, match.Reason{Field: "birth", Verdict: match.YearNear}},
		{"year only", person("Tarek Munir Belkazi", births("1971"), ""), listed, match.Possible, match.Reason{Field: "birth", Verdict: match.YearAgree}},
		{"impossible day", person("Tarek Munir Belkazi", births("1971-03-42"), ""), listed, match.Possible, match.Reason{Field: "birth", Verdict: match.Absent}},
		{"a second birth agrees", person("Tarek Munir Belkazi", births("1971-03-05"), ""), twoBirths, match.Strong, match.Reason{Field: "birth", Verdict: match.Agree}},
		{"another script", person("طارق منير بلكازي", births("1971-03-05"), ""), listed, match.Strong, match.Reason{Field: "birth", Verdict: match.Agree}},
		{"name alone", person("Tarek Munir Belkazi", nil, ""), listed, match.Possible, match.Reason{Field: "birth", Verdict: match.Absent}},
		{"name and nationality", person("Tarek Munir Belkazi", nil, "UTO"), listed, match.Possible, match.Reason{Field: "nationality", Verdict: match.Agree}},
		{"namesake", person("Tarek Munir Belkazi", births("1990-11-23"), ""), listed, match.Weak, match.Reason{Field: "birth", Verdict: match.Conflict}},
		{"alias of low quality alone", person("Tarek Munir Belkazi", nil, ""), low, match.Weak, match.Reason{Field: "name", Verdict: match.LowQuality}},
		{"alias of low quality and birth", person("Tarek Munir Belkazi", births("1971-03-05"), ""), low, match.Possible, match.Reason{Field: "name", Verdict: match.LowQuality}},
		{"document and name", person("Tarek Belkazi", nil, "", "UT-1234567"), listed, match.Strong, match.Reason{Field: "document", Verdict: match.Agree}},
		{"document read with O for 0", person("Tarek Belkazi", nil, "", "utl234567"), listed, match.Strong, match.Reason{Field: "document", Verdict: match.Agree}},
		{"document alone", person("", nil, "", "UT1234567"), listed, match.Possible, match.Reason{Field: "document", Verdict: match.Agree}},
		{"document and another name", person("Ingrid Solheim", nil, "", "UT1234567"), listed, match.Possible, match.Reason{Field: "name", Verdict: match.Conflict}},
		{"document with a typing error", person("Tarek Munir Belkazi", nil, "", "UT1234568"), listed, match.Possible, match.Reason{Field: "document", Verdict: match.Close}},
		{"another document says little", person("Tarek Munir Belkazi", births("1971-03-05"), "", "UT7654321"), listed, match.Strong, match.Reason{Field: "document", Verdict: match.Conflict}},
		{"the same day, another name", person("Ingrid Solheim", births("1971-03-05"), "UTO"), listed, match.Weak, match.Reason{Field: "name", Verdict: match.Conflict}},
		{"the same day, another nationality", person("Ingrid Solheim", births("1971-03-05"), "NLD"), listed, match.None, match.Reason{}},
		{"the first of January, another name", person("Ingrid Solheim", births("1971-01-01"), ""), person("Tarek Belkazi", births("1971-01-01"), ""), match.None, match.Reason{}},
		{"the same day, one part of the name", person("Anwar Belkazi", births("1971-03-05"), ""), person("Tarek Belkazi", births("1971-03-05"), ""), match.Possible, match.Reason{Field: "birth", Verdict: match.Agree}},
		{"the same day, one common part of the name", person("Tarek Almasri", births("1971-03-05"), ""), person("Tarek Belkazi", births("1971-03-05"), ""), match.Weak, match.Reason{Field: "birth", Verdict: match.Agree}},
		{"a part more behind the listed name", person("Zubin Belkazi Almasri", nil, ""), person("Zubin Belkazi", nil, ""), match.Weak, match.Reason{Field: "name", Verdict: match.MissingPart}},
		{"a part more within the listed name", person("Zubin Orvan Belkazi", births("1971-03-05"), ""), person("Zubin Belkazi", births("1971"), ""), match.Possible, match.Reason{Field: "birth", Verdict: match.YearAgree}},
		{"one of four parts left out", person("Zubin Orvan Belkazi", nil, ""), person("Zubin Orvan Keltan Belkazi", nil, ""), match.Possible, match.Reason{Field: "name", Verdict: match.MissingPart}},
		{"a common name as listed", person("Mohamed Omar", nil, ""), person("Mohamed Omar", nil, ""), match.Possible, match.Reason{Field: "name", Verdict: match.Agree}},
		{"a common name, spelled otherwise", person("Mohamed Omer", nil, ""), person("Muhammad Amir", nil, ""), match.Weak, match.Reason{Field: "birth", Verdict: match.Absent}},
		{"one telling part alone", person("Zubin Belkazi", nil, ""), person("Orvan Belkazi", nil, ""), match.Weak, match.Reason{Field: "name", Verdict: match.OtherPart}},
		{"father and son exchanged", person("Zubin bin Orvan Belkazi", nil, ""), person("Orvan bin Zubin Belkazi", nil, ""), match.Weak, match.Reason{Field: "name", Verdict: match.OtherPart}},
		{"a part is missing and there is no birth", person("Mohamed Belkazi", nil, ""), person("Mohamed Tarek Belkazi", nil, ""), match.Weak, match.Reason{Field: "name", Verdict: match.MissingPart}},
		{"a Solar Hijri date", person("Tarek Munir Belkazi", births("1349-12-14"), ""), listed, match.Strong, match.Reason{Field: "birth", Verdict: match.Agree}},
		{"a Solar Hijri year", person("Tarek Munir Belkazi", births("1349"), ""), listed, match.Possible, match.Reason{Field: "birth", Verdict: match.YearClose}},
		{"a lunar Hijri year", person("Tarek Munir Belkazi", births("1391"), ""), listed, match.Possible, match.Reason{Field: "birth", Verdict: match.YearClose}},
		{"a document with its check digit", person("Tarek Belkazi", nil, "", "UT12345675"), person("Tarek Munir Belkazi", nil, "", "UT1234567"), match.Strong, match.Reason{Field: "document", Verdict: match.Agree}},
		{"the number of another issuer's document", issued("UTO"), issued("NLD"), match.Possible, match.Reason{Field: "document", Verdict: match.Close}},
		{"birth without a name", person("", births("1971-03-05"), "UTO"), listed, match.None, match.Reason{}},
		{"brother", person("Walid Munir Belkazi", births("1974-08-19"), "UTO"), listed, match.None, match.Reason{}},
		{"a common given name", person("Mohamed Solheim", nil, ""), person("Muhammad Quorl Belkazi Tarvan", nil, ""), match.None, match.Reason{}},
		{"a common given name and the year", person("Mohamed Solheim", births("1971"), ""), person("Muhammad Belkazi", births("1971"), ""), match.Weak, match.Reason{Field: "birth", Verdict: match.YearAgree}},
		{"a common name in another order", person("Mohamed Ali", nil, ""), person("Ali Mohamed", nil, ""), match.Weak, match.Reason{Field: "name", Verdict: match.Order}},
		{"nobody", person("", nil, ""), listed, match.None, match.Reason{}},
	} {
		got := match.Score(match.Prepare(c.query), match.Prepare(c.cand))
		if got.Tier != c.tier {
			t.Errorf("%s: tier %v (%.3f, %v), want %v", c.name, got.Tier, got.Score, got.Why, c.tier)
		}
		if c.tier != match.None && !slices.Contains(got.Why, c.why) {
			t.Errorf("%s: reasons %v lack %v", c.name, got.Why, c.why)
		}
		if got.Score < 0 || got.Score > 1 || (got.Tier == match.None) != (got.Score == 0) {
			t.Errorf("%s: score %v of tier %v", c.name, got.Score, got.Tier)
		}
		for _, r := range got.Why {
			if text := fmt.Sprint(r); strings.ContainsAny(text, "0123456789") || strings.Contains(strings.ToLower(text), "belkazi") {
				t.Errorf("%s: a reason carries a value", c.name)
			}
		}
	}
}

// More agreement never scores lower.
func TestScoreOrder(t *testing.T) {
	cand := match.Prepare(person("Tarek Munir Belkazi", births("1971-03-05"), "UTO", "UT1234567"))
	queries := []ct.Person{ // the best first
		person("Tarek Munir Belkazi", births("1971-03-05"), "UTO", "UT1234567"),
		person("Tarek Munir Belkazi", births("1971-05-03"), "UTO", "UT1234567"),
		person("Tarek Munir Belkazi", births("1971-05-03"), "UTO"),
		person("Tarek Munir Belkazi", births("1971-05-03"), "NLD"),
		person("Tarek Munir Belkazi", births("1973"), "NLD"),
		person("Tarek Munir Belkazi", births("1991"), "NLD"),
		person("Tarek Belkazi", births("1991"), "NLD"),
	}
	last := match.Result{Score: 1, Tier: match.Strong}
	for i, q := range queries {
		got := match.Score(match.Prepare(q), cand)
		if got.Score > last.Score || got.Tier > last.Tier {
			t.Errorf("query %d: %.3f %v after %.3f %v", i, got.Score, got.Tier, last.Score, last.Tier)
		}
		last = got
	}
}

func TestPrepareIgnoresVictim(t *testing.T) {
	p := person("Tarek Belkazi", nil, "")
	p.MisusedIdentity = &ct.Misused{Names: []ct.Name{{Full: "Ingrid Solheim"}}, Documents: []ct.Document{{Number: "UT9999999"}}}
	for _, k := range match.Keys(match.Prepare(p)) {
		if strings.Contains(k, "ingrid") || strings.Contains(k, "9999999") {
			t.Error("the victim of the misused identity is a key of the subject")
		}
	}
}

func TestRedaction(t *testing.T) {
	s := match.Prepare(person("Xanthippe Quorl", births("1971-03-05"), "UTO", "UT1234567"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		for _, v := range []any{s, *s, s.Names, s.Names[0], s.Births, s.Births[0], match.Probes(s), struct{ S match.Subject }{*s}} {
			text := strings.ToLower(fmt.Sprintf(verb, v))
			if strings.Contains(text, "quorl") || strings.Contains(text, "1971") || strings.Contains(text, "1234567") {
				t.Errorf("%s of %T shows a value", verb, v)
			}
		}
	}
}
