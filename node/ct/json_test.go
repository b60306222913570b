package ct_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

func TestDecodeNotificationRoundTrip(t *testing.T) {
	for _, topic := range []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention} {
		n := synthetic(topic)
		var b bytes.Buffer
		if err := ct.EncodeJSON(&b, n); err != nil {
			t.Fatal(err)
		}
		back, err := ct.DecodeNotification(&b)
		if err != nil {
			t.Fatalf("%v: %v", topic, err)
		}
		if !reflect.DeepEqual(n, back) {
			t.Errorf("%v: differs after a round trip", topic)
		}
	}
}

func TestDecodeNotificationRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want string
	}{
		{"empty", " \n", "document is empty"},
		{"unknown field", "{\n  \"person\": {\"names\": [{\"full\": \"x\"}],\n    \"religion\": \"x\"}}", `3:5: person: unknown field "religion"`},
		{"field in capitals", `{"PERSON": {}}`, `1:2: unknown field "PERSON"`},
		{"field twice", "{\"person\": {\"sex\": \"M\",\n\"sex\": \"F\"}}", "2:1: person.sex: given twice"},
		{"field twice, once escaped", `{"person": {"sex": "M", "s\u0065x": "F"}}`, "1:25: person.sex: given twice"},
		{"wrong type", "{\"person\": {\"births\": [{\"date\": \"1965\"},\n {\"date\": 1965}]}}", "2:11: person.births[1].date: want a string, got a number"},
		{"object for a list", `{"person": {"names": {}}}`, "1:22: person.names: want an array, got an object"},
		{"string for an object", `{"person": "x"}`, "1:12: person: want an object, got a string"},
		{"string for a bool", `{"person": {"asylum_or_refugee": "yes"}}`, "1:34: person.asylum_or_refugee: want a bool, got a string"},
		{"null", `{"person": null}`, "1:12: person: want an object, got null"},
		{"null for a string", `{"event": {"phase": null}}`, "1:21: event.phase: want a string, got null"},
		{"negative", `{"person": {"physical": {"height_cm": -1}}}`, "number out of range"},
		{"fraction", `{"person": {"physical": {"height_cm": 1.8}}}`, "number out of range"},
		{"unknown priority", `{"priority": "soon"}`, "1:14: priority: priority is not one of routine, urgent, flash"},
		{"unknown topic", `{"topic": "rumour"}`, "1:11: topic: topic is not one of control, travel"},
		{"malformed", "{\n\"person\": {,}}", "2:12: malformed JSON: invalid character ','"},
		{"cut off", `{"person": {`, "malformed JSON: unexpected end"},
		{"two documents", "{}\n{}", "2:1: malformed JSON: invalid character '{' after top-level value"},
		{"not an object", `[]`, "1:1: want an object, got an array"},
		{"not UTF-8", "{\"contact\": {\"desk\": \"\xff\"}}", "1:23: not valid UTF-8"},
		{"deep", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "want an object, got an array"},
		{"deeper than JSON allows", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "malformed JSON"},
		{"large", `{"contact": {"desk": "` + strings.Repeat("x", ct.MaxJSON) + `"}}`, "document of more than 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ct.DecodeNotification(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestDecodeErrorsQuoteNoValue(t *testing.T) {
	const canary = "Canariensis"
	for _, in := range []string{
		`{"person": {"sex": ["` + canary + `"]}}`,
		`{"topic": "` + canary + `"}`,
		`{"person": {"names": [{"full": "` + canary + `"}, {"full": "` + canary + `"`,
		`{"person": {"names": ["` + canary + `"]}}`,
		`{"person": {"Maria ` + canary + `": 1}}`,
		`{"person": {"physical": {"height_cm": 777777777777777}}}`,
	} {
		_, err := ct.DecodeNotification(strings.NewReader(in))
		if err == nil {
			t.Fatalf("%s is accepted", in)
		}
		if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "7777") {
			t.Errorf("the error quotes the document: %v", err)
		}
	}
}

