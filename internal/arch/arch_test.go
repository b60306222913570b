package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module  = "github.com/herald-net/herald"
	bubbles = module + "/internal/bubble"
)

// TestLaw reads every Go file of the repository and reports each breach.
func TestLaw(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("not the repository's root: %v", err)
	}
	breaches, packages := check(os.DirFS(root), law)
	for _, b := range breaches {
		t.Error(b)
	}
	for p := range law {
		if !packages[p] {
			t.Errorf("%s: is in the table and not in the tree: take it out", p)
		}
	}
}

// TestLawIsEnforced shows that the checker finds each kind of breach.
func TestLawIsEnforced(t *testing.T) {
	table := map[string]rule{
		"internal/a": {own: "internal/b", heavy: "bbolt"},
		"internal/b": {pure: true},
	}
	for _, tc := range []struct{ name, file, src, want string }{
		{"in order", "internal/a/a.go", `import ("` + module + `/internal/b"; "go.etcd.io/bbolt"); var _ = b.X; var _ bbolt.DB`, ""},
		{"own package", "internal/b/b.go", `import _ "` + module + `/internal/a"`, "may not import internal/a"},
		{"heavy library", "internal/b/b.go", `import _ "go.etcd.io/bbolt"`, "may not import bbolt"},
		{"part of a heavy library", "internal/b/b.go", `import _ "go.etcd.io/bbolt/errors"`, "may not import bbolt"},
		{"input and output", "internal/b/b.go", `import _ "os"`, "may not import os"},
		{"unknown library", "internal/a/a.go", `import _ "example.org/x"`, "example.org/x is in no row"},
		{"standard library", "internal/b/b.go", `import _ "net/netip"`, ""},
		{"unknown package", "internal/util/u.go", ``, "internal/util: is not in the table"},
		{"init", "internal/a/a.go", `func init() {}`, "has an init"},
		{"go outside Run", "internal/a/a.go", `func f() { go f() }`, "go statement in f"},
		{"go in Run", "internal/a/a.go", `func RunLoop() { go RunLoop() }`, ""},
		{"go in a pure package", "internal/b/b.go", `func Run() { go Run() }`, "go statement in Run"},
		{"clock in a pure package", "internal/b/b.go", `import "time"; var _ = time.Now`, "reads the clock"},
		{"sleep in a test", "internal/a/a_test.go", `import "time"; func f() { time.Sleep(1) }`, "sleeps"},
		{"sleep in virtual time", "internal/a/a_test.go", `import ("testing/synctest"; "time"); var _ = synctest.Wait; func f() { time.Sleep(1) }`, ""},
		{"sleep in a bubble", "internal/a/a_test.go", `import ("` + module + `/internal/bubble"; "time"); var _ = bubble.Test; func f() { time.Sleep(1) }`, ""},
		{"bare bubble", "internal/a/a_test.go", `import "testing/synctest"; var _ = synctest.Test`, "use bubble.Test"},
		{"sleep under another name", "internal/a/a_test.go", `import z "time"; func f() { z.Sleep(1) }`, "sleeps"},
		{"not Go", "internal/a/a.go", `func`, "expected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pkg := path.Base(path.Dir(tc.file))
			breaches, _ := check(fstest.MapFS{tc.file: {Data: []byte("package " + pkg + ";" + tc.src)}}, table)
			got := strings.Join(breaches, "\n")
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestTable prints the table and holds ARCHITECTURE.md against it: go test ./internal/arch -run TestTable -v
func TestTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("| package | may import of ours | and |\n|---|---|---|\n")
	names := make([]string, 0, len(law))
	for p := range law {
		names = append(names, p)
	}
	slices.Sort(names)
	for _, p := range names {
		r := law[p]
		heavy := strings.Join(strings.Fields(r.heavy), ", ")
		if r.pure {
			heavy = strings.Trim(heavy+"; pure", "; ")
		}
		var own []string
		for _, o := range strings.Fields(r.own) {
			own = append(own, strings.TrimPrefix(o, "internal/"))
			if _, ok := law[o]; !ok {
				t.Errorf("%s may import %s, which is not in the table", p, o)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p, strings.Join(own, ", "), heavy)
	}
	t.Log("\n" + b.String())
	doc, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), b.String()) {
		t.Error("ARCHITECTURE.md does not hold this table: paste it there")
	}
}

// check reads the Go files below root and tells every breach of the table, and
// which packages are there.
func check(root fs.FS, table map[string]rule) (breaches []string, packages map[string]bool) {
	packages = map[string]bool{}
	sleeps, virtual := map[string][]string{}, map[string]bool{}
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go"):
			return nil
		}
		src, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		pkg := path.Dir(file)
		if !packages[pkg] {
			packages[pkg] = true
			if _, ok := table[pkg]; !ok {
				breaches = append(breaches, pkg+": is not in the table: name it for what it holds, and say what it may import")
			}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			breaches = append(breaches, err.Error())
			return nil
		}
		f := goFile{path: file, rule: table[pkg], ast: parsed}
		if strings.HasSuffix(file, "_test.go") {
			breaches = append(breaches, f.checkTest()...)
			sleeps[pkg] = append(sleeps[pkg], f.breaches...)
			virtual[pkg] = virtual[pkg] || f.localName(bubbles) != "" || f.localName("testing/synctest") != ""
			return nil
		}
		f.checkImports()
		f.checkCode()
		breaches = append(breaches, f.breaches...)
		return nil
	})
	for pkg, found := range sleeps {
		if !virtual[pkg] {
			breaches = append(breaches, found...)
		}
	}
	if err != nil {
		breaches = append(breaches, err.Error())
	}
	return breaches, packages
}

