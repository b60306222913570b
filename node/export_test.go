package node

import (
	"time"

	"github.com/herald-net/herald/node/ct"
)

// WithClock gives a node's beacons a clock of their own.
func WithClock(cfg Config, clock func() time.Time) Config {
	cfg.clock = clock
	return cfg
}

// Told is the newest statement of addresses that the node knows of itself.
func (n *Node) Told() ct.Addresses { return n.directory.of(n.own) }
