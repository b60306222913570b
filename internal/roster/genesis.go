package roster

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Genesis is the founding of a network: one body that every founder signs,
// and beside each signature the delegations of that State's first nodes. Only
// sound ones exist: NewGenesis and ParseGenesis refuse every other.
type Genesis struct {
	body    wire.Genesis
	raw     []byte // the one encoding of body
	network ct.NetworkID
	signed  map[ct.State]consent
}

// consent is what one founder adds to the body.
type consent struct {
	sig         []byte   // by its root key, over the body
	delegations [][]byte // records of its root log, from seq 1
}

const maxName = 64 // bytes

// early is how long before the founding the first nodes may have issued: room
// for clocks that differ, on machines that no network has compared yet.
const early = 24 * time.Hour

// NewGenesis puts the founding of a network together from the founders'
// requests. Zero fields of the policy get their defaults. Requests of one State
// with one root key become one founder with several nodes.
func NewGenesis(name string, exercise bool, created time.Time, p Policy, reqs []Request) (*Genesis, error) {
	b := wire.Genesis{Version: wire.Version, Name: name, Exercise: exercise, Created: ct.MillisOf(created)}
	p = p.withDefaults()
	if err := p.check(exercise); err != nil { // before the wire form drops what it cannot hold
		return nil, fmt.Errorf("genesis: %w", err)
	}
	b.Policy = p.wire()
	for _, r := range reqs {
		if err := r.verify(); err != nil {
			return nil, err
		}
		i := slices.IndexFunc(b.Founders, func(f wire.Founder) bool { return f.State == r.State })
		if i < 0 {
			b.Founders = append(b.Founders, wire.Founder{State: r.State, Root: r.Root})
			i = len(b.Founders) - 1
		}
		if b.Founders[i].Root != r.Root {
			return nil, fmt.Errorf("genesis: two requests of %s name different root keys", r.State)
		}
		b.Founders[i].Nodes = append(b.Founders[i].Nodes, r.node())
	}
	slices.SortFunc(b.Founders, func(x, y wire.Founder) int { return strings.Compare(string(x.State), string(y.State)) })
	for i := range b.Founders {
		slices.SortFunc(b.Founders[i].Nodes, func(x, y wire.FounderNode) int { return slices.Compare(x.Key[:], y.Key[:]) })
	}
	return openGenesis(wire.EncodeGenesis(&b))
}

// openGenesis reads a body and refuses one that is not sound.
func openGenesis(raw []byte) (*Genesis, error) {
	b, err := wire.DecodeGenesis(raw)
	if err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	g := &Genesis{body: *b, raw: raw, network: sha256.Sum256(raw), signed: make(map[ct.State]consent)}
	if err := g.check(); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	return g, nil
}

func (g *Genesis) check() error {
	b := &g.body
	printable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case b.Name == "" || len(b.Name) > maxName || !utf8.ValidString(b.Name) ||
		strings.ContainsFunc(b.Name, printable) || strings.TrimSpace(b.Name) != b.Name:
		return fmt.Errorf("name: want 1 to %d bytes of printable text without blanks at its ends", maxName)
	case b.Created <= millis(early) || b.Created > ct.MillisOf(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)):
		return errors.New("created: not a time of this era")
	case len(b.Founders) == 0:
		return errors.New("no founder: give at least one join request")
	case len(b.Founders) > MaxMembers:
		return fmt.Errorf("%d founders, at most %d", len(b.Founders), MaxMembers)
	}
	if err := g.Policy().check(b.Exercise); err != nil {
		return err
	}
	used := make(map[ct.LogID]bool)
	for i := range b.Founders {
		f := &b.Founders[i]
		if i > 0 && f.State <= b.Founders[i-1].State {
			return fmt.Errorf("founders are not in order, or %s is in it twice", f.State)
		}
		if err := checkFounder(f); err != nil {
			return err
		}
		if f.State == specimen && !b.Exercise {
			return fmt.Errorf("%s is the specimen State: it can only be in an exercise", f.State)
		}
		if len(f.Nodes) > int(b.Policy.MaxNodes) {
			return fmt.Errorf("%s has %d nodes, at most %d", f.State, len(f.Nodes), b.Policy.MaxNodes)
		}
		if used[f.Root] {
			return fmt.Errorf("%s: its root key is in the genesis twice", f.State)
		}
		used[f.Root] = true
		for j, n := range f.Nodes {
			if j > 0 && slices.Compare(f.Nodes[j-1].Key[:], n.Key[:]) >= 0 {
				return fmt.Errorf("%s: nodes are not in order, or one is in it twice", f.State)
			}
			if used[n.Key] {
				return fmt.Errorf("%s: the key of node %s is in the genesis twice", f.State, n.Key.Short())
			}
			used[n.Key] = true
		}
	}
	return nil
}

