package ct_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

var update = flag.Bool("update", false, "write proto/rules.json anew")

var rulesNow = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// everything has every field of a notification.
const everything = `{
 "topic":"detention","priority":"urgent","tlp":"AMBER","audience":"ALL",
 "event":{"type":"DETAINED","phase":"confirmed","time":"2026-11-20","precision":"day","source":"UTO","transit":["FIN"],"destination":"FRA",
  "legs":[{"mode":"air","carrier":"ZZ","service_no":"ZZ 1","from":{"code":"UTO","state":"UTO","text":"Gate"},"to":{"state":"FRA"},"departs":"2026-11-20T10:00:00Z","arrives":"2026-11-20T12:00:00Z"}],
  "detention":{"authority":"Police","country":"FRA","region":"North","legal_ground":"Article 1","since":"2026-11-20","consular_notified":"yes","consular_time":"2026-11-20T13:00:00Z","expected_release":"2027","expected_transfer":"2027-01"},
  "accompanying":[{"role":"spouse","name":{"full":"Belo Ardanic"},"birth":{"date":"1980"},"note":"first line\nsecond"}]},
 "person":{"names":[{"kind":"primary","parts":["Telvo","Ardanic"],"full":"Telvo Ardanic","script":"Latn","lang":"en","quality":"good","mrz_form":"ARDANIC<<TELVO","confidence":"1","source_ref":"r1"}],
  "births":[{"date":"1970-01-02","calendar":"gregorian"}],"birth_places":[{"state":"UTO","text":"Town"}],"nationalities":["UTO"],"residence":[{"state":"FIN","text":"Town"}],"sex":"M",
  "documents":[{"type":"P","number":"X1234567","issuer":"UTO","issued":"2020","expires":"2030","status":"valid","mrz":"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"}],
  "national_ids":[{"country":"UTO","scheme":"register","value":"11-22"}],"contacts":[{"kind":"email","value":"a@b.example"}],
  "physical":{"height_cm":180,"weight_kg":80,"eyes":"BRO","hair":"BLA","marks":["scar"]},
  "biometrics_available":{"face":true,"fingerprint":true,"iris":true,"dna":true,"contact":"desk 2"},"external_refs":[{"system":"other","value":"1"}],
  "misused_identity":{"names":[{"full":"Omra Velis"}],"births":[{"date":"1971"}],"documents":[{"number":"Z1"}],"note":"lost"},"asylum_or_refugee":false},
 "assessment":{"grounds":["charged","association"],"grounds_text":"why\nand how","designation":"charged","legal_basis":[{"instrument":"treaty","reference":"T 1"}],"purpose":"investigation",
  "source_grade":"A","information_grade":"1","requested_action":"DETAIN_FOR_EXTRADITION","warrant_ref":"W 1"},
 "handling":{"codes":["H1","H2"],"pap":"GREEN","caveats":["no-onward","contact-first"],"orcon":["FIN"],"text":"care"},
 "retention":{"purpose_date":"2027","review_date":"2027-06","expires":"2027-11-20T00:00:00Z","extension_reason":"none"},
 "contact":{"desk":"Desk 1","phone":"+1","email":"d@b.example","ref":"C 1"}}`

func document(t *testing.T, raw string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(raw), &doc); err != nil {
		t.Fatal(err)
	}
	if hasField[ct.Person]("FledFrom") {
		doc["person"].(map[string]any)["fled_from"] = []any{"FIN"}
	}
	if hasField[ct.Leg]("PNRHash") {
		doc["event"].(map[string]any)["legs"].([]any)[0].(map[string]any)["pnr_locator_ref"] = strings.Repeat("0a", 32)
		doc["person"].(map[string]any)["contacts"].([]any)[0].(map[string]any)["hashed"] = false
	}
	return doc
}

func hasField[T any](name string) bool {
	_, ok := reflect.TypeFor[T]().FieldByName(name)
	return ok
}

