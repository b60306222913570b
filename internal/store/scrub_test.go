package store_test

import (
	"testing"

	"github.com/herald-net/herald/internal/store"
)

// scrubAll goes once round a store in small steps.
func scrubAll(t testing.TB, s *store.Store) (sum store.Scrubbed) {
	t.Helper()
	var at store.ScrubPlace
	for !sum.Done {
		next, found, err := s.Scrub(at, 7)
		if err != nil {
			t.Fatal(err)
		}
		at, sum.Done = next, found.Done
		sum.Records += found.Records
		sum.Rotten += found.Rotten
		sum.Strays += found.Strays
		sum.Faults = append(sum.Faults, found.Faults...)
	}
	return sum
}

// A scrub finds what rotted without anybody reading it, and a rotten body is
// wanted and repaired.
func TestScrub(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := append(w.authors[uto].notifyMany(20, 300), w.authors[isl].notifyMany(13, 300)...)
	w.append(s, recs...)
	if found := scrubAll(t, s); found.Records != 33 || found.Rotten != 0 || len(found.Faults) != 0 {
		t.Fatalf("a sound store: %+v", found)
	}
	w.ok(s.Close())
	tamper(t, cfg, "body.db", flip("body", 3, 5))
	tamper(t, cfg, "keys.db", flip("salt", 25, 5))
	s = w.reopen(cfg)
	if found := scrubAll(t, s); found.Records != 33 || found.Rotten != 2 || len(found.Faults) != 0 {
		t.Fatalf("two rotten bodies: %+v", found)
	}
	if n := len(s.MissingBodies(10)); n != 2 {
		t.Fatalf("%d bodies are wanted", n)
	}
	if n, err := s.FillBodies(recs); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if found := scrubAll(t, s); found.Rotten != 0 {
		t.Fatalf("after the repair: %+v", found)
	}
	w.ok(s.Close())
	for _, n := range []int{5, 32} { // in the middle of a log, and its head
		tamper(t, cfg, "log.db", flip("hdr", n, 10))
	}
	s = w.reopen(cfg)
	seen := map[uint64]bool{}
	for _, ref := range scrubAll(t, s).Faults {
		seen[ref.Seq] = true
	}
	if !seen[6] || !seen[13] {
		t.Fatalf("rotten headers are not found: %v", seen)
	}
}
