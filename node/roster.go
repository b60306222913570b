package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// maxRootRecords bounds the records of all root logs in a roster file: in the
// file they take a third more.
const maxRootRecords = 40 << 20 // bytes

// RosterFile is the roster as this node holds it, in a file that verifies
// offline (OpenRoster): what cannot be applied here too, as a later version may.
// A root log that would not fit, or of which a record cannot be read, is in it
// up to there, and this State's own comes first.
func (n *Node) RosterFile() ([]byte, error) {
	raw, err := os.ReadFile(n.cfg.path(FileGenesis))
	if err != nil {
		return nil, fmt.Errorf("roster: %w", err)
	}
	g, err := roster.ParseGenesis(raw)
	if err != nil {
		return nil, fmt.Errorf("roster: %w", err)
	}
	members := g.Members()
	slices.SortStableFunc(members, func(a, b roster.Member) int {
		size := func(m roster.Member) uint64 {
			if m.State == n.state {
				return 0
			}
			h, _ := n.store.Head(m.Root)
			return h.Size
		}
		return cmp.Compare(size(a), size(b))
	})
	var records [][]byte
	room, view := maxRootRecords, n.view.Load()
	for _, m := range members {
		for seq, more := uint64(len(m.Nodes))+1, true; more; {
			part, err := n.store.Range(m.Root, seq, 1000, 1<<20)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				n.cfg.Log.Warn("a root log is not whole in the roster file", "state", m.State, "from", seq, "error", err)
			}
			for _, raw := range part {
				// One stored on a later record's signature may have a wrong one of its own.
				_, _, err := openRootRecord(raw, view, dated(raw, time.Now()))
				if room -= len(raw); err != nil || room < 0 {
					n.cfg.Log.Warn("a root log is not whole in the roster file", "state", m.State, "from", seq, "error", err)
					part = nil
					break
				}
				records, seq = append(records, raw), seq+1
			}
			more = len(part) > 0
		}
	}
	return roster.EncodeFile(g, records), nil
}

// NodeHeads tells how far each node log is held.
func (n *Node) NodeHeads() (out []api.NodeHead) {
	for _, node := range n.view.Load().Nodes() {
		h, _ := n.store.Head(node.Key)
		out = append(out, api.NodeHead{Ref: ct.Ref{Log: node.Key, Seq: h.Size, ID: h.ID}, Contested: h.Contested != 0})
	}
	return out
}

// submitWait is how long a submission waits for the record before it to count.
const submitWait = 5 * time.Second

// RosterSubmit takes a record of a root log in, signed elsewhere. It is durable
// when this returns, and then goes to every other node. A record that is held
// already is no fault, nor is one without effect: what is said of a State's
// root log may stand on it. The note says what an operator did not expect.
func (n *Node) RosterSubmit(ctx context.Context, raw []byte) (api.RosterSubmitted, error) {
	var out api.RosterSubmitted
	rec, op, err := openRootRecord(raw, n.view.Load(), time.Now())
	if errors.Is(err, errWaits) {
		err = errors.New("the record came without its body")
	}
	if err != nil {
		return out, fmt.Errorf("submit to the roster: %w: %w", api.ErrInvalid, err)
	}
	h := rec.Header()
	out.Ref = ct.Ref{Log: h.Log, Seq: h.Seq, ID: rec.ID()}
	if id, _, held, err := n.store.Lookup(h.Log, h.Seq); err != nil {
		return out, err
	} else if held && id == out.ID {
		return out, nil
	} else if held {
		return out, fmt.Errorf("submit to the roster: %w: another record %d of this root log is held; sign on a newer export", api.ErrConflict, h.Seq)
	}
	view, err := n.rootView(ctx, h)
	if err != nil {
		return out, err
	}
	switch _, err = view.Apply(h, out.ID, op); {
	case err != nil:
		out.Note = err.Error()
	case op.Closing != nil:
		out.Note = n.closingNote(*op.Closing)
	case rec.Inadmissible() != "":
		out.Note = "it has no effect: " + string(rec.Inadmissible())
	}
	got, err := n.ingest.Submit(ctx, rec)
	switch {
	case err != nil:
		return out, fmt.Errorf("submit to the roster: %w", err)
	case got != ingest.Stored && got != ingest.Duplicate:
		return out, fmt.Errorf("submit to the roster: %w: %s", api.ErrConflict, got)
	}
	return out, nil
}

