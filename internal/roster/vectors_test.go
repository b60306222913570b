package roster_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/herald-net/herald/internal/roster"
)

var update = flag.Bool("update", false, "write proto/vectors/files.json anew")

// fileVector is a file of the founding or of the roster.
type fileVector struct {
	Name  string `json:"name"`
	Type  string `json:"type"` // request, genesis or roster
	Sound bool   `json:"sound"`
	File  string `json:"file"` // base64: what is refused may be no text
}

// badRosters are roster files that are refused.
func badRosters(t *testing.T) []fileCase {
	good := roster.EncodeFile(signed(t), [][]byte{{1}})
	return []fileCase{
		{"empty", nil, "not JSON"},
		{"a request", request(t, "UTO", 1).Encode(), "not a herald roster 1 file"},
		{"other format", edit(t, good, "roster 2", "herald"), "says otherwise"},
		{"unknown field", edit(t, good, 1, "extra"), "unknown field"},
		{"unknown field in the genesis", edit(t, good, 1, "genesis", "extra"), "unknown field"},
		{"genesis of another network", edit(t, good, "00", "genesis", "network"), "network"},
		{"genesis not signed", edit(t, good, "", "genesis", "signatures", 0, "signature"), "not its root key's"},
		{"a record that is not base64", edit(t, good, "*", "records", 0), ""},
		{"two objects", append(bytes.Clone(good), good...), "not JSON"},
	}
}

// The files that other implementations are held to are those that the tests of
// this package refuse, and good ones beside them.
func TestFileVectors(t *testing.T) {
	var built []fileVector
	add := func(typ, name string, sound bool, file []byte) {
		if len(file) < 64<<10 {
			built = append(built, fileVector{name, typ, sound, base64.StdEncoding.EncodeToString(file)})
		}
	}
	add("request", "a request", true, request(t, "UTO", 1).Encode())
	for _, x := range badRequests(t) {
		add("request", x.name, false, x.file)
	}
	add("genesis", "a genesis", true, signed(t).Encode())
	for _, x := range badGenesis(t) {
		add("genesis", x.name, false, x.file)
	}
	add("roster", "a genesis is a roster without records", true, signed(t).Encode())
	add("roster", "a roster without records", true, roster.EncodeFile(signed(t), nil))
	add("roster", "a roster with what cannot be applied", true, roster.EncodeFile(signed(t), [][]byte{{1}}))
	for _, x := range badRosters(t) {
		add("roster", x.name, false, x.file)
	}
	want, err := json.MarshalIndent(built, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "proto", "vectors", "files.json")
	if *update {
		if err := os.WriteFile(path, append(want, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(bytes.TrimSpace(got), want) {
		t.Errorf("files.json is not what this test builds: go test ./internal/roster -run TestFileVectors -update (%v)", err)
	}
	for _, x := range built {
		file, err := base64.StdEncoding.DecodeString(x.File)
		if err != nil {
			t.Fatal(err)
		}
		switch x.Type {
		case "request":
			_, err = roster.ParseRequest(file)
		case "genesis":
			_, err = roster.ParseGenesis(file)
		default:
			_, _, err = roster.ParseFile(file)
		}
		if (err == nil) != x.Sound {
			t.Errorf("%s: %s: %v", x.Type, x.Name, err)
		}
	}
}
