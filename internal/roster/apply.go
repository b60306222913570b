package roster

import (
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
			if err := v.apply(d.header, d.id, d.content); err != nil {
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

// Apply takes in one record of a root log. Give it every record of the log, in
// order, and go on with the View it returns, which is never nil: an error is
// something to show, not a reason to keep the old one. d is the content of a
// DELEGATION, nil for another kind and for one that is inadmissible; a record
// whose body has not arrived has to wait. Records already applied change
// nothing.
func (v *View) Apply(header *wire.Header, id ct.ID, d *ct.Delegation) (*View, error) {
	h, ok := v.heads[header.Log]
	switch {
	case !ok:
		return v, fmt.Errorf("apply to roster: log %s is no root log of this network", header.Log.Short())
	case header.Seq < h.seq, header.Seq == h.seq && id == h.id:
		return v, nil
	case header.Seq != h.seq+1 || header.Prev != h.id:
		return v, fmt.Errorf("apply to roster: log %s: record %d after %d: %w", header.Log.Short(), header.Seq, h.seq, ErrOrder)
	case critical(header.Kind):
		return v, fmt.Errorf("apply to roster: log %s: record %d, kind %d: %w", header.Log.Short(), header.Seq, header.Kind, ErrLater)
	}
	n := *v
	n.heads = maps.Clone(v.heads)
	n.rights = maps.Clone(v.rights)
	n.nodes = maps.Clone(v.nodes)
	n.members = maps.Clone(v.members)
	if err := n.apply(header, id, d); err != nil {
		return &n, fmt.Errorf("apply to roster: log %s: record %d has no effect: %w", header.Log.Short(), header.Seq, err)
	}
	return &n, nil
}

// critical tells a kind that changes the roster in a way unknown to this
// version. The kinds of node logs have no business in a root log and no effect.
func critical(kind uint32) bool {
	switch ct.Kind(min(kind, 255)) {
	case ct.KindRenewal, ct.KindClosing, ct.KindRootRotation, ct.KindAmendment, ct.KindVote:
		return true
	}
	return kind == 0 || kind > uint32(ct.KindCheckpoint)
}

// apply advances the root log's head and, when the delegation is sound, names
// the node. The caller owns v.
func (v *View) apply(header *wire.Header, id ct.ID, d *ct.Delegation) error {
	h := v.heads[header.Log]
	last := h.serial
	h.seq, h.id = header.Seq, id
	if d != nil {
		h.serial = max(h.serial, d.Serial)
	}
	v.heads[header.Log] = h
	if d == nil || header.Kind != uint32(ct.KindDelegation) {
		return nil
	}
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
		// One window from the first to the last: a node that was renewed late
		// does not lose what it said in between.
		n.Serial = d.Serial
		n.NotBefore, n.NotAfter = min(n.NotBefore, d.NotBefore), max(n.NotAfter, d.NotAfter)
	} else {
		n = Node{Key: d.Node, State: m.State, Serial: d.Serial, Delegation: id, NotBefore: d.NotBefore, NotAfter: d.NotAfter}
	}
	others := slices.DeleteFunc(slices.Clone(m.Nodes), func(o Node) bool { return o.Key == d.Node })
	inForce := 0
	for _, o := range others {
		if o.NotAfter > header.Issued {
			inForce++
		}
	}
	switch {
	case inForce >= int(v.policy.MaxNodes):
		return fmt.Errorf("delegation: the State has %d nodes already", inForce)
	case len(others) >= maxKeys:
		return fmt.Errorf("delegation: the State has named %d node keys already", len(others))
	}
	m.Nodes = append(others, n)
	v.members[m.State] = m
	v.nodes[d.Node] = n
	v.rights[d.Node] = Right{State: m.State, First: n.Delegation, NotBefore: n.NotBefore, NotAfter: n.NotAfter}
	v.version++
	return nil
}
