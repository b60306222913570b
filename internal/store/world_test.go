package store_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"iter"
	"log/slog"
	mrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

var created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a network of States with real keys, whose authors sign real records.
type world struct {
	tb       testing.TB
	view     *roster.View
	network  ct.NetworkID
	authors  map[ct.State]*author
	seconds  map[ct.State]*author
	roots    map[ct.State]*keys.Key
	founding [][]byte // the records with which the root logs begin
	rng      *mrand.Rand
	mu       sync.Mutex       // tests open records side by side
	ends     map[ct.ID]uint64 // offset of what follows a record
}

// author writes the node log of a State.
type author struct {
	w     *world
	key   *keys.Key
	state ct.State
	seq   uint64
	prev  ct.ID
}

func newWorld(tb testing.TB, states ...ct.State) *world {
	tb.Helper()
	w := &world{tb: tb, ends: make(map[ct.ID]uint64), authors: make(map[ct.State]*author), seconds: make(map[ct.State]*author), roots: make(map[ct.State]*keys.Key), rng: mrand.New(mrand.NewPCG(1, 2))}
	var reqs []roster.Request
	for i, state := range states {
		root := keys.FromSeed([32]byte{1, byte(i)})
		w.roots[state] = root
		for n := range byte(2) {
			node := keys.FromSeed([32]byte{2, byte(i), n})
			req, err := roster.NewRequest(state, root, node, nil)
			w.ok(err)
			reqs = append(reqs, req)
			if n == 0 {
				w.authors[state] = &author{w: w, key: node, state: state}
			} else {
				w.seconds[state] = &author{w: w, key: node, state: state}
			}
		}
	}
	g, err := roster.NewGenesis("store test", true, created, roster.Policy{LogBurst: 1 << 40}, reqs)
	w.ok(err)
	for _, root := range w.roots {
		w.ok(g.Sign(root, created))
	}
	w.view, err = roster.New(g)
	w.ok(err)
	w.network, w.founding = g.Network(), g.Records()
	for a := range w.all() {
		right, ok := w.view.Right(a.key.Public())
		if !ok {
			tb.Fatalf("the roster does not know the node of %s", a.state)
		}
		a.prev = right.First
	}
	return w
}