func TestDecodeNotificationAcceptsMarkAndAlias(t *testing.T) {
	n, err := ct.DecodeNotification(strings.NewReader("\xef\xbb\xbf{\"person\": {\"nationalities\": [\"D\", \"uto\"]}}"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []ct.State{"DEU", "UTO"}; !reflect.DeepEqual(n.Person.Nationalities, want) {
		t.Errorf("got %v, want %v", n.Person.Nationalities, want)
	}
}

func TestDecodeQuery(t *testing.T) {
	full := &ct.Person{Names: []ct.Name{{Full: "Norel Havistan"}}, Births: []ct.Birth{{Date: "1965"}},
		Nationalities: []ct.State{"UTO"}, Documents: []ct.Document{{Number: "L898902C3"}}}
	tests := []struct {
		name string
		in   string
		want *ct.Person
		err  string
	}{
		{"short form", `{"name":"Norel Havistan","birth":"1965","nationality":"UTO","document":"L898902C3"}`, full, ""},
		{"person", `{"names":[{"full":"Norel Havistan"}],"births":[{"date":"1965"}],"nationalities":["UTO"],"documents":[{"number":"L898902C3"}]}`, full, ""},
		{"document alone", `{"document":"L898902C3"}`, &ct.Person{Documents: []ct.Document{{Number: "L898902C3"}}}, ""},
		{"document alone, wrong date", `{"document":"L898902C3","birth":"1965-13"}`, nil, "births[0].date: impossible date"},
		{"nothing", `{}`, nil, "names: missing"},
		{"birth alone", `{"birth":"1965"}`, nil, "names: missing"},
		{"both forms", `{"name":"Norel","births":[]}`, nil, `unknown field "births"`},
		{"list", `[]`, nil, "want an object"},
		{"wrong type", `{"name":7}`, nil, "1:9: name: want a string, got a number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ct.DecodeQuery(strings.NewReader(tt.in))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(p, tt.want) {
				t.Error("another person than asked for")
			}
		})
	}
}

