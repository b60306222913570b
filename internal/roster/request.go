package roster

import (
	"fmt"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Request asks for the founding of a network with a State and one of its nodes
// in it. It is signed by both keys, so that nobody can bring in a key that is
// not theirs. There is no network yet: its signatures are over the zero
// network id.
type Request struct {
	State     ct.State `json:"state"`
	Root      ct.LogID `json:"root"`
	Node      ct.LogID `json:"node"`
	Addrs     []string `json:"addrs"`     // multiaddrs of the node, at most 8
	Proof     []byte   `json:"proof"`     // by Node, over State, Root and Node
	Signature []byte   `json:"signature"` // by Root, over all of it
}

const (
	requestFormat  = "request 1"
	maxRequestFile = 16 << 10
)

type requestFile struct {
	Herald string `json:"herald"`
	Request
}

// Agree is a node key's signature by which it lets a State's root key name it.
// Without it a delegation says nothing (Policy.CheckDelegation).
func Agree(node keys.Signer, state ct.State, root ct.LogID) ([]byte, error) {
	proof, err := node.Sign(keys.ContextPossession, ct.NetworkID{}, wire.EncodePossession(state, root, node.Public()))
	if err != nil {
		return nil, fmt.Errorf("sign with the node key: %w", err)
	}
	return proof, nil
}

// NewRequest makes the request of one node and signs it with both keys.
func NewRequest(state ct.State, root, node keys.Signer, addrs []string) (Request, error) {
	r := Request{State: state, Root: root.Public(), Node: node.Public(), Addrs: addrs}
	var err error
	zero := ct.NetworkID{}
	if r.Proof, err = Agree(node, state, r.Root); err != nil {
		return Request{}, err
	}
	if r.Signature, err = root.Sign(keys.ContextRequest, zero, r.signed()); err != nil {
		return Request{}, fmt.Errorf("sign request with the root key: %w", err)
	}
	if err := r.verify(); err != nil {
		return Request{}, err
	}
	return r, nil
}

// ParseRequest reads a request file and verifies both signatures.
func ParseRequest(file []byte) (Request, error) {
	var f requestFile
	if err := decodeJSON(file, maxRequestFile, requestFormat, &f.Herald, &f); err != nil {
		return Request{}, fmt.Errorf("join request: %w", err)
	}
	if err := f.Request.verify(); err != nil {
		return Request{}, err
	}
	return f.Request, nil
}

// Encode is the request as a file.
func (r Request) Encode() []byte { return encodeJSON(requestFile{requestFormat, r}) }

func (r Request) signed() []byte {
	n := r.node()
	return wire.EncodeRequest(r.State, r.Root, &n)
}

func (r Request) node() wire.FounderNode {
	n := wire.FounderNode{Key: r.Node, Addrs: r.Addrs}
	copy(n.Proof[:], r.Proof)
	return n
}

func (r Request) verify() error {
	if len(r.Proof) != wire.SigSize || len(r.Signature) != wire.SigSize {
		return fmt.Errorf("join request: want a proof and a signature of %d bytes", wire.SigSize)
	}
	n := r.node()
	if err := checkFounder(&wire.Founder{State: r.State, Root: r.Root, Nodes: []wire.FounderNode{n}}); err != nil {
		return fmt.Errorf("join request: %w", err)
	}
	if !keys.Verify(r.Root, keys.ContextRequest, ct.NetworkID{}, r.signed(), r.Signature) {
		return fmt.Errorf("join request of %s: the root key has not signed it", r.State)
	}
	return nil
}

// checkFounder holds one founding State against the protocol: a State that can
// be a member, possible keys, each node's proof of possession, dialable addresses.
func checkFounder(f *wire.Founder) error {
	probe := ct.Delegation{State: f.State}
	for _, x := range probe.Validate() {
		if x.Field == "state" {
			return fmt.Errorf("state: %s", x.Fault)
		}
	}
	if !keys.Possible(f.Root) {
		return fmt.Errorf("%s: root: not a possible Ed25519 key", f.State)
	}
	if len(f.Nodes) == 0 {
		return fmt.Errorf("%s: no node", f.State)
	}
	for i := range f.Nodes {
		n := &f.Nodes[i]
		if !keys.Possible(n.Key) || n.Key == f.Root {
			return fmt.Errorf("%s: node %s: not a possible Ed25519 key, or the root key", f.State, n.Key.Short())
		}
		if err := (&ct.Addresses{Serial: 1, Addrs: n.Addrs}).Validate().Err(); err != nil {
			return fmt.Errorf("%s: node %s: %w", f.State, n.Key.Short(), err)
		}
		if !keys.Verify(n.Key, keys.ContextPossession, ct.NetworkID{}, wire.EncodePossession(f.State, f.Root, n.Key), n.Proof[:]) {
			return fmt.Errorf("%s: node %s: the node key has not signed its proof of possession", f.State, n.Key.Short())
		}
	}
	return nil
}
