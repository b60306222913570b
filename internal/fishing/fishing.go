// Package fishing judges, from a State's match requests of the last day,
// whether it asks about persons whom it has met or looks for whom others know:
// document numbers in a row, one person again and again, one name with every
// date of birth, an alphabet of names, and bare names or numbers that nobody
// knows. It judges the pattern, never the person, and decides no action.
//
// What it keeps of a request is a sketch: keyed hashes, and for what has an
// order the distance to a secret place. The key is the caller's, lives in
// memory alone and dies with the process; a sketch lives for a day. Nothing is
// kept that says whom a request was about to who does not hold that key, and
// nothing is written to a disk.
package fishing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// The rules, as metrics, the journal and people are told of them.
const (
	RuleNumbers = "numbers" // document numbers in a row, or at regular distances
	RuleAgain   = "again"   // one person asked again and again
	RuleBirths  = "births"  // one name with many dates of birth
	RuleNames   = "names"   // bare names in the order of the alphabet
	RuleMisses  = "misses"  // bare names or numbers that are never known
)

// Window is how far back a judgement looks.
const Window = 24 * time.Hour

// Bounds of what is kept of one asker. Of a request everything is sketched: what
// was left out would be where to hide.
const (
	maxAsks    = 1024
	maxValues  = 16_384 // of all its requests
	maxPersons = 256    // pairs of one request, beside one a name
)

// Limits say how much of a pattern is one. See DefaultLimits for the values.
type Limits struct {
	Run        int // numbers in a row, each at most near from the next
	BareRun    int // the same, of requests that hold no name
	Runs       int // numbers in all rows longer than a large family's
	Neighbours int // numbers of which nearly all have a neighbour
	Regular    int // successive numbers at regular distances
	Again      int // requests for one person
	Births     int // dates of birth with one name
	NearBirths int // such dates that follow one another
	Names      int // bare names, three in eight of them in order
	Misses     int // bare requests, next to none with a hit
}

// DefaultLimits are for budgets of 60 an hour and 500 a day. They are far above
// what a border post meets: `herald bench fishing` prints how far.
func DefaultLimits() Limits {
	return Limits{
		Run: 64, BareRun: 20, Runs: 180, Neighbours: 160, Regular: 64,
		Again: 7, Births: 16, NearBirths: 8, Names: 64, Misses: 150,
	}
}

// For adapts the limits to a policy of perDay requests. What grows with the
// number of honest requests grows with it; numbers in a row do not.
func (l Limits) For(perDay int) Limits {
	if f := perDay / 500; f > 1 {
		for _, v := range []*int{&l.Again, &l.Births, &l.NearBirths, &l.Names, &l.Misses, &l.Neighbours} {
			*v = min(*v, 1<<30/f) * f
		}
	}
	return l
}

// Part is the limits divided: of who was found fishing lately.
func (l Limits) Part(by int) Limits {
	for _, v := range []*int{
		&l.Run, &l.BareRun, &l.Runs, &l.Neighbours, &l.Regular, &l.Births, &l.NearBirths, &l.Names, &l.Misses,
	} {
		*v = max(*v/by, 4)
	}
	l.Again = max(l.Again/by, 3)
	return l
}

// Finding is a pattern that a request completes.
type Finding struct {
	Rule string // "" when there is none
	Seen int    // requests or numbers that make it
}

// Watch sketches the requests of one asker. It is not safe for concurrent use.
type Watch struct {
	key   []byte
	asker string
	asks  []ask // of the last day, oldest first
	next  uint64
}

// ask is the sketch of one request.
type ask struct {
	id       uint64
	at       ct.Millis
	answered bool // or refused for the budget
	bare     int  // persons of whom it says too little to have met them
	noName   bool
	hit      bool
	exact    uint64   // the whole subject
	persons  []uint64 // pairs of names with a year, and numbers: two of one person share one
	numbers  []number
	names    []uint64 // whole names
	births   []birth
	places   []uint64 // of bare names in the alphabet
}

// New starts to watch an asker. Sketches under another key, or of another
// asker, have nothing in common with these.
func New(key [32]byte, asker string) *Watch { return &Watch{key: key[:], asker: asker} }

// hash is what stands for a value.
func (w *Watch) hash(kind, value string) uint64 {
	m := hmac.New(sha256.New, w.key)
	var n [8]byte
	for _, s := range []string{w.asker, kind, value} {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		m.Write(n[:])
		m.Write([]byte(s))
	}
	return binary.BigEndian.Uint64(m.Sum(nil))
}

// See sketches a request and tells which pattern it completes, with an id for
// Hit. answered is false for a request that is refused for the budget: one
// that comes again later is no second one.
func (w *Watch) See(now ct.Millis, s *match.Subject, answered bool, l Limits) (Finding, uint64) {
	w.forget(now)
	a := w.sketch(now, s)
	a.answered = answered
	w.next++
	a.id = w.next
	if i := w.retried(&a); i >= 0 { // the same request, for the budget or for a lost answer
		w.asks[i].answered = w.asks[i].answered || answered
		return Finding{}, w.asks[i].id
	}
	w.asks = append(w.asks, a)
	w.bound()
	for _, judge := range []func(*ask, Limits) Finding{w.judgeNumbers, w.judgeAgain, w.judgeBirths, w.judgeNames, w.judgeMisses} {
		if f := judge(&w.asks[len(w.asks)-1], l); f.Rule != "" {
			return f, a.id
		}
	}
	return Finding{}, a.id
}

// values is how much the sketch of a request keeps.
func (a *ask) values() int {
	return 1 + len(a.persons) + 4*len(a.numbers) + len(a.names) + 2*len(a.births) + len(a.places)
}

// bound forgets the oldest of what is too much.
func (w *Watch) bound() {
	n, kept, room := len(w.asks)-1, w.asks[len(w.asks)-1].values(), maxValues
	for n > 0 && len(w.asks)-n < maxAsks && kept+w.asks[n-1].values() <= room {
		n--
		kept += w.asks[n].values()
	}
	w.asks = slices.Delete(w.asks, 0, n)
}

// Hit notes that what was asked under id was known.
func (w *Watch) Hit(id uint64) {
	for i := len(w.asks) - 1; i >= 0; i-- {
		if w.asks[i].id == id {
			w.asks[i].hit = true
			return
		}
	}
}

// Asked is how many requests of the last day are sketched.
func (w *Watch) Asked(now ct.Millis) int {
	w.forget(now)
	return len(w.asks)
}

// Clear forgets all sketches.
func (w *Watch) Clear() { w.asks = nil }

// forget drops what is older than the window. What a clock that was set back
// since put later than now counts as seen now, or it would stay.
func (w *Watch) forget(now ct.Millis) {
	for i := len(w.asks) - 1; i >= 0 && w.asks[i].at > now; i-- {
		w.asks[i].at = now
	}
	old := now - ct.Millis(Window.Milliseconds())
	n := 0
	for n < len(w.asks) && w.asks[n].at <= old {
		n++
	}
	w.asks = slices.Delete(w.asks, 0, n)
}

// retried finds the request that a repeats word for word: within a minute, or
// after it was refused for the budget. Only the last ones are compared.
func (w *Watch) retried(a *ask) int {
	minute := ct.Millis(time.Minute.Milliseconds())
	for i := len(w.asks) - 1; i >= 0; i-- {
		if b := &w.asks[i]; b.exact == a.exact && (!b.answered || !a.answered || a.at-b.at < minute) {
			return i
		}
	}
	return -1
}
