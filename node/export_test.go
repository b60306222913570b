package node

import (
	"context"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// WithClock gives a node's beacons a clock of their own.
func WithClock(cfg Config, clock func() time.Time) Config {
	cfg.clock = clock
	return cfg
}

// Told is the newest statement of addresses that the node knows of itself.
func (n *Node) Told() ct.Addresses { return n.directory.of(n.own) }

// Submit takes records in as sync does.
func (n *Node) Submit(ctx context.Context, raws ...[]byte) error {
	var recs []verify.Record
	for _, raw := range raws {
		rec, err := verify.Open(raw, n.view.Load(), time.Now())
		if err != nil {
			return err
		}
		recs = append(recs, rec)
	}
	return n.ingest.SubmitAll(ctx, recs)
}

// Heads are how far every log is held.
func (n *Node) Heads() map[ct.LogID]store.Head { return n.store.Heads() }

// View is the roster in force.
func (n *Node) View() *roster.View { return n.view.Load() }

// RootReads counts the records of root logs given to the roster.
func (n *Node) RootReads() uint64 { return n.rootReads.Load() }

// RosterVersion counts the changes of the roster in force.
func (n *Node) RosterVersion() uint64 { return n.view.Load().Version() }

// SignNow signs a draft of the outbox though the gate is closed.
func (n *Node) SignNow(ctx context.Context, key string) (desk.Receipt, error) {
	return n.desk.SignNow(ctx, key, "test", "test")
}

// Discard drops a draft of the outbox.
func (n *Node) Discard(key string) error { return n.desk.Discard(key, "test", "test") }

// RootStep is how many records of a root log are applied in one turn.
const RootStep = rootStep