// rootView is the roster once it has followed a root log to the record before h.
// It may lag behind the store for a moment, as a whole file is submitted record
// by record, or for as long as a body is missing.
func (n *Node) rootView(ctx context.Context, h *wire.Header) (*roster.View, error) {
	if h.Seq > 1 {
		if _, err := n.store.Get(h.Log, h.Seq-1); err != nil {
			return nil, fmt.Errorf("submit to the roster: %w: record %d comes before it and is not held", api.ErrConflict, h.Seq-1)
		}
	}
	for deadline := time.Now().Add(submitWait); ; {
		view := n.view.Load()
		if seq, _, _, _ := view.RootHead(h.Log); seq+1 >= h.Seq || time.Now().After(deadline) {
			return view, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// closingNote says what of a closing does not fit what is held here.
func (n *Node) closingNote(c ct.Closing) string {
	h, _ := n.store.Head(c.Log)
	id, _, held, err := n.store.Lookup(c.Log, c.Seq)
	switch {
	case c.Seq > h.Size:
		return fmt.Sprintf("the log is held here to record %d of %d; if the number was mistyped, close it again at a lower one", h.Size, c.Seq)
	case c.Seq > 0 && err == nil && held && id != c.ID:
		return fmt.Sprintf("record %d held here is %s, another one: the branch that was named is fetched; if the id was mistyped, close the log again at a lower record", c.Seq, id.Short())
	case c.Seq < h.Size:
		return fmt.Sprintf("%d records of the log that are held here no longer count", h.Size-c.Seq)
	}
	return ""
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
		case n.waits(m.Root, applied):
			out = append(out, fmt.Sprintf("roster: the root log of %s waits for the content of record %d, which is not held here; it is asked for from every node, and nothing that %s says from there on counts until it comes", m.State, applied+1, m.State))
		}
	}
	return append(out, n.closingAlarms(time.Now())...)
}

// waits tells that the record behind the last one applied of a root log cannot
// be applied, since its body is not here or it has rotted.
func (n *Node) waits(root ct.LogID, applied uint64) bool {
	row, err := n.store.Get(root, applied+1)
	return errors.Is(err, store.ErrDamaged) || err == nil && row.BodyState != store.BodyHeld && n.acts(row)
}

// missedFor is how long the missing end of another State's closed log is an
// alarm: it may be that nobody has it, and only that State can say so.
const missedFor = 30 * 24 * time.Hour

// closingAlarms tell of closed logs whose end is not held, a line a State.
func (n *Node) closingAlarms(now time.Time) (out []string) {
	missed := map[ct.State][]string{}
	for _, node := range n.closings() {
		if n.ended(node) || node.State != n.state && now.Sub(node.Closing.Issued.Time()) > missedFor {
			continue
		}
		h, _ := n.store.Head(node.Key)
		missed[node.State] = append(missed[node.State], fmt.Sprintf("%s (record %d of %d)", node.Key.Short(), h.Size, node.Closing.Seq))
	}
	for _, s := range slices.Sorted(maps.Keys(missed)) {
		logs := missed[s]
		const most = 3
		if len(logs) > most {
			logs = append(logs[:most:most], fmt.Sprintf("%d more", len(logs)-most))
		}
		out = append(out, fmt.Sprintf("closing: the end of what %s has closed is not held here: %s; it is asked for. If the number or id was mistyped, or nobody has the record, %s closes the log again at a lower record: `herald roster close`", s, strings.Join(logs, ", "), s))
	}
	return out
}
