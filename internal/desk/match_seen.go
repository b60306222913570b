package desk

import (
	"strings"
	"sync"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
)

// outcomeRequest goes before the name of a request in a journalled outcome.
const outcomeRequest = " request="

// seen knows the requests that an earlier run of this node has answered and
// that could still be replayed: nonces live in memory, and the journal holds
// the name of every request that was answered. It is read once.
type seen struct {
	mu    sync.Mutex
	read  bool            // guarded by mu
	names map[string]bool // guarded by mu
	until ct.Millis       // guarded by mu: none of them is good any more
}

// replaySpan is how long after it was answered a request could be admitted
// again: its window, with the tolerance at both ends.
const replaySpan = maxWindow + 2*clockTolerance

// before tells whether an earlier run has answered a request.
func (s *seen) before(j *journal.Journal, hash ct.ID, now ct.Millis) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.read {
		names, err := answeredSince(j, now-ct.Millis(replaySpan.Milliseconds()))
		if err != nil {
			return false, err
		}
		s.read, s.names, s.until = true, names, now+ct.Millis(replaySpan.Milliseconds())
	}
	if now > s.until {
		s.names = nil
	}
	return s.names[requestName(hash)], nil
}

// answeredSince names the requests that were answered after a time.
func answeredSince(j *journal.Journal, after ct.Millis) (map[string]bool, error) {
	names := map[string]bool{}
	err := recent(j, after, func(e *journal.Entry) {
		_, rest, ok := strings.Cut(e.Outcome, outcomeRequest)
		if ok && e.Act == journal.ActMatchAnswer && !strings.HasPrefix(e.Outcome, AnswerRefused) {
			name, _, _ := strings.Cut(rest, " ")
			names[name] = true
		}
	})
	return names, err
}
