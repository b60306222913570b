package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

const (
	// batchRecords is how much one pull claims at a time, so that several
	// pulls share what is missing.
	batchRecords = 1 << 16
	// missingEvery is how often one peer is asked for bodies missing here, and
	// for good signatures. Bodies may be erased everywhere and signatures may
	// be bad everywhere, so that asking may go on for ever.
	missingEvery = time.Minute
)

// pull fetches from node all that it holds and this node does not.
func (x *Exchange) pull(ctx context.Context, node ct.LogID) (err error) {
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	end, err := x.claims.begin(ctx, node)
	if err != nil {
		return err
	}
	defer end()
	result := "ok"
	defer func() {
		switch {
		case errors.Is(err, errPeer):
			result = "peer"
			x.queue.blame(node)
			x.told.withdraw(node)
			x.known.set(node, knownPeer{})
		case err != nil:
			result = "error"
		default:
			x.mu.Lock()
			x.lastSync = time.Now()
			x.mu.Unlock()
			x.told.pulled(node)
		}
		x.metrics.pulls.WithLabelValues(result).Inc()
	}()
	s, stop, err := x.open(ctx, node, syncProtocol(x.cfg.View().Network()), p2p.ServiceSync)
	if err != nil {
		return err
	}
	defer stop()
	if err := x.pullOver(ctx, newSession(s, x.metrics), node); err != nil {
		_ = s.Reset()
		return err
	}
	return s.Close()
}

func (x *Exchange) pullOver(ctx context.Context, e *session, node ct.LogID) error {
	mine, restricted := x.ledger.note(x.frontier()), x.restricted(node)
	if restricted {
		mine = snapshot{heads: x.allowedHeads(mine.heads, node)}
	}
	hello := x.hello(node, mine.heads)
	if err := e.send(&wire.SyncMessage{Hello: hello}); err != nil {
		return err
	}
	m, err := e.receiveHello()
	if err != nil {
		return err
	}
	if m.Hello == nil {
		return fmt.Errorf("%w: want a hello", errPeer)
	}
	said := heard{m.Hello.YourSize, time.Until(m.Hello.Time.Time())}
	if m.Hello.Digest != hello.Digest {
		if err := x.pullFrontier(ctx, e, node, mine, m.Hello.Digest, said); err != nil {
			return err
		}
	} else if !restricted {
		x.believe(node, said)
	}
	if restricted {
		return nil
	}
	if err := x.pullRotten(ctx, e, node); err != nil {
		return err
	}
	if err := x.pullSignatures(ctx, e, node); err != nil {
		return err
	}
	return x.pullBodies(ctx, e, node)
}

// believe counts what a peer said of this node's own log once this node holds
// as much: a peer that only claims cannot hold up signing here.
func (x *Exchange) believe(node ct.LogID, said heard) bool {
	h, _ := x.cfg.Store.Head(x.cfg.Own)
	if said.own > h.Size {
		return false
	}
	x.told.note(node, said)
	return true
}

func (x *Exchange) pullFrontier(ctx context.Context, e *session, node ct.LogID, mine snapshot, digest [32]byte, said heard) error {
	theirs, err := x.frontiers(e, node, mine, digest)
	if err != nil {
		return err
	}
	restricted := x.restricted(node)
	if restricted {
		theirs = x.allowedHeads(theirs, node)
		theirs = slices.DeleteFunc(theirs, func(h wire.LogHead) bool { return h.Log == node }) // it says nothing any more
	} else if reconcile.Size(theirs, x.cfg.Own) < said.own {
		return fmt.Errorf("%w: its frontier holds less of this node's log than its hello", errPeer)
	}
	skip := map[ct.LogID]bool{}
	x.claims.addHeld(skip, node, theirs, x.cfg.View().Version())
	for {
		view := x.cfg.View()
		if !restricted {
			x.believe(node, said)
		}
		plan := reconcile.Compare(x.frontier(), x.unclosed(theirs), x.class)
		var batch []wire.SyncRange
		for _, ranges := range [][]wire.SyncRange{own(plan.Nodes, x.cfg.Own), plan.Roots, plan.Nodes} {
			if batch = x.claims.take(ranges, batchRecords, skip); len(batch) > 0 {
				break
			}
		}
		if len(batch) == 0 {
			if plan.Skipped > 0 || len(skip) > 0 {
				x.queue.awaits(node, view.Version())
			}
			break
		}
		held, err := x.fetch(ctx, e, reconcile.NewFetch(batch), x.openChunk, x.submitInOrder)
		x.claims.release(batch)
		x.claims.hold(node, held, view.Version())
		if err != nil {
			return err
		}
		for _, r := range batch {
			// What did not come forward now will not in this session.
			if h, _ := x.cfg.Store.Head(r.Log); h.Size+1 < r.From+r.Count {
				skip[r.Log] = true
			}
		}
	}
	if err := x.pullForks(ctx, e, x.unclosed(theirs)); err != nil {
		return err
	}
	return x.pullClosed(ctx, e, theirs)
}

