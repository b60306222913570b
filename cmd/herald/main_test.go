package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the herald binary when this is set: what is tested here
// is the real main in a process of its own, signals and exit codes included.
const asHerald = "HERALD_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asHerald) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asHerald+"=1")
	return cmd
}

func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	return exitCode(t, cmd.Run()), out.String(), errs.String()
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

func TestOfflineCommands(t *testing.T) {
	list := `{"id":"a","names":[{"full":"Utopa Specimenova"}],"births":["1970-01-02"]}` + "\n"
	queries := filepath.Join(t.TempDir(), "q.csv")
	if err := os.WriteFile(queries, []byte("id,name,birth\n1,Utopa Specimenova,1970-01-02\n2,Qqq Xxx,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, stdin string
		args        []string
		code        int
		out, err    string
	}{
		{"version", "", []string{"version"}, 0, "herald ", ""},
		{"example", "", []string{"example", "--topic", "detention"}, 0, `"topic": "detention"`, ""},
		{"screen", list, []string{"screen", "--list", "-", "--queries", queries, "--json"}, 0, `{"query":"1","hits":[{"id":"a"`, ""},
		{"inspect nonsense", "nonsense", []string{"inspect", "-"}, 1, "not-a-record", "fail a check"},
		{"unknown command", "", []string{"frobnicate"}, 2, "", "unknown command"},
		{"no configuration", "", []string{"store", "check", "--data", t.TempDir()}, 3, "", "herald init"},
		{"no node", "", []string{"list", "--data", t.TempDir()}, 7, "", "no node is running"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := run(t, c.stdin, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) {
				t.Errorf("got %d %q %q, want %d %q %q", code, out, errs, c.code, c.out, c.err)
			}
		})
	}
}

// founded prepares the node of a network of one and returns its directory.
func founded(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	dir, genesis := filepath.Join(root, "n"), filepath.Join(root, "g.json")
	for _, args := range [][]string{
		{"init", "--state", "UTO", "--listen", "/ip4/127.0.0.1/tcp/0", "--data", dir},
		{"network", "genesis", "--name", "drill", "--exercise", "--out", genesis, filepath.Join(dir, "request.json")},
		{"network", "sign", genesis, "--data", dir},
		{"network", "join", genesis, "--data", dir},
	} {
		if code, _, errs := run(t, "", args...); code != 0 {
			t.Fatalf("%v: %s", args, errs)
		}
	}
	return dir
}

// A node stops in order when it is told to, and a client that is interrupted
// says so by its exit code.
func TestSignals(t *testing.T) {
	dir := founded(t)
	node := command(t, "run", "--data", dir)
	if line := firstLine(t, node); !strings.Contains(line, dir) {
		t.Errorf("first line: %q", line)
	}
	_, example, _ := run(t, "", "example")
	if code, _, errs := run(t, example, "publish", "-f", "-", "--data", dir); code != 0 {
		t.Fatalf("publish: %s", errs)
	}

	tail := command(t, "tail", "--after", "0", "--json", "--data", dir)
	if line := firstLine(t, tail); !strings.HasPrefix(line, `{"id":`) {
		t.Errorf("tail: %q", line)
	}
	endWith(t, tail, os.Interrupt, 130)
	endWith(t, node, syscall.SIGTERM, 0)
	if _, err := os.Stat(filepath.Join(dir, "herald.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket outlives the node: %v", err)
	}
}

// A terminal that closes hangs up, and nobody reads the log any more. The node
// goes on, and writes to its log while it does.
func TestNodeOutlivesItsTerminal(t *testing.T) {
	dir := founded(t)
	node := command(t, "run", "--log-level", "debug", "--data", dir)
	log, err := node.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	firstLine(t, node)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := node.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if err := node.Process.Signal(syscall.SIGPIPE); err != nil {
			t.Fatal(err)
		}
		_, example, _ := run(t, "", "example", "--seed", strconv.Itoa(i))
		if code, _, errs := run(t, example, "publish", "-f", "-", "--data", dir); code != 0 {
			t.Fatalf("publish after the terminal has closed: %s", errs)
		}
	}
	endWith(t, node, syscall.SIGTERM, 0)
}

// firstLine starts a command and waits for its first line.
func firstLine(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return line
}

func endWith(t *testing.T, cmd *exec.Cmd, s os.Signal, want int) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if got := exitCode(t, cmd.Wait()); got != want {
		t.Errorf("%v on %v: got exit code %d, want %d", s, cmd.Args[1], got, want)
	}
}
