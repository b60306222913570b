// Package datadir prepares and reads the directory of one node: keys, join
// request, herald.toml and the genesis of its network. It opens no store and
// starts nothing.
package datadir

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// Config is herald.toml. Field by field it is node.Config; what only the
// command line needs is the log level.
type Config struct {
	State          string   `toml:"state"`             // the State whose node this is
	Listen         []string `toml:"listen"`            // multiaddrs to listen on
	Announce       []string `toml:"announce"`          // multiaddrs told to others; empty: the ones listened on
	Peers          []string `toml:"peers"`             // multiaddrs to dial first
	Private        bool     `toml:"private_addresses"` // members have private addresses, and others may name them
	Metrics        string   `toml:"metrics"`           // loopback host:port of /metrics, /healthz, /readyz; empty: none
	StorageKeyFile string   `toml:"storage_key_file"`  // relative to the data directory
	AuditorKeyFile string   `toml:"auditor_key_file"`  // public half; relative to the data directory; empty: none
	Topics         []string `toml:"topics"`            // whose bodies are kept; empty: all
	MaxSize        int64    `toml:"max_size"`          // bytes of each database file; 0: the disk bounds it
	Ballast        int64    `toml:"ballast"`           // bytes kept free for erasing on a full disk; 0: none
	JournalKept    string   `toml:"journal_kept"`      // how long an entry of the journal is kept, as 43800h
	LogLevel       string   `toml:"log_level"`         // debug, info, warn, error
	ReleaseFor     string   `toml:"release_for"`       // how long a release of match details is good, as 720h
	ReleaseContact string   `toml:"release_contact"`   // the desk that answers for releases; empty: the desk of STATE
	Release        []Rule   `toml:"release"`           // what is released without asking a person
}

// Rule is a table [[release]] of the file: a standing policy.
type Rule struct {
	State    string   `toml:"state"`
	Purposes []string `toml:"purposes"`
	TLP      string   `toml:"tlp"`  // the highest marking
	Tier     string   `toml:"tier"` // strong, or possible, which is the default
}

// maxRules bounds the tables [[release]].
const maxRules = 256

// rule reads what the file says.
func (r Rule) rule() (out ct.ReleaseRule, err error) {
	out = ct.ReleaseRule{State: ct.State(r.State), Purposes: r.Purposes, Strong: r.Tier == "strong"}
	if r.Tier != "" && r.Tier != "strong" && r.Tier != "possible" {
		return out, fmt.Errorf("tier: %q is not one of strong, possible", r.Tier)
	}
	if err := out.TLP.UnmarshalText([]byte(r.TLP)); err != nil {
		return out, fmt.Errorf("tlp: %q is not one of CLEAR, GREEN, AMBER, AMBER+STRICT", r.TLP)
	}
	return out, out.Validate().Err()
}

// DefaultPort is the port of both transports when nothing else is said: the
// number of the resolution.
const DefaultPort = 2396

// maxAddrs bounds each list of addresses.
const maxAddrs = 64

// Default is the configuration of a directory whose file says nothing.
func Default() Config {
	return Config{
		Listen:         transports(netip.AddrPortFrom(netip.IPv4Unspecified(), DefaultPort)),
		StorageKeyFile: node.FileStorageKey,
		Ballast:        64 << 20,
		LogLevel:       "info",
		ReleaseFor:     "720h",
		JournalKept:    "43800h",
	}
}

// Invalid is a configuration that cannot be used: the one line says where and why.
type Invalid struct{ Line string }

func (e *Invalid) Error() string { return e.Line }

func invalid(format string, args ...any) error { return &Invalid{fmt.Sprintf(format, args...)} }

// Setting is one key, its value as text and where the value comes from.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"` // default, file, HERALD_… or --flag
}

// Source is where values come from beside the file. Both return false for a
// key that they do not set.
type Source struct {
	Env  func(name string) (string, bool)
	Flag func(key string) (string, bool) // key as in herald.toml; lists are comma-separated
}

