package torture

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// world is a small network and the records that a workload stores, in the
// order in which it does. The last ones are left for those who come after a crash.
type world struct {
	Created time.Time
	Genesis []byte
	Raws    [][]byte
	Steps   []step

	view *roster.View
	recs []verify.Record
}

// spare is how many records a workload leaves.
const spare = 6

// step is one thing that the workload does and then says that it has done.
type step struct {
	Op      string
	To      int   // append: up to this record
	Bare    bool  // append: without bodies
	Chain   bool  // append: as ranges whose last signature stands for all
	Targets []int // fill, erase
}

// The small network's States: the specimen State and two more.
const worldStates = 3

// newWorld draws a world of n records.
func newWorld(seed uint64, n int) (*world, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &world{Created: time.Now().Truncate(time.Second).Add(-time.Hour)}
	m, err := sim.NewMembers(worldStates, seed, w.Created)
	if err != nil {
		return nil, err
	}
	w.Genesis = m.Genesis.Encode()
	w.Raws = append(w.Raws, m.Genesis.Records()...)
	founding := len(w.Raws)
	gen := synth.New(seed)
	type author struct {
		at   wire.Next
		said []ct.Ref
	}
	authors := make([]author, worldStates)
	for i, k := range m.Nodes {
		right, _ := m.View.Right(k.Public())
		authors[i].at = wire.First(right.First)
	}
	at := w.Created.Add(time.Minute)
	for len(w.Raws) < founding+n {
		i := rng.IntN(worldStates)
		a := &authors[i]
		at = at.Add(time.Millisecond)
		h := sim.Header(m.View.Network(), m.Nodes[i].Public(), ct.TopicTravel, at)
		a.at.Put(&h, m.View.Line(h.Log))
		var body []byte
		if len(a.said) > 3 && rng.IntN(8) == 0 {
			// Mostly of a few, now and then of all that it may name.
			most := []int{3, 3, 3, wire.MaxRefs}[rng.IntN(4)]
			h.Kind = uint32(ct.KindRetract)
			for _, i := range rng.Perm(len(a.said))[:1+rng.IntN(min(most, len(a.said)))] {
				h.Refs = append(h.Refs, a.said[i])
			}
			body, err = wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
		} else {
			note := gen.Notification(ct.TopicTravel, w.Created)
			h.Priority, h.TLP = uint32(note.Priority), uint32(note.TLP)
			var until time.Time
			if until, err = time.Parse(time.RFC3339Nano, note.Retention.Expires); err != nil {
				return nil, err
			}
			h.Expires = ct.MillisOf(until)
			body, err = wire.EncodeNotification(note)
		}
		if err != nil {
			return nil, err
		}
		rec, err := sim.Sign(m.Nodes[i], m.View, h, body)
		if err != nil {
			return nil, err
		}
		if why := rec.Inadmissible(); why != "" {
			return nil, fmt.Errorf("record %d is inadmissible: %s", len(w.Raws), why)
		}
		a.at = rec.Next()
		if h.Kind == uint32(ct.KindNotification) {
			a.said = append(a.said, ct.Ref{Log: h.Log, Seq: h.Seq, ID: rec.ID()})
		}
		w.Raws = append(w.Raws, rec.Raw())
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	w.draw(rng, founding)
	return w, nil
}

// draw makes the steps.
func (w *world) draw(rng *rand.Rand, founding int) {
	done, live, bare := founding, []int{}, []int{}
	w.Steps = []step{{Op: "create"}, {Op: "append", To: founding}}
	take := func(from []int, max int) (taken, rest []int) {
		n := 1 + rng.IntN(min(max, len(from)))
		rng.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
		return append([]int{}, from[:n]...), append([]int{}, from[n:]...)
	}
	for until := len(w.Raws) - spare; done < until; {
		s := step{Op: "append", To: min(until, done+1+rng.IntN(7)), Bare: rng.IntN(5) == 0, Chain: rng.IntN(3) == 0}
		for i := done; i < s.To; i++ {
			if s.Bare {
				bare = append(bare, i)
			} else if w.recs[i].Header().Kind == uint32(ct.KindNotification) {
				live = append(live, i)
			}
		}
		done = s.To
		w.Steps = append(w.Steps, s)
		switch k := rng.IntN(14); {
		case k == 0 && len(live) > 0:
			s = step{Op: "erase"}
			s.Targets, live = take(live, 3)
		case k <= 2 && len(bare) > 0:
			s = step{Op: "fill"}
			s.Targets, bare = take(bare, 4)
			for _, i := range s.Targets {
				if w.recs[i].Header().Kind == uint32(ct.KindNotification) {
					live = append(live, i)
				}
			}
		default:
			ops := map[int]string{3: "compact bodies", 4: "index", 5: "index", 6: "local", 7: "local", 8: "reopen", 9: "recheck"}
			if s = (step{Op: ops[k]}); s.Op == "" {
				continue
			}
		}
		w.Steps = append(w.Steps, s)
	}
	// What is dear comes once in each, at a place of its own.
	for _, op := range []string{"compact", "backup", "restore"} {
		least := len(w.Steps) / 3
		if op == "restore" {
			for i, s := range w.Steps {
				if s.Op == "backup" {
					least = i + 1
				}
			}
		}
		at := least + rng.IntN(len(w.Steps)-least+1)
		w.Steps = append(w.Steps[:at], append([]step{{Op: op}}, w.Steps[at:]...)...)
	}
}

// open reads the records.
func (w *world) open() error {
	g, err := roster.ParseGenesis(w.Genesis)
	if err != nil {
		return err
	}
	if w.view, err = roster.New(g); err != nil {
		return err
	}
	w.recs = nil
	for _, raw := range w.Raws {
		rec, err := verify.Open(raw, w.view, w.now())
		if err != nil {
			return err
		}
		w.recs = append(w.recs, rec)
	}
	return nil
}

func (w *world) now() time.Time { return w.Created.Add(time.Hour) }

func (w *world) save(path string) error {
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

func loadWorld(path string) (*world, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	w := &world{}
	if err := json.Unmarshal(b, w); err != nil {
		return nil, err
	}
	return w, w.open()
}

func (w *world) config(dir string) store.Config {
	return store.Config{Dir: dir, Key: keys.Storage{7}, Network: w.view.Network(), Log: slog.New(slog.DiscardHandler)}
}

func (w *world) index(dir string) (*index.Index, error) {
	return index.Open(index.Config{Path: filepath.Join(dir, "index.db"), Key: [32]byte{8}})
}

func (w *world) ref(i int) ct.Ref {
	h := w.recs[i].Header()
	return ct.Ref{Log: h.Log, Seq: h.Seq, ID: w.recs[i].ID()}
}

func (w *world) backupKeys() backup.Keys {
	return backup.Keys{Backup: keys.Storage{1}, Generation: keys.Storage{2}, Name: backup.Generation(w.now())}
}

// The places below the root in which a workload works.
const (
	dirData     = "data"
	dirRestored = "restored"
	fileBackup  = "backup"
)

// run does the steps below root, from none. It tells before and after each.
func (w *world) run(root string, say func(text string) error) error {
	r := &runner{world: w, root: root, cfg: w.config(filepath.Join(root, dirData))}
	defer r.close()
	for i, s := range w.Steps {
		if err := say(fmt.Sprintf("begin %d", i)); err != nil {
			return err
		}
		if err := r.do(i, s); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.Op, err)
		}
		if err := say(fmt.Sprintf("done %d", i)); err != nil {
			return err
		}
	}
	return nil
}

