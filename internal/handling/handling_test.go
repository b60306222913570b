package handling_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/handling"
	"github.com/herald-net/herald/node/ct"
)

// The markings of the matrix, by what a person would call them.
var markings = []struct {
	name string
	m    handling.Marking
}{
	{"CLEAR", handling.Marking{TLP: ct.TLPClear}},
	{"GREEN", handling.Marking{TLP: ct.TLPGreen}},
	{"GREEN H0 H1", handling.Marking{TLP: ct.TLPGreen, Handling: ct.Handling{Codes: []string{"H0", "H1"}}}},
	{"GREEN H2", handling.Marking{TLP: ct.TLPGreen, Handling: ct.Handling{Codes: []string{"H2"}}}},
	{"GREEN H3", handling.Marking{TLP: ct.TLPGreen, Handling: ct.Handling{Codes: []string{"H3"}}}},
	{"GREEN no-onward", handling.Marking{TLP: ct.TLPGreen, Handling: ct.Handling{Caveats: []string{"no-onward"}}}},
	{"GREEN source-protection", handling.Marking{TLP: ct.TLPGreen, Handling: ct.Handling{Caveats: []string{"source-protection"}}}},
	{"GREEN orcon", handling.Marking{TLP: ct.TLPGreen, Handling: ct.Handling{Originator: []ct.State{"BRA"}}}},
	{"AMBER", handling.Marking{TLP: ct.TLPAmber}},
	{"AMBER+STRICT", handling.Marking{TLP: ct.TLPAmberStrict}},
	{"RED", handling.Marking{TLP: ct.TLPRed}},
	{"unknown", handling.Marking{}},
}

// What each cell says: yes; less what is withheld; or no and why.
const matrix = `
exists  own       yes yes yes yes yes yes yes yes yes yes yes yes
exists  author    yes yes yes yes yes yes yes yes yes yes yes yes
exists  orcon     yes yes yes yes yes yes yes yes yes yes yes yes
exists  third     yes yes yes no:handling-code no:handling-code no:caveat no:caveat no:orcon no:tlp no:tlp no:tlp no:tlp
release own       yes yes yes yes less:all yes yes yes yes yes less:all yes
release author    yes yes yes yes less:person yes yes yes yes yes less:person yes
release orcon     less:text less:text less:text less:text less:all less:text less:text less:text less:text less:text less:all less:text
release third     less:text less:text less:text no:handling-code no:handling-code no:caveat no:caveat no:orcon no:tlp no:tlp no:tlp no:tlp
get     own       yes yes yes yes yes yes yes yes yes yes yes yes
get     addressed yes yes yes yes yes yes yes yes yes yes yes yes
get     third     no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states
bulk    own       yes yes yes yes yes yes yes yes yes yes yes yes
bulk    addressed yes yes yes yes yes yes yes yes yes yes no:tlp yes
bulk    third     no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states
export  own       yes yes yes yes yes yes yes yes yes yes yes yes
export  addressed yes yes yes no:handling-code yes no:caveat yes yes yes yes no:tlp yes
export  third     no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states no:between-other-states
`

func cell(d handling.Decision) string {
	switch withheld := strings.Join(d.Withhold, ","); {
	case !d.Allow:
		return "no:" + d.Reason
	case withheld == "person,event,assessment,handling-text,case":
		return "less:all"
	case withheld == "person,event,assessment":
		return "less:person"
	case withheld == "handling-text,case":
		return "less:text"
	case withheld != "":
		return "less:" + withheld
	}
	return "yes"
}

// The matrix outlet × marking × relation, cell by cell; -v prints it.
func TestMatrix(t *testing.T) {
	seen := 0
	for line := range strings.Lines(strings.TrimSpace(matrix)) {
		words := strings.Fields(line)
		if len(words) != 2+len(markings) {
			t.Fatalf("%d cells in %q", len(words)-2, line)
		}
		for i, x := range markings {
			got := cell(handling.Decide(handling.Outlet(words[0]), handling.Relation(words[1]), &x.m))
			t.Logf("%-8s %-10s %-24s %s", words[0], words[1], x.name, got)
			if got != words[2+i] {
				t.Errorf("%s × %s × %s: %s, want %s", words[0], x.name, words[1], got, words[2+i])
			}
			seen++
		}
	}
	if want := 17 * len(markings); seen != want {
		t.Errorf("%d cells, want %d", seen, want)
	}
	if d := handling.Decide("another", handling.Own, &markings[0].m); d.Allow {
		t.Error("an outlet that nobody has decided about lets out")
	}
}

// What a State is to a record.
func TestRelations(t *testing.T) {
	m := &handling.Marking{Handling: ct.Handling{Originator: []ct.State{"BRA"}}}
	got := fmt.Sprintln(
		handling.Asking("FIN", "FIN", "UTO", m), handling.Asking("FIN", "KEN", "KEN", m),
		handling.Asking("FIN", "KEN", "BRA", m), handling.Asking("FIN", "KEN", "UTO", m),
		handling.Reading("FIN", "FIN", "UTO"), handling.Reading("FIN", "KEN", ""), handling.Reading("FIN", "KEN", "FIN"), handling.Reading("FIN", "KEN", "UTO"),
	)
	if got != "own author orcon third own addressed addressed third\n" {
		t.Error(got)
	}
}
