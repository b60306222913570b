package ingest_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// A fork that shows ahead of the head leaves what comes before it undisputed: a
// node that hears of it early comes to hold what one holds that was up to date.
func TestForkAheadOfTheHead(t *testing.T) {
	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "UTO", "NOR")
			a := w.authors[0]
			recs := a.next(10)
			other := a.sign(8, recs[6].ID(), []byte("other"))
			ahead, behind := w.start(), w.start()
			ahead.ok(ahead.SubmitAll(t.Context(), recs))
			ahead.submit(other, ingest.Forked)
			behind.ok(behind.SubmitAll(t.Context(), recs[:4]))
			behind.submit(recs[5], ingest.Held) // undisputed, and waits
			behind.submit(recs[8], ingest.Held)
			behind.submit(recs[7], ingest.Held)
			behind.submit(other, ingest.Forked)
			behind.gap(a.log())
			if restart {
				behind = behind.again()
				behind.submit(recs[5], ingest.Held)
			}
			behind.submit(recs[4], ingest.Stored)
			behind.size(a.log(), 6) // with what waited
			behind.submit(recs[8], ingest.Forked)
			behind.ok(behind.SubmitAll(t.Context(), recs[6:7]))
			behind.submit(recs[7], ingest.Forked)
			behind.size(a.log(), 7)
			for _, b := range []*bench{ahead, behind} {
				if h, _ := b.store.Head(a.log()); h.Contested != 8 {
					t.Errorf("contested from %d, want 8", h.Contested)
				}
				b.check()
			}
		})
	}
}

// again stops a writer and starts another one on the same files.
func (b *bench) again() *bench {
	b.tb.Helper()
	if err := b.stop(); err != nil {
		b.tb.Fatal(err)
	}
	b.ok(b.store.Close())
	cfg := b.cfg
	return b.start(func(s *store.Config, _ *ingest.Config) { *s = cfg })
}

// In random worlds some nodes get the records of a log that forks, once or more
// often, in any order, with losses and restarts, and each other's proofs. In the
// end all know the lowest fork and hold the same records below it, all of them.
func TestForksInRandomWorlds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 12 {
		w := newWorld(t, "UTO", "NOR")
		a := w.authors[0]
		trunk := a.next(8 + rng.IntN(30))
		branches := [][]verify.Record{trunk}
		lowest := uint64(math.MaxUint64)
		for i := range 1 + rng.IntN(3) {
			at := 1 + rng.IntN(len(trunk)) // the seq at which it leaves the trunk
			prev := a.first
			if at > 1 {
				prev = trunk[at-2].ID()
			}
			branch := append([]verify.Record{}, trunk[:at-1]...)
			for n := range 1 + rng.IntN(4) {
				rec := a.sign(uint64(at+n), prev, binary.BigEndian.AppendUint64([]byte{byte(i + 1)}, uint64(n)))
				branch, prev = append(branch, rec), rec.ID()
			}
			branches, lowest = append(branches, branch), min(lowest, uint64(at))
		}
		nodes := make([]*bench, 3)
		for i := range nodes {
			nodes[i] = w.start()
			// Each follows a branch of its own, as far as its losses let it.
			recs := append([]verify.Record{}, branches[rng.IntN(len(branches))]...)
			for range rng.IntN(6) {
				b := branches[rng.IntN(len(branches))]
				recs = append(recs, b[rng.IntN(len(b))])
			}
			rng.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
			for _, r := range recs {
				if rng.IntN(5) == 0 {
					continue
				}
				_, err := nodes[i].Submit(t.Context(), r)
				w.ok(err)
				if rng.IntN(25) == 0 {
					nodes[i] = nodes[i].again()
				}
			}
		}
		// Sync: each brings the others, again and again, what it holds at the
		// first seq at which they differ, its proof, and what they lack below it.
		for range 8 {
			for i, from := range nodes {
				for j, to := range nodes {
					if i != j {
						w.reconcile(a.log(), from, to)
					}
				}
			}
		}
		h0, _ := nodes[0].store.Head(a.log())
		for i, b := range nodes {
			h, _ := b.store.Head(a.log())
			if h.Contested != h0.Contested || h.Contested != 0 && h.Contested < lowest {
				t.Fatalf("node %d: contested from %d, node 0 from %d, the lowest fork is %d", i, h.Contested, h0.Contested, lowest)
			}
			below := h.Size
			if h.Contested > 0 {
				below = min(below, h.Contested-1)
			}
			if h.Contested > 0 && below != h.Contested-1 && below != min(h0.Size, h.Contested-1) {
				t.Fatalf("node %d holds %d records below the fork at %d", i, h.Size, h.Contested)
			}
			for seq := uint64(1); seq <= below; seq++ {
				x, _, ok, err := nodes[0].store.Lookup(a.log(), seq)
				y, _, _, err2 := b.store.Lookup(a.log(), seq)
				if !ok || err != nil || err2 != nil || x != y {
					t.Fatalf("node %d: record %d of %d below the fork at %d differs: %v %v", i, seq, below, h.Contested, err, err2)
				}
			}
		}
		for _, b := range nodes {
			b.check()
		}
	}
}