// goFile is one parsed file with the rule of its package.
type goFile struct {
	path     string
	rule     rule
	ast      *ast.File
	breaches []string
}

func (f *goFile) breach(format string, args ...any) {
	f.breaches = append(f.breaches, f.path+": "+fmt.Sprintf(format, args...))
}

func (f *goFile) checkImports() {
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			f.breach("import %s: %v", spec.Path.Value, err)
			continue
		}
		if own, ok := strings.CutPrefix(p, module+"/"); ok {
			if !slices.Contains(strings.Fields(f.rule.own), own) {
				f.breach("may not import %s", own)
			}
			continue
		}
		lib, known := library(p)
		switch {
		case known && !slices.Contains(strings.Fields(f.rule.heavy), lib):
			f.breach("may not import %s (%s)", lib, p)
		case !known && strings.Contains(strings.Split(p, "/")[0], "."):
			f.breach("%s is in no row of the table of libraries", p)
		}
	}
}

// library names the heavy library of an import path, by its longest prefix.
func library(p string) (string, bool) {
	if lightBelow[p] {
		return "", false
	}
	for prefix := p; prefix != "."; prefix = path.Dir(prefix) {
		if lib, ok := libraries[prefix]; ok {
			return lib, true
		}
	}
	return "", false
}

func (f *goFile) checkCode() {
	if ast.IsGenerated(f.ast) {
		return
	}
	clock := f.localName("time")
	for _, decl := range f.ast.Decls {
		name := "a variable"
		if fn, ok := decl.(*ast.FuncDecl); ok {
			name = fn.Name.Name
			if name == "init" && fn.Recv == nil {
				f.breach("has an init: make what it needs where it is used")
			}
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if f.rule.pure || !strings.HasPrefix(strings.ToLower(name), "run") {
					f.breach("go statement in %s: only a Run may start what outlives a call", name)
				}
			case *ast.SelectorExpr:
				if f.rule.pure && isSelector(n, clock, "Now", "Since", "Until", "After", "Sleep", "NewTimer", "NewTicker") {
					f.breach("%s reads the clock: take the time as an argument", name)
				}
			}
			return true
		})
	}
}

// checkTest finds sleeps. Whether they are a breach is for the package to
// tell: in one whose tests run in bubbles they are virtual time and wait for
// nothing. It also finds bubbles that are not of package bubble: they crash
// the race detector, now and then, which nobody would trace back to them.
func (f *goFile) checkTest() (bare []string) {
	clock, synctest := f.localName("time"), f.localName("testing/synctest")
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && isSelector(sel, synctest, "Test") {
			bare = append(bare, f.path+": use bubble.Test, which the race detector survives")
		}
		if sel, ok := n.(*ast.SelectorExpr); ok && isSelector(sel, clock, "Sleep") {
			f.breach("sleeps: wait for what must happen, or use testing/synctest")
		}
		return true
	})
	return bare
}

// localName is what a file calls an imported package; empty: it does not import it.
func (f *goFile) localName(pkg string) string {
	for _, spec := range f.ast.Imports {
		if spec.Path.Value == strconv.Quote(pkg) {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(pkg)
		}
	}
	return ""
}

func isSelector(sel *ast.SelectorExpr, pkg string, names ...string) bool {
	x, ok := sel.X.(*ast.Ident)
	return ok && pkg != "" && x.Name == pkg && slices.Contains(names, sel.Sel.Name)
}
