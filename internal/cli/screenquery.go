package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/match"
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
	switch first, err := r.First(); {
	case err != nil && err != io.EOF:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case first == '<':
		return &unQueries{r: r, name: name}, nil
	case first == '{':
		return &lineQueries{r: r, name: name}, nil
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

// unQueries asks for the persons of a UN list.
type unQueries struct {
	r    *text.Reader
	name string
}

func (u *unQueries) each(ctx context.Context, fn func(query, bool) error) error {
	res, err := unlist.Read(u.r, func(e unlist.Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(query{id: unID(&e), line: e.Line, person: e.Person}, true)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", u.name, err)
	}
	for _, j := range res.Rejections {
		if err := fn(query{line: j.Line, fault: j.Reason}, true); err != nil {
			return err
		}
	}
	return nil
}

// lineQueries asks for persons in JSON lines, in the form of a list.
type lineQueries struct {
	r    *text.Reader
	name string
}

func (l *lineQueries) each(_ context.Context, fn func(query, bool) error) error {
	for {
		line, n, err := l.r.Line()
		q := query{line: n}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, text.ErrLongLine):
			q.fault = err.Error()
		case err != nil:
			return fmt.Errorf("read %s: %w", l.name, err)
		case strings.TrimSpace(string(line)) == "":
			continue
		default:
			e, err := ct.DecodeListEntry(line)
			if q.id, q.person = e.ID, e.Person; err != nil {
				q.fault, q.person = reasonOf(err), ct.Person{}
			}
		}
		if err := fn(q, l.r.Buffered() > 0); err != nil {
			return err
		}
	}
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
	for err == nil && strings.TrimSpace(string(raw)) == "" {
		raw, n, err = r.Line()
	}
	if err != nil && err != io.EOF && !errors.Is(err, text.ErrLongLine) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err != nil || !utf8.Valid(raw) {
		return nil, usagef("%s:%d: no header line %s", name, max(n, 1), strings.Join(csvColumns, ","))
	}
	c := &csvQueries{name: name, columns: map[string]int{}}
	c.rows = csvRows{r: r, comma: commaOf(string(raw))}
	head, _, fault := splitRow(raw, c.rows.comma)
	if fault != "" {
		return nil, usagef("%s:%d: the header line: %s", name, n, fault)
	}
	c.width = len(head)
	var unused []string
	for i, h := range head {
		h = strings.ToLower(strings.TrimSpace(h))
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
		return strings.TrimSpace(fields[i])
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
	switch {
	case birth == "":
	case len(match.ParseBirths(birth)) == 0:
		q.notes = append(q.notes, "birth is no date that is understood, such as 1970-12-31 or 1970: asked without it")
	default:
		q.person.Births = []ct.Birth{{Date: birth}}
	}
	if document != "" {
		q.person.Documents = []ct.Document{{Number: document}}
	}
	if nationality != "" {
		country, known := unlist.Country(nationality)
		if known {
			q.person.Nationalities = []ct.State{country}
		} else {
			q.notes = append(q.notes, "nationality is no country that is known, such as UTO: asked without it")
		}
	}
	return q
}
