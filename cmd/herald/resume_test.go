package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A tail outlives its node: stopped in order or killed, it goes on behind the
// last record that it has shown, without gap or repetition.
func TestTailResumes(t *testing.T) {
	dir := founded(t)
	begin := func() func(os.Signal, int) {
		node := command(t, "run", "--data", dir)
		firstLine(t, node)
		return func(s os.Signal, code int) { t.Helper(); endWith(t, node, s, code) }
	}
	end := begin()
	if code, _, errs := run(t, "", "status", "--wait", "ready", "--timeout", "2m", "--data", dir); code != 0 {
		t.Fatal(errs)
	}
	tail := command(t, "tail", "--after", "0", "--json", "--topic", "arrival,travel", "--topic", "detention", "--data", dir)
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i, how := range []struct {
		signal os.Signal
		code   int
	}{{syscall.SIGTERM, 0}, {syscall.SIGKILL, -1}, {syscall.SIGTERM, 0}} {
		_, example, _ := run(t, "", "example", "--seed", strconv.Itoa(i))
		code, receipt, errs := run(t, example, "publish", "-f", "-", "--data", dir)
		if code != 0 {
			t.Fatalf("publish: %s", errs)
		}
		id, _, _ := strings.Cut(receipt, `,"log"`)
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), id) {
			t.Fatalf("record %d: the tail shows %q, want %s", i, lines.Text(), id)
		}
		end(how.signal, how.code)
		if i < 2 {
			end = begin()
		}
	}
	endWith(t, tail, os.Interrupt, 130)
}
