package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
)

// table prints columns of plain words. Every cell is made safe for a terminal.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, head ...string) *table {
	t := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(head...)
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		if c == "" {
			c = "-"
		}
		fmt.Fprint(t.w, safe(c))
	}
	fmt.Fprintln(t.w)
}

func (t *table) flush() error { return t.w.Flush() }

// safe takes out what could drive a terminal or reorder a line: control
// characters, escape sequences, embeddings and overrides of direction.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar,
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029, r == 0xfeff:
			return -1
		}
		return r
	}, s)
}

// isolate wraps text that may run right to left (a person's name) so that it
// cannot disturb what stands beside it on a terminal. Files get it plain.
func isolate(w io.Writer, s string) string {
	s = safe(s)
	if !isTerminal(w) || strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return s
	}
	return "\u2068" + s + "\u2069"
}

// isTerminal tells whether a person looks at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// printJSON writes one object on one line.
func printJSON(cmd *cobra.Command, v any) error { return writeJSON(cmd.OutOrStdout(), v) }

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// leaf is one value of a document and where it stands.
type leaf struct{ path, value string }

// leaves flattens a JSON document in its own order, for people to read.
func leaves(doc []byte) ([]leaf, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var out []leaf
	var walk func(path string) error
	walk = func(path string) error {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		delim, ok := tok.(json.Delim)
		if !ok {
			out = append(out, leaf{path, fmt.Sprint(tok)})
			return nil
		}
		for i := 0; dec.More(); i++ {
			at := fmt.Sprintf("%s[%d]", path, i)
			if delim == '{' {
				key, err := dec.Token()
				if err != nil {
					return err
				}
				at = strings.TrimPrefix(fmt.Sprintf("%s.%v", path, key), ".")
			}
			if err := walk(at); err != nil {
				return err
			}
		}
		_, err = dec.Token()
		return err
	}
	if err := walk(""); err != nil {
		return nil, fmt.Errorf("render document: %w", err)
	}
	return out, nil
}
