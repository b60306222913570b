package cli_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// The auditor reads what the node sealed and nobody else does; an erased
// subject is gone for him too.
func TestJournalOfAnAuditor(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "auditor.key")
	herald(t, "", "journal", "auditor", secret).check(t, 0, "auditor.key.pub", "")
	herald(t, "", "journal", "auditor", secret).check(t, 1, "", "never overwritten")
	other := filepath.Join(dir, "other.key")
	herald(t, "", "journal", "auditor", other).check(t, 0, "", "")
	public, err := keys.LoadAuditorPublic(secret + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	s := newJournalStore(t)
	j, err := journal.OpenFor(s.Local(), keys.Storage{2}, public)
	if err != nil {
		t.Fatal(err)
	}
	for i, subject := range []string{`{"names":["Canary Vorn"]}`, "", "Canary reason"} {
		if _, err := j.Append(journal.Entry{Act: journal.ActMatchAsk, Actor: fmt.Sprint("desk-", i), Case: "C-1", Subject: []byte(subject)}); err != nil {
			t.Fatal(err)
		}
	}
	data := backend(t, api.Backend{
		JournalRead:  j.Read,
		JournalErase: func(seq uint64, by, reason string) error { return j.EraseSubject(seq, by, reason) },
	})
	r := herald(t, "", "journal", "read", "--data", data)
	r.check(t, 0, `by="desk-0"`, "")
	if strings.Contains(r.out, "Canary") || strings.Count(r.out, "subject=sealed") != 2 {
		t.Errorf("without a key: %s", r.out)
	}
	r = herald(t, "", "journal", "read", "--data", data, "--auditor-key", other)
	r.check(t, 4, "", "2 subjects are sealed to another key")
	if strings.Contains(r.out, "Canary") {
		t.Errorf("another key opens it: %s", r.out)
	}
	r = herald(t, "", "journal", "read", "--data", data, "--auditor-key", secret, "--json")
	r.check(t, 0, `"subject":{"names":["Canary Vorn"]}`, "")
	l := r.lines(t)
	if len(l) != 3 || l[0]["kept"] != "shown" || l[1]["kept"] != "none" || l[2]["subject"] != "Canary reason" {
		t.Errorf("the auditor reads: %v", l)
	}
	herald(t, "", "journal", "read", "--data", data, "--auditor-key", secret+".pub").check(t, 2, "", "auditor.key.pub")
	herald(t, "", "journal", "erase", "1", "--data", data).check(t, 2, "", "reason")
	herald(t, "", "journal", "erase", "x", "--reason", "r", "--data", data).check(t, 2, "", "no number")
	herald(t, "", "journal", "erase", "1", "--reason", "court order", "--operator", "officer-3", "--data", data).check(t, 0, "entry 1 is erased", "")
	herald(t, "", "journal", "erase", "1", "--reason", "court order", "--data", data).check(t, 5, "", "entry 1 keeps no subject")
	l = herald(t, "", "journal", "read", "--data", data, "--auditor-key", secret, "--json", "--after", "0").lines(t)
	if len(l) != 4 || l[0]["kept"] != "gone" || l[0]["subject"] != nil || l[3]["of"] != 1.0 || !strings.HasPrefix(fmt.Sprint(l[3]["actor"]), "officer-3") || l[3]["subject"] != "court order" {
		t.Errorf("after erasing: %v", l)
	}
}

