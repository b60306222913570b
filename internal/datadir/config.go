// Package datadir prepares and reads the directory of one node: keys, join
// request, herald.toml and the genesis of its network. It opens no store and
// starts nothing.
package datadir

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/multiformats/go-multiaddr"
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

// field is one key of the file with how it is set, shown and checked.
type field struct {
	key   string
	set   func(string) error
	text  func() string
	check func() error
}

func (c *Config) keys() []string {
	var out []string
	for _, f := range c.fields() {
		out = append(out, f.key)
	}
	return out
}

func (c *Config) fields() []field {
	return []field{
		text("state", &c.State, func(s string) error {
			if !ct.ValidState(ct.State(s)) {
				return fmt.Errorf("%q is no ISO 3166-1 alpha-3 or ICAO 9303 code such as UTO", s)
			}
			return nil
		}),
		list("listen", &c.Listen, func(a []string) error {
			if len(a) == 0 {
				return errors.New("no address to listen on, for example /ip4/0.0.0.0/tcp/2396")
			}
			return nil
		}),
		list("announce", &c.Announce, nil),
		list("peers", &c.Peers, nil),
		{
			key: "private_addresses",
			set: func(s string) (err error) {
				if c.Private, err = strconv.ParseBool(s); err != nil {
					err = fmt.Errorf("%q is neither true nor false", s)
				}
				return err
			},
			text:  func() string { return strconv.FormatBool(c.Private) },
			check: func() error { return nil },
		},
		text("metrics", &c.Metrics, checkLoopback),
		text("storage_key_file", &c.StorageKeyFile, func(s string) error {
			if s == "" {
				return errors.New("is empty: name the file of the storage key")
			}
			return nil
		}),
		text("auditor_key_file", &c.AuditorKeyFile, func(string) error { return nil }),
		{
			key:  "topics",
			set:  func(s string) error { c.Topics = words(s); return nil },
			text: func() string { return strings.Join(c.Topics, ",") },
			check: func() error {
				for _, s := range c.Topics {
					if _, err := ct.ParseTopic(s); err != nil {
						return err
					}
				}
				_, err := ct.TopicsOf(c.topics()...)
				return err
			},
		},
		{
			key: "max_size",
			set: func(s string) (err error) {
				if c.MaxSize, err = strconv.ParseInt(s, 10, 64); err != nil {
					err = fmt.Errorf("%q is no number of bytes", s)
				}
				return err
			},
			text: func() string { return strconv.FormatInt(c.MaxSize, 10) },
			check: func() error {
				if c.MaxSize != 0 && c.MaxSize < 16<<20 {
					return fmt.Errorf("%d bytes: 0 (no bound) or at least %d", c.MaxSize, 16<<20)
				}
				return nil
			},
		},
		{
			key: "ballast",
			set: func(s string) (err error) {
				if c.Ballast, err = strconv.ParseInt(s, 10, 64); err != nil {
					err = fmt.Errorf("%q is no number of bytes", s)
				}
				return err
			},
			text: func() string { return strconv.FormatInt(c.Ballast, 10) },
			check: func() error {
				if c.Ballast != 0 && (c.Ballast < 1<<20 || c.Ballast > 1<<40) {
					return fmt.Errorf("%d bytes: 0 (none) or at least %d", c.Ballast, 1<<20)
				}
				return nil
			},
		},
		text("log_level", &c.LogLevel, func(s string) error {
			switch s {
			case "debug", "info", "warn", "error":
				return nil
			}
			return fmt.Errorf("%q is not one of debug, info, warn, error", s)
		}),
		text("journal_kept", &c.JournalKept, func(s string) error {
			if d, err := time.ParseDuration(s); err != nil || d < node.MinJournal {
				return fmt.Errorf("%q: at least %s, as 43800h for five years", s, node.MinJournal)
			}
			return nil
		}),
		text("release_for", &c.ReleaseFor, func(s string) error {
			if d, err := time.ParseDuration(s); err != nil || d < time.Minute || d > ct.MaxRetention {
				return fmt.Errorf("%q is no length of time from 1m to %s, for example 720h", s, ct.MaxRetention)
			}
			return nil
		}),
		text("release_contact", &c.ReleaseContact, func(s string) error {
			if len(s) > ct.MaxShort || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || s != strings.TrimSpace(s) {
				return fmt.Errorf("want one line of at most %d bytes", ct.MaxShort)
			}
			return nil
		}),
		{
			key:  "release",
			set:  func(string) error { return errors.New("is set in herald.toml only, as tables [[release]]") },
			text: c.releaseText,
			check: func() error {
				if len(c.Release) > maxRules {
					return fmt.Errorf("%d tables, at most %d", len(c.Release), maxRules)
				}
				for i, r := range c.Release {
					if _, err := r.rule(); err != nil {
						return badRule{i + 1, err}
					}
				}
				return nil
			},
		},
	}
}

