package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
)

// listLine is one line of a list in JSON lines.
func listLine(id string, p ct.Person) string {
	b, err := json.Marshal(ct.ListPerson{ID: id, Person: p})
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func person(name string) ct.Person {
	return ct.Person{Names: []ct.Name{{Full: name}}, Births: []ct.Birth{{Date: "1970-01-02"}}}
}

func list(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(listLine("id-"+n, person(n)))
	}
	return b.String()
}

// changes reads the lists from a change number on, a few at a time.
func changes(t *testing.T, n *node, after uint64) (refs []string, last uint64) {
	t.Helper()
	for {
		some, next, err := n.desk.ListPersons(after, 2)
		must(t, err)
		if next == after {
			return refs, after
		}
		if next < after {
			t.Fatalf("the change number went from %d to %d", after, next)
		}
		for _, c := range some {
			mark := "+"
			if c.Person == nil {
				mark = "-"
			}
			refs = append(refs, mark+c.Ref)
		}
		after = next
	}
}

func TestImportPersons(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	file := "\ufeff" + listLine("N-1", wanted()) +
		"not json\n" +
		"\n" +
		`{"id":"N-2","names":[{"full":"Pelmo Ardanic","quality":"good","script":"Latn"}],"births":["1971"],"documents":["Z1"]}` + "\r\n" +
		`{"id":"N-3","names":[],"religion":"x"}` + "\n" +
		listLine("N-1", person("Another Spelling")) +
		`{"id":"N-4","names":[{"full":"` + strings.Repeat("x", ct.MaxJSON) + `"}]}` + "\n" +
		listLine("N-\x01", person("Control Character")) +
		strings.TrimSuffix(listLine("N-5", person("Without Line Feed")), "\n")
	var seen []int
	res, err := n.desk.ImportPersons(within(t), "national", iotest.OneByteReader(strings.NewReader(file)), func(read int) { seen = append(seen, read) })
	must(t, err)
	if res.Read != 8 || res.Accepted != 3 || res.Joined != 1 || res.Rejected != 4 || res.Before != 0 || res.After != 3 {
		t.Fatalf("result %+v", res)
	}
	var lines []int
	for _, r := range res.Rejections {
		lines = append(lines, r.Line)
		if r.Reason == "" {
			t.Errorf("line %d: reason %q", r.Line, r.Reason)
		}
	}
	if !slices.Equal(lines, []int{2, 5, 7, 8}) {
		t.Errorf("rejected lines %v", lines)
	}
	if len(seen) == 0 || seen[len(seen)-1] != 8 {
		t.Errorf("progress %v, want 8 at the end", seen)
	}
	if refs, last := changes(t, n, 0); !slices.Equal(refs, []string{"+list:national/N-1", "+list:national/N-2", "+list:national/N-5"}) || last != 3 {
		t.Errorf("changes %v to %d", refs, last)
	}
	e := n.entries()
	if len(e) != 1 || e[0].Act != journal.ActImport || e[0].Case != "national" || e[0].Outcome != "read=8 accepted=3 rejected=4 entities=0 left-out=0 not-compared=1 kept=0 before=0 after=3" { // the document Z1
		t.Errorf("journal: %v %q", e, e[0].Outcome)
	}
	n.follow()
	answers, _ := ask(t, n, query(wanted(), "UTO"))
	if got := answers["UTO"]; got.Answer != desk.AnswerPossible || got.Hits[0].Ref != "list:national/N-1" {
		t.Errorf("answer %+v", got)
	}
}

