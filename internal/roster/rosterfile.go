package roster

import (
	"encoding/json"
	"errors"
	"fmt"
)

const (
	rosterFormat  = "roster 1"
	maxRosterFile = 64 << 20 // bytes; a delegation is some 500
)

// rosterFile is the roster in a form that travels: all that decides who may
// speak, with every signature, so that it verifies without a network. It is
// carried to where a root key lies, and back with what that key has signed.
type rosterFile struct {
	Herald  string          `json:"herald"`
	Genesis json.RawMessage `json:"genesis"` // the genesis file
	Records [][]byte        `json:"records"` // of root logs, after the founding; each log in order
}

// EncodeFile is a roster file of a genesis and the records of root logs that
// follow its own.
func EncodeFile(g *Genesis, records [][]byte) []byte {
	if records == nil {
		records = [][]byte{}
	}
	return encodeJSON(rosterFile{rosterFormat, json.RawMessage(g.Encode()), records})
}

// ParseFile reads a roster file. It verifies the genesis; the records are for
// verify and Apply to judge. A genesis file is a roster file without records.
func ParseFile(file []byte) (*Genesis, [][]byte, error) {
	var kind struct {
		Herald string `json:"herald"`
	}
	if len(file) > maxRosterFile {
		return nil, nil, fmt.Errorf("roster: file of %d bytes, at most %d", len(file), maxRosterFile)
	}
	if err := json.Unmarshal(file, &kind); err != nil {
		return nil, nil, errors.New("roster: not JSON")
	}
	if kind.Herald == genesisFormat {
		g, err := ParseGenesis(file)
		return g, nil, err
	}
	var f rosterFile
	if err := decodeJSON(file, maxRosterFile, rosterFormat, &f.Herald, &f); err != nil {
		return nil, nil, fmt.Errorf("roster: %w", err)
	}
	g, err := ParseGenesis(f.Genesis)
	return g, f.Records, err
}
