package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// replayRoots applies what is held of the root logs and not applied yet.
func (n *Node) replayRoots(ctx context.Context) error {
	var roots []ct.LogID
	for _, m := range n.view.Load().Members() {
		roots = append(roots, m.Root)
	}
	return n.applyRoots(ctx, roots)
}

// rootStep is how many records of one root log are applied before it is the
// turn of the others: a long one holds up nobody else's closing.
const rootStep = 128

// applyRoots applies what is held of these root logs, in turns.
func (n *Node) applyRoots(ctx context.Context, roots []ct.LogID) error {
	for len(roots) > 0 {
		var rest []ct.LogID
		for _, log := range roots {
			more, err := n.advanceRoot(ctx, log)
			if err != nil {
				return err
			}
			if more {
				rest = append(rest, log)
			}
		}
		roots = rest
	}
	return nil
}

// advanceRoot applies the next records held of one root log, from where the
// roster has come to, and tells whether there may be more.
func (n *Node) advanceRoot(ctx context.Context, log ct.LogID) (more bool, err error) {
	head, _ := n.store.Head(log)
	seq, _, _, _ := n.view.Load().RootHead(log)
	for range rootStep {
		if seq++; seq > head.Size {
			return false, nil
		}
		row, err := n.store.Get(log, seq)
		if errors.Is(err, store.ErrDamaged) {
			// What can be made whole here is; the rest comes from peers and is
			// read then. The roster stays as it is until that time.
			n.mendHere(ctx)
			if row, err = n.store.Get(log, seq); errors.Is(err, store.ErrDamaged) {
				n.cfg.Log.Error("the roster waits for a record that has rotted", "log", log.Short(), "seq", seq)
				return false, nil
			}
		}
		if err != nil {
			return false, fmt.Errorf("read root log %s: %w", log.Short(), err)
		}
		n.rootReads.Add(1)
		err = n.applyRoot(row)
		if err != nil {
			n.cfg.Log.Warn("a record of a root log does not change the roster", "state", row.State, "seq", seq, "error", err)
		}
		if now, _, _, _ := n.view.Load().RootHead(log); now < seq {
			return false, nil // it waits for the body
		}
	}
	return true, nil
}

// applyRoot gives the roster the next record of a root log. Every record must
// pass here in order, also those without effect; an error is something to
// show, and the view that comes with it is the one to go on with. It has one
// caller at a time: New, then followRoster.
func (n *Node) applyRoot(row store.Row) error {
	var op roster.Operation
	if n.acts(row) {
		if row.BodyState != store.BodyHeld {
			return errWaits
		}
		var err error
		if op, err = roster.ReadOperation(row.Header.Kind, row.Body); err != nil {
			return fmt.Errorf("record %d: %w", row.Header.Seq, err)
		}
	}
	next, err := n.view.Load().Apply(&row.Header, row.ID, op)
	n.view.Store(next)
	return err
}

// acts tells whether a record of a root log changes the roster. It is read from
// the beginning at each start, so by the rules of this program, whichever one
// took the record in.
func (n *Node) acts(row store.Row) bool {
	var body []byte
	if row.BodyState == store.BodyHeld {
		body = row.Body
	}
	why, ok := verify.Again(&row.Header, body, n.view.Load())
	if !ok {
		why = row.Inadmissible
	}
	return why == "" && roster.HasOperation(row.Header.Kind)
}

// errWaits: the body of a record that changes the roster has not arrived. The
// log goes on when it comes.
var errWaits = errors.New("the body of a record of a root log has not arrived yet")

// followRoster applies root-log records as they arrive and lets the host drop
// whom the new roster does not know.
func (n *Node) followRoster(ctx context.Context) error {
	cursor := n.store.Last()
	// What arrived between New and this line is in front of cursor.
	if err := n.replayRoots(ctx); err != nil {
		return err
	}
	for {
		if err := n.store.Wait(ctx, cursor); err != nil {
			return nil
		}
		rows, err := n.store.Read(cursor, 1000, true)
		if err != nil {
			return err
		}
		var roots []ct.LogID
		for _, row := range rows {
			cursor = row.Cursor
			if row.Header.Log == n.own && n.pen.look(&row) {
				n.cfg.Log.ErrorContext(ctx, n.twin())
			}
			switch {
			case row.Root && !slices.Contains(roots, row.Header.Log):
				roots = append(roots, row.Header.Log)
			case ct.Kind(row.Header.Kind) == ct.KindAddress:
				n.directory.learn(row)
			}
		}
		before := n.view.Load().Version()
		if err := n.applyRoots(ctx, roots); err != nil {
			return err
		}
		if now := n.view.Load().Version(); now != before {
			n.cfg.Log.InfoContext(ctx, "roster changed", "version", now)
			n.host.Recheck()
			select {
			case n.changed <- struct{}{}:
			default:
			}
		}
	}
}