func TestImportSupersedes(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	load := func(name, file string) desk.ImportResult {
		t.Helper()
		res, err := n.desk.Import(within(t), desk.ImportOptions{List: name, Form: desk.FormPersons, AcceptShrink: true}, strings.NewReader(file), nil)
		must(t, err)
		return res
	}
	load("one", list("a", "b", "c"))
	load("two", list("x"))
	n.follow()
	if got := n.index.Persons(); got != 4 {
		t.Fatalf("%d persons indexed, want 4", got)
	}
	at := n.index.Cursors().Lists
	load("one", list("b", "d"))
	refs, _ := changes(t, n, at)
	if !slices.Equal(refs, []string{"+list:one/id-b", "+list:one/id-d", "-list:one/id-a", "-list:one/id-c"}) &&
		!slices.Equal(refs, []string{"+list:one/id-b", "+list:one/id-d", "-list:one/id-c", "-list:one/id-a"}) {
		t.Fatalf("changes %v", refs)
	}
	// Gone from the list is gone from the answers, also before the index knows.
	p := person("a")
	if hits, err := n.desk.SearchAt(&p, time.Now()); err != nil || len(hits) != 0 {
		t.Fatalf("a removed entry is still a hit: %v %v", hits, err)
	}
	n.follow()
	if got := n.index.Persons(); got != 3 {
		t.Fatalf("%d persons indexed, want 3", got)
	}
	lists, err := n.desk.Lists()
	must(t, err)
	if len(lists) != 2 || lists[0].Name != "one" || lists[0].Persons != 2 || lists[1].Name != "two" || lists[1].Persons != 1 {
		t.Fatalf("lists %+v", lists)
	}
	// One who starts anew ends at the same place.
	other, err := index.Open(index.Config{Path: filepath.Join(t.TempDir(), "index.db"), Key: [32]byte{9}})
	must(t, err)
	t.Cleanup(func() { other.Close() })
	all, last, err := n.desk.ListPersons(0, 100)
	must(t, err)
	must(t, other.Update(index.Cursors{Lists: last}, all))
	if other.Persons() != 3 || last != n.index.Cursors().Lists {
		t.Fatalf("%d persons to %d, want 3 to %d", other.Persons(), last, n.index.Cursors().Lists)
	}
	n.restart()
	if refs, _ := changes(t, n, last); len(refs) != 0 {
		t.Fatalf("changes after a restart: %v", refs)
	}
	load("one", list("b", "d")) // the same again changes nothing
	if refs, _ = changes(t, n, last); len(refs) != 0 {
		t.Fatalf("changes %v", refs)
	}
}

// A file that is no text is the caller's mistake, and a text of another
// encoding is read.
func TestImportReadsText(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	for name, load := range map[string]func(string) (desk.ImportResult, error){
		"persons": func(file string) (desk.ImportResult, error) {
			return n.desk.ImportPersons(within(t), "one", strings.NewReader(file), nil)
		},
		"un": func(file string) (desk.ImportResult, error) {
			return n.desk.ImportUN(within(t), "un", strings.NewReader(file), nil)
		},
	} {
		var faults ct.Faults
		if _, err := load("PK\x03\x04 a sheet"); !errors.As(err, &faults) || !strings.Contains(err.Error(), "CSV") {
			t.Errorf("%s: a spreadsheet: %v", name, err)
		}
		file := map[string]string{"persons": list("a", "b"), "un": strings.Replace(unFile(2), "UTF-8", "UTF-16", 1)}[name]
		wide := []byte{0xff, 0xfe}
		for _, c := range []byte(file) {
			wide = append(wide, c, 0)
		}
		if res, err := load(string(wide)); err != nil || res.Accepted != 2 {
			t.Errorf("%s: in UTF-16: %+v, %v", name, res, err)
		}
	}
}

