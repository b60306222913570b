package exchange

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// maxKnown bounds the peers whose frontiers are remembered. A network of
// hundreds of logs takes some 100 KB for each.
const maxKnown = 64

// ledger tells what changed in this node's frontier since a mark that it gave
// out earlier. It keeps nothing for each peer and lasts as long as the process:
// marks of another run are not known, and answered with the whole frontier.
type ledger struct {
	mu  sync.Mutex
	run [8]byte // random: marks of two runs never meet
	gen uint64  // changes so far
	at  map[ct.LogID]changedHead
}

type changedHead struct {
	head wire.LogHead
	gen  uint64
}

// snapshot is a frontier at one moment.
type snapshot struct {
	heads []wire.LogHead
	gens  []uint64 // of each head, when it last changed
	mark  wire.Mark
}

// note compares a frontier with the last one.
func (l *ledger) note(heads []wire.LogHead) snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := snapshot{heads: heads, gens: make([]uint64, len(heads))}
	l.compare(s)
	if len(l.at) != len(heads) { // a log has gone, which cannot be said as a change
		l.at = nil
		l.compare(s)
	}
	copy(s.mark[:], l.run[:])
	binary.BigEndian.PutUint64(s.mark[8:], l.gen+1) // no mark is zero
	return s
}

func (l *ledger) compare(s snapshot) {
	if l.at == nil {
		_, _ = rand.Read(l.run[:]) // never fails
		l.gen, l.at = 0, make(map[ct.LogID]changedHead, len(s.heads))
	}
	next := l.gen + 1
	for i, h := range s.heads {
		was, ok := l.at[h.Log]
		if !ok || was.head != h {
			was = changedHead{h, next}
			l.at[h.Log], l.gen = was, next
		}
		s.gens[i] = was.gen
	}
}

// after gives the heads that changed since a mark; false when the mark is not
// one of this run.
func (s *snapshot) after(m wire.Mark) ([]wire.LogHead, bool) {
	gen := binary.BigEndian.Uint64(m[8:])
	if !bytes.Equal(m[:8], s.mark[:8]) || gen == 0 || gen > binary.BigEndian.Uint64(s.mark[8:]) {
		return nil, false
	}
	var out []wire.LogHead
	for i, g := range s.gens {
		if g >= gen {
			out = append(out, s.heads[i])
		}
	}
	return out, true
}

// known is what peers held when they last said so, and what they were told.
type known struct {
	mu sync.Mutex
	by map[ct.LogID]knownPeer
}

type knownPeer struct {
	mark  wire.Mark // of its frontier; zero: nothing is known
	heads []wire.LogHead
	told  wire.Mark // of ours
}

func (k *known) of(node ct.LogID) knownPeer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.by[node]
}

func (k *known) set(node ct.LogID, p knownPeer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.mark.IsZero() {
		delete(k.by, node)
		return
	}
	if _, ok := k.by[node]; !ok && len(k.by) >= maxKnown {
		for other := range k.by { // any: it is told everything next time
			delete(k.by, other)
			break
		}
	}
	k.by[node] = p
}

// frontiers tells a peer what changed here since it was last told, and gets
// what it holds. What it sends as changes is held against its digest: when the
// sum is wrong, for whatever reason, it is asked for the whole.
func (x *Exchange) frontiers(e *session, node ct.LogID, mine snapshot, digest [32]byte) ([]wire.LogHead, error) {
	was := x.known.of(node)
	ask := &wire.SyncFrontier{Heads: mine.heads, Since: was.mark}
	if changed, ok := mine.after(was.told); ok {
		ask.Heads = changed
	}
	got, err := e.askFrontier(ask)
	if err != nil {
		return nil, err
	}
	theirs, sound := got.Heads, false
	if !got.Since.IsZero() {
		theirs = reconcile.Merge(was.heads, got.Heads)
		sound = len(theirs) <= wire.MaxSyncLogs && wire.FrontierDigest(theirs) == digest
		if !sound {
			if got, err = e.askFrontier(&wire.SyncFrontier{}); err != nil {
				return nil, err
			}
			theirs = got.Heads
		}
	}
	if !sound {
		sound = wire.FrontierDigest(theirs) == digest
	}
	var now knownPeer
	if sound {
		now = knownPeer{mark: got.Mark, heads: theirs, told: mine.mark}
	}
	x.known.set(node, now)
	return theirs, nil
}

// askFrontier exchanges one frontier for another. Changes come only to who
// named what they are to be added to.
func (e *session) askFrontier(ask *wire.SyncFrontier) (*wire.SyncFrontier, error) {
	if err := e.send(&wire.SyncMessage{Frontier: ask}); err != nil {
		return nil, err
	}
	m, err := e.receive()
	switch {
	case err != nil:
		return nil, err
	case m.Frontier == nil:
		return nil, fmt.Errorf("%w: want a frontier", errPeer)
	case !m.Frontier.Since.IsZero() && m.Frontier.Since != ask.Since:
		return nil, fmt.Errorf("%w: changes since a mark that it was not asked for", errPeer)
	}
	return m.Frontier, nil
}

// tell answers a frontier with this node's.
func tell(mine snapshot, asked *wire.SyncFrontier) *wire.SyncFrontier {
	if changed, ok := mine.after(asked.Since); ok {
		return &wire.SyncFrontier{Heads: changed, Mark: mine.mark, Since: asked.Since}
	}
	return &wire.SyncFrontier{Heads: mine.heads, Mark: mine.mark}
}
