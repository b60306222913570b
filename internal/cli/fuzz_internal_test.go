package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// Every row of a file of queries comes out once, with a line that rises, and
// what is kept of it is bounded.
func FuzzQueries(f *testing.F) {
	for _, s := range []string{
		"id,name\n1,A B\n", "\ufeffNAME,id,document\n\"x\ny\",1,L898\n", "id,name,birth\n,,\n", "id,name\n\"", "id\n", "", "id,name,nationality\n1,x,utopia\n2,y,UT\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		r, err := newQueryReader(strings.NewReader(file), "f")
		if err != nil {
			if exitCode(err) != exitUsage {
				t.Errorf("a bad header is the caller's fault: %v", err)
			}
			return
		}
		last, rows := 0, 0
		for {
			q, err := r.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				if exitCode(err) != exitUsage {
					t.Errorf("a bad row is the caller's fault: %v", err)
				}
				return
			}
			rows++
			if q.line <= last {
				t.Fatalf("line %d after line %d", q.line, last)
			}
			last = q.line
			if len(q.id) > maxCell {
				t.Fatalf("an id of %d bytes", len(q.id))
			}
			if q.fault == "" && len(q.person.Names)+len(q.person.Documents) == 0 {
				t.Fatal("a query of nothing and no fault")
			}
		}
		if rows != r.read {
			t.Fatalf("%d rows, %d counted", rows, r.read)
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
