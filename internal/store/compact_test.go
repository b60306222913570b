package store_test

import (
	"testing"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Compacting gives back what was erased and dropped, and changes nothing else.
func TestCompact(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := w.interleave(w.authors[uto].notifyMany(600, 4000), w.authors[isl].notifyMany(600, 4000))
	for i := 0; i < len(recs); i += 100 {
		w.append(s, recs[i:i+100]...)
	}
	w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Put("lists", number(1), make([]byte, 3<<20)) }))
	w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Drop("lists") }))
	var refs []ct.Ref
	for _, rec := range recs[:1000] {
		refs = append(refs, ref(rec))
	}
	w.ok(s.Erase(refs, store.BodyLocal))
	files, err := s.Compact()
	w.ok(err)
	if len(files) != 4 {
		t.Fatalf("compacted %+v", files)
	}
	for _, f := range files {
		if f.Before == 0 || f.After == 0 || (f.File == "body.db" || f.File == "local.db") && f.After >= f.Before {
			t.Errorf("compacted %+v", f)
		}
	}
	checkStore(t, w, s)
	w.append(s, w.authors[uto].notify(100))
	if r := checkFiles(t, s, cfg); r.Records != 1201 || r.Erased != 1000 || r.Bodies != 201 {
		t.Errorf("check counted %+v", r)
	}
}
