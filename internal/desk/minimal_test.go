package desk_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What of a person leaves with a question, and what stays. A new field of a
// person is in neither list and fails here until somebody has decided.
var (
	leaves = []string{
		"names.parts", "names.full", "names.quality", "names.mrz_form", "births.date", "nationalities",
		"documents.number", "documents.issuer", "national_ids.country", "national_ids.value",
	}
	stays = []string{
		"names.kind", "names.script", "names.lang", "names.confidence", "names.source_ref",
		"births.calendar", "births.confidence", "births.source_ref",
		"birth_places.state", "birth_places.text", "birth_places.confidence", "birth_places.source_ref",
		"residence.state", "residence.text", "residence.confidence", "residence.source_ref", "sex",
		"documents.type", "documents.issued", "documents.expires", "documents.status", "documents.mrz", "documents.confidence", "documents.source_ref",
		"national_ids.scheme", "national_ids.confidence", "national_ids.source_ref",
		"contacts.kind", "contacts.value", "contacts.confidence", "contacts.source_ref",
		"physical.height_cm", "physical.weight_kg", "physical.eyes", "physical.hair", "physical.marks", "physical.confidence", "physical.source_ref",
		"biometrics_available.face", "biometrics_available.fingerprint", "biometrics_available.iris", "biometrics_available.dna", "biometrics_available.contact",
		"external_refs.system", "external_refs.value", "misused_identity.names", "misused_identity.births", "misused_identity.documents", "misused_identity.note",
		"asylum_or_refugee", "fled_from",
	}
)

// leaf calls fn for every value of a person, by its JSON path, in a person of
// which everything is filled. The misused identity is not entered.
func leaf(v reflect.Value, path string, fn func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		leaf(v.Elem(), path, fn)
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		if v.Type().Elem().Kind() != reflect.Struct || strings.HasPrefix(path, "misused_identity.") {
			fn(path, v)
			return
		}
		leaf(v.Index(0), path, fn)
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			leaf(v.Field(i), strings.Trim(path+"."+name, "."), fn)
		}
	default:
		fn(path, v)
	}
}

// S22: by default a question holds no contact, no description, no biometric, no
// flag: nothing but what is compared.
func TestQueryIsMinimal(t *testing.T) {
	var p ct.Person
	var paths []string
	leaf(reflect.ValueOf(&p).Elem(), "", func(path string, v reflect.Value) {
		paths = append(paths, path)
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Uint32:
			v.SetUint(1)
		}
	})
	for _, path := range paths {
		if slices.Contains(leaves, path) == slices.Contains(stays, path) {
			t.Errorf("%s: does it leave with a question? Nobody has decided", path)
		}
	}
	if len(paths) != len(leaves)+len(stays) {
		t.Errorf("%d values, %d decided about", len(paths), len(leaves)+len(stays))
	}
	m := match.Minimal(&p)
	var left []string
	v := reflect.ValueOf(m)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			continue
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if f := v.Field(i); f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct {
			collect(f.Index(0), name, &left)
			continue
		}
		left = append(left, name)
	}
	slices.Sort(left)
	want := slices.Sorted(slices.Values(leaves))
	if !slices.Equal(left, want) {
		t.Errorf("leaves %v\nwant %v", left, want)
	}
	if !match.IsMinimal(&m) || match.IsMinimal(&p) {
		t.Error("what is minimal is not told from what is not")
	}
}

func collect(v reflect.Value, path string, out *[]string) {
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		switch f := v.Field(i); {
		case f.IsZero():
		case name == "": // what every value carries beside itself
			collect(f, path, out)
		default:
			*out = append(*out, path+"."+name)
		}
	}
}

// Nothing else is on the wire, at the responder or in a journal, and a responder
// refuses a question with more in it.
func TestNothingElseOfThePersonTravels(t *testing.T) {
	_, a, b := knowing(t)
	p := wanted()
	p.Contacts = []ct.PersonContact{{Kind: "phone", Value: "+35800000001"}}
	p.Residence = []ct.PlaceOfLife{{State: "UTO", Text: "CANARY street 5"}}
	p.Physical = &ct.Physical{HeightCM: 182, Marks: []string{"CANARY scar"}}
	p.Biometrics = &ct.Biometrics{DNA: true, Contact: "CANARY lab"}
	p.FledFrom, p.Nationalities = []ct.State{"KEN"}, nil
	p.Names[0].SourceRef = "CANARY-informant-7"
	var sent []byte
	a.ask = func(ctx context.Context, to *node, raw []byte) ([]byte, error) {
		sent = raw
		return a.call(ctx, to, raw)
	}
	if got, _ := ask(t, a, query(p, "FIN")); got["FIN"].Answer != desk.AnswerPossible {
		t.Fatalf("answer %+v", got["FIN"])
	}
	r, _, err := wire.DecodeMatchRequest(sent)
	must(t, err)
	if !match.IsMinimal(&r.Person) || strings.Contains(string(sent), "CANARY") || strings.Contains(string(sent), "+358") || strings.Contains(string(opened(t, b)), "CANARY") {
		t.Error("more of the person has left than is compared")
	}
	for name, change := range map[string]func(*ct.Person){
		"a phone":      func(p *ct.Person) { p.Contacts = []ct.PersonContact{{Kind: "phone", Value: "+35800000001"}} },
		"a biometric":  func(p *ct.Person) { p.Biometrics = &ct.Biometrics{DNA: true} },
		"asylum":       func(p *ct.Person) { p.AsylumOrRefugee = true },
		"a source":     func(p *ct.Person) { p.Names[0].SourceRef = "informant-7" },
		"a remark":     func(p *ct.Person) { p.MisusedIdentity = &ct.Misused{Note: "a remark"} },
		"a birthplace": func(p *ct.Person) { p.BirthPlaces = []ct.PlaceOfLife{{State: "FIN"}} },
	} {
		p := match.Minimal(&r.Person)
		change(&p)
		got := decodeAnswer(t, b.desk.Answer(within(t), a.key.Public(), a.signed(b, p, "o", "c")))
		if got.Verdict != wire.MatchRefused || got.Reason != "person-fields" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
