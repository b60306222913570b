package cli

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/herald-net/herald/internal/api"
)

// A person at a terminal sees how many have answered and how long the others
// have, never a negative time.
func TestAnsweredLine(t *testing.T) {
	now := time.Unix(1_000, 0)
	l := &answeredLine{deadline: now.Add(6 * time.Second)}
	for range 41 {
		l.answered(57, now)
	}
	if got, want := l.text(57, now), "41 of 57 answered, the others have 6s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := l.text(57, now.Add(time.Minute)), "41 of 57 answered, the others have 0s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The time may end while the node is being asked: then there is no answer to look at.
func TestWaitEndsWhileAsking(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.Flags().Bool("json", false, "")
	cmd.SetContext(t.Context())
	var out bytes.Buffer
	cmd.SetOut(&out)
	dir := t.TempDir()
	c := &client{api.NewClient(filepath.Join(dir, "herald.sock")), dir}
	if err := waitReleases(cmd, c, []string{"one", "two"}, time.Nanosecond, "op"); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "2 not released yet: `herald inbox` shows when they are\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
