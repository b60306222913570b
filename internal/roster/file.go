package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

const (
	genesisFormat  = "genesis 1"
	maxGenesisFile = 8 << 20
)

// genesisFile is the form in which a genesis is handed from founder to
// founder and kept. The body is what counts; the summary is for people and
// must say the same.
type genesisFile struct {
	Herald     string       `json:"herald"`
	Network    ct.NetworkID `json:"network"`
	Summary    summary      `json:"summary"`
	Body       []byte       `json:"body"`
	Signatures []signature  `json:"signatures"`
}

type signature struct {
	State       ct.State `json:"state"`
	Signature   []byte   `json:"signature"`
	Delegations [][]byte `json:"delegations"`
}

type summary struct {
	Name     string           `json:"name"`
	Exercise bool             `json:"exercise"`
	Created  string           `json:"created"`
	Policy   PolicySummary    `json:"policy"`
	Members  []founderSummary `json:"members"`
}

// PolicySummary is a policy as people read it.
type PolicySummary struct {
	MaxRetention  string `json:"max_retention"`
	RetractGrace  string `json:"retract_grace"`
	MatchPerHour  uint32 `json:"match_per_hour"`
	MatchPerDay   uint32 `json:"match_per_day"`
	MatchBurst    uint32 `json:"match_burst"`
	MaxNodes      uint32 `json:"max_nodes"`
	MaxDelegation string `json:"max_delegation"`
	LogBurst      uint64 `json:"log_burst"` // bytes
	LogRate       uint64 `json:"log_rate"`  // bytes a day
}

// Summary is the policy as people read it.
func (p Policy) Summary() PolicySummary {
	return PolicySummary{
		MaxRetention: p.MaxRetention.String(), RetractGrace: p.RetractGrace.String(),
		MatchPerHour: p.MatchPerHour, MatchPerDay: p.MatchPerDay, MatchBurst: p.MatchBurst,
		MaxNodes: p.MaxNodes, MaxDelegation: p.MaxDelegation.String(),
		LogBurst: p.LogBurst, LogRate: p.LogRate,
	}
}

type founderSummary struct {
	State ct.State      `json:"state"`
	Root  ct.LogID      `json:"root"`
	Nodes []nodeSummary `json:"nodes"`
}

type nodeSummary struct {
	Key   ct.LogID `json:"key"`
	Addrs []string `json:"addrs"`
}

// ParseGenesis reads a genesis file, signed by all, some or none of its
// founders, and verifies all that it holds.
func ParseGenesis(file []byte) (*Genesis, error) {
	var f genesisFile
	if err := decodeJSON(file, maxGenesisFile, genesisFormat, &f.Herald, &f); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	g, err := openGenesis(f.Body)
	if err != nil {
		return nil, err
	}
	if f.Network != g.network {
		return nil, fmt.Errorf("genesis: the file says network %s, its body is network %s", f.Network, g.network)
	}
	// Both were made by encodeJSON, so equal content is equal bytes.
	if !bytes.Equal(encodeJSON(f.Summary), encodeJSON(g.summary())) {
		return nil, errors.New("genesis: the summary does not say what the signed body says")
	}
	for _, s := range f.Signatures {
		i := slices.IndexFunc(g.body.Founders, func(x wire.Founder) bool { return x.State == s.State })
		if i < 0 {
			return nil, errors.New("genesis: a signature of a State that is no founder")
		}
		if _, ok := g.signed[s.State]; ok {
			return nil, fmt.Errorf("genesis: two signatures of %s", s.State)
		}
		g.signed[s.State] = consent{sig: s.Signature, delegations: s.Delegations}
		if err := g.verifyConsent(&g.body.Founders[i]); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Encode is the genesis as a file.
func (g *Genesis) Encode() []byte {
	f := genesisFile{
		Herald: genesisFormat, Network: g.network, Summary: g.summary(), Body: g.raw, Signatures: []signature{},
	}
	for _, x := range g.body.Founders {
		if c, ok := g.signed[x.State]; ok {
			f.Signatures = append(f.Signatures, signature{State: x.State, Signature: c.sig, Delegations: c.delegations})
		}
	}
	return encodeJSON(f)
}

func (g *Genesis) summary() summary {
	s := summary{
		Name: g.body.Name, Exercise: g.body.Exercise, Created: g.body.Created.String(),
		Policy: g.Policy().Summary(),
	}
	for _, f := range g.body.Founders {
		m := founderSummary{State: f.State, Root: f.Root}
		for _, n := range f.Nodes {
			m.Nodes = append(m.Nodes, nodeSummary{Key: n.Key, Addrs: append([]string{}, n.Addrs...)})
		}
		s.Members = append(s.Members, m)
	}
	return s
}

// encodeJSON writes what decodeJSON reads. The types here always encode.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil
	}
	return b.Bytes()
}

// decodeJSON reads a file of ours strictly: one object, no unknown or repeated
// field, nothing after it, and the format that got points at.
func decodeJSON(file []byte, limit int, format string, got *string, v any) error {
	if len(file) > limit {
		return fmt.Errorf("file of %d bytes, at most %d", len(file), limit)
	}
	if err := repeated(file); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("not a herald %s file: %w", format, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more after the end of the JSON object")
	}
	if *got != format {
		return fmt.Errorf("not a herald %s file: its field \"herald\" says otherwise", format)
	}
	return nil
}

// repeated refuses an object that has a key twice, or a key that is not plain
// lower case: encoding/json takes the last one and any case, a person reading
// the file may see the first.
func repeated(file []byte) error {
	const depth = 8
	type level struct {
		keys  map[string]bool // nil: an array
		value bool            // the next token of an object is a value
	}
	var stack []level
	d := json.NewDecoder(bytes.NewReader(file))
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		top := len(stack) - 1
		if key, ok := t.(string); ok && top >= 0 && stack[top].keys != nil && !stack[top].value {
			if stack[top].keys[key] || !plain(key) {
				return fmt.Errorf("a key is given twice or not in plain lower case, before byte %d", d.InputOffset())
			}
			stack[top].keys[key], stack[top].value = true, true
			continue
		}
		switch t {
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			continue
		}
		if top >= 0 {
			stack[top].value = false
		}
		switch t {
		case json.Delim('{'):
			stack = append(stack, level{keys: make(map[string]bool)})
		case json.Delim('['):
			stack = append(stack, level{})
		}
		if len(stack) > depth {
			return errors.New("nested too deeply")
		}
	}
}

func plain(key string) bool {
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return true
}
