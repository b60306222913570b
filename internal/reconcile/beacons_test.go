package reconcile_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

var beaconStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// air is a network as one node hears it: node i of State Si, this node is 0.
type air struct {
	t *testing.T
	*reconcile.Beacons
	members map[ct.LogID]ct.State
	sizes   map[ct.LogID]uint64
	now     time.Time
}

func stateOf(i int) ct.State { return ct.State(fmt.Sprintf("S%02d", i)) }

func newAir(t *testing.T, states int) *air {
	a := &air{t, reconcile.NewBeacons(stateOf(0), beaconStart), map[ct.LogID]ct.State{}, map[ct.LogID]uint64{}, beaconStart}
	for i := range states {
		a.members[logID(byte(i+1))] = stateOf(i)
	}
	return a
}

// beacon of node i whose clock is ahead of ours by so much.
func (a *air) beacon(i int, ahead time.Duration) *wire.Beacon {
	return &wire.Beacon{Node: logID(byte(i + 1)), Time: ct.MillisOf(a.now.Add(ahead))}
}

func (a *air) hear(i int, ahead time.Duration) reconcile.Heed {
	return a.Hear(a.beacon(i, ahead), stateOf(i), 0, a.now)
}

func (a *air) watch() reconcile.Watch {
	return a.Watch(a.members, func(l ct.LogID) uint64 { return a.sizes[l] }, a.now)
}

// minutes pass, in each of which the nodes are heard.
func (a *air) minutes(n int, nodes ...int) {
	for range n {
		for _, i := range nodes {
			if got := a.hear(i, 0); got != reconcile.Heard {
				a.t.Errorf("node %d at %v: got %d, want heard", i, a.now.Sub(beaconStart), got)
			}
		}
		a.now = a.now.Add(time.Minute)
	}
}

func TestEclipseAlarm(t *testing.T) {
	tests := []struct {
		name    string
		states  int
		others  []int // heard
		eclipse bool
	}{
		{"alone in the network", 1, nil, false},
		{"one other, silent", 2, nil, true},
		{"one other", 2, []int{1}, false},
		{"two thirds of three", 3, []int{1}, false},
		{"less", 3, nil, true},
		{"two thirds of five", 5, []int{1, 2, 3}, false},
		{"three of five", 5, []int{1, 2}, true},
		{"two thirds of six", 6, []int{1, 2, 3}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAir(t, tt.states)
			for range 10 {
				if a.watch().Eclipsed {
					t.Fatalf("an alarm %v after the start", a.now.Sub(beaconStart))
				}
				a.minutes(1, tt.others...)
			}
			a.minutes(1, tt.others...)
			w := a.watch()
			if w.Eclipsed != tt.eclipse || w.Heard != len(tt.others)+1 || w.States != tt.states || len(w.Silent) != tt.states-w.Heard {
				t.Errorf("got %+v, want eclipsed %v, %d of %d", w, tt.eclipse, len(tt.others)+1, tt.states)
			}
		})
	}
}

func TestEclipseBeginsAndEnds(t *testing.T) {
	a := newAir(t, 6)
	a.minutes(20, 1, 2, 3, 4, 5)
	for m := range 12 { // the last beacons came a minute before
		if got := a.watch().Eclipsed; got != (m >= 10) {
			t.Errorf("%d minutes after all fell silent: eclipsed %v", m, got)
		}
		a.minutes(1)
	}
	a.minutes(1, 1, 2)
	if !a.watch().Eclipsed {
		t.Error("three of six make up two thirds")
	}
	a.minutes(1, 1, 2, 3)
	if a.watch().Eclipsed {
		t.Error("the alarm stays although four of six are heard")
	}
}

