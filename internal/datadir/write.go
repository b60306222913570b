package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-net/herald/node"
	"github.com/multiformats/go-multiaddr"
)

// encode writes herald.toml with a comment on every key.
func (c Config) encode() []byte {
	var b strings.Builder
	put := func(comment, key, value string) {
		for line := range strings.SplitSeq(comment, "\n") {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		fmt.Fprintf(&b, "%s = %s\n\n", key, value)
	}
	b.WriteString("# Configuration of one herald node. Precedence: flag, HERALD_<KEY>, this file, default.\n" +
		"# `herald config check` reads it as `herald run` does.\n\n")
	put("The State whose node this is: ISO 3166-1 alpha-3, or UTO in an exercise.", "state", strconv.Quote(c.State))
	put("Where this node listens: multiaddrs, or host:port for TCP and QUIC at that port.", "listen", quoted(c.Listen))
	put("The addresses told to other nodes, when they are not the ones listened on\n(behind address translation). Empty: the ones listened on.", "announce", quoted(c.Announce))
	put("Addresses of other nodes, dialled at start before the network has told better ones.", "peers", quoted(c.Peers))
	put("Members are on a network of their own, so that other States may have this node dial private\naddresses. Those above are dialled anyhow, and in an exercise all are.", "private_addresses", strconv.FormatBool(c.Private))
	put("Loopback host:port of /metrics, /healthz and /readyz. Empty: not served.", "metrics", strconv.Quote(c.Metrics))
	put("The key that seals what is stored; a path relative to this directory. On another\ndevice, a stolen disk shows nothing.", "storage_key_file", strconv.Quote(c.StorageKeyFile))
	put("The topics whose bodies this node keeps and may publish on: travel, arrival, deportation,\ndetention, receipt. Of others it keeps the headers. Empty: all.", "topics", quoted(c.Topics))
	put("Bound of each database file in bytes. 0: the disk bounds it.", "max_size", strconv.FormatInt(c.MaxSize, 10))
	put("debug, info, warn or error. No log line holds a person's data.", "log_level", strconv.Quote(c.LogLevel))
	put("How long an entry of the audit journal is kept.", "journal_kept", strconv.Quote(c.JournalKept))
	put("How long what is released after a match request is good.", "release_for", strconv.Quote(c.ReleaseFor))
	put("The desk that answers for releases, with its number. Empty: the desk of this State.", "release_contact", strconv.Quote(c.ReleaseContact))
	b.WriteString("# What is released without asking a person first: a table for each State that may have it. All else\n" +
		"# waits in `herald inbox`. These tables stand at the end of the file.\n#\n" +
		"# [[release]]\n# state = \"UTO\"\n# purposes = [\"border-screening\", \"protection\"]\n# tlp = \"GREEN\"\n# tier = \"strong\"\n\n")
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

func quoted(list []string) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, strconv.Quote(s))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// AddPeers adds addresses to the peers of DIR/herald.toml and leaves every
// other line as it is. What is there already is not repeated.
func AddPeers(dir string, peers []string) error {
	cfg, _, err := Load(dir, Source{})
	if err != nil {
		return err
	}
	all := slices.Clone(cfg.Peers)
	for _, p := range peers {
		full, err := Multiaddrs(p)
		if err != nil {
			return invalid("--peer: %v", err)
		}
		for _, a := range full {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	if len(all) == len(cfg.Peers) {
		return nil
	}
	if len(all) > maxAddrs {
		return invalid("--peer: %d peers in all, at most %d", len(all), maxAddrs)
	}
	path := filepath.Join(dir, node.FileConfig)
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	line := "peers = " + quoted(all)
	lines := strings.Split(string(raw), "\n")
	switch n := lineOf(raw, "peers"); {
	case n == 0:
		lines = append([]string{line, ""}, lines...)
	case !strings.HasSuffix(strings.TrimSpace(lines[n-1]), "]"):
		return invalid("%s:%d: peers stands on several lines: add %s by hand", path, n, strings.Join(peers, " "))
	default:
		lines[n-1] = line
	}
	return replace(path, []byte(strings.Join(lines, "\n")), 0o644)
}

// dialable leaves out the addresses that nobody can dial: those of no host,
// such as 0.0.0.0, and of port 0, which stands for any.
func dialable(listen []string) []string {
	var out []string
	for _, s := range listen {
		m, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			continue
		}
		nowhere := false
		multiaddr.ForEach(m, func(c multiaddr.Component) bool {
			v := c.Value()
			nowhere = nowhere || v == "0.0.0.0" || v == "::" || v == "0"
			return true
		})
		if !nowhere {
			out = append(out, s)
		}
	}
	return out
}

// create writes a new file durably and refuses to touch an existing one.
func create(path string, data []byte, mode os.FileMode) error {
	return write(path, data, mode, os.Link)
}

// replace writes a file durably in one step: a reader sees the old or the new.
func replace(path string, data []byte, mode os.FileMode) error {
	return write(path, data, mode, os.Rename)
}

// write makes a temporary file beside path, syncs it, puts it in place and
// syncs the directory, so that a crash leaves either nothing or all of it.
func write(path string, data []byte, mode os.FileMode, place func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
