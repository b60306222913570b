package cli

import (
	"testing"
	"time"
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