// all are the authors, two for each State.
func (w *world) all() iter.Seq[*author] {
	return func(yield func(*author) bool) {
		for _, of := range []map[ct.State]*author{w.authors, w.seconds} {
			for _, a := range of {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// secondLog is the log of the State's other node.
func (w *world) secondLog(s ct.State) *author { return w.seconds[s] }

func (w *world) ok(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

// open makes a Record of raw bytes.
func (w *world) open(raw []byte) verify.Record {
	w.tb.Helper()
	rec, err := verify.Open(raw, w.view, created.Add(time.Hour))
	w.ok(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[rec.ID()] = rec.Next().End
	return rec
}

// header is the next header of the author's log for a body; it does not move the log.
func (a *author) header(kind ct.Kind, salt, body []byte, refs ...ct.Ref) wire.Header {
	issued := ct.MillisOf(created.Add(time.Minute)) + ct.Millis(a.seq)
	return wire.Header{
		Version: wire.Version, Network: a.w.network.Prefix(), Log: a.key.Public(), Seq: a.seq + 1, Prev: a.prev, Offset: max(a.end(), a.w.view.Line(a.key.Public()).At(issued)),
		Kind: uint32(kind), Topic: uint32(ct.TopicTravel), Commit: wire.Commit(salt, body), BodySize: uint32(len(body)),
		Issued: issued, Expires: issued + 1000*60*60*24*30, Priority: uint32(ct.PriorityRoutine),
		TLP: uint32(ct.TLPAmber), Audience: uint32(ct.AudienceAll), Refs: refs,
	}
}

func (a *author) end() uint64 {
	if a.seq == 0 {
		return 0 // prev is a record of another log
	}
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	return a.w.ends[a.prev]
}

// sign makes the raw record of a header; it does not move the log.
func (a *author) sign(h wire.Header, salt, body []byte) []byte {
	a.w.tb.Helper()
	header := wire.EncodeHeader(&h)
	sig, err := a.key.Sign(keys.ContextRecord, a.w.network, header)
	a.w.ok(err)
	return wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: sig, Salt: salt, Body: body})
}

// delegate adds a third node to a State: the view knows it from now on.
func (w *world) delegate(state ct.State) *author {
	w.tb.Helper()
	node := keys.FromSeed([32]byte{3})
	m, ok := w.view.Member(state)
	if !ok || len(m.Nodes) != 2 {
		w.tb.Fatalf("%s has %d nodes", state, len(m.Nodes))
	}
	last := m.Nodes[1]
	proof, err := roster.Agree(node, state, m.Root)
	w.ok(err)
	at, _ := w.view.RootNext(m.Root)
	d := &ct.Delegation{
		State: state, Serial: 3, Node: node.Public(), Proof: proof, NotBefore: at.Issued, NotAfter: last.NotAfter,
	}
	body, err := wire.EncodeDelegation(d)
	w.ok(err)
	root := &author{w: w, key: w.roots[state], state: state, seq: 2, prev: last.Delegation}
	w.ends[last.Delegation] = at.End
	salt := w.salt()
	h := root.header(ct.KindDelegation, salt, body)
	h.Topic, h.Expires = uint32(ct.TopicControl), last.NotAfter
	rec := w.open(root.sign(h, salt, body))
	w.view, err = w.view.Apply(rec.Header(), rec.ID(), roster.Operation{Delegation: d})
	w.ok(err)
	return &author{w: w, key: node, state: state, prev: rec.ID()}
}

// record signs the next record of the log.
func (a *author) record(kind ct.Kind, body []byte, refs ...ct.Ref) verify.Record {
	a.w.tb.Helper()
	salt := a.w.salt()
	rec := a.w.open(a.sign(a.header(kind, salt, body, refs...), salt, body))
	a.seq, a.prev = a.seq+1, rec.ID()
	return rec
}

func (w *world) salt() []byte {
	salt := make([]byte, wire.SaltSize)
	if _, err := rand.Read(salt); err != nil {
		w.tb.Fatal(err)
	}
	return salt
}

// notify signs a notification-like record of n body bytes.
func (a *author) notify(n int) verify.Record {
	body := make([]byte, n)
	for i := range body {
		body[i] = byte(a.w.rng.Uint32())
	}
	return a.record(ct.KindNotification, body)
}

func (a *author) notifyMany(count, n int) []verify.Record {
	recs := make([]verify.Record, count)
	for i := range recs {
		recs[i] = a.notify(n)
	}
	return recs
}

// retract signs an admissible RETRACT of a record.
func (a *author) retract(target ct.Ref) verify.Record {
	a.w.tb.Helper()
	body, err := wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
	a.w.ok(err)
	rec := a.record(ct.KindRetract, body, target)
	if target.Log == a.key.Public() && rec.Inadmissible() != "" {
		a.w.tb.Fatalf("the retraction is inadmissible: %s", rec.Inadmissible())
	}
	return rec
}

// bare is the record without its body.
func (w *world) bare(rec verify.Record) verify.Record {
	return w.open(wire.Encode(&wire.Envelope{HeaderBytes: rec.HeaderBytes(), Alg: rec.Alg(), Sig: rec.Sig()}))
}

func ref(rec verify.Record) ct.Ref {
	return ct.Ref{Log: rec.Header().Log, Seq: rec.Header().Seq, ID: rec.ID()}
}

// interleave mixes the logs, each in its own order.
func (w *world) interleave(logs ...[]verify.Record) []verify.Record {
	var out []verify.Record
	for {
		var open []int
		for i := range logs {
			if len(logs[i]) > 0 {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			return out
		}
		i := open[w.rng.IntN(len(open))]
		out, logs[i] = append(out, logs[i][0]), logs[i][1:]
	}
}

func (w *world) config(dir string) store.Config {
	return store.Config{Dir: dir, Key: keys.Storage{7}, Network: w.network, Log: slog.New(slog.DiscardHandler)}
}

// create makes and opens a store in a directory of its own.
func (w *world) create() (*store.Store, store.Config) {
	w.tb.Helper()
	cfg := w.config(w.tb.TempDir())
	w.ok(store.Create(cfg))
	return w.reopen(cfg), cfg
}

func (w *world) reopen(cfg store.Config) *store.Store {
	w.tb.Helper()
	s, err := store.Open(cfg)
	w.ok(err)
	w.tb.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *world) append(s *store.Store, recs ...verify.Record) uint64 {
	w.tb.Helper()
	last, err := s.Append(recs)
	w.ok(err)
	return last
}

// checkStore proves what must hold after every step: heads, chain, arrival
// order and bodies agree, and every record is what its author signed.
func checkStore(t testing.TB, w *world, s *store.Store) {
	t.Helper()
	total := uint64(0)
	for log, head := range s.Heads() {
		right, ok := w.view.Right(log)
		if !ok {
			t.Fatalf("log %s is not in the roster", log)
		}
		prev := right.First
		for seq := uint64(1); seq <= head.Size; seq++ {
			row, err := s.Get(log, seq)
			if err != nil {
				t.Fatal(err)
			}
			if row.Header.Prev != prev || row.Header.Seq != seq || row.Header.Log != log {
				t.Fatalf("log %s, seq %d: the chain is broken", log.Short(), seq)
			}
			raw := wire.Encode(&wire.Envelope{HeaderBytes: row.HeaderBytes, Alg: row.Alg, Sig: row.Sig})
			if rec := w.open(raw); rec.ID() != row.ID || rec.State() != row.State {
				t.Fatalf("log %s, seq %d: not the record that was signed", log.Short(), seq)
			}
			if shown := row.BodyState == store.BodyHeld && row.HiddenBy.IsZero(); shown != (row.Body != nil) {
				t.Fatalf("log %s, seq %d: body %v in state %v, hidden by %s", log.Short(), seq, row.Body != nil, row.BodyState, row.HiddenBy)
			}
			by, hidden := s.Hidden(row.ID)
			if hidden == row.HiddenBy.IsZero() || by != row.HiddenBy {
				t.Fatalf("log %s, seq %d: Hidden and Row disagree", log.Short(), seq)
			}
			prev = row.ID
			total++
		}
		if head.Size > 0 && prev != head.ID {
			t.Fatalf("log %s: the head is not the record at %d", log.Short(), head.Size)
		}
		if _, err := s.Get(log, head.Size+1); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("log %s has more than its head says: %v", log.Short(), err)
		}
	}
	seen := make(map[ct.ID]bool)
	disowned := uint64(0)
	for after := uint64(0); ; {
		rows, err := s.Read(after, 100, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, row := range rows {
			if row.Cursor <= after || seen[row.ID] {
				t.Fatalf("arrival %d after %d, seen %v", row.Cursor, after, seen[row.ID])
			}
			after, seen[row.ID] = row.Cursor, true
			if row.BodyState == store.BodyDisowned {
				disowned++
			}
			at, err := s.At(row.Cursor)
			if err != nil || at.ID != row.ID || !bytes.Equal(at.Body, row.Body) {
				t.Fatalf("At(%d) is not what Read gives: %v", row.Cursor, err)
			}
		}
	}
	if uint64(len(seen)) != total+disowned {
		t.Fatalf("%d records arrived, the logs hold %d and %d are disowned", len(seen), total, disowned)
	}
}

// checkFiles closes the store and examines its files.
func checkFiles(t testing.TB, s *store.Store, cfg store.Config) store.Report {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := store.Check(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("%s: %s", p.File, p.What)
	}
	if report.Records > 0 && report.Logs == 0 {
		t.Errorf("%d records in no log", report.Records)
	}
	return report
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
