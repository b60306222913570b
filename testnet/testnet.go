// Package testnet starts a whole herald network on this machine: real
// processes of one binary on loopback, with keys, genesis and stores of their
// own. It kills, pauses and partitions them, tours what the network does and
// checks what must hold on every node. Its networks are exercise networks and
// its persons are invented; it holds no hook into the product, only the
// command line, the local API and signals.
package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
)

// Options say what Up starts.
type Options struct {
	Dir      string // node data directories go to DIR/n1, DIR/n2, …
	Nodes    int    // 1 to MaxNodes
	Seed     uint64 // of the invented persons
	Binary   string // the herald binary; empty: this process's own
	Manifest string // name of an embedded manifest; empty: default
}

// Net is a testnet on disk, running or not. Its fields are the file
// DIR/testnet.json.
type Net struct {
	dir      string
	Manifest string       `json:"manifest"`
	Seed     uint64       `json:"seed"`
	Network  ct.NetworkID `json:"network"`
	Binary   string       `json:"binary"`
	Prepared bool         `json:"prepared"` // false: Up was interrupted before the network was founded
	Nodes    []Instance   `json:"nodes"`
}

// Instance is one node of a testnet.
type Instance struct {
	Name    string   `json:"name"` // n1, n2, …
	State   ct.State `json:"state"`
	Node    ct.LogID `json:"node"`
	Data    string   `json:"data"` // data directory, absolute
	Listen  string   `json:"listen"`
	Metrics string   `json:"metrics"`

	api apiv1connect.NodeClient
}

// Socket is where the instance serves its API.
func (i Instance) Socket() string { return filepath.Join(i.Data, node.FileSocket) }

// LogFile is where the instance's log lines go.
func (i Instance) LogFile() string { return filepath.Join(i.Data, "node.log") }

const (
	fileNet     = "testnet.json"
	fileGenesis = "genesis.json"
	// readyTimeout is for the slowest machine: a start takes well below a second.
	readyTimeout = 2 * time.Minute
)

// ErrNone tells that a directory holds no testnet.
var ErrNone = errors.New("no testnet here: start one with `herald testnet up`")

// ErrConflict tells that a directory holds something else than what Up was asked for.
var ErrConflict = errors.New("directory in use")

// Open reads the testnet of a directory. It may be running or not.
func Open(dir string) (*Net, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, fileNet))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNone)
	} else if err != nil {
		return nil, err
	}
	n := &Net{dir: dir}
	if err := json.Unmarshal(raw, n); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, fileNet), err)
	}
	n.dial()
	return n, nil
}

// Up prepares a network, unless the directory holds it already, starts every
// node that does not run and waits until all are ready. It tells how many it
// had to start: 0 means that the testnet was up.
func Up(ctx context.Context, o Options) (n *Net, started int, err error) {
	if o.Manifest == "" {
		o.Manifest = "default"
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return nil, 0, fmt.Errorf("testnet up: %w", err)
		}
	}
	n, err = Open(o.Dir)
	switch {
	case errors.Is(err, ErrNone):
		n, err = prepare(ctx, o)
	case err == nil && !n.Prepared:
		if err = n.remove(); err == nil {
			n, err = prepare(ctx, o)
		}
	case err == nil && (n.Manifest != o.Manifest || o.Nodes != len(n.Nodes)):
		err = fmt.Errorf("testnet up: %s holds a testnet of %d nodes by manifest %q: take it down with `herald testnet down --purge --dir %s` first: %w",
			n.dir, len(n.Nodes), n.Manifest, o.Dir, ErrConflict)
	}
	if err != nil {
		return nil, 0, err
	}
	n.Binary = o.Binary
	if err := n.save(); err != nil {
		return nil, 0, err
	}
	for _, i := range n.Nodes {
		if _, running := i.process(); running {
			continue
		}
		if err := i.start(n.Binary); err != nil {
			return nil, started, err
		}
		started++
	}
	return n, started, n.WaitReady(ctx, n.Nodes...)
}

