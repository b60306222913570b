package exchange

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// maxKnown bounds the peers whose frontiers are remembered, and maxKnownLogs
// the logs in all of these, of some 90 bytes each.
const (
	maxKnown     = 64
	maxKnownLogs = 1 << 17
)

// known is what peers held when they last said so, and what they were told.
type known struct {
	mu   sync.Mutex
	by   map[ct.LogID]knownPeer
	logs int // in all of them
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
	k.forget(node)
	if p.mark.IsZero() || len(p.heads) > maxKnownLogs {
		return
	}
	for other := range k.by { // any: it is told everything next time
		if len(k.by) < maxKnown && k.logs+len(p.heads) <= maxKnownLogs {
			break
		}
		k.forget(other)
	}
	k.by[node] = p
	k.logs += len(p.heads)
}

func (k *known) forget(node ct.LogID) {
	k.logs -= len(k.by[node].heads)
	delete(k.by, node)
}

// frontiers tells a peer what changed here since it was last told, and gets
// what it holds. What it sends as changes is held against its digest: when the
// sum is wrong, for whatever reason, it is asked for the whole.
func (x *Exchange) frontiers(e *session, node ct.LogID, mine *snapshot, digest [32]byte) ([]wire.LogHead, error) {
	was := x.known.of(node)
	ask := &wire.SyncFrontier{Since: was.mark}
	if changed, ok := mine.after(was.told); ok {
		ask.Heads = changed
	} else {
		ask.Heads = mine.Since(0)
	}
	got, err := e.askFrontier(ask)
	if err != nil {
		return nil, err
	}
	theirs, sound := got.Heads, false
	if !got.Since.IsZero() {
		theirs = reconcile.Merge(was.heads, got.Heads)
		sound = len(theirs) <= wire.MaxFrontier && wire.FrontierDigest(theirs) == digest
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
	if err := e.sendFrontier(ask); err != nil {
		return nil, err
	}
	m, err := e.receive()
	if err != nil {
		return nil, err
	}
	if m.Frontier == nil {
		return nil, fmt.Errorf("%w: want a frontier", errPeer)
	}
	got, err := e.allPages(m.Frontier)
	switch {
	case err != nil:
		return nil, err
	case !got.Since.IsZero() && got.Since != ask.Since:
		return nil, fmt.Errorf("%w: changes since a mark that it was not asked for", errPeer)
	}
	return got, nil
}

// sendFrontier sends a frontier in pages.
func (e *session) sendFrontier(f *wire.SyncFrontier) error {
	heads := f.Heads
	for ; len(heads) > wire.MaxSyncLogs; heads = heads[wire.MaxSyncLogs:] {
		if err := e.send(&wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: heads[:wire.MaxSyncLogs], More: true}}); err != nil {
			return err
		}
	}
	return e.send(&wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: heads, Mark: f.Mark, Since: f.Since}})
}

// allPages receives the pages that follow a first one.
func (e *session) allPages(f *wire.SyncFrontier) (*wire.SyncFrontier, error) {
	heads := f.Heads
	for f.More {
		m, err := e.receive()
		if err != nil {
			return nil, err
		}
		last := heads[len(heads)-1].Log // a page before another is full
		switch {
		case m.Frontier == nil:
			return nil, fmt.Errorf("%w: want the next page of a frontier", errPeer)
		case len(heads)+len(m.Frontier.Heads) > wire.MaxFrontier:
			return nil, fmt.Errorf("%w: a frontier of more than %d logs", errPeer, wire.MaxFrontier)
		case len(m.Frontier.Heads) > 0 && bytes.Compare(last[:], m.Frontier.Heads[0].Log[:]) >= 0:
			return nil, fmt.Errorf("%w: the pages of a frontier are out of order", errPeer)
		}
		f = m.Frontier
		heads = append(heads, f.Heads...)
	}
	return &wire.SyncFrontier{Heads: heads, Mark: f.Mark, Since: f.Since}, nil
}

// tell answers a frontier with this node's.
func tell(mine *snapshot, asked *wire.SyncFrontier) *wire.SyncFrontier {
	if changed, ok := mine.after(asked.Since); ok {
		return &wire.SyncFrontier{Heads: changed, Mark: mine.mark, Since: asked.Since}
	}
	return &wire.SyncFrontier{Heads: mine.Since(0), Mark: mine.mark}
}
