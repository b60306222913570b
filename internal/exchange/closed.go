package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A closed log ends with the record that its closing names, and with nothing
// else. Comparing lengths says nothing of it, since the key that signed it may
// have signed other branches, and a log that has ended would be compared for
// ever: so it is in no frontier. The roster says that it is there and where it
// ends. Who does not hold it to its end asks each peer for it: for what is
// missing, when that is little, else first backwards, so that each header is
// proved by the one after it and the last one by the closing, to the common
// ancestor; then forwards. A peer that holds less of it, or another branch,
// does nothing wrong.

// closedChunk is how many records of a closed log are asked for at a time.
const closedChunk = 512

// errElsewhere: this peer does not hold the branch of a closed log that counts.
var errElsewhere = errors.New("the peer does not hold the end of a closed log")

// closings are the closed logs of a roster, and when each peer was asked for
// those that are missing.
type closings struct {
	mu   sync.Mutex
	view *roster.View
	logs []ct.LogID
	last map[ct.LogID]time.Time // since the roster changed; bounded by it
}

// lacking are the closed logs that are not held to their end; none when this
// peer was asked for them lately.
func (x *Exchange) lacking(node ct.LogID, now time.Time) []ct.LogID {
	c, v := &x.closings, x.cfg.View()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.view != v {
		c.view, c.logs, c.last = v, nil, map[ct.LogID]time.Time{}
		for _, n := range v.Nodes() {
			if n.Closing != nil {
				c.logs = append(c.logs, n.Key)
			}
		}
	}
	if last, ok := c.last[node]; ok && now.Sub(last) < missingEvery {
		return nil
	}
	c.last[node] = now
	var out []ct.LogID
	for _, log := range c.logs {
		if right, _ := v.Right(log); right.Closing != nil && !x.ended(log, right.Closing) {
			out = append(out, log)
		}
	}
	return out
}

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

// pullClosed fetches closed logs up to their end.
func (x *Exchange) pullClosed(ctx context.Context, e *session, node ct.LogID) error {
	for _, log := range x.lacking(node, time.Now()) {
		claim := x.claims.take([]wire.SyncRange{{Log: log, From: 1, Count: 1}}, 1, nil, nil)
		if len(claim) == 0 {
			continue
		}
		right, _ := x.cfg.View().Right(log)
		got := e.got
		size := x.size(log)
		err := x.settle(ctx, e, log, right)
		x.claims.release(claim)
		if errors.Is(err, errElsewhere) {
			x.log.Debug("a closed log is asked of another peer", "log", log.Short(), "node", node.Short(), "err", err)
			err = nil
		}
		if err != nil {
			return err
		}
		// Headers that were walked back over are fetched once more with their bodies.
		if err := x.spend(node, e.got-got-2*int(max(x.size(log), size)-size)); err != nil {
			return err
		}
	}
	return nil
}

func (x *Exchange) size(log ct.LogID) uint64 {
	h, _ := x.cfg.Store.Head(log)
	return h.Size
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
	h, _ := x.cfg.Store.Head(log)
	at := mark{h.Size, h.ID}
	if h.Size == 0 {
		at.id = right.First
	}
	var marks []mark
	if at.seq < end.seq && end.seq-at.seq <= closedChunk && h.Contested == 0 {
		switch stored, err := x.bring(ctx, e, log, at, end); {
		case stored:
			return x.cfg.Ingest.CloseLog(ctx, log, *right.Closing)
		case err != nil && !errors.Is(err, errBranch):
			return err
		}
	}
	ancestor, marks, err := x.walkBack(e, log, right.First, end)
	if err != nil {
		return err
	}
	if err := x.cfg.Ingest.Rewind(ctx, log, ancestor.seq); err != nil {
		return err
	}
	for at := ancestor; len(marks) > 0; marks = marks[:len(marks)-1] {
		m := marks[len(marks)-1]
		if m.seq <= at.seq {
			continue
		}
		if stored, err := x.bring(ctx, e, log, at, m); err != nil || !stored {
			return err
		}
		at = m
	}
	return x.cfg.Ingest.CloseLog(ctx, log, *right.Closing)
}

