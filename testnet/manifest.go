package testnet

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

//go:embed networks/*.toml
var networks embed.FS

// MaxNodes bounds a testnet.
const MaxNodes = 50

// Manifest describes a network to start: a file of networks/.
type Manifest struct {
	Name   string         `toml:"name"`
	States []ct.State     `toml:"states"` // one node each, in this order
	Policy ManifestPolicy `toml:"policy"`
}

// ManifestPolicy holds what differs from the default policy; zero: no difference.
type ManifestPolicy struct {
	MatchPerHour uint32        `toml:"match_per_hour"`
	MatchPerDay  uint32        `toml:"match_per_day"`
	MatchBurst   uint32        `toml:"match_burst"`
	RetractGrace time.Duration `toml:"retract_grace"`
}

// LoadManifest reads an embedded manifest by name.
func LoadManifest(name string) (Manifest, error) {
	var m Manifest
	raw, err := networks.ReadFile("networks/" + name + ".toml")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return m, fmt.Errorf("manifest %q is not one of %s", name, strings.Join(Manifests(), ", "))
	} else if err != nil {
		return m, fmt.Errorf("manifest %q: %w", name, err)
	}
	meta, err := toml.Decode(string(raw), &m)
	if err != nil {
		return m, fmt.Errorf("manifest %q: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return m, fmt.Errorf("manifest %q: unknown key %s", name, unknown[0])
	}
	return m, m.validate()
}

// Manifests lists the names of the embedded manifests.
func Manifests() []string {
	entries, err := networks.ReadDir("networks")
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return out
}

func (m Manifest) validate() error {
	if len(m.States) == 0 || len(m.States) > MaxNodes {
		return fmt.Errorf("manifest %q: %d States, want 1 to %d", m.Name, len(m.States), MaxNodes)
	}
	for i, s := range m.States {
		if !ct.ValidState(s) {
			return fmt.Errorf("manifest %q: %q is no State", m.Name, s)
		}
		if slices.Contains(m.States[:i], s) {
			return fmt.Errorf("manifest %q: %s stands twice", m.Name, s)
		}
	}
	return nil
}

// policy is the default policy with the manifest's differences.
func (m Manifest) policy() roster.Policy {
	p := roster.DefaultPolicy()
	p.LogBurst = 1 << 40 // a test network writes a year within an hour
	if m.Policy.MatchPerHour > 0 {
		p.MatchPerHour = m.Policy.MatchPerHour
	}
	if m.Policy.MatchPerDay > 0 {
		p.MatchPerDay = m.Policy.MatchPerDay
	}
	if m.Policy.MatchBurst > 0 {
		p.MatchBurst = m.Policy.MatchBurst
	}
	if m.Policy.RetractGrace > 0 {
		p.RetractGrace = m.Policy.RetractGrace
	}
	return p
}
