package node

import (
	"strings"
	"testing"
	"time"
)

func TestGateRefusesFarClocks(t *testing.T) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		ahead  time.Duration
		clocks int
		why    string // empty: it may sign
	}{
		{"right", 0, 3, ""},
		{"alarm, no refusal", 4 * time.Minute, 3, ""},
		{"at the limit", -5 * time.Minute, 3, ""},
		{"behind", 5*time.Minute + time.Second, 3, "clock: this node's clock is 5m1s behind the median of 3 others: set it"},
		{"ahead", -2 * time.Hour, 1, "clock: this node's clock is 2h0m0s ahead of the median of 1 others: set it"},
		{"nobody to compare with", time.Hour, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ahead := tt.ahead
			g := &gate{
				barred: func() string { return "" },
				start:  start, others: func() int { return 3 }, told: func() (int, uint64) { return 3, 0 },
				held: func() uint64 { return 0 }, ahead: func() (time.Duration, int) { return ahead, tt.clocks },
				clock: func() time.Time { return start }, restored: func() bool { return false },
			}
			if ok, why := g.ready(); ok != (tt.why == "") || why != tt.why {
				t.Fatalf("got %v %q, want %q", ok, why, tt.why)
			}
			// A gate that was open closes, and opens again when the clock is set.
			ahead = time.Hour
			if ok, why := g.ready(); ok != (tt.clocks == 0) || !ok && !strings.HasPrefix(why, "clock: ") {
				t.Errorf("an hour off: got %v %q", ok, why)
			}
			ahead = 0
			if ok, why := g.ready(); !ok {
				t.Errorf("set right: %q", why)
			}
		})
	}
}
