package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// writeConfig makes a data directory that holds only herald.toml.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, node.FileConfig), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func from(values map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) { v, ok := values[key]; return v, ok }
}

func TestLoadPrecedence(t *testing.T) {
	dir := writeConfig(t, "state = \"UTO\"\nlisten = [\"127.0.0.1:1000\"]\nmetrics = \"127.0.0.1:1\"\nlog_level = \"warn\"\n"+
		"[[release]]\nstate = \"FIN\"\npurposes = [\"protection\"]\ntlp = \"GREEN\"\ntier = \"strong\"\n[[release]]\nstate = \"KEN\"\npurposes = [\"investigation\"]\ntlp = \"CLEAR\"\n")
	cfg, settings, err := datadir.Load(dir, datadir.Source{
		Env:  from(map[string]string{"HERALD_METRICS": "127.0.0.1:2", "HERALD_LOG_LEVEL": "error", "HERALD_TOPICS": "arrival, receipt", "HERALD_PEERS": "192.0.2.1:7, /ip4/192.0.2.2/tcp/8"}),
		Flag: from(map[string]string{"log_level": "debug"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"state":             {"UTO", filepath.Join(dir, node.FileConfig)},
		"listen":            {"/ip4/127.0.0.1/tcp/1000,/ip4/127.0.0.1/udp/1000/quic-v1", filepath.Join(dir, node.FileConfig)},
		"announce":          {"", "default"},
		"peers":             {"/ip4/192.0.2.1/tcp/7,/ip4/192.0.2.1/udp/7/quic-v1,/ip4/192.0.2.2/tcp/8", "HERALD_PEERS"},
		"private_addresses": {"false", "default"},
		"metrics":           {"127.0.0.1:2", "HERALD_METRICS"},
		"storage_key_file":  {"storage.key", "default"},
		"auditor_key_file":  {"", "default"},
		"topics":            {"arrival,receipt", "HERALD_TOPICS"},
		"max_size":          {"0", "default"},
		"ballast":           {"67108864", "default"},
		"log_level":         {"debug", "--log-level"},
		"release_for":       {"720h", "default"},
		"journal_kept":      {"43800h", "default"},
		"release_contact":   {"", "default"},
		"release":           {"FIN: protection up to GREEN strong; KEN: investigation up to CLEAR", filepath.Join(dir, node.FileConfig)},
	}
	if len(settings) != len(want) {
		t.Errorf("got %d settings, want %d", len(settings), len(want))
	}
	for _, s := range settings {
		if w := want[s.Key]; s.Value != w[0] || s.Origin != w[1] {
			t.Errorf("%s: got %q from %s, want %q from %s", s.Key, s.Value, s.Origin, w[0], w[1])
		}
	}
	nc := cfg.Node(dir)
	if r := nc.Release; len(r) != 2 || r[0].State != "FIN" || r[0].TLP != ct.TLPGreen || !r[0].Strong || r[1].Strong || nc.ReleaseFor != 30*24*time.Hour {
		t.Errorf("release rules: got %+v for %s", r, nc.ReleaseFor)
	}
	if nc.StorageKeyFile != filepath.Join(dir, "storage.key") || !slices.Equal(nc.Listen, cfg.Listen) || nc.Metrics != "127.0.0.1:2" {
		t.Errorf("node configuration: got %+v", nc)
	}
}

// rest completes a rule; rules has a good one before it.
const rest = "purposes = [\"protection\"]\ntlp = \"GREEN\""

func rules(second string) string {
	return "state = \"UTO\"\n[[release]]\nstate = \"FIN\"\n" + rest + "\n[[release]]\n" + second + "\n"
}

func TestLoadRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, env, want string }{
		{"unknown key", "state = \"UTO\"\n\nlissten = []\n", "", `herald.toml:3: unknown key "lissten"`},
		{"unknown table", "state = \"UTO\"\n[node]\nx = 1\n", "", `herald.toml:2: unknown key "node`},
		{"not TOML", "state = \"UTO\"\nlisten = [\n", "", "herald.toml:"},
		{"wrong type", "state = \"UTO\"\nlisten = 7\n", "", "herald.toml:2: "},
		{"no State", "listen = [\"127.0.0.1:1\"]\n", "", "state: "},
		{"unknown State", "state = \"QQQ\"\n", "", `herald.toml:1: state: "QQQ"`},
		{"no multiaddr", "state = \"UTO\"\nlisten = [\"/ip4/1.2.3/tcp/1\"]\n", "", "herald.toml:2: listen: "},
		{"no transport", "state = \"UTO\"\nlisten = [\"/ip4/127.0.0.1/udp/1\"]\n", "", "neither tcp nor quic-v1"},
		{"no port", "state = \"UTO\"\nlisten = [\"127.0.0.1\"]\n", "", "nor host:port"},
		{"port out of range", "state = \"UTO\"\nlisten = [\"127.0.0.1:70000\"]\n", "", "port \"70000\""},
		{"nothing to listen on", "state = \"UTO\"\nlisten = []\n", "", "no address to listen on"},
		{"metrics for everybody", "state = \"UTO\"\nmetrics = \"0.0.0.0:9\"\n", "", "no loopback address"},
		{"unknown topic", "state = \"UTO\"\ntopics = [\"arrivals\"]\n", "", "herald.toml:2: topics: "},
		{"neither true nor false", "state = \"UTO\"\nprivate_addresses = 7\n", "", "herald.toml:2: "},
		{"small size", "state = \"UTO\"\nmax_size = 5\n", "", "herald.toml:2: max_size"},
		{"small ballast", "state = \"UTO\"\nballast = 5\n", "", "herald.toml:2: ballast"},
		{"log level", "state = \"UTO\"\nlog_level = \"loud\"\n", "", "log_level"},
		{"a journal for a day", "state = \"UTO\"\njournal_kept = \"24h\"\n", "", "herald.toml:2: journal_kept: "},
		{"release for a moment", "state = \"UTO\"\nrelease_for = \"1s\"\n", "", "herald.toml:2: release_for: "},
		{"release for a while", "state = \"UTO\"\nrelease_for = \"a while\"\n", "", "herald.toml:2: release_for: "},
		{"release to nobody", rules("state = \"QQQ\"\n" + rest), "", "herald.toml:6: release: state: "},
		{"release for no purpose", rules("state = \"FIN\"\ntlp = \"GREEN\""), "", "herald.toml:6: release: purposes: missing"},
		{"release for another purpose", rules("state = \"FIN\"\ntlp = \"GREEN\"\npurposes = [\"curiosity\"]"), "", "herald.toml:6: release: purposes[0]: not in the closed list"},
		{"release of what is RED", rules("state = \"FIN\"\ntlp = \"RED\"\npurposes = [\"protection\"]"), "", "herald.toml:6: release: tlp: "},
		{"release of what is not marked", rules("state = \"FIN\"\npurposes = [\"protection\"]"), "", "herald.toml:6: release: tlp: "},
		{"release of a tier that is none", rules("state = \"FIN\"\ntier = \"weak\"\n" + rest), "", "herald.toml:6: release: tier: "},
		{"release with a key too many", rules("state = \"FIN\"\nfields = []\n" + rest), "", "unknown key \"release.fields\""},
		{"environment", "state = \"UTO\"\n", "loud", "HERALD_LOG_LEVEL: log_level: "},
		{"too many peers", "state = \"UTO\"\npeers = [" + strings.Repeat("\"127.0.0.1:1\",", 33) + "]\n", "", "at most 64"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := map[string]string{}
			if tc.env != "" {
				env["HERALD_LOG_LEVEL"] = tc.env
			}
			_, _, err := datadir.Load(writeConfig(t, tc.text), datadir.Source{Env: from(env)})
			var invalid *datadir.Invalid
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", err, tc.want)
			}
		})
	}
}

