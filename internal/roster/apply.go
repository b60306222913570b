package roster

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// ErrLater is a record of a root log that changes the roster in a way unknown
// to this version, or one that comes after such a record. It and all that
// follows in that root log has no effect: fail static. The other States' root
// logs go on.
var ErrLater = errors.New("not understood by this version of herald")

// ErrOrder is a record of a root log that does not follow the last one applied.
var ErrOrder = errors.New("root log out of order")

// New is the roster at the founding: every founder with the nodes that its
// root key has delegated in the genesis file. All founders must have signed.
func New(g *Genesis) (*View, error) {
	if err := g.Verify(); err != nil {
		return nil, err
	}
	return g.view()
}

func (g *Genesis) view() (*View, error) {
	v := &View{
		network:  g.network,
		name:     g.body.Name,
		exercise: g.body.Exercise,
		created:  g.body.Created,
		policy:   g.Policy(),
		members:  make(map[ct.State]Member),
		rights:   make(map[ct.LogID]Right),
		nodes:    make(map[ct.LogID]Node),
		heads:    make(map[ct.LogID]head),
		version:  1,
	}
	for _, f := range g.body.Founders {
		v.members[f.State] = Member{State: f.State, Root: f.Root}
		v.rights[f.Root] = Right{State: f.State, Root: true, First: ct.ID(g.network), Growth: growth(v.policy, v.created, true)}
		v.heads[f.Root] = head{id: ct.ID(g.network), at: g.body.Created}
	}
	for i := range g.body.Founders {
		f := &g.body.Founders[i]
		ds, err := g.delegations(f)
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			s := v.step(d.header, d.id, Operation{Delegation: d.content})
			if s.err != nil {
				return nil, fmt.Errorf("genesis: %s: %w", f.State, s.err)
			}
			v.take(s)
		}
		for j, n := range v.members[f.State].Nodes {
			n.Addrs = f.Nodes[j].Addrs // one delegation a node, in the order of the body
			v.members[f.State].Nodes[j], v.nodes[n.Key] = n, n
		}
	}
	return v, nil
}

// Operation is what a record of a root log asks for: one of its fields, or
// none when the record has no effect.
type Operation struct {
	Delegation *ct.Delegation
	Renewal    *ct.Renewal
	Closing    *ct.Closing
}

// ReadOperation reads the body of an admissible record of a root log. Kinds
// that change no roster give the zero Operation.
func ReadOperation(kind uint32, body []byte) (op Operation, err error) {
	switch kind {
	case uint32(ct.KindDelegation):
		op.Delegation, err = wire.DecodeDelegation(body)
	case uint32(ct.KindRenewal):
		op.Renewal, err = wire.DecodeRenewal(body)
	case uint32(ct.KindClosing):
		op.Closing, err = wire.DecodeClosing(body)
	}
	if err != nil {
		return Operation{}, err
	}
	return op, nil
}

// HasOperation tells a kind of which ReadOperation reads the body.
func HasOperation(kind uint32) bool {
	return kind == uint32(ct.KindDelegation) || kind == uint32(ct.KindRenewal) || kind == uint32(ct.KindClosing)
}

// Apply takes in one record of a root log. Give it every record of the log, in
// order, and go on with the View it returns, which is never nil: an error is
// something to show, not a reason to keep the old one. op is what the record
// says, the zero value for one that is inadmissible; a record whose body has
// not arrived has to wait. Records already applied change nothing. A record
// without effect costs next to nothing, however large the roster is.
func (v *View) Apply(header *wire.Header, id ct.ID, op Operation) (*View, error) {
	h, ok := v.heads[header.Log]
	switch {
	case !ok:
		return v, fmt.Errorf("apply to roster: log %s is no root log of this network", header.Log.Short())
	case header.Seq < h.seq, header.Seq == h.seq && id == h.id:
		return v, nil
	case header.Seq != h.seq+1 || header.Prev != h.id || header.Offset != max(h.end, v.Line(header.Log).At(header.Issued)):
		return v, fmt.Errorf("apply to roster: log %s: record %d after %d: %w", header.Log.Short(), header.Seq, h.seq, ErrOrder)
	}
	s, n := v.step(header, id, op), *v
	n.heads = maps.Clone(v.heads)
	if s.effect {
		n.rights = maps.Clone(v.rights)
		n.nodes = maps.Clone(v.nodes)
		n.members = maps.Clone(v.members)
	}
	n.take(s)
	if s.err != nil {
		return &n, fmt.Errorf("apply to roster: log %s: record %d has no effect: %w", header.Log.Short(), header.Seq, s.err)
	}
	return &n, nil
}

