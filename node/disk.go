package node

import (
	"context"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/store"
)

const diskPeriod = 2 * time.Second

// watchDisk keeps the ballast, so that the node takes records again by itself
// when there is room, and ends the node when a file of the store has failed:
// after a failed fsync nobody knows what the disk holds before a restart.
func (n *Node) watchDisk(ctx context.Context) error {
	tick := time.NewTicker(diskPeriod)
	defer tick.Stop()
	missing := false
	for {
		if err := n.store.Stopped(); err != nil {
			return err
		}
		err := n.store.KeepBallast()
		if err != nil && !missing {
			n.cfg.Log.ErrorContext(ctx, "no ballast: when the disk is full nothing can be erased", "error", err)
		}
		missing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// diskAlarm is the line for a disk without room; "" when there is.
func (n *Node) diskAlarm() string {
	if since := n.store.Full(); !since.IsZero() {
		what := "records of others are taken without their bodies, retraction and erasure go on"
		if !n.store.HeadersFit() {
			what = "the ballast is nearly used up: only retractions and root logs are taken, and soon those are refused too"
		}
		return fmt.Sprintf("disk: full since %s: nothing new is published, %s; make room on the disk of %s and it goes on by itself",
			since.UTC().Format(time.RFC3339), what, n.cfg.Dir)
	}
	if n.index.Full() {
		return "disk: no room for the index: what is new is not found by match; make room on the disk of " + n.cfg.Dir + " and it goes on by itself"
	}
	if !n.store.Ballast() {
		return "disk: no room for the ballast: when the disk is full nothing can be erased"
	}
	return ""
}

// room is why nothing new may be published; nil when there is room.
func (n *Node) room() error {
	switch {
	case !n.store.Full().IsZero():
		return fmt.Errorf("%w: the disk is full: new records are refused until there is room; make room on the disk of %s", store.ErrFull, n.cfg.Dir)
	case n.index.Full():
		return fmt.Errorf("%w: there is no room for the index: new records are refused until there is; make room on the disk of %s", store.ErrFull, n.cfg.Dir)
	}
	return nil
}
