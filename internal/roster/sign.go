package roster

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// delegation is one opened DELEGATION record.
type delegation struct {
	header  *wire.Header
	id      ct.ID
	content *ct.Delegation
}

// Sign adds a founder's consent: its signature over the body, and the records
// of its root log that delegate its nodes. All but the signatures follows from
// the body, so signing twice, on whatever copies of the file, forks no root log.
func (g *Genesis) Sign(root keys.Signer, now time.Time) error {
	f := g.founder(root.Public())
	if f == nil {
		return fmt.Errorf("sign genesis: root key %s is not among the founders of %q", root.Public().Short(), g.body.Name)
	}
	for _, x := range f.Nodes {
		from, until := g.window(x.Key)
		switch n := ct.MillisOf(now); {
		case n < from:
			return fmt.Errorf("sign genesis: it was created at %v, in the future of this machine's clock", g.body.Created)
		case n >= until:
			return fmt.Errorf("sign genesis: the delegation of node %s has ended at %v; make a new one", x.Key.Short(), until)
		}
	}
	sig, err := root.Sign(keys.ContextGenesis, g.network, g.raw)
	if err != nil {
		return fmt.Errorf("sign genesis: %w", err)
	}
	c := consent{sig: sig}
	at := wire.First(ct.ID(g.network))
	for i := range f.Nodes {
		raw, next, err := g.delegate(root, f, i, at)
		if err != nil {
			return fmt.Errorf("sign delegation of node %s: %w", f.Nodes[i].Key.Short(), err)
		}
		c.delegations = append(c.delegations, raw)
		at = next
	}
	g.signed[f.State] = c
	if err := g.verifyConsent(f); err != nil { // a device may have answered with anything
		delete(g.signed, f.State)
		return err
	}
	return nil
}

// Merge takes over what other founders have signed in a copy of this genesis, so
// that they need not wait for one another, and tells how many did.
func (g *Genesis) Merge(other *Genesis) (founders int, err error) {
	if g.network != other.network {
		return 0, errors.New("merge genesis: the copy is of another network: its members or its policy differ")
	}
	for i := range g.body.Founders {
		f := &g.body.Founders[i]
		theirs, ok := other.signed[f.State]
		if _, have := g.signed[f.State]; have || !ok {
			continue
		}
		g.signed[f.State] = theirs
		if err := g.verifyConsent(f); err != nil {
			delete(g.signed, f.State)
			return founders, err
		}
		founders++
	}
	return founders, nil
}

// window is that of a founding delegation. The ends of the founders' nodes are
// spread over two months, by a hash of the key, so that a network whose members
// forget to renew does not stop on one day.
func (g *Genesis) window(node ct.LogID) (from, until ct.Millis) {
	longest := g.body.Policy.MaxDelegation
	spread := millis(afterEnd)
	if longest < 2*spread {
		spread = longest / 2
	}
	s := sha256.New()
	s.Write([]byte("herald/founding-end/v1"))
	s.Write(node[:])
	earlier := binary.BigEndian.Uint64(s.Sum(nil)) % uint64(spread)
	from = g.body.Created - millis(early)
	return from, from + longest - ct.Millis(earlier)
}

func (g *Genesis) founder(root ct.LogID) *wire.Founder {
	for i := range g.body.Founders {
		if g.body.Founders[i].Root == root {
			return &g.body.Founders[i]
		}
	}
	return nil
}

// delegate makes record i+1 of a founder's root log, and tells what comes next.
func (g *Genesis) delegate(root keys.Signer, f *wire.Founder, i int, at wire.Next) ([]byte, wire.Next, error) {
	h, salt, body, err := g.draft(f, i, at)
	if err != nil {
		return nil, wire.Next{}, err
	}
	header := wire.EncodeHeader(h)
	sig, err := root.Sign(keys.ContextRecord, g.network, header)
	if err != nil {
		return nil, wire.Next{}, err
	}
	e := wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: sig, Salt: salt, Body: body}
	return wire.Encode(&e), h.After(wire.ID(g.network, header), len(header)), nil
}

// draft is the header, salt and body of a founding delegation. The salt hides
// nothing here, since everything in the body is in the genesis too.
func (g *Genesis) draft(f *wire.Founder, i int, at wire.Next) (*wire.Header, []byte, []byte, error) {
	from, until := g.window(f.Nodes[i].Key)
	body, err := wire.EncodeDelegation(&ct.Delegation{
		State: f.State, Serial: at.Seq, Node: f.Nodes[i].Key, NotBefore: from, NotAfter: until,
		Proof: f.Nodes[i].Proof[:],
	})
	if err != nil {
		return nil, nil, nil, err
	}
	s := sha256.New()
	s.Write([]byte("herald/founding-salt/v1"))
	s.Write(g.network[:])
	s.Write(f.Root[:])
	s.Write(binary.BigEndian.AppendUint64(nil, at.Seq))
	salt := s.Sum(nil)
	h := &wire.Header{
		Version: wire.Version, Network: g.network.Prefix(), Log: f.Root,
		Kind: uint32(ct.KindDelegation), Topic: uint32(ct.TopicControl),
		Commit: wire.Commit(salt, body), BodySize: uint32(len(body)),
		Issued: g.body.Created, Expires: until,
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPGreen), Audience: uint32(ct.AudienceAll),
	}
	at.Put(h, growth(Policy{}, g.body.Created, true).Line)
	return h, salt, body, nil
}

// delegations opens a founder's delegations: one for each of its nodes, each
// with the id that follows from the body. None, when it has not signed.
func (g *Genesis) delegations(f *wire.Founder) ([]delegation, error) {
	c, ok := g.signed[f.State]
	if !ok {
		return nil, nil
	}
	if len(c.delegations) != len(f.Nodes) {
		return nil, fmt.Errorf("genesis: %s delegates %d nodes, want %d", f.State, len(c.delegations), len(f.Nodes))
	}
	out := make([]delegation, 0, len(f.Nodes))
	at := wire.First(ct.ID(g.network))
	for i, raw := range c.delegations {
		h, salt, body, err := g.draft(f, i, at)
		if err != nil {
			return nil, fmt.Errorf("genesis: %s: delegation %d: %w", f.State, i+1, err)
		}
		e, err := wire.Decode(raw)
		if err != nil {
			return nil, fmt.Errorf("genesis: %s: delegation %d: %w", f.State, i+1, err)
		}
		header := wire.EncodeHeader(h)
		if string(e.HeaderBytes) != string(header) || string(e.Salt) != string(salt) || string(e.Body) != string(body) {
			return nil, fmt.Errorf("genesis: %s: delegation %d is not the one that the body asks for", f.State, i+1)
		}
		if e.Alg != keys.AlgEd25519 || !keys.Verify(f.Root, keys.ContextRecord, g.network, header, e.Sig) {
			return nil, fmt.Errorf("genesis: %s: delegation %d is not signed by its root key", f.State, i+1)
		}
		d, err := wire.DecodeDelegation(body)
		if err != nil {
			return nil, fmt.Errorf("genesis: %s: delegation %d: %w", f.State, i+1, err)
		}
		id := wire.ID(g.network, header)
		out = append(out, delegation{header: &e.Header, id: id, content: d})
		at = h.After(id, len(header))
	}
	return out, nil
}
