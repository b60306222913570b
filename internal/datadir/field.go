package datadir

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/multiformats/go-multiaddr"
)

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