// A State with many nodes counts once.
func TestStatesCountNotNodes(t *testing.T) {
	a := newAir(t, 4)
	for i := range 8 {
		a.members[logID(byte(100+i))] = stateOf(1)
	}
	for range 12 {
		for i := range 8 {
			b := &wire.Beacon{Node: logID(byte(100 + i)), Time: ct.MillisOf(a.now.Add(time.Minute))}
			a.Hear(b, stateOf(1), 0, a.now)
		}
		a.hear(2, 0)
		a.hear(3, 0)
		a.now = a.now.Add(time.Minute)
	}
	w := a.watch()
	if w.Heard != 4 || w.Clocks != 3 || w.Ahead.Abs() > time.Second {
		t.Errorf("got %+v, want 4 States, and a median of 3 clocks that eight nodes of one State do not move", w)
	}
}

func TestClock(t *testing.T) {
	tests := []struct {
		name  string
		ahead []time.Duration // of the others
		want  time.Duration
		off   bool
	}{
		{"nobody", nil, 0, false},
		{"one other, right", []time.Duration{time.Second}, time.Second, false},
		{"one other, 31 s ahead", []time.Duration{31 * time.Second}, 31 * time.Second, true},
		{"30 s is no alarm yet", []time.Duration{-30 * time.Second}, -30 * time.Second, false},
		{"one of two is wrong", []time.Duration{0, time.Hour}, 0, false},
		{"half of four are wrong", []time.Duration{0, -time.Second, time.Hour, time.Hour}, 0, false},
		{"we are wrong", []time.Duration{-time.Hour, -time.Hour - time.Second, -time.Hour}, -time.Hour, true},
		{"most are wrong", []time.Duration{time.Hour, 0, time.Hour}, time.Hour, true},
		{"nonsense", []time.Duration{0, 1<<63 - 1, -1 << 62}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAir(t, 9)
			for i, d := range tt.ahead {
				a.hear(i+1, d)
			}
			if w := a.watch(); w.Ahead != tt.want || w.ClockOff != tt.off || w.Clocks != len(tt.ahead) {
				t.Errorf("got %+v, want %v of %d, alarm %v", w, tt.want, len(tt.ahead), tt.off)
			}
			a.now = a.now.Add(11 * time.Minute)
			if w := a.watch(); w.Clocks != 0 || w.ClockOff {
				t.Errorf("eleven minutes later: %+v", w)
			}
		})
	}
}

// A node that is an hour wrong hears everyone all the same: its own clock is
// what is off, and no eclipse.
func TestOwnClockWrongIsNoEclipse(t *testing.T) {
	a := newAir(t, 6)
	for range 15 {
		for i := range 5 {
			a.hear(i+1, time.Hour)
		}
		a.now = a.now.Add(time.Minute)
	}
	if w := a.watch(); w.Eclipsed || w.Heard != 6 || !w.ClockOff || w.Ahead != time.Hour {
		t.Errorf("got %+v", w)
	}
}

func TestReplay(t *testing.T) {
	a := newAir(t, 4)
	a.minutes(3, 1, 2, 3)
	first := &wire.Beacon{Node: logID(2), Time: ct.MillisOf(beaconStart)}
	newest := &wire.Beacon{Node: logID(2), Time: ct.MillisOf(beaconStart.Add(2 * time.Minute))}
	for name, b := range map[string]*wire.Beacon{"an old one": first, "the newest again": newest} {
		if got := a.Hear(b, stateOf(1), 0, a.now); got != reconcile.Old || !a.Old(b.Node, b.Time, a.now) {
			t.Errorf("%s: got %d", name, got)
		}
	}
	// To a node that has not heard the author, a replay is a clock reading …
	a.now = a.now.Add(30 * time.Minute)
	a.minutes(1, 2, 3)
	b := newAir(t, 5)
	b.now = a.now
	b.minutes(2, 1, 2)
	stale := &wire.Beacon{Node: logID(4), Time: ct.MillisOf(b.now.Add(-time.Hour))}
	if got := b.Hear(stale, stateOf(3), 0, b.now); got != reconcile.Off {
		t.Errorf("an hour old: got %d, want off", got)
	}
	if w := b.watch(); w.Heard != 3 || w.ClockOff {
		t.Errorf("a replay counts as heard, or moves the clock: %+v", w)
	}
	// … and does not stand in the way of the author.
	b.minutes(1, 3)
	if w := b.watch(); w.Heard != 4 {
		t.Errorf("got %+v, want 4 heard", w)
	}
}

