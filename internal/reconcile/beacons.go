package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What the beacons of a network are held against (PROTOCOL.md section 8).
const (
	BeaconEvery = time.Minute
	HeardWithin = 10 * time.Minute // how long a beacon tells that its State is there; also the grace after a start
	AwayAfter   = 3 * BeaconEvery  // a node that is not connected and was not heard so long is away
	ClockAlarm  = 30 * time.Second // from the median of members: alarm
	ClockRefuse = 5 * time.Minute  // from the median of members: nothing is signed

	digestEvery = 30 * time.Second // a sync for nothing but another digest
	farthest    = 10 * 365 * 24 * time.Hour
)

// Beacons keeps the newest beacon of each node and tells from them who is
// there, whose clock is wrong and who holds other records. It holds no more
// entries than the roster names nodes. It is not safe for concurrent use.
type Beacons struct {
	state  ct.State // this node's
	start  time.Time
	by     map[ct.LogID]voice
	synced time.Time // when another digest last asked for a sync
}

// voice is the newest that a node has said.
type voice struct {
	state ct.State
	said  wire.Beacon
	at    time.Time // of its arrival
	held  uint64    // length of its log here at its arrival
}

// NewBeacons begins to listen at start, for a node of state.
func NewBeacons(state ct.State, start time.Time) *Beacons {
	return &Beacons{state: state, start: start, by: map[ct.LogID]voice{}}
}

// ahead is a node's clock against ours, now. Between the beacon's arrival and
// now the time is counted without our clock (time.Time knows how), so that a
// jump of our own clock shows at once and in all.
func ahead(t ct.Millis, at, now time.Time) time.Duration {
	d := t.Time().Add(now.Sub(at)).Sub(now.Round(0))
	return min(max(d, -farthest), farthest)
}

// current tells whether a node was heard lately.
func (v *voice) current(now time.Time) bool { return now.Sub(v.at) <= HeardWithin }

// sane tells whether a clock agrees with the members' so far that its beacon
// is neither a replay nor nonsense.
func sane(ahead, median time.Duration) bool { return (ahead - median).Abs() <= HeardWithin }

// Heed is what became of a beacon.
type Heed uint8

// Old says nothing new. Off came with a clock that is far from the members': it
// counts as a reading of that clock and as nothing else. Heard is news.
const (
	Old Heed = iota
	Off
	Heard
)

// Old tells, before a signature is checked, that a beacon of that time would
// say nothing new.
func (s *Beacons) Old(node ct.LogID, t ct.Millis, now time.Time) bool {
	v, ok := s.by[node]
	return ok && !s.replaces(t, v, now)
}

// replaces tells whether a beacon of time t counts instead of v. Later counts;
// but a far-off clock does not silence a node that was right a moment ago,
// which is what a replayed beacon from the days of a wrong clock would do, and
// a node that has set its clock back is heard again.
func (s *Beacons) replaces(t ct.Millis, v voice, now time.Time) bool {
	median, _ := s.Clock(now)
	right := sane(ahead(t, now, now), median)
	was := sane(ahead(v.said.Time, v.at, now), median)
	if t > v.said.Time {
		return right || !was || !v.current(now)
	}
	return t < v.said.Time && right && !was
}

// Hear takes a proved beacon of a node of state; held is how much of that
// node's log is held here.
func (s *Beacons) Hear(b *wire.Beacon, state ct.State, held uint64, now time.Time) Heed {
	if s.Old(b.Node, b.Time, now) {
		return Old
	}
	s.by[b.Node] = voice{state: state, said: *b, at: now, held: held}
	if median, _ := s.Clock(now); !sane(ahead(b.Time, now, now), median) {
		return Off
	}
	return Heard
}

// Clock is the median of the other member States' clocks against this node's,
// positive when theirs are ahead, and of how many States. A State counts once,
// however many nodes it has. It is as exact as the delay on the way here.
func (s *Beacons) Clock(now time.Time) (time.Duration, int) {
	by := map[ct.State][]time.Duration{}
	for _, v := range s.by {
		if v.state != s.state && v.current(now) {
			by[v.state] = append(by[v.state], ahead(v.said.Time, v.at, now))
		}
	}
	all := make([]time.Duration, 0, len(by))
	for _, d := range by {
		all = append(all, median(d))
	}
	return median(all), len(all)
}

