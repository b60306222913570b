package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string // raw@line:column
		err      string
	}{
		{"one", ` {"a":1} `, []string{`{"a":1}@1:2`}, ""},
		{"one over lines", "{\n\"a\":1\n}\n", []string{"{\n\"a\":1\n}@1:1"}, ""},
		{"lines", "{}\n\n {\"b\":2}\n", []string{`{}@1:1`, `{"b":2}@3:2`}, ""},
		{"side by side", "{}{}", []string{`{}@1:1`, `{}@1:3`}, ""},
		{"array", "[{},\n {\"c\":3}]", []string{`{}@1:2`, `{"c":3}@2:2`}, ""},
		{"byte order mark", "\xef\xbb\xbf{}", []string{`{}@1:1`}, ""},
		{"nothing", " \n", nil, "f: no document in it"},
		{"empty array", "[]", nil, "f: no document in it"},
		{"cut off", "{}\n{\"a\":", nil, "f:2:6: malformed JSON: unexpected end of JSON input"},
		{"no value", "{}\n{\"a\":}", nil, "f:2:6: malformed JSON: invalid character '}'"},
		{"stray word", "{}\nx", nil, "f:2:1: malformed JSON: invalid character 'x'"},
		{"array cut off", "[{},", nil, "f:1:5: malformed JSON"},
		{"array broken", "[{},\n{\"a\" 1}]", nil, "f:2:6: malformed JSON: invalid character '1'"},
		{"behind the array", "[{}]\n{}", nil, "f:2:2: something stands behind the array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, err := documents("f", []byte(c.in))
			if c.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.err) {
					t.Fatalf("got %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range docs {
				got = append(got, fmt.Sprintf("%s@%d:%d", d.raw, d.line, d.column))
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLocated(t *testing.T) {
	docs, err := documents("f.json", []byte("[{},\n  {\"topic\":1}, {\n\"topic\":\n2}]"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{1: "f.json:2:12: topic: ", 2: "f.json:4:1: topic: "} {
		if want == "" {
			continue
		}
		_, err := ct.DecodeNotification(bytes.NewReader(docs[i].raw))
		if got := docs[i].located(err).Error(); !strings.HasPrefix(got, want) {
			t.Errorf("document %d: got %q, want %q", i, got, want)
		}
	}
}

// Whatever is in a file, splitting it neither panics nor loses a byte of a
// document, and every place it names is in the file.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{`{}`, "[{},{}]", "{\"a\":1}\n{}", "[1", "\xef\xbb\xbf[]", "[}", "{\"a\":\"\xff\"}", "nulltrue", "[1]2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := documents("f", data)
		if err != nil {
			if exitCode(err) != exitUsage {
				t.Errorf("broken input is the caller's fault: %v", err)
			}
			return
		}
		body := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		lines := bytes.Split(body, []byte("\n"))
		for _, d := range docs {
			if !json.Valid(d.raw) {
				t.Fatalf("not JSON: %q", d.raw)
			}
			rest := bytes.Join(lines[d.line-1:], []byte("\n"))
			if !bytes.HasPrefix(rest[d.column-1:], d.raw) {
				t.Fatalf("%q does not stand at %d:%d", d.raw, d.line, d.column)
			}
		}
	})
}