// endLogs ends the logs that the roster closes, when it has changed and now and
// then: a full disk may have kept one from its end.
func (n *Node) endLogs(ctx context.Context) error {
	tick := time.NewTicker(erasePeriod)
	defer tick.Stop()
	for {
		n.closeLogs(ctx)
		// The node whose log is closed has heard of it by then.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p2p.Parting):
		}
		n.host.Recheck()
		select {
		case <-ctx.Done():
			return nil
		case <-n.changed:
		case <-tick.C:
		}
	}
}

// closings are the nodes whose log is closed.
func (n *Node) closings() (out []roster.Node) {
	for _, node := range n.view.Load().Nodes() {
		if node.Closing != nil {
			out = append(out, node)
		}
	}
	return out
}

// closeLogs ends each closed log here, and asks for what is missing of it.
func (n *Node) closeLogs(ctx context.Context) {
	for _, node := range n.closings() {
		if n.ended(node) {
			continue
		}
		if err := n.ingest.CloseLog(ctx, node.Key, *node.Closing); err != nil {
			if ctx.Err() == nil {
				n.cfg.Log.ErrorContext(ctx, "a closed log is not yet ended", "log", node.Key.Short(), "error", err)
			}
			continue
		}
		if !n.ended(node) {
			n.exchange.Kick(node.Key)
		}
	}
}

// ended tells that a closed log is held to the record that its closing names.
func (n *Node) ended(node roster.Node) bool {
	h, held := n.store.Head(node.Key)
	if !held {
		return node.Closing.Seq == 0
	}
	return h.Closed && h.Size == node.Closing.Seq && (h.Size == 0 || h.ID == node.Closing.ID) && h.Contested == 0
}

// directory is where nodes can be dialled: the newest ADDRESS statement of each.
type directory struct {
	mu    sync.Mutex
	known map[ct.LogID]ct.Addresses
}

func (d *directory) learn(row store.Row) {
	if row.Inadmissible != "" || row.BodyState != store.BodyHeld {
		return
	}
	a, err := wire.DecodeAddresses(row.Body)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[ct.LogID]ct.Addresses{}
	}
	if a.Serial > d.known[row.Header.Log].Serial {
		d.known[row.Header.Log] = *a
	}
}

func (d *directory) addrs() map[ct.LogID][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[ct.LogID][]string, len(d.known))
	for l, a := range d.known {
		out[l] = a.Addrs
	}
	return out
}

// addresses are where nodes can be dialled: by their own newest statement, or,
// until one has come, by the founders' requests in the genesis.
func (n *Node) addresses() map[ct.LogID][]string {
	out := n.directory.addrs()
	for _, m := range n.view.Load().Nodes() {
		if _, told := out[m.Key]; !told && len(m.Addrs) > 0 {
			out[m.Key] = m.Addrs
		}
	}
	return out
}

func (d *directory) of(log ct.LogID) ct.Addresses {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[log]
}

// mutes are the States this node does not talk to: one State's own decision,
// which never leaves its node.
type mutes struct {
	local *store.Local
	mu    sync.Mutex
	set   map[ct.State]time.Time
}

const bucketMutes = "mutes"

func loadMutes(l *store.Local) (*mutes, error) {
	m := &mutes{local: l, set: map[ct.State]time.Time{}}
	err := l.View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketMutes, nil, func(k, v []byte) error {
			var t time.Time
			if err := t.UnmarshalBinary(v); err != nil {
				return fmt.Errorf("mute of %s: %w", k, err)
			}
			m.set[ct.State(k)] = t
			return nil
		})
	})
	return m, err
}

func (m *mutes) muted(s ct.State) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.set[s]
	return ok
}

func (m *mutes) put(s ct.State, on bool, now time.Time) error {
	err := m.local.Update(func(tx *store.LocalTx) error {
		if !on {
			return tx.Delete(bucketMutes, []byte(s))
		}
		v, err := now.UTC().MarshalBinary()
		if err != nil {
			return err
		}
		return tx.Put(bucketMutes, []byte(s), v)
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if on {
		m.set[s] = now
	} else {
		delete(m.set, s)
	}
	return nil
}

func (m *mutes) list() map[ct.State]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.set)
}

// Mute stops (or starts again) all connections to a State's nodes, here only.
func (n *Node) Mute(s ct.State, on bool) error {
	if _, ok := n.view.Load().Member(s); !ok {
		return fmt.Errorf("mute: %s is no member of network %q: %w", s, n.view.Load().Name(), ErrUnknownState)
	}
	if s == n.state {
		return fmt.Errorf("mute: %s is this node's own State: %w", s, ErrUnknownState)
	}
	if err := n.mutes.put(s, on, time.Now()); err != nil {
		return fmt.Errorf("mute: %w", err)
	}
	n.host.Recheck()
	return nil
}

// ErrUnknownState tells that a State named by the caller cannot be meant.
var ErrUnknownState = fmt.Errorf("%w: unknown State", api.ErrInvalid)
