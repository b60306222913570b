package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// Every edit of the table still finds its text, and its tests are there: what
// `make mutate` needs before it can prove anything.
func TestControlsAreUpToDate(t *testing.T) {
	names := map[string]bool{}
	for _, c := range controls {
		t.Run(c.name, func(t *testing.T) {
			if names[c.name] {
				t.Error("the name is there twice")
			}
			names[c.name] = true
			if _, err := alter(root, c.edits); err != nil {
				t.Fatal(err)
			}
			checkTests(t, filepath.Join(root, c.pkg), c.tests)
		})
	}
}

// checkTests finds each test that a control names.
func checkTests(t *testing.T, dir, tests string) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no tests (%v)", dir, err)
	}
	var all strings.Builder
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(src)
	}
	for name := range strings.SplitSeq(tests, "|") {
		name, _, _ = strings.Cut(name, "/")
		if name != "" && !regexp.MustCompile(`(?m)^func `+name+`\(`).MatchString(all.String()) {
			t.Errorf("%s has no test %s", dir, name)
		}
	}
}

func TestAlter(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f.go"), []byte("a b b"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		edits []edit
		want  string // in the error, or the whole new file
	}{
		{"once", []edit{{"f.go", "a", "c"}}, "c b b"},
		{"two of one file", []edit{{"f.go", "a", "c"}, {"f.go", "b b", "d"}}, "c d"},
		{"twice", []edit{{"f.go", "b", "c"}}, "2 times"},
		{"not there", []edit{{"f.go", "d", "c"}}, "0 times"},
		{"no change", []edit{{"f.go", "a", "a"}}, "changes nothing"},
		{"no file", []edit{{"g.go", "a", "c"}}, "g.go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, err := alter(dir, c.edits)
			got := string(files["f.go"])
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      outcome
	}{
		{"green", `{"Action":"run","Test":"TestA"}` + "\n" + `{"Action":"pass","Test":"TestA"}`, outcome{ran: 1}},
		{"red", `{"Action":"run","Test":"TestA"}` + "\n" + `{"Action":"fail","Test":"TestA/b"}` + "\n" + `{"Action":"fail","Test":"TestA"}` + "\n" + `{"Action":"fail"}`,
			outcome{ran: 1, failed: "TestA/b"}},
		{"said", `{"Action":"run","Test":"TestA"}` + "\n" + `{"Action":"output","Test":"TestA","Output":"    a_test.go:1: seed 7\n"}` + "\n" +
			`{"Action":"output","Test":"TestA","Output":"    a_test.go:2: got 1\n"}` + "\n" + `{"Action":"fail","Test":"TestA"}`,
			outcome{ran: 1, failed: "TestA", said: "a_test.go:2: got 1"}},
		{"time limit", `{"Action":"run","Test":"TestA"}` + "\n" + `{"Action":"output","Test":"TestA","Output":"panic: test timed out after 2m0s\n"}` + "\n" + `{"Action":"fail"}`,
			outcome{ran: 1, crash: "panic: test timed out after 2m0s"}},
		{"not compiled", `{"Action":"build-output","Output":"# pkg\n"}` + "\n" + `{"Action":"build-output","Output":"x.go:1:1: no\n"}` + "\n" + `{"Action":"build-fail"}`,
			outcome{build: "x.go:1:1: no"}},
		{"other lines", "ok\n", outcome{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := read([]byte(c.out)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	all := []control{{name: "a"}, {name: "b"}, {name: "c"}}
	for _, c := range []struct {
		names, want string
	}{
		{"", "a b c"}, {"b", "b"}, {"c a", "a c"}, {"a x", "no control is called x"},
	} {
		chosen, err := choose(all, strings.Fields(c.names))
		var got []string
		for _, x := range chosen {
			got = append(got, x.name)
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if s := strings.Join(got, " "); !strings.HasPrefix(s, c.want) {
			t.Errorf("%q: got %q, want %q", c.names, s, c.want)
		}
	}
}
