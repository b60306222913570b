package desk_test

import (
	"fmt"
	"slices"
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
// member could hide a person from a State behind 64 of namesakes who fled it.
func TestNobodyHidesBehindFled(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
	asker, knows := net.nodes[0], net.nodes[1]
	var b strings.Builder
	for i := range 300 {
		p := wanted() // by name: another birth, no number
		p.Nationalities, p.AsylumOrRefugee = []ct.State{"UTO"}, true
		p.Births, p.Documents = []ct.Birth{{Date: "1951-11-02"}}, nil
		b.WriteString(listLine(fmt.Sprint("N-", i), p))
	}
	plain := wanted()
	plain.Nationalities = []ct.State{"KEN"}
	b.WriteString(listLine("N-plain", plain))
	_, err := knows.desk.ImportPersons(within(t), "national", strings.NewReader(b.String()), nil)
	must(t, err)
	knows.follow()
	q := wanted()
	q.Documents, q.Births = nil, nil
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

// Nor do entries that may be of one who fled, though none of them says so: they
// fall away when the search has ended, and it goes on behind them.
func TestNobodyHidesBehindLikesOfFled(t *testing.T) {
	like := wanted()
	like.Documents, like.Nationalities = nil, nil
	fled := like
	fled.FledFrom = []ct.State{"UTO"}
	var b strings.Builder
	for i := range 150 {
		b.WriteString(listLine(fmt.Sprint("N-", i), like))
	}
	likes := b.String()
	other := like
	other.Births = []ct.Birth{{Date: "1944-12-01"}}
	q := like
	q.Births = nil
	for _, x := range []struct{ list, late, want string }{
		{listLine("A-fled", fled) + likes + listLine("Z-other", other), "", desk.AnswerPossible}, // of equal hits the first ref is the first
		{listLine("A-fled", fled) + likes, "", desk.AnswerNoHit},
		{likes + listLine("Z-other", other), listLine("A-fled", fled), desk.AnswerPossible}, // not indexed yet, and looked at last
		{likes, listLine("A-fled", fled), desk.AnswerNoHit},
	} {
		net := newNetwork(t, generous(), "UTO", "FIN")
		asker, knows := net.nodes[0], net.nodes[1]
		_, err := knows.desk.ImportPersons(within(t), "national", strings.NewReader(x.list), nil)
		must(t, err)
		knows.follow()
		if x.late != "" {
			_, err = knows.desk.ImportPersons(within(t), "other", strings.NewReader(x.late), nil)
			must(t, err)
		}
		answers, _ := ask(t, asker, query(q, "FIN"))
		if got := answers["FIN"]; got.Answer != x.want || len(got.Hits) > 0 && got.Hits[0].Ref != "list:national/Z-other" {
			t.Errorf("want %s: %+v", x.want, got)
		}
	}
}

// What of a query nobody compares is told to who asks, and of a list to who
// imports it, with its line and field.
func TestNotComparedIsTold(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	p := wanted()
	p.Documents = []ct.Document{{Type: "P", Number: "12"}, {Type: "P", Number: "K4471902X"}}
	const why = "no number that can be compared"
	for _, states := range [][]ct.State{{"UTO"}, {"FIN"}} {
		_, sum := ask(t, net.nodes[0], query(p, states...))
		if len(sum.Unread) != 1 || sum.Unread[0].Field != "documents[0].number" || !strings.HasPrefix(sum.Unread[0].Fault, why) {
			t.Errorf("asking %s: %v", states, sum.Unread)
		}
	}
	opaque := ct.Person{Names: []ct.Name{{Full: "Telmurad Vosk"}, {Full: "𞤃𞤢𞥄𞤥𞤢𞤣𞤵"}}}
	text := listLine("p1", wanted()) + listLine("p2", p) + listLine("p3", opaque) + listLine("p1", ct.Person{Names: opaque.Names[1:]})
	res, err := net.nodes[0].desk.ImportPersons(within(t), "national", strings.NewReader(text), nil)
	must(t, err)
	var got []string
	for _, l := range res.Left {
		got = append(got, fmt.Sprint(l.Line, " ", l.Field, " ", l.Kept))
	}
	slices.Sort(got)
	if want := []string{"2 documents[0].number true", "3 names[1] true", "4 names[0] true"}; res.Unread != 3 || res.LeftOut != 0 || !slices.Equal(got, want) {
		t.Errorf("%d not compared, %d left out: %q", res.Unread, res.LeftOut, got)
	}
}

// A name in a script that nobody reads is found by equal text; that it is not
// found says nothing, and nobody says "no".
func TestUnreadableNameIsNoNo(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	asker, knows := net.nodes[0], net.nodes[1]
	named := func(s string) ct.Person { return ct.Person{Names: []ct.Name{{Full: s}}} }
	const listed, other = "𞤃𞤢𞥄𞤥𞤢𞤣𞤵 𞤁𞤭𞤢𞤤𞤮", "𞤁𞤭𞤢𞤤𞤮 𞤢𞥄𞤥𞤢𞤣𞤵"
	_, err := knows.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-1", named(listed))), nil)
	must(t, err)
	knows.follow()
	for _, n := range []*node{asker, knows} {
		answers, _ := ask(t, n, query(named(listed), "FIN"))
		if got := answers["FIN"].Answer; got != desk.AnswerPossible {
			t.Errorf("equal text, asked by %s: %q", n.state, got)
		}
	}
	answers, _ := ask(t, asker, query(named(other), "FIN"))
	if got := answers["FIN"]; got.Answer != desk.AnswerRefused || got.Reason != "person" {
		t.Errorf("another text: %+v", got)
	}
	if _, sum := ask(t, knows, query(named(other), "FIN")); sum.NoHit != 0 || len(sum.Silent) != 1 {
		t.Errorf("another text, of its own people: %+v", sum)
	}
}

// Of a name whose parts and whole differ both are found, and of a name with an
// alias in it each.
func TestNamesInNames(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	asker, knows := net.nodes[0], net.nodes[1]
	lines := `{"id":"p1","names":[{"full":"K. Z.","parts":["Kasimir","Zvonimirovic"]}],"births":["1971-03-04"]}
{"id":"p2","names":[{"full":"Sorrentak Belvin (previously listed as Ondrival Krestov)"}],"births":["1972-03-04"]}
{"id":"p3","names":[{"full":"a) Telmurad Vosk b) Ardelan Pirov"}],"births":["1973-03-04"]}
`
	_, err := knows.desk.ImportPersons(within(t), "national", strings.NewReader(lines), nil)
	must(t, err)
	knows.follow()
	for _, c := range []struct{ name, birth string }{
		{"Kasimir Zvonimirovic", "1971-03-04"}, {"Sorrentak Belvin", "1972-03-04"}, {"Ondrival Krestov", "1972-03-04"},
		{"Telmurad Vosk", "1973-03-04"}, {"Ardelan Pirov", "1973-03-04"},
	} {
		answers, _ := ask(t, asker, query(ct.Person{Names: []ct.Name{{Full: c.name}}, Births: []ct.Birth{{Date: c.birth}}}, "FIN"))
		if got := answers["FIN"].Answer; got != desk.AnswerPossible {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// Who holds another State's record, as the asker does, has nothing to release: the
// request does not wait there, and the answer names the author.
func TestAuthorIsTheOneToAsk(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
	asker, author, holder := net.nodes[0], net.nodes[1], net.nodes[2]
	n := about(wanted())
	n.TLP, n.Handling = ct.TLPGreen, ct.Handling{} // it may go on
	publish(t, author, n)
	net.deliver()
	answers, _ := ask(t, asker, query(wanted(), "FIN", "KEN"))
	if got := answers["FIN"]; got.Answer != desk.AnswerPossible || got.Reason != "" || got.Inbox.IsZero() {
		t.Errorf("the author: %+v", got)
	}
	if got := answers["KEN"]; got.Answer != desk.AnswerPossible || got.Reason != "ask:fin" || !got.Inbox.IsZero() {
		t.Errorf("who holds the author's record: %+v", got)
	}
	items, err := holder.desk.Inbox()
	must(t, err)
	if len(items) != 0 || holder.desk.Waits() != 0 {
		t.Errorf("%d items wait where nothing can be released", len(items))
	}
	// With something of its own it is asked itself.
	_, err = holder.desk.ImportPersons(within(t), "national", strings.NewReader(listLine("N-1", wanted())), nil)
	must(t, err)
	holder.follow()
	answers, _ = ask(t, asker, query(wanted(), "KEN"))
	if got := answers["KEN"]; got.Answer != desk.AnswerPossible || got.Reason != "" || got.Inbox.IsZero() {
		t.Errorf("with a list of its own: %+v", got)
	}
}
