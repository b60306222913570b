package store_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// at is the key of the record at seq of the store's first log.
func at(seq uint64) []byte { return append([]byte{0, 0, 0, 1}, number(seq)...) }

// flipAt flips a bit of a value, off bytes from its beginning.
func flipAt(bucket string, key []byte, off int) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		v := bytes.Clone(tx.Bucket([]byte(bucket)).Get(key))
		v[off] ^= 1
		return tx.Bucket([]byte(bucket)).Put(key, v)
	}
}

// Whatever rots of a record in log.db, the record is not served, nothing is
// judged by it and nothing else suffers; a sound copy takes its place, and what
// was known of the record beside stays known.
func TestRottenRecordIsMended(t *testing.T) {
	const hidden, erased, plain, last = 1, 2, 3, 8
	w := newWorld(t, uto, isl)
	a := w.authors[uto]
	recs := a.notifyMany(5, 200)
	recs = append(recs, a.retract(ref(recs[hidden-1])))
	recs = append(recs, a.notifyMany(2, 200)...)
	for _, c := range []struct {
		name string
		seq  uint64
		fn   func(*bbolt.Tx) error
	}{
		{"a byte of a header", plain, flipAt("hdr", at(plain), 150)},
		{"the head", last, flipAt("hdr", at(last), 150)},
		{"the cursor", plain, flipAt("hdr", at(plain), 7)},
		{"the state: missing", plain, flipAt("hdr", at(plain), 8)},
		{"hidden no more", hidden, flipAt("hdr", at(hidden), 9)},
		{"erased no more", erased, flipAt("hdr", at(erased), 8)},
		{"the signature", plain, flipAt("hdr", at(plain), 25)},
		{"the length of the signature", plain, flipAt("hdr", at(plain), 19)},
		{"its sum", plain, func(tx *bbolt.Tx) error {
			v := tx.Bucket([]byte("hdr")).Get(at(plain))
			return flipAt("hdr", at(plain), len(v)-1)(tx)
		}},
		{"it is gone", plain, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("hdr")).Delete(at(plain)) }},
		{"it has another's place", plain, func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("hdr"))
			return b.Put(at(plain), bytes.Clone(b.Get(at(plain+1))))
		}},
		{"the retraction", hidden, func(tx *bbolt.Tx) error {
			id := recs[hidden-1].ID()
			return flipAt("hidden", id[:], 30)(tx)
		}},
		{"the retraction is gone", hidden, func(tx *bbolt.Tx) error {
			id := recs[hidden-1].ID()
			return tx.Bucket([]byte("hidden")).Delete(id[:])
		}},
		{"the note of the retraction", 6, remove("retract", 0)},
		{"its arrival", plain, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("arr")).Delete(number(plain)) }},
		{"the time to erase", hidden, remove("due", 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, cfg := w.create()
			w.append(s, recs...)
			w.ok(s.Erase([]ct.Ref{ref(recs[erased-1])}, store.BodyLocal))
			w.ok(s.Close())
			tamper(t, cfg, "log.db", c.fn)
			s = w.reopen(cfg)

			// Never another's, never what is hidden or erased; the rest is served.
			rows, err := s.Read(0, 100, true)
			w.ok(err)
			if len(rows) < len(recs)-1 {
				t.Fatalf("%d rows of %d", len(rows), len(recs))
			}
			for _, r := range rows {
				i := r.Header.Seq - 1
				if r.ID != recs[i].ID() || !bytes.Equal(r.Sig, recs[i].Sig()) {
					t.Fatalf("seq %d: not the record that was stored", i+1)
				}
				if r.Body != nil && (i+1 == hidden || i+1 == erased || !bytes.Equal(r.Body, recs[i].Body())) {
					t.Fatalf("seq %d: a body that is not to be shown", i+1)
				}
			}
			raws, err := s.Range(a.key.Public(), 1, 100, 1<<20)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			for i, raw := range raws {
				if rec := w.open(raw); rec.ID() != recs[i].ID() {
					t.Fatalf("seq %d: served another", i+1)
				}
			}
			// A record that is rotten convicts nobody, and the log goes on.
			if id, _, ok, err := s.Lookup(a.key.Public(), c.seq); err == nil && (!ok || id != recs[c.seq-1].ID()) {
				t.Fatalf("Lookup gives %s, %v", id.Short(), ok)
			}

			found := scrubAll(t, s)
			if len(found.Faults) != 1 || found.Faults[0].Seq != c.seq || found.Faults[0].ID != recs[c.seq-1].ID() {
				t.Fatalf("the scrub found %+v, want seq %d", found.Faults, c.seq)
			}
			refs, err := s.Rotten(10)
			w.ok(err)
			if len(refs) != 1 || refs[0] != ref(recs[c.seq-1]) {
				t.Fatalf("wanted: %v", refs)
			}
			// Neither an unproved copy nor another record does.
			if n, err := s.Mend([]verify.Record{recs[0], recs[4]}); err != nil || c.seq != hidden && n != 0 {
				t.Fatalf("%d mended by others, %v", n, err)
			}
			if refs, _ := s.Rotten(10); len(refs) > 0 {
				peer := []verify.Record{recs[c.seq-1]}
				if n, err := s.Mend(peer); n != 1 || err != nil {
					t.Fatalf("%d mended, %v", n, err)
				}
			}
			if n, _ := s.Rot(); n != 0 {
				t.Fatalf("%d are still wanted", n)
			}
			if found := scrubAll(t, s); len(found.Faults) != 0 || found.Rotten != 0 {
				t.Fatalf("after the repair: %+v", found)
			}
			checkStore(t, w, s)
			for seq, want := range map[uint64]store.BodyState{hidden: store.BodyHeld, erased: store.BodyLocal, plain: store.BodyHeld} {
				r, err := s.Get(a.key.Public(), seq)
				w.ok(err)
				if r.BodyState != want || (r.Body != nil) != (seq == plain) || (seq == hidden) == r.HiddenBy.IsZero() {
					t.Errorf("seq %d: %v, body %v, hidden by %s", seq, r.BodyState, r.Body != nil, r.HiddenBy.Short())
				}
			}
			due, err := s.DueRetractions(created.AddDate(100, 0, 0), 0, 10)
			if err != nil || len(due) != 1 || due[0] != ref(recs[hidden-1]) {
				t.Errorf("due: %v, %v", due, err)
			}
			w.append(s, a.w.copyOf(a).notify(50))
			w.ok(s.Close())
			r, err := store.Check(cfg)
			w.ok(err)
			if !r.OK() {
				t.Errorf("check: %+v", r.Problems)
			}
		})
	}
}