// own is the part of ranges that is this node's log. It comes first: until a
// node knows its own records it signs none.
func own(ranges []wire.SyncRange, log ct.LogID) []wire.SyncRange {
	for i, r := range ranges {
		if r.Log == log {
			return ranges[i : i+1]
		}
	}
	return nil
}

// pullForks fetches the other halves of forks, and the proofs of forks that the
// peer has found. It comes last: a fork stops a log's extension.
func (x *Exchange) pullForks(ctx context.Context, e *session, theirs []wire.LogHead) error {
	plan := reconcile.Compare(x.frontier(), theirs, x.class)
	suspects := plan.Suspects
	for _, t := range plan.Shorter {
		id, _, ok, err := x.cfg.Store.Lookup(t.Log, t.Size)
		if errors.Is(err, store.ErrDamaged) {
			continue // pullRotten asks for it; nothing is judged by it
		} else if err != nil {
			return fmt.Errorf("compare heads: %w", err)
		}
		if ok && id != t.Head {
			suspects = append(suspects, wire.SyncRange{Log: t.Log, From: t.Size, Count: 1})
		}
	}
	if len(suspects) > 0 {
		if _, err := x.fetch(ctx, e, reconcile.NewFetch(suspects), x.openEach, x.submitEach); err != nil {
			return err
		}
	}
	var proofs []ct.LogID
	for _, log := range plan.Proofs {
		h, _ := x.cfg.Store.Head(log)
		if h.Contested == 0 && h.Size >= reconcile.Size(theirs, log) && len(proofs) < wire.MaxSyncRanges {
			proofs = append(proofs, log)
		}
	}
	if len(proofs) == 0 {
		return nil
	}
	return x.fetchProofs(ctx, e, proofs)
}

// pullBodies fills bodies of records whose headers came without, as long as the
// peer has some: a peer that keeps few topics may have given many such headers.
func (x *Exchange) pullBodies(ctx context.Context, e *session, node ct.LogID) error {
	for first := true; ; first = false {
		refs := x.cfg.Store.MissingBodies(wire.MaxSyncRanges)
		if len(refs) == 0 || first && !x.told.bodies.may(node, time.Now()) {
			return nil
		}
		filled := 0
		put := func(ctx context.Context, recs []verify.Record) error {
			filled += len(recs)
			return x.submitInOrder(ctx, recs)
		}
		if _, err := x.fetch(ctx, e, reconcile.NewBodyFetch(refs), x.openChunk, put); err != nil || filled == 0 {
			return err
		}
	}
}

func (x *Exchange) hello(to ct.LogID, mine []wire.LogHead) *wire.SyncHello {
	return &wire.SyncHello{
		Digest: wire.FrontierDigest(mine), YourSize: reconcile.Size(mine, to), Time: ct.MillisOf(time.Now()),
	}
}

// frontier is all this node holds, in the order of the wire.
func (x *Exchange) frontier() []wire.LogHead {
	heads := x.cfg.Store.Heads()
	out := make([]wire.LogHead, 0, len(heads))
	for log, h := range heads {
		if h.Size > 0 {
			out = append(out, wire.LogHead{Log: log, Size: h.Size, Head: h.ID, Contested: h.Contested != 0})
		}
	}
	reconcile.Sort(out)
	return out
}

// class is what the roster says of a log now.
func (x *Exchange) class(log ct.LogID) reconcile.Class {
	right, ok := x.cfg.View().Right(log)
	switch {
	case !ok:
		return reconcile.Unknown
	case right.Root:
		return reconcile.Root
	default:
		return reconcile.Node
	}
}
