package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/cli"
)

// TestRealNode takes one real node from nothing to a verified journal, by
// commands alone.
func TestRealNode(t *testing.T) {
	root := t.TempDir()
	dir, genesis := filepath.Join(root, "n"), filepath.Join(root, "genesis.json")
	for _, args := range [][]string{
		{"init", "--state", "UTO", "--listen", "/ip4/127.0.0.1/tcp/0", "--data", dir},
		{"network", "genesis", "--name", "drill", "--exercise", "--out", genesis, filepath.Join(dir, "request.json")},
		{"network", "sign", genesis, "--data", dir},
		{"network", "join", genesis, "--data", dir},
	} {
		herald(t, "", args...).check(t, 0, "", "")
	}
	herald(t, "", "inspect", genesis).check(t, 0, "drill", "")
	herald(t, "", "status", "--data", dir).check(t, 7, "", "start it with `herald run --data "+dir+"`")

	auditor := filepath.Join(root, "auditor.key")
	herald(t, "", "journal", "auditor", auditor).check(t, 0, "", "")
	appendFile(t, filepath.Join(dir, "herald.toml"), "auditor_key_file = \""+auditor+".pub\"\n")
	stop := startNode(t, dir)
	herald(t, "", "status", "--wait", "ready", "--timeout", "2m", "--data", dir).check(t, 0, "EXERCISE", "")
	herald(t, "", "run", "--data", dir).check(t, 6, "", "in use")
	herald(t, "", "store", "check", "--data", dir).check(t, 6, "", "in use")

	note := exampleJSON(t, 5)
	receipt := herald(t, note, "publish", "-f", "-", "--key", "case 5", "--data", dir)
	receipt.check(t, 0, `"seq":`, "")
	id := receipt.lines(t)[0]["id"].(string)
	if again := herald(t, note, "publish", "-f", "-", "--key", "case 5", "--data", dir); again.code != 0 || again.out != receipt.out {
		t.Errorf("the same again under its key: got %+v, want %q", again, receipt.out)
	}
	herald(t, note, "publish", "-f", "-", "--data", dir).check(t, 6, "", "record "+id)
	herald(t, exampleJSON(t, 6), "publish", "-f", "-", "--key", "case 5", "--data", dir).check(t, 6, "", "record "+id)
	herald(t, note, "publish", "-f", "-", "--dry-run", "--data", dir).check(t, 0, "would be signed", "duplicate: equal content is in force")
	herald(t, note, "publish", "-f", "-", "--key", strings.Repeat("k", 65), "--data", dir).check(t, 2, "", "idempotency_key")
	herald(t, "", "get", id[:10], "--data", dir).check(t, 0, "person.names[0]", "")
	herald(t, "", "get", "--json", id, "--data", dir).check(t, 0, `"notification":{"topic":"arrival"`, "")
	herald(t, "", "inspect", id[:10], "--data", dir).check(t, 0, "admissible", "")
	herald(t, "", "tail", "--after", "0", "--limit", "1", "--json", "--data", dir).check(t, 0, id, "")
	herald(t, "", "get", "ffffffff", "--data", dir).check(t, 5, "", "")

	list, persons := syntheticList(t, 50)
	l := herald(t, "", "import", "persons", list, "--json", "--data", dir).lines(t)
	if len(l) != 1 || l[0]["read"] != 50.0 || l[0]["accepted"] != 50.0 || l[0]["rejected"] != 0.0 {
		t.Errorf("import: got %v", l)
	}
	query := `{"names":[{"full":"` + persons[0].Names[0].Full + `"}]}`
	match := append([]string{"match", "-f", "-", "--json", "--data", dir}, reasons...)
	waitFor(t, "the imported person is found", func() bool {
		r := herald(t, query, match...)
		return r.code == 0 && strings.Contains(r.out, `"list:national/L0"`)
	})
	herald(t, "", "get", "list:national/L0", "--data", dir).check(t, 0, persons[0].Names[0].Full, "")
	entry := herald(t, "", "get", "list:national/L0", "--json", "--data", dir)
	entry.check(t, 0, `"list":"national","id":"L0","imported":"`, "")
	if e := entry.lines(t); e[0]["person"].(map[string]any)["names"].([]any)[0].(map[string]any)["full"] != persons[0].Names[0].Full {
		t.Errorf("the entry of a list: %v", e)
	}
	herald(t, "", "get", "list:national/L50", "--data", dir).check(t, 5, "", "")
	herald(t, "", "get", "list:another/L0", "--data", dir).check(t, 5, "", "")
	herald(t, "", "get", "list:national", "--data", dir).check(t, 2, "", "want list:LIST/ENTRY")
	herald(t, `{"name":"Ulfgrim Zetakovnar"}`, match...).check(t, 5, `{"asked":1,"answered":1,"possible":0,"refused":0}`, "")

	herald(t, "", "retract", id[:10], "--reason", "error", "--data", dir).check(t, 0, `"seq":`, "")
	waitFor(t, "the retraction is in the history", func() bool {
		return strings.Contains(herald(t, "", "get", id, "--data", dir).out, "retract by UTO")
	})
	herald(t, "", "get", id, "--data", dir).check(t, 0, "retracted", "")
	online := herald(t, "", "journal", "verify", "--data", dir)
	online.check(t, 0, "all in order", "")

	stop()
	offline := herald(t, "", "journal", "verify", "--data", dir)
	offline.check(t, 0, "all in order", "")
	if online.out != offline.out {
		t.Errorf("the journal online and offline: %q and %q", online.out, offline.out)
	}
	// Nothing that the node has opens what it sealed; the auditor's key does.
	name := persons[0].Names[0].Full
	for _, key := range []string{"", filepath.Join(dir, "storage.key")} {
		r := herald(t, "", "journal", "read", "--data", dir, "--auditor-key", key)
		if strings.Contains(r.out, name) || !strings.Contains(r.out, "subject=sealed") {
			t.Errorf("the journal with %q shows %s", key, r.out)
		}
	}
	herald(t, "", "journal", "read", "--data", dir, "--auditor-key", auditor).check(t, 0, name, "")
	herald(t, "", "store", "check", "--data", dir).check(t, 0, "records", "")
	if l := herald(t, "", "store", "check", "--json", "--data", dir).lines(t); l[0]["problems"] != 0.0 || l[0]["records"].(float64) < 3 {
		t.Errorf("store check: got %v", l)
	}
	if _, err := os.Stat(filepath.Join(dir, "herald.sock")); err == nil {
		t.Error("the socket outlives the node")
	}
	herald(t, "", "list", "--data", dir).check(t, 7, "", "no node is running")
}

// startNode runs `herald run` until stop is called.
func startNode(t *testing.T, dir string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan result, 1)
	go func() { done <- heraldUntil(ctx, "", "run", "--data", dir) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		select {
		case r := <-done:
			r.check(t, 0, "", "")
		case <-time.After(2 * time.Minute):
			t.Error("the node does not stop")
		}
	}
	t.Cleanup(stop)
	return stop
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(2*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// The data directory can come from the environment.
func TestDataFromEnvironment(t *testing.T) {
	dir := t.TempDir()
	var errs strings.Builder
	code := cli.Main(t.Context(), []string{"peers"}, cli.Env{
		In: strings.NewReader(""), Out: &errs, Err: &errs,
		Getenv: func(k string) string { return map[string]string{"HERALD_DATA": dir}[k] },
	})
	if code != 7 || !strings.Contains(errs.String(), dir) {
		t.Errorf("got exit code %d: %s", code, errs.String())
	}
}

func appendFile(t *testing.T, path, line string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(raw, line...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