func (c *Config) releaseText() string {
	var out []string
	for _, r := range c.Release {
		tier := ""
		if r.Tier == "strong" {
			tier = " strong"
		}
		out = append(out, fmt.Sprintf("%s: %s up to %s%s", r.State, strings.Join(r.Purposes, "+"), r.TLP, tier))
	}
	return strings.Join(out, "; ")
}

func text(key string, v *string, check func(string) error) field {
	return field{
		key:   key,
		set:   func(s string) error { *v = s; return nil },
		text:  func() string { return *v },
		check: func() error { return check(*v) },
	}
}

// words splits a list as it stands in the environment or a flag.
func words(s string) (out []string) {
	for a := range strings.SplitSeq(s, ",") {
		if a = strings.TrimSpace(a); a != "" {
			out = append(out, a)
		}
	}
	return out
}

func list(key string, v *[]string, check func([]string) error) field {
	return field{
		key:  key,
		set:  func(s string) error { *v = words(s); return nil },
		text: func() string { return strings.Join(*v, ",") },
		check: func() error {
			var full []string
			for _, a := range *v {
				addrs, err := Multiaddrs(a)
				if err != nil {
					return err
				}
				full = append(full, addrs...)
			}
			if len(full) > maxAddrs {
				return fmt.Errorf("%d addresses, at most %d", len(full), maxAddrs)
			}
			*v = full
			if check != nil {
				return check(full)
			}
			return nil
		},
	}
}

// Multiaddrs reads one address: a multiaddr over tcp or quic-v1, or host:port
// which stands for both transports at that port.
func Multiaddrs(s string) ([]string, error) {
	if strings.HasPrefix(s, "/") {
		m, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", s, err)
		}
		_, errTCP := m.ValueForProtocol(multiaddr.P_TCP)
		_, errQUIC := m.ValueForProtocol(multiaddr.P_QUIC_V1)
		if errTCP != nil && errQUIC != nil {
			return nil, fmt.Errorf("address %q: neither tcp nor quic-v1: write /ip4/A/tcp/P or /ip4/A/udp/P/quic-v1", s)
		}
		return []string{s}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return nil, fmt.Errorf("address %q: neither a multiaddr such as /ip4/192.0.2.1/tcp/2396 nor host:port", s)
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil || p == 0 {
		return nil, fmt.Errorf("address %q: port %q is not in 1 to 65535", s, port)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return transports(netip.AddrPortFrom(ip.WithZone(""), uint16(p))), nil
	}
	if host == "" || strings.ContainsAny(host, "/ ") {
		return nil, fmt.Errorf("address %q: %q is no host name", s, host)
	}
	return []string{"/dns/" + host + "/tcp/" + port, "/dns/" + host + "/udp/" + port + "/quic-v1"}, nil
}

func transports(a netip.AddrPort) []string {
	family := "ip4"
	if a.Addr().Is6() && !a.Addr().Is4In6() {
		family = "ip6"
	}
	at := fmt.Sprintf("/%s/%s", family, a.Addr().Unmap())
	return []string{fmt.Sprintf("%s/tcp/%d", at, a.Port()), fmt.Sprintf("%s/udp/%d/quic-v1", at, a.Port())}
}

// checkLoopback refuses an address that others could reach: health and
// metrics are not protected by anything else.
func checkLoopback(s string) error {
	if s == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not host:port", s)
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%q is no loopback address such as 127.0.0.1:9396", s)
}
