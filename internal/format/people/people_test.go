package people_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/herald-net/herald/internal/format/people"
	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/node/ct"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// read gives every row of a list, joined when asked.
func read(t testing.TB, file []byte, join bool) (out []people.Entry, err error) {
	t.Helper()
	r, err := text.NewReader(iotest.HalfReader(bytes.NewReader(file)))
	if err != nil {
		return nil, err
	}
	first, _ := r.First()
	var j people.Joiner
	_, err = people.Rows(r, people.Form(first), func(row people.Row) error {
		e := row.Decode(now)
		if !join {
			out = append(out, e)
		} else if e, ok := j.Add(e); ok {
			out = append(out, e)
		}
		return nil
	})
	if e, ok := j.Last(); ok {
		out = append(out, e)
	}
	return out, err
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// said is what of an entry is told, in short.
func said(e people.Entry) string {
	if e.Fault != "" {
		return "REJECTED " + e.Fault
	}
	var out []string
	for _, l := range e.Left {
		out = append(out, l.Field+": "+l.Why)
	}
	return strings.Join(out, "; ")
}

// One bad value costs that value. What each of the cases says is written down
// here; what stands in none of the rows below is read whole.
func TestCases(t *testing.T) {
	const date = "no date that is understood"
	want := map[string]string{
		"birth_empty": "births[0]: " + date, "birth_zero": "births[0]: " + date, "birth_1836": "births[0]: a year outside", "birth_interval_open": "births[0]: " + date,
		"birth_17_alternatives": "births: too many", "nat_SUN": "nationalities[0]: names a State", "nat_YUG": "nationalities[0]: names a State", "nat_SCG": "nationalities[0]: names a State",
		"nat_ANT": "nationalities[0]: names a State", "nat_empty": "nationalities[0]: names a State", "nat_17": "nationalities: too many",
		"name_300": "names[1].full: too long", "name_65": "names: too many", "name_string": "REJECTED names[0]: want an object", "name_null_full": "names[0]: missing",
		"name_quality_strong": "names[0].quality: not in the closed list", "name_replacement_char": "REJECTED names[0].full: unprintable", "doc_empty": "documents[0]: no number",
		"doc_33": "documents: too many", "extra_field": "program: unknown field", "extra_gender": "gender: unknown field", "extra_title": "title: unknown field",
		"surrogate": "REJECTED names[0].full: unprintable", "dupkey": "REJECTED names: given twice", "trailing_comma": "REJECTED column", "": "REJECTED id: want a string",
	}
	entries, err := read(t, file(t, "list_cases.jsonl"), false)
	if err != nil || len(entries) != 67 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	rejected := 0
	for _, e := range entries {
		got := said(e)
		w, told := want[e.ID]
		if !strings.HasPrefix(got, w) || (got == "") == told {
			t.Errorf("line %d, %s: got %q, want %q", e.Line, e.ID, got, w)
		}
		if e.Fault != "" {
			rejected++
			continue
		}
		if faults := e.Person.Validate(time.Time{}); len(faults) > 0 {
			t.Errorf("line %d: not valid: %v", e.Line, faults)
		}
		for _, l := range e.Left {
			if l.Line != e.Line {
				t.Errorf("line %d: told of line %d", e.Line, l.Line)
			}
		}
		switch e.ID {
		case "birth_dmy", "birth_datetime", "birth_str":
			if e.Person.Births[0].Date != "1970-12-31" {
				t.Errorf("%s: births not read", e.ID)
			}
		case "birth_hijri":
			if len(e.Person.Births) != 2 {
				t.Errorf("%s: %d births, want one a calendar", e.ID, len(e.Person.Births))
			}
		case "birth_solar_hijri_cal":
			if b := e.Person.Births; len(b) != 1 || b[0] != (ct.Birth{Date: "1970-12-31", Calendar: "solar-hijri"}) {
				t.Errorf("%s: births not read", e.ID)
			}
		case "nat_alpha2", "nat_lower", "nat_dup":
			if n := e.Person.Nationalities; len(n) != 1 || n[0] != "GBR" {
				t.Errorf("%s: nationality %v", e.ID, n)
			}
		case "sex_male", "sex_m":
			if e.Person.Sex != "M" {
				t.Errorf("%s: sex not read", e.ID)
			}
		case "doc_number":
			if e.Person.Documents[0].Number != "7719034" {
				t.Errorf("%s: number not read", e.ID)
			}
		case "doc_type_passport":
			if e.Person.Documents[0].Type != "P" {
				t.Errorf("%s: type not read", e.ID)
			}
		}
		if name := e.Person.Names[0].Full; !strings.HasPrefix(e.ID, "name_zwsp") && e.ID != "name_rlm" && name != "Tarvo Quillendahl Mirovec" {
			t.Errorf("%s: the name is %q", e.ID, name)
		}
	}
	if rejected != 6 {
		t.Errorf("%d rejected, want 6", rejected)
	}
}

// A spreadsheet that rewrites dates costs births that can be either, no person.
func TestFormatSlip(t *testing.T) {
	entries, err := read(t, file(t, "list_day2_format_slip.jsonl"), true)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if b := entries[0].Person.Births; len(b) != 1 || b[0].Date != "1970-12-31" || said(entries[0]) != "" {
		t.Errorf("31/12/1970: %s", said(entries[0]))
	}
	if len(entries[1].Person.Births) != 0 || !strings.Contains(said(entries[1]), "may be either") || len(entries[1].Person.Documents) != 1 {
		t.Errorf("04/03/1985: %s", said(entries[1]))
	}
}

func TestRowsOfOnePerson(t *testing.T) {
	entries, err := read(t, file(t, "list_alias_rows.jsonl"), true)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if e := entries[0]; e.Rows != 2 || len(e.Person.Names) != 2 || len(e.Person.Births) != 1 || said(e) != "" {
		t.Errorf("%d rows, %d names, %d births, %s", e.Rows, len(e.Person.Names), len(e.Person.Births), said(e))
	}
	var rows strings.Builder
	for i := range 70 {
		fmt.Fprintf(&rows, `{"id":"1","names":[{"full":"Name Number%d"}],"sex":%q}`+"\n", i, "MF"[i%2:i%2+1])
	}
	entries, err = read(t, []byte(rows.String()), true)
	if err != nil || len(entries) != 1 || len(entries[0].Person.Names) != ct.MaxNames {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if s := said(entries[0]); !strings.Contains(s, "names: too many") || !strings.Contains(s, "sex: another one") {
		t.Error(s)
	}
}

// The forms of a file: what it holds is the same.
func TestForms(t *testing.T) {
	one, two := `{"id":"1","names":[{"full":"A ]} Bee"}]}`, `{"id":"2","names":[{"full":"C \" Dee"}]}`
	for name, c := range map[string]struct {
		in   string
		want string // ids with lines, ! for a fault
		err  string
	}{
		"lines":                   {one + "\n" + two + "\n", "1@1 2@2", ""},
		"carriage returns":        {one + "\r" + two + "\r", "1@1 2@2", ""},
		"an array":                {"[" + one + "," + two + "]", "1@1 2@1", ""},
		"an array in lines":       {" [\n" + one + ",\n\n" + two + "\n]\n", "1@2 2@4", ""},
		"over lines":              {"{\n \"id\":\"1\",\n\"names\":[\n{\"full\":\"A B\"}]}\n" + two, "1@1 2@5", ""},
		"an array of no objects":  {"[1,\"x,]\",[" + one + "],null," + two + ",true]", "!@1 !@1 !1@1 !@1 2@1 !@1", ""},
		"a broken element":        {"[{\"id\":\"1\",\"names:[}\n,\n" + two + "]", "!1@1", "line 3: the list is cut off"},
		"an empty array":          {"[ ]", "", ""},
		"an array cut off":        {"[" + one + ",", "1@1", "line 1: the list is cut off"},
		"in the middle":           {"[" + one[:20], "", "cut off"},
		"behind the array":        {"[" + one + "]\n" + two, "1@1", "line 2: something stands behind the array"},
		"a long element":          {"[{\"id\":\"" + strings.Repeat("x", text.MaxLine) + "\"}," + two + "]", "!@1 2@1", ""},
		"the id of a broken line": {`{"id":"7","names":[{"full":"A B"}` + "\n" + two, "!7@1 2@2", ""},
		"nothing":                 {"", "", ""},
	} {
		entries, err := read(t, []byte(c.in), false)
		var got []string
		for _, e := range entries {
			s := fmt.Sprintf("%s@%d", e.ID, e.Line)
			if e.Fault != "" {
				s = "!" + s
			}
			got = append(got, s)
		}
		if all := strings.Join(got, " "); all != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %q, %v; want %q, %s", name, all, err, c.want, c.err)
		}
	}
}

// Whatever a list holds, persons that are accepted are valid, an entry says
// something or everything is in it, and nothing told holds a value.
func FuzzRows(f *testing.F) {
	for _, name := range []string{"list_cases.jsonl", "list_alias_rows.jsonl"} {
		for line := range bytes.Lines(file(f, name)) {
			f.Add(line)
		}
	}
	f.Add([]byte(`[{"id":"1","names":[{"full":"A B","parts":["A",1]}],"physical":{"height_cm":1,"marks":["x",""]},"misused_identity":{"births":["x",1970]},"contacts":[{"kind":"phone"}]}]`))
	f.Add([]byte("<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>A</FIRST_NAME></INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, join := range []bool{false, true} {
			entries, err := read(t, data, join)
			if err != nil && len(entries) == 0 {
				continue
			}
			for _, e := range entries {
				faults := e.Person.Validate(time.Time{})
				if e.Fault == "" && (len(faults) > 0 || e.ID == "" || e.Rows < 1) {
					t.Fatalf("line %d is accepted: %v", e.Line, faults)
				}
			}
		}
	})
}