// critical tells a record that changes the roster in a way unknown to this
// version: a kind that it does not know, or a renewal or closing whose content
// it cannot read, as a later version may write one. The kinds of node logs have
// no business in a root log and no effect.
func critical(kind uint32, op Operation) bool {
	switch ct.Kind(min(kind, 255)) {
	case ct.KindRenewal:
		return op.Renewal == nil
	case ct.KindClosing:
		return op.Closing == nil
	case ct.KindRootRotation, ct.KindAmendment, ct.KindVote:
		return true
	}
	return kind == 0 || kind > uint32(ct.KindCheckpoint)
}

// step is what one record does: the head of its root log after it, and one node
// when it has an effect; else why it has none.
type step struct {
	root   ct.LogID
	head   head
	node   Node
	effect bool
	err    error
}

// step works out what a record does that comes next in its root log.
func (v *View) step(header *wire.Header, id ct.ID, op Operation) step {
	last := v.heads[header.Log]
	s := step{root: header.Log, head: last}
	h := &s.head
	h.seq, h.id, h.at = header.Seq, id, max(last.at, header.Issued)
	h.end = header.After(id, len(wire.EncodeHeader(header))).End
	switch {
	case last.stopped != 0:
		s.err = fmt.Errorf("record %d of the log is %w", last.stopped, ErrLater)
		return s
	case critical(header.Kind, op):
		h.stopped = header.Seq
		s.err = fmt.Errorf("kind %d: %w", header.Kind, ErrLater)
		return s
	}
	switch {
	case op.Delegation != nil:
		h.serial = max(h.serial, op.Delegation.Serial)
		s.node, s.err = v.delegate(s.root, id, h.at, last.serial, op.Delegation)
	case op.Renewal != nil:
		s.node, s.err = v.renew(s.root, h.at, op.Renewal)
	case op.Closing != nil:
		s.node, s.err = v.close(s.root, id, header.Issued, op.Closing)
	default:
		return s
	}
	s.effect = s.err == nil
	return s
}

// take makes a step. The caller owns v, and its maps when the step has an effect.
func (v *View) take(s step) {
	v.heads[s.root] = s.head
	if s.effect {
		v.put(s.node)
	}
}

// delegate names a node key, or lengthens its window. at is the time of the
// record: its issued_at, or that of an earlier record of the log when that is
// later, so that no root key goes back in time.
func (v *View) delegate(root ct.LogID, id ct.ID, at ct.Millis, last uint64, d *ct.Delegation) (Node, error) {
	m := v.members[v.rights[root].State]
	if err := v.policy.CheckDelegation(d, m.State, root); err != nil {
		return Node{}, err
	}
	switch {
	case d.Serial <= last:
		return Node{}, fmt.Errorf("delegation: serial %d is not above %d", d.Serial, last)
	case d.NotBefore < at-millis(early):
		return Node{}, fmt.Errorf("delegation: it begins more than %v before its record", early)
	case d.NotAfter > at+millis(v.policy.MaxDelegation):
		return Node{}, fmt.Errorf("delegation: it ends more than the policy's %v after its record", v.policy.MaxDelegation)
	}
	if r, ok := v.rights[d.Node]; ok && (r.Root || r.State != m.State) {
		return Node{}, errors.New("delegation: the key is a root key or another State's")
	}
	n, renewed := v.nodes[d.Node]
	if renewed {
		if n.Closing != nil {
			return Node{}, errors.New("delegation: the key's log is closed, which is final")
		}
		// One window from the first to the last: a node that was renewed late
		// does not lose what it said in between.
		n.Serial = d.Serial
		n.NotBefore, n.NotAfter = min(n.NotBefore, d.NotBefore), max(n.NotAfter, d.NotAfter)
	} else {
		n = Node{Key: d.Node, State: m.State, Serial: d.Serial, Delegation: id, NotBefore: d.NotBefore, NotAfter: d.NotAfter}
	}
	if err := v.room(m, n); err != nil {
		return Node{}, fmt.Errorf("delegation: %w", err)
	}
	return n, nil
}

