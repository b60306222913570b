package desk_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// imported imports a list in JSON under the name national.
func imported(t *testing.T, n *node, file string, o desk.ImportOptions) (desk.ImportResult, error) {
	t.Helper()
	o.List, o.Form = "national", desk.FormPersons
	return n.desk.Import(within(t), o, strings.NewReader(file), nil)
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "format", "people", "testdata", name))
	must(t, err)
	return string(raw)
}

// finds tells whether a match finds an entry of the list.
func finds(t *testing.T, n *node, p ct.Person, id string) bool {
	t.Helper()
	n.follow()
	answers, _ := ask(t, n, query(p, "UTO"))
	return slices.ContainsFunc(answers["UTO"].Hits, func(h desk.MatchHit) bool { return h.Ref == "list:national/"+id })
}

// A spreadsheet that rewrites dates on the second day takes nobody off the list.
func TestImportOfRewrittenDates(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	_, err := imported(t, n, testdata(t, "list_day1.jsonl"), desk.ImportOptions{})
	must(t, err)
	res, err := imported(t, n, testdata(t, "list_day2_format_slip.jsonl"), desk.ImportOptions{})
	must(t, err)
	if res.Before != 3 || res.After != 3 || res.LeftOut != 1 || len(res.Left) != 1 || res.Left[0].Line != 2 || res.Left[0].Field != "births[0]" {
		t.Errorf("result %+v", res)
	}
	for id, p := range map[string]ct.Person{
		"L-001": {Names: []ct.Name{{Full: "Tarvo Quillendahl Mirovec"}}, Births: []ct.Birth{{Date: "1970-12-31"}}},
		"L-002": {Names: []ct.Name{{Full: "Yusra al-Hadrimani"}}, Documents: []ct.Document{{Number: "P5520017"}}},
	} {
		if !finds(t, n, p, id) {
			t.Errorf("%s is not found", id)
		}
	}
}

// Whoever is rejected now stays on the list as he was, and when it is not known
// who was rejected, nobody leaves it.
func TestRejectedStayOnTheList(t *testing.T) {
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("Person Number%02d", i))
	}
	first := all[0]
	for name, c := range map[string]struct {
		file       string
		kept       int
		after      int
		still, off []string // of first and the last one
	}{
		"no usable name":      {`{"id":"id-` + first + `","names":[{"full":""}]}` + "\n" + list(all[1:19]...), 1, 19, []string{first}, []string{all[19]}},
		"broken, with an id":  {`{"id":"id-` + first + `","names":[` + "\n" + list(all[1:19]...), 1, 19, []string{first}, []string{all[19]}},
		"broken, without one": {`{"names":[` + "\n" + list(all[1:19]...), 2, 20, []string{first, all[19]}, nil},
		"a line too long":     {`{"id":"id-` + first + `","x":"` + strings.Repeat("x", ct.MaxJSON) + `"}` + "\n" + list(all[1:19]...), 2, 20, []string{first, all[19]}, nil},
		"none rejected":       {list(all[1:19]...), 0, 18, nil, []string{first, all[19]}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
			_, err := imported(t, n, list(all...), desk.ImportOptions{})
			must(t, err)
			res, err := imported(t, n, c.file, desk.ImportOptions{})
			must(t, err)
			if res.Kept != c.kept || res.Before != 20 || res.After != c.after {
				t.Errorf("kept %d, %d persons before, %d after; want %d, 20, %d", res.Kept, res.Before, res.After, c.kept, c.after)
			}
			for _, p := range c.still {
				if !finds(t, n, person(p), "id-"+p) {
					t.Errorf("%s has left the list", p)
				}
			}
			for _, p := range c.off {
				if finds(t, n, person(p), "id-"+p) {
					t.Errorf("%s is still on the list", p)
				}
			}
		})
	}
}

// A list that would lose more than a tenth stays as it was, unless that is meant.
func TestListsShrinkOnPurpose(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("p%02d", i))
	}
	persons := func() int {
		lists, err := n.desk.Lists()
		must(t, err)
		return lists[0].Persons
	}
	for _, c := range []struct {
		file    string
		accept  bool
		err     error
		persons int
	}{
		{list(all...), false, nil, 20},
		{list(all[:2]...), false, desk.ErrConflict, 20},
		{list(all[:17]...), false, desk.ErrConflict, 20},
		{list(all[:18]...), false, nil, 18},
		{list(all[:2]...), true, nil, 2},
		{"", false, errNotSaid, 2},
		{"x\n", true, errNotSaid, 2}, // nothing that could be read is no empty list
		{"", true, nil, 0},
		{list(all[:2]...), false, nil, 2},
	} {
		acts := len(n.acts())
		_, err := imported(t, n, c.file, desk.ImportOptions{AcceptShrink: c.accept})
		if (err == nil) != (c.err == nil) || c.err == desk.ErrConflict && !errors.Is(err, desk.ErrConflict) {
			t.Errorf("%d bytes, accepted %v: %v, want %v", len(c.file), c.accept, err, c.err)
		}
		if got := persons(); got != c.persons {
			t.Errorf("%d bytes, accepted %v: %d persons, want %d", len(c.file), c.accept, got, c.persons)
		}
		if journalled := len(n.acts()) > acts; journalled != (err == nil) {
			t.Errorf("%d bytes, accepted %v: journalled %v", len(c.file), c.accept, journalled)
		}
	}
}

var errNotSaid = errors.New("any")

