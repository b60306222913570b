package unlist_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/node/ct"
)

// one reads a list of one individual that has a name, a number and body.
func one(t *testing.T, body string) unlist.Entry {
	t.Helper()
	got, res, err := readAll([]byte(`<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>Tarvo</FIRST_NAME>` +
		`<SECOND_NAME>Mirovec</SECOND_NAME><REFERENCE_NUMBER>TSi.001</REFERENCE_NUMBER>` + body + `</INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>`))
	if err != nil || len(got) != 1 {
		t.Fatalf("%s: the person is not in: %v, %v", body, res.Rejections, err)
	}
	return got[0]
}

// A birth is read from whichever field says one, and what is left is noted.
func TestBirthsOfAnyForm(t *testing.T) {
	for in, want := range map[string]string{ // date | number of notes
		`<TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1962-11-09-05:00</DATE>`:                              "1962-11-09|0",
		`<DATE>1962-11-09Z</DATE>`:                                                                     "1962-11-09|0",
		`<DATE>1962-11-09T00:00:00</DATE>`:                                                             "1962-11-09|0",
		`<DATE>1962-11-09T00:00:00.000-05:00</DATE>`:                                                   "1962-11-09|0",
		`<DATE>Invalid date</DATE>`:                                                                    "|1",
		`<DATE>Invalid date</DATE><YEAR>1962</YEAR>`:                                                   "1962|1",
		`<TYPE_OF_DATE>APPROXIMATELY</TYPE_OF_DATE><FROM_YEAR>1966</FROM_YEAR><TO_YEAR>1968</TO_YEAR>`: "1966~/1968~|0",
		`<FROM_YEAR>1966</FROM_YEAR><TO_YEAR>1968</TO_YEAR>`:                                           "1966/1968|0",
		`<TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><NOTE>Approximately</NOTE><FROM_YEAR>1966</FROM_YEAR><TO_YEAR>1968</TO_YEAR>`: "1966~/1968~|0",
		`<TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1968</FROM_YEAR><TO_YEAR>1966</TO_YEAR>`:                           "|1",
		`<TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1966</FROM_YEAR>`:                                                  "|1",
		`<DATE>1970-00-00</DATE>`:                                 "1970|0",
		`<DATE>1970-12-00</DATE>`:                                 "1970-12|0",
		`<DATE>1970-02-30</DATE>`:                                 "1970-02|1",
		`<NOTE>1958 Sep.</NOTE>`:                                  "1958-09|0",
		`<YEAR>1958</YEAR><NOTE>Sep.</NOTE>`:                      "1958-09|0",
		`<DATE>1979-03-03</DATE><NOTE>from false passport</NOTE>`: "1979-03-03|1",
		`<TYPE_OF_DATE>APPROXIMATELY</TYPE_OF_DATE><NOTE>Between Aug. and Sep. 1977</NOTE>`: "1977-08~/1977-09~|0",
		`<TYPE_OF_DATE>APPROXIMATELY</TYPE_OF_DATE><DATE>1960-03-05</DATE>`:                 "1960-03-05~|0",
		`<YEAR>circa 1960</YEAR>`: "1960~|0",
		`<YEAR>1960-1961</YEAR>`:  "1960/1961|0",
		`<DATE>12/31/1970</DATE>`: "1970-12-31|0",
		`<DATE>1781-02-03</DATE>`: "|1",
		`<DATE>0001-01-01</DATE>`: "|1",
	} {
		e := one(t, "<INDIVIDUAL_DATE_OF_BIRTH>"+in+"</INDIVIDUAL_DATE_OF_BIRTH>")
		date := ""
		for _, b := range e.Person.Births {
			date += b.Date
		}
		if got := date + "|" + string(rune('0'+len(e.Notes))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestDocumentNumbers(t *testing.T) {
	for in, want := range map[string]string{
		`<NOTE>Utopian passport number UX884215, issued on 7 June 2001, expired on 6 June 2006</NOTE>`:    "UX884215",
		`<TYPE_OF_DOCUMENT2>Utopian passport number UX 884216, issued on 7 June 2001</TYPE_OF_DOCUMENT2>`: "UX 884216",
		`<NUMBER>UX884217 issued on 7 June 2001, expired on 6 June 2006</NUMBER>`:                         "UX884217",
		`<NUMBER>UX884218, UX884219</NUMBER>`:                                                             "UX884218|UX884219",
		`<NUMBER>a) UX884220 b) UX884221</NUMBER>`:                                                        "UX884220|UX884221",
		`<NUMBER>UX 723 322</NUMBER>`:                                                                     "UX 723 322",
		`<NUMBER>UX884222, Utopia</NUMBER>`:                                                               "UX884222",
		`<NUMBER>884223 (US)</NUMBER>`:                                                                    "884223 (US)",
		`<NUMBER>Diplomatic passport: D884224</NUMBER>`:                                                   "D884224",
		`<NUMBER>Utopian travel document No. 88/4225</NUMBER>`:                                            "88/4225",
		`<NUMBER>residence card number 777</NUMBER>`:                                                      "777",
		`<NUMBER>` + strings.Repeat("X", 200) + `</NUMBER>`:                                               "",
		`<NOTE>issued in 2001, under another name</NOTE>`:                                                 "",
		`<NUMBER>na</NUMBER>`:                                                                             "",
	} {
		e := one(t, "<INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT>"+in+"</INDIVIDUAL_DOCUMENT>")
		var got []string
		for _, d := range e.Person.Documents {
			got = append(got, d.Number)
		}
		if all := strings.Join(got, "|"); all != want || (want == "") != (len(e.Notes) == 1) {
			t.Errorf("%s: got %q, notes %v; want %q", in, all, e.Notes, want)
		}
	}
}

func TestAliases(t *testing.T) {
	entries, _, err := readAll(file(t, "aliases.xml"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	var names []string
	for _, n := range entries[0].Person.Names {
		names = append(names, n.Full)
	}
	for _, want := range []string{"Bexolan Duvarik Tesh", "Kolimar Havrenne Osk", "Pelvino Strandt Urm", "Sorrentak Belvin", "Ondrival Krestov", "Lumeska Tordin", "Quarnel Fodrisk"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is no name of its own: %q", want, names)
		}
	}
	for in, want := range map[string]string{
		"Belkazi, Tarek": "Belkazi, Tarek", "al-Belkazi, Tarek Munir": "al-Belkazi, Tarek Munir", "Abu Qamar (nom de guerre)": "Abu Qamar",
		"Tarek (Tariq) Belkazi": "Tarek Belkazi|Tarek (Tariq) Belkazi", "Tarek Belqazi (alias Abu Qamar)": "Tarek Belqazi|Abu Qamar", "Alias One or Alias Two": "Alias One|Alias Two", "": "",
	} {
		var got []string
		for _, n := range one(t, "<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>"+in+"</ALIAS_NAME></INDIVIDUAL_ALIAS>").Person.Names[1:] {
			got = append(got, n.Full)
		}
		if all := strings.Join(got, "|"); all != want {
			t.Errorf("%q: got %q, want %q", in, all, want)
		}
	}
	if e := one(t, "<INDIVIDUAL_ALIAS><ALIAS_NAME>"+strings.Repeat("y", 300)+"</ALIAS_NAME></INDIVIDUAL_ALIAS>"); len(e.Notes) != 1 || e.Notes[0].Field != "ALIAS_NAME" {
		t.Errorf("an alias that is too long is not told: %v", e.Notes)
	}
}

// Everybody of the list of quirks who has a name and a number is in, and valid.
func TestQuirks(t *testing.T) {
	entries, res, err := readAll(file(t, "quirks.xml"))
	if err != nil {
		t.Fatal(err)
	}
	notes := 0
	for _, e := range entries {
		if faults := e.Person.Validate(time.Time{}); len(faults) > 0 {
			t.Errorf("line %d: %v", e.Line, faults)
		}
		for _, n := range e.Notes {
			if notes++; n.Field == "" || n.Why == "" {
				t.Errorf("line %d: a note that says nothing", e.Line)
			}
		}
	}
	for _, r := range res.Rejections {
		t.Logf("line %d: %s", r.Line, r.Reason)
	}
	t.Logf("read %d, accepted %d, %d values noted", res.Read, res.Accepted, notes)
	if res.Read != 124 || res.Rejected != 2 { // one has no name, one no number
		t.Errorf("result %+v", res)
	}
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCountries(t *testing.T) {
	for text, want := range map[string]string{
		"D": "DEU", "Tanzania, United Republic of": "TZA", "XKX": "RKS", "ZAR": "COD", "TMP": "TLS", "ROM": "ROU", "gb": "GBR", "gbr": "GBR", "UK": "GBR",
		"Sudan/South Sudan": "SDN SSD", "Sudan/or South Sudan": "SDN SSD", "Algeria and France": "DZA FRA", "Algeria, France": "DZA FRA", "Bosnia and Herzegovina": "BIH",
		"Iran / unknown": "IRN -", "SUN": "-", "YUG": "-", "Yugoslavia": "-", "Possibly Ethiopian": "-", "Sudanese by birth": "-",
	} {
		states, whole := unlist.Countries(text)
		var got []string
		for _, s := range states {
			got = append(got, string(s))
		}
		if !whole {
			got = append(got, "-")
		}
		if all := strings.Join(got, " "); all != want {
			t.Errorf("%q: got %s, want %s", text, all, want)
		}
		if first, _ := unlist.Country(text); len(states) > 0 && first != states[0] || len(states) == 0 && first != ct.State("") {
			t.Errorf("%q: the first is %q of %v", text, first, states)
		}
	}
	for _, enc := range []string{"UTF8", "US-ASCII", "utf-8"} {
		if _, _, err := readAll([]byte(`<?xml version="1.0" encoding="` + enc + `"?><CONSOLIDATED_LIST/>`)); err != nil {
			t.Errorf("encoding %s: %v", enc, err)
		}
	}
}