func TestDecodeListEntry(t *testing.T) {
	line := `{"id":"L-1","names":[{"full":"Norel Havistan","quality":"good","script":"Latn"},{"full":"Норель","script":"Cyrl","quality":null}],` +
		`"births":["1965",{"date":"1966-7-4","calendar":"hijri"}],"nationalities":["UTO","D"],"documents":["L898902C3",{"type":"P","number":"X1","issuer":"UTO"}],"sex":null}`
	want := ct.ListPerson{ID: "L-1", Person: ct.Person{
		Names:         []ct.Name{{Full: "Norel Havistan", Quality: "good", Script: "Latn"}, {Full: "Норель", Script: "Cyrl"}},
		Births:        []ct.Birth{{Date: "1965"}, {Date: "1966-7-4", Calendar: "hijri"}},
		Nationalities: []ct.State{"UTO", "DEU"},
		Documents:     []ct.Document{{Number: "L898902C3"}, {Type: "P", Number: "X1", Issuer: "UTO"}},
	}}
	got, err := ct.DecodeListEntry([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("another entry than the line's")
	}
	for in, want := range map[string]string{
		`{"names":[{"full":"x"}]}`:                                    "id: missing",
		`{"id":"1","names":[]}`:                                       "names: missing",
		`{"id":"1","names":null}`:                                     "names: missing",
		`{"id":"1","names":["x"]}`:                                    "1:20: names[0]: want an object, got a string",
		`{"id":"1","names":[{"full":"x"}],"births":["1965-02-30"]}`:   "births[0].date: impossible date",
		`{"id":"1","names":[{"full":"x"}],"births":[{"day":"1965"}]}`: `births[0]: unknown field "day"`,
		`{"id":"1","names":[{"full":"x"}],"documents":[7]}`:           "documents[0]: want an object, got a number",
		`{"id":"1","names":[{"full":"x"}],"party":"x"}`:               `unknown field "party"`,
		`{"id":"1","id":"2","names":[{"full":"x"}]}`:                  "id: given twice",
		``: "malformed JSON",
	} {
		if _, err := ct.DecodeListEntry([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v\nwant %s", in, err, want)
		}
	}
}

func TestEntryJSON(t *testing.T) {
	e := ct.Entry{
		ID: ct.ID{1}, Log: ct.LogID{2}, Seq: 3, Cursor: 4, State: "UTO", Kind: 77, Topic: ct.TopicArrival,
		Issued: ct.MillisOf(now), Expires: ct.MillisOf(now) + 1, Priority: ct.PriorityFlash, TLP: ct.TLPRed, Audience: ct.AudienceAll,
		Refs: []ct.Ref{{Log: ct.LogID{5}, Seq: 6, ID: ct.ID{7}}}, BodySize: 8, Exercise: true, Readable: true,
		Notification: synthetic(ct.TopicArrival), Retraction: &ct.Retraction{Reason: "error"},
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"seq":3`, `"cursor":4`, `"state":"UTO"`, `"kind":"unknown(77)"`, `"topic":"arrival"`,
		`"issued":"2026-11-23T09:30:00.000Z"`, `"expires":"2026-11-23T09:30:00.001Z"`, `"readable":true`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in the JSON", want)
		}
	}
	var back ct.Entry
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(e, back) {
		t.Error("differs after a round trip")
	}
}

// FuzzDecodeNotification: whatever decodes is within the schema, so it decodes
// again from its own encoding to the same value, and stands validation.
func FuzzDecodeNotification(f *testing.F) {
	var b bytes.Buffer
	if err := ct.EncodeJSON(&b, synthetic(ct.TopicArrival)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"person": {"names": [{"full": "x", "parts": ["\u0061"]}], "physical": {"height_cm": 180}}}`))
	f.Add([]byte(`{"topic": "unknown(9)", "person": {"sex": "M", "s\u0065x": "F"}}`))
	f.Add([]byte("{\n\"person\": {,}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ct.DecodeNotification(bytes.NewReader(data))
		if err != nil {
			var bad *ct.SyntaxError
			if errors.As(err, &bad) && (bad.Line < 1 || bad.Column < 1) {
				t.Fatalf("place %d:%d", bad.Line, bad.Column)
			}
			return
		}
		n.Validate(now, ct.Policy{})
		n.Topic, n.Priority, n.TLP, n.Audience = ct.TopicArrival, ct.PriorityFlash, ct.TLPRed, ct.AudienceAll // 0 has no JSON form
		var first, second bytes.Buffer
		if err := ct.EncodeJSON(&first, n); err != nil {
			t.Fatal(err)
		}
		if first.Len() > ct.MaxJSON {
			return
		}
		again, err := ct.DecodeNotification(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("its own encoding is refused: %v", err)
		}
		if err := ct.EncodeJSON(&second, again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatal("encodes otherwise the second time")
		}
	})
}

// FuzzDecodeListEntry: no line breaks the reader, and what it accepts is valid.
func FuzzDecodeListEntry(f *testing.F) {
	f.Add([]byte(`{"id":"L-1","names":[{"full":"Norel Havistan","quality":"good","script":"Latn"}],"births":["1965",{"date":"1966"}],"documents":["X",null]}`))
	f.Add([]byte(`{"id":"1","names":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ct.DecodeListEntry(line)
		if err == nil && (e.ID == "" || e.Validate(now).Has("names", ct.FaultMissing)) {
			t.Fatal("an entry without id or name is accepted")
		}
	})
}

func BenchmarkDecodeListEntry(b *testing.B) {
	line := []byte(`{"id":"L-1","names":[{"full":"Norel Havistan","quality":"good","script":"Latn"},{"full":"Norel Avistan","quality":"low","script":"Latn"}],"births":["1965-07-04"],"nationalities":["UTO"],"documents":["L898902C3"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ct.DecodeListEntry(line); err != nil {
			b.Fatal(err)
		}
	}
}
