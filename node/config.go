package node

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// The files of a data directory. Secrets are 0600.
const (
	FileNodeKey    = "node.key"
	FileRootKey    = "root.key"
	FileStorageKey = "storage.key"
	FileRequest    = "request.json"
	FileGenesis    = "genesis.json"
	FileConfig     = "herald.toml"
	FileSocket     = "herald.sock"
)

// Config is what a node needs to run. The command line reads it from
// DIR/herald.toml; an embedder fills it in. The zero value of a field is its
// default.
type Config struct {
	// Dir is the data directory that `herald init` and `network join` prepared.
	Dir string
	// Listen are the multiaddrs to listen on, for example
	// /ip4/127.0.0.1/tcp/4001 and /ip4/127.0.0.1/udp/4001/quic-v1.
	Listen []string
	// Announce are the addresses told to other nodes; empty: the ones listened on.
	Announce []string
	// Peers are addresses to dial before the network has told better ones.
	Peers []string
	// PrivateAddresses tells that members have addresses in private ranges, so
	// that other States may have this node dial those, as they may in an
	// exercise. Peers are dialled wherever they are.
	PrivateAddresses bool
	// Metrics is the loopback host:port of /metrics, /healthz and /readyz;
	// empty: not served.
	Metrics string
	// StorageKeyFile holds the key that seals what is stored. Empty:
	// DIR/storage.key. Keep it on another device where a stolen disk must
	// show nothing.
	StorageKeyFile string
	// AuditorKeyFile holds the public half of an auditor's key, to which the
	// subjects of the audit journal are sealed. Empty: a key that derives from
	// the storage key stands in, and who has that reads them.
	AuditorKeyFile string
	// ShowRestored is an operator's reason to show content before a restored
	// node knows what was retracted since its backup; empty: it is hidden until
	// then. It is journalled.
	ShowRestored string
	// NoAPI leaves the unix socket closed, for embedders.
	NoAPI bool
	// Topics are those whose bodies this node keeps, gossips and may publish on;
	// control is always one of them. Of all others it keeps the headers, so that
	// every log stays checkable. Empty: all topics. What is held already of a
	// topic that is taken out stays until it expires; what is missing of one that
	// is added is fetched.
	Topics []ct.Topic
	// MaxSize bounds each database file in bytes; 0: the disk does.
	MaxSize int64
	// Ballast is the size in bytes of a file that keeps room on the disk for
	// erasing and retracting when it is full; 0: none.
	Ballast int64

	// JournalKept is how long an entry of the audit journal is kept, at least
	// MinJournal; 0: five years. What is older goes, but for a chained checkpoint.
	JournalKept time.Duration

	// Release is what this node releases after a match request without asking a
	// person first; empty: nothing. ReleaseFor is how long a release is good; 0: 30
	// days. ReleaseContact is the desk that answers for it; empty: the State's.
	Release        []ct.ReleaseRule
	ReleaseFor     time.Duration
	ReleaseContact string

	// Log takes the node's log lines; nil: discarded. No line holds a person's data.
	Log *slog.Logger
	// Registry takes the node's metrics; nil: one of its own.
	Registry *prometheus.Registry
	// Underlay replaces the operating system's network; nil: none.
	Underlay *p2p.Underlay
	// Version is shown in status.
	Version string

	topics ct.TopicSet      // of Topics
	clock  func() time.Time // of beacons and erasure; nil: time.Now; tests set it wrong
}

// MinJournal is the least time for which the journal is kept: budgets of match
// requests are counted from its last day, and an auditor is to come in time.
const MinJournal = 30 * 24 * time.Hour

func (c Config) path(file string) string { return filepath.Join(c.Dir, file) }

func (c *Config) validate() error {
	if c.Dir == "" {
		return fmt.Errorf("node: no data directory: set --data or HERALD_DATA")
	}
	var err error
	if c.topics, err = ct.TopicsOf(c.Topics...); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	for i := range c.Release {
		if faults := c.Release[i].Validate(); len(faults) > 0 {
			return fmt.Errorf("node: release rule %d: %w", i+1, faults)
		}
	}
	if c.ReleaseFor < 0 {
		return fmt.Errorf("node: a release that ends before it begins: %s", c.ReleaseFor)
	}
	if c.JournalKept == 0 {
		c.JournalKept = 5 * 365 * 24 * time.Hour
	}
	if c.JournalKept < MinJournal {
		return fmt.Errorf("node: the journal is kept for %s, at least %s", c.JournalKept, MinJournal)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.StorageKeyFile == "" {
		c.StorageKeyFile = c.path(FileStorageKey)
	}
	return nil
}