// prepare makes the directory: keys and requests of every node, a genesis that
// all sign, and every node's membership. It uses what the commands init,
// network genesis, network sign and network join use.
func prepare(ctx context.Context, o Options) (*Net, error) {
	m, err := LoadManifest(o.Manifest)
	if err != nil {
		return nil, err
	}
	if o.Nodes < 1 || o.Nodes > len(m.States) {
		return nil, fmt.Errorf("testnet up: %d nodes, manifest %q has 1 to %d", o.Nodes, o.Manifest, len(m.States))
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("testnet up: %w", err)
	}
	if entries, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("testnet up: %w", err)
	} else if len(entries) > 0 {
		return nil, fmt.Errorf("testnet up: %s is not empty and holds no testnet: choose another --dir: %w", dir, ErrConflict)
	}
	ports, err := freePorts(2 * o.Nodes)
	if err != nil {
		return nil, fmt.Errorf("testnet up: %w", err)
	}
	n := &Net{dir: dir, Manifest: o.Manifest, Seed: o.Seed, Binary: o.Binary}
	for i, state := range m.States[:o.Nodes] {
		name := fmt.Sprintf("n%d", i+1)
		n.Nodes = append(n.Nodes, Instance{
			Name: name, State: state, Data: filepath.Join(dir, name),
			Listen: ports[2*i], Metrics: ports[2*i+1],
		})
	}
	if err := n.save(); err != nil {
		return nil, err
	}

	now := time.Now()
	found := datadir.FoundOptions{Name: m.Name, Exercise: true, Policy: m.policy(), Out: filepath.Join(dir, fileGenesis)}
	for i := range n.Nodes {
		inst := &n.Nodes[i]
		p, err := datadir.Init(datadir.InitOptions{
			Dir: inst.Data, State: inst.State, Listen: []string{inst.Listen}, Metrics: inst.Metrics,
		})
		if err != nil {
			return nil, fmt.Errorf("testnet up: %s: %w", inst.Name, err)
		}
		inst.Node = p.Node
		found.Requests = append(found.Requests, p.Request)
	}
	g, err := datadir.Found(found, now)
	if err != nil {
		return nil, fmt.Errorf("testnet up: %w", err)
	}
	n.Network = g.Network()
	for _, inst := range n.Nodes {
		if _, err := datadir.Sign(found.Out, nil, filepath.Join(inst.Data, node.FileRootKey), now); err != nil {
			return nil, fmt.Errorf("testnet up: %s: %w", inst.Name, err)
		}
	}
	for _, inst := range n.Nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := datadir.Join(inst.Data, found.Out, n.peersOf(inst), datadir.Source{}, now); err != nil {
			return nil, fmt.Errorf("testnet up: %s: %w", inst.Name, err)
		}
	}
	n.Prepared = true
	n.dial()
	return n, n.save()
}

// peersOf is whom a node dials first: up to eight others are enough to be told
// of all.
func (n *Net) peersOf(self Instance) []string {
	var out []string
	for _, i := range n.Nodes {
		if i.Name != self.Name && len(out) < 8 {
			out = append(out, i.Listen)
		}
	}
	return out
}

// Down stops every node, first by asking. With purge the directory's contents
// are removed too. It tells how many nodes it stopped.
func (n *Net) Down(ctx context.Context, purge bool) (int, error) {
	stopped, err := stopAll(ctx, n.Nodes)
	if err != nil || !purge {
		return stopped, err
	}
	return stopped, n.remove()
}

// remove deletes what Up made and nothing else.
func (n *Net) remove() error {
	for _, i := range n.Nodes {
		if err := os.RemoveAll(filepath.Join(n.dir, i.Name)); err != nil {
			return err
		}
	}
	for _, f := range []string{fileGenesis, fileNet} {
		if err := os.Remove(filepath.Join(n.dir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove(n.dir) // stays when the user has put something in it
	return nil
}

// Find names instances; no name means all.
func (n *Net) Find(names ...string) ([]Instance, error) {
	if len(names) == 0 {
		return n.Nodes, nil
	}
	var out []Instance
	for _, name := range names {
		i := n.find(name)
		if i < 0 {
			return nil, fmt.Errorf("node %q is not one of n1 to n%d", name, len(n.Nodes))
		}
		out = append(out, n.Nodes[i])
	}
	return out, nil
}

func (n *Net) find(name string) int {
	for i := range n.Nodes {
		if n.Nodes[i].Name == name {
			return i
		}
	}
	return -1
}

func (n *Net) save() error {
	raw, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(n.dir, fileNet), append(raw, '\n'))
}

// writeFile replaces a file in one step.
func writeFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
