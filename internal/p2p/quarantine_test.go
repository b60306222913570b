package p2p

import (
	"testing"
	"time"

	"github.com/herald-net/herald/node/ct"
)

func TestQuarantineLengths(t *testing.T) {
	node, now := ct.LogID{1}, time.Unix(1_800_000_000, 0)
	q := quarantine{nodes: map[ct.LogID]*suspect{}}
	for i := range 20 { // faults far apart are forgiven
		if q.fault(node, now.Add(time.Duration(i)*3*time.Minute)) {
			t.Fatalf("fault %d, one in three minutes, is one too many", i)
		}
	}
	now = now.Add(2 * time.Hour)
	for i := range faultsMax {
		if q.fault(node, now) {
			t.Fatalf("fault %d is one too many", i+1)
		}
	}
	if !q.fault(node, now) {
		t.Fatalf("%d faults at once are not too many", faultsMax+1)
	}
	want := []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute, 80 * time.Minute, 160 * time.Minute, 320 * time.Minute, 6 * time.Hour, 6 * time.Hour}
	for i, w := range want {
		if got := q.begin(node, now); got != w {
			t.Errorf("quarantine %d: got %v, want %v", i+1, got, w)
		}
		if got := q.begin(node, now); got != 0 {
			t.Errorf("a second one within the first: %v", got)
		}
		if !q.holds(node, now.Add(w-time.Millisecond)) || q.holds(node, now.Add(w)) || q.holds(ct.LogID{2}, now) {
			t.Errorf("quarantine %d does not hold for %v and for this node alone", i+1, w)
		}
		now = now.Add(w + time.Minute)
	}
	if got := q.begin(node, now.Add(quarantineCalm)); got != quarantineMin {
		t.Errorf("after a calm day: got %v, want %v", got, quarantineMin)
	}
}