// reconcile is what a sync brings from one node to another.
func (w *world) reconcile(log ct.LogID, from, to *bench) {
	w.tb.Helper()
	theirs, _ := from.store.Head(log)
	mine, _ := to.store.Head(log)
	get := func(seq uint64) verify.Record {
		raws, err := from.store.Range(log, seq, 1, 1<<20)
		w.ok(err)
		return w.open(raws[0])
	}
	for seq := uint64(1); seq <= theirs.Size; seq++ {
		id, _, ok, err := to.store.Lookup(log, seq)
		w.ok(err)
		if theirID, _, _, err := from.store.Lookup(log, seq); err != nil || ok && id != theirID || !ok && !mine.Ends(seq) {
			w.ok(err)
			_, err := to.Submit(w.tb.Context(), get(seq))
			w.ok(err)
			if ok {
				break
			}
		}
	}
	if theirs.Contested > 0 && !mine.Ends(theirs.Contested) {
		forks, err := from.store.Forks()
		w.ok(err)
		for _, f := range forks {
			o, err := to.SubmitProof(w.tb.Context(), w.open(f.A), w.open(f.B))
			w.ok(err)
			if o != ingest.Forked {
				w.tb.Fatalf("a proof at %d: %v", f.Seq, o)
			}
		}
	}
}

// What is no proof convicts nobody, wherever it is in its log; what is one does,
// however far ahead.
func TestSubmitProof(t *testing.T) {
	w := newWorld(t, "UTO", "NOR")
	b := w.start()
	a, other := w.authors[0], w.authors[1]
	recs := a.next(3)
	x, y := a.sign(5000, ct.ID{1}, []byte("x")), a.sign(5000, ct.ID{2}, []byte("y"))
	after := a.sign(5001, x.ID(), nil)
	for name, pair := range map[string][2]verify.Record{
		"one record twice": {x, x}, "one after the other": {x, after}, "far from each other": {recs[0], y},
		"backwards": {a.sign(5001, y.ID(), nil), x}, "of two logs": {x, other.sign(5000, ct.ID{1}, nil)},
	} {
		if o, err := b.SubmitProof(t.Context(), pair[0], pair[1]); err != nil || o != ingest.Dropped {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	if h, _ := b.store.Head(a.log()); h.Contested != 0 {
		t.Fatalf("contested from %d", h.Contested)
	}
	for _, pair := range [][2]verify.Record{{y, after}, {x, y}} {
		if o, err := b.SubmitProof(t.Context(), pair[0], pair[1]); err != nil || o != ingest.Forked {
			t.Fatalf("a proof: %v, %v", o, err)
		}
	}
	b.ok(b.SubmitAll(t.Context(), recs))
	if o, err := b.SubmitProof(t.Context(), recs[1], a.sign(3, ct.ID{7}, nil)); err != nil || o != ingest.Forked {
		t.Fatalf("a lower proof: %v, %v", o, err)
	}
	if h, _ := b.store.Head(a.log()); h.Contested != 2 || h.Size != 3 {
		t.Errorf("head %+v, want contested from 2, 3 held", h)
	}
	b.check()
}

// A seq at the end of what fits costs nothing and stops nothing, but signing
// where it is this node's own key that signed it.
func TestSeqExtremes(t *testing.T) {
	w := newWorld(t, "UTO", "NOR")
	b := w.start()
	a := w.authors[0]
	b.ok(b.SubmitAll(t.Context(), a.next(3)))
	for seq, want := range map[uint64]ingest.Outcome{
		5: ingest.Held, 3 + 256: ingest.Held, 3 + 257: ingest.Dropped, 1 << 48: ingest.Dropped, 1<<48 + 1: ingest.Dropped,
		1<<63 - 1: ingest.Dropped, 1 << 63: ingest.Dropped, 1<<63 + 1: ingest.Dropped, math.MaxUint64 - 1: ingest.Dropped, math.MaxUint64: ingest.Dropped,
	} {
		b.submit(a.sign(seq, ct.ID{9}, nil), want)
	}
	b.size(a.log(), 3)
	b.submit(a.next(1)[0], ingest.Stored)
	b.check()
}