type runner struct {
	*world
	root  string
	cfg   store.Config
	store *store.Store
	index *index.Index
	at    int // records appended
}

func (r *runner) close() {
	if r.index != nil {
		_ = r.index.Close()
	}
	if r.store != nil {
		_ = r.store.Close()
	}
	r.index, r.store = nil, nil
}

func (r *runner) do(n int, s step) (err error) {
	switch s.Op {
	case "create":
		if err = store.Create(r.cfg); err == nil {
			r.store, err = store.Open(r.cfg)
		}
	case "append":
		recs := r.recs[r.at:s.To]
		if s.Bare {
			recs, err = r.bare(recs)
		} else if s.Chain {
			recs, err = r.chained(recs)
		}
		if err == nil {
			_, err = r.store.Append(recs)
		}
		r.at = s.To
	case "fill":
		var recs []verify.Record
		for _, i := range s.Targets {
			recs = append(recs, r.recs[i])
		}
		var n int
		if n, err = r.store.FillBodies(recs); err == nil && n != len(recs) {
			err = fmt.Errorf("%d bodies filled, want %d", n, len(recs))
		}
	case "erase":
		// As the node does it: the store first, then what derives from it.
		var refs []ct.Ref
		for _, i := range s.Targets {
			refs = append(refs, r.ref(i))
		}
		if err = r.store.Erase(refs, store.BodyLocal); err == nil && r.index != nil {
			err = r.index.Forget(refs)
		}
	case "compact bodies":
		err = r.store.CompactBodies()
	case "compact":
		_, err = r.store.Compact()
	case "local":
		err = r.store.Local().Update(func(tx *store.LocalTx) error { return tx.Put("torture", localKey(n), localValue(n)) })
	case "recheck":
		_, _, err = r.store.Recheck(5)
	case "index":
		if r.index == nil {
			if r.index, err = r.world.index(r.cfg.Dir); err != nil {
				return err
			}
		}
		err = follow(r.index, r.store)
	case "reopen":
		indexed := r.index != nil
		r.close()
		if r.store, err = store.Open(r.cfg); err == nil && indexed {
			r.index, err = r.world.index(r.cfg.Dir)
		}
	case "backup":
		err = r.backup()
	case "restore":
		_, err = backup.Restore(context.Background(), filepath.Join(r.root, fileBackup), filepath.Join(r.root, dirRestored), r.backupKeys(), r.now(), nil)
	default:
		err = errors.New("unknown step")
	}
	return err
}

