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

// ErrLater is an operation of a root log that this version does not know. The
// roster stays as it is and the State's root log goes no further: fail static.
var ErrLater = errors.New("roster operation of a later version of herald")

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
		v.rights[f.Root] = Right{State: f.State, Root: true, First: ct.ID(g.network)}
		v.heads[f.Root] = head{id: ct.ID(g.network)}
	}
	for i := range g.body.Founders {
		f := &g.body.Founders[i]
		ds, err := g.delegations(f)
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			if err := v.apply(d.header, d.id, Operation{Delegation: d.content}); err != nil {
				return nil, fmt.Errorf("genesis: %s: %w", f.State, err)
			}
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
// not arrived has to wait. Records already applied change nothing.
func (v *View) Apply(header *wire.Header, id ct.ID, op Operation) (*View, error) {
	h, ok := v.heads[header.Log]
	switch {
	case !ok:
		return v, fmt.Errorf("apply to roster: log %s is no root log of this network", header.Log.Short())
	case header.Seq < h.seq, header.Seq == h.seq && id == h.id:
		return v, nil
	case header.Seq != h.seq+1 || header.Prev != h.id || header.Offset != h.end:
		return v, fmt.Errorf("apply to roster: log %s: record %d after %d: %w", header.Log.Short(), header.Seq, h.seq, ErrOrder)
	case critical(header.Kind, op):
		return v, fmt.Errorf("apply to roster: log %s: record %d, kind %d: %w", header.Log.Short(), header.Seq, header.Kind, ErrLater)
	}
	n := *v
	n.heads = maps.Clone(v.heads)
	n.rights = maps.Clone(v.rights)
	n.nodes = maps.Clone(v.nodes)
	n.members = maps.Clone(v.members)
	if err := n.apply(header, id, op); err != nil {
		return &n, fmt.Errorf("apply to roster: log %s: record %d has no effect: %w", header.Log.Short(), header.Seq, err)
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

// apply advances the root log's head and does what the record asks for when
// that is sound. The caller owns v.
func (v *View) apply(header *wire.Header, id ct.ID, op Operation) error {
	h := v.heads[header.Log]
	last := h.serial
	h.seq, h.id, h.end = header.Seq, id, header.After(id, len(wire.EncodeHeader(header))).Offset
	if op.Delegation != nil {
		h.serial = max(h.serial, op.Delegation.Serial)
	}
	v.heads[header.Log] = h
	switch ct.Kind(min(header.Kind, 255)) {
	case ct.KindDelegation:
		if op.Delegation != nil {
			return v.delegate(header, id, op.Delegation, last)
		}
	case ct.KindRenewal:
		return v.renew(header, op.Renewal)
	case ct.KindClosing:
		return v.close(header, id, op.Closing)
	}
	return nil
}

// delegate names a node key, or lengthens its window.
func (v *View) delegate(header *wire.Header, id ct.ID, d *ct.Delegation, last uint64) error {
	m := v.members[v.rights[header.Log].State]
	if err := v.policy.CheckDelegation(d, m.State, header.Log); err != nil {
		return err
	}
	if d.Serial <= last {
		return fmt.Errorf("delegation: serial %d is not above %d", d.Serial, last)
	}
	if r, ok := v.rights[d.Node]; ok && (r.Root || r.State != m.State) {
		return errors.New("delegation: the key is a root key or another State's")
	}
	n, renewed := v.nodes[d.Node]
	if renewed {
		if n.Closing != nil {
			return errors.New("delegation: the key's log is closed, which is final")
		}
		// One window from the first to the last: a node that was renewed late
		// does not lose what it said in between.
		n.Serial = d.Serial
		n.NotBefore, n.NotAfter = min(n.NotBefore, d.NotBefore), max(n.NotAfter, d.NotAfter)
	} else {
		n = Node{Key: d.Node, State: m.State, Serial: d.Serial, Delegation: id, NotBefore: d.NotBefore, NotAfter: d.NotAfter}
	}
	if err := v.room(m, d.Node, header.Issued); err != nil {
		return fmt.Errorf("delegation: %w", err)
	}
	v.put(n)
	return nil
}

// room tells whether a State may have this node beside its others: so many in
// force, so many ever.
func (v *View) room(m Member, node ct.LogID, issued ct.Millis) error {
	others, inForce := 0, 0
	for _, o := range m.Nodes {
		if o.Key == node {
			continue
		}
		others++
		if o.NotAfter > issued && o.Closing == nil {
			inForce++
		}
	}
	switch {
	case inForce >= int(v.policy.MaxNodes):
		return fmt.Errorf("the State has %d nodes already", inForce)
	case others >= maxKeys:
		return fmt.Errorf("the State has named %d node keys already", others)
	}
	return nil
}

// renew sets a later end to the window of a node key.
func (v *View) renew(header *wire.Header, r *ct.Renewal) error {
	n, err := v.named(header.Log, r.Node)
	if err != nil {
		return fmt.Errorf("renewal: %w", err)
	}
	switch {
	case n.Closing != nil:
		return errors.New("renewal: the key's log is closed, which is final")
	case r.NotAfter <= n.NotAfter:
		return errors.New("renewal: the delegation does not end before that")
	case r.NotAfter-header.Issued > millis(v.policy.MaxDelegation):
		return fmt.Errorf("renewal: longer than the policy's %v", v.policy.MaxDelegation)
	}
	if err := v.room(v.members[n.State], n.Key, header.Issued); err != nil {
		return fmt.Errorf("renewal: %w", err)
	}
	n.NotAfter = r.NotAfter
	v.put(n)
	return nil
}

// close ends a node log. The first closing of a log is the only one.
func (v *View) close(header *wire.Header, id ct.ID, c *ct.Closing) error {
	n, err := v.named(header.Log, c.Log)
	switch {
	case err != nil:
		return fmt.Errorf("closing: %w", err)
	case n.Closing != nil:
		return errors.New("closing: the log is closed, which is final")
	case c.Seq == 0 && c.ID != n.Delegation:
		return errors.New("closing: at 0 it has to name the first delegation of the key")
	}
	n.Closing = &Closing{Seq: c.Seq, ID: c.ID, Record: id, Issued: header.Issued, Reason: c.Reason}
	v.put(n)
	return nil
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
	v.rights[n.Key] = Right{State: m.State, First: n.Delegation, NotBefore: n.NotBefore, NotAfter: n.NotAfter, Closing: n.Closing}
	v.version++
}
