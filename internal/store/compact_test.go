package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// Compacting gives back what was erased and dropped, and changes nothing else.
func TestCompact(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := w.interleave(w.authors[uto].notifyMany(600, 4000), w.authors[isl].notifyMany(600, 4000))
	for i := 0; i < len(recs); i += 100 {
		w.append(s, recs[i:i+100]...)
	}
	for _, l := range []*store.Local{s.Local(), s.Lists()} {
		for i := range uint64(4) {
			w.ok(l.Update(func(tx *store.LocalTx) error { return tx.Put("large", number(i), make([]byte, 3<<20)) }))
		}
		w.ok(l.Update(func(tx *store.LocalTx) error { return tx.Drop("large") }))
	}
	var refs []ct.Ref
	for _, rec := range recs[:1000] {
		refs = append(refs, ref(rec))
	}
	w.ok(s.Erase(refs, store.BodyLocal))
	files, err := s.Compact()
	w.ok(err)
	if len(files) != len(store.Parts()) {
		t.Fatalf("compacted %+v", files)
	}
	for _, f := range files {
		if f.Before == 0 || f.After == 0 || (f.File == "body.db" || f.File == "local.db" || f.File == "lists.db") && f.After >= f.Before {
			t.Errorf("compacted %+v", f)
		}
	}
	checkStore(t, w, s)
	w.append(s, w.authors[uto].notify(100))
	if r := checkFiles(t, s, cfg); r.Records != 1201 || r.Erased != 1000 || r.Bodies != 201 {
		t.Errorf("check counted %+v", r)
	}
}

// Compaction of the bodies goes on beside appending and erasing, and leaves
// nothing of what was erased before it.
func TestCompactBodiesOnline(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(400, 2000)
	more := w.authors[isl].notifyMany(300, 2000)
	w.append(s, recs...)
	var before, during []ct.Ref
	for i, r := range recs[:200] {
		if i%2 == 0 {
			before = append(before, ref(r))
		} else {
			during = append(during, ref(r))
		}
	}
	w.ok(s.Erase(before, store.BodyExpired))
	n, since, err := s.Garbage()
	if n != 100 || since == 0 || err != nil {
		t.Fatal(n, since, err)
	}
	var g errgroup.Group
	g.Go(s.CompactBodies)
	g.Go(func() error {
		for len(more) > 0 {
			if _, err := s.Append(more[:10]); err != nil {
				return err
			}
			more = more[10:]
		}
		return nil
	})
	g.Go(func() error {
		for len(during) > 0 {
			if err := s.Erase(during[:10], store.BodyExpired); err != nil {
				return err
			}
			during = during[10:]
		}
		return nil
	})
	w.ok(g.Wait())
	checkStore(t, w, s)
	w.ok(s.CompactBodies())
	if n, _, err := s.Garbage(); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	w.ok(s.CompactBodies())
	checkStore(t, w, s)
	if r := checkFiles(t, s, cfg); r.Bodies != 500 || r.Erased != 200 {
		t.Fatalf("check: %+v", r)
	}
	info, err := os.Stat(filepath.Join(cfg.Dir, "body.db"))
	w.ok(err)
	if info.Size() > 500*8192 {
		t.Errorf("body.db has %d bytes", info.Size())
	}
}

// Erasing goes on beside appending, which keys.db is rewritten under, and leaves
// no salt of what was erased.
func TestEraseOnline(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(400, 100)
	more := w.authors[isl].notifyMany(300, 100)
	w.append(s, recs...)
	var g errgroup.Group
	g.Go(func() error {
		for part := range slices.Chunk(more, 5) {
			if _, err := s.Append(part); err != nil {
				return err
			}
		}
		return nil
	})
	for half := range slices.Chunk(recs[:200], 100) {
		g.Go(func() error {
			for part := range slices.Chunk(half, 10) {
				var refs []ct.Ref
				for _, r := range part {
					refs = append(refs, ref(r))
				}
				if err := s.Erase(refs, store.BodyExpired); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.ok(g.Wait())
	for _, r := range recs[:200] {
		scan(t, cfg.Dir, r.Salt(), false)
	}
	hasSalts(t, s, 500)
	checkStore(t, w, s)
	if r := checkFiles(t, s, cfg); r.Bodies != 500 || r.Erased != 200 {
		t.Fatalf("check: %+v", r)
	}
	s = w.reopen(cfg)
	checkStore(t, w, s)
	if done, err := s.EraseTraces(); done || err != nil {
		t.Fatal("something was left:", done, err)
	}
}

// A salt that is deleted while keys.db is being rewritten may be in a free page
// of the new file: that file says so, and nothing that was written is lost.
func TestEraseWhileKeysAreRewritten(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(10, 100)
	w.append(s, recs[:8]...)
	w.ok(s.Erase([]ct.Ref{ref(recs[3])}, store.BodyLocal))
	w.ok(s.RewriteKeysAround(func() error {
		w.append(s, recs[8:]...)
		return s.Forget(5)
	}))
	w.ok(s.Close())
	s = w.reopen(cfg)
	if done, err := s.EraseTraces(); !done || err != nil {
		t.Fatal("the new file does not say that a salt may be left:", done, err)
	}
	scan(t, cfg.Dir, recs[3].Salt(), false)
	scan(t, cfg.Dir, recs[4].Salt(), false)
	hasSalts(t, s, 8)
}
