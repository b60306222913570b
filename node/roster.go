package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// RosterFile is the roster as this node holds it, in a file that verifies
// offline (OpenRoster).
func (n *Node) RosterFile() ([]byte, error) {
	raw, err := os.ReadFile(n.cfg.path(FileGenesis))
	if err != nil {
		return nil, fmt.Errorf("roster: %w", err)
	}
	g, err := roster.ParseGenesis(raw)
	if err != nil {
		return nil, fmt.Errorf("roster: %w", err)
	}
	var records [][]byte
	for _, m := range g.Members() {
		head, _ := n.store.Head(m.Root)
		for seq := uint64(len(m.Nodes)) + 1; seq <= head.Size; {
			part, err := n.store.Range(m.Root, seq, 1000, 1<<20)
			if err != nil {
				return nil, fmt.Errorf("roster: %w", err)
			}
			records, seq = append(records, part...), seq+uint64(len(part))
		}
	}
	return roster.EncodeFile(g, records), nil
}

// submitWait is how long a submission waits for the record before it to count.
const submitWait = 5 * time.Second

// RosterSubmit takes a record of a root log in, signed elsewhere, when it does
// something to the roster. It is durable when this returns, and then goes to
// every other node. A record that is held already is no fault.
func (n *Node) RosterSubmit(ctx context.Context, raw []byte) (ct.Ref, error) {
	view := n.view.Load()
	rec, err := verify.Open(raw, view, time.Now())
	if err != nil {
		return ct.Ref{}, fmt.Errorf("submit to the roster: %w: %w", api.ErrInvalid, err)
	}
	h := rec.Header()
	ref := ct.Ref{Log: h.Log, Seq: h.Seq, ID: rec.ID()}
	switch {
	case !rec.Root():
		return ref, fmt.Errorf("submit to the roster: %w: not a record of a root log", api.ErrInvalid)
	case !rec.HasBody():
		return ref, fmt.Errorf("submit to the roster: %w: the record came without its body", api.ErrInvalid)
	case rec.Inadmissible() != "":
		return ref, fmt.Errorf("submit to the roster: %w: inadmissible: %s", api.ErrInvalid, rec.Inadmissible())
	}
	if id, _, held, err := n.store.Lookup(h.Log, h.Seq); err != nil {
		return ref, err
	} else if held && id == ref.ID {
		return ref, nil
	} else if held {
		return ref, fmt.Errorf("submit to the roster: %w: another record %d of this root log is held; sign on a newer export", api.ErrConflict, h.Seq)
	}
	op, err := roster.ReadOperation(h.Kind, rec.Body())
	if err != nil {
		return ref, fmt.Errorf("submit to the roster: %w: %w", api.ErrInvalid, err)
	}
	// The view may lag behind the store for a moment: a whole file is submitted
	// record by record. It lags for ever where the root log has stopped.
	for deadline := time.Now().Add(submitWait); ; {
		if _, err = view.Apply(h, ref.ID, op); !errors.Is(err, roster.ErrOrder) || h.Seq == 1 {
			break
		}
		if _, err := n.store.Get(h.Log, h.Seq-1); err != nil {
			return ref, fmt.Errorf("submit to the roster: %w: record %d comes before it and is not held", api.ErrConflict, h.Seq-1)
		}
		if seq, _, _, _ := view.RootHead(h.Log); seq >= h.Seq-1 || time.Now().After(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			return ref, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		view = n.view.Load()
	}
	if err != nil {
		return ref, fmt.Errorf("submit to the roster: %w: %w", api.ErrConflict, err)
	}
	out, err := n.ingest.Submit(ctx, rec)
	switch {
	case err != nil:
		return ref, fmt.Errorf("submit to the roster: %w", err)
	case out != ingest.Stored && out != ingest.Duplicate:
		return ref, fmt.Errorf("submit to the roster: %w: %s", api.ErrConflict, out)
	}
	return ref, nil
}

// rosterAlarms are what a person has to look into about the roster: it stays as
// it is where a root log has forked or speaks of what this version does not
// know, and a closed log may wait for its last records.
func (n *Node) rosterAlarms() (out []string) {
	v := n.view.Load()
	for _, m := range v.Members() {
		head, _ := n.store.Head(m.Root)
		applied, _, _, _ := v.RootHead(m.Root)
		switch {
		case head.Contested != 0:
			out = append(out, fmt.Sprintf("roster: the root log of %s has forked; what it said to record %d stays, nothing is added", m.State, applied))
		case v.Stopped(m.Root) != 0:
			out = append(out, fmt.Sprintf("roster: record %d of the root log of %s is not understood by this version: nothing that %s says from there on counts here; ask %s which version signed it, and upgrade", v.Stopped(m.Root), m.State, m.State, m.State))
		}
	}
	for _, node := range n.closings() {
		if h, _ := n.store.Head(node.Key); h.Size != node.Closing.Seq || h.Contested != 0 {
			out = append(out, fmt.Sprintf("closing: of the closed log %s of %s the branch that holds has not come yet: %d of %d records are held", node.Key.Short(), node.State, h.Size, node.Closing.Seq))
		}
	}
	return out
}
