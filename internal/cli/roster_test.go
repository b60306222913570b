package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A State's root key, by commands alone and with real nodes: it renews and
// closes a node's log on a roster file, without a network; any member's node
// takes the file; a further node of the State is named and joins.
func TestRosterCommands(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	genesis := at("genesis.json")
	for _, x := range [][]string{
		{"init", "--state", "UTO", "--listen", "/ip4/127.0.0.1/tcp/0", "--data", at("n1")},
		{"init", "--state", "NOR", "--listen", "/ip4/127.0.0.1/tcp/0", "--data", at("n2")},
		{"network", "genesis", "--name", "drill", "--exercise", "--out", genesis, at("n1/request.json"), at("n2/request.json")},
		{"network", "sign", genesis, "--data", at("n1")},
		{"network", "sign", genesis, "--data", at("n2")},
		{"network", "join", genesis, "--data", at("n1")},
	} {
		herald(t, "", x...).check(t, 0, "", "")
	}
	stop1 := startNode(t, at("n1"))
	defer stop1()
	var addr, key1 string
	waitFor(t, "n1 answers", func() bool {
		r := herald(t, "", "status", "--json", "--data", at("n1"))
		if r.code == 0 {
			l := r.lines(t)[0]
			addr, key1 = l["addrs"].([]any)[0].(string), l["node"].(string)
		}
		return r.code == 0
	})
	herald(t, "", "network", "join", genesis, "--peer", addr, "--data", at("n2")).check(t, 0, "", "")
	stop2 := startNode(t, at("n2"))
	defer stop2()
	for _, n := range []string{"n1", "n2"} {
		herald(t, "", "status", "--wait", "ready", "--timeout", "2m", "--data", at(n)).check(t, 0, "", "")
	}
	publish := func(seed uint64) (id, seq string) {
		r := herald(t, exampleJSON(t, seed), "publish", "-f", "-", "--data", at("n1"))
		r.check(t, 0, `"seq":`, "")
		l := r.lines(t)[0]
		return l["id"].(string), strings.TrimSuffix(strings.SplitAfter(r.out, `"seq":`)[1], "}\n")
	}
	good, seq := publish(5)
	bad, _ := publish(8)
	waitFor(t, "n2 has both", func() bool { return herald(t, "", "get", bad, "--data", at("n2")).code == 0 })

	// Offline: export, sign twice, submit.
	file, stale, rootKey := at("roster.json"), at("stale.json"), at("n1/root.key")
	herald(t, "", "roster", "export", file, "--data", at("n2")).check(t, 0, "", "")
	herald(t, "", "roster", "export", stale, "--data", at("n2")).check(t, 0, "", "")
	herald(t, "", "roster", "verify", file).check(t, 0, "2 members, 2 nodes, 2 records", "")
	herald(t, "", "roster", "show", file).check(t, 0, key1, "")
	sign := func(code int, inErr string, args ...string) {
		t.Helper()
		herald(t, "", append(args, "--root-key", rootKey, "--roster", file)...).check(t, code, "", inErr)
	}
	later := time.Now().Add((399*24 + 12) * time.Hour).UTC().Format(time.RFC3339)
	sign(0, "", "roster", "renew", key1, "--until", later)
	sign(1, "does not end before", "roster", "renew", key1, "--until", "2020-01-01")
	sign(2, "no node key begins", "roster", "close", "ffffffffffff", "--at", "1", "--id", good, "--reason", "lost")
	sign(2, "--id is missing", "roster", "close", key1, "--at", seq, "--reason", "compromised")
	sign(2, "reason", "roster", "close", key1, "--at", seq, "--id", good, "--reason", "regret")
	sign(0, "", "roster", "close", key1[:12], "--at", seq, "--id", good, "--reason", "compromised", "--since", "2026-01-01")
	sign(1, "only a closing at a lower record", "roster", "close", key1, "--at", seq, "--id", good, "--reason", "compromised")
	herald(t, "", "roster", "renew", key1, "--until", later, "--root-key", rootKey, "--roster", stale).check(t, 6, "", "signed a later record")
	herald(t, "", "roster", "verify", file).check(t, 0, "4 records", "")
	altered, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.LastIndex(string(altered), `"`) - 20
	altered[i] ^= 1
	if err := os.WriteFile(at("altered.json"), altered, 0o600); err != nil {
		t.Fatal(err)
	}
	herald(t, "", "roster", "verify", at("altered.json")).check(t, 2, "", "")

	herald(t, "", "roster", "submit", file, "--data", at("n2")).check(t, 0, "record 3 of root log", "")
	herald(t, "", "roster", "submit", file, "--data", at("n2")).check(t, 0, "record 3 of root log", "")
	waitFor(t, "n2 has closed the log", func() bool {
		return strings.Contains(herald(t, "", "roster", "show", "--json", "--data", at("n2")).out, `"closed_at":`+seq)
	})
	waitFor(t, "what came after is disowned", func() bool {
		return strings.Contains(herald(t, "", "get", bad, "--data", at("n2")).out, "disowned")
	})
	herald(t, "", "get", good, "--json", "--data", at("n2")).check(t, 0, `"readable":true`, "")
	defer func() {
		if t.Failed() {
			t.Logf("n1: %s", herald(t, "", "status", "--json", "--data", at("n1")).out)
			t.Logf("n1: %s", herald(t, "", "roster", "show", "--data", at("n1")).out)
			t.Logf("n2: %s", herald(t, "", "peers", "--json", "--data", at("n2")).out)
		}
	}()
	waitFor(t, "n1 knows", func() bool {
		return strings.Contains(herald(t, "", "status", "--data", at("n1")).out, "closed: UTO has closed")
	})
	herald(t, exampleJSON(t, 6), "publish", "-f", "-", "--data", at("n1")).check(t, 4, "", "closed: UTO has closed")

	// A new node in its place, with the root key at hand.
	herald(t, "", "init", "--state", "UTO", "--root-key", rootKey, "--listen", "/ip4/127.0.0.1/tcp/0", "--data", at("n3")).check(t, 0, "", "")
	herald(t, "", "network", "join", file, "--data", at("n3")).check(t, 4, "", "does not name")
	herald(t, "", "roster", "delegate", at("n3/request.json"), "--root-key", rootKey, "--data", at("n2")).check(t, 0, "record 4 of root log", "")
	herald(t, "", "roster", "export", file, "--data", at("n2")).check(t, 0, "", "")
	peer := herald(t, "", "status", "--json", "--data", at("n2")).lines(t)[0]["addrs"].([]any)[0].(string)
	herald(t, "", "network", "join", file, "--peer", peer, "--data", at("n3")).check(t, 0, "UTO", "")
	stop3 := sync.OnceFunc(startNode(t, at("n3")))
	defer stop3()
	herald(t, "", "status", "--wait", "ready", "--timeout", "2m", "--data", at("n3")).check(t, 0, "", "")
	r := herald(t, exampleJSON(t, 7), "publish", "-f", "-", "--data", at("n3"))
	r.check(t, 0, `"seq":`, "")
	id := r.lines(t)[0]["id"].(string)
	waitFor(t, "n2 has it", func() bool { return herald(t, "", "get", id, "--data", at("n2")).code == 0 })
	waitFor(t, "n3 has the closed log", func() bool { return herald(t, "", "get", good, "--data", at("n3")).code == 0 })
	herald(t, "", "get", bad, "--data", at("n3")).check(t, 5, "", "")

	// The normal end of a key, with a new node in its place. The node that is
	// asked knows where the old log ends, and refuses what is mistyped.
	key3 := herald(t, "", "status", "--json", "--data", at("n3")).lines(t)[0]["node"].(string)
	herald(t, "", "roster", "close", key3, "--at", "9", "--id", good, "--reason", "error", "--root-key", rootKey, "--data", at("n2")).check(t, 6, "", "is record "+seq)
	herald(t, "", "roster", "close", key3, "--at", "9", "--id", strings.Repeat("ab", 32), "--reason", "error", "--root-key", rootKey, "--data", at("n2")).check(t, 6, "", "does not hold the record")
	stop3()
	herald(t, "", "init", "--state", "UTO", "--root-key", rootKey, "--listen", "/ip4/127.0.0.1/tcp/0", "--data", at("n4")).check(t, 0, "", "")
	herald(t, "", "roster", "delegate", at("n4/request.json"), "--replaces", key3, "--root-key", rootKey, "--roster", file).check(t, 2, "", "does not say how far a log goes")
	herald(t, "", "roster", "delegate", at("n4/request.json"), "--replaces", key3, "--root-key", rootKey, "--data", at("n2")).check(t, 0, "record 6 of root log", "")
	waitFor(t, "the old log is retired at its end", func() bool {
		for _, l := range herald(t, "", "roster", "show", "--json", "--data", at("n2")).lines(t) {
			if l["node"] == key3 {
				return l["closed_reason"] == "retired" && l["closed_at"] == l["held"] && l["closed_id"] == l["held_id"]
			}
		}
		return false
	})
	herald(t, "", "get", id, "--json", "--data", at("n2")).check(t, 0, `"readable":true`, "")
	herald(t, "", "roster", "show", "--data", at("n2")).check(t, 0, "HELD TO", "")
	herald(t, "", "status", "--data", at("n2")).check(t, 0, "delegated", "")
	// A closing at a number that nobody has is an alarm, until a lower one comes.
	key4 := ""
	for _, l := range herald(t, "", "roster", "show", "--json", "--data", at("n2")).lines(t) {
		if l["state"] == "UTO" && l["closed_at"] == nil {
			key4 = l["node"].(string)
		}
	}
	herald(t, "", "roster", "close", key4, "--at", "77", "--id", strings.Repeat("ab", 32), "--reason", "error", "--unseen", "--root-key", rootKey, "--data", at("n2")).
		check(t, 0, "record 7 of root log", "held here to record 0 of 77")
	waitFor(t, "the alarm", func() bool {
		return strings.Contains(herald(t, "", "status", "--data", at("n2")).out, "the end of what UTO has closed is not held here")
	})
	herald(t, "", "roster", "close", key4, "--at", "0", "--reason", "error", "--root-key", rootKey, "--data", at("n2")).check(t, 0, "record 8 of root log", "")
	waitFor(t, "no alarm", func() bool {
		return !strings.Contains(herald(t, "", "status", "--data", at("n2")).out, "the end of what UTO has closed")
	})
}
