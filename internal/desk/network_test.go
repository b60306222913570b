package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// network is a few desks whose match requests and records are handed over by
// function calls in place of streams.
type network struct {
	t     testing.TB
	set   settings
	view  *roster.View
	roots map[ct.State]*keys.Key
	nodes []*node
	nonce int
}

// node is one desk with its real store, ingest, index and journal.
type node struct {
	net   *network
	dir   string
	state ct.State
	key   *keys.Key
	logs  *lockedBuffer
	reg   *prometheus.Registry

	store   *store.Store
	index   *index.Index
	ingest  *ingest.Ingest
	journal *journal.Journal
	desk    *desk.Desk
	stop    func()

	mu    sync.Mutex
	waits string                                                          // guarded by mu: why the gate is closed; empty: open
	full  error                                                           // guarded by mu: why there is no room
	lost  bool                                                            // guarded by mu: it is restored and not settled
	muted map[ct.State]bool                                               // guarded by mu
	doubt string                                                          // guarded by mu: why the clock is not trusted
	wrong bool                                                            // guarded by mu: it is known to be wrong
	ask   func(ctx context.Context, to *node, raw []byte) ([]byte, error) // guarded by mu: nil: a plain call
}

type settings struct {
	real   bool // not an exercise
	policy roster.Policy
	topics ct.TopicSet // whose bodies the nodes keep; zero: all

	running int // how many of the nodes run; 0: all

	release map[ct.State]desk.ReleasePolicy
}

// knowing is a node of UTO and one of FIN, which has published who is wanted.
func knowing(t *testing.T) (net *network, asker, knows *node) {
	t.Helper()
	net = newNetwork(t, generous(), "UTO", "FIN")
	asker, knows = net.nodes[0], net.nodes[1]
	publish(t, knows, about(wanted()))
	knows.follow()
	return net, asker, knows
}

// newNetwork founds a network with one node a name; a State named twice has
// two nodes.
func newNetwork(t testing.TB, set settings, states ...ct.State) *network {
	t.Helper()
	now := time.Now()
	roots := map[ct.State]*keys.Key{}
	net := &network{t: t, set: set, roots: roots}
	var reqs []roster.Request
	for _, s := range states {
		n := &node{net: net, dir: t.TempDir(), state: s, key: generate(t), logs: &lockedBuffer{}, muted: map[ct.State]bool{}}
		if roots[s] == nil {
			roots[s] = generate(t)
		}
		req, err := roster.NewRequest(s, roots[s], n.key, []string{"/ip4/127.0.0.1/tcp/4001"})
		must(t, err)
		reqs = append(reqs, req)
		net.nodes = append(net.nodes, n)
	}
	g, err := roster.NewGenesis("desk-test", !set.real, now.Add(-time.Minute), set.policy, reqs)
	must(t, err)
	for _, root := range roots {
		must(t, g.Sign(root, now))
	}
	net.view, err = roster.New(g)
	must(t, err)
	for i, n := range net.nodes {
		if set.running > 0 && i >= set.running {
			break
		}
		must(t, store.Create(n.storeConfig()))
		n.start()
		t.Cleanup(func() { n.stop() })
	}
	return net
}

func (n *node) storeConfig() store.Config {
	return store.Config{Dir: n.dir, Key: keys.Storage{1}, Network: n.net.view.Network(), Log: slog.New(slog.DiscardHandler), Topics: n.net.set.topics}
}

