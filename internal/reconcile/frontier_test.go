package reconcile_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Whatever is set and removed, a frontier that is kept log by log says what one
// made anew of the same heads says, tells each change since any moment, and a
// copy of it shows the moment at which it was taken.
func TestFrontier(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var f reconcile.Frontier
	now := map[ct.LogID]wire.LogHead{}
	changed := map[ct.LogID]uint64{}
	type moment struct {
		f     reconcile.Frontier
		heads []wire.LogHead
	}
	var before []moment
	sorted := func(keep func(ct.LogID) bool) (out []wire.LogHead) {
		for log, h := range now {
			if keep(log) {
				out = append(out, h)
			}
		}
		reconcile.Sort(out)
		return out
	}
	for gen := uint64(1); gen <= 400; gen++ {
		for range rng.IntN(6) {
			h := wire.LogHead{Log: ct.LogID{byte(rng.IntN(5)), byte(rng.IntN(40))}, Size: rng.Uint64N(3) + 1, Head: ct.ID{byte(rng.IntN(2))}}
			if rng.IntN(4) == 0 {
				h.Fork = h.Size + 1 + rng.Uint64N(2)
			}
			_, had := now[h.Log]
			if rng.IntN(8) == 0 {
				if f.Remove(h.Log) != had {
					t.Fatalf("removed a log: %v, it was there: %v", !had, had)
				}
				delete(now, h.Log)
				continue
			}
			if f.Set(h, gen) == (had && now[h.Log] == h) {
				t.Fatal("a change was not seen, or one that is none")
			}
			if now[h.Log] != h {
				changed[h.Log] = gen
			}
			now[h.Log] = h
		}
		all := sorted(func(ct.LogID) bool { return true })
		if f.Len() != len(all) || !slices.Equal(f.Since(0), all) {
			t.Fatalf("%d logs, want %d", f.Len(), len(all))
		}
		if f.Digest() != wire.FrontierDigest(all) {
			t.Fatal("the digest is not that of its heads")
		}
		since := rng.Uint64N(gen + 2)
		if got, want := f.Since(since), sorted(func(l ct.LogID) bool { return changed[l] >= since }); !slices.Equal(got, want) {
			t.Fatalf("changed since %d: %v, want %v", since, got, want)
		}
		for _, h := range all {
			if f.Head(h.Log) != h {
				t.Fatalf("log %s: %+v, want %+v", h.Log.Short(), f.Head(h.Log), h)
			}
		}
		before = append(before, moment{f, all})
	}
	for i, m := range before {
		if !slices.Equal(m.f.Since(0), m.heads) || m.f.Digest() != wire.FrontierDigest(m.heads) {
			t.Fatalf("moment %d shows another frontier by now", i)
		}
	}
}

// A change of one log among many costs the digest of one part.
func BenchmarkFrontierDigest(b *testing.B) {
	var f reconcile.Frontier
	rng := rand.New(rand.NewPCG(1, 1))
	heads := make([]wire.LogHead, 16_640)
	for i := range heads {
		h := &heads[i]
		for j := range h.Log {
			h.Log[j] = byte(rng.Uint32())
		}
		h.Size = 1
		f.Set(*h, 1)
	}
	f.Digest()
	for i := 0; b.Loop(); i++ {
		h := &heads[i%len(heads)]
		h.Size++
		f.Set(*h, 2)
		f.Digest()
	}
}
