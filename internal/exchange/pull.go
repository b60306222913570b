package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/reconcile"
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
	result, all := "ok", false
	defer func() {
		switch {
		case errors.Is(err, errVain):
			result = "vain"
			x.queue.rest(node, vainRest)
		case errors.Is(err, errPeer):
			result = "peer"
			x.queue.rest(node, blameFor)
			x.told.withdraw(node)
			x.known.set(node, knownPeer{})
		case err != nil:
			result = "error"
		default:
			x.mu.Lock()
			x.lastSync = time.Now()
			x.mu.Unlock()
			if all {
				x.told.pulled(node)
			}
		}
		x.metrics.pulls.WithLabelValues(result).Inc()
	}()
	s, stop, err := x.open(ctx, node, syncProtocol(x.cfg.View().Network()), p2p.ServiceSync)
	if err != nil {
		return err
	}
	defer stop()
	if all, err = x.pullOver(ctx, newSession(s, x.metrics), node); err != nil {
		_ = s.Reset()
		return err
	}
	return s.Close()
}

// errVain ends a pull of which too little gets in here.
var errVain = errors.New("too little of what it sends gets in")

func (x *Exchange) pullOver(ctx context.Context, e *session, node ct.LogID) (all bool, err error) {
	mine, restricted := x.holdsFor(node)
	hello := x.hello(node, &mine)
	if err := e.send(&wire.SyncMessage{Hello: hello}); err != nil {
		return false, err
	}
	m, err := e.receiveHello()
	if err != nil {
		return false, err
	}
	if m.Hello == nil {
		return false, fmt.Errorf("%w: want a hello", errPeer)
	}
	said := heard{m.Hello.YourSize, x.ahead(m.Hello.Time)}
	if m.Hello.Digest != hello.Digest {
		if err := x.pullFrontier(ctx, e, node, &mine, m.Hello.Digest, said, restricted); err != nil {
			return false, err
		}
	} else if !restricted {
		x.believe(node, said)
	}
	if restricted {
		return false, nil
	}
	if err := x.pullClosed(ctx, e, node); err != nil {
		return false, err
	}
	if err := x.pullRotten(ctx, e, node); err != nil {
		return false, err
	}
	if err := x.pullSignatures(ctx, e, node); err != nil {
		return false, err
	}
	return true, x.pullBodies(ctx, e, node)
}

// ahead is a peer's clock against this node's.
func (x *Exchange) ahead(t ct.Millis) time.Duration { return t.Time().Sub(x.cfg.Clock()) }

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

func (x *Exchange) pullFrontier(ctx context.Context, e *session, node ct.LogID, mine *snapshot, digest [32]byte, said heard, restricted bool) error {
	theirs, err := x.frontiers(e, node, mine, digest)
	if err != nil {
		return err
	}
	believe := func() { x.believe(node, said) }
	if restricted {
		theirs = x.allowedHeads(theirs, node)
		theirs = slices.DeleteFunc(theirs, func(h wire.LogHead) bool { return h.Log == node }) // it says nothing any more
		believe = func() {}
	} else if reconcile.Size(theirs, x.cfg.Own) < said.own {
		return fmt.Errorf("%w: its frontier holds less of this node's log than its hello", errPeer)
	}
	if err := x.pullRanges(ctx, e, node, theirs, believe); err != nil {
		return err
	}
	return x.pullForks(ctx, e, node, x.unclosed(theirs))
}

// pullRanges fetches what the peer holds of its frontier and this node does not.
func (x *Exchange) pullRanges(ctx context.Context, e *session, node ct.LogID, theirs []wire.LogHead, before func()) error {
	skip, one := x.claims.heldOf(node, theirs, x.cfg.View().Version(), time.Now())
	for {
		view := x.cfg.View()
		before()
		mine := x.holds()
		plan := reconcile.Compare(mine.Head, x.unclosed(theirs), x.class)
		bare := true
		batch := x.claims.take(only(one, plan.Roots, plan.Nodes), batchRecords, skip, one)
		for _, ranges := range [][]wire.SyncRange{own(plan.Nodes, x.cfg.Own), plan.Roots, plan.Nodes} {
			if len(batch) > 0 {
				break
			}
			bare = false
			batch = x.claims.take(ranges, batchRecords, skip, nil)
		}
		if len(batch) == 0 {
			if plan.Skipped > 0 || len(skip) > 0 {
				x.queue.awaits(node, view.Version())
			}
			return nil
		}
		got := e.got
		clear(e.short)
		f := reconcile.NewFetch(batch)
		f.Bare = bare
		held, err := x.fetch(ctx, e, f, x.openChunk, x.submitInOrder)
		x.claims.release(batch)
		if err != nil {
			x.claims.hold(node, held, view.Version(), time.Now())
			return err
		}
		vain := e.got - got
		for _, r := range batch {
			h, _ := x.cfg.Store.Head(r.Log)
			first, short := e.short[r.Log]
			switch {
			case h.Size >= r.From:
				vain -= int(min(h.Size+1-r.From, r.Count))
				delete(one, r.Log)
				x.claims.free(node, r.Log)
			case h.Ends(r.From): // it forked meanwhile
				skip[r.Log] = true
			case first: // it has no good signature for it, or does not hold it
				x.claims.holdShort(node, r.Log, view.Version(), time.Now())
				skip[r.Log] = true
			case short: // it is asked for again
			default: // what ingest does not take it will not take soon
				held.add(r.Log, "")
			}
			// What did not come forward now will not in this session.
			if h.Size+1 < r.From+r.Count && !short {
				skip[r.Log] = true
			}
		}
		x.claims.hold(node, held, view.Version(), time.Now())
		if err := x.spend(node, vain); err != nil {
			return err
		}
	}
}

// only gives the ranges of some logs.
func only(logs map[ct.LogID]bool, ranges ...[]wire.SyncRange) (out []wire.SyncRange) {
	for _, part := range ranges {
		for _, r := range part {
			if logs[r.Log] {
				out = append(out, r)
			}
		}
	}
	return out
}

const (
	// vainMost is how many records a peer may send, in ten minutes, that were
	// asked for and do not get in: held ones, more of a log that forks meanwhile,
	// the records by which a fork is searched for.
	vainMost = 1 << 14
	// vainRest is how long it is left alone when it has sent more.
	vainRest = 2 * time.Minute
)

// spend counts records of a peer that did not get in.
func (x *Exchange) spend(node ct.LogID, records int) error {
	if records <= 0 || x.vain.take(node, records, vainMost, time.Now()) == 0 {
		return nil
	}
	return errVain
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
		if _, err := x.fetch(ctx, e, reconcile.NewBodyFetch(refs), x.openBodies(refs), put); err != nil || filled == 0 {
			return err
		}
	}
}

func (x *Exchange) hello(to ct.LogID, mine *snapshot) *wire.SyncHello {
	return &wire.SyncHello{Digest: mine.digest, YourSize: mine.Head(to).Size, Time: ct.MillisOf(x.cfg.Clock())}
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
