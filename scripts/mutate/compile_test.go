package main

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What an edit leaves behind compiles: a control whose edit does not is held by
// nothing. Of the files beside an altered one the declarations are enough.
func TestControlsCompile(t *testing.T) {
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", compiled(t))
	declared := map[string][]*ast.File{} // by directory, without bodies
	for _, c := range controls {
		files, err := alter(root, c.edits)
		if err != nil {
			t.Fatal(err)
		}
		altered := map[string][]*ast.File{}
		for name, src := range files {
			f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			altered[filepath.Dir(name)] = append(altered[filepath.Dir(name)], f)
		}
		for dir, all := range altered {
			if declared[dir] == nil {
				declared[dir] = declarations(t, fset, dir)
			}
			for _, f := range declared[dir] {
				if _, ok := files[fset.Position(f.FileStart).Filename]; !ok {
					all = append(all, f)
				}
			}
			config := types.Config{Importer: imports, Error: func(err error) {
				if fault := err.(types.Error); files[fset.Position(fault.Pos).Filename] != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			}}
			_, _ = config.Check(dir, fset, all, nil) // Error has seen each fault
		}
	}
}

// compiled finds what go has compiled of a package.
func compiled(t *testing.T) importer.Lookup {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./...")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// declarations reads the files of a package and leaves out the bodies of its
// functions.
func declarations(t *testing.T, fset *token.FileSet, dir string) (all []*ast.File) {
	pkg, err := build.ImportDir(filepath.Join(root, dir), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pkg.GoFiles {
		src, err := os.ReadFile(filepath.Join(root, dir, name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				fn.Body = nil
			}
		}
		all = append(all, f)
	}
	return all
}
