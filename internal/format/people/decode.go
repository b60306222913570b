package people

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/herald-net/herald/internal/format/value"
	"github.com/herald-net/herald/node/ct"
)

// decode reads one entry in JSON. What is as it should be, which is nearly all
// of a list, is read at once; else every value is looked at by itself.
func decode(raw []byte, now time.Time) Entry {
	if e, err := ct.DecodeListEntry(raw); err == nil && usual(&e, now) {
		return Entry{ID: e.ID, Person: e.Person}
	}
	tree, err := parse(raw)
	if err != nil {
		// The id of what cannot be read keeps the entry that is held.
		return Entry{ID: idIn(raw), Fault: err.Error()}
	}
	return mend(tree, now)
}

// usual tells whether nothing of the entry could be read better.
func usual(e *ct.ListPerson, now time.Time) bool {
	for _, b := range e.Births {
		if births, note := value.Births(b.Date, now); note != "" || len(births) != 1 || births[0].Date != b.Date {
			return false
		}
	}
	for _, d := range e.Documents {
		if n, note := value.Number(d.Number); note != "" || n != d.Number {
			return false
		}
	}
	for _, n := range e.Names {
		if value.Line(n.Full) != n.Full {
			return false
		}
	}
	return true
}

var idField = regexp.MustCompile(`"id"\s*:\s*("(?:[^"\\]|\\.)*")`)

// idIn finds the id in what is no JSON.
func idIn(raw []byte) (id string) {
	m := idField.FindSubmatch(raw)
	if m == nil || json.Unmarshal(m[1], &id) != nil {
		return ""
	}
	return id
}

// object keeps the order of its fields and tells of one that is given twice.
type object struct {
	keys   []string
	values map[string]any
}

const maxDepth = 16

// parse reads a JSON object: its values are object, []any, string, json.Number,
// bool and nil.
func parse(raw []byte) (*object, error) {
	if len(raw) > ct.MaxJSON {
		return nil, fmt.Errorf("line of %d bytes, at most %d", len(raw), ct.MaxJSON)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err == nil && d.InputOffset() < int64(len(bytes.TrimRight(raw, " \t\r\n"))) {
		err = fmt.Errorf("column %d: malformed JSON: something stands behind the entry", d.InputOffset()+1)
	}
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("column %d: malformed JSON: %w", max(syntax.Offset, 1), syntax)
	case err != nil && d.InputOffset() >= int64(len(raw)):
		return nil, fmt.Errorf("column %d: malformed JSON: it is cut off", len(raw)+1)
	case err != nil:
		return nil, err
	}
	o, ok := v.(*object)
	if !ok {
		return nil, errors.New("want an object {\"id\",\"names\"}")
	}
	return o, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	switch tok {
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			tok, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, ok := tok.(string)
			if !ok {
				return nil, errors.New("malformed JSON: a field without a name")
			}
			if _, twice := o.values[key]; twice {
				return nil, errors.New(field("", key) + ": given twice")
			}
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			o.keys, o.values[key] = append(o.keys, key), v
		}
		_, err := d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return tok, nil
}