// The same list again writes no person and leaves the index alone; whatever
// differs makes a whole new import, with what stands before it.
func TestImportAgain(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	// More than two batches, so that a difference comes at, before and behind their ends.
	names := func(from, to int) (out []string) {
		for i := from; i < to; i++ {
			out = append(out, fmt.Sprintf("p%05d", i))
		}
		return out
	}
	all := names(0, 12_000)
	changed := list(all...)
	changed = strings.Replace(changed, `"full":"p11000`, `"full":"q11000`, 1)
	if changed == list(all...) {
		t.Fatal("the test changes nothing")
	}
	last := uint64(0)
	for _, c := range []struct {
		name    string
		file    string
		persons int
		added   int // change numbers
		removed int
	}{
		{"first", list(all...), 12_000, 12_000, 0},
		{"unchanged", list(all...), 12_000, 0, 0},
		{"one name changed", changed, 12_000, 12_000, 0},
		{"unchanged again", changed, 12_000, 0, 0},
		{"the last one gone", list(all[:11_999]...), 11_999, 11_999, 1},
		{"unchanged, behind it a removal", list(all[:11_999]...), 11_999, 0, 0},
		{"one more", list(all...), 12_000, 12_000, 0},
		{"the first one gone", list(all[1:]...), 11_999, 11_999, 1},
		{"half", list(all[1:6_000]...), 5_999, 5_999, 6_000},
		{"unchanged, of half", list(all[1:6_000]...), 5_999, 0, 0},
		{"cut at the end of a batch", list(all[1:5_001]...), 5_000, 5_000, 999},
	} {
		res, err := n.desk.Import(within(t), desk.ImportOptions{List: "one", Form: desk.FormPersons, AcceptShrink: true}, strings.NewReader(c.file), nil)
		must(t, err)
		if res.Accepted != c.persons {
			t.Errorf("%s: %d accepted, want %d", c.name, res.Accepted, c.persons)
		}
		added, removed := 0, 0
		from := last
		for {
			changes, to, err := n.desk.ListPersons(last, 5_000)
			must(t, err)
			for _, ch := range changes {
				if ch.Person == nil {
					removed++
				} else {
					added++
				}
			}
			if to == last {
				break
			}
			last = to
		}
		if added != c.added || removed != c.removed || (added == 0) != (last == from) {
			t.Errorf("%s: %d added, %d removed from %d to %d; want %d and %d", c.name, added, removed, from, last, c.added, c.removed)
		}
		lists, err := n.desk.Lists()
		must(t, err)
		if len(lists) != 1 || lists[0].Persons != c.persons {
			t.Errorf("%s: lists %+v", c.name, lists)
		}
		e := n.entries()
		if got := strings.HasSuffix(e[len(e)-1].Outcome, " unchanged"); got != (c.added == 0) {
			t.Errorf("%s: journalled %q", c.name, e[len(e)-1].Outcome)
		}
	}
}

func TestBrokenImportChangesNothing(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	_, err := n.desk.ImportUN(within(t), "un", strings.NewReader(unFile(3)), nil)
	must(t, err)
	before, last := changes(t, n, 0)
	whole := unFile(5_000)
	cancelled, cancel := context.WithCancel(context.Background())
	for name, f := range map[string]func() (desk.ImportResult, error){
		"cut off": func() (desk.ImportResult, error) {
			return n.desk.ImportUN(within(t), "un", strings.NewReader(whole[:len(whole)/2]), nil)
		},
		"not XML": func() (desk.ImportResult, error) {
			return n.desk.ImportUN(within(t), "un", strings.NewReader("names: none"), nil)
		},
		"a disk that fails": func() (desk.ImportResult, error) {
			r := io.MultiReader(strings.NewReader(list("p", "q")), iotest.ErrReader(errors.New("input/output error")))
			return n.desk.ImportPersons(within(t), "un", r, nil)
		},
		"nothing accepted": func() (desk.ImportResult, error) {
			return n.desk.ImportPersons(within(t), "un", strings.NewReader("x\ny\n"), nil)
		},
		"an empty file": func() (desk.ImportResult, error) {
			return n.desk.ImportPersons(within(t), "un", strings.NewReader(""), nil)
		},
		"cancelled": func() (desk.ImportResult, error) {
			return n.desk.ImportUN(cancelled, "un", strings.NewReader(whole), func(int) { cancel() })
		},
		"a list without a name": func() (desk.ImportResult, error) {
			return n.desk.ImportPersons(within(t), "", strings.NewReader(list("p")), nil)
		},
		"a path for a name": func() (desk.ImportResult, error) {
			return n.desk.ImportPersons(within(t), "../un", strings.NewReader(list("p")), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := f()
			if err == nil {
				t.Fatal("imported")
			}
			if res.Read != res.Accepted+res.Rejected {
				t.Errorf("result %+v: the counts do not add up", res)
			}
			after, end := changes(t, n, 0)
			if !slices.Equal(after, before) || end != last {
				t.Errorf("the list changed: %v to %d", after, end)
			}
		})
	}
	if acts := n.acts(); len(acts) != 1 {
		t.Errorf("journal %v: a failed import is in it", acts)
	}
	_, err = n.desk.Import(within(t), desk.ImportOptions{List: "un", Form: desk.FormUN, AcceptShrink: true}, strings.NewReader(unFile(2)), nil)
	must(t, err)
	if refs, _ := changes(t, n, last); !slices.Equal(refs, []string{"+list:un/XXi.001", "+list:un/XXi.002", "-list:un/XXi.003"}) {
		t.Errorf("changes %v", refs)
	}
}

