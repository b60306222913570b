package testnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/cli"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/testnet"
)

// asHerald in the environment makes this test binary the herald binary.
const asHerald = "HERALD_TEST_AS_BINARY"

// TestMain lets this test binary be the herald binary of the testnets below:
// they start real processes of os.Executable.
func TestMain(m *testing.M) {
	if os.Getenv(asHerald) != "" || len(os.Args) > 1 && os.Args[1] == "run" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Env{
			In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
		}))
	}
	os.Exit(m.Run())
}

// shortDir is a directory whose path leaves room for a unix socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "net")
}

// up starts a testnet that is taken down, with a look at its processes, when
// the test ends.
func up(t *testing.T, nodes int) *testnet.Net {
	t.Helper()
	return upAt(t, shortDir(t), nodes)
}

func upAt(t *testing.T, dir string, nodes int) *testnet.Net {
	t.Helper()
	n, started, err := testnet.Up(t.Context(), testnet.Options{Dir: dir, Nodes: nodes, Seed: 7})
	t.Cleanup(func() {
		n, err := testnet.Open(dir)
		if errors.Is(err, testnet.ErrNone) {
			return
		}
		if _, err := n.Down(context.Background(), false); err != nil {
			t.Error(err)
		}
		for _, i := range n.Nodes {
			if i.Running() {
				t.Errorf("%s still runs", i.Name)
			}
			if t.Failed() {
				if raw, err := os.ReadFile(i.LogFile()); err == nil {
					t.Logf("%s:\n%s", i.Name, raw[max(0, len(raw)-4000):])
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if started != nodes {
		t.Fatalf("got %d nodes started, want %d", started, nodes)
	}
	return n
}

func TestTour(t *testing.T) {
	n := up(t, 3)
	var out bytes.Buffer
	if err := n.Tour(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"publishes detention", "POSSIBLE", "NO_HIT", "Its inbox:", "sees the details", "is withdrawn (error)", "retracts", "kill -9", "has caught up", "ok: 3 nodes hold the same"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tour does not say %q:\n%s", want, out.String())
		}
	}
	// A second tour of the same network invents other persons.
	if err := n.Tour(t.Context(), &out); err != nil {
		t.Fatalf("second tour: %v\n%s", err, out.String())
	}
}

func TestScenarios(t *testing.T) {
	n := up(t, 3)
	for _, name := range testnet.Scenarios() {
		var out bytes.Buffer
		if err := n.Scenario(t.Context(), name, &out); err != nil {
			t.Errorf("%v\n%s", err, out.String())
		}
	}
	if err := n.Scenario(t.Context(), "flood", &bytes.Buffer{}); err == nil {
		t.Error("an unknown scenario was played")
	}
	r, err := n.Check(t.Context())
	if err != nil || r.Err() != nil || r.Nodes != 3 || r.Retracted != 3 || // two notifications and a release
		r.Verified != 3*r.Records {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestOneNode(t *testing.T) {
	n := up(t, 1)
	var out bytes.Buffer
	if err := n.Tour(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}

func TestPerturb(t *testing.T) {
	ctx := t.Context()
	n := up(t, 3)
	n2, err := n.Find("n2")
	if err != nil {
		t.Fatal(err)
	}
	doing := func() string { return n.Status(ctx)[1].Doing }
	pid := n2[0].PID()
	for _, step := range []struct{ what, then string }{
		{testnet.Pause, "paused"}, {testnet.Resume, "running"}, {testnet.Kill, "down"},
		{testnet.Restart, "running"}, {testnet.Restart, "running"}, {testnet.Pause, "paused"}, {testnet.Restart, "running"},
	} {
		if err := n.Perturb(ctx, step.what, n2); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := doing(); got != step.then {
			t.Errorf("after %s: got %s, want %s", step.what, got, step.then)
		}
	}
	if n2[0].PID() == pid {
		t.Error("restart kept the process")
	}
	if err := n.Perturb(ctx, "frob", n2); err == nil {
		t.Error("an unknown perturbation was done")
	}
	if err := n.Perturb(ctx, testnet.Partition, n.Nodes); err == nil {
		t.Error("all nodes were partitioned from nobody")
	}
	// Up starts what is missing and leaves alone what runs.
	if err := n.Perturb(ctx, testnet.Kill, n2); err != nil {
		t.Fatal(err)
	}
	if err := n.Perturb(ctx, testnet.Kill, n2); err == nil {
		t.Error("a dead node was killed")
	}
	dir := filepath.Dir(n.Nodes[0].Data)
	if _, started, err := testnet.Up(ctx, testnet.Options{Dir: dir, Nodes: 3}); err != nil || started != 1 {
		t.Errorf("up again: got %d started, %v", started, err)
	}
	if _, _, err := testnet.Up(ctx, testnet.Options{Dir: dir, Nodes: 4}); !errors.Is(err, testnet.ErrConflict) {
		t.Errorf("up of another size: got %v", err)
	}
	if stopped, err := n.Down(ctx, true); err != nil || stopped != 3 {
		t.Errorf("down: got %d, %v", stopped, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("purge left %s: %v", dir, err)
	}
}

// TestCheckFindsBreaks shows each invariant broken to the checker: a network
// whose nodes hold different records, records of strangers, and a retraction
// that hid nothing. Honest nodes do not do that, so what they say is altered
// before the checker sees it.
func TestCheckFindsBreaks(t *testing.T) {
	ctx := t.Context()
	n, other := up(t, 2), up(t, 1)
	if err := n.Scenario(ctx, "arrival", &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	view, err := n.Roster(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Roster(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := n.Nodes[0].Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	notification := slices.IndexFunc(entries, func(e *apiv1.Entry) bool { return e.Kind == ct.KindNotification.String() })
	if notification < 0 {
		t.Fatal("no notification in the feed")
	}

	t.Run("in order", func(t *testing.T) {
		var r testnet.Report
		if _, err := n.Nodes[0].Check(ctx, &r, view, entries); err != nil || r.Err() != nil || r.Verified != len(entries) {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	t.Run("signed by strangers", func(t *testing.T) {
		var r testnet.Report
		if _, err := n.Nodes[0].Check(ctx, &r, foreign, entries); err != nil || !errors.Is(r.Err(), testnet.ErrBroken) || r.Verified != 0 {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	t.Run("retracted and readable", func(t *testing.T) {
		var r testnet.Report
		retraction := &apiv1.Entry{Id: entries[notification].Id, Kind: ct.KindRetract.String(), Refs: []*apiv1.Ref{{Id: entries[notification].Id}}}
		if _, err := n.Nodes[0].Check(ctx, &r, view, append(entries, retraction)); err != nil || !errors.Is(r.Err(), testnet.ErrBroken) {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	t.Run("different records", func(t *testing.T) {
		diff, err := n.Difference(ctx, []testnet.Instance{n.Nodes[0], other.Nodes[0]})
		if err != nil || !strings.Contains(diff, "lacks") {
			t.Errorf("got %q, %v", diff, err)
		}
	})
	t.Run("another genesis", func(t *testing.T) {
		raw, err := os.ReadFile(filepath.Join(other.Nodes[0].Data, node.FileGenesis))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(n.Nodes[1].Data, node.FileGenesis), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Check(ctx); err == nil {
			t.Error("a node of another network was not found")
		}
	})
}

func TestUpRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		o    testnet.Options
	}{
		{"no nodes", testnet.Options{Dir: shortDir(t)}},
		{"too many nodes", testnet.Options{Dir: shortDir(t), Nodes: testnet.MaxNodes + 1}},
		{"manifest", testnet.Options{Dir: shortDir(t), Nodes: 1, Manifest: "../default"}},
		{"directory with something in it", testnet.Options{Dir: full, Nodes: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := testnet.Up(t.Context(), tc.o); err == nil {
				t.Error("started")
			}
		})
	}
	if _, err := os.Stat(filepath.Join(full, "mine")); err != nil {
		t.Error(err)
	}
}

// TestUpAfterInterruption finds a half-made directory and makes it anew.
func TestUpAfterInterruption(t *testing.T) {
	dir := shortDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "n1"), 0o700); err != nil {
		t.Fatal(err)
	}
	half := fmt.Sprintf(`{"manifest":"default","prepared":false,"nodes":[{"name":"n1","data":%q}]}`, filepath.Join(dir, "n1"))
	for name, content := range map[string]string{"testnet.json": half, "n1/node.key": "cut off"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, started, err := testnet.Up(t.Context(), testnet.Options{Dir: dir, Nodes: 1})
	if err != nil || started != 1 {
		t.Fatalf("got %d started, %v", started, err)
	}
	if _, err := n.Down(t.Context(), false); err != nil {
		t.Error(err)
	}
}

// TestNeverSignalsAnother gives an instance pid files that name other processes.
func TestNeverSignalsAnother(t *testing.T) {
	start, boot, err := testnet.StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, file string }{
		{"number used again", fmt.Sprintf(`{"pid":%d,"start":"1","boot":%q}`, os.Getpid(), boot)},
		{"another boot", fmt.Sprintf(`{"pid":%d,"start":%q,"boot":"0"}`, os.Getpid(), start)},
		{"other command line", fmt.Sprintf(`{"pid":%d,"start":%q,"boot":%q}`, os.Getpid(), start, boot)},
		{"init", `{"pid":1,"start":"0"}`},
		{"group", `{"pid":-1,"start":"0"}`},
		{"no process", `{"pid":4194303,"start":"0"}`},
		{"broken", `{`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := testnet.Instance{Name: "n1", Data: t.TempDir()}
			if err := os.WriteFile(filepath.Join(i.Data, "pid"), []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if i.Running() || i.PID() != 0 {
				t.Error("taken for the instance's process")
			}
		})
	}
}

// TestUpSaysWhyANodeEnded gives a node a directory whose socket has too long a
// path: the error must carry the node's own words.
func TestUpSaysWhyANodeEnded(t *testing.T) {
	dir := filepath.Join(shortDir(t), strings.Repeat("long", 25))
	n, _, err := testnet.Up(t.Context(), testnet.Options{Dir: dir, Nodes: 1})
	if err == nil || !strings.Contains(err.Error(), "shorter --data") {
		t.Errorf("got %v", err)
	}
	if n != nil {
		if _, err := n.Down(t.Context(), true); err != nil {
			t.Error(err)
		}
	}
}

func TestManifests(t *testing.T) {
	names := testnet.Manifests()
	if !slices.Contains(names, "default") || !slices.Contains(names, "real") {
		t.Fatalf("got %v", names)
	}
	for _, name := range names {
		m, err := testnet.LoadManifest(name)
		if err != nil {
			t.Fatal(err)
		}
		if m.States[0] != "UTO" {
			t.Errorf("%s begins with %s, want the specimen State", name, m.States[0])
		}
	}
	if m, err := testnet.LoadManifest("default"); err != nil || len(m.States) != testnet.MaxNodes {
		t.Errorf("default: got %d States, %v", len(m.States), err)
	}
}

// TestMesh needs more nodes than a node is told of at first: the others are
// found by the addresses that nodes publish. Up returns when all are connected.
func TestMesh(t *testing.T) {
	const nodes = 11
	n := up(t, nodes)
	for _, s := range n.Status(t.Context()) {
		if s.Peers != nodes-1 {
			t.Errorf("%s has %d peers, want %d", s.Name, s.Peers, nodes-1)
		}
	}
	var out bytes.Buffer
	if err := n.Scenario(t.Context(), "match", &out); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}
