// Package unlist reads the United Nations Security Council Consolidated List
// in its XML form (sc-sanctions.xsd).
//
// It reads a stream, one INDIVIDUAL at a time, and gives each as a ct.Person
// or says why not. It takes over what identifies a person; a value of that kind
// which cannot be read is noted. Comments, designations and titles are left
// where they are. Organisations are counted
// and not read. It neither fetches the list nor stores it.
package unlist

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/node/ct"
)

// Limits of the input.
const (
	maxIndividual = 1 << 20 // bytes of one INDIVIDUAL element
	maxRejections = 10_000  // kept in the result; further ones are only counted
	maxNotes      = 64      // of one entry
)

// Entry is one accepted individual.
type Entry struct {
	Line   int // of the INDIVIDUAL element, from 1
	DataID string
	Person ct.Person
	Notes  []Note // what was in the list and is not in Person
}

// Note is a value that was left out, or a part of one: which element it stands
// in and why. It never holds the value.
type Note struct{ Field, Why string }

// ID is the list's permanent reference number, or the number of the data set
// where there is none.
func (e *Entry) ID() string {
	for _, x := range e.Person.ExternalRefs {
		if x.System == "un" && x.Value != "" {
			return x.Value
		}
	}
	return e.DataID
}

// Format and LogValue keep persons out of logs and errors.
func (Entry) Format(f fmt.State, _ rune) { io.WriteString(f, "list entry(redacted)") }
func (Entry) LogValue() slog.Value       { return slog.StringValue("list entry(redacted)") }

// Rejection is one individual that was not accepted. Reason names fields, never values.
type Rejection struct {
	Line   int    `json:"line"`
	ID     string `json:"-"` // as Entry.ID gives it, when there is one
	Reason string `json:"reason"`
}

// Result counts what was read: Read = Accepted + Rejected. Entities are
// organisations, which are no persons and are in none of these.
type Result struct {
	Read       int         `json:"read"`
	Accepted   int         `json:"accepted"`
	Rejected   int         `json:"rejected"`
	Entities   int         `json:"entities"`
	Generated  string      `json:"generated,omitempty"` // the list's dateGenerated
	Rejections []Rejection `json:"-"`
	Complete   bool        `json:"complete"` // the list was read to its end
}

// errTooLarge stops an element without end.
var errTooLarge = fmt.Errorf("an individual of more than %d bytes", maxIndividual)

// Read reads a list and calls fn for every accepted individual, in the order
// of the list. It stops at the first error of fn or of the XML; the result then
// counts what came before and is not Complete. The Person given to fn is valid.
func Read(r io.Reader, fn func(Entry) error) (Result, error) {
	var res Result
	decoded, err := text.NewReader(r)
	if err != nil {
		return res, err
	}
	in := &meter{r: decoded, left: maxIndividual}
	d := xml.NewDecoder(in)
	d.CharsetReader = charset
	depth := 0
	for {
		in.left = maxIndividual
		line, _ := d.InputPos()
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && depth == 0 && res.Complete {
			return res, nil
		}
		if err != nil {
			return res, broken(d, err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			switch {
			case depth == 1:
				if t.Name.Local != "CONSOLIDATED_LIST" {
					return res, fmt.Errorf("line %d: not a UN consolidated list: the root element is not CONSOLIDATED_LIST", line)
				}
				if res.Complete {
					return res, fmt.Errorf("line %d: a second list behind the first", line)
				}
				for _, a := range t.Attr {
					if a.Name.Local == "dateGenerated" && len(a.Value) <= 40 {
						res.Generated = a.Value
					}
				}
			case t.Name.Local == "INDIVIDUAL":
				depth--
				line, _ = d.InputPos()
				if err := res.individual(d, t, line, fn); err != nil {
					return res, err
				}
			case t.Name.Local == "ENTITY":
				depth--
				if err := d.Skip(); err != nil {
					return res, broken(d, err)
				}
				res.Entities++
			}
		case xml.EndElement:
			depth--
			res.Complete = depth == 0
		}
	}
}

// charset lets the XML say what its bytes were before package text made UTF-8
// of them.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-16", "utf8", "us-ascii", "ascii":
		return in, nil
	}
	return nil, errEncoding
}

var errEncoding = errors.New("neither UTF-8 nor UTF-16")

// individual reads one element and hands it on.
func (res *Result) individual(d *xml.Decoder, start xml.StartElement, line int, fn func(Entry) error) error {
	var raw individual
	if err := d.DecodeElement(&raw, &start); err != nil {
		return broken(d, err)
	}
	res.Read++
	e, err := convert(&raw)
	if err != nil {
		res.Rejected++
		if len(res.Rejections) < maxRejections {
			res.Rejections = append(res.Rejections, Rejection{Line: line, ID: e.ID(), Reason: err.Error()})
		}
		return nil
	}
	e.Line = line
	if err := fn(e); err != nil {
		// Not accepted by whom it was for: the counts must still add up.
		res.Rejected++
		return fmt.Errorf("line %d: %w", line, err)
	}
	res.Accepted++
	return nil
}

// broken says where the XML ends to make sense. The decoder's own texts quote
// names of elements only.
func broken(d *xml.Decoder, err error) error {
	line, _ := d.InputPos()
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: the list is broken or cut off: %s", syntax.Line, syntaxWord(syntax.Msg))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: the list is cut off: %w", line, io.ErrUnexpectedEOF)
	case errors.Is(err, errTooLarge):
		return fmt.Errorf("line %d: the list is broken: %w", line, errTooLarge)
	case errors.Is(err, errEncoding), strings.HasPrefix(err.Error(), "xml: opening charset"):
		return fmt.Errorf("line %d: the list says that it is not in UTF-8; convert it first", line)
	}
	return fmt.Errorf("line %d: read list: %w", line, err)
}

// syntaxWord keeps the constant head of a syntax error: what follows a colon or
// an angle bracket may quote the input.
func syntaxWord(msg string) string {
	for i := range len(msg) {
		if c := msg[i]; c == ':' || c == '<' || c == '&' || c == '"' || c == '\'' {
			return msg[:i] + "..."
		}
	}
	return msg
}

// meter passes bytes on until too many came without the caller setting left
// again.
type meter struct {
	r    io.Reader
	left int
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooLarge
	}
	n, err := m.r.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}