// start opens the node's files and runs its parts.
func (n *node) start() {
	t := n.net.t
	t.Helper()
	log := slog.New(slog.NewTextHandler(n.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n.reg = prometheus.NewRegistry()
	view := func() *roster.View { return n.net.view }
	var err error
	n.store, err = store.Open(n.storeConfig())
	must(t, err)
	n.index, err = index.Open(index.Config{Path: filepath.Join(n.dir, "index.db"), Key: [32]byte{2}, Log: log})
	must(t, err)
	n.journal, err = journal.Open(n.store.Local(), keys.Storage{3})
	must(t, err)
	n.ingest = ingest.New(ingest.Config{Store: n.store, View: view, Log: log})
	n.desk = desk.New(desk.Config{
		Store: n.store, Index: n.index, Ingest: n.ingest, Journal: n.journal, View: view, Signer: n.key, State: n.state,
		Gate: n.gate, Ask: n.send, Lookup: n.lookup, Muted: n.isMuted, Log: log, Registerer: n.reg,
		Release: n.net.set.release[n.state], Room: n.room, Unsettled: n.unsettled, Clock: n.clock,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := n.ingest.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := n.desk.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	n.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		if err := errors.Join(n.index.Close(), n.store.Close()); err != nil {
			t.Error(err)
		}
	})
}

func (n *node) restart() {
	n.net.t.Helper()
	n.stop()
	n.start()
}

func (n *node) gate() (bool, string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.waits == "", n.waits
}

func (n *node) close(why string) { n.mu.Lock(); n.waits = why; n.mu.Unlock() }

func (n *node) room() error { n.mu.Lock(); defer n.mu.Unlock(); return n.full }

func (n *node) fill(err error) { n.mu.Lock(); n.full = err; n.mu.Unlock() }

func (n *node) unsettled() bool { n.mu.Lock(); defer n.mu.Unlock(); return n.lost }

func (n *node) unsettle(yes bool) { n.mu.Lock(); n.lost = yes; n.mu.Unlock() }

func (n *node) clock() (string, bool) { n.mu.Lock(); defer n.mu.Unlock(); return n.doubt, n.wrong }

func (n *node) mistrust(doubt string, wrong bool) {
	n.mu.Lock()
	n.doubt, n.wrong = doubt, wrong
	n.mu.Unlock()
}

func (n *node) isMuted(s ct.State) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.muted[s]
}

var errClosedStream = errors.New("the other side closed the stream")

// send carries a match request as exchange does: nil closes the stream.
func (n *node) send(ctx context.Context, to ct.LogID, raw []byte) ([]byte, error) {
	for _, other := range n.net.nodes {
		if other.key.Public() != to {
			continue
		}
		n.mu.Lock()
		ask := n.ask
		n.mu.Unlock()
		if ask != nil {
			return ask(ctx, other, raw)
		}
		return n.call(ctx, other, raw)
	}
	return nil, errors.New("no such node")
}

func (n *node) call(ctx context.Context, to *node, raw []byte) ([]byte, error) {
	answer := to.desk.Answer(ctx, n.key.Public(), raw)
	if answer == nil {
		return nil, errClosedStream
	}
	return answer, nil
}

// lookup finds a record by reading on: the node has an index for it.
func (n *node) lookup(id ct.ID) (store.Row, error) {
	for cursor := uint64(0); ; {
		rows, err := n.store.Read(cursor, 100, false)
		if err != nil {
			return store.Row{}, err
		}
		if len(rows) == 0 {
			return store.Row{}, store.ErrNotFound
		}
		for _, r := range rows {
			if r.ID == id {
				return r, nil
			}
		}
		cursor = rows[len(rows)-1].Cursor
	}
}

// follow brings the index up to date with store and lists.
func (n *node) follow() {
	t := n.net.t
	t.Helper()
	at := n.index.Cursors()
	rows, err := n.store.Read(at.Store, 1_000, true)
	must(t, err)
	var changes []index.Change
	for _, r := range rows {
		at.Store = r.Cursor
		if ct.Kind(r.Header.Kind) != ct.KindNotification || r.Body == nil {
			continue
		}
		note, err := wire.DecodeNotification(r.Header.BodyHeader(), r.Body)
		must(t, err)
		changes = append(changes, index.Change{Ref: "rec:" + r.ID.String(), Person: &note.Person})
	}
	for {
		more, last, err := n.desk.ListPersons(at.Lists, 3)
		must(t, err)
		if last == at.Lists {
			break
		}
		changes, at.Lists = append(changes, more...), last
	}
	must(t, n.index.Update(at, changes))
}

// deliver brings the records of every node to every other one.
func (net *network) deliver() {
	net.t.Helper()
	for _, from := range net.nodes {
		for _, to := range net.nodes {
			if from == to {
				continue
			}
			if _, wrote := from.store.Head(from.key.Public()); !wrote {
				continue
			}
			head, _ := to.store.Head(from.key.Public())
			if own, _ := from.store.Head(from.key.Public()); own.Size == head.Size {
				continue
			}
			raws, err := from.store.Range(from.key.Public(), head.Size+1, 1_000, 1<<20)
			must(net.t, err)
			var recs []verify.Record
			for _, raw := range raws {
				rec, err := verify.Open(raw, net.view, time.Now())
				must(net.t, err)
				recs = append(recs, rec)
			}
			must(net.t, to.ingest.SubmitAll(context.Background(), recs))
		}
	}
	for _, n := range net.nodes {
		n.follow()
	}
}

func generate(t testing.TB) *keys.Key {
	t.Helper()
	k, err := keys.Generate()
	must(t, err)
	return k
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within bounds what a test waits for, a match of query included.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// entries reads the whole journal and verifies it.
func (n *node) entries() []journal.Entry {
	n.net.t.Helper()
	if _, err := n.journal.Verify(); err != nil {
		n.net.t.Fatal(err)
	}
	out, err := n.journal.Read(0, 10_000)
	for i := range out {
		must(n.net.t, n.journal.Reveal(&out[i]))
	}
	must(n.net.t, err)
	return out
}

func (n *node) acts() []string {
	var out []string
	for _, e := range n.entries() {
		out = append(out, e.Act)
	}
	return out
}

// metrics is everything the node's registry shows.
func (n *node) metrics() string {
	families, err := n.reg.Gather()
	must(n.net.t, err)
	var b bytes.Buffer
	for _, f := range families {
		fmt.Fprintln(&b, f.String())
	}
	return b.String()
}

// counter reads one counter or gauge.
func (n *node) counter(name string, labels map[string]string) float64 {
	families, err := n.reg.Gather()
	must(n.net.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got := map[string]string{}
			for _, l := range m.GetLabel() {
				got[l.GetName()] = l.GetValue()
			}
			same := f.GetName() == name
			for k, v := range labels {
				same = same && got[k] == v
			}
			if same {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
