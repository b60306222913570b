package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

const (
	screenBatch = 1024 // queries answered together, in order
	maxTop      = 100
	maxCell     = 1024 // bytes of one value of a query
)

func newScreenCmd() *cobra.Command {
	var list, queries string
	var top int
	var explain bool
	cmd := &cobra.Command{
		Use:   "screen --list FILE --queries FILE.csv",
		Short: "Compare many persons with a list, offline",
		Long: `Compare many persons with a list, offline: no node is asked and nothing is kept.

The list is the UN Consolidated List (XML) or JSON lines
{"id","names":[{"full","quality","script"}],"births":[],"nationalities":[],"documents":[]}.
The queries are CSV with a header line: id, name, birth, nationality, document,
in any order; each needs a name or a document. For every query, in order, with
--json:

  {"query":ID,"hits":[{"id","score","tier","why"}]}

A hit is a lead for a person to look at. strong: a name and a birth date or a
document agree; a name alone is at most possible. --explain says what each tier
was worth on labelled sets.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if explain {
				_, err := fmt.Fprint(cmd.OutOrStdout(), match.TierTable)
				return err
			}
			if list == "" || queries == "" {
				return usagef("name both --list FILE and --queries FILE.csv")
			}
			if list == "-" && queries == "-" {
				return usagef("only one of list and queries can be the standard input")
			}
			if top < 1 || top > maxTop {
				return usagef("--top %d: want 1 to %d", top, maxTop)
			}
			return screen(cmd, list, queries, top)
		},
	}
	cmd.Flags().StringVar(&list, "list", "", "the list")
	cmd.Flags().StringVar(&queries, "queries", "", "the queries")
	cmd.Flags().BoolVar(&explain, "explain", false, "print the measured error rates of the tiers and stop")
	cmd.Flags().IntVar(&top, "top", 5, "hits a query at most")
	return cmd
}

func screen(cmd *cobra.Command, list, queries string, top int) (err error) {
	in, name, err := openInput(cmd, queries)
	if err != nil {
		return err
	}
	defer in.Close()
	rows, err := newQueryReader(in, name)
	if err != nil {
		return err
	}
	// The index is thrown away: its key is never written and its directory
	// goes with the command.
	dir, err := os.MkdirTemp("", "herald-screen-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return err
	}
	x, err := index.Open(index.Config{Path: filepath.Join(dir, "index.db"), Key: key, Throwaway: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	if err := loadList(cmd, x, list); err != nil {
		return err
	}
	return answerQueries(cmd, x, rows, top)
}

func answerQueries(cmd *cobra.Command, x *index.Index, rows *queryReader, top int) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	show := screenPrinter(cmd, out)
	bar := newProgress(cmd, -1, "screening")
	defer bar.done()
	var end error // io.EOF, or why the file cannot be read on
	for end == nil {
		batch := make([]query, 0, screenBatch)
		for len(batch) < screenBatch {
			q, err := rows.next()
			if err != nil {
				end = err
				break
			}
			if q.fault != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d: %s\n", rows.name, q.line, q.fault)
			}
			batch = append(batch, q)
		}
		hits := make([][]screenHit, len(batch))
		err := eachInParallel(cmd.Context(), len(batch), func(i int) (err error) {
			hits[i], err = findTop(x, batch[i], top)
			return err
		})
		if err != nil {
			return err
		}
		for i, q := range batch {
			if err := show(q, hits[i]); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		bar.add(len(batch))
	}
	if end != io.EOF {
		return end
	}
	if rows.read == 0 {
		return usagef("%s: no query in it", rows.name)
	}
	return nil
}

// eachInParallel calls fn for 0..n-1 on all cores and waits.
func eachInParallel(ctx context.Context, n int, fn func(i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < n; i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := fn(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// screenHit is one hit as a program reads it.
type screenHit struct {
	ID    string     `json:"id"`
	Score float64    `json:"score"`
	Tier  match.Tier `json:"tier"`
	Why   []string   `json:"why"`
}

func findTop(x *index.Index, q query, top int) ([]screenHit, error) {
	out := []screenHit{}
	if q.fault != "" {
		return out, nil
	}
	// Entries of one id may stand on several lines: the best one counts.
	found, err := x.Find(match.Prepare(q.person), 2*top)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, h := range found {
		id := idOfRef(h.Ref)
		if seen[id] || len(out) == top {
			continue
		}
		seen[id] = true
		why := []string{}
		for _, r := range h.Why {
			why = append(why, r.Field+":"+string(r.Verdict))
		}
		out = append(out, screenHit{id, h.Score, h.Tier, why})
	}
	return out, nil
}

func screenPrinter(cmd *cobra.Command, w io.Writer) func(query, []screenHit) error {
	if wantJSON(cmd) {
		return func(q query, hits []screenHit) error {
			return writeJSON(w, struct {
				Query string      `json:"query"`
				Hits  []screenHit `json:"hits"`
			}{q.id, hits})
		}
	}
	return func(q query, hits []screenHit) error {
		if len(hits) == 0 {
			_, err := fmt.Fprintf(w, "%-16s -\n", safe(q.id))
			return err
		}
		for _, h := range hits {
			if _, err := fmt.Fprintf(w, "%-16s %.3f %-8s %-24s %s\n", safe(q.id), h.Score, h.Tier, safe(h.ID), strings.Join(h.Why, " ")); err != nil {
				return err
			}
		}
		return nil
	}
}

// query is one row of the queries. With a fault it is answered by no hits and
// a line on stderr: it is never left out.
type query struct {
	id     string
	line   int
	person ct.Person
	fault  string
}

// queryReader streams the rows of a CSV file by the names of its columns.
type queryReader struct {
	csv     *csv.Reader
	name    string
	columns map[string]int
	read    int
}

func newQueryReader(r io.Reader, name string) (*queryReader, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := br.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := br.Discard(3); err != nil {
			return nil, err
		}
	}
	q := &queryReader{csv: csv.NewReader(br), name: name, columns: map[string]int{}}
	q.csv.FieldsPerRecord = -1
	q.csv.ReuseRecord = true
	head, err := q.csv.Read()
	if err != nil {
		return nil, usagef("%s:1: no header line id,name,birth,nationality,document", name)
	}
	for i, c := range head {
		c = strings.ToLower(strings.TrimSpace(c))
		switch c {
		case "id", "name", "birth", "nationality", "document":
		default:
			return nil, usagef("%s:1: column %d is none of id, name, birth, nationality, document", name, i+1)
		}
		if _, twice := q.columns[c]; twice {
			return nil, usagef("%s:1: column %s stands twice", name, c)
		}
		q.columns[c] = i
	}
	for _, must := range []string{"id", "name"} {
		if _, ok := q.columns[must]; !ok {
			return nil, usagef("%s:1: no column %s", name, must)
		}
	}
	return q, nil
}

func (r *queryReader) next() (query, error) {
	row, err := r.csv.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return query{}, usagef("%s:%d:%d: %v", r.name, bad.Line, bad.Column, bad.Err)
	case err != nil:
		return query{}, err
	}
	r.read++
	line, _ := r.csv.FieldPos(0)
	cell := func(column string) string {
		i, ok := r.columns[column]
		if !ok || i >= len(row) {
			return ""
		}
		return strings.Clone(strings.TrimSpace(row[i]))
	}
	q := query{id: cell("id"), line: line}
	for _, c := range row {
		if len(c) > maxCell {
			q.fault = fmt.Sprintf("a value of more than %d bytes", maxCell)
			q.id = q.id[:min(len(q.id), maxCell)]
			return q, nil
		}
	}
	if name := cell("name"); name != "" {
		q.person.Names = []ct.Name{{Full: name}}
	}
	if birth := cell("birth"); birth != "" {
		q.person.Births = []ct.Birth{{Date: birth}}
	}
	if doc := cell("document"); doc != "" {
		q.person.Documents = []ct.Document{{Number: doc}}
	}
	q.person.Nationalities = stateOf(cell("nationality"))
	if len(q.person.Names)+len(q.person.Documents) == 0 {
		q.fault = "neither name nor document: nothing to look for"
	}
	return q, nil
}

// stateOf reads a nationality as alpha-3 or alpha-2. One that is not known
// is left out: it orders hits and is never a reason to find none.
func stateOf(s string) []ct.State {
	if st := ct.CanonicalState(s); ct.ValidState(st) {
		return []ct.State{st}
	}
	if st, ok := ct.StateByAlpha2(strings.ToUpper(s)); ok {
		return []ct.State{st}
	}
	return nil
}
