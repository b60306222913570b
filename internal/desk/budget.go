package desk

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

// Reasons of RATE_LIMITED.
const (
	limitBurst  = "burst"
	limitHour   = "hour"
	limitDay    = "day"
	limitNonces = "nonces"
)

// maxNonces bounds the live nonces of one asking State. A State whose live
// requests are more is answered RATE_LIMITED: forgetting one would let it be
// replayed.
const maxNonces = 1 << 14

// budgets counts the persons in the match requests of each asking State, over
// all its nodes (fishing.Cost).
// The windows slide: at no time were more than the policy's numbers asked in
// the minute (burst), the hour and the day before it.
//
// The counts are not stored: the journal holds every counted request, and
// refill reads the last day of it, so that a restart forgives nothing.
type budgets struct {
	mu     sync.Mutex
	states map[ct.State]*budget // guarded by mu
	filled bool                 // guarded by mu: the journal has been read
}

type budget struct {
	times   []ct.Millis            // of the persons asked in the last day, ascending
	limited ct.Millis              // when RATE_LIMITED was last journalled
	nonces  map[[32]byte]ct.Millis // and when each may be forgotten
	swept   ct.Millis              // when expired nonces were last forgotten
}

func newBudgets() *budgets { return &budgets{states: map[ct.State]*budget{}} }

func (b *budgets) of(s ct.State) *budget {
	x, ok := b.states[s]
	if !ok {
		x = &budget{nonces: map[[32]byte]ct.Millis{}}
		b.states[s] = x
	}
	return x
}

// take counts n persons asked by a State, or says which limit they meet. A
// limit of zero in the policy lets nothing through.
func (b *budgets) take(s ct.State, now ct.Millis, p roster.Policy, n int) (limit string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.of(s)
	x.settle(now)
	x.prune(now)
	for _, w := range []struct {
		name string
		span time.Duration
		most uint32
	}{
		{limitBurst, time.Minute, p.MatchBurst},
		{limitHour, time.Hour, p.MatchPerHour},
		{limitDay, 24 * time.Hour, p.MatchPerDay},
	} {
		if x.since(now-ct.Millis(w.span.Milliseconds()))+n > int(w.most) {
			return w.name, false
		}
	}
	x.add(now, n)
	return "", true
}

// once remembers a nonce until it can no longer be used; false when it was
// seen before, or when there are too many.
func (b *budgets) once(s ct.State, nonce [32]byte, now, until ct.Millis) (fresh, room bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.of(s)
	if _, seen := x.nonces[nonce]; seen {
		return false, true
	}
	if now-x.swept >= ct.Millis(time.Minute.Milliseconds()) || now < x.swept {
		x.swept = now
		maps.DeleteFunc(x.nonces, func(_ [32]byte, end ct.Millis) bool { return end < now })
	}
	if len(x.nonces) >= maxNonces {
		return true, false
	}
	x.nonces[nonce] = until
	return true, true
}

// tell tells whether a RATE_LIMITED answer is to be journalled: the first of
// an hour is, so that a flood does not fill the journal.
func (b *budgets) tell(s ct.State, now ct.Millis) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.of(s)
	if x.limited != 0 && now >= x.limited && now-x.limited < ct.Millis(time.Hour.Milliseconds()) {
		return false
	}
	x.limited = now
	return true
}

type used struct{ hour, day int }

// used is what each State has asked that is counted now.
func (b *budgets) used(now ct.Millis) map[ct.State]used {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[ct.State]used{}
	for s, x := range b.states {
		x.settle(now)
		out[s] = used{x.since(now - ct.Millis(time.Hour.Milliseconds())), x.since(now - ct.Millis((24 * time.Hour).Milliseconds()))}
	}
	return out
}

func (x *budget) add(t ct.Millis, n int) {
	if n := len(x.times); n > 0 { // a clock set back must not unsort the times
		t = max(t, x.times[n-1])
	}
	for range n {
		x.times = append(x.times, t)
	}
}

// settle takes what was counted later than now, by a clock that has been set
// right since, as counted now: it is not forgiven, and it ends after a day as
// everything else does.
func (x *budget) settle(now ct.Millis) {
	for i := len(x.times) - 1; i >= 0 && x.times[i] > now; i-- {
		x.times[i] = now
	}
}

func (x *budget) prune(now ct.Millis) {
	day := ct.Millis((24 * time.Hour).Milliseconds())
	n := len(x.times) - x.since(now-day)
	x.times = slices.Delete(x.times, 0, n)
}

// since counts the requests after t.
func (x *budget) since(t ct.Millis) int {
	i, _ := slices.BinarySearch(x.times, t+1)
	return len(x.times) - i
}

// refill counts the journalled requests of the last day, once.
func (b *budgets) refill(j *journal.Journal, now ct.Millis) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.filled {
		return nil
	}
	day := ct.Millis((24 * time.Hour).Milliseconds())
	var counted []journal.Entry // newest first; only time, State and, as Of, the cost
	err := recent(j, now-day, func(e *journal.Entry) {
		if e.Act == journal.ActMatchAnswer && !strings.HasPrefix(e.Outcome, AnswerRateLimited) {
			counted = append(counted, journal.Entry{Time: e.Time, Peer: e.Peer, Of: costOf(e.Outcome)})
		}
	})
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(counted) {
		b.of(e.Peer).add(e.Time, int(e.Of))
	}
	b.filled = true
	return nil
}

// outcomeCost goes before what a request cost in a journalled outcome, when that
// is not one.
const outcomeCost = " cost="

// costOf reads what a journalled request cost. No request has more names and
// numbers than a subject.
func costOf(outcome string) uint64 {
	_, rest, ok := strings.Cut(outcome, outcomeCost)
	if !ok {
		return 1
	}
	word, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return 1
	}
	return max(1, min(n, match.MaxNames+match.MaxDocuments))
}

// recent gives the journal's entries that are later than after, the newest
// first. It ends at a thousand that are all older: one alone may have been
// written while the clock was wrong.
func recent(j *journal.Journal, after ct.Millis, fn func(*journal.Entry)) error {
	const chunk = 1_000
	end, _ := j.Head()
	for some := true; end > 0 && some; {
		from := end - min(end, chunk)
		entries, err := j.Read(from, int(end-from))
		if err != nil {
			return err
		}
		some = false
		for i := range slices.Backward(entries) {
			if e := &entries[i]; e.Time > after {
				some = true
				fn(e)
			}
		}
		end = from
	}
	return nil
}