func newJournalStore(t *testing.T) *store.Store {
	t.Helper()
	cfg := store.Config{Dir: t.TempDir(), Key: keys.Storage{1}, Network: ct.NetworkID{3}}
	if err := store.Create(cfg); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// What `journal heads` prints at the peers is what `journal verify` takes.
func TestJournalHeads(t *testing.T) {
	j, err := journal.Open(newJournalStore(t).Local(), keys.Storage{2})
	if err != nil {
		t.Fatal(err)
	}
	me, other := ct.LogID{1}, ct.LogID{2}
	var heads [][32]byte
	for range 5 {
		e, err := j.Append(journal.Entry{Act: journal.ActMatchAsk})
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, e.Hash)
	}
	remembered := []api.JournalHead{
		{State: "UTO", Node: me, Entries: 3, Head: heads[2], Told: 1_700_000_000_000},
		{State: "FJI", Node: other, Entries: 900, Head: [32]byte{9}},
	}
	var accepted []ct.LogID
	data := backend(t, api.Backend{
		JournalHeads: func() []api.JournalHead { return remembered },
		JournalAccept: func(n ct.LogID, by, _ string) error {
			if !strings.HasPrefix(by, "officer-3") {
				t.Errorf("accepted by %q", by)
			}
			accepted = append(accepted, n)
			return nil
		},
		JournalVerify: func(heads []api.JournalHead) (api.JournalState, error) {
			return node.VerifyJournal(j, node.ToldOf(me, heads))
		},
	})
	file := func() string {
		path := filepath.Join(t.TempDir(), "heads.jsonl")
		r := herald(t, "", "journal", "heads", "--data", data, "--json")
		r.check(t, 0, "", "")
		if err := os.WriteFile(path, []byte(r.out), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	defer func() { // the oldest entries go, and a checkpoint stands for them
		const at = 1 << 50
		must := func(ok bool, v any) {
			if t.Helper(); !ok {
				t.Fatalf("verify of a cut journal: %v", v)
			}
		}
		n, err := j.Cut(at)
		must(err == nil && n == 4, err)
		seq, hash, err := j.Checkpoint()
		must(err == nil && seq == 4, err)
		herald(t, "", "journal", "verify", "--data", data).check(t, 0, fmt.Sprintf("checkpoint 4, %x: the entries up to it were removed", hash), "")
		l := herald(t, "", "journal", "verify", "--data", data, "--json").lines(t)
		must(l[0]["checkpoint"] == 4.0 && l[0]["checkpoint_hash"] == hex.EncodeToString(hash[:]), l)
	}()
	good := file()
	if l := herald(t, "", "journal", "verify", "--data", data, "--json").lines(t); l[0]["checkpoint"] != nil {
		t.Errorf("a journal that was never cut: %v", l)
	}
	herald(t, "", "journal", "heads", "--data", data).check(t, 0, "900", "")
	herald(t, "", "journal", "verify", "--data", data).check(t, 0, "5 entries, all in order", "")
	herald(t, "", "journal", "verify", "--data", data, "--heads", good).check(t, 0, "1 heads that others remember lie on it", "")
	if l := herald(t, "", "journal", "verify", "--data", data, "--heads", good, "--heads", good, "--json").lines(t); l[0]["fitting"] != 2.0 {
		t.Errorf("verify: %v", l)
	}
	remembered[0].Head = heads[1]
	herald(t, "", "journal", "verify", "--data", data, "--heads", file()).check(t, 1, "", "entry 3 is not the one that a peer was told of")
	remembered[0].Head, remembered[0].Alarm, remembered[0].WasEntries, remembered[0].WasHead = heads[2], true, 8, [32]byte{8}
	herald(t, "", "journal", "verify", "--data", data, "--heads", file()).check(t, 1, "", "told of 8 entries, there are 5")
	herald(t, "", "journal", "heads", "--data", data).check(t, 0, "had told of 8 entries", "")
	remembered = remembered[1:]
	herald(t, "", "journal", "verify", "--data", data, "--heads", file()).check(t, 2, "", "none of the heads given is of this node")
	for _, bad := range []string{`{"node":"xx"}`, "nonsense", `{"node":1}`, ""} {
		herald(t, bad, "journal", "verify", "--data", data, "--heads", "-").check(t, 2, "", "stdin")
	}
	herald(t, "", "journal", "accept", other.String(), "--data", data).check(t, 2, "", "reason")
	herald(t, "", "journal", "accept", "UTO", "--reason", "r", "--data", data).check(t, 2, "", "no node")
	herald(t, "", "journal", "accept", other.String(), "--reason", "restored after a fire", "--operator", "officer-3", "--data", data).check(t, 0, "as it is now", "")
	if !slices.Equal(accepted, []ct.LogID{other}) {
		t.Errorf("accepted: %v", accepted)
	}
}
