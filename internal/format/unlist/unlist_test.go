package unlist_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/node/ct"
)

func example(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "list.xml"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readAll(data []byte) ([]unlist.Entry, unlist.Result, error) {
	var out []unlist.Entry
	res, err := unlist.Read(bytes.NewReader(data), func(e unlist.Entry) error {
		out = append(out, e)
		return nil
	})
	return out, res, err
}

func TestRead(t *testing.T) {
	entries, res, err := readAll(example(t))
	if err != nil {
		t.Fatal(err)
	}
	want := unlist.Result{
		Read: 4, Accepted: 2, Rejected: 2, Entities: 2, Generated: "2030-01-02T00:00:09.000Z", Complete: true,
		Rejections: []unlist.Rejection{{Line: 42, ID: "XXi.002", Reason: "names: missing"}, {Line: 56, Reason: "REFERENCE_NUMBER and DATAID: missing"}},
	}
	if !reflect.DeepEqual(res, want) {
		t.Errorf("result %+v, want %+v", res, want)
	}
	p := ct.Person{
		Names: []ct.Name{
			{Kind: ct.NamePrimary, Parts: []string{"TAREK", "MUNIR", "AL-BELKAZI"}, Full: "TAREK MUNIR AL-BELKAZI"},
			{Kind: ct.NamePrimary, Full: "طارق منير البلكازي", Script: "Arab"},
			{Kind: ct.NameAlias, Full: "Tarik Belkazi", Quality: "good"},
			{Kind: ct.NameAlias, Full: "Tariq al-Balkazi", Quality: "good"},
			{Kind: ct.NameAlias, Full: "Abu Qamar", Quality: "low"},
			{Kind: ct.NameAlias, Full: "طارق بلقازي", Script: "Arab", Quality: "good"},
			{Kind: ct.NameAlias, Full: "Tarek Belqazi", Quality: "good"},
		},
		Births:        []ct.Birth{{Date: "1971-03-05"}, {Date: "1970~"}, {Date: "1968/1972"}, {Date: "1971-07"}, {Date: "1972-03-05"}},
		BirthPlaces:   []ct.PlaceOfLife{{State: "COD", Text: "Exampleville, North"}, {Text: "Elsewhere, Yugoslavia"}},
		Nationalities: []ct.State{"IRN"},
		Residence:     []ct.PlaceOfLife{{State: "TUR", Text: "Nowhere"}},
		Sex:           "M",
		Documents:     []ct.Document{{Type: "P", Number: "X1234567", Issuer: "KEN", Issued: "2001-02-03"}},
		NationalIDs:   []ct.NationalID{{Country: "IRN", Scheme: "National Identification Number", Value: "11-22-33"}},
		ExternalRefs:  []ct.ExternalRef{{System: "un", Value: "XXi.001"}, {System: "un", Value: "9000001"}},
	}
	e := entries[0]
	if !reflect.DeepEqual(e.Person, p) {
		got, want := reflect.ValueOf(e.Person), reflect.ValueOf(p)
		for i := range got.NumField() {
			if !reflect.DeepEqual(got.Field(i).Interface(), want.Field(i).Interface()) {
				t.Errorf("person field %s is not as expected", got.Type().Field(i).Name)
			}
		}
	}
	if e.Line != 4 || e.DataID != "9000001" || e.ID() != "XXi.001" {
		t.Errorf("line %d, data id %q, id %q", e.Line, e.DataID, e.ID())
	}
	notes := []unlist.Note{
		{Field: "INDIVIDUAL_DATE_OF_BIRTH", Why: "no date that is understood, such as 1970-12-31 or 1970"},
		{Field: "NATIONALITY", Why: "names a State that is not known"},
	}
	if !reflect.DeepEqual(e.Notes, notes) {
		t.Errorf("notes %v, want %v", e.Notes, notes)
	}
	if entries[1].Person.Sex != "F" || entries[1].Person.Nationalities[0] != "PRK" {
		t.Error("the second person's sex or nationality is wrong")
	}
	for i, e := range entries {
		if faults := e.Person.Validate(time.Time{}); len(faults) > 0 {
			t.Errorf("person %d is accepted and not valid: %v", i, faults)
		}
		if s := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(strings.ToUpper(s), "TAREK") || strings.Contains(s, "HAN") {
			t.Errorf("person %d shows in a formatted entry", i)
		}
	}
}

// A list cut off anywhere is an error that names a line, and the counts of what
// came before still add up.
func TestReadCutOff(t *testing.T) {
	data := example(t)
	end := bytes.LastIndex(data, []byte("</CONSOLIDATED_LIST>")) + len("</CONSOLIDATED_LIST>")
	for n := 0; n < end; n += 37 {
		entries, res, err := readAll(data[:n])
		if err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Fatalf("%d of %d bytes: error %v", n, end, err)
		}
		if res.Complete || res.Read != res.Accepted+res.Rejected || res.Accepted != len(entries) {
			t.Fatalf("%d of %d bytes: result %+v with %d entries", n, end, res, len(entries))
		}
	}
}