// copyOf is an author that goes on where a is, without moving it.
func (w *world) copyOf(a *author) *author { b := *a; return &b }

// Several records in a row are mended in any order, from the end of the log.
func TestRottenRange(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(20, 100)
	w.append(s, recs...)
	w.ok(s.Close())
	for seq := uint64(5); seq <= 20; seq++ {
		tamper(t, cfg, "log.db", flipAt("hdr", at(seq), 100))
	}
	s = w.reopen(cfg)
	if n := len(scrubAll(t, s).Faults); n != 16 {
		t.Fatalf("%d found", n)
	}
	if n, err := s.Mend(recs[:10]); n != 0 || err != nil {
		t.Fatalf("%d mended without a chain that names them, %v", n, err)
	}
	if n, err := s.Mend(recs[7:]); n != 13 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := s.Mend(recs); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}

// What is left of a rotten record is enough where its header and a body are whole.
func TestRemains(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(6, 100)
	w.append(s, recs...)
	w.ok(s.Close())
	tamper(t, cfg, "log.db", flipAt("hdr", at(2), 7))   // what stands beside the header
	tamper(t, cfg, "log.db", flipAt("hdr", at(4), 150)) // the header
	s = w.reopen(cfg)
	scrubAll(t, s)
	refs, err := s.Rotten(10)
	w.ok(err)
	if raw := s.Remains(refs[0]); !bytes.Equal(raw, recs[1].Raw()) {
		t.Errorf("remains of %d bytes, the record has %d", len(raw), len(recs[1].Raw()))
	}
	if raw := s.Remains(refs[1]); raw != nil {
		t.Error("a header that is not whole remains")
	}
	// A peer has the header alone: the body that is here goes with it.
	if raw := s.Complete(w.bare(recs[3]).Raw()); !bytes.Equal(raw, recs[3].Raw()) {
		t.Error("the body was not found again")
	}
}

// The erasure of a record that has rotted is an erasure all the same.
func TestEraseRotten(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(4, 100)
	w.append(s, recs...)
	w.ok(s.Close())
	tamper(t, cfg, "log.db", flipAt("hdr", at(2), 100))
	s = w.reopen(cfg)
	w.ok(s.Erase([]ct.Ref{ref(recs[1]), ref(recs[2])}, store.BodyExpired))
	scan(t, cfg.Dir, recs[1].Salt(), false)
	if n, err := s.Mend(recs[1:2]); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r, err := s.Get(recs[1].Header().Log, 2)
	w.ok(err)
	if r.BodyState != store.BodyExpired || r.Body != nil {
		t.Fatalf("it came back: %v", r.BodyState)
	}
	scan(t, cfg.Dir, recs[1].Salt(), false)
	checkStore(t, w, s)
	w.ok(s.Close())
	s = w.reopen(cfg)
	checkFiles(t, s, cfg)
}

// A rotten record among those whose signatures are still to be checked holds up
// none of the others, and ends: it would be checked again and again.
func TestRottenIsCheckedOnce(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(20, 100)
	w.append(s, w.chained(recs)...)
	w.ok(s.Close())
	tamper(t, cfg, "log.db", flipAt("hdr", at(3), 100))
	s = w.reopen(cfg)
	for range 20 {
		if n, _, err := s.Recheck(4); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			break
		}
	}
	if n, err := s.Unchecked(); n != 0 || err != nil {
		t.Fatalf("%d signatures are still to be checked, %v", n, err)
	}
	if n, err := s.Mend(recs[2:3]); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	checkStore(t, w, s)
}