// errBranch: what follows is not on the branch that is held.
var errBranch = fmt.Errorf("%w: it branches off", errElsewhere)

// bring fetches the records after one mark up to another, which is known to
// count, and stores them when they lead from the one to the other; false: a
// record of them cannot be judged now.
func (x *Exchange) bring(ctx context.Context, e *session, log ct.LogID, at, to mark) (bool, error) {
	raws, err := x.askRange(e, log, at.seq+1, to.seq, x.cfg.Store.Topics())
	if err != nil {
		return false, err
	}
	_, before, err := x.chain(raws, log, to)
	if err != nil {
		return false, err
	}
	if before != at.id {
		return false, errBranch
	}
	held := held{}
	recs, err := x.openChunk(raws, held)
	if err != nil || len(held) > 0 {
		return false, err
	}
	if err := x.stored(x.cfg.Ingest.SubmitProved(ctx, recs)); err != nil {
		return false, err
	}
	x.metrics.records.Add(float64(len(recs)))
	return true, nil
}

// walkBack follows a log from its end to the last record that is held here
// too: its beginning, when there is none. The marks are the ends of the pieces
// walked, the last piece first: what is fetched later is held against them.
func (x *Exchange) walkBack(e *session, log ct.LogID, first ct.ID, end mark) (ancestor mark, marks []mark, err error) {
	for to := end; ; {
		if to.seq == 0 {
			if to.id != first {
				return mark{}, nil, fmt.Errorf("%w: it does not begin with its delegation", errElsewhere)
			}
			return to, marks, nil
		}
		if same, err := x.holdsMark(log, to); err != nil || same {
			return to, marks, err
		}
		marks = append(marks, to)
		from := max(to.seq, closedChunk) - closedChunk + 1
		raws, err := x.askRange(e, log, from, to.seq, 1<<ct.TopicControl) // headers, but for the shortest bodies
		if err != nil {
			return mark{}, nil, err
		}
		ids, prev, err := x.chain(raws, log, to)
		if err != nil {
			return mark{}, nil, err
		}
		for i := len(ids) - 1; i >= 0; i-- {
			m := mark{from + uint64(i), ids[i]}
			if same, err := x.holdsMark(log, m); err != nil || same {
				return m, marks, err
			}
		}
		to = mark{from - 1, prev}
	}
}

func (x *Exchange) holdsMark(log ct.LogID, m mark) (bool, error) {
	id, _, ok, err := x.cfg.Store.Lookup(log, m.seq)
	if err != nil {
		return false, fmt.Errorf("walk back: %w", err)
	}
	return ok && id == m.id, nil
}

// chain proves that raws lead to the record at to, and gives their ids and the
// id of the record before them. Records that do not follow each other are in no
// node's store.
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
	if len(ids) == 0 || ids[len(ids)-1] != to.id {
		return nil, before, fmt.Errorf("%w: record %d is not there, or another", errElsewhere, to.seq)
	}
	return ids, before, nil
}

// askRange gets the records from one seq to another, all of them or none: the
// peer has promised nothing. Bodies come of these topics alone.
func (x *Exchange) askRange(e *session, log ct.LogID, from, to uint64, topics ct.TopicSet) ([][]byte, error) {
	f := reconcile.NewPartialFetch([]wire.SyncRange{{Log: log, From: from, Count: to - from + 1}})
	w := f.Next()
	w.Topics = topics
	if err := e.send(&wire.SyncMessage{Want: w}); err != nil {
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
		e.got += len(m.Records.Records)
		for _, raw := range m.Records.Records {
			if _, err := got(f, raw); err != nil {
				return nil, fmt.Errorf("%w: %w", errPeer, err)
			}
			out = append(out, raw)
		}
		if m.Records.Last {
			if _, err := f.Done(); err != nil {
				return nil, fmt.Errorf("%w: %w", errPeer, err)
			}
			if uint64(len(out)) != to-from+1 {
				return nil, nil
			}
			return out, nil
		}
	}
}
