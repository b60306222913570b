package exchange

import (
	"context"
	"fmt"
	"slices"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A closed log ends with the record that its closing names, and with nothing
// else. Comparing lengths says nothing of it, since the key that signed it may
// have signed other branches: it is fetched from a peer that says it holds that
// record, first backwards, so that each header is proved by the one after it
// and the last one by the closing, to the common ancestor; then forwards.

// closedChunk is how many records of a closed log are asked for at a time.
const closedChunk = 512

// unclosed leaves out of a frontier the logs that their States have closed.
func (x *Exchange) unclosed(heads []wire.LogHead) []wire.LogHead {
	v := x.cfg.View()
	return slices.DeleteFunc(slices.Clone(heads), func(h wire.LogHead) bool {
		right, _ := v.Right(h.Log)
		return right.Closing != nil
	})
}

// ended tells whether a closed log is held up to its end.
func (x *Exchange) ended(log ct.LogID, c *roster.Closing) bool {
	h, _ := x.cfg.Store.Head(log)
	return h.Size == c.Seq && h.Contested == 0 && (c.Seq == 0 || h.ID == c.ID)
}

// lacking are the closed logs whose end a peer says it holds and this node does not.
func (x *Exchange) lacking(theirs []wire.LogHead) (out []ct.LogID) {
	v := x.cfg.View()
	for _, h := range theirs {
		right, _ := v.Right(h.Log)
		if c := right.Closing; c != nil && h.Size == c.Seq && h.Head == c.ID && !x.ended(h.Log, c) {
			out = append(out, h.Log)
		}
	}
	return out
}

// pullClosed fetches closed logs up to their end.
func (x *Exchange) pullClosed(ctx context.Context, e *session, theirs []wire.LogHead) error {
	for _, log := range x.lacking(theirs) {
		claim := x.claims.take([]wire.SyncRange{{Log: log, From: 1, Count: 1}}, 1, nil)
		if len(claim) == 0 {
			continue
		}
		right, _ := x.cfg.View().Right(log)
		err := x.settle(ctx, e, log, right)
		x.claims.release(claim)
		if err != nil {
			return err
		}
	}
	return nil
}

// mark is a record of the branch that holds.
type mark struct {
	seq uint64
	id  ct.ID
}

// settle brings one closed log to its end. What it leaves when it is
// interrupted is a log that the next one goes on from.
func (x *Exchange) settle(ctx context.Context, e *session, log ct.LogID, right roster.Right) error {
	if right.Closing == nil {
		return nil
	}
	end := mark{right.Closing.Seq, right.Closing.ID}
	ancestor, marks, err := x.walkBack(e, log, right.First, end)
	if err != nil {
		return err
	}
	if err := x.cfg.Ingest.Rewind(ctx, log, ancestor); err != nil {
		return err
	}
	for at := ancestor; len(marks) > 0; marks = marks[:len(marks)-1] {
		m := marks[len(marks)-1]
		if m.seq <= at {
			continue
		}
		raws, err := x.askRange(e, log, at+1, m.seq)
		if err != nil {
			return err
		}
		if _, _, err := x.chain(raws, log, m); err != nil {
			return err // not what it showed on the way back
		}
		held := map[ct.LogID]bool{}
		recs, err := x.openChunk(raws, held)
		switch {
		case err != nil:
			return err
		case len(held) > 0:
			return nil // another roster by now
		}
		if err := x.cfg.Ingest.SubmitProved(ctx, recs); x.stored(err) != nil {
			return err
		}
		x.metrics.records.Add(float64(len(recs)))
		at = m.seq
	}
	return x.cfg.Ingest.CloseLog(ctx, log, *right.Closing)
}

// walkBack follows a log from its end to the last record that is held here
// too, 0 when there is none. The marks are the ends of the pieces walked, the
// last piece first: what is fetched later is held against them.
func (x *Exchange) walkBack(e *session, log ct.LogID, first ct.ID, end mark) (ancestor uint64, marks []mark, err error) {
	for to := end; ; {
		if to.seq == 0 {
			if to.id != first {
				return 0, nil, fmt.Errorf("%w: log %s does not begin with its delegation", errPeer, log.Short())
			}
			return 0, marks, nil
		}
		if same, err := x.holds(log, to); err != nil || same {
			return to.seq, marks, err
		}
		marks = append(marks, to)
		from := max(to.seq, closedChunk) - closedChunk + 1
		raws, err := x.askRange(e, log, from, to.seq)
		if err != nil {
			return 0, nil, err
		}
		ids, prev, err := x.chain(raws, log, to)
		if err != nil {
			return 0, nil, err
		}
		for i := len(ids) - 1; i >= 0; i-- {
			m := mark{from + uint64(i), ids[i]}
			if same, err := x.holds(log, m); err != nil || same {
				return m.seq, marks, err
			}
		}
		to = mark{from - 1, prev}
	}
}

func (x *Exchange) holds(log ct.LogID, m mark) (bool, error) {
	id, _, ok, err := x.cfg.Store.Lookup(log, m.seq)
	if err != nil {
		return false, fmt.Errorf("walk back: %w", err)
	}
	return ok && id == m.id, nil
}

// chain proves that raws lead to the record at to, and gives their ids and the
// id of the record before them.
func (x *Exchange) chain(raws [][]byte, log ct.LogID, to mark) (ids []ct.ID, before ct.ID, err error) {
	network := x.cfg.View().Network()
	for i, raw := range raws {
		env, err := wire.Decode(raw)
		if err != nil {
			return nil, before, fmt.Errorf("%w: %w", errPeer, err)
		}
		switch {
		case i == 0:
			before = env.Header.Prev
		case env.Header.Prev != ids[i-1]:
			return nil, before, fmt.Errorf("%w: log %s: its records do not follow each other", errPeer, log.Short())
		}
		ids = append(ids, wire.ID(network, env.HeaderBytes))
	}
	if ids[len(ids)-1] != to.id {
		return nil, before, fmt.Errorf("%w: log %s: record %d is not the one it says it holds", errPeer, log.Short(), to.seq)
	}
	return ids, before, nil
}

// askRange gets the records from one seq to another, all of them.
func (x *Exchange) askRange(e *session, log ct.LogID, from, to uint64) ([][]byte, error) {
	f := reconcile.NewFetch([]wire.SyncRange{{Log: log, From: from, Count: to - from + 1}})
	if err := e.send(&wire.SyncMessage{Want: f.Next()}); err != nil {
		return nil, err
	}
	var out [][]byte
	for {
		m, err := e.receive()
		if err != nil {
			return nil, err
		}
		if m.Records == nil {
			return nil, fmt.Errorf("%w: want records", errPeer)
		}
		for _, raw := range m.Records.Records {
			log, seq, err := wire.Peek(raw)
			if err == nil {
				err = f.Got(log, seq)
			}
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errPeer, err)
			}
			out = append(out, raw)
		}
		if m.Records.Last {
			if err := f.Done(); err != nil {
				return nil, fmt.Errorf("%w: %w", errPeer, err)
			}
			return out, nil
		}
	}
}
