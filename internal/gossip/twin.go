package gossip

import (
	"fmt"
	"slices"
	"sync"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// twinMemory is how many of this node's own beacons are known again: four hours.
const twinMemory = 256

// twin tells this node's own beacons from those of another process that signs
// with the same key: a copied data directory. A copy knows the same and says
// so in a beacon within a minute, mostly before both have signed records for
// one place.
type twin struct {
	mu    sync.Mutex
	floor ct.Millis   // own beacons of before the start, or forgotten ones, have this time at most
	sent  []ct.Millis // own beacons of this process, the newest last
	heard ct.Millis   // the first that this process has not sent; 0: none
}

func newTwin(cfg Config) *twin {
	return &twin{floor: max(cfg.Sent, ct.MillisOf(cfg.Clock()))}
}

// send notes a beacon before it leaves.
func (t *twin) send(at ct.Millis) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.sent) == twinMemory {
		t.floor, t.sent = max(t.floor, t.sent[0]), t.sent[1:]
	}
	t.sent = append(t.sent, at)
}

// other tells that a beacon of this node's key is not one of its own.
func (t *twin) other(at ct.Millis) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return at > t.floor && !slices.Contains(t.sent, at)
}

// hear takes a proved one; true for the first.
func (t *twin) hear(at ct.Millis) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.heard == 0
	if first {
		t.heard = at
	}
	return first
}

// Twin is the time of a beacon that was signed with this node's key and not
// sent by this process; 0: none was heard since the start.
func (g *Gossip) Twin() ct.Millis {
	g.twin.mu.Lock()
	defer g.twin.mu.Unlock()
	return g.twin.heard
}

// mark notes an own beacon, also beyond a restart, before it is sent.
func (g *Gossip) mark(b *wire.Beacon) {
	g.twin.send(b.Time)
	if g.cfg.KeepSent == nil {
		return
	}
	// A node that cannot note it is heard all the same: the start's own time
	// then tells old beacons from another's.
	if err := g.cfg.KeepSent(b.Time); err != nil {
		g.log.Warn("the time of an own beacon is not kept", "err", err)
	}
}

// hearOwn takes a proved beacon of this node's own key that it has not sent.
func (g *Gossip) hearOwn(b *wire.Beacon) {
	if g.twin.hear(b.Time) {
		g.log.Error("another process signs with this node's key: nothing is signed here any more",
			"told", b.Time, "size", fmt.Sprint(b.Size))
	}
}