// median of two middle values is the one nearer to this node's clock: half of
// the members do not outvote it.
func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	low, high := d[(len(d)-1)/2], d[len(d)/2]
	if low.Abs() <= high.Abs() {
		return low
	}
	return high
}

// Mine is what this node holds beside what a beacon says.
type Mine struct {
	Digest    [32]byte // FrontierDigest of all
	Size      uint64   // of the beacon's node's log
	At        ct.ID    // our record at the beacon's size of that log; zero when we hold none
	Contested bool     // that log, here
}

// Lack is why a beacon asks for a sync.
type Lack uint8

// The reasons, the last one the weightiest.
const (
	LackNothing Lack = iota
	LackDigest       // something is held there and not here, or the reverse
	LackRecords      // its own log is longer than here
	LackFork         // it names another record of its own log than we hold at that seq
)

func (l Lack) String() string {
	return [...]string{"nothing", "digest", "records", "fork"}[l]
}

// Lacks compares what a node said with what is held here. A differing digest
// alone, which any record on its way makes, counts twice a minute at most.
func (s *Beacons) Lacks(b *wire.Beacon, mine Mine, now time.Time) Lack {
	switch {
	case !mine.Contested && b.Size > mine.Size:
		return LackRecords
	case !mine.Contested && b.Size > 0 && b.Head != mine.At:
		return LackFork
	case b.Digest == mine.Digest, !s.synced.IsZero() && now.Sub(s.synced) < digestEvery:
		return LackNothing
	}
	s.synced = now
	return LackDigest
}

// Away tells that a node was not heard for three beacons, and when it was last heard;
// zero: not since the start.
func (s *Beacons) Away(node ct.LogID, now time.Time) (heard time.Time, away bool) {
	v, ok := s.by[node]
	if !ok {
		return time.Time{}, now.Sub(s.start) > AwayAfter
	}
	return v.at, now.Sub(v.at) > AwayAfter
}

// Watch is what the beacons of the last ten minutes tell.
type Watch struct {
	States int        // members with a node that may speak, this one included
	Heard  int        // of these, this one included
	Silent []ct.State // of these, the others
	// Eclipsed: fewer than two thirds were heard for ten minutes. This node is
	// cut off, or they are.
	Eclipsed bool
	Ahead    time.Duration // median of the members' clocks against this node's
	Clocks   int           // States in that median
	ClockOff bool          // it is more than 30 s off
	Behind   int           // nodes that have said more of their own log than is held here
	Short    int           // nodes that said less of it than was held here: they have lost records
}

// Watch sums up at now. members are the nodes that may speak, and size how
// much is held of a log.
func (s *Beacons) Watch(members map[ct.LogID]ct.State, size func(ct.LogID) uint64, now time.Time) Watch {
	w := Watch{}
	w.Ahead, w.Clocks = s.Clock(now)
	w.ClockOff = w.Ahead.Abs() > ClockAlarm
	heard := map[ct.State]bool{s.state: true}
	for node, state := range members {
		if _, ok := heard[state]; !ok {
			heard[state] = false
		}
		v, ok := s.by[node]
		if !ok || !v.current(now) {
			continue
		}
		if sane(ahead(v.said.Time, v.at, now), w.Ahead) {
			heard[state] = true
		}
		switch {
		case v.said.Size > size(node):
			w.Behind++
		case v.said.Size < v.held:
			w.Short++
		}
	}
	for _, state := range slices.Sorted(maps.Keys(heard)) {
		w.States++
		if heard[state] {
			w.Heard++
		} else {
			w.Silent = append(w.Silent, state)
		}
	}
	w.Eclipsed = now.Sub(s.start) >= HeardWithin && 3*w.Heard < 2*w.States
	return w
}
