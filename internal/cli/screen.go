package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/spf13/cobra"
)

const maxTop = 100

// screenOptions are what the command line asks of one screening.
type screenOptions struct {
	list, queries   string
	top             int
	explain, strict bool
}

func newScreenCmd() *cobra.Command {
	var o screenOptions
	cmd := &cobra.Command{
		Use:   "screen --list FILE --queries FILE",
		Short: "Compare many persons with a list, offline",
		Long: `Compare many persons with a list, offline: no node is asked and nothing is kept.

The list is the UN Consolidated List (XML) or persons in JSON, one a line or in an
array, {"id","names":[{"full","quality","script"}],"births":[],"nationalities":[],
"documents":[]}, in the forms that herald import takes. The queries are CSV, or of
either form of a list; - is the standard input. CSV has a header line with the
columns id, name, birth, nationality, document, in any order, divided by commas,
semicolons, tabs or strokes; name or document must be there, and without id a query
is called by its line. A date is read when it can be read in one way only: 31/12/1970
is, 04/03/1985 is told and not used. Files are UTF-8 or, with a byte order mark,
UTF-16. For every query, in order, with --json:

  {"query":ID,"hits":[{"id","score","tier","why"}]}

A row or an entry that cannot be read is told on stderr with its line; a row is
answered by no hits and "error", a value that cannot be read is left out and told
("notes"), and the rest goes on. With --strict the first one
ends the command with exit code 2. The last line on stderr sums up.

A hit is a lead for a person to look at. strong: a name and a birth date or a
document agree; a name alone is at most possible. --explain tells for each hit,
field by field, what agrees, conflicts or is absent, and what each tier was worth
on labelled sets; without --list it prints the latter alone.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.explain && o.list == "" && o.queries == "" {
				_, err := fmt.Fprint(cmd.OutOrStdout(), match.TierTable)
				return err
			}
			if o.list == "" || o.queries == "" {
				return usagef("name both --list FILE and --queries FILE")
			}
			if o.list == "-" && o.queries == "-" {
				return usagef("only one of list and queries can be the standard input")
			}
			if o.top < 1 || o.top > maxTop {
				return usagef("--top %d: want 1 to %d", o.top, maxTop)
			}
			return screen(cmd, o)
		},
	}
	cmd.Flags().StringVar(&o.list, "list", "", "the list")
	cmd.Flags().StringVar(&o.queries, "queries", "", "the queries")
	cmd.Flags().BoolVar(&o.explain, "explain", false, "say why, field by field, and what the tiers are worth")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "end at the first row or entry that cannot be read")
	cmd.Flags().IntVar(&o.top, "top", 5, "hits a query at most")
	return cmd
}

func screen(cmd *cobra.Command, o screenOptions) (err error) {
	in, name, err := openInput(cmd, o.queries)
	if err != nil {
		return err
	}
	defer in.Close()
	// The header is read before the list, which may take a minute: a mistake
	// in it shows at once. The standard input may come later.
	var rows querySource
	if o.queries != "-" {
		if rows, err = newQuerySource(cmd, in, name, o.strict); err != nil {
			return err
		}
	}
	x, remove, err := throwawayIndex()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close(), remove()) }()
	if err := loadList(cmd, x, o.list, o.strict); err != nil {
		return err
	}
	if rows == nil {
		if rows, err = newQuerySource(cmd, in, name, o.strict); err != nil {
			return err
		}
	}
	start := time.Now()
	s := &screening{cmd: cmd, index: x, rows: rows, name: name, options: o}
	err = s.run()
	if s.answered+s.faulty > 0 || err == nil {
		s.sumUp(time.Since(start))
	}
	if err == nil && s.answered+s.faulty == 0 {
		err = usagef("%s: no query in it", name)
	}
	return err
}

// throwawayIndex makes an index whose key is never written. Its file loses its
// name at once where the system allows that, so that no end of the program,
// not even kill -9, leaves it behind.
func throwawayIndex() (*index.Index, func() error, error) {
	dir, err := os.MkdirTemp("", "herald-screen-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	x, err := index.Open(index.Config{Path: filepath.Join(dir, "index.db"), Key: key, Throwaway: true})
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	_ = remove() // else at the end
	return x, remove, nil
}
