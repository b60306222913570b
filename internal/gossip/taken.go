package gossip

import (
	"sync"

	"github.com/herald-net/herald/node/ct"
)

// takenMax is how many messages of one seq of a log this node takes and passes
// on. The holder of a key can sign one record in as many ways as it likes: the
// id stays, the bytes and so the message id are others, and nothing but a count
// tells them from news. Two are enough for both halves of a fork; what else
// there is of a seq, sync finds.
const takenMax = 2

// taken counts, for each log, the messages taken of the seqs that gossip takes
// at all. Only logs of the roster have an entry.
type taken struct {
	mu   sync.Mutex
	logs map[ct.LogID]*window
}

// window holds seq·4 + count, at seq modulo its length: no two seqs that are
// taken at a time meet.
type window [aheadMax + behindMax]uint64

func newTaken() *taken { return &taken{logs: map[ct.LogID]*window{}} }

// full tells that enough was taken of a seq.
func (t *taken) full(log ct.LogID, seq uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.logs[log]
	if w == nil {
		return false
	}
	s := w[seq%uint64(len(w))]
	return s>>2 == seq && s&3 >= takenMax
}

// take counts a message whose signature is good; false: it is one too many.
func (t *taken) take(log ct.LogID, seq uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.logs[log]
	if w == nil {
		w = &window{}
		t.logs[log] = w
	}
	s := &w[seq%uint64(len(w))]
	if *s>>2 != seq {
		*s = seq << 2
	}
	if *s&3 >= takenMax {
		return false
	}
	*s++
	return true
}
