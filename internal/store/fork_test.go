package store_test

import (
	"testing"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
)

// A fork that is seen before the records that lead to it takes nothing from those,
// and of two proofs the lower one counts, whichever comes first.
func TestContestedFromTheLowestFork(t *testing.T) {
	w := newWorld(t, uto)
	a := w.authors[uto]
	recs := a.notifyMany(12, 50)
	at := func(seq uint64) verify.Record { // another record of this seq
		b := *a
		b.seq, b.prev = seq-1, recs[seq-2].ID()
		return b.notify(40)
	}
	for _, c := range []struct {
		name   string
		held   int
		proofs []uint64
	}{
		{"ahead of the head", 5, []uint64{8}},
		{"lower first", 5, []uint64{8, 10}},
		{"higher first", 5, []uint64{10, 8}},
		{"nothing is held", 0, []uint64{10, 8}},
		{"held beyond it", 11, []uint64{8}},
		{"held beyond it, higher first", 11, []uint64{11, 8, 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, cfg := w.create()
			w.append(s, recs[:c.held]...)
			for i, seq := range c.proofs {
				w.ok(s.PutFork(recs[seq-1], at(seq)))
				if i == 0 {
					w.ok(s.Close())
					s = w.reopen(cfg)
				}
			}
			if h := w.head(s, a.key.Public()); h.Contested != 8 || h.Size != uint64(c.held) {
				t.Fatalf("head %+v, want contested from 8", h)
			}
			forks, err := s.Forks()
			w.ok(err)
			if len(forks) != 1 || forks[0].Seq != 8 {
				t.Fatalf("proofs: %+v", forks)
			}
			if c.held < 7 {
				w.append(s, recs[c.held:7]...)
				if _, err := s.Append(recs[7:8]); err == nil {
					t.Fatal("a disputed record was added")
				}
			} else if _, err := s.Append(recs[c.held : c.held+1]); err == nil {
				t.Fatal("a disputed record was added")
			}
			for seq := uint64(1); seq <= w.head(s, a.key.Public()).Size; seq++ {
				row, err := s.Get(a.key.Public(), seq)
				w.ok(err)
				if row.Contested != (seq >= 8) {
					t.Errorf("record %d: contested %v", seq, row.Contested)
				}
			}
			checkStore(t, w, s)
			checkFiles(t, s, cfg)
		})
	}
}

// A proof that has rotted convicts nobody: no peer is shown it, and the scrub takes
// it out. From where the log is contested stays known.
func TestRottenForkProof(t *testing.T) {
	w := newWorld(t, uto)
	a := w.authors[uto]
	recs := a.notifyMany(5, 50)
	b := *a
	b.seq, b.prev = 2, recs[1].ID()
	for _, flip := range []int{0, 9, 100} {
		s, cfg := w.create()
		w.append(s, recs...)
		w.ok(s.PutForkHeld(b.fork().notify(10)))
		w.ok(s.FlipFork(a.key.Public(), flip))
		s.Close()
		if r, err := store.Check(cfg); err != nil || r.OK() {
			t.Errorf("byte %d: check sees nothing: %v", flip, err)
		}
		s = w.reopen(cfg)
		_, found, err := s.Scrub(store.ScrubPlace{}, 100)
		w.ok(err)
		if forks, err := s.Forks(); err != nil || len(forks) != 0 || found.Strays != 1 {
			t.Errorf("byte %d: %d strays, proofs %v, %v", flip, found.Strays, forks, err)
		}
		if h := w.head(s, a.key.Public()); h.Contested != 3 {
			t.Errorf("byte %d: %+v", flip, h)
		}
		checkFiles(t, s, cfg)
	}
}