func localKey(n int) []byte   { return []byte{byte(n % 3)} }
func localValue(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func (r *runner) bare(recs []verify.Record) ([]verify.Record, error) {
	out := make([]verify.Record, len(recs))
	for i, rec := range recs {
		raw := wire.Encode(&wire.Envelope{HeaderBytes: rec.HeaderBytes(), Alg: rec.Alg(), Sig: rec.Sig()})
		var err error
		if out[i], err = verify.Open(raw, r.view, r.now()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// chained opens records as catch-up does, each log's as one range.
func (r *runner) chained(recs []verify.Record) ([]verify.Record, error) {
	byLog := map[ct.LogID][]int{}
	for i, rec := range recs {
		byLog[rec.Header().Log] = append(byLog[rec.Header().Log], i)
	}
	out := make([]verify.Record, len(recs))
	for _, own := range byLog {
		var raws [][]byte
		for _, i := range own {
			raws = append(raws, recs[i].Raw())
		}
		opened, err := verify.OpenRange(raws, r.view, r.now())
		if err != nil {
			return nil, err
		}
		for k, i := range own {
			out[i] = opened[k]
		}
	}
	return out, nil
}

// backup writes a backup as the command does: under another name, verified,
// then renamed.
func (r *runner) backup() error {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := keys.Save(filepath.Join(dir, "node.key"), keys.KindNode, keys.FromSeed([32]byte{9})); err != nil {
		return err
	}
	if err := keys.SaveStorage(filepath.Join(dir, "storage.key"), r.cfg.Key); err != nil {
		return err
	}
	src := backup.Source{
		Store: r.store, Network: r.cfg.Network, State: r.recs[0].State(), Node: r.recs[0].Header().Log,
		Files: map[string][]byte{"genesis.json": r.Genesis},
	}
	for _, name := range []string{"node.key", "storage.key"} {
		if src.Files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	path := filepath.Join(r.root, fileBackup)
	if _, err := backup.Create(context.Background(), path+".new", src, r.backupKeys(), r.now(), nil); err != nil {
		return err
	}
	if _, err := backup.Verify(context.Background(), path+".new", r.backupKeys(), nil); err != nil {
		return err
	}
	return backup.Install(path+".new", path)
}

// follow brings an index up to its store and ends.
func follow(x *index.Index, s *store.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- x.Follow(ctx, index.Source{
			Wait: s.Wait, Read: s.Read, Hidden: s.Hidden,
			Lists: func(after uint64, _ int) ([]index.Change, uint64, error) { return nil, after, nil },
			WaitLists: func(ctx context.Context, _ uint64) error {
				<-ctx.Done()
				return ctx.Err()
			},
		})
	}()
	err := x.Reach(ctx, index.Cursors{Store: s.Last()})
	stop()
	if ferr := <-done; err == nil && ferr != nil && !errors.Is(ferr, context.Canceled) {
		err = ferr
	}
	return err
}

// child is what a traced or killed copy of this test binary does.
func child(w *world, root string, marks io.Writer) error {
	return w.run(root, func(text string) error {
		_, err := io.WriteString(marks, text)
		return err
	})
}
