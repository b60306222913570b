package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// InitOptions say whose node a new directory is for.
type InitOptions struct {
	Dir      string
	State    ct.State
	RootKey  string   // the State's root key file; empty: a new one is made in Dir
	Listen   []string // as in herald.toml; empty: the default
	Announce []string // told to the other founders; empty: those of Listen that others can dial
	Metrics  string
}

// Prepared is what Init made.
type Prepared struct {
	Node, Root ct.LogID
	Request    string // the file to send to whoever founds the network
}

// Init makes the keys, the configuration and the join request of a new node.
// It overwrites nothing: a directory that holds any of its files is refused,
// so a second init can never destroy a key.
func Init(o InitOptions) (Prepared, error) {
	cfg := Default()
	cfg.State = string(o.State)
	cfg.Announce = o.Announce
	cfg.Metrics = o.Metrics
	if len(o.Listen) > 0 {
		cfg.Listen = o.Listen
	}
	for _, f := range cfg.fields() {
		if err := f.check(); err != nil {
			return Prepared{}, invalid("%s: %v", f.key, err)
		}
	}
	made := []string{node.FileNodeKey, node.FileStorageKey, node.FileConfig, node.FileRequest}
	if o.RootKey == "" {
		made = append(made, node.FileRootKey)
	}
	if err := store.MakeDir(o.Dir); err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	for _, name := range made {
		if _, err := os.Lstat(filepath.Join(o.Dir, name)); !errors.Is(err, os.ErrNotExist) {
			return Prepared{}, fmt.Errorf("init: %s: %w", filepath.Join(o.Dir, name), ErrExists)
		}
	}

	// All of it is made before any of it is written: a refusal leaves nothing.
	root, err := rootKey(o)
	if err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	nodeKey, err := keys.Generate()
	if err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	storage, err := keys.NewStorage()
	if err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	addrs := cfg.Announce
	if len(addrs) == 0 {
		addrs = dialable(cfg.Listen)
	}
	req, err := roster.NewRequest(o.State, root, nodeKey, addrs)
	if err != nil {
		return Prepared{}, invalid("%v", err)
	}

	path := func(file string) string { return filepath.Join(o.Dir, file) }
	if o.RootKey == "" {
		if err := keys.Save(path(node.FileRootKey), keys.KindRoot, root); err != nil {
			return Prepared{}, fmt.Errorf("init: %w", err)
		}
	}
	if err := keys.Save(path(node.FileNodeKey), keys.KindNode, nodeKey); err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	if err := keys.SaveStorage(path(node.FileStorageKey), storage); err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	if err := create(path(node.FileConfig), cfg.encode(), 0o644); err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	if err := create(path(node.FileRequest), req.Encode(), 0o644); err != nil {
		return Prepared{}, fmt.Errorf("init: %w", err)
	}
	return Prepared{Node: nodeKey.Public(), Root: root.Public(), Request: path(node.FileRequest)}, nil
}

// ErrExists tells that a file which would be made is already there.
var ErrExists = errors.New("exists already and is never overwritten")

func rootKey(o InitOptions) (*keys.Key, error) {
	if o.RootKey != "" {
		return keys.Load(o.RootKey)
	}
	return keys.Generate()
}
