package datadir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// found prepares one directory a State and the unsigned genesis of them all.
func found(t *testing.T, name string, states ...ct.State) (genesis string, dirs []string) {
	t.Helper()
	root := t.TempDir()
	o := datadir.FoundOptions{Name: name, Exercise: true, Policy: roster.DefaultPolicy(), Out: filepath.Join(root, "genesis.json")}
	for i, s := range states {
		dir := filepath.Join(root, string(s))
		p, err := datadir.Init(datadir.InitOptions{Dir: dir, State: s, Listen: []string{fmt.Sprintf("127.0.0.1:%d", 3000+i)}})
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
		o.Requests = append(o.Requests, p.Request)
	}
	if _, err := datadir.Found(o, time.Now()); err != nil {
		t.Fatal(err)
	}
	return o.Out, dirs
}

func sign(t *testing.T, genesis string, dirs ...string) []ct.State {
	t.Helper()
	var missing []ct.State
	for _, dir := range dirs {
		var err error
		if missing, err = datadir.Sign(genesis, nil, filepath.Join(dir, node.FileRootKey), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return missing
}

func join(dir, genesis string, peers ...string) (node.Membership, error) {
	return datadir.Join(dir, genesis, peers, datadir.Source{}, time.Now())
}

func TestFoundSignJoin(t *testing.T) {
	genesis, dirs := found(t, "founding", "UTO", "FJI", "ISL")
	if missing := sign(t, genesis, dirs[0]); !slices.Equal(missing, []ct.State{"FJI", "ISL"}) {
		t.Errorf("missing after one: got %v", missing)
	}
	if _, err := join(dirs[0], genesis); err == nil {
		t.Error("joined a genesis that two States have not signed")
	}
	if missing := sign(t, genesis, dirs[1:]...); len(missing) != 0 {
		t.Errorf("missing after all: got %v", missing)
	}
	for i, dir := range dirs {
		m, err := join(dir, genesis, "127.0.0.1:3999")
		if err != nil {
			t.Fatal(err)
		}
		if m.State != []ct.State{"UTO", "FJI", "ISL"}[i] || m.Name != "founding" || !m.Exercise {
			t.Errorf("%s: got %+v", dir, m)
		}
		n, err := datadir.Inspect(dir)
		if err != nil || n.Network != m.Network || len(n.Members) != 3 {
			t.Errorf("inspect %s: got %+v, %v", dir, n, err)
		}
		checkFounded(t, dir, m.Network, 3)
		cfg, _, err := datadir.Load(dir, datadir.Source{})
		if err != nil || !slices.Contains(cfg.Peers, "/ip4/127.0.0.1/tcp/3999") {
			t.Errorf("peers: got %v, %v", cfg.Peers, err)
		}
	}
}

// checkFounded opens the store and looks for one delegation of each founder.
func checkFounded(t *testing.T, dir string, network ct.NetworkID, founders int) {
	t.Helper()
	key, err := keys.LoadStorage(filepath.Join(dir, node.FileStorageKey))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Config{Dir: dir, Key: key, Network: network})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	heads := s.Heads()
	if len(heads) != founders {
		t.Errorf("%s: got %d logs, want %d", dir, len(heads), founders)
	}
	for log, h := range heads {
		row, err := s.Get(log, 1)
		if err != nil || h.Size != 1 || ct.Kind(row.Header.Kind) != ct.KindDelegation || row.BodyState != store.BodyHeld {
			t.Errorf("%s: log %s: size %d, kind %d, %v", dir, log.Short(), h.Size, row.Header.Kind, err)
		}
	}
}

func TestJoinAgain(t *testing.T) {
	genesis, dirs := found(t, "again", "UTO", "FJI")
	sign(t, genesis, dirs...)
	m, err := join(dirs[0], genesis)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := join(dirs[0], genesis); err != nil || again != m {
		t.Errorf("the same network: got %+v, %v", again, err)
	}
	// A crash before the last step leaves the store and no genesis file.
	if err := os.Remove(filepath.Join(dirs[0], node.FileGenesis)); err != nil {
		t.Fatal(err)
	}
	if again, err := join(dirs[0], genesis); err != nil || again != m {
		t.Errorf("after an interrupted join: got %+v, %v", again, err)
	}
	checkFounded(t, dirs[0], m.Network, 2)

	// A second network founded with the same keys.
	o := datadir.FoundOptions{Name: "other", Exercise: true, Policy: roster.DefaultPolicy(), Out: filepath.Join(t.TempDir(), "g.json"),
		Requests: []string{filepath.Join(dirs[0], node.FileRequest)}}
	if _, err := datadir.Found(o, time.Now()); err != nil {
		t.Fatal(err)
	}
	sign(t, o.Out, dirs[0])
	if _, err := join(dirs[0], o.Out); !errors.Is(err, node.ErrOtherNetwork) {
		t.Errorf("another network: got %v", err)
	}
}

func TestJoinRefuses(t *testing.T) {
	genesis, dirs := found(t, "refuse", "UTO", "FJI")
	sign(t, genesis, dirs...)
	_, strangers := found(t, "stranger", "ISL")
	if _, err := join(strangers[0], genesis); !errors.Is(err, node.ErrNoMember) {
		t.Errorf("a stranger: got %v", err)
	}
	if _, err := datadir.Sign(genesis, nil, filepath.Join(strangers[0], node.FileRootKey), time.Now()); err == nil {
		t.Error("a stranger's root key signed")
	}
	raw, err := os.ReadFile(genesis)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "cut": raw[:len(raw)/2], "no JSON": []byte("genesis"), "no genesis": []byte("{}"),
	} {
		path := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := join(dirs[0], path); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dirs[0], node.FileGenesis)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused join left a genesis: %v", err)
	}
}

