package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// prepared is a directory with a short path (a unix socket's name must fit)
// that `herald init` has prepared.
func prepared(t *testing.T, state string) string {
	t.Helper()
	base, err := os.MkdirTemp("", "hd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dir := filepath.Join(base, state)
	herald(t, "", "init", "--state", state, "--listen", "/ip4/127.0.0.1/tcp/0", "--data", dir).check(t, 0, "is prepared", "")
	return dir
}

func TestFoundSignJoinRun(t *testing.T) {
	dir := prepared(t, "UTO")
	genesis := filepath.Join(dir, "g.json")
	request := filepath.Join(dir, "request.json")

	herald(t, "", "init", "--state", "UTO", "--data", dir).check(t, 6, "", "never overwritten")
	herald(t, "", "run", "--data", dir).check(t, 3, "", "herald network join")
	herald(t, "", "network", "status", "--data", dir).check(t, 3, "", "has joined no network yet")
	herald(t, "", "network", "genesis", "--name", "alone", "--exercise", "--match-per-hour", "77", "--out", genesis, request).
		check(t, 0, "EXERCISE", "")
	herald(t, "", "network", "genesis", "--name", "alone", "--exercise", "--out", genesis, request).check(t, 6, "", "never overwritten")
	herald(t, "", "network", "join", genesis, "--data", dir).check(t, 1, "", "not signed yet by UTO")
	herald(t, "", "network", "sign", genesis, "--data", dir).check(t, 0, "signed by all", "")
	herald(t, "", "network", "join", genesis, "--peer", "192.0.2.1:1", "--data", dir).check(t, 0, "has joined network", "")

	joined := herald(t, "", "network", "status", "--data", dir, "--json").lines(t)
	if len(joined) != 1 || joined[0]["name"] != "alone" || joined[0]["exercise"] != true {
		t.Errorf("network status: got %v", joined)
	}
	raw, err := os.ReadFile(genesis)
	if err != nil || !strings.Contains(string(raw), `"match_per_hour": 77`) {
		t.Errorf("the genesis does not show the policy: %v", err)
	}
	origin := map[string]any{}
	for _, s := range herald(t, "", "config", "check", "--data", dir, "--json").lines(t) {
		origin[s["key"].(string)] = s["value"]
	}
	if origin["state"] != "UTO" || origin["peers"] != "/ip4/192.0.2.1/tcp/1,/ip4/192.0.2.1/udp/1/quic-v1" {
		t.Errorf("config check: got %v", origin)
	}
	runNode(t, dir)
}

// runNode runs the node until it has answered, tries to run it twice, and
// stops it.
func runNode(t *testing.T, dir string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var first result
	var g errgroup.Group
	g.Go(func() error { first = heraldUntil(ctx, "", "run", "--data", dir); return nil })

	herald(t, "", "status", "--wait", "ready", "--timeout", "2m", "--data", dir).check(t, 0, "", "")
	herald(t, "", "run", "--data", dir).check(t, 6, "", "in use by another process")
	stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	first.check(t, 0, "herald runs: "+dir, `"level":"INFO"`)
	herald(t, "", "status", "--data", dir).check(t, 7, "", "no node is running")
	// The directory is free again.
	if _, err := os.Stat(filepath.Join(dir, "herald.sock")); err == nil {
		t.Error("the socket was left behind")
	}
}

func TestJoinOfAnother(t *testing.T) {
	a, b := prepared(t, "UTO"), prepared(t, "FJI")
	found := func(dir, name string) string {
		genesis := filepath.Join(dir, name+".json")
		herald(t, "", "network", "genesis", "--name", name, "--exercise", "--out", genesis, filepath.Join(dir, "request.json")).check(t, 0, "", "")
		herald(t, "", "network", "sign", genesis, "--data", dir).check(t, 0, "", "")
		return genesis
	}
	mine, other, theirs := found(a, "mine"), found(a, "other"), found(b, "theirs")
	herald(t, "", "network", "join", theirs, "--data", a).check(t, 4, "", "does not name this node's key")
	herald(t, "", "network", "join", mine, "--data", a).check(t, 0, "", "")
	herald(t, "", "network", "join", mine, "--data", a).check(t, 0, "", "")
	herald(t, "", "network", "join", other, "--data", a).check(t, 6, "", "belongs to another network")
}

func TestSetupUsage(t *testing.T) {
	dir := prepared(t, "UTO")
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "herald.toml"), []byte("state = \"UTO\"\nlissten = []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		code int
		err  string
		args []string
	}{
		{"no State", 2, "state", []string{"init", "--data", t.TempDir()}},
		{"unknown State", 3, `"QQQ"`, []string{"init", "--state", "QQQ", "--data", t.TempDir()}},
		{"no data directory", 2, "--data", []string{"init", "--state", "UTO"}},
		{"address", 3, "nowhere", []string{"init", "--state", "UTO", "--listen", "nowhere", "--data", t.TempDir()}},
		{"no requests", 2, "usage", []string{"network", "genesis", "--name", "x"}},
		{"no name", 2, "name", []string{"network", "genesis", "x"}},
		{"no request", 3, "request", []string{"network", "genesis", "--name", "x", "--out", filepath.Join(t.TempDir(), "g"), filepath.Join(dir, "herald.toml")}},
		{"one State twice", 3, "UTO", []string{"network", "genesis", "--name", "x", "--out", filepath.Join(t.TempDir(), "g"),
			filepath.Join(dir, "request.json"), filepath.Join(dir, "request.json")}},
		{"no root key", 3, "--root-key", []string{"network", "sign", filepath.Join(dir, "request.json"), "--data", t.TempDir()}},
		{"unknown key", 3, `herald.toml:2: unknown key "lissten"`, []string{"config", "check", "--data", broken}},
		{"unknown key at run", 3, `herald.toml:2: unknown key "lissten"`, []string{"run", "--data", broken}},
		{"log level", 3, "--log-level", []string{"run", "--data", dir, "--log-level", "loud"}},
		{"log format", 2, "--log-format", []string{"run", "--data", dir, "--log-format", "xml"}},
		{"metrics for everybody", 3, "no loopback", []string{"run", "--data", dir, "--metrics", "0.0.0.0:1"}},
		{"no testnet", 5, "herald testnet up", []string{"testnet", "status", "--dir", t.TempDir()}},
		{"unknown scenario", 2, "flood", []string{"testnet", "scenario", "flood", "--dir", t.TempDir()}},
		{"no node named", 2, "usage", []string{"testnet", "perturb", "kill", "--dir", t.TempDir()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := herald(t, "", tc.args...)
			r.check(t, tc.code, "", tc.err)
			if strings.Count(r.err, "\n") != 1 {
				t.Errorf("want one line, got %q", r.err)
			}
		})
	}
	herald(t, "", "testnet", "down", "--dir", t.TempDir()).check(t, 0, "no testnet", "")
	herald(t, "", "testnet", "real", "--data", t.TempDir()).check(t, 0, "skipped: ", "")
}
