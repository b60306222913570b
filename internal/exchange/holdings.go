package exchange

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// holdings is this node's frontier. It follows the store: what a moment costs
// depends on what has changed since the last one, not on how many logs there
// are. It also tells what changed since a mark that was given out earlier, and
// keeps nothing for each peer. It lasts as long as the process: marks of
// another run are not known, and answered with the whole frontier.
type holdings struct {
	mu   sync.Mutex
	all  reconcile.Frontier
	view *roster.View // whose closed logs are left out
	seen uint64       // the store's count of changes
	run  [8]byte      // random: marks of two runs never meet
	gen  uint64       // changes so far
}

// snapshot is a frontier at one moment.
type snapshot struct {
	reconcile.Frontier
	digest [32]byte
	mark   wire.Mark
}

// Holdings are the digest and the number of the logs that this node holds, for
// its beacon.
func (x *Exchange) Holdings() (digest [32]byte, logs int) {
	s := x.holds()
	return s.digest, s.Len()
}

// holds is all that this node tells of: each log that its State has not closed.
// What of a closed log counts follows from the roster, and lengths say nothing
// of it (see closed.go).
func (x *Exchange) holds() snapshot {
	h := &x.holdings
	h.mu.Lock()
	defer h.mu.Unlock()
	view, after := x.cfg.View(), h.seen
	if h.view != view {
		after = 0
	}
	heads, seen := x.cfg.Store.HeadsAfter(after)
	next, whole := h.gen+1, true
	for log, head := range heads {
		if right, _ := view.Right(log); right.Closing != nil || head.Size == 0 && head.Contested == 0 {
			h.remove(log)
			continue
		}
		e, err := x.undisputed(log, head)
		if err != nil {
			x.log.Error("a log is left out of the comparison with peers", "log", log.Short(), "err", err)
			h.remove(log)
			whole = false // it is looked at again the next time
			continue
		}
		if h.all.Set(e, next) {
			h.gen = next
		}
	}
	if h.run == [8]byte{} {
		_, _ = rand.Read(h.run[:]) // never fails
	}
	if whole {
		h.seen, h.view = seen, view
	}
	s := snapshot{Frontier: h.all, digest: h.all.Digest()}
	copy(s.mark[:], h.run[:])
	binary.BigEndian.PutUint64(s.mark[8:], h.gen+1) // no mark is zero
	return s
}

// remove takes out a log, which cannot be said as a change: all marks end.
func (h *holdings) remove(log ct.LogID) {
	if h.all.Remove(log) {
		_, _ = rand.Read(h.run[:])
	}
}

// undisputed is the part of a log below its lowest known fork. All who know the
// same fork come to hold the same of it, so that they can agree.
func (x *Exchange) undisputed(log ct.LogID, h store.Head) (wire.LogHead, error) {
	e := wire.LogHead{Log: log, Size: h.Size, Head: h.ID, Fork: h.Contested}
	if h.Contested == 0 || h.Size < h.Contested {
		return e, nil
	}
	e.Size, e.Head = h.Contested-1, ct.ID{}
	if e.Size == 0 {
		return e, nil
	}
	id, _, ok, err := x.cfg.Store.Lookup(log, e.Size)
	if err == nil && !ok {
		err = fmt.Errorf("record %d: %w", e.Size, store.ErrNotFound)
	}
	e.Head = id
	return e, err
}

// after gives the heads that changed since a mark; false when the mark is not
// one of this run.
func (s *snapshot) after(m wire.Mark) ([]wire.LogHead, bool) {
	gen := binary.BigEndian.Uint64(m[8:])
	if !bytes.Equal(m[:8], s.mark[:8]) || gen == 0 || gen > binary.BigEndian.Uint64(s.mark[8:]) {
		return nil, false
	}
	return s.Since(gen), true
}

// holdsFor is what this node tells a peer of; restricted: it may be told little.
func (x *Exchange) holdsFor(node ct.LogID) (_ snapshot, restricted bool) {
	all := x.holds()
	if !x.restricted(node) {
		return all, false
	}
	var s snapshot // without a mark: nothing of it is remembered
	for _, h := range x.allowedHeads(all.Since(0), node) {
		s.Set(h, 1)
	}
	s.digest = s.Digest()
	return s, true
}
