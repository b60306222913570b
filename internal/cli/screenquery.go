package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-net/herald/internal/format/people"
	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/format/value"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

const maxCell = 1024 // bytes of one value of a query

// query is one person asked for. With a fault it is answered by no hits and
// the fault: it is never left out.
type query struct {
	id     string
	line   int
	person ct.Person
	fault  string
	notes  []string // values that were left out, because they are not understood
}

func (q *query) faultText() string {
	if q.fault == "" {
		return ""
	}
	return fmt.Sprintf("line %d: %s", q.line, q.fault)
}

// querySource gives queries one after the other; more tells that the next one
// is there already.
type querySource interface {
	each(ctx context.Context, fn func(q query, more bool) error) error
}

// newQuerySource looks which form the queries have.
func newQuerySource(cmd *cobra.Command, in io.Reader, name string, strict bool) (querySource, error) {
	r, err := openText(in, name)
	if err != nil {
		return nil, err
	}
	first, err := r.First()
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if form := people.Form(first); form != "" && first != 0 {
		return &listQueries{r: r, name: name, form: form}, nil
	}
	return newCSVQueries(cmd, r, name, strict)
}

// openText reads a file as text; one that is none is the caller's mistake.
func openText(in io.Reader, name string) (*text.Reader, error) {
	r, err := text.NewReader(in)
	if bad := new(text.Binary); errors.As(err, &bad) {
		return nil, usagef("%s: %v", name, bad)
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}

// listQueries asks for the persons of a list, each row by itself.
type listQueries struct {
	r          *text.Reader
	name, form string
}

func (l *listQueries) each(ctx context.Context, fn func(query, bool) error) error {
	now := time.Now()
	_, err := people.Rows(l.r, l.form, func(row people.Row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := row.Decode(now)
		q := query{id: e.ID, line: e.Line, person: e.Person, fault: e.Fault}
		if len(q.id) > maxCell {
			q.id = strings.ToValidUTF8(q.id[:maxCell], "")
		}
		for _, left := range e.Left {
			if !left.Kept { // else find says it of every query
				q.notes = append(q.notes, left.Field+": "+left.Why)
			}
		}
		return fn(q, l.form == people.FormUN || l.r.Buffered() > 0)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	return nil
}

// csvColumns are the columns that are read.
var csvColumns = []string{"id", "name", "birth", "nationality", "document"}

// csvQueries asks for the rows of a CSV file, by the names of its columns.
type csvQueries struct {
	rows    csvRows
	name    string
	columns map[string]int
	width   int
}

func newCSVQueries(cmd *cobra.Command, r *text.Reader, name string, strict bool) (*csvQueries, error) {
	raw, n, err := r.Line()
	comma := byte(0)
	for err == nil {
		line := value.Line(string(raw))
		if said, ok := strings.CutPrefix(strings.ToLower(line), "sep="); ok && len(said) <= 1 && comma == 0 { // what a spreadsheet writes first
			if comma = '\t'; said != "" {
				comma = said[0]
			}
		} else if line != "" {
			break
		}
		raw, n, err = r.Line()
	}
	if err != nil && err != io.EOF && !errors.Is(err, text.ErrLongLine) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err != nil || !utf8.Valid(raw) {
		return nil, usagef("%s:%d: no header line %s", name, max(n, 1), strings.Join(csvColumns, ","))
	}
	c := &csvQueries{name: name, columns: map[string]int{}}
	if comma == 0 {
		comma = commaOf(string(raw))
	}
	c.rows = csvRows{r: r, comma: comma}
	head, _, fault := splitRow(raw, c.rows.comma)
	if fault != "" {
		return nil, usagef("%s:%d: the header line: %s", name, n, fault)
	}
	c.width = len(head)
	var unused []string
	for i, h := range head {
		h = strings.ToLower(value.Line(h))
		switch _, twice := c.columns[h]; {
		case twice:
			return nil, usagef("%s:%d: column %s stands twice", name, n, h)
		case slices.Contains(csvColumns, h):
			c.columns[h] = i
		default:
			unused = append(unused, strconv.Itoa(i+1))
		}
	}
	_, byName := c.columns["name"]
	_, byDocument := c.columns["document"]
	if !byName && !byDocument {
		return nil, usagef("%s:%d: no column name and none document: want a header line with some of %s", name, n, strings.Join(csvColumns, ","))
	}
	if len(unused) > 0 {
		line := fmt.Sprintf("%s:%d: column %s is none of %s", name, n, strings.Join(unused, ", "), strings.Join(csvColumns, ", "))
		if strict {
			return nil, usagef("%s", line)
		}
		fmt.Fprintln(cmd.ErrOrStderr(), line+": it is not read")
	}
	return c, nil
}

func (c *csvQueries) each(_ context.Context, fn func(query, bool) error) error {
	for {
		fields, line, fault, err := c.rows.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s: %w", c.name, err)
		}
		if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" && fault == "" {
			continue // an empty line
		}
		if err := fn(c.query(fields, line, fault), c.rows.r.Buffered() > 0); err != nil {
			return err
		}
	}
}

// query reads one row. What cannot be compared in it is told and left out: it
// makes a hit better, and is never a reason to find none.
func (c *csvQueries) query(fields []string, line int, fault string) query {
	cell := func(column string) string {
		i, ok := c.columns[column]
		if !ok || i >= len(fields) {
			return ""
		}
		return value.Line(fields[i])
	}
	q := query{id: cell("id"), line: line, fault: fault}
	if _, ok := c.columns["id"]; !ok {
		q.id = strconv.Itoa(line)
	}
	if len(q.id) > maxCell || !utf8.ValidString(q.id) {
		q.id = strings.ToValidUTF8(q.id[:min(len(q.id), maxCell)], "")
	}
	name, birth, nationality, document := cell("name"), cell("birth"), cell("nationality"), cell("document")
	switch {
	case q.fault != "":
	case slices.ContainsFunc(fields, func(f string) bool { return len(f) > maxCell }):
		q.fault = fmt.Sprintf("a value of more than %d bytes", maxCell)
	case slices.ContainsFunc(fields, func(f string) bool { return !utf8.ValidString(f) }):
		q.fault = "not in UTF-8"
	case len(fields) > c.width:
		q.fault = fmt.Sprintf("%d values for %d columns: is a value with a comma not in quotes?", len(fields), c.width)
	case name == "" && document == "":
		q.fault = "neither name nor document: nothing to look for"
	}
	if q.fault != "" {
		return q
	}
	if name != "" {
		q.person.Names = []ct.Name{{Full: name}}
	}
	if birth != "" {
		births, note := value.Births(birth, time.Now())
		q.person.Births = births
		q.note("birth", note, len(births) > 0)
	}
	if document != "" {
		number, note := value.Number(document)
		if number != "" {
			q.person.Documents = []ct.Document{{Number: number}}
		}
		if q.note("document", note, false); name == "" && number == "" {
			q.fault, q.notes = "document: "+note+"; and no name: nothing to look for", nil
		}
	}
	if nationality != "" {
		states, whole := unlist.Countries(nationality)
		q.person.Nationalities = states
		if !whole {
			q.note("nationality", "no country that is known, such as UTO", len(states) > 0)
		}
	}
	return q
}

// note takes down what is wrong with a value, and that it is not asked with.
func (q *query) note(column, why string, part bool) {
	if why == "" {
		return
	}
	if !part {
		why += ": asked without it"
	}
	if strings.HasPrefix(why, "no ") {
		q.notes = append(q.notes, column+" is "+why)
	} else {
		q.notes = append(q.notes, column+": "+why)
	}
}
