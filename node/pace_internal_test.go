package node

import (
	"testing"
	"time"
)

// A day of upkeep writes a bounded number of bytes, whatever is erased and when, and
// a retraction does not wait while there are turns.
func TestPaceOfRewriting(t *testing.T) {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		bytes  int64
		urgent func(minute int) bool
		turns  int // at most, within a day
	}{
		{"small, something expires each minute", 1 << 20, func(int) bool { return false }, 25},
		{"small, something is retracted each minute", 1 << 20, func(int) bool { return true }, 27},
		{"a million records, expiries", 96 << 20, func(int) bool { return false }, 12},
		{"a million records, retractions each minute", 96 << 20, func(int) bool { return true }, 14},
	} {
		p, turns := newPace(begin), 0
		for minute := range 24 * 60 {
			if p.may(begin.Add(time.Duration(minute)*time.Minute), c.bytes, c.urgent(minute)) {
				turns++
			}
		}
		if turns == 0 || turns > c.turns {
			t.Errorf("%s: %d turns, want 1 to %d", c.name, turns, c.turns)
		}
		if written := int64(turns) * c.bytes; written > rewriteDaily+rewriteKept*c.bytes {
			t.Errorf("%s: %d bytes in a day", c.name, written)
		}
	}
	p := newPace(begin)
	for i := range rewriteKept {
		if !p.may(begin, 96<<20, true) {
			t.Errorf("retraction %d waits", i+1)
		}
	}
	if p.may(begin, 96<<20, true) {
		t.Error("there is no end of turns")
	}
}