// room tells whether a State may have this window of a node beside those of its
// other keys: so many at any moment, of which some may be of closed keys, and so
// many keys ever. What a record is dated does not count.
func (v *View) room(m Member, n Node) error {
	others, moments := 0, []ct.Millis{n.NotBefore} // at one of which most windows lie over n's
	for _, o := range m.Nodes {
		if o.Key == n.Key {
			continue
		}
		others++
		if n.NotBefore < o.NotBefore && o.NotBefore < n.NotAfter {
			moments = append(moments, o.NotBefore)
		}
	}
	if others >= maxKeys {
		return fmt.Errorf("the State has named %d node keys already", others)
	}
	for _, t := range moments {
		open, closed := 0, 0
		for _, o := range m.Nodes {
			switch {
			case o.Key == n.Key || t < o.NotBefore || o.NotAfter <= t:
			case o.Closing == nil:
				open++
			default:
				closed++
			}
		}
		switch {
		case open >= int(v.policy.MaxNodes):
			return fmt.Errorf("the State has %d nodes already at %v", open, t)
		case open+closed >= int(v.policy.MaxNodes)+maxReplaced:
			return fmt.Errorf("the State has replaced %d node keys already whose windows lie at %v", closed, t)
		}
	}
	return nil
}

// renew sets a later end to the window of a node key.
func (v *View) renew(root ct.LogID, at ct.Millis, r *ct.Renewal) (Node, error) {
	n, err := v.named(root, r.Node)
	if err != nil {
		return Node{}, fmt.Errorf("renewal: %w", err)
	}
	switch {
	case n.Closing != nil:
		return Node{}, errors.New("renewal: the key's log is closed, which is final")
	case r.NotAfter <= n.NotAfter:
		return Node{}, errors.New("renewal: the delegation does not end before that")
	case r.NotAfter > v.latest(n, at):
		return Node{}, fmt.Errorf("renewal: longer than the policy's %v from now, or too long after its end: at most until %v",
			v.policy.MaxDelegation, v.latest(n, at))
	}
	n.NotAfter = r.NotAfter
	if err := v.room(v.members[n.State], n); err != nil {
		return Node{}, fmt.Errorf("renewal: %w", err)
	}
	return n, nil
}

// latest is how long a renewal at a time may let a node speak. It is bound to
// the end till now too: a key that ended long ago is named anew, if at all.
func (v *View) latest(n Node, at ct.Millis) ct.Millis {
	return min(n.NotAfter+millis(afterEnd), at) + millis(v.policy.MaxDelegation)
}

// close ends a node log. The first closing of a log ends it; a later one counts
// only when it ends the log earlier: it can take back more, and give back nothing.
func (v *View) close(root ct.LogID, id ct.ID, issued ct.Millis, c *ct.Closing) (Node, error) {
	n, err := v.named(root, c.Log)
	switch {
	case err != nil:
		return Node{}, fmt.Errorf("closing: %w", err)
	case n.Closing != nil && c.Seq >= n.Closing.Seq:
		return Node{}, fmt.Errorf("closing: the log is closed at %d; only a closing at a lower record changes that", n.Closing.Seq)
	case c.Seq == 0 && c.ID != n.Delegation:
		return Node{}, errors.New("closing: at 0 it has to name the first delegation of the key")
	}
	n.Closing = &Closing{Seq: c.Seq, ID: c.ID, Record: id, Issued: issued, Reason: c.Reason}
	return n, nil
}

// named finds a node that the root log has delegated.
func (v *View) named(root, node ct.LogID) (Node, error) {
	n, ok := v.nodes[node]
	if !ok || n.State != v.rights[root].State {
		return Node{}, errors.New("the key is no node of this State")
	}
	return n, nil
}

// put makes n what is known of its node.
func (v *View) put(n Node) {
	m := v.members[n.State]
	others := slices.DeleteFunc(slices.Clone(m.Nodes), func(o Node) bool { return o.Key == n.Key })
	m.Nodes = append(others, n)
	slices.SortFunc(m.Nodes, func(a, b Node) int { return cmp.Compare(a.Serial, b.Serial) })
	v.members[m.State] = m
	v.nodes[n.Key] = n
	v.rights[n.Key] = Right{State: m.State, First: n.Delegation, NotBefore: n.NotBefore, NotAfter: n.NotAfter, Closing: n.Closing,
		Growth: growth(v.policy, v.created, false)}
	v.version++
}
