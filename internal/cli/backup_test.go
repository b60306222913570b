package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/backup"
)

// TestBackupAndRestore backs a running node up and then a stopped one, loses
// it, and has its restored copy go on, by commands alone.
func TestBackupAndRestore(t *testing.T) {
	root := t.TempDir()
	dir, genesis := filepath.Join(root, "n"), filepath.Join(root, "genesis.json")
	key, hot := filepath.Join(root, "keys", "backup.key"), filepath.Join(root, "hot.backup")
	if err := os.Mkdir(filepath.Dir(key), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--state", "UTO", "--listen", "/ip4/127.0.0.1/tcp/0", "--data", dir},
		{"network", "genesis", "--name", "drill", "--exercise", "--out", genesis, filepath.Join(dir, "request.json")},
		{"network", "sign", genesis, "--data", dir},
		{"network", "join", genesis, "--data", dir},
	} {
		herald(t, "", args...).check(t, 0, "", "")
	}
	stop := startNode(t, dir)
	herald(t, "", "status", "--wait", "ready", "--timeout", "2m", "--data", dir).check(t, 0, "EXERCISE", "")
	id := herald(t, exampleJSON(t, 5), "publish", "-f", "-", "--data", dir).lines(t)[0]["id"].(string)
	old := key + ".2020-01"
	if err := os.WriteFile(old, []byte("an old generation"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := herald(t, "", "store", "backup", "--key", key, "--out", hot, "--json", "--data", dir)
	l.check(t, 0, `"state":"UTO"`, "made the key "+key)
	if r := l.lines(t)[0]; r["records"].(float64) < 2 {
		t.Errorf("backup: %v", r)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the key of a generation that is over stays")
	}
	herald(t, "", "store", "backup", "--key", key, "--out", hot, "--data", dir).check(t, 6, "", "not overwritten")
	herald(t, "", "store", "compact", "--data", dir).check(t, 6, "", "in use")
	stop()
	cold := filepath.Join(root, "cold.backup")
	herald(t, "", "store", "backup", "--key", key, "--out", cold, "--data", dir).check(t, 0, "all examined", "")
	herald(t, "", "store", "compact", "--data", dir).check(t, 0, "body.db", "")
	if left, _ := filepath.Glob(filepath.Join(root, "*.partial*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}

	herald(t, "", "store", "restore", "--key", key, hot, "--data", dir).check(t, 6, "", "not empty")
	again := filepath.Join(root, "again")
	herald(t, "", "store", "restore", "--key", key, hot, "--data", again).check(t, 0, "0 bodies erased", "")
	if _, err := os.Stat(filepath.Join(again, "root.key")); err == nil {
		t.Error("the root key was in the backup")
	}
	stop = startNode(t, again)
	herald(t, "", "status", "--wait", "ready", "--timeout", "2m", "--data", again).check(t, 0, "EXERCISE", "")
	herald(t, "", "get", id[:12], "--data", again).check(t, 0, "person.names[0]", "")
	herald(t, exampleJSON(t, 6), "publish", "-f", "-", "--data", again).check(t, 0, `"seq":`, "")
	stop()
	herald(t, "", "store", "check", "--data", again).check(t, 0, "records", "")
	herald(t, "", "journal", "verify", "--data", again).check(t, 0, "all in order", "")

	// Without its generation's key the backup stays shut.
	gen := key + "." + backup.Generation(time.Now())
	if err := os.Remove(gen); err != nil {
		t.Fatal(err)
	}
	r := herald(t, "", "store", "restore", "--key", key, hot, "--data", filepath.Join(root, "third"))
	r.check(t, 1, "", "generation")
	if strings.Count(r.err, "\n") != 1 {
		t.Errorf("not one line: %q", r.err)
	}
}