// Rows of one id are one person, wherever they stand, also when the list is
// imported again and when it is longer than a batch.
func TestRowsOfOnePerson(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	rows := testdata(t, "list_alias_rows.jsonl")
	first, second, _ := strings.Cut(strings.TrimSpace(rows), "\n")
	var many []string
	for i := range 5_100 {
		many = append(many, fmt.Sprintf("p%05d", i))
	}
	for name, file := range map[string]string{"together": rows, "apart": first + "\n" + list(many...) + second + "\n" + list(many[0])} {
		for _, again := range []bool{false, true} {
			res, err := imported(t, n, file, desk.ImportOptions{AcceptShrink: true})
			must(t, err)
			if res.Read != res.Accepted+res.Joined || res.Joined == 0 || res.Rejected+res.LeftOut != 0 {
				t.Errorf("%s, again %v: %+v", name, again, res)
			}
			for _, full := range []string{"Velkan Drosumir Hask", "Ombretto Faisalund Quill"} {
				if !finds(t, n, ct.Person{Names: []ct.Name{{Full: full}}, Births: []ct.Birth{{Date: "1971-02-03"}}}, "R-1") {
					t.Errorf("%s, again %v: %s is not found", name, again, full)
				}
			}
		}
	}
}

// What is said of a list holds until it is said anew, and a marking that was
// never said is AMBER.
func TestListAbout(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	for _, c := range []struct {
		file  string
		about desk.ListAbout
		want  desk.ListAbout
	}{
		{list("a"), desk.ListAbout{}, desk.ListAbout{TLP: ct.TLPAmber}},
		{list("a"), desk.ListAbout{TLP: ct.TLPRed, Basis: "law 1", Source: "desk 7", Date: "2026-01", Review: "2027-01-01"}, desk.ListAbout{TLP: ct.TLPRed, Basis: "law 1", Source: "desk 7", Date: "2026-01", Review: "2027-01-01"}},
		{list("a", "b"), desk.ListAbout{Date: "2026-02"}, desk.ListAbout{TLP: ct.TLPRed, Basis: "law 1", Source: "desk 7", Date: "2026-02", Review: "2027-01-01"}},
	} {
		_, err := imported(t, n, c.file, desk.ImportOptions{About: c.about})
		must(t, err)
		lists, err := n.desk.Lists()
		must(t, err)
		if len(lists) != 1 || lists[0].ListAbout != c.want {
			t.Errorf("lists %+v, want %+v", lists, c.want)
		}
	}
	var faults ct.Faults
	_, err := imported(t, n, list("a"), desk.ImportOptions{About: desk.ListAbout{TLP: 9, Basis: "a\nb", Source: strings.Repeat("x", 200), Date: "soon", Review: "1.2.2027"}})
	if !errors.As(err, &faults) || len(faults) != 5 {
		t.Errorf("what cannot be said of a list: %v", err)
	}
}

// A list that is removed is gone: from answers, from the lists, and, when the
// index has followed, from the file.
func TestRemoveList(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	_, err := imported(t, n, listLine("N-77777", wanted()), desk.ImportOptions{})
	must(t, err)
	if !finds(t, n, wanted(), "N-77777") {
		t.Fatal("not found before")
	}
	if _, err := n.desk.RemoveList(within(t), "other"); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("another list: %v", err)
	}
	persons, err := n.desk.RemoveList(within(t), "national")
	must(t, err)
	lists, err := n.desk.Lists()
	must(t, err)
	if persons != 1 || len(lists) != 0 || finds(t, n, wanted(), "N-77777") || n.index.Persons() != 0 {
		t.Errorf("%d persons removed; lists %v, %d persons indexed", persons, lists, n.index.Persons())
	}
	if _, err := n.desk.RemoveList(within(t), "national"); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	e := n.entries()
	if last := e[len(e)-1]; !slices.ContainsFunc(e, func(x journal.Entry) bool { return strings.HasSuffix(x.Outcome, " removed") }) {
		t.Errorf("the journal ends with %q", last.Outcome)
	}
	_, err = n.desk.Import(within(t), desk.ImportOptions{List: "two", Form: desk.FormPersons}, strings.NewReader(list("x")), nil) // sweeps
	must(t, err)
	must(t, n.store.Lists().View(func(tx *store.LocalTx) error {
		for _, b := range tx.Buckets() {
			err := tx.Scan(b, nil, func(k, v []byte) error {
				if bytes.Contains(v, []byte("N-77777")) {
					t.Errorf("%s still holds an id of the list that was removed", b)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	res, err := imported(t, n, list("y"), desk.ImportOptions{})
	must(t, err)
	if res.Before != 0 || !finds(t, n, person("y"), "id-y") {
		t.Errorf("imported after it was removed: %+v", res)
	}
}

// What goes out of a list carries the marking of the list.
func TestReleaseOfAMarkedList(t *testing.T) {
	for tlp, want := range map[ct.TLP]ct.TLP{0: ct.TLPAmber, ct.TLPGreen: ct.TLPGreen} {
		net := newNetwork(t, generous(), "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		_, err := imported(t, b, listLine("N-1", wanted()), desk.ImportOptions{About: desk.ListAbout{TLP: tlp}})
		must(t, err)
		b.follow()
		answers, _ := ask(t, a, query(wanted(), "FIN"))
		_, out, err := b.desk.Release(within(t), answers["FIN"].Inbox.String(), desk.ReleaseOptions{})
		must(t, err)
		if len(out.Hits) != 1 || out.Hits[0].TLP != want {
			t.Errorf("a list marked %v is released as %v", tlp, out.Hits)
		}
	}
}
