package cli

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/herald-net/herald/internal/format/text"
	"github.com/spf13/cobra"
)

// Queries of any form come out once each, with a line that rises, and what is
// kept of one is bounded.
func FuzzQueries(f *testing.F) {
	for _, s := range []string{
		"id,name\n1,A B\n", "\ufeffNAME,id,document\n\"x\ny\",1,L898\n", "id,name,birth\n,,\n", "id;name\n\"", "id\n", "",
		"id,name,nationality\n1,x,utopia\n2,y,UT\n", "name\t birth\n\"a\"\"b\" \t1970-31-12\n\"c\"d\t\n", "{\"id\":\"1\",\"names\":[{\"full\":\"a\"}]}\n{\n\n",
		"<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>A</FIRST_NAME></INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>",
		"\xff\xfei\x00d\x00,\x00n\x00a\x00m\x00e\x00\n\x001\x00,\x00a\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		cmd := &cobra.Command{}
		cmd.SetErr(io.Discard)
		src, err := newQuerySource(cmd, bytes.NewReader(file), "f", false)
		if err != nil {
			if exitCode(err) != exitUsage {
				t.Errorf("a bad header is the caller's fault: %v", err)
			}
			return
		}
		last, rows := 0, 0
		l, list := src.(*listQueries)
		xml := list && (l.form == "un" || bytes.Contains(file, []byte("[")) || bytes.HasSuffix(bytes.TrimSpace(file), []byte("{"))) // or an array, or spread over lines
		err = src.each(t.Context(), func(q query, _ bool) error {
			rows++
			switch {
			case q.line <= last && !xml:
				t.Fatalf("line %d after line %d", q.line, last)
			case len(q.id) > maxCell || !utf8.ValidString(q.id):
				t.Fatalf("an id of %d bytes", len(q.id))
			case q.fault == "" && len(q.person.Names)+len(q.person.Documents) == 0:
				t.Fatal("a query of nothing and no fault")
			}
			last = q.line
			return nil
		})
		if err != nil && !xml {
			t.Fatalf("what is wrong with a row is no error of the file: %v", err)
		}
		if lines := bytes.Count(file, []byte("\n")) + bytes.Count(file, []byte("\r")) + 1; rows > lines && !xml {
			t.Fatalf("%d queries on %d lines", rows, lines)
		}
	})
}

// What encoding/csv reads without a fault, is read the same here.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n", "\"a\"\"b\",c\n", "\"a\nb\",c\nd,e\n", " \"a\" ,b", "\"a\"b,c", "a\"b,c", "\"\n\n\n\n\n\n\n\n\n\n\"\n", "a,\r\n\r\n,b", "\xfe\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		if strings.ContainsAny(file, "\r\x00") || len(file) > maxCell {
			return // line ends are package text's
		}
		for _, mark := range []string{"\ufeff", "\xff\xfe", "\xfe\xff"} {
			if strings.HasPrefix(file, mark) {
				return // so are the marks of UTF-8 and UTF-16
			}
		}
		r, err := text.NewReader(strings.NewReader(file))
		if err != nil {
			return
		}
		var got [][]string
		rows := csvRows{r: r, comma: ','}
		for faults := 0; ; {
			fields, _, fault, err := rows.next()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if fault != "" {
				if faults++; faults > strings.Count(file, "\n")+1 {
					t.Fatal("more faults than lines")
				}
				return
			}
			if len(fields) > 1 || fields[0] != "" {
				got = append(got, fields)
			}
		}
		c := csv.NewReader(strings.NewReader(file))
		c.FieldsPerRecord = -1
		want, err := c.ReadAll()
		if err != nil {
			return
		}
		if len(got) == 0 && len(want) == 0 {
			return
		}
		// A record of nothing but an empty value in quotes is an empty line here.
		want = slices.DeleteFunc(want, func(r []string) bool { return len(r) == 1 && r[0] == "" })
		if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// A file of vectors gives as many records as it has, or an error of the caller.
func FuzzVectors(f *testing.F) {
	for _, s := range []string{`[{"name":"a","bytes":"00ff"}]`, `{"bytes":""}`, `[{"bytes":1}]`, `[]`, `{}`, `[{"bytes":"0"}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		vs, err := readVectors("f", data)
		if err != nil {
			if exitCode(err) != exitUsage {
				t.Errorf("a broken file is the caller's fault: %v", err)
			}
			return
		}
		docs, err := documents("f", data)
		if err != nil || len(docs) != len(vs) {
			t.Fatalf("%d vectors of %d documents, %v", len(vs), len(docs), err)
		}
		if raw := recordBytes(bytes.Clone(data)); len(raw) > len(data) {
			t.Fatalf("%d bytes of %d", len(raw), len(data))
		}
	})
}
