package desk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/node/ct"
)

// A node whose index is behind says that it does not know: to others by a
// refusal, to its own people by silence, and never by NO_HIT.
func TestBehindIsNoNo(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	asker, knows := net.nodes[0], net.nodes[1]
	var b strings.Builder
	for i := range index.MaxTail {
		b.WriteString(listLine(fmt.Sprint("N-", i), person(fmt.Sprint("Vorbil Nadurke", i))))
	}
	b.WriteString(listLine("N-last", wanted()))
	_, err := knows.desk.ImportPersons(within(t), "national", strings.NewReader(b.String()), nil)
	must(t, err)
	answers, sum := ask(t, asker, query(wanted(), "FIN"))
	if got := answers["FIN"]; got.Answer != desk.AnswerRefused || got.Reason != "unavailable" || sum.Refused != 1 {
		t.Errorf("to another State: %+v", got)
	}
	answers, sum = ask(t, knows, query(wanted(), "FIN"))
	if len(answers) != 0 || len(sum.Silent) != 1 || sum.Silent[0].Why != "indexing" {
		t.Errorf("to its own people: %+v, %+v", answers, sum)
	}
	changes, last, err := knows.desk.ListPersons(0, index.MaxTail+1)
	must(t, err)
	must(t, knows.index.Update(index.Cursors{Store: knows.store.Last(), Lists: last}, changes))
	// A list that is imported now is looked through before it is indexed.
	late := person("Ingrabel Zuvantok")
	_, err = knows.desk.ImportPersons(within(t), "other", strings.NewReader(listLine("N-late", late)), nil)
	must(t, err)
	for _, p := range []ct.Person{wanted(), late} {
		for _, n := range []*node{asker, knows} {
			answers, _ := ask(t, n, query(p, "FIN"))
			if got := answers["FIN"].Answer; got != desk.AnswerPossible {
				t.Errorf("asked by %s after that: %q", n.state, got)
			}
		}
	}
}

// Records about which an asker may not be told take nobody's place: else a
// member could hide a person from a State behind 64 of them.
func TestNobodyHidesBehindFled(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
	asker, knows := net.nodes[0], net.nodes[1]
	var b strings.Builder
	for i := range 300 {
		p := wanted()
		p.Nationalities, p.AsylumOrRefugee = []ct.State{"UTO"}, true
		b.WriteString(listLine(fmt.Sprint("N-", i), p))
	}
	plain := wanted()
	plain.Nationalities = []ct.State{"KEN"}
	b.WriteString(listLine("N-plain", plain))
	_, err := knows.desk.ImportPersons(within(t), "national", strings.NewReader(b.String()), nil)
	must(t, err)
	knows.follow()
	q := wanted()
	q.Documents = nil
	answers, _ := ask(t, asker, query(q, "FIN"))
	if got := answers["FIN"]; got.Answer != desk.AnswerPossible || len(got.Hits) != 1 || got.Hits[0].Ref != "list:national/N-plain" {
		t.Errorf("the one who may be told: %+v", got)
	}
	_, err = knows.desk.ImportPersons(within(t), "national", strings.NewReader(strings.TrimSuffix(b.String(), listLine("N-plain", plain))), nil)
	must(t, err)
	knows.follow()
	if answers, _ = ask(t, asker, query(q, "FIN")); answers["FIN"].Answer != desk.AnswerNoHit {
		t.Errorf("of those who fled alone: %+v", answers["FIN"])
	}
}