func TestLoadWithoutFile(t *testing.T) {
	_, _, err := datadir.Load(t.TempDir(), datadir.Source{})
	var invalid *datadir.Invalid
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "herald init") {
		t.Errorf("got %v, want what to do", err)
	}
}

func TestAddPeersKeepsTheRest(t *testing.T) {
	text := "# mine\nstate = \"UTO\" # ours\npeers = [\"/ip4/192.0.2.1/tcp/1\"]\nlog_level = \"warn\"\n"
	dir := writeConfig(t, text)
	for range 2 { // the second time adds nothing
		if err := datadir.AddPeers(dir, []string{"192.0.2.9:5"}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, node.FileConfig))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(text, "/tcp/1\"]", "/tcp/1\", \"/ip4/192.0.2.9/tcp/5\", \"/ip4/192.0.2.9/udp/5/quic-v1\"]", 1)
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if err := datadir.AddPeers(dir, []string{"nonsense"}); err == nil {
		t.Error("a peer that is no address was taken")
	}
}

func TestAddPeersWithoutLine(t *testing.T) {
	dir := writeConfig(t, "state = \"UTO\"\n")
	if err := datadir.AddPeers(dir, []string{"/dns4/node.example/tcp/5"}); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := datadir.Load(dir, datadir.Source{})
	if err != nil || !slices.Equal(cfg.Peers, []string{"/dns4/node.example/tcp/5"}) {
		t.Errorf("got %v, %v", cfg.Peers, err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("state = \"UTO\"\nlisten = [\"127.0.0.1:1\"]\n")
	f.Add("state = \"UTO\"\npeers = [\n\"127.0.0.1:1\"]\n[x]\ny=1")
	f.Add("state = 'UTO'\nmax_size = 99999999999\nannounce=['/dns/a/tcp/1']")
	f.Fuzz(func(t *testing.T, text string) {
		dir := writeConfig(t, text)
		cfg, _, err := datadir.Load(dir, datadir.Source{})
		if err != nil {
			return
		}
		if err := datadir.AddPeers(dir, []string{"192.0.2.9:5"}); err != nil {
			return // said to be beyond what can be edited
		}
		after, _, err := datadir.Load(dir, datadir.Source{})
		if err != nil {
			t.Fatalf("AddPeers broke the file: %v", err)
		}
		if after.State != cfg.State || !slices.Equal(after.Listen, cfg.Listen) || !slices.Contains(after.Peers, "/ip4/192.0.2.9/tcp/5") {
			t.Fatalf("AddPeers changed %+v to %+v", cfg, after)
		}
	})
}