func TestImportUN(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	res, err := n.desk.ImportUN(within(t), "un", strings.NewReader(unFile(4)), nil)
	must(t, err)
	// unFile adds one individual without a name, one of a number given before,
	// and one organisation.
	if res.Read != 6 || res.Accepted != 4 || res.Joined != 1 || res.Rejected != 1 || res.Entities != 1 || len(res.Rejections) != 1 {
		t.Fatalf("result %+v", res)
	}
}

// unFile is a list of n invented individuals in the UN's form, one without a
// name, one with the first one's number, and an organisation.
func unFile(n int) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><CONSOLIDATED_LIST dateGenerated="2030-01-02T00:00:09.000Z"><INDIVIDUALS>` + "\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "<INDIVIDUAL><DATAID>%d</DATAID><FIRST_NAME>CANARIUS</FIRST_NAME><SECOND_NAME>TELVO %d</SECOND_NAME><REFERENCE_NUMBER>XXi.%03d</REFERENCE_NUMBER></INDIVIDUAL>\n", 9000000+i, i, i)
	}
	b.WriteString("<INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>na</FIRST_NAME><REFERENCE_NUMBER>XXi.900</REFERENCE_NUMBER></INDIVIDUAL>\n" +
		"<INDIVIDUAL><DATAID>2</DATAID><FIRST_NAME>TWICE</FIRST_NAME><SECOND_NAME>NUMBERED</SECOND_NAME><REFERENCE_NUMBER>XXi.001</REFERENCE_NUMBER></INDIVIDUAL>\n" +
		"</INDIVIDUALS><ENTITIES><ENTITY><DATAID>3</DATAID><FIRST_NAME>ORGANISATION</FIRST_NAME></ENTITY></ENTITIES></CONSOLIDATED_LIST>\n")
	return b.String()
}

// The list as the United Nations publish it, where it is at hand.
func TestImportUNAsPublished(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "unlist", "un_consolidated.xml")
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the UN consolidated list is not there: shared/data/unlist beside the repository; TestImportUN proves the same on an invented one")
	}
	must(t, err)
	defer f.Close()
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	begin := time.Now()
	res, err := n.desk.ImportUN(within(t), "un", f, nil)
	must(t, err)
	t.Logf("read %d, accepted %d, rejected %d, entities %d in %v", res.Read, res.Accepted, res.Rejected, res.Entities, time.Since(begin).Round(time.Millisecond))
	if res.Read != res.Accepted+res.Rejected || res.Read < 500 || res.Accepted*100 < res.Read*99 {
		t.Fatalf("read %d, accepted %d, rejected %d", res.Read, res.Accepted, res.Rejected)
	}
	if refs, _ := changes(t, n, 0); len(refs) != res.Accepted {
		t.Fatalf("%d changes for %d persons", len(refs), res.Accepted)
	}
}

func TestWaitLists(t *testing.T) {
	n := newNetwork(t, settings{}, "UTO", "FIN").nodes[0]
	done := make(chan error, 1)
	go func() { done <- n.desk.WaitLists(within(t), 0) }()
	_, err := n.desk.ImportPersons(within(t), "one", strings.NewReader(list("a")), nil)
	must(t, err)
	must(t, <-done)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.desk.WaitLists(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("nothing new: %v, want to wait", err)
	}
}

// Names planted in all that a desk is given appear in no log line, metric,
// error, and in no file in clear.
func TestCanary(t *testing.T) {
	net := newNetwork(t, settings{}, "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	const canary = "Canarius"
	p := ct.Person{
		Names:     []ct.Name{{Full: canary + " Telvo"}},
		Births:    []ct.Birth{{Date: "1961-09-17"}},
		Documents: []ct.Document{{Number: "CANARY77"}},
	}
	var said []string
	note := func(err error) {
		if err != nil {
			said = append(said, err.Error())
		}
	}
	n := about(p)
	n.Assessment.GroundsText = canary
	r := publish(t, b, n)
	b.follow()
	n.Retention.Expires = "yesterday " + canary
	_, err := b.desk.Publish(within(t), n, desk.PublishOptions{})
	note(err)
	b.close("wait")
	waiting, err := b.desk.Publish(within(t), about(p), desk.PublishOptions{NoWait: true})
	must(t, err)
	_, err = b.desk.SignNow(within(t), waiting.Waiting, "it is "+canary, "op")
	must(t, err)
	b.close("")
	_, err = b.desk.Retract(within(t), r.ID, ct.Retraction{Reason: canary, Text: canary}, "desk")
	note(err)

	q := query(p)
	q.Grounds = "because of " + canary
	answers, _ := ask(t, a, q)
	said = append(said, fmt.Sprintf("%+v", answers))
	q.Person.Births[0].Date = canary
	_, err = a.desk.Match(within(t), q, nil)
	note(err)
	b.desk.Answer(within(t), a.key.Public(), []byte(canary))

	_, err = b.desk.ImportUN(within(t), "un", strings.NewReader(unFile(3)), nil)
	must(t, err)
	_, err = b.desk.ImportUN(within(t), "un", strings.NewReader(unFile(3)[:300]), nil)
	note(err)
	res, err := b.desk.ImportPersons(within(t), "own", strings.NewReader(list(canary)+`{"id":"2","names":[{"full":"`+canary+`"}],"births":["`+canary+`"]}`+"\n"), nil)
	must(t, err)
	for _, x := range res.Rejections {
		said = append(said, x.Reason)
	}
	if len(res.Left) != 1 {
		t.Errorf("%d values left out, want the birth", len(res.Left))
	}
	for _, x := range res.Left {
		said = append(said, x.Field, x.Why)
	}
	said = append(said, a.logs.String(), b.logs.String(), a.metrics(), b.metrics())
	for _, s := range said {
		if strings.Contains(strings.ToLower(s), "canar") {
			t.Errorf("a name is shown: %s", s)
		}
	}
	if len(said) < 8 {
		t.Errorf("only %d texts looked at", len(said))
	}
	for _, n := range net.nodes {
		n.stop()
		files, err := filepath.Glob(filepath.Join(n.dir, "*"))
		must(t, err)
		if len(files) < 5 {
			t.Fatalf("%d files in the data directory", len(files))
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			must(t, err)
			for _, w := range []string{canary, strings.ToUpper(canary), strings.ToLower(canary), "CANARY77", "forged", "XXi.001"} {
				if bytes.Contains(data, []byte(w)) {
					t.Errorf("%s holds %q in clear", filepath.Base(f), w)
				}
			}
		}
	}
}

// BenchmarkImport imports 20,000 persons over a list of as many: the second
// import supersedes every one of them.
func BenchmarkImport(b *testing.B) {
	const persons = 20_000
	var file strings.Builder
	for i := range persons {
		file.WriteString(listLine(fmt.Sprintf("id-%d", i), person(fmt.Sprintf("Telvo Ardanic %d", i))))
	}
	for b.Loop() {
		b.StopTimer()
		n := newNetwork(b, settings{}, "UTO", "FIN").nodes[0]
		b.StartTimer()
		for range 2 {
			res, err := n.desk.ImportPersons(context.Background(), "national", strings.NewReader(file.String()), nil)
			must(b, err)
			if res.Accepted != persons {
				b.Fatalf("accepted %d", res.Accepted)
			}
		}
	}
	b.ReportMetric(float64(2*persons*b.N)/b.Elapsed().Seconds(), "persons/s")
}
