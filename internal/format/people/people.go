// Package people reads lists of persons: the UN Consolidated List (XML), or a
// State's own list in JSON: an entry a line, objects over several lines, or the
// elements of one array. Import and screening read through it, so that both take
// the same forms.
//
// A value that cannot be read costs that value and is told with its line and
// field; a person is rejected only without a usable id or without a usable
// name. It neither stores nor compares anybody.
package people

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// Entry is one row of a list: a person, or with a fault why it is none. ID may
// be known of a row with a fault too.
type Entry struct {
	Line   int // from 1
	ID     string
	Person ct.Person
	Left   []Left // out of Person
	Fault  string
	Rows   int // of the list that are in it
}

// Left is a value that was left out, or is kept but not compared: where it
// stands and why, never what it is.
type Left struct {
	Line  int
	Field string
	Why   string
	Kept  bool
}

// Format and LogValue keep persons out of logs and errors.
func (Entry) Format(f fmt.State, _ rune) { io.WriteString(f, "list entry(redacted)") }
func (Entry) LogValue() slog.Value       { return slog.StringValue("list entry(redacted)") }

// Row is a row as it stands in the list. It is good until the next one, but
// when it is kept with Keep.
type Row struct {
	line  int
	raw   []byte
	fault string
	entry *Entry // of a list that is decoded while it is read
}

// Keep makes the row good for longer.
func (r *Row) Keep() { r.raw = bytes.Clone(r.raw) }

// Decode reads the row. A birth after now is told.
func (r *Row) Decode(now time.Time) Entry {
	e := r.decode(now)
	for _, f := range match.Unread(&e.Person) {
		e.Left = append(e.Left, Left{Line: e.Line, Field: f.Field, Why: f.Fault, Kept: true})
	}
	return e
}

func (r *Row) decode(now time.Time) Entry {
	switch {
	case r.entry != nil:
		return *r.entry
	case r.fault != "":
		return Entry{Line: r.line, Fault: r.fault, Rows: 1}
	}
	e := decode(r.raw, now)
	e.Line, e.Rows = r.line, 1
	for i := range e.Left {
		e.Left[i].Line = r.line
	}
	return e
}

// Forms of a list.
const (
	FormUN   = "un"
	FormJSON = "persons"
)

// Form says which form a list has by its first byte; "" for neither.
func Form(first byte) string {
	switch first {
	case '<':
		return FormUN
	case '{', '[', 0:
		return FormJSON
	}
	return ""
}

// Account is what a list says of itself.
type Account struct {
	Entities int // organisations, which are no persons
	Unnamed  int // rows with a fault that fn did not get: there were too many
}

// Rows calls fn for each row of a list of the given form, until it errs. A list
// that is broken or cut off is an error, after the rows that could be read.
func Rows(r *text.Reader, form string, fn func(Row) error) (Account, error) {
	if form == FormUN {
		return unRows(r, fn)
	}
	first, err := r.First()
	if err != nil && err != io.EOF {
		return Account{}, err
	}
	if first == '[' || spread(r) {
		return Account{}, elements(r, first == '[', fn)
	}
	return Account{}, lines(r, fn)
}

// spread tells whether the first line begins an object and the second one goes
// on with it.
func spread(r *text.Reader) bool {
	const blanks = " \t\r\n"
	head, _ := r.Peek(min(r.Buffered(), 512)) // First has waited for it
	line, next, _ := bytes.Cut(bytes.TrimLeft(head, blanks), []byte("\n"))
	line = bytes.TrimRight(line, blanks)
	return bytes.HasPrefix(line, []byte("{")) && bytes.IndexByte([]byte("{[,"), line[len(line)-1]) >= 0 && bytes.HasPrefix(bytes.TrimLeft(next, blanks), []byte(`"`))
}

func unRows(r *text.Reader, fn func(Row) error) (Account, error) {
	res, err := unlist.Read(r, func(e unlist.Entry) error {
		out := Entry{Line: e.Line, ID: e.ID(), Person: e.Person, Rows: 1}
		for _, n := range e.Notes {
			out.Left = append(out.Left, Left{Line: e.Line, Field: n.Field, Why: n.Why})
		}
		return fn(Row{line: e.Line, entry: &out})
	})
	for _, j := range res.Rejections {
		if e := (Entry{Line: j.Line, ID: j.ID, Fault: j.Reason, Rows: 1}); err == nil {
			err = fn(Row{line: j.Line, entry: &e})
		}
	}
	return Account{Entities: res.Entities, Unnamed: res.Rejected - len(res.Rejections)}, err
}

func lines(r *text.Reader, fn func(Row) error) error {
	for {
		line, n, err := r.Line()
		row := Row{line: n, raw: bytes.TrimSpace(line)}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, text.ErrLongLine):
			row.fault = err.Error()
		case err != nil:
			return fmt.Errorf("line %d: read list: %w", n, err)
		case len(row.raw) == 0:
			continue
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// elements gives the elements of one array, or objects one after the other. A string of JSON never goes over
// the end of a line, so that a quote which is not closed costs one element.
func elements(r *text.Reader, array bool, fn func(Row) error) error {
	const (
		before = iota // the array
		between
		within // an element
		behind // the array
	)
	var raw []byte
	place, line, start, depth := before, 1, 0, 0
	quoted, escaped, long := false, false, false
	if !array {
		place = between
	}
	for {
		c, err := r.ReadByte()
		switch {
		case err == io.EOF && (place == behind || place == between && !array):
			return nil
		case err == io.EOF && place == within:
			return fmt.Errorf("line %d: the list is cut off, or broken: the entry that begins here does not end: %w", start, io.ErrUnexpectedEOF)
		case err == io.EOF:
			return fmt.Errorf("line %d: the list is cut off: %w", line, io.ErrUnexpectedEOF)
		case err != nil:
			return fmt.Errorf("line %d: read list: %w", line, err)
		}
		end := false // of the element
		switch blank := strings.IndexByte(" \t\r\n", c) >= 0; {
		case place == within:
			switch {
			case c == '\n':
				quoted, escaped = false, false
			case escaped:
				escaped = false
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
			if end = depth <= 0 && !quoted && (c == '}' || c == ']' || c == ','); end && depth < 0 {
				place = behind // the bracket of the array, behind an element that is none
			}
			if depth >= 0 && c != ',' || depth > 0 {
				if long = long || len(raw) >= text.MaxLine; !long {
					raw = append(raw, c)
				}
			}
		case blank, place == between && c == ',':
		case place == before && c == '[':
			place = between
		case place == between && c == ']':
			place = behind
		case place == between:
			place, start, raw, long = within, line, append(raw[:0], c), false
			depth, quoted = 0, c == '"'
			if c == '{' || c == '[' {
				depth = 1
			}
		default:
			return fmt.Errorf("line %d: something stands behind the array", line)
		}
		if c == '\n' {
			line++
		}
		if !end {
			continue
		}
		row := Row{line: start, raw: bytes.TrimSpace(raw)}
		if long {
			row.fault = fmt.Sprintf("an entry of more than %d bytes", text.MaxLine)
		}
		if place == within {
			place = between
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}