// specimen is the State of ICAO 9303's specimen documents.
const specimen ct.State = "UTO"

// Network is SHA-256 of the body.
func (g *Genesis) Network() ct.NetworkID { return g.network }

// Name is the network's name.
func (g *Genesis) Name() string { return g.body.Name }

// Exercise tells that nothing in this network is real.
func (g *Genesis) Exercise() bool { return g.body.Exercise }

// Created is when the body was written.
func (g *Genesis) Created() time.Time { return g.body.Created.Time() }

// Policy is the founding policy.
func (g *Genesis) Policy() Policy { return policyOf(&g.body.Policy) }

// Members lists the founders with their first nodes, by State. Before all have
// signed, a node without a delegation has the zero window.
func (g *Genesis) Members() []Member {
	out := make([]Member, len(g.body.Founders))
	for i := range g.body.Founders {
		f := &g.body.Founders[i]
		out[i] = Member{State: f.State, Root: f.Root}
		ds, _ := g.delegations(f) // sound, or the Genesis would not exist
		for j, n := range f.Nodes {
			m := Node{Key: n.Key, State: f.State, Serial: uint64(j) + 1, Addrs: slices.Clone(n.Addrs)}
			if j < len(ds) {
				m.Delegation, m.NotBefore, m.NotAfter = ds[j].id, ds[j].content.NotBefore, ds[j].content.NotAfter
			}
			out[i].Nodes = append(out[i].Nodes, m)
		}
	}
	return out
}

// Missing lists the founders who have not signed yet.
func (g *Genesis) Missing() []ct.State {
	var out []ct.State
	for _, f := range g.body.Founders {
		if _, ok := g.signed[f.State]; !ok {
			out = append(out, f.State)
		}
	}
	return out
}

// Verify checks, without any network, that every founder has signed the body
// and delegated its nodes.
func (g *Genesis) Verify() error {
	if m := g.Missing(); len(m) > 0 {
		return fmt.Errorf("genesis: not signed yet by %s (%d of %d founders)", joinStates(m), len(m), len(g.body.Founders))
	}
	for i := range g.body.Founders {
		if err := g.verifyConsent(&g.body.Founders[i]); err != nil {
			return err
		}
	}
	return nil
}

// verifyConsent checks one founder's signature and delegations.
func (g *Genesis) verifyConsent(f *wire.Founder) error {
	if !keys.Verify(f.Root, keys.ContextGenesis, g.network, g.raw, g.signed[f.State].sig) {
		return fmt.Errorf("genesis: the signature of %s is not its root key's", f.State)
	}
	_, err := g.delegations(f)
	return err
}

// Records are the founders' delegations, root log by root log and in order:
// the first records of every node's store.
func (g *Genesis) Records() [][]byte {
	var out [][]byte
	for _, f := range g.body.Founders {
		out = append(out, g.signed[f.State].delegations...)
	}
	return out
}

func joinStates(s []ct.State) string {
	const most = 8
	names := make([]string, 0, most+1)
	for _, x := range s[:min(len(s), most)] {
		names = append(names, string(x))
	}
	if len(s) > most {
		names = append(names, "…")
	}
	return cmp.Or(strings.Join(names, ", "), "nobody")
}
