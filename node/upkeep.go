package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

const (
	erasePeriod   = time.Minute
	expiryPeriod  = time.Hour // what has expired is not shown from that moment on; its bytes go together
	eraseBatch    = 10_000
	compactPeriod = time.Hour
	garbageAge    = 20 * 24 * time.Hour // erased bodies stay in body.db, unreadable, no longer than that
	garbageShare  = 10                  // nor when they are one of so many records
	announceRetry = 5 * time.Second
)

// followStore keeps the derived index behind the store and the imported lists.
func (n *Node) followStore(ctx context.Context) error {
	src := n.desk.Followed()
	src.Retention = n.view.Load().Policy().MaxRetention
	return n.index.Follow(ctx, src)
}

// erase ends the life of what was retracted (after the grace that the policy
// gives a State to disown a thief's retraction) and of what has expired.
func (n *Node) erase(ctx context.Context) error {
	tick := time.NewTicker(erasePeriod)
	defer tick.Stop()
	var compacted, expired time.Time
	pace, urgent := newPace(time.Now()), false
	for {
		now := n.now()
		if doubt := n.clockDoubt(now); doubt != "" {
			n.cfg.Log.WarnContext(ctx, "erasure waits", "clock", doubt)
		} else {
			retracted, err := n.eraseRetracted(ctx, now)
			urgent = urgent || retracted
			if err == nil && time.Since(expired) >= expiryPeriod {
				if err = n.eraseExpired(ctx, now); err == nil {
					expired = time.Now()
				}
			}
			if err != nil { // a full disk must not end the node; the next round tries again
				n.cfg.Log.ErrorContext(ctx, "erasure is late", "error", err)
			}
		}
		if time.Since(compacted) >= compactPeriod {
			compacted = time.Now()
			if err := n.cutJournal(ctx, now); err != nil {
				n.cfg.Log.ErrorContext(ctx, "the journal is not cut", "error", err)
			}
			if err := n.compactBodies(ctx, time.Now()); err != nil {
				n.cfg.Log.ErrorContext(ctx, "compaction is late", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// Not in the first round: a start has the processors and the disk to itself.
		done, err := n.eraseTraces(ctx, time.Now(), pace, urgent)
		urgent = urgent && !done
		if err != nil {
			n.cfg.Log.ErrorContext(ctx, "erasure is late", "error", err)
		}
	}
}

// cutJournal ends what of the journal is older than it is kept. A clock in doubt
// removes nothing.
func (n *Node) cutJournal(ctx context.Context, now time.Time) error {
	if n.clockDoubt(now) != "" {
		return nil
	}
	removed, err := n.journal.Cut(ct.MillisOf(now.Add(-n.cfg.JournalKept)))
	if removed > 0 {
		n.cfg.Log.InfoContext(ctx, "old entries of the journal are removed", "entries", removed)
	}
	return err
}

// eraseTraces takes out of the files what was deleted, when the pace allows it.
func (n *Node) eraseTraces(ctx context.Context, now time.Time, pace *pace, urgent bool) (done bool, err error) {
	bytes, err := n.store.Traces()
	if err != nil || bytes == 0 || !pace.may(now, bytes, urgent) {
		return false, err
	}
	began := time.Now()
	done, err = n.store.EraseTraces()
	if done {
		n.cfg.Log.InfoContext(ctx, "traces of what was erased are gone", "bytes", bytes, "took", time.Since(began).Round(time.Millisecond))
	}
	return done, err
}

// compactBodies rewrites body.db when enough erased bodies lie in it, or the
// first has for long: the time is the store's, so a restart puts nothing off.
func (n *Node) compactBodies(ctx context.Context, now time.Time) error {
	count, since, err := n.store.Garbage()
	if err != nil || count == 0 || count*garbageShare < n.records() && now.Sub(since.Time()) < garbageAge {
		return err
	}
	began := time.Now()
	if err := n.store.CompactBodies(); err != nil {
		return err
	}
	n.cfg.Log.InfoContext(ctx, "erased bodies are compacted away", "records", count, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// eraseRetracted ends what was retracted, and tells whether there was any.
func (n *Node) eraseRetracted(ctx context.Context, now time.Time) (any bool, err error) {
	grace := n.view.Load().Policy().RetractGrace
	for {
		refs, err := n.store.DueRetractions(now, grace, eraseBatch)
		if err != nil || len(refs) == 0 {
			return any, err
		}
		if err := n.forget(ctx, refs, store.BodyRetracted); err != nil {
			return any, err
		}
		any = true
	}
}

// lateAlarms tell of a key that has retracted more within a day than is taken for
// honest. They end when the bodies go, or come back with a closing.
func (n *Node) lateAlarms() (out []string) {
	late, err := n.store.Late()
	if err != nil {
		return []string{"retractions: " + err.Error()}
	}
	grace := n.view.Load().Policy().RetractGrace
	for _, l := range late {
		until := l.Since.Time().Add(grace + store.LateBy)
		out = append(out, fmt.Sprintf("retractions: the key %s has retracted %d records of %s beyond what is usual within a day; they are hidden, and erased until %s: if the key was stolen, %s closes its log before record %d (herald roster close) and they are shown again",
			l.By.Short(), l.Records, l.State, until.UTC().Format(time.RFC3339), l.State, l.First))
	}
	return out
}

func (n *Node) eraseExpired(ctx context.Context, now time.Time) error {
	for {
		refs, err := n.index.DueExpiries(now, eraseBatch)
		if err != nil || len(refs) == 0 {
			return err
		}
		if err := n.forget(ctx, refs, store.BodyExpired); err != nil {
			return err
		}
		if err := n.index.ExpiriesDone(now, refs); err != nil {
			return err
		}
	}
}

// forget erases bodies; what their salts were goes by eraseTraces.
func (n *Node) forget(ctx context.Context, refs []ct.Ref, why store.BodyState) error {
	if err := n.store.Entomb(refs, why); err != nil {
		return err
	}
	n.cfg.Log.InfoContext(ctx, "erased", "records", len(refs), "reason", why.String())
	return n.index.Forget(refs)
}

// announce tells the network where this node can be dialled, whenever that
// has changed, in a record of its own log.
func (n *Node) announce(ctx context.Context) error {
	// What was told before a restart may not be indexed yet: nothing is told
	// twice for that.
	if err := n.index.Reach(ctx, index.Cursors{Store: n.store.Last()}); err != nil {
		return nil
	}
	if err := n.loadDirectory(); err != nil {
		return err
	}
	tick := time.NewTicker(announceRetry)
	defer tick.Stop()
	for {
		addrs := ownAddrs(n.host.Addrs())
		told := n.directory.of(n.own)
		if ready, _ := n.gate.ready(); ready && len(addrs) > 0 && !slices.Equal(addrs, told.Addrs) {
			if _, err := n.desk.Announce(ctx, ct.Addresses{Serial: told.Serial + 1, Addrs: addrs}); err != nil && ctx.Err() == nil {
				n.cfg.Log.ErrorContext(ctx, "addresses not told", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ownAddrs drops the node's name from its addresses: the log that states them
// names it.
func ownAddrs(addrs []string) []string {
	var out []string
	for _, a := range addrs {
		transport, _, _ := strings.Cut(a, "/p2p/")
		out = append(out, transport)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), ct.MaxAddrs)]
}

// loadDirectory reads the newest ADDRESS statement of each node: from the
// index, and from what the index has not followed yet, which is all there is
// when its file is built again.
func (n *Node) loadDirectory() error {
	cursor := n.index.Cursors().Store
	err := n.index.EachAddress(func(cursor uint64) error {
		n.learnAt(cursor)
		return nil
	})
	for err == nil {
		var rows []store.Row
		if rows, err = n.store.Read(cursor, 1000, false); len(rows) == 0 {
			break
		}
		for i := range rows {
			cursor = rows[i].Cursor
			if ct.Kind(rows[i].Header.Kind) == ct.KindAddress {
				n.learnAt(cursor)
			}
		}
	}
	return err
}

func (n *Node) learnAt(cursor uint64) {
	// The index is derived: a stale cursor is not a fault of the store.
	if row, err := n.store.At(cursor); err == nil {
		n.directory.learn(row)
	}
}
