package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// control is a safeguard with the edit that takes it out.
type control struct {
	name  string
	rule  string // what it holds, in words
	edits []edit
	pkg   string // the package whose tests must notice
	tests string // which of them, as go test -run takes it; empty: all
}

// edit replaces a text that stands exactly once in a file.
type edit struct{ file, old, new string }

// alter gives the altered files of a control. A text that is not there once
// means that the code has moved on and the table has not.
func alter(root string, edits []edit) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, e := range edits {
		src, ok := files[e.file]
		if !ok {
			var err error
			if src, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(src, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%s: %q is there %d times, want once: bring scripts/mutate/controls.go up to date", e.file, e.old, n)
		}
		if e.old == e.new {
			return nil, fmt.Errorf("%s: the edit changes nothing", e.file)
		}
		files[e.file] = bytes.Replace(src, []byte(e.old), []byte(e.new), 1)
	}
	return files, nil
}

// result of taking a control out: the test that went red.
type result struct {
	test  string
	said  string // the assertion that failed, with its place
	crash string // no assertion failed: a panic or the time limit ended the test
	took  time.Duration
	cpu   time.Duration // of the compiler, the linker and the tests
	err   error
}

type mutator struct {
	root, dir string
	limits    map[string]time.Duration // of a package's tests, by what they took on the untouched tree
}

// A test that a missing control makes hang or panic would stay so when another
// fault does it: it says nothing of this control, and does not count as red.
// What hangs is told from what is slow by the time that the same tests took
// untouched.
const (
	leastLimit    = 2 * time.Minute
	untouchedLast = 30 * time.Minute
	limitFactor   = 3
)

// baseline runs all tests that are going to be asked, on the untouched tree.
func (m *mutator) baseline(ctx context.Context, chosen []control) error {
	byPkg := map[string][]string{}
	for _, c := range chosen {
		byPkg[c.pkg] = append(byPkg[c.pkg], c.tests)
	}
	for _, c := range chosen {
		tests, ok := byPkg[c.pkg]
		if !ok {
			continue
		}
		delete(byPkg, c.pkg)
		pattern := strings.Join(tests, "|")
		if slices.Contains(tests, "") {
			pattern = ""
		}
		start := time.Now()
		r := m.test(ctx, "", c.pkg, pattern, untouchedLast)
		m.limits[c.pkg] = max(leastLimit, limitFactor*time.Since(start))
		if r.err != nil {
			return fmt.Errorf("the untouched tree: %w", r.err)
		}
		if r.test != "" || r.crash != "" {
			return fmt.Errorf("the untouched tree is red: %s %s: %s%s", c.pkg, r.test, r.said, r.crash)
		}
	}
	return nil
}

// prove takes one control out and tells which test noticed.
func (m *mutator) prove(ctx context.Context, c control) result {
	start := time.Now()
	overlay, err := m.overlay(c)
	if err != nil {
		return result{err: err}
	}
	r := m.test(ctx, overlay, c.pkg, c.tests, m.limits[c.pkg])
	if r.test != "" {
		r.test = strings.TrimPrefix(c.pkg, "./") + " " + r.test
	}
	r.took = time.Since(start)
	return r
}

// overlay writes the altered files and the list that tells go of them.
func (m *mutator) overlay(c control) (string, error) {
	dir := filepath.Join(m.dir, c.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	files, err := alter(m.root, c.edits)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, src := range files {
		altered := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(altered, src, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(m.root, file)] = altered
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// test runs tests and tells of the first that fails; no test: all are green.
func (m *mutator) test(ctx context.Context, overlay, pkg, tests string, limit time.Duration) (r result) {
	args := []string{"test", "-json", "-vet=off", "-failfast", "-timeout", limit.String()}
	if tests != "" {
		args = append(args, "-run", "^("+tests+")$")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = m.root
	cmd.Env = os.Environ()
	if overlay != "" {
		flags := strings.TrimSpace(os.Getenv("GOFLAGS") + " -overlay=" + overlay)
		cmd.Env = append(cmd.Env, "GOFLAGS="+flags)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if cmd.ProcessState != nil {
		r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	found := read(out)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		r.err = ctx.Err()
	case err != nil && !errors.As(err, &exit):
		r.err = err
	case found.build != "":
		r.err = fmt.Errorf("does not compile: %s", found.build)
	case found.ran == 0:
		r.err = fmt.Errorf("no test of %s is called %s: %s", pkg, tests, firstLine(errs.String()))
	case err != nil && found.failed == "" && found.crash == "":
		r.err = fmt.Errorf("go test: %s", firstLine(errs.String()))
	default:
		r.test, r.said, r.crash = found.failed, found.said, found.crash
	}
	return r
}

// outcome is what go test -json tells.
type outcome struct {
	ran    int
	failed string // the innermost test that failed first
	said   string // its last line
	crash  string // the first line of a panic, the time limit's too
	build  string // the compiler's first complaint
}

var (
	testLine  = regexp.MustCompile(`^ +(\w+\.go:\d+: .*)`)
	crashLine = regexp.MustCompile(`^(panic: |fatal error: |SIG[A-Z]+: )`)
)

func read(out []byte) (o outcome) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	said := map[string]string{}
	for lines.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch {
		case e.Action == "build-output" && o.build == "" && !strings.HasPrefix(e.Output, "#"):
			o.build = firstLine(e.Output)
		case e.Action == "run":
			o.ran++
		case e.Action == "output" && o.crash == "" && crashLine.MatchString(e.Output):
			o.crash = firstLine(e.Output)
		case e.Action == "output":
			if line := testLine.FindStringSubmatch(e.Output); line != nil && !strings.HasPrefix(line[1], "testing.go:") {
				said[e.Test] = line[1]
			}
		case e.Action == "fail" && e.Test != "" && o.failed == "":
			o.failed = e.Test
			for at := e.Test; at != "" && o.said == ""; { // a subtest may use what its test made
				o.said = said[at]
				at = at[:max(0, strings.LastIndex(at, "/"))]
			}
		}
	}
	return o
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