// Load reads DIR/herald.toml and lays environment and flags over it: flag
// before HERALD_* before file before default. An error is an *Invalid, or the
// operating system's.
func Load(dir string, src Source) (Config, []Setting, error) {
	cfg := Default()
	path := filepath.Join(dir, node.FileConfig)
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return cfg, nil, invalid("%s: no such file: prepare the directory with `herald init --state STATE --data %s`", path, dir)
	} else if err != nil {
		return cfg, nil, fmt.Errorf("read configuration: %w", err)
	}
	inFile, err := cfg.decode(path, raw)
	if err != nil {
		return cfg, nil, err
	}
	var settings []Setting
	for _, f := range cfg.fields() {
		origin := "default"
		if inFile[f.key] {
			origin = path
		}
		env := "HERALD_" + strings.ToUpper(f.key)
		if v, ok := lookup(src.Env, env); ok {
			if err := f.set(v); err != nil {
				return cfg, nil, invalid("%s: %v", env, err)
			}
			origin = env
		}
		if v, ok := lookup(src.Flag, f.key); ok {
			if err := f.set(v); err != nil {
				return cfg, nil, invalid("--%s: %v", strings.ReplaceAll(f.key, "_", "-"), err)
			}
			origin = "--" + strings.ReplaceAll(f.key, "_", "-")
		}
		if err := f.check(); err != nil {
			nth := 1
			if bad := (badRule{}); errors.As(err, &bad) {
				nth = bad.nth
			}
			return cfg, nil, invalid("%s: %s: %v", at(origin, path, lineOfNth(raw, f.key, nth)), f.key, err)
		}
		settings = append(settings, Setting{f.key, f.text(), origin})
	}
	return cfg, settings, nil
}

// Node is the configuration as package node wants it.
func (c Config) Node(dir string) node.Config {
	within := func(file string) string {
		if file == "" || filepath.IsAbs(file) {
			return file
		}
		return filepath.Join(dir, file)
	}
	return node.Config{
		Dir: dir, Listen: c.Listen, Announce: c.Announce, Peers: c.Peers, PrivateAddresses: c.Private,
		Metrics: c.Metrics, StorageKeyFile: within(c.StorageKeyFile), AuditorKeyFile: within(c.AuditorKeyFile), MaxSize: c.MaxSize, Ballast: c.Ballast, Topics: c.topics(),
		Release: c.releases(), ReleaseFor: c.releaseFor(), JournalKept: c.journalKept(), ReleaseContact: c.ReleaseContact,
	}
}

// releases are those of the file, which check has read.
func (c Config) releases() (out []ct.ReleaseRule) {
	for _, r := range c.Release {
		if rule, err := r.rule(); err == nil {
			out = append(out, rule)
		}
	}
	return out
}

func (c Config) journalKept() time.Duration {
	d, _ := time.ParseDuration(c.JournalKept)
	return d
}

func (c Config) releaseFor() time.Duration {
	d, _ := time.ParseDuration(c.ReleaseFor)
	return d
}

// badRule says which of the tables is at fault.
type badRule struct {
	nth int
	error
}

func (e badRule) Unwrap() error { return e.error }

// topics are those of the file, which check has read.
func (c Config) topics() (out []ct.Topic) {
	for _, s := range c.Topics {
		if t, err := ct.ParseTopic(s); err == nil {
			out = append(out, t)
		}
	}
	return out
}

// decode reads the file's text and tells which keys it sets.
func (c *Config) decode(path string, raw []byte) (map[string]bool, error) {
	meta, err := toml.Decode(string(raw), c)
	var parse toml.ParseError
	if errors.As(err, &parse) {
		return nil, invalid("%s:%d: %s", path, parse.Position.Line, strings.TrimSuffix(parse.Message, "."))
	} else if err != nil {
		// A value of the wrong type: the library gives its line in words only.
		line := 0
		_, _ = fmt.Sscanf(err.Error(), "toml: line %d ", &line)
		_, why, ok := strings.Cut(err.Error(), "): ")
		if !ok {
			why = err.Error()
		}
		return nil, invalid("%s: %s", at(path, path, line), why)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0].String()
		return nil, invalid("%s: unknown key %q: the keys are %s", at(path, path, lineOf(raw, unknown[0][0])), key, strings.Join(c.keys(), ", "))
	}
	set := map[string]bool{}
	for _, k := range meta.Keys() {
		set[k.String()] = true
	}
	return set, nil
}

func lookup(f func(string) (string, bool), key string) (string, bool) {
	if f == nil {
		return "", false
	}
	return f(key)
}

// at is path:line when the value is the file's, else its origin.
func at(origin, path string, line int) string {
	if origin != path || line == 0 {
		return origin
	}
	return fmt.Sprintf("%s:%d", path, line)
}

// lineOf finds the line on which a key or table of the file starts; 0: not
// found. Values of the file span no lines but in tables, so a look at line starts
// is enough.
func lineOf(raw []byte, key string) int { return lineOfNth(raw, key, 1) }

func lineOfNth(raw []byte, key string, nth int) int {
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimLeft(line, " \t[\"'")
		if rest, ok := strings.CutPrefix(line, key); ok && strings.IndexAny(rest, " \t=.]\"'") == 0 {
			if nth--; nth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
