package datadir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// maxInput bounds a request or genesis file that somebody sent.
const maxInput = 16 << 20

// FoundOptions describe a new network.
type FoundOptions struct {
	Name     string
	Exercise bool
	Policy   roster.Policy
	Requests []string // files that `herald init` wrote
	Out      string   // the genesis file to make
}

// Found writes the unsigned genesis of a new network from the founders' requests.
func Found(o FoundOptions, now time.Time) (*roster.Genesis, error) {
	var reqs []roster.Request
	for _, path := range o.Requests {
		raw, err := read(path)
		if err != nil {
			return nil, err
		}
		r, err := roster.ParseRequest(raw)
		if err != nil {
			return nil, invalid("%s: %v", path, err)
		}
		reqs = append(reqs, r)
	}
	g, err := roster.NewGenesis(o.Name, o.Exercise, now, o.Policy, reqs)
	if err != nil {
		return nil, invalid("%v", err)
	}
	if err := create(o.Out, g.Encode(), 0o644); errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("genesis: %s: %w", o.Out, ErrExists)
	} else if err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	return g, nil
}

// Sign adds the signature and the delegations of one State to a genesis file,
// in place, with what others have signed in copies of it, and tells which States
// are still missing. With copies it need not have a root key to sign with.
func Sign(genesis string, copies []string, rootKeyFile string, now time.Time) ([]ct.State, error) {
	root, err := keys.Load(rootKeyFile)
	if errors.Is(err, os.ErrNotExist) && len(copies) > 0 {
		root, err = nil, nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, invalid("%s: no such file: name the State's root key with --root-key", rootKeyFile)
	} else if err != nil {
		return nil, err
	}
	g, err := ReadGenesis(genesis)
	if err != nil {
		return nil, err
	}
	for _, path := range copies {
		c, err := ReadGenesis(path)
		if err != nil {
			return nil, err
		}
		if _, err := g.Merge(c); err != nil {
			return nil, invalid("%s: %v", path, err)
		}
	}
	if root != nil {
		if err := g.Sign(root, now); err != nil {
			return nil, fmt.Errorf("%s: %w", genesis, err)
		}
	}
	if err := replace(genesis, g.Encode(), 0o644); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return g.Missing(), nil
}

// ReadGenesis reads a genesis file that may still lack signatures.
func ReadGenesis(path string) (*roster.Genesis, error) {
	raw, err := read(path)
	if err != nil {
		return nil, err
	}
	g, err := roster.ParseGenesis(raw)
	if err != nil {
		return nil, invalid("%s: %v", path, err)
	}
	return g, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxInput {
		return nil, invalid("%s: larger than %d bytes", path, maxInput)
	}
	return raw, nil
}

// Join makes the node of dir a member of the network of a genesis file and
// adds peers to its configuration.
func Join(dir, genesis string, peers []string, src Source, now time.Time) (node.Membership, error) {
	cfg, _, err := Load(dir, src)
	if err != nil {
		return node.Membership{}, err
	}
	raw, err := read(genesis)
	if err != nil {
		return node.Membership{}, err
	}
	m, err := node.Join(cfg.Node(dir), raw, now)
	if err != nil {
		return node.Membership{}, err
	}
	if string(m.State) != cfg.State {
		return node.Membership{}, invalid("%s: state is %s, the genesis delegates this node's key for %s", filepath.Join(dir, node.FileConfig), cfg.State, m.State)
	}
	return m, AddPeers(dir, peers)
}

// Network is what a joined directory's genesis says.
type Network struct {
	Network  ct.NetworkID `json:"network"`
	Name     string       `json:"name"`
	Exercise bool         `json:"exercise"`
	Created  ct.Millis    `json:"created"`
	Members  []Member     `json:"members"`
}

// Member is one founding State.
type Member struct {
	State ct.State `json:"state"`
	Root  ct.LogID `json:"root"`
	Nodes []string `json:"nodes"` // short node ids
}

// Inspect reads and checks the genesis that dir has joined, offline.
func Inspect(dir string) (Network, error) {
	path := filepath.Join(dir, node.FileGenesis)
	g, err := ReadGenesis(path)
	if errors.Is(err, os.ErrNotExist) {
		return Network{}, fmt.Errorf("%s has joined no network yet: run `herald network join GENESIS --data %s`: %w", dir, dir, node.ErrNotJoined)
	} else if err != nil {
		return Network{}, err
	}
	if err := g.Verify(); err != nil {
		return Network{}, invalid("%s: %v", path, err)
	}
	n := Network{Network: g.Network(), Name: g.Name(), Exercise: g.Exercise(), Created: ct.MillisOf(g.Created())}
	for _, m := range g.Members() {
		member := Member{State: m.State, Root: m.Root}
		for _, k := range m.Nodes {
			member.Nodes = append(member.Nodes, k.Key.Short())
		}
		n.Members = append(n.Members, member)
	}
	return n, nil
}
