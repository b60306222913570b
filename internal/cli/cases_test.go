package cli_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func caseFile(name string) string { return filepath.Join("testdata", "cases", name) }

// Files as people save them. For each row: the tier of the best hit (- for
// none), and a part of what is told of it.
func TestScreenCases(t *testing.T) {
	type row struct{ id, tier, told string }
	dates := []row{}
	for tier, ids := range map[string][]string{
		"strong": {
			"1970-12-31", "31/12/1970", "12/31/1970", "31.12.1970", "31-12-1970", "31 Dec 1970", "Dec 31_ 1970", "19701231", "1970/12/31", "1970-12-31T00:00:00",
			"1970-12-31 00:00:00", "1970-12-31T00:00:00Z", "1970-12-31Z", "1970-12-31-05:00", "1970-12-31+00:00", "1970.12.31", "31DEC1970", "1970-12-31 (approx.)",
			"dq1970-12-31dq", "'1970-12-31", "31 décembre 1970", "1349-10-10",
		},
		"possible": { // a year, or a name alone
			"31-Dec-70|century", "701231|century", "25933|spreadsheet", "25933.0|spreadsheet", "1970-31-12|only its year", "1970-00-00", "0000-00-00|no date", "1970-12-00", "1970.0",
			"circa 1970", "c. 1970", "about 1970", "1970 approx", "1969-1971", "1969/1971", "1969 to 1971", "1970;1971", "1970_ 1971", "2070-12-31|future", "1970-W53-4|only its year", "1970-365|only its year",
		},
		"": {"1390-11-02", "2026-11-28"}, // another birth
	} {
		for _, id := range ids {
			id, told, _ := strings.Cut(id, "|")
			dates = append(dates, row{id, tier, told})
		}
	}
	slices.SortFunc(dates, func(a, b row) int { return strings.Compare(a.id, b.id) })
	for _, c := range []struct {
		queries, list string
		want          []row
	}{
		{"csv_plain.csv", "list.jsonl", []row{{"1", "strong", ""}}},
		{"csv_sepline.csv", "list.jsonl", []row{{"1", "strong", ""}}},
		{"csv_cr_only.csv", "list.jsonl", []row{{"1", "strong", ""}}},
		{"csv_zwsp_header.csv", "list.jsonl", []row{{"1", "strong", ""}}},
		{"csv_bom_inside.csv", "list.jsonl", []row{{"1", "possible", ""}, {"2", "possible", ""}, {"3", "possible", ""}}},
		{"csv_birth_tail.csv", "list.jsonl", []row{{"1", "strong", ""}, {"2", "possible", "only its year"}, {"3", "possible", "only its year"}, {"4", "strong", ""}}},
		{"csv_dates.csv", "list.jsonl", dates},
		{"csv_excel_docs.csv", "docs_list.jsonl", []row{
			{"ok", "possible", ""}, {"sci", "-", "cut by a spreadsheet"}, {"sciq", "-", "cut by a spreadsheet"}, {"formula", "possible", ""}, {"apos", "possible", ""},
			{"lead0lost", "", ""}, {"spaces", "possible", ""}, {"float", "possible", ""}, {"nbsp", "possible", ""},
		}},
	} {
		r := herald(t, "", "screen", "--list", caseFile(c.list), "--queries", caseFile(c.queries), "--json")
		lines := r.lines(t)
		if r.code != 0 || len(lines) != len(c.want) {
			t.Errorf("%s: exit code %d, %d answers, want %d: %s", c.queries, r.code, len(lines), len(c.want), r.err)
			continue
		}
		for i, l := range lines {
			w := c.want[i]
			if at, ok := slices.BinarySearchFunc(dates, l["query"].(string), func(r row, id string) int { return strings.Compare(r.id, id) }); ok && c.queries == "csv_dates.csv" {
				w = dates[at]
			}
			tier := "-"
			if hits := l["hits"].([]any); len(hits) > 0 {
				tier = hits[0].(map[string]any)["tier"].(string)
			}
			told, _ := l["error"].(string)
			if notes, ok := l["notes"].([]any); ok {
				told += notes[0].(string)
			}
			if l["query"] != w.id || w.tier != "" && tier != w.tier || (told == "") != (w.told == "") || !strings.Contains(told, w.told) {
				t.Errorf("%s, row %v: tier %s, told %q; want %s, %q", c.queries, l["query"], tier, told, w.tier, w.told)
			}
		}
	}
}

// Strokes divide too, and what a file says divides it goes first.
func TestScreenSeparators(t *testing.T) {
	for _, file := range []string{
		"id|name|birth\n1|Tarvo Quillendahl Mirovec|31/12/1970\n", "sep=|\r\nid|name|birth\r\n1|Tarvo Quillendahl Mirovec|31/12/1970\r\n",
		"SEP=;\n\nname;birth,x;id\nTarvo Quillendahl Mirovec;1970-12-31;1\n", "\ufeff\ufeffid,name\n1,Tarvo Quillendahl Mirovec\n",
	} {
		herald(t, file, "screen", "--list", caseFile("list.jsonl"), "--queries", "-", "--json").check(t, 0, `{"query":"1","hits":[{"id":"L-001"`, "not answered 0")
	}
}

// One bad value costs a value of a list, and is told with its line.
func TestScreenListCases(t *testing.T) {
	r := herald(t, "", "screen", "--list", caseFile("list_cases.jsonl"), "--queries", caseFile("csv_plain.csv"), "--json", "--top", "100")
	r.check(t, 0, `"id":"birth_dmy"`, "61 accepted, 6 rejected, ")
	for _, want := range []string{":4: left out: births[0]: no date", ":48: rejected: names[0]: want an object"} {
		r.check(t, 0, "", want)
	}
	herald(t, "", "screen", "--list", caseFile("list_cases.jsonl"), "--queries", caseFile("csv_plain.csv"), "--strict").check(t, 2, "", ":4: left out")
	// The same persons in an array, and as queries.
	array := "[" + strings.TrimSpace(`{"id":"A","names":[{"full":"Tarvo Quillendahl Mirovec"}],"births":["31/12/1970"],"nationalities":["GB"],"sex":"male"}`) + "]"
	herald(t, array, "screen", "--list", "-", "--queries", caseFile("csv_plain.csv"), "--json").check(t, 0, `{"query":"1","hits":[{"id":"A",`, "best hit strong 1")
	herald(t, array, "screen", "--list", caseFile("list.jsonl"), "--queries", "-", "--json").check(t, 0, `{"query":"A","hits":[{"id":"L-001",`, "best hit strong 1")
}
