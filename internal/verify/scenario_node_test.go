package verify_test

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"testing"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// player is a node without a network: a store, its writer and the roster that
// follows from the root logs held.
type player struct {
	t     *testing.T
	w     *world
	x     *scenarioVector
	cfg   store.Config
	store *store.Store
	in    *ingest.Ingest
	stop  func()
	view  *roster.View
	raws  map[string][]byte
}

// play offers the records in an order, again and again until nothing changes,
// as sync would, and tells what is held and shown.
func play(t *testing.T, w *world, x *scenarioVector, order []string, names map[ct.LogID]string) scenarioEnd {
	t.Helper()
	p := &player{t: t, w: w, x: x, raws: map[string][]byte{}}
	p.cfg = store.Config{Dir: t.TempDir(), Network: w.view[exercise].Network(), Log: slog.New(slog.DiscardHandler)}
	for _, r := range x.Records {
		p.raws[r.Name] = unhex(t, r.Bytes)
	}
	p.ok(store.Create(p.cfg))
	p.open()
	for _, raw := range w.genesis[exercise].Records() {
		p.offer(raw)
	}
	for before := ""; before != p.state(); {
		before = p.state()
		for _, step := range order {
			if step == restart {
				p.stop()
				p.open()
			} else {
				p.offer(p.raws[step])
			}
			p.follow()
		}
	}
	defer p.stop()
	return p.end(names)
}

func (p *player) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s: %v", p.x.Name, err)
	}
}

func (p *player) open() {
	var err error
	p.store, err = store.Open(p.cfg)
	p.ok(err)
	p.view, err = roster.New(p.w.genesis[exercise])
	p.ok(err)
	p.in = ingest.New(ingest.Config{Store: p.store, View: func() *roster.View { return p.view }, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.in.Run(ctx) }()
	p.stop = func() {
		cancel()
		p.ok(<-ended)
		p.ok(p.store.Close())
	}
	p.follow()
}

// offer judges a record and brings it in.
func (p *player) offer(raw []byte) {
	p.t.Helper()
	r, err := verify.Open(raw, p.view, p.x.Now.Time())
	if err != nil {
		return
	}
	_, err = p.in.Submit(p.t.Context(), r)
	p.ok(err)
}

// follow applies what the root logs say, and closes logs.
func (p *player) follow() {
	p.t.Helper()
	for _, m := range p.view.Members() {
		for {
			seq, _, _, _ := p.view.RootHead(m.Root)
			if h, _ := p.store.Head(m.Root); h.Size <= seq {
				break
			}
			row, err := p.store.Get(m.Root, seq+1)
			p.ok(err)
			var op roster.Operation
			if row.Inadmissible == "" {
				op, err = roster.ReadOperation(row.Header.Kind, row.Body)
				p.ok(err)
			}
			p.view, _ = p.view.Apply(&row.Header, row.ID, op)
		}
	}
	for _, n := range p.view.Nodes() {
		if n.Closing != nil {
			p.ok(p.in.CloseLog(p.t.Context(), n.Key, *n.Closing))
			p.prove(n)
		}
	}
}

// prove goes back from the record that a closing names to one that is held, and
// brings in what is between.
func (p *player) prove(n roster.Node) {
	p.t.Helper()
	byID := map[ct.ID]verify.Record{}
	for _, raw := range p.raws {
		if r, err := verify.Open(raw, p.view, p.x.Now.Time()); err == nil && r.Header().Log == n.Key {
			byID[r.ID()] = r
		}
	}
	var way []verify.Record
	seq, id := n.Closing.Seq, n.Closing.ID
	for ; seq > 0; seq-- {
		if held, _, ok, err := p.store.Lookup(n.Key, seq); err == nil && ok && held == id {
			break
		}
		r, ok := byID[id]
		if !ok || r.Header().Seq != seq {
			return // it has not come yet
		}
		way, id = append(way, r), r.Header().Prev
	}
	p.ok(p.in.Rewind(p.t.Context(), n.Key, seq))
	slices.Reverse(way)
	p.ok(p.in.SubmitProved(p.t.Context(), way))
}

// state is all that may still change.
func (p *player) state() string {
	heads := p.store.Heads()
	keys := make([]string, 0, len(heads))
	for log, h := range heads {
		keys = append(keys, log.String()+hex.EncodeToString(wire.EncodeHeader(&wire.Header{Seq: h.Size, Prev: h.ID, Offset: h.Contested})))
	}
	slices.Sort(keys)
	out := hex.EncodeToString([]byte{byte(p.view.Version())})
	for _, k := range keys {
		out += k
	}
	return out
}

func (p *player) end(names map[ct.LogID]string) scenarioEnd {
	p.t.Helper()
	out := scenarioEnd{Logs: []scenarioLog{}, Hidden: []string{}, Inadmissible: map[string]verify.Reason{}, Nodes: []scenarioNode{}}
	for _, n := range p.view.Nodes() {
		s := scenarioNode{Node: names[n.Key], NotBefore: n.NotBefore, NotAfter: n.NotAfter, Live: p.view.Live(n.Key, p.x.Now.Time())}
		if n.Closing != nil {
			s.Closed = &n.Closing.Seq
		}
		out.Nodes = append(out.Nodes, s)
	}
	slices.SortFunc(out.Nodes, func(a, b scenarioNode) int { return slices.Compare([]byte(a.Node), []byte(b.Node)) })
	for log, h := range p.store.Heads() {
		founding := uint64(0)
		if m, ok := p.view.Right(log); ok && m.Root {
			next, _ := p.w.view[exercise].RootNext(log)
			founding = next.Seq - 1
		}
		if h.Size > founding || h.Contested != 0 {
			l := scenarioLog{Log: names[log], Size: h.Size, Head: h.ID.String(), Contested: h.Contested}
			if h.Closed {
				l.Contested = 0
			}
			out.Logs = append(out.Logs, l)
		}
	}
	slices.SortFunc(out.Logs, func(a, b scenarioLog) int { return slices.Compare([]byte(a.Log), []byte(b.Log)) })
	for _, r := range p.x.Records {
		e, err := wire.Decode(p.raws[r.Name])
		p.ok(err)
		id := wire.ID(p.cfg.Network, e.HeaderBytes)
		row, err := p.store.Get(e.Header.Log, e.Header.Seq)
		if err != nil || row.ID != id {
			continue
		}
		if row.Inadmissible != "" {
			out.Inadmissible[r.Name] = row.Inadmissible
		}
		if _, ok := p.store.Hidden(id); ok {
			out.Hidden = append(out.Hidden, r.Name)
		}
	}
	return out
}