// A node whose clock was a day ahead is heard again when it is set, and its
// beacons of that day do not silence it.
func TestClockSetBack(t *testing.T) {
	a := newAir(t, 4)
	a.minutes(1, 2, 3)
	wrong := a.beacon(1, 24*time.Hour)
	if got := a.Hear(wrong, stateOf(1), 0, a.now); got != reconcile.Off {
		t.Errorf("a day ahead: got %d, want off", got)
	}
	a.minutes(1, 1, 2, 3)
	if w := a.watch(); w.Heard != 4 {
		t.Errorf("got %+v, want all heard", w)
	}
	if got := a.Hear(wrong, stateOf(1), 0, a.now); got != reconcile.Old {
		t.Errorf("the wrong one again: got %d, want old", got)
	}
	a.minutes(1, 1, 2, 3)
}

func TestLacks(t *testing.T) {
	node, d1, d2, id1, id2 := logID(2), [32]byte{1}, [32]byte{2}, ct.ID{1}, ct.ID{2}
	tests := []struct {
		name string
		b    wire.Beacon
		mine reconcile.Mine
		want reconcile.Lack
	}{
		{"same", wire.Beacon{Digest: d1, Size: 5, Head: id1}, reconcile.Mine{Digest: d1, Size: 5, At: id1}, reconcile.LackNothing},
		{"they hold more of their log", wire.Beacon{Digest: d2, Size: 6, Head: id2}, reconcile.Mine{Digest: d1, Size: 5}, reconcile.LackRecords},
		{"other head", wire.Beacon{Digest: d2, Size: 5, Head: id2}, reconcile.Mine{Digest: d1, Size: 5, At: id1}, reconcile.LackFork},
		{"other record further back", wire.Beacon{Digest: d2, Size: 4, Head: id2}, reconcile.Mine{Digest: d1, Size: 5, At: id1}, reconcile.LackFork},
		{"an older beacon", wire.Beacon{Digest: d2, Size: 4, Head: id1}, reconcile.Mine{Digest: d1, Size: 5, At: id1}, reconcile.LackDigest},
		{"known fork", wire.Beacon{Digest: d1, Size: 9, Head: id2}, reconcile.Mine{Digest: d1, Size: 5, At: id1, Contested: true}, reconcile.LackNothing},
		{"nothing of its own", wire.Beacon{Digest: d2}, reconcile.Mine{Digest: d1}, reconcile.LackDigest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.b.Node = node
			s := reconcile.NewBeacons("S00", beaconStart)
			if got := s.Lacks(&tt.b, tt.mine, beaconStart); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	// Records on their way make digests differ all the time.
	s, count := reconcile.NewBeacons("S00", beaconStart), 0
	for sec := range 60 {
		b := wire.Beacon{Node: logID(byte(sec)), Digest: d2}
		if s.Lacks(&b, reconcile.Mine{Digest: d1}, beaconStart.Add(time.Duration(sec)*time.Second)) == reconcile.LackDigest {
			count++
		}
	}
	if count != 2 {
		t.Errorf("%d syncs a minute for nothing but a digest, want 2", count)
	}
}

func TestWatchSizes(t *testing.T) {
	a := newAir(t, 4)
	for i, size := range map[int]uint64{1: 9, 2: 5, 3: 2} {
		b := a.beacon(i, 0)
		b.Size = size
		a.sizes[b.Node] = 5
		a.Hear(b, stateOf(i), 5, a.now)
	}
	if w := a.watch(); w.Behind != 1 || w.Short != 1 {
		t.Errorf("got %+v, want one node ahead of us and one short", w)
	}
	// A member that is gone does not count any more.
	delete(a.members, logID(2))
	if w := a.watch(); w.Behind != 0 || w.States != 3 || !reflect.DeepEqual(w.Silent, []ct.State(nil)) {
		t.Errorf("got %+v", w)
	}
}
