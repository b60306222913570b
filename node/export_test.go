package node

import "time"

// WithClock gives a node's beacons a clock of their own.
func WithClock(cfg Config, clock func() time.Time) Config {
	cfg.clock = clock
	return cfg
}
