package wire

import (
	"fmt"

	"github.com/herald-net/herald/node/ct"
)

// MaxGenesis bounds an encoded genesis body, in bytes: 256 States with a few
// nodes each are some 150 KiB.
const MaxGenesis = 1 << 20

// Genesis is the body that the founders of a network sign
// (proto/herald/v1/roster.proto). Its SHA-256 is the network id. Package
// roster says what a sound one is.
type Genesis struct {
	Version  uint32
	Name     string
	Exercise bool
	Created  ct.Millis
	Policy   GenesisPolicy
	Founders []Founder
}

// GenesisPolicy is the founding policy. Lengths of time are in milliseconds.
type GenesisPolicy struct {
	MaxRetention  ct.Millis
	RetractGrace  ct.Millis
	MatchPerHour  uint32
	MatchPerDay   uint32
	MatchBurst    uint32
	MaxNodes      uint32
	MaxDelegation ct.Millis
	LogBurst      uint64 // bytes
	LogRate       uint64 // bytes a day
}

// Founder is a founding State with its root key and its first nodes.
type Founder struct {
	State ct.State
	Root  ct.LogID
	Nodes []FounderNode
}

// FounderNode is a node key, its proof of possession and where to dial it.
type FounderNode struct {
	Key   ct.LogID
	Proof [SigSize]byte // by Key, over EncodePossession
	Addrs []string
}

// EncodeGenesis writes the one encoding of g.
func EncodeGenesis(g *Genesis) []byte {
	b := appendUint(nil, 1, uint64(g.Version))
	b = appendText(b, 2, g.Name)
	if g.Exercise {
		b = appendUint(b, 3, 1)
	}
	b = appendUint(b, 4, uint64(g.Created))
	b = appendBytes(b, 5, encodePolicy(&g.Policy))
	for i := range g.Founders {
		b = appendBytes(b, 6, encodeFounder(&g.Founders[i]))
	}
	return b
}

func encodePolicy(p *GenesisPolicy) []byte {
	b := appendUint(nil, 1, uint64(p.MaxRetention))
	b = appendUint(b, 2, uint64(p.RetractGrace))
	b = appendUint(b, 3, uint64(p.MatchPerHour))
	b = appendUint(b, 4, uint64(p.MatchPerDay))
	b = appendUint(b, 5, uint64(p.MatchBurst))
	b = appendUint(b, 6, uint64(p.MaxNodes))
	b = appendUint(b, 7, uint64(p.MaxDelegation))
	b = appendUint(b, 8, p.LogBurst)
	return appendUint(b, 9, p.LogRate)
}

func encodeFounder(f *Founder) []byte {
	b := appendText(nil, 1, string(f.State))
	b = appendBytes(b, 2, f.Root[:])
	for i := range f.Nodes {
		n := &f.Nodes[i]
		in := appendBytes(nil, 1, n.Key[:])
		in = appendBytes(in, 2, n.Proof[:])
		for _, a := range n.Addrs {
			in = appendText(in, 3, a)
		}
		b = appendBytes(b, 3, in)
	}
	return b
}

// EncodePossession is what a node key signs to say: I am a node of this State,
// under this root key.
func EncodePossession(state ct.State, root, node ct.LogID) []byte {
	b := appendText(nil, 1, string(state))
	b = appendBytes(b, 2, root[:])
	return appendBytes(b, 3, node[:])
}

// EncodeRequest is what a root key signs to ask for the founding of a network
// with its State and this node in it.
func EncodeRequest(state ct.State, root ct.LogID, n *FounderNode) []byte {
	return encodeFounder(&Founder{State: state, Root: root, Nodes: []FounderNode{*n}})
}

// DecodeGenesis reads a genesis body in its one encoding.
func DecodeGenesis(raw []byte) (*Genesis, error) {
	if len(raw) > MaxGenesis {
		return nil, fmt.Errorf("%w: genesis of %d bytes, at most %d", ErrTooLarge, len(raw), MaxGenesis)
	}
	g := &Genesis{}
	policy := false
	d := decoder{b: raw}
	for d.next() {
		switch d.num {
		case 1:
			if g.Version = d.uint32(); !d.bad && g.Version != Version {
				return nil, fmt.Errorf("%w: genesis %d, this is %d", ErrVersion, g.Version, Version)
			}
		case 2:
			g.Name = d.text()
		case 3:
			g.Exercise = d.bool()
		case 4:
			g.Created = d.millis()
		case 5:
			policy = true
			d.policy(&g.Policy)
		case 6:
			d.repeat()
			g.Founders = append(g.Founders, d.founder())
		default:
			d.bad = true
		}
	}
	if d.bad || g.Version != Version || !policy {
		return nil, fmt.Errorf("%w: genesis", ErrMalformed)
	}
	return g, nil
}

func (d *decoder) policy(p *GenesisPolicy) {
	in := d.sub()
	for in.next() {
		switch in.num {
		case 1:
			p.MaxRetention = in.millis()
		case 2:
			p.RetractGrace = in.millis()
		case 3:
			p.MatchPerHour = in.uint32()
		case 4:
			p.MatchPerDay = in.uint32()
		case 5:
			p.MatchBurst = in.uint32()
		case 6:
			p.MaxNodes = in.uint32()
		case 7:
			p.MaxDelegation = in.millis()
		case 8:
			p.LogBurst = in.uint()
		case 9:
			p.LogRate = in.uint()
		default:
			in.bad = true
		}
	}
	d.join(&in)
}

func (d *decoder) founder() Founder {
	var f Founder
	root := false
	in := d.sub()
	for in.next() {
		switch in.num {
		case 1:
			f.State = ct.State(in.text())
		case 2:
			root = true
			in.fixed(f.Root[:])
		case 3:
			in.repeat()
			f.Nodes = append(f.Nodes, in.founderNode())
		default:
			in.bad = true
		}
	}
	d.join(&in)
	if !root {
		d.bad = true
	}
	return f
}

func (d *decoder) founderNode() FounderNode {
	var n FounderNode
	in := d.sub()
	seen := 0
	for in.next() {
		switch in.num {
		case 1:
			seen++
			in.fixed(n.Key[:])
		case 2:
			seen++
			in.fixed(n.Proof[:])
		case 3:
			in.repeat()
			n.Addrs = append(n.Addrs, in.text())
		default:
			in.bad = true
		}
	}
	d.join(&in)
	if seen != 2 {
		d.bad = true
	}
	return n
}
