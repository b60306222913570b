package store_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/herald-net/herald/internal/store"
	"go.etcd.io/bbolt"
)

// move gives a value another key.
func move(bucket string, from, to []byte) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		v := bytes.Clone(b.Get(from))
		if v == nil {
			return errors.New("nothing stands there")
		}
		return errors.Join(b.Delete(from), b.Put(to, v))
	}
}

// firstEntry changes the first key and value of a bucket.
func firstEntry(bucket string, change func(k, v []byte) (key, value []byte)) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		k, v := b.Cursor().First()
		if k == nil {
			return errors.New("nothing stands in it")
		}
		k, v = bytes.Clone(k), bytes.Clone(v)
		key, value := change(bytes.Clone(k), bytes.Clone(v))
		return errors.Join(b.Delete(k), b.Put(key, value))
	}
}

// What rots beside the records, in keys and values that carry no sum, names
// nothing in the end: the scrub takes it out, what belongs to a record comes
// back with the record, and store check finds nothing any more.
func TestSweep(t *testing.T) {
	const size = 8
	w := newWorld(t, uto, isl)
	a := w.authors[uto]
	recs := a.notifyMany(5, 200)
	recs = append(recs, a.retract(ref(recs[0])))
	recs = append(recs, a.notifyMany(1, 200)...)
	last := a.notify(200)
	recs = append(recs, w.bare(last))
	chained := w.chained(w.authors[isl].notifyMany(5, 100))
	flipKey := func(i int) func(k, v []byte) ([]byte, []byte) {
		return func(k, v []byte) ([]byte, []byte) { k[i] ^= 0x40; return k, v }
	}
	flipValue := func(i int) func(k, v []byte) ([]byte, []byte) {
		return func(k, v []byte) ([]byte, []byte) { v[i] ^= 0x40; return k, v }
	}
	longer := func(k, v []byte) ([]byte, []byte) { return append(k, 0), v }
	shorter := func(k, v []byte) ([]byte, []byte) { return k, v[:len(v)-1] }
	for _, c := range []struct {
		name string
		fn   func(*bbolt.Tx) error
	}{
		{"an arrival names a seq that is not held", firstEntry("arr", flipValue(11))},
		{"an arrival names a log that is not there", firstEntry("arr", flipValue(1))},
		{"an arrival names no place", firstEntry("arr", shorter)},
		{"an arrival at no cursor", firstEntry("arr", longer)},
		{"a record at no place", move("hdr", at(3), append(at(3), 0))},
		{"the last record behind the end", move("hdr", at(size), at(size+64))},
		{"the last record among the disowned", move("hdr", at(size), append([]byte{0, 0, 0, 1}, number(1<<63|size)...))},
		{"a record after all logs", move("hdr", append([]byte{0, 0, 0, 2}, number(5)...), append([]byte{0, 0, 0, 66}, number(5)...))},
		{"a mark of a missing body at no place", firstEntry("missing", longer)},
		{"a mark of a missing body that is not held", firstEntry("missing", flipKey(11))},
		{"a missing body of no topic", firstEntry("missing", func(k, v []byte) ([]byte, []byte) { return k, nil })},
		{"a missing body of another topic", firstEntry("missing", flipValue(0))},
		{"a retraction of no record", firstEntry("hidden", flipKey(5))},
		{"a retraction without its sum", firstEntry("hidden", flipValue(60))},
		{"a RETRACT that is none", firstEntry("retract", flipKey(34))},
		{"a RETRACT of another record", firstEntry("retract", flipKey(5))},
		{"a RETRACT of another time", firstEntry("retract", flipValue(5))},
		{"a time to erase of no record", firstEntry("due", flipKey(18))},
		{"a time to erase of another record", firstEntry("due", flipValue(7))},
		{"a range of another log", firstEntry("chained", flipKey(2))},
		{"a range without an end", firstEntry("chained", shorter)},
		{"a range beyond the end", firstEntry("chained", flipValue(5))},
		{"a range that ends before it begins", firstEntry("chained", func(k, v []byte) ([]byte, []byte) { return k, number(0) })},
		{"a proof of no log's fork", func(tx *bbolt.Tx) error { return tx.Bucket([]byte("fork")).Put(make([]byte, 32), make([]byte, 40)) }},
		{"a bad signature of no record", func(tx *bbolt.Tx) error { return tx.Bucket([]byte("unsound")).Put(at(size+3), []byte{1}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, cfg := w.create()
			w.append(s, recs...)
			w.append(s, chained...)
			w.ok(s.Close())
			tamper(t, cfg, "log.db", c.fn)
			s = w.reopen(cfg)
			for range 3 { // as a node does
				scrubAll(t, s)
				if _, err := s.Mend(recs); err != nil {
					t.Fatal(err)
				}
			}
			if n, _ := s.Rot(); n != 0 || scrubAll(t, s).Strays != 0 {
				t.Errorf("%d records are still wanted, or strays are still there", n)
			}
			for {
				if n, bad, err := s.Recheck(100); err != nil || bad != 0 {
					t.Fatal(bad, err)
				} else if n == 0 {
					break
				}
			}
			if n, err := s.Unchecked(); n != 0 || err != nil {
				t.Errorf("%d signatures are never checked, %v", n, err)
			}
			rows, err := s.Read(0, 100, true)
			if err != nil || len(rows) != len(recs)+len(chained) {
				t.Errorf("%d rows of %d, %v", len(rows), len(recs)+len(chained), err)
			}
			if refs := s.MissingBodies(10); len(refs) != 1 || refs[0] != ref(last) {
				t.Errorf("missing: %v", refs)
			}
			checkStore(t, w, s)
			w.ok(s.Close())
			r, err := store.Check(cfg)
			w.ok(err)
			if !r.OK() {
				t.Errorf("check: %+v", r.Problems)
			}
		})
	}
}

// A record that stands under a rotten key is put back where the chain says that
// it belongs: nobody else may have it.
func TestSweepPutsBack(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(4, 100)
	w.append(s, recs...)
	w.ok(s.Close())
	tamper(t, cfg, "log.db", move("hdr", at(4), at(68)))
	s = w.reopen(cfg)
	if found := scrubAll(t, s); found.Strays != 1 || len(found.Faults) != 0 {
		t.Fatalf("the scrub found %+v", found)
	}
	r, err := s.Get(recs[3].Header().Log, 4)
	w.ok(err)
	if r.ID != recs[3].ID() || !bytes.Equal(r.Body, recs[3].Body()) {
		t.Fatal("not the record that stood there")
	}
	checkStore(t, w, s)
}
