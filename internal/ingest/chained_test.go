package ingest_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
)

// chained opens successive records by their last signature, that of seq bad
// replaced.
func (w *world) chained(recs []verify.Record, bad uint64) []verify.Record {
	w.tb.Helper()
	var raws [][]byte
	for _, r := range recs {
		raw := r.Raw()
		if r.Header().Seq == bad {
			e, err := wire.Decode(bytes.Clone(raw))
			w.ok(err)
			e.Sig[5] ^= 1
			raw = wire.Encode(e)
		}
		raws = append(raws, raw)
	}
	out, err := verify.OpenRange(raws, w.view, created.Add(time.Hour))
	w.ok(err)
	return out
}

// Two histories convict a key by two signatures of its own. While one of them
// has been replaced on its way here, nobody is convicted and nothing is lost.
func TestForkWithBadSignature(t *testing.T) {
	start := func(t *testing.T, bad uint64) (*bench, *author, []verify.Record) {
		w := newWorld(t, "UTO")
		b := w.start()
		recs := w.authors[0].next(10)
		w.ok(b.SubmitAll(t.Context(), w.chained(recs, bad)))
		return b, w.authors[0], recs
	}
	quiet := func(b *bench, a *author, size uint64) {
		b.tb.Helper()
		if forks, err := b.store.Forks(); err != nil || len(forks) != 0 {
			b.tb.Fatalf("proofs: %v, %v", forks, err)
		}
		if h, _ := b.store.Head(a.log()); h.Contested != 0 || h.Size != size {
			b.tb.Fatalf("head: %+v", h)
		}
	}
	t.Run("the held one is bad", func(t *testing.T) {
		b, a, recs := start(t, 4)
		other := a.sign(4, recs[2].ID(), []byte("x"))
		b.submit(other, ingest.Dropped)
		quiet(b, a, 10)
		checked, bad, err := b.store.Recheck(100)
		if err != nil || checked != 9 || bad != 1 {
			t.Fatal(checked, bad, err)
		}
		b.submit(other, ingest.Dropped)
		if n, err := b.store.PutSignatures(recs); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		b.submit(other, ingest.Forked) // now there are two
		b.check()
	})
	t.Run("the held one is good and was never checked", func(t *testing.T) {
		b, a, recs := start(t, 4)
		b.submit(a.sign(5, recs[3].ID(), []byte("x")), ingest.Forked)
		b.check()
	})
	t.Run("the new one is bad", func(t *testing.T) {
		b, a, recs := start(t, 0)
		x := a.sign(9, recs[7].ID(), []byte("x"))
		y := a.sign(10, x.ID(), []byte("y"))
		err := b.SubmitAll(t.Context(), b.chained([]verify.Record{x, y}, 9))
		if !errors.Is(err, ingest.ErrGap) { // x proves nothing, y does
			t.Fatal(err)
		}
		forks, err := b.store.Forks()
		b.ok(err)
		if len(forks) != 1 || forks[0].Seq != 10 {
			t.Fatalf("proofs: %+v", forks)
		}
		b.check()
	})
	t.Run("the new one is bad and next", func(t *testing.T) {
		b, a, recs := start(t, 0)
		x := a.sign(11, recs[3].ID(), []byte("x"))
		y := a.sign(12, x.ID(), []byte("y"))
		if err := b.SubmitAll(t.Context(), b.chained([]verify.Record{x, y}, 11)); !errors.Is(err, ingest.ErrGap) {
			t.Fatal(err)
		}
		quiet(b, a, 10)
		b.check()
	})
	t.Run("chained records that do not follow are not kept waiting", func(t *testing.T) {
		b, a, _ := start(t, 0)
		more := a.next(20)
		if err := b.SubmitAll(t.Context(), b.chained(more[5:], 0)); !errors.Is(err, ingest.ErrGap) {
			t.Fatal(err)
		}
		b.ok(b.SubmitAll(t.Context(), b.chained(more[:5], 0)))
		b.size(a.log(), 15)
		b.ok(b.SubmitAll(t.Context(), b.chained(more, 3)))
		b.size(a.log(), 30)
		b.check()
	})
}

// A commit never ends inside a range: after a crash every record is proved.
func TestSubmissionsDoNotCutRanges(t *testing.T) {
	w := newWorld(t, "UTO")
	all := w.authors[0].next(2600)
	var recs []verify.Record
	for _, r := range [][2]int{{0, 1000}, {1000, 1100}, {1100, 2500}, {2500, 2501}, {2501, 2600}} {
		recs = append(recs, w.chained(all[r[0]:r[1]], 0)...)
	}
	var sizes []int
	for rest := recs; len(rest) > 0; {
		n := ingest.Chunk(rest)
		if rest[n-1].Chained() {
			t.Fatalf("%d of %d records end inside a range", n, len(rest))
		}
		sizes, rest = append(sizes, n), rest[n:]
	}
	if want := []int{1000, 100, 1400, 100}; !slices.Equal(sizes, want) {
		t.Errorf("got %v, want %v", sizes, want)
	}
	b := w.start()
	w.ok(b.SubmitAll(t.Context(), recs))
	b.size(w.authors[0].log(), 2600)
	b.check()
}
