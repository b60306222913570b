package exchange

import (
	"context"
	"errors"
	"fmt"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// maxDisputes bounds the logs of one pull in which a fork is searched for.
const maxDisputes = 64

// pullForks fetches the proofs of forks that the peer knows and this node does
// not, and searches for the lowest fork of each log of which the two hold
// different records. It comes last: below a fork a log goes on all the same.
func (x *Exchange) pullForks(ctx context.Context, e *session, node ct.LogID, theirs []wire.LogHead) error {
	mine := x.holds()
	plan := reconcile.Compare(mine.Head, theirs, x.class)
	suspects := plan.Suspects
	for _, t := range plan.Shorter {
		id, same, err := x.sameAt(t.Log, t.Size, t.Head)
		if err != nil {
			return err
		}
		if !same && !id.IsZero() {
			suspects = append(suspects, wire.SyncRange{Log: t.Log, From: t.Size, Count: 1})
		}
	}
	got := e.got
	for _, r := range suspects[:min(len(suspects), maxDisputes)] {
		if err := x.dispute(ctx, e, r.Log, r.From); err != nil {
			return err
		}
	}
	if n := min(len(plan.Proofs), wire.MaxSyncRanges); n > 0 {
		if err := x.fetchProofs(ctx, e, plan.Proofs[:n]); err != nil {
			return err
		}
	}
	return x.spend(node, e.got-got)
}

// sameAt tells whether the record held at seq of a log is id. One that has
// rotted says nothing: pullRotten asks for it, and nothing is judged by it.
func (x *Exchange) sameAt(log ct.LogID, seq uint64, id ct.ID) (mine ct.ID, same bool, err error) {
	mine, _, ok, err := x.cfg.Store.Lookup(log, seq)
	switch {
	case errors.Is(err, store.ErrDamaged):
		return ct.ID{}, false, nil
	case err != nil:
		return ct.ID{}, false, fmt.Errorf("compare logs: %w", err)
	case !ok:
		return ct.ID{}, false, nil
	}
	return mine, mine == id, nil
}

// dispute finds the lowest seq at which the peer holds another record than this
// node, which is at most high, and brings that record in as the other half of a
// fork. Each record names the one before it, so where two are the same all
// before them are. A record that the peer does not hold ends the search: the
// next one goes on from what was found.
func (x *Exchange) dispute(ctx context.Context, e *session, log ct.LogID, high uint64) error {
	var other []byte
	for low, at := uint64(0), high; ; at = low + (high-low)/2 {
		raw, id, err := x.askOne(e, log, at)
		if err != nil {
			return err
		}
		mine, same, err := x.sameAt(log, at, id)
		if err != nil {
			return err
		}
		switch {
		case raw == nil || mine.IsZero():
			low = high // it cannot be told
		case same:
			low = at
		default:
			high, other = at, raw
		}
		if high-low <= 1 {
			break
		}
	}
	if other == nil {
		return nil
	}
	recs, err := x.openEach([][]byte{other}, held{})
	if err != nil {
		return err
	}
	return x.submitEach(ctx, recs)
}

// askOne asks for a record and gives its id; nil when the peer does not hold it.
func (x *Exchange) askOne(e *session, log ct.LogID, seq uint64) ([]byte, ct.ID, error) {
	raws, err := x.askRange(e, log, seq, seq, 1<<ct.TopicControl)
	if err != nil || len(raws) == 0 {
		return nil, ct.ID{}, err
	}
	env, err := wire.Decode(raws[0])
	if err != nil {
		return nil, ct.ID{}, fmt.Errorf("%w: %w", errPeer, err)
	}
	return raws[0], wire.ID(x.cfg.View().Network(), env.HeaderBytes), nil
}