// refusals gives what herald and the schema say to a document; "" for nothing.
func refusals(doc map[string]any, schema map[string]any) (herald, bySchema string) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err.Error(), err.Error()
	}
	n, err := ct.DecodeNotification(bytes.NewReader(raw))
	if err == nil {
		err = n.Validate(rulesNow, ct.Policy{}).Err()
	}
	if err != nil {
		herald = err.Error()
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		return herald, err.Error()
	}
	return herald, fits(plain, schema, schema, "")
}

// plainSchema is the schema as a program reads it.
func plainSchema(t *testing.T) map[string]any {
	t.Helper()
	raw, err := json.Marshal(ct.JSONSchema())
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Every field has a row, each row is in the document of everything, and what
// breaks one is refused by herald and by the schema alike.
func TestRulesHold(t *testing.T) {
	schema := plainSchema(t)
	if h, s := refusals(document(t, everything), schema); h != "" || s != "" {
		t.Fatalf("the whole document is refused: %q, %q", h, s)
	}
	for _, r := range ct.Rules() {
		if !ct.HasRule(r.Field) {
			t.Errorf("%s has no row in the table of rules", r.Field)
			continue
		}
		broken := 0
		for what, mutate := range violations(r) {
			doc := document(t, everything)
			parent, key := find(doc, reflect.TypeFor[ct.Notification](), r.Field)
			if parent == nil {
				t.Errorf("%s is not in the document of everything", r.Field)
				break
			}
			mutate(parent, key)
			broken++
			if h, s := refusals(doc, schema); h == "" || s == "" {
				t.Errorf("%s, %s: herald says %q, the schema %q", r.Field, what, h, s)
			}
		}
		if broken == 0 && !slices.Contains([]string{"Notification.handling", "Event.detention", "Companion.name", "Companion.birth", "Leg.from", "Leg.to"}, r.Field) {
			t.Errorf("%s: nothing was tried", r.Field)
		}
		if r.MaxChars > 0 && r.Codes == nil && !strings.HasSuffix(r.Field, ".mrz") && r.Field != "Event.time" && r.Field != "PersonContact.value" && r.Field != "ContactHash.value" {
			doc := document(t, everything)
			parent, key := find(doc, reflect.TypeFor[ct.Notification](), r.Field)
			put(parent, key, strings.Repeat("é", r.MaxChars))
			if h, s := refusals(doc, schema); h != "" || s != "" {
				t.Errorf("%s of %d characters is refused: %q, %q", r.Field, r.MaxChars, h, s)
			}
		}
	}
}

// put sets a text, or the elements of a list of texts.
func put(parent map[string]any, key string, s any) {
	if _, ok := parent[key].([]any); ok {
		s = []any{s}
	}
	parent[key] = s
}

// violations are the ways in which a rule can be broken.
func violations(r ct.Rule) map[string]func(map[string]any, string) {
	out := map[string]func(map[string]any, string){
		"another type": func(p map[string]any, k string) { p[k] = []any{map[string]any{"no-such-field": 1.0}} },
	}
	if r.Required {
		out["missing"] = func(p map[string]any, k string) { delete(p, k) }
	}
	switch {
	case r.Codes != nil:
		out["another word"] = func(p map[string]any, k string) { put(p, k, "no-such-word") }
	case r.Pattern != "" || r.Form != "":
		out["another form"] = func(p map[string]any, k string) { put(p, k, "?!") }
	case r.MaxChars > 0:
		out["too long"] = func(p map[string]any, k string) { put(p, k, strings.Repeat("x", r.MaxChars+1)) }
		out["a control character"] = func(p map[string]any, k string) { put(p, k, "a\x01b") }
		out["a blank at an end"] = func(p map[string]any, k string) { put(p, k, "a ") }
		if !r.Lines {
			out["two lines"] = func(p map[string]any, k string) { put(p, k, "a\nb") }
		}
	}
	if r.MaxItems > 0 {
		out["too many"] = func(p map[string]any, k string) {
			first := p[k].([]any)[0]
			list := []any{}
			for i := range r.MaxItems + 1 {
				if r.Form == ct.FormState {
					first = string(ct.Countries()[i].State)
				}
				list = append(list, first)
			}
			p[k] = list
		}
	}
	if r.MinItems > 0 {
		out["empty"] = func(p map[string]any, k string) { p[k] = []any{} }
	}
	if r.Unique {
		out["twice"] = func(p map[string]any, k string) { first := p[k].([]any)[0]; p[k] = []any{first, first} }
	}
	if r.Max > 0 {
		out["too large"] = func(p map[string]any, k string) { p[k] = r.Max + 1 }
		if r.Min > 1 {
			out["too small"] = func(p map[string]any, k string) { p[k] = r.Min - 1 }
		}
	}
	return out
}

// find gives the first object in which a field of a type stands.
func find(node any, t reflect.Type, field string) (map[string]any, string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice {
		if list, ok := node.([]any); ok && len(list) > 0 {
			return find(list[0], t.Elem(), field)
		}
		return nil, ""
	}
	object, ok := node.(map[string]any)
	if t.Kind() != reflect.Struct || !ok {
		return nil, ""
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		_, there := object[name]
		switch {
		case f.Anonymous:
			if p, k := find(object, f.Type, field); p != nil {
				return p, k
			}
		case there && t.Name()+"."+name == field:
			return object, name
		case there:
			if p, k := find(object[name], f.Type, field); p != nil {
				return p, k
			}
		}
	}
	return nil, ""
}

// Rules between fields that a schema can express.
func TestRulesBetweenFields(t *testing.T) {
	schema := plainSchema(t)
	set := func(path string, v any) func(map[string]any) {
		return func(doc map[string]any) {
			keys := strings.Split(path, ".")
			for _, k := range keys[:len(keys)-1] {
				if list, ok := doc[k].([]any); ok {
					doc = list[0].(map[string]any)
				} else {
					doc = doc[k].(map[string]any)
				}
			}
			if v == nil {
				delete(doc, keys[len(keys)-1])
			} else {
				doc[keys[len(keys)-1]] = v
			}
		}
	}
	for name, mutate := range map[string]func(map[string]any){
		"another topic":       set("topic", "travel"),
		"phase of a type":     set("event.phase", "planned"),
		"no time":             set("event.time", nil),
		"no detention":        set("event.detention", nil),
		"no warrant":          set("assessment.warrant_ref", nil),
		"a bystander":         set("assessment.designation", "witness-or-victim"),
		"treaty without name": set("assessment.legal_basis.reference", nil),
		"consular time":       set("event.detention.consular_notified", "no"),
		"a name of nothing":   set("person.names", []any{map[string]any{"kind": "alias"}}),
		"a place of nothing":  set("person.residence", []any{map[string]any{"source_ref": "x"}}),
		"unknown field":       set("person.religion", "x"),
	} {
		doc := document(t, everything)
		mutate(doc)
		if h, s := refusals(doc, schema); h == "" || s == "" {
			t.Errorf("%s: herald says %q, the schema %q", name, h, s)
		}
	}
	// One who only belongs to somebody: with all of these it is whole, and each
	// thing that speaks of suspicion is refused by itself.
	harmless := map[string]any{"assessment.designation": "family-member", "assessment.grounds": []any{"association"}, "assessment.requested_action": "NOTIFY_ONLY", "assessment.warrant_ref": nil}
	for path, v := range map[string]any{
		"": nil, "assessment.grounds": []any{"association", "charged"}, "assessment.warrant_ref": "W 1",
		"assessment.requested_action": "REFUSE_ENTRY",
	} {
		doc := document(t, everything)
		for p, v := range harmless {
			set(p, v)(doc)
		}
		if path != "" {
			set(path, v)(doc)
		}
		if h, s := refusals(doc, schema); (h == "") != (path == "") || (s == "") != (path == "") {
			t.Errorf("a family member with %s %v: herald says %q, the schema %q", path, v, h, s)
		}
	}
}

// proto/rules.json is the table: other implementations read it.
func TestRulesDocument(t *testing.T) {
	path := filepath.Join("..", "..", "proto", "rules.json")
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(ct.RulesDocument()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not the table of rules: go test ./node/ct -run TestRulesDocument -update (%v)", path, err)
	}
}

// fits checks a value against a JSON Schema, as far as ours goes, and tells
// where it does not; a keyword that it does not know is told too.
func fits(v any, schema, root map[string]any, path string) string {
	if ref, ok := schema["$ref"].(string); ok {
		return fits(v, root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any), root, path)
	}
	sub := func(key string) (map[string]any, bool) { s, ok := schema[key].(map[string]any); return s, ok }
	object, isObject := v.(map[string]any)
	list, isList := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	for key, x := range schema {
		bad := false
		switch key {
		case "$schema", "title", "description", "$defs", "then":
		case "type":
			_, isBool := v.(bool)
			bad = !map[string]bool{"object": isObject, "array": isList, "string": isText, "integer": isNumber && number == float64(int(number)), "boolean": isBool}[x.(string)]
		case "enum":
			bad = !slices.ContainsFunc(x.([]any), func(e any) bool { return reflect.DeepEqual(e, v) })
		case "const":
			bad = !reflect.DeepEqual(x, v)
		case "pattern":
			bad = isText && !regexp.MustCompile(x.(string)).MatchString(text)
		case "minLength":
			bad = isText && utf8.RuneCountInString(text) < int(x.(float64))
		case "maxLength":
			bad = isText && utf8.RuneCountInString(text) > int(x.(float64))
		case "minimum":
			bad = isNumber && number < x.(float64)
		case "maximum":
			bad = isNumber && number > x.(float64)
		case "minItems":
			bad = isList && len(list) < int(x.(float64))
		case "maxItems":
			bad = isList && len(list) > int(x.(float64))
		case "uniqueItems":
			for i := range list {
				bad = bad || slices.ContainsFunc(list[:i], func(e any) bool { return reflect.DeepEqual(e, list[i]) })
			}
		case "items":
			for i, e := range list {
				if why := fits(e, x.(map[string]any), root, fmt.Sprintf("%s[%d]", path, i)); why != "" {
					return why
				}
			}
		case "required":
			for _, k := range x.([]any) {
				if _, ok := object[k.(string)]; isObject && !ok {
					return path + ": no " + k.(string)
				}
			}
		case "properties":
			for k, s := range x.(map[string]any) {
				if e, ok := object[k]; ok {
					if why := fits(e, s.(map[string]any), root, path+"."+k); why != "" {
						return why
					}
				}
			}
		case "additionalProperties":
			properties, _ := sub("properties")
			for k := range object {
				if _, ok := properties[k]; !ok {
					return path + ": unknown " + k
				}
			}
		case "allOf":
			for _, s := range x.([]any) {
				if why := fits(v, s.(map[string]any), root, path); why != "" {
					return why
				}
			}
		case "anyOf":
			bad = !slices.ContainsFunc(x.([]any), func(s any) bool { return fits(v, s.(map[string]any), root, path) == "" })
		case "not":
			bad = fits(v, x.(map[string]any), root, path) == ""
		case "if":
			then, _ := sub("then")
			if fits(v, x.(map[string]any), root, path) == "" {
				if why := fits(v, then, root, path); why != "" {
					return why
				}
			}
		default:
			return "unknown keyword " + key
		}
		if bad {
			return path + ": " + key
		}
	}
	return ""
}

// What herald example prints fits the schema.
func TestExamplesFitTheSchema(t *testing.T) {
	schema := plainSchema(t)
	for _, topic := range []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention} {
		for seed := range uint64(20) {
			raw, err := json.Marshal(synth.New(seed).Notification(topic, rulesNow))
			if err != nil {
				t.Fatal(err)
			}
			var doc map[string]any
			if err := json.Unmarshal(raw, &doc); err != nil {
				t.Fatal(err)
			}
			if h, s := refusals(doc, schema); h != "" || s != "" {
				t.Errorf("%s, seed %d: %q, %q", topic, seed, h, s)
			}
		}
	}
}
