package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

var created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a network of one node a State, with real keys and signatures.
type world struct {
	tb      testing.TB
	view    *roster.View
	network ct.NetworkID
	authors []*author
	ends    map[ct.ID]uint64 // offset of what follows a record

	founding [][]byte // the records with which the root logs begin
}

// author writes the log of a node.
type author struct {
	w     *world
	key   *keys.Key
	first ct.ID
	seq   uint64
	prev  ct.ID
}

func newWorld(tb testing.TB, states ...ct.State) *world {
	tb.Helper()
	w := &world{tb: tb, ends: make(map[ct.ID]uint64)}
	var reqs []roster.Request
	var roots []*keys.Key
	for i, state := range states {
		root, node := keys.FromSeed([32]byte{1, byte(i)}), keys.FromSeed([32]byte{2, byte(i)})
		req, err := roster.NewRequest(state, root, node, nil)
		w.ok(err)
		reqs, roots = append(reqs, req), append(roots, root)
		w.authors = append(w.authors, &author{w: w, key: node})
	}
	g, err := roster.NewGenesis("ingest test", true, created, roster.Policy{LogBurst: 1 << 40}, reqs)
	w.ok(err)
	for _, root := range roots {
		w.ok(g.Sign(root, created))
	}
	w.view, err = roster.New(g)
	w.ok(err)
	w.network, w.founding = g.Network(), g.Records()
	for _, a := range w.authors {
		right, ok := w.view.Right(a.log())
		if !ok {
			tb.Fatal("the roster does not know a node")
		}
		a.first, a.prev = right.First, right.First
	}
	return w
}

func (w *world) ok(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

func (w *world) open(raw []byte) verify.Record {
	w.tb.Helper()
	rec, err := verify.Open(raw, w.view, created.Add(time.Hour))
	w.ok(err)
	return rec
}

func (a *author) log() ct.LogID { return a.key.Public() }

// sign makes the record at seq after prev; the body decides which of several.
func (a *author) sign(seq uint64, prev ct.ID, body []byte) verify.Record {
	a.w.tb.Helper()
	salt := sha256.Sum256(binary.BigEndian.AppendUint64(a.prev[:], seq))
	issued := ct.MillisOf(created.Add(time.Minute)) + ct.Millis(min(seq, 1<<20))
	header := wire.EncodeHeader(&wire.Header{
		Version: wire.Version, Network: a.w.network.Prefix(), Log: a.log(), Seq: seq, Prev: prev, Offset: max(a.w.ends[prev], a.w.view.Line(a.log()).At(issued)),
		Kind: uint32(ct.KindNotification), Topic: uint32(ct.TopicTravel),
		Commit: wire.Commit(salt[:], body), BodySize: uint32(len(body)),
		Issued: issued, Expires: issued + 1000*60*60*24*30, Priority: uint32(ct.PriorityRoutine),
		TLP: uint32(ct.TLPAmber), Audience: uint32(ct.AudienceAll),
	})
	sig, err := a.key.Sign(keys.ContextRecord, a.w.network, header)
	a.w.ok(err)
	rec := a.w.open(wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: sig, Salt: salt[:], Body: body}))
	a.w.ends[rec.ID()] = rec.Next().End
	return rec
}

// resign signs another header for the body of the author's record at its seq.
func (a *author) resign(h wire.Header, body string) verify.Record {
	a.w.tb.Helper()
	salt := sha256.Sum256(binary.BigEndian.AppendUint64(a.prev[:], h.Seq))
	header := wire.EncodeHeader(&h)
	sig, err := a.key.Sign(keys.ContextRecord, a.w.network, header)
	a.w.ok(err)
	return a.w.open(wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: sig, Salt: salt[:], Body: []byte(body)}))
}

// next signs the next n records of the log.
func (a *author) next(n int) []verify.Record {
	recs := make([]verify.Record, n)
	for i := range recs {
		recs[i] = a.sign(a.seq+1, a.prev, binary.BigEndian.AppendUint64(nil, a.seq))
		a.seq, a.prev = a.seq+1, recs[i].ID()
	}
	return recs
}

func (w *world) bare(rec verify.Record) verify.Record {
	return w.open(wire.Encode(&wire.Envelope{HeaderBytes: rec.HeaderBytes(), Alg: rec.Alg(), Sig: rec.Sig()}))
}

func (w *world) storeConfig() store.Config {
	return store.Config{Dir: w.tb.TempDir(), Network: w.network, Log: slog.New(slog.DiscardHandler)}
}

// bench is a running writer over a real store.
type bench struct {
	*world
	*ingest.Ingest
	store *store.Store
	cfg   store.Config
	gaps  chan ct.LogID // what Gap was called with, the newest few
	stop  func() error  // ends Run and gives its error
}

// start runs a writer; change may alter the configurations.
func (w *world) start(change ...func(*store.Config, *ingest.Config)) *bench {
	w.tb.Helper()
	b := &bench{world: w, cfg: w.storeConfig(), gaps: make(chan ct.LogID, 1000)}
	cfg := ingest.Config{
		View: func() *roster.View { return w.view },
		Log:  slog.New(slog.DiscardHandler),
		Gap: func(log ct.LogID) {
			select {
			case b.gaps <- log:
			default:
			}
		},
	}
	for _, c := range change {
		c(&b.cfg, &cfg)
	}
	if _, err := os.Stat(filepath.Join(b.cfg.Dir, "log.db")); err != nil {
		w.ok(store.Create(b.cfg))
	}
	var err error
	b.store, err = store.Open(b.cfg)
	w.ok(err)
	cfg.Store = b.store
	b.Ingest = ingest.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	w.tb.Cleanup(func() {
		_ = b.stop()
		_ = b.store.Close()
	})
	return b
}

// submit brings one record in and wants an outcome.
func (b *bench) submit(rec verify.Record, want ingest.Outcome) {
	b.tb.Helper()
	got, err := b.Submit(b.tb.Context(), rec)
	if err != nil || got != want {
		b.tb.Fatalf("record %d: %v, %v; want %v", rec.Header().Seq, got, err, want)
	}
}

// size wants a log to be held up to a seq.
func (b *bench) size(log ct.LogID, want uint64) {
	b.tb.Helper()
	if h, _ := b.store.Head(log); h.Size != want {
		b.tb.Fatalf("log %s: %d held, want %d", log.Short(), h.Size, want)
	}
}

// gap wants Gap to have been called for a log, at least once.
func (b *bench) gap(want ct.LogID) {
	b.tb.Helper()
	for {
		select {
		case log := <-b.gaps:
			if log == want {
				return
			}
		default:
			b.tb.Fatalf("no sync of log %s was asked for", want.Short())
		}
	}
}

// check closes everything and examines the files.
func (b *bench) check() {
	b.tb.Helper()
	if err := b.stop(); err != nil {
		b.tb.Error(err)
	}
	b.ok(b.store.Close())
	report, err := store.Check(b.cfg)
	b.ok(err)
	for _, p := range report.Problems {
		b.tb.Errorf("%s: %s", p.File, p.What)
	}
}

var errBoom = errors.New("boom")
