package ct

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var updateStates = flag.Bool("update-states", false, "write proto/states.json anew")

// proto/states.json is the State table: other implementations read it.
func TestStatesFile(t *testing.T) {
	type row struct {
		State    State  `json:"state"`
		Alpha2   string `json:"alpha2,omitempty"`
		Member   bool   `json:"member"`             // a State that can be a member of a network
		Answered State  `json:"answered,omitempty"` // the State that answers for the code
	}
	var rows []row
	for _, c := range Countries() {
		d := Delegation{State: c.State}
		r := row{State: c.State, Alpha2: c.Alpha2, Member: !d.Validate().Has("state", FaultMembership), Answered: MemberOf(c.State)}
		rows = append(rows, r)
	}
	built, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	built = append(built, '\n')
	path := filepath.Join("..", "..", "proto", "states.json")
	if *updateStates {
		if err := os.WriteFile(path, built, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, built) {
		t.Error("proto/states.json is not the State table; go test ./node/ct -run StatesFile -update-states")
	}
}
