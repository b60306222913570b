package backup_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	mrand "math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

var created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a network of one State whose node signs real records into a store.
type world struct {
	tb      testing.TB
	view    *roster.View
	node    *keys.Key
	seq     uint64
	prev    ct.ID
	end     uint64
	cfg     store.Config
	store   *store.Store
	genesis []byte
	keys    backup.Keys
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{tb: tb, node: keys.FromSeed([32]byte{2})}
	root := keys.FromSeed([32]byte{1})
	req, err := roster.NewRequest("UTO", root, w.node, nil)
	w.ok(err)
	g, err := roster.NewGenesis("backup test", true, created, roster.Policy{LogBurst: 1 << 40}, []roster.Request{req})
	w.ok(err)
	w.ok(g.Sign(root, created))
	w.genesis = g.Encode()
	w.view, err = roster.New(g)
	w.ok(err)
	right, _ := w.view.Right(w.node.Public())
	w.prev = right.First
	w.cfg = store.Config{Dir: filepath.Join(tb.TempDir(), "data"), Key: keys.Storage{7}, Network: g.Network(), Log: slog.New(slog.DiscardHandler)}
	w.ok(store.Create(w.cfg))
	w.store, err = store.Open(w.cfg)
	w.ok(err)
	tb.Cleanup(func() { _ = w.store.Close() })
	var founding []verify.Record
	for _, raw := range g.Records() {
		rec, err := verify.Open(raw, w.view, created)
		w.ok(err)
		founding = append(founding, rec)
	}
	_, err = w.store.Append(founding)
	w.ok(err)
	w.keys = backup.Keys{Backup: keys.Storage{1}, Generation: keys.Storage{2}, Name: backup.Generation(created)}
	return w
}

func (w *world) ok(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

// record signs the next record and stores it.
func (w *world) record(kind ct.Kind, body []byte, lasts time.Duration, refs ...ct.Ref) verify.Record {
	w.tb.Helper()
	salt := make([]byte, wire.SaltSize)
	_, err := rand.Read(salt)
	w.ok(err)
	issued := ct.MillisOf(created.Add(time.Minute)) + ct.Millis(w.seq)
	header := wire.EncodeHeader(&wire.Header{
		Version: wire.Version, Network: w.cfg.Network.Prefix(), Log: w.node.Public(), Seq: w.seq + 1, Prev: w.prev, Offset: max(w.end, w.view.Line(w.node.Public()).At(issued)),
		Kind: uint32(kind), Topic: uint32(ct.TopicTravel), Commit: wire.Commit(salt, body), BodySize: uint32(len(body)),
		Issued: issued, Expires: issued + ct.Millis(lasts.Milliseconds()), Priority: uint32(ct.PriorityRoutine),
		TLP: uint32(ct.TLPAmber), Audience: uint32(ct.AudienceAll), Refs: refs,
	})
	sig, err := w.node.Sign(keys.ContextRecord, w.cfg.Network, header)
	w.ok(err)
	raw := wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: sig, Salt: salt, Body: body})
	rec, err := verify.Open(raw, w.view, created.Add(time.Hour))
	w.ok(err)
	w.seq, w.prev, w.end = w.seq+1, rec.ID(), rec.Next().End
	_, err = w.store.Append([]verify.Record{rec})
	w.ok(err)
	return rec
}

// notify stores a record of n random bytes.
func (w *world) notify(n int, lasts time.Duration) verify.Record {
	w.tb.Helper()
	body := make([]byte, n)
	_, err := rand.Read(body)
	w.ok(err)
	return w.record(ct.KindNotification, body, lasts)
}

func (w *world) retract(rec verify.Record) verify.Record {
	w.tb.Helper()
	body, err := wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
	w.ok(err)
	return w.record(ct.KindRetract, body, year, ct.Ref{Log: rec.Header().Log, Seq: rec.Header().Seq, ID: rec.ID()})
}

const year = 365 * 24 * time.Hour

func (w *world) source() backup.Source {
	w.tb.Helper()
	dir := w.tb.TempDir()
	w.ok(keys.Save(filepath.Join(dir, "node.key"), keys.KindNode, w.node))
	w.ok(keys.SaveStorage(filepath.Join(dir, "storage.key"), w.cfg.Key))
	return backup.Source{
		Store: w.store, Network: w.cfg.Network, State: "UTO", Node: w.node.Public(),
		Files: map[string][]byte{
			"herald.toml":  []byte("state = \"UTO\"\nstorage_key_file = \"/elsewhere/storage.key\"\n"),
			"genesis.json": w.genesis, "node.key": read(w.tb, filepath.Join(dir, "node.key")),
			"storage.key": read(w.tb, filepath.Join(dir, "storage.key")),
		},
	}
}

// backup writes a backup of the store.
func (w *world) backup() string {
	w.tb.Helper()
	path := filepath.Join(w.tb.TempDir(), "backup")
	_, err := backup.Create(w.tb.Context(), path, w.source(), w.keys, created.Add(time.Hour), nil)
	w.ok(err)
	return path
}

// open opens the store of a restored directory.
func (w *world) open(dir string) *store.Store {
	w.tb.Helper()
	cfg := w.cfg
	cfg.Dir = dir
	s, err := store.Open(cfg)
	w.ok(err)
	w.tb.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *world) rows(s *store.Store) []store.Row {
	w.tb.Helper()
	var out []store.Row
	for after := uint64(0); ; {
		rows, err := s.Read(after, 1000, true)
		w.ok(err)
		if len(rows) == 0 {
			return out
		}
		out, after = append(out, rows...), rows[len(rows)-1].Cursor
	}
}

// same compares rows wholly, as their files hold them.
func same(a, b store.Row) bool {
	return a.ID == b.ID && a.Cursor == b.Cursor && bytes.Equal(a.HeaderBytes, b.HeaderBytes) && bytes.Equal(a.Sig, b.Sig) &&
		bytes.Equal(a.Body, b.Body) && a.BodyState == b.BodyState && a.HiddenBy == b.HiddenBy && a.Inadmissible == b.Inadmissible
}

func shuffled(rng *mrand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
