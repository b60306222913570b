package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// longList, when set, is how many persons the list of TestNeverAFalseNo has.
const longList = "HERALD_TEST_LIST"

// A person who is on a list in force is found, or the node says that it does not
// know: while the list is imported anew, after a kill in the middle, after a
// restart, after the index has another version and after it is lost.
func TestNeverAFalseNo(t *testing.T) {
	persons := 20_000
	if v := os.Getenv(longList); v != "" {
		var err error
		if persons, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	dir := filepath.Join(root, "n")
	genesis := filepath.Join(root, "genesis.json")
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
	h := &listed{t: t, dir: dir, persons: persons}
	first, second := h.write(filepath.Join(root, "first.jsonl"), ""), h.write(filepath.Join(root, "second.jsonl"), "UTO")
	h.start()
	h.imports(first).wait()
	h.want("the first question after the import", 0)

	again := h.imports(second)
	for asked := 0; asked < 3 || !again.ended(); asked++ {
		h.ask("while the list is imported anew")
	}
	again.wait()
	h.want("after it", 0)

	again = h.imports(first)
	for i := 0; i < 3 && !again.ended(); i++ {
		h.ask("before the kill")
	}
	h.kill()
	<-again.done
	h.start()
	h.found("after the kill")

	h.kill()
	h.start()
	h.found("after a restart")

	h.kill()
	if err := edit(filepath.Join(dir, "index.db"), func(meta *bbolt.Bucket) error {
		return meta.Put([]byte("version"), binary.BigEndian.AppendUint32(nil, 1))
	}); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.found("with an index of another version")

	h.kill()
	if err := os.Remove(filepath.Join(dir, "index.db")); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.found("after the index was lost")
	if h.unanswered >= 5 && !h.told {
		t.Errorf("status never said why, at last: %s", h.status)
	}
	t.Logf("%d questions, of which %d could not be answered yet", h.asked, h.unanswered)
	endWith(t, h.node, os.Interrupt, 0)
}

func edit(path string, fn func(meta *bbolt.Bucket) error) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error { return fn(tx.Bucket([]byte("meta"))) })
	return errors.Join(err, db.Close())
}

// listed is a node with a list, killed and started again.
type listed struct {
	t       *testing.T
	dir     string
	persons int
	node    *exec.Cmd
	asked   int

	unanswered int    // of asked
	status     string // what status said then
	told       bool   // it said why
}

// command is command for as long as a long list takes.
func (h *listed) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	h.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asHerald+"=1")
	return cmd
}

func (h *listed) start() {
	h.t.Helper()
	h.node = h.command("run", "--data", h.dir)
	firstLine(h.t, h.node)
}

func (h *listed) kill() {
	h.t.Helper()
	if err := h.node.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	_ = h.node.Wait()
}

// name is the invented name of a person of the list: no two share a word.
func name(i int) string {
	const consonants, vowels = "bdfgklmnprstvz", "aeiou"
	word := func(n int) string {
		var b strings.Builder
		for range 5 {
			b.WriteByte(consonants[n%len(consonants)])
			n /= len(consonants)
			b.WriteByte(vowels[n%len(vowels)])
			n /= len(vowels)
		}
		return b.String()
	}
	return word(i*7919+13) + " " + word(i*104729+7)
}

func birth(i int) string { return fmt.Sprintf("%d-%02d-%02d", 1940+i%60, 1+i%12, 1+i%28) }

func (h *listed) write(path, nationality string) string {
	h.t.Helper()
	var b strings.Builder
	for i := range h.persons {
		fmt.Fprintf(&b, `{"id":"L-%d","names":[{"full":%q}],"births":[%q]`, i, name(i), birth(i))
		if nationality != "" {
			fmt.Fprintf(&b, `,"nationalities":[%q]`, nationality)
		}
		b.WriteString("}\n")
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// importing is an import under way.
type importing struct {
	h    *listed
	cmd  *exec.Cmd
	errs *strings.Builder
	done chan error
}

func (h *listed) imports(path string) *importing {
	h.t.Helper()
	i := &importing{h: h, cmd: h.command("import", "persons", path, "--data", h.dir), errs: &strings.Builder{}, done: make(chan error, 1)}
	i.cmd.Stderr = i.errs
	if err := i.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() { i.done <- i.cmd.Wait() }()
	return i
}

func (i *importing) ended() bool {
	select {
	case err := <-i.done:
		i.done <- err
		return true
	default:
		return false
	}
}

func (i *importing) wait() {
	i.h.t.Helper()
	if code := exitCode(i.h.t, <-i.done); code != 0 {
		i.h.t.Fatalf("import: exit code %d: %s", code, i.errs)
	}
}

// ask asks for one of the persons listed, another each time, and tells the exit
// code: "no" is never right.
func (h *listed) ask(when string) int {
	h.t.Helper()
	h.asked++
	i := h.persons - 1 - h.asked*37%h.persons
	code, _, errs := run(h.t, fmt.Sprintf(`{"name":%q,"birth":%q}`, name(i), birth(i)), "match", "-f", "-", "--json", "--data", h.dir,
		"--purpose", "border-screening", "--basis", "UNSCR-2396-OP11", "--case", "DRILL", "--grounds", "exercise")
	switch code {
	case 0:
	case 8:
		h.unanswered++
		_, h.status, _ = run(h.t, "", "status", "--data", h.dir)
		h.told = h.told || strings.Contains(h.status, "matches are refused until then")
	case 5:
		h.t.Fatalf("%s: a person who is listed is not known", when)
	default:
		h.t.Fatalf("%s: exit code %d: %s", when, code, errs)
	}
	return code
}

func (h *listed) want(when string, code int) {
	h.t.Helper()
	if got := h.ask(when); got != code {
		h.t.Errorf("%s: exit code %d, want %d", when, got, code)
	}
}

// found asks until a person is found.
func (h *listed) found(when string) {
	h.t.Helper()
	began := time.Now()
	for h.ask(when) != 0 {
		if time.Since(began) > 20*time.Minute {
			h.t.Fatalf("%s: still not answered: %s", when, h.status)
		}
	}
	h.t.Logf("%s: found after %s", when, time.Since(began).Round(time.Millisecond))
}
