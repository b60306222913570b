package ct

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// encoding/json takes the last of two equal keys, matches keys without regard
// to case and, for an unknown one, does not say where. A document that is
// signed must mean one thing, so it is walked against its schema first.

// maxJSONDepth is deeper than any document of ours.
const maxJSONDepth = 16

// SyntaxError tells where a JSON document is not what it should be. It never
// holds a value of the document.
type SyntaxError struct {
	Line, Column int    // from 1, the column in bytes
	Field        string // JSON path, empty for the document itself
	Problem      string
}

func (e *SyntaxError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Problem)
	}
	return fmt.Sprintf("%d:%d: %s: %s", e.Line, e.Column, e.Field, e.Problem)
}

func syntaxError(data []byte, offset int, field, problem string) *SyntaxError {
	before := data[:min(max(offset, 0), len(data))]
	return &SyntaxError{
		Line:    1 + bytes.Count(before, []byte("\n")),
		Column:  len(before) - bytes.LastIndexByte(before, '\n'),
		Field:   field,
		Problem: problem,
	}
}

// schema is the JSON shape of a Go type.
type schema struct {
	want   string             // object, array, string, number, bool
	fields map[string]*schema // of an object
	elem   *schema            // of an array
	word   reflect.Type       // a string that this encoding.TextUnmarshaler must accept
	short  bool               // an object that may be written as one string
}

// shortForm marks types whose JSON may also be a plain string.
type shortForm interface{ shortForm() }

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

func schemaOf(t reflect.Type) *schema {
	if reflect.PointerTo(t).Implements(textType) {
		return &schema{want: "string", word: t}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		return &schema{want: "array", elem: schemaOf(t.Elem())}
	case reflect.String:
		return &schema{want: "string"}
	case reflect.Bool:
		return &schema{want: "bool"}
	case reflect.Struct:
		s := &schema{want: "object", fields: map[string]*schema{}, short: t.Implements(reflect.TypeFor[shortForm]())}
		addFields(s, t)
		return s
	}
	return &schema{want: "number"}
}

// addFields adds embedded structs first: an outer field hides an inner one.
func addFields(s *schema, t reflect.Type) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			addFields(s, f.Type)
		}
	}
	for i := range t.NumField() {
		if f := t.Field(i); !f.Anonymous {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			s.fields[name] = schemaOf(f.Type)
		}
	}
}

// decodeStrict fills v from data, which must be one JSON document of the
// schema: no unknown or repeated key, no null (unless nulls, then as if the
// key were absent), nothing behind, valid UTF-8.
func decodeStrict(data []byte, s *schema, nulls bool, v any) error {
	if !utf8.Valid(data) {
		n := 0
		for n < len(data) {
			r, size := utf8.DecodeRune(data[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		return syntaxError(data, n, "", "not valid UTF-8")
	}
	if !json.Valid(data) {
		var raw json.RawMessage
		var bad *json.SyntaxError
		if err := json.Unmarshal(data, &raw); errors.As(err, &bad) {
			return syntaxError(data, int(bad.Offset)-1, "", "malformed JSON: "+bad.Error())
		}
		return syntaxError(data, 0, "", "malformed JSON")
	}
	w := walker{data: data, nulls: nulls}
	w.value(s, 0)
	if w.err != nil {
		return w.err
	}
	if err := json.Unmarshal(data, v); err != nil {
		var bad *json.UnmarshalTypeError
		if errors.As(err, &bad) { // a number that does not fit its type
			return syntaxError(data, int(bad.Offset), bad.Field, "number out of range")
		}
		return syntaxError(data, 0, "", "unreadable document")
	}
	return nil
}

// walker goes through a document known to be well-formed JSON.
type walker struct {
	data  []byte
	pos   int
	path  []byte
	nulls bool
	err   *SyntaxError
}

func (w *walker) fail(at int, problem string) {
	if w.err == nil {
		w.err = syntaxError(w.data, at, string(w.path), problem)
	}
}

// peek skips blanks and gives the next byte.
func (w *walker) peek() byte {
	for strings.IndexByte(" \t\r\n", w.data[w.pos]) >= 0 {
		w.pos++
	}
	return w.data[w.pos]
}

func (w *walker) value(s *schema, depth int) {
	first := w.peek()
	start := w.pos
	have := "number"
	switch first {
	case '{':
		have = "object"
	case '[':
		have = "array"
	case '"':
		have = "string"
	case 't', 'f':
		have = "bool"
	case 'n':
		have = "null"
	}
	switch {
	case depth > maxJSONDepth:
		w.fail(start, "nested too deeply")
		return
	case have == "null" && w.nulls, have == "string" && s.short:
	case have != s.want:
		w.fail(start, "want "+article(s.want)+", got "+article(have))
		return
	}
	switch have {
	case "object":
		w.object(s, depth)
	case "array":
		w.array(s, depth)
	case "string":
		text := w.string()
		if s.word != nil {
			if err := reflect.New(s.word).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
				w.fail(start, err.Error())
			}
		}
	default:
		for w.pos < len(w.data) && strings.IndexByte(",]} \t\r\n", w.data[w.pos]) < 0 {
			w.pos++
		}
	}
}

func article(what string) string {
	switch what {
	case "object", "array":
		return "an " + what
	case "null":
		return what
	}
	return "a " + what
}

func (w *walker) object(s *schema, depth int) {
	seen := make(map[string]bool, 8)
	w.pos++
	for w.err == nil && w.peek() != '}' {
		if w.data[w.pos] == ',' {
			w.pos++
			w.peek()
		}
		at := w.pos
		key := w.string()
		w.peek()
		w.pos++ // the colon
		field, known := s.fields[key]
		if !known {
			if shaped(key, 1, 40, keySet) { // else it may be anything, a person's name too
				w.fail(at, "unknown field "+strconv.Quote(key))
			} else {
				w.fail(at, "unknown field")
			}
			return
		}
		mark := len(w.path)
		if mark > 0 {
			w.path = append(w.path, '.')
		}
		w.path = append(w.path, key...)
		if seen[key] {
			w.fail(at, "given twice")
			return
		}
		seen[key] = true
		w.value(field, depth+1)
		w.path = w.path[:mark]
	}
	w.pos++
}

func (w *walker) array(s *schema, depth int) {
	w.pos++
	for i := 0; w.err == nil && w.peek() != ']'; i++ {
		if w.data[w.pos] == ',' {
			w.pos++
		}
		mark := len(w.path)
		w.path = append(w.path, '[')
		w.path = strconv.AppendInt(w.path, int64(i), 10)
		w.path = append(w.path, ']')
		w.value(s.elem, depth+1)
		w.path = w.path[:mark]
	}
	w.pos++
}

// string reads a JSON string, escapes and all.
func (w *walker) string() string {
	start, escaped := w.pos, false
	for w.pos++; w.data[w.pos] != '"'; w.pos++ {
		if w.data[w.pos] == '\\' {
			escaped = true
			w.pos++
		}
	}
	w.pos++
	quoted := w.data[start:w.pos]
	if !escaped {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		w.fail(start, "malformed string")
	}
	return s
}
