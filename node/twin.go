package node

import (
	"fmt"
	"sync"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// penned is how many of the records that this process has signed are known
// again: far more than the follower of the store is ever behind.
const penned = 10_000

// pen is the node's key for records. It knows what this process has signed with
// it, and so what another has: the other copy of a data directory.
type pen struct {
	keys.Signer
	start  ct.Millis
	barred func() string // why no record may be signed, whoever wants it; "": it may

	mu    sync.Mutex
	ids   map[ct.ID]bool
	order []ct.ID
	seen  uint64    // own records up to this place have been looked at
	other ct.Millis // when another process signed its first record; 0: none is known
}

func newPen(key keys.Signer, start ct.Millis, held uint64, barred func() string) *pen {
	return &pen{Signer: key, start: start, barred: barred, ids: map[ct.ID]bool{}, seen: held}
}

// Sign notes a record before it is anywhere. Every record of this node passes
// here, so here it is refused when the key may sign none: an operator who
// overrides the gate cannot know better than who has seen the other copy.
func (p *pen) Sign(c keys.Context, network ct.NetworkID, msg []byte) ([]byte, error) {
	if c == keys.ContextRecord {
		if why := p.barred(); why != "" {
			return nil, fmt.Errorf("%w: %s", desk.ErrNotAllowed, why)
		}
		p.note(wire.ID(network, msg))
	}
	return p.Signer.Sign(c, network, msg)
}

func (p *pen) note(id ct.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids[id] {
		return
	}
	if len(p.order) == penned {
		delete(p.ids, p.order[0])
		p.order = p.order[1:]
	}
	p.ids[id], p.order = true, append(p.order, id)
}

// look takes a stored record of the own log. One that was issued since the
// start and not signed here is another's; older ones have come back.
func (p *pen) look(r *store.Row) (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Seq <= p.seen {
		return false
	}
	p.seen = r.Header.Seq
	if p.ids[r.ID] || r.Header.Issued <= p.start || p.other != 0 {
		return false
	}
	p.other = r.Header.Issued
	return true
}

func (p *pen) twin() ct.Millis {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.other
}

// twin says that another process signs with this node's key, by a beacon or a
// record of its own; "" when nothing tells so.
func (n *Node) twin() string {
	what, at := "beacon", n.gossip.Twin()
	if at == 0 {
		what, at = "record", n.pen.twin()
	}
	if at == 0 {
		return ""
	}
	return fmt.Sprintf("twin: another process has signed a %s with this node's key at %v, so its data directory runs twice or its key was stolen; nothing is signed here, or the log would fork: end the other one, then restart this node", what, at)
}
