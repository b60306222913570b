package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/cli"
	"github.com/herald-net/herald/internal/journal"
)

// result is what one command left behind.
type result struct {
	code     int
	out, err string
}

// herald runs one command in this process.
func herald(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return heraldUntil(t.Context(), stdin, args...)
}

func heraldUntil(ctx context.Context, stdin string, args ...string) result {
	var out, errs bytes.Buffer
	code := cli.Main(ctx, args, cli.Env{
		In: strings.NewReader(stdin), Out: &out, Err: &errs,
		Getenv: func(string) string { return "" },
	})
	return result{code, out.String(), errs.String()}
}

// check compares the exit code and looks for a text in what was printed.
func (r result) check(t *testing.T, code int, inOut, inErr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code: got %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.out, r.err)
	}
	if !strings.Contains(r.out, inOut) {
		t.Errorf("stdout: got %q, want %q in it", r.out, inOut)
	}
	if !strings.Contains(r.err, inErr) {
		t.Errorf("stderr: got %q, want %q in it", r.err, inErr)
	}
}

// lines decodes one JSON object a line and refuses anything else.
func (r result) lines(t *testing.T) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(r.out) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("not one JSON object a line: %v: %q", err, line)
		}
		out = append(out, m)
	}
	return out
}

func keysOf(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// backend serves functions as a node's API in a directory of its own and
// gives the directory.
func backend(t *testing.T, b api.Backend) string {
	t.Helper()
	dir := t.TempDir()
	if b.Journal == nil {
		b.Journal = func(journal.Entry) error { return nil }
	}
	if b.Status == nil {
		b.Status = func() api.Status { return api.Status{Exercise: true} }
	}
	s, err := api.New(api.Config{Backend: b, Socket: filepath.Join(dir, "herald.sock")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestUsage(t *testing.T) {
	nowhere := t.TempDir()
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		inErr string
	}{
		{"unknown command", []string{"notify"}, 2, `unknown command "notify"`},
		{"a slip", []string{"publsh"}, 2, "did you mean publish?"},
		{"unknown flag", []string{"list", "--colour"}, 2, "--colour"},
		{"too many arguments", []string{"version", "x"}, 2, "usage: herald version"},
		{"too few", []string{"get"}, 2, "usage: herald get ID"},
		{"a group alone", []string{"import"}, 2, "herald import --help"},
		{"a group's slip", []string{"import", "une"}, 2, "did you mean un?"},
		{"no directory", []string{"list"}, 2, "--data DIR or HERALD_DATA"},
		{"no node", []string{"list", "--data", nowhere}, 7, "no node is running on " + nowhere + "; start it with `herald run --data " + nowhere + "`"},
		{"no node to publish", []string{"publish", "-f", "-", "--data", nowhere}, 2, "no document in it"},
		{"no file", []string{"publish", "-f", "/nonexistent/x.json", "--data", nowhere}, 2, "no such file"},
		{"no input", []string{"publish", "--data", nowhere}, 2, "no input"},
		{"match without why", []string{"match", "--data", nowhere, "-f", "-", "--case", "1"}, 2, "--purpose, --basis, --grounds"},
		{"match twice told", []string{"match", "--data", nowhere, "-f", "-", "--name", "x", "--purpose", "p", "--basis", "b", "--case", "c", "--grounds", "g"}, 2, "either -f or --name"},
		{"refuse without a reason", []string{"refuse", "abcd", "--data", nowhere}, 2, "--reason"},
		{"release what", []string{"release", "--data", nowhere}, 2, "usage"},
		{"match and wait for ever", []string{"match", "--data", nowhere, "-f", "-", "--wait-release", "1000h", "--purpose", "p", "--basis", "b", "--case", "c", "--grounds", "g"}, 2, "--wait-release"},
		{"match in no time", []string{"match", "--data", nowhere, "-f", "-", "--timeout", "0s", "--purpose", "p", "--basis", "b", "--case", "c", "--grounds", "g"}, 2, "--timeout"},
		{"retract without why", []string{"retract", "abcd", "--data", nowhere}, 2, "--reason"},
		{"sign now without why", []string{"outbox", "--sign-now", "k", "--data", nowhere}, 2, "--reason"},
		{"sign and drop", []string{"outbox", "--sign-now", "k", "--discard", "k", "--data", nowhere}, 2, "not both"},
		{"wait for what", []string{"status", "--wait", "godot", "--data", nowhere}, 2, "--wait"},
		{"waited in vain", []string{"status", "--wait", "ready", "--timeout", "1ms", "--data", nowhere}, 7, "not ready after 1ms"},
		{"example of control", []string{"example", "--topic", "control"}, 2, "--topic"},
		{"examples without end", []string{"example", "--count", "-1"}, 2, "--count"},
		{"screen nothing", []string{"screen", "--list", "x"}, 2, "--queries"},
		{"screen from two ends", []string{"screen", "--list", "-", "--queries", "-"}, 2, "standard input"},
		{"store of nobody", []string{"store", "check", "--data", nowhere}, 3, "herald init"},
		{"inspect with a bad network", []string{"inspect", "--network", "00", "-"}, 2, "--network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := herald(t, "", c.args...)
			r.check(t, c.code, "", c.inErr)
			if r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "herald: ") {
				t.Errorf("want one line on stderr and none on stdout, got %q and %q", r.err, r.out)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	defer func(args []string) { os.Args = args }(os.Args)
	os.Args = []string{"herald", "notify"} // this process's arguments are not the command's
	herald(t, "").check(t, 0, "Available Commands", "")
	r := herald(t, "", "help", "exit-codes")
	r.check(t, 0, "8  some peers did not answer", "")
	for _, code := range []string{"    0  ", "    1  ", "    2  ", "    3  ", "    4  ", "    5  ", "    6  ", "    7  ", "  130  "} {
		if !strings.Contains(r.out, code) {
			t.Errorf("exit code %q is not explained", code)
		}
	}
	herald(t, "", "version").check(t, 0, "protocol herald/1", "")
	herald(t, "", "completion", "bash").check(t, 0, "bash completion", "")
	v := herald(t, "", "version", "--json").lines(t)
	if len(v) != 1 || v[0]["protocol"] != "herald/1" {
		t.Errorf("version --json: %v", v)
	}
}

// Every command and flag says what it is for, in help that fits a terminal.
func TestHelpIsComplete(t *testing.T) {
	for _, c := range strings.Fields("publish outbox retract list get tail match inbox release refuse screen import inspect example mute peers status store journal version") {
		r := herald(t, "", c, "--help")
		r.check(t, 0, "Usage:", "")
		for line := range strings.Lines(r.out) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 120 {
				t.Errorf("%s: a line of %d characters: %q", c, n, line)
			}
		}
	}
}

func TestInterrupted(t *testing.T) {
	dir := backend(t, api.Backend{Status: func() api.Status { return api.Status{Reasons: []string{"own-head check"}} }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := heraldUntil(ctx, "", "status", "--wait", "ready", "--data", dir)
	r.check(t, 130, "", "interrupted")
}

// A process that holds the socket and does not answer is not waited for
// without end.
func TestNodeThatHangs(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "herald.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	herald(t, "", "status", "--wait", "ready", "--timeout", "200ms", "--data", dir).check(t, 7, "", "not ready after 200ms: the node on "+dir+" does not answer")
}