func TestInitNeverOverwrites(t *testing.T) {
	for _, name := range []string{node.FileNodeKey, node.FileRootKey, node.FileStorageKey, node.FileConfig, node.FileRequest} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := datadir.Init(datadir.InitOptions{Dir: dir, State: "UTO"})
			if !errors.Is(err, datadir.ErrExists) {
				t.Errorf("got %v, want ErrExists", err)
			}
			entries, _ := os.ReadDir(dir)
			if got, _ := os.ReadFile(path); string(got) != "mine" || len(entries) != 1 {
				t.Errorf("the directory was touched: %d entries", len(entries))
			}
		})
	}
}

func TestInitWithRootKey(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	p, err := datadir.Init(datadir.InitOptions{Dir: first, State: "UTO"})
	if err != nil {
		t.Fatal(err)
	}
	q, err := datadir.Init(datadir.InitOptions{Dir: second, State: "UTO", RootKey: filepath.Join(first, node.FileRootKey)})
	if err != nil {
		t.Fatal(err)
	}
	if p.Root != q.Root || p.Node == q.Node {
		t.Errorf("got roots %s and %s, nodes %s and %s", p.Root.Short(), q.Root.Short(), p.Node.Short(), q.Node.Short())
	}
	if _, err := os.Stat(filepath.Join(second, node.FileRootKey)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a root key was copied into the directory")
	}
	for _, f := range []string{node.FileNodeKey, node.FileRootKey, node.FileStorageKey} {
		if st, err := os.Stat(filepath.Join(first, f)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", f, st.Mode(), err)
		}
	}
}

func TestInitRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    datadir.InitOptions
	}{
		{"no State", datadir.InitOptions{}},
		{"unknown State", datadir.InitOptions{State: "QQQ"}},
		{"address", datadir.InitOptions{State: "UTO", Listen: []string{"nowhere"}}},
		{"announce", datadir.InitOptions{State: "UTO", Announce: []string{"/ip4/127.0.0.1/tcp/0"}}},
		{"metrics", datadir.InitOptions{State: "UTO", Metrics: "192.0.2.1:1"}},
		{"root key", datadir.InitOptions{State: "UTO", RootKey: "/nonexistent/root.key"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Dir = filepath.Join(t.TempDir(), "d")
			if _, err := datadir.Init(tc.o); err == nil {
				t.Error("accepted")
			}
			if entries, _ := os.ReadDir(tc.o.Dir); len(entries) > 0 {
				t.Errorf("left %d files", len(entries))
			}
		})
	}
}

// Founders who sign copies at the same time need not wait for one another.
func TestSignaturesMadeInParallel(t *testing.T) {
	genesis, dirs := found(t, "parallel", "UTO", "FJI", "ISL")
	raw, err := os.ReadFile(genesis)
	if err != nil {
		t.Fatal(err)
	}
	var copies []string
	for i, dir := range dirs {
		c := filepath.Join(t.TempDir(), fmt.Sprintf("copy-%d.json", i))
		if err := os.WriteFile(c, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if missing := sign(t, c, dir); len(missing) != 2 {
			t.Fatalf("copy %d: missing %v", i, missing)
		}
		copies = append(copies, c)
	}
	other, strangers := found(t, "parallel", "UTO", "FJI", "ISL")
	sign(t, other, strangers...)
	if _, err := datadir.Sign(copies[0], []string{other}, filepath.Join(dirs[0], node.FileRootKey), time.Now()); err == nil || !strings.Contains(err.Error(), "another network") {
		t.Errorf("signatures of another network: %v", err)
	}
	none := filepath.Join(t.TempDir(), "none")
	if missing, err := datadir.Sign(copies[0], copies[1:2], none, time.Now()); err != nil || !slices.Equal(missing, []ct.State{"ISL"}) {
		t.Errorf("two of three, without a root key: missing %v, %v", missing, err)
	}
	if missing, err := datadir.Sign(copies[2], copies[:1], filepath.Join(dirs[2], node.FileRootKey), time.Now()); err != nil || len(missing) != 0 {
		t.Errorf("all three: missing %v, %v", missing, err)
	}
	if _, err := join(dirs[1], copies[2]); err != nil {
		t.Error(err)
	}
}