func TestReadBroken(t *testing.T) {
	secret := "SECRETNAME"
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "line 1"},
		{"not XML", "id,name\n1," + secret, "line"},
		{"another document", "<html><body>" + secret + "</body></html>", "not a UN consolidated list"},
		{"two lists", "<CONSOLIDATED_LIST/><CONSOLIDATED_LIST/>", "a second list"},
		{"wrong end", "<CONSOLIDATED_LIST>\n<INDIVIDUALS>\n<INDIVIDUAL><FIRST_NAME>" + secret + "</" + secret + ">", "line 3"},
		{"unknown entity", "<CONSOLIDATED_LIST>\n<INDIVIDUALS>\n<INDIVIDUAL><FIRST_NAME>&" + secret + ";</FIRST_NAME>", "line 3"},
		{"another encoding", `<?xml version="1.0" encoding="` + secret + `"?><CONSOLIDATED_LIST/>`, "line 1"},
	} {
		_, res, err := readAll([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error quotes the list: %v", c.name, err)
		}
		if c.name != "two lists" && res.Complete {
			t.Errorf("%s: complete", c.name)
		}
	}
}

// endless is an individual without end.
type endless struct{ head io.Reader }

func (e *endless) Read(p []byte) (int, error) {
	if n, err := e.head.Read(p); err == nil {
		return n, nil
	}
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

func TestReadEndless(t *testing.T) {
	in := &endless{strings.NewReader("<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><FIRST_NAME>")}
	res, err := unlist.Read(in, func(unlist.Entry) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "more than") || res.Complete {
		t.Errorf("result %+v, error %v", res, err)
	}
}

func TestReadStops(t *testing.T) {
	stop := errors.New("disk is full")
	res, err := unlist.Read(bytes.NewReader(example(t)), func(unlist.Entry) error { return stop })
	if !errors.Is(err, stop) || res.Complete || res.Read != 1 || res.Accepted != 0 || res.Read != res.Accepted+res.Rejected {
		t.Errorf("result %+v, error %v", res, err)
	}
}

func TestReadRealList(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "data", "unlist", "un_consolidated.xml"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("shared/data/unlist is not beside the repository; TestRead reads an invented list of the same shape")
	}
	if err != nil {
		t.Fatal(err)
	}
	entries, res, err := readAll(data)
	if err != nil {
		t.Fatal(err)
	}
	var births, documents, nationalities, scripts, notes int
	for _, e := range entries {
		births += len(e.Person.Births)
		documents += len(e.Person.Documents) + len(e.Person.NationalIDs)
		nationalities += len(e.Person.Nationalities)
		notes += len(e.Notes)
		for _, n := range e.Person.Names {
			if n.Script != "" {
				scripts++
			}
		}
	}
	t.Logf("read %d, accepted %d, rejected %d, entities %d; births %d, documents %d, nationalities %d, names in other scripts %d, notes %d",
		res.Read, res.Accepted, res.Rejected, res.Entities, births, documents, nationalities, scripts, notes)
	for _, r := range res.Rejections {
		t.Logf("line %d: %s", r.Line, r.Reason)
	}
	if !res.Complete || res.Read != 730 || res.Accepted < 725 || res.Entities != 273 {
		t.Errorf("result %+v", res)
	}
}

func TestCountry(t *testing.T) {
	for text, want := range map[string]ct.State{
		"Afghanistan": "AFG", "the Netherlands": "NLD", "NLD": "NLD", "nl": "NLD", "Türkiye": "TUR", "Turkey": "TUR", "Burma": "MMR", "Zaire": "COD",
		"Democratic People's Republic of Korea": "PRK", "Republic of Korea": "KOR", "Congo": "COG", "Democratic Republic of the Congo": "COD",
		"United Kingdom of Great Britain and Northern Ireland": "GBR", "Iran (Islamic Republic of)": "IRN", "Venezuela (Bolivarian Republic of)": "VEN",
		"State of Palestine": "PSE", "Côte d'Ivoire": "CIV", "Ivory Coast": "CIV", "Kosovo": "RKS", "Bosnia and Herzegovina": "BIH", "Viet Nam": "VNM",
		"Niger": "NER", "Nigeria": "NGA", "Guinea-Bissau": "GNB", "Swaziland": "SWZ", "stateless": "XXA",
		"former Soviet Union": "", "Yugoslavia": "", "na": "NAM", "": "", "Atlantis": "",
	} {
		got, ok := unlist.Country(text)
		if got != want || ok != (want != "") {
			t.Errorf("Country(%q) = %q, %v, want %q", text, got, ok, want)
		}
	}
}

func TestCountryTable(t *testing.T) {
	if bad := unlist.CheckCountryTable(); len(bad) > 0 {
		t.Errorf("rows that cannot be found: %v", bad)
	}
}

func FuzzRead(f *testing.F) {
	data := example(f)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("<CONSOLIDATED_LIST/>"))
	f.Add([]byte("<CONSOLIDATED_LIST><INDIVIDUAL><FIRST_NAME>(</FIRST_NAME><DATAID>1</DATAID></INDIVIDUAL></CONSOLIDATED_LIST>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, res, err := readAll(data)
		if res.Read != res.Accepted+res.Rejected || res.Accepted != len(entries) || err == nil && !res.Complete {
			t.Fatalf("result %+v with %d entries, error %v", res, len(entries), err)
		}
		for _, e := range entries {
			if faults := e.Person.Validate(time.Time{}); len(faults) > 0 {
				t.Fatalf("a person is accepted and not valid: %v", faults)
			}
		}
	})
}
