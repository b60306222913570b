package cli_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/feed"
)

const vectors = "../../proto/vectors"

func goldenRecord(t *testing.T) (id string, raw []byte) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(vectors, "records.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Name, ID, Bytes, Network string }
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	raw, err = hex.DecodeString(all[0].Bytes)
	if err != nil || all[0].Network != "exercise" {
		t.Fatalf("first vector: %v, network %s", err, all[0].Network)
	}
	return all[0].ID, raw
}

func TestInspectRecord(t *testing.T) {
	id, raw := goldenRecord(t)
	genesis := filepath.Join(vectors, "genesis-exercise.json")
	for name, form := range map[string]string{
		"bytes": string(raw), "hex": hex.EncodeToString(raw) + "\n", "base64": base64.StdEncoding.EncodeToString(raw),
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, form)
			r := herald(t, "", "inspect", path, "--genesis", genesis, "--json")
			l := r.lines(t)
			if r.code != 0 || len(l) != 1 || l[0]["id"] != id || l[0]["state"] != "UTO" {
				t.Fatalf("got %+v, want id %s", r, id)
			}
			for _, c := range l[0]["checks"].([]any) {
				if c.(map[string]any)["outcome"] != "pass" {
					t.Errorf("check: got %v", c)
				}
			}
			herald(t, form, "inspect", "-").check(t, 0, "no network id is known", "")
		})
	}
	// Why content is not shown is said in words, with the field, in both forms.
	invalid := []string{"inspect", filepath.Join(vectors, "records.json"), "--genesis", genesis, "--vector", "no legal basis"}
	herald(t, "", invalid...).check(t, 1, "assessment.legal_basis: missing", "")
	if l := herald(t, "", append(invalid, "--json")...).lines(t); !strings.Contains(fmt.Sprint(l[0]), "assessment.legal_basis") {
		t.Errorf("as JSON: %v", l[0])
	}
	raw[len(raw)/2] ^= 1
	herald(t, string(raw), "inspect", "-", "--genesis", genesis).check(t, 1, "fail", "1 of 1 records fail a check")
	herald(t, "not a record", "inspect", "-").check(t, 1, "not-a-record", "")
	herald(t, strings.Repeat("A", 1<<20), "inspect", "-").check(t, 1, "too-large", "")
}

func TestInspectVectors(t *testing.T) {
	genesis := filepath.Join(vectors, "genesis-exercise.json")
	id, _ := goldenRecord(t)
	r := herald(t, "", "inspect", filepath.Join(vectors, "records.json"), "--genesis", genesis, "--json")
	if l := r.lines(t); len(l) < 10 || l[0]["id"] != id || l[0]["name"] == "" {
		t.Errorf("records: got %d lines", len(l))
	}
	r = herald(t, "", "inspect", filepath.Join(vectors, "records.json"), "--genesis", genesis, "--vector", "notification on travel")
	r.check(t, 0, id, "")
	herald(t, "", "inspect", filepath.Join(vectors, "records.json"), "--vector", "nosuch").check(t, 5, "", "no vector")
	herald(t, `{"name":"x"}`, "inspect", "-").check(t, 2, "", "stdin:1:1: not a vector")
	herald(t, `[{"bytes":"zz"}]`, "inspect", "-").check(t, 2, "", "not hexadecimal")
}

func TestInspectGenesis(t *testing.T) {
	path := filepath.Join(vectors, "genesis-exercise.json")
	herald(t, "", "inspect", path).check(t, 0, "UTO", "")
	l := herald(t, "", "inspect", path, "--json").lines(t)
	if len(l) != 1 || l[0]["exercise"] != true || len(l[0]["members"].([]any)) < 2 || len(l[0]["missing"].([]any)) != 0 {
		t.Errorf("got %v", l)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(file), `"signature": "`) + len(`"signature": "`)
	forged := string(file[:i]) + "AAAA" + string(file[i+4:])
	if r := herald(t, forged, "inspect", "-"); r.code != 1 {
		t.Errorf("a forged signature: got exit code %d: %s", r.code, r.err)
	}
}

func TestInspectByID(t *testing.T) {
	id, raw := goldenRecord(t)
	dir := backend(t, api.Backend{Record: func(prefix string) ([]byte, error) {
		if !strings.HasPrefix(id, prefix) {
			return nil, feed.ErrNotFound
		}
		return raw, nil
	}})
	genesis := filepath.Join(vectors, "genesis-exercise.json")
	herald(t, "", "inspect", id[:8], "--data", dir, "--genesis", genesis).check(t, 0, id, "")
	herald(t, "", "inspect", "abcdef012345", "--data", dir).check(t, 5, "", "herald: inspect: ")
	herald(t, "", "inspect", id[:8]).check(t, 2, "", "--data")
	herald(t, "", "inspect", "no/such/file").check(t, 2, "", "no such file")
}
