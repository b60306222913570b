package testnet_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tryIt are the commands that README shows for the network that runs.
func tryIt(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "Then the network is yours:")
	_, rest, _ = strings.Cut(rest, "```\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("README has no block of commands after \"Then the network is yours:\"")
	}
	var commands []string
	for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", "")) {
		if line = strings.TrimSpace(line); line != "" {
			commands = append(commands, line)
		}
	}
	return commands
}

// README's commands run as they stand, in a shell, on the network that its first
// command leaves. What follows a network never ends, and is ended here.
func TestReadmeCommands(t *testing.T) {
	dir := shortDir(t)
	work := filepath.Dir(dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(work, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(work, "bin", "herald")); err != nil {
		t.Fatal(err)
	}
	net := upAt(t, filepath.Join(work, ".testnet"), 5)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	ran := 0
	for _, line := range tryIt(t) {
		if line == "make testnet-down" {
			continue // upAt's business
		}
		ran++
		shell := exec.CommandContext(ctx, "sh", "-c", line)
		shell.Dir, shell.Env = work, append(os.Environ(), asHerald+"=1")
		if strings.Contains(line, "herald tail") {
			follows(t, line, shell)
			continue
		}
		out, err := shell.CombinedOutput()
		var exit *exec.ExitError
		// A match of somebody whom nobody knows ends with 5.
		if nobody := strings.Contains(line, "herald match") && errors.As(err, &exit) && exit.ExitCode() == 5; err != nil && !nobody {
			t.Errorf("%s\n%v\n%s", line, err, out)
		}
	}
	if ran < 6 {
		t.Errorf("%d commands were run", ran)
	}
	if i := net.Nodes[1]; i.Running() {
		t.Errorf("%s was to be killed", i.Name)
	}
}

// follows runs a command until it has written a line.
func follows(t *testing.T, line string, shell *exec.Cmd) {
	t.Helper()
	shell.Args[2] = "exec " + line
	var said bytes.Buffer
	shell.Stderr = &said
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	_, err = out.Read(make([]byte, 1))
	_ = shell.Process.Kill()
	_ = shell.Wait()
	if err != nil {
		t.Errorf("%s: nothing was written: %v\n%s", line, err, &said)
	}
}
