package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// tamper changes a closed file through bbolt itself, so that its pages stay sound.
func tamper(t testing.TB, cfg store.Config, file string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(cfg.Dir, file), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// flip flips a bit of the value at the n-th key of a bucket, off bytes from its end.
func flip(bucket string, n, off int) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		c := b.Cursor()
		k, v := c.First()
		for range n {
			k, v = c.Next()
		}
		v = bytes.Clone(v)
		v[len(v)-1-off] ^= 4
		return b.Put(bytes.Clone(k), v)
	}
}

// forge is flip for a value that carries its own sum, which is then right.
func forge(bucket string, n, off int) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		c := b.Cursor()
		k, v := c.First()
		for range n {
			k, v = c.Next()
		}
		v = bytes.Clone(v[:len(v)-4])
		v[len(v)-1-off] ^= 4
		return b.Put(bytes.Clone(k), store.Summed(v))
	}
}

func remove(bucket string, n int) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		k, _ := c.First()
		for range n {
			k, _ = c.Next()
		}
		return tx.Bucket([]byte(bucket)).Delete(bytes.Clone(k))
	}
}

func TestCheckFindsEveryFault(t *testing.T) {
	w := newWorld(t, uto)
	a := w.authors[uto]
	target := a.notify(100)
	recs := append([]verify.Record{target, a.retract(ref(target))}, a.notifyMany(8, 100)...)
	for _, c := range []struct {
		name, file string
		fn         func(*bbolt.Tx) error
		want       string
	}{
		{"a header", "log.db", flip("hdr", 4, 10), "wrong sum"},
		{"another header", "log.db", forge("hdr", 4, 10), "log.db"},
		{"a head's sum", "log.db", flip("logs", 0, 0), "wrong sum"},
		{"a signature", "log.db", forge("hdr", 4, len(recs[4].HeaderBytes())+len("body-not-decodable")+20), "the signature is not its log's"},
		{"a header is gone", "log.db", remove("hdr", 4), "log.db"},
		{"the head", "log.db", forge("logs", 0, 60), "its head"},
		{"the log's first prev", "log.db", forge("logs", 0, 20), "does not name"},
		{"an arrival", "log.db", remove("arr", 4), "arrival"},
		{"an arrival elsewhere", "log.db", flip("arr", 4, 0), "arrival"},
		{"a retraction", "log.db", remove("hidden", 0), "retraction disagree"},
		{"a salt", "keys.db", flip("salt", 3, 0), "the body is not the one"},
		{"a salt is gone", "keys.db", remove("salt", 3), "the body is gone"},
		{"a body", "body.db", flip("body", 3, 5), "the body is not the one"},
		{"a body is gone", "body.db", remove("body", 3), "the body is gone"},
		{"a local value", "local.db", func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("local")).Bucket([]byte("drafts"))
			k, v := b.Cursor().First()
			return b.Put(k, append(bytes.Clone(v), 0))
		}, "does not open"},
		{"an entry of a list", "lists.db", func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("local")).Bucket([]byte("list"))
			k, v := b.Cursor().First()
			return b.Put(k, append(bytes.Clone(v), 0))
		}, "does not open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, cfg := w.create()
			w.append(s, recs...)
			w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Put("drafts", number(1), []byte("draft")) }))
			w.ok(s.Lists().Update(func(tx *store.LocalTx) error { return tx.Put("list", number(1), []byte("entry")) }))
			checkFiles(t, s, cfg)
			tamper(t, cfg, c.file, c.fn)
			report, err := store.Check(cfg)
			w.ok(err)
			found := false
			for _, p := range report.Problems {
				found = found || strings.Contains(p.File+": "+p.What, c.want)
			}
			if !found || report.OK() {
				t.Fatalf("found %+v, want one with %q", report.Problems, c.want)
			}
		})
	}
}

// A bit of the key of a log's entry, which makes the log another's, is found
// when the store is opened: log.db is made anew.
func TestRottenLogKey(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	w.append(s, w.authors[uto].notifyMany(3, 100)...)
	w.ok(s.Close())
	tamper(t, cfg, "log.db", func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("logs"))
		k, v := b.Cursor().First()
		k, v = bytes.Clone(k), bytes.Clone(v)
		if err := b.Delete(k); err != nil {
			return err
		}
		k[7] ^= 1
		return b.Put(k, v)
	})
	if _, err := store.Open(cfg); !errors.Is(err, store.ErrDamaged) || store.Damaged(err) != "log.db" {
		t.Fatalf("opened with %v", err)
	}
}

// A body that rotted does not stop readers, is wanted again and is repaired
// when it comes.
func TestRottenBodyIsRepaired(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(10, 300)
	w.append(s, recs...)
	w.ok(s.Close())
	tamper(t, cfg, "body.db", flip("body", 3, 5))
	tamper(t, cfg, "keys.db", flip("salt", 5, 5))
	s = w.reopen(cfg)
	rows, err := s.Read(0, 100, true)
	w.ok(err)
	for i, row := range rows {
		want := store.BodyHeld
		if i == 3 || i == 5 {
			want = store.BodyMissing
		}
		if row.BodyState != want || (row.Body != nil) != (want == store.BodyHeld) {
			t.Fatalf("row %d: %v", i, row.BodyState)
		}
	}
	if _, err := s.Range(recs[0].Header().Log, 1, 100, 1<<20); err != nil {
		t.Fatal(err)
	}
	if refs := s.MissingBodies(10); len(refs) != 2 {
		t.Fatalf("wanted: %v", refs)
	}
	if n, err := s.FillBodies(recs); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if refs := s.MissingBodies(10); len(refs) != 0 {
		t.Fatalf("still wanted: %v", refs)
	}
	checkStore(t, w, s)
	if r := checkFiles(t, s, cfg); r.Bodies != len(recs) {
		t.Fatalf("check counted %+v", r)
	}
}

// Rotten pages make errors, never a crash or another's record.
func TestRottenPages(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	recs := w.interleave(w.authors[uto].notifyMany(100, 300), w.authors[isl].notifyMany(100, 300))
	for i := 0; i < len(recs); i += 10 {
		w.append(s, recs[i:i+10]...)
	}
	w.ok(s.Close())
	names := []string{"log.db", "keys.db", "body.db", "local.db", "lists.db"}
	sound := make(map[string][]byte)
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(cfg.Dir, name))
		w.ok(err)
		sound[name] = b
	}
	reported := 0
	n := rounds(t, 30)
	for round := range n {
		dir := t.TempDir()
		bad := cfg
		bad.Dir = dir
		victim := names[rng.IntN(3)]
		for _, name := range names {
			b := bytes.Clone(sound[name])
			if name == victim {
				b = rot(rng, b)
			}
			w.ok(writeSparse(filepath.Join(dir, name), b))
		}
		report, err := store.Check(bad)
		if err != nil || !report.OK() {
			reported++
		}
		s, err := store.Open(bad)
		if err != nil {
			continue
		}
		for _, row := range readAll(s) {
			i := row.Cursor - 1
			if row.ID == recs[i].ID() && row.Body != nil && !bytes.Equal(row.Body, recs[i].Body()) {
				t.Fatalf("round %d: another body came out", round)
			}
		}
		_ = s.Close()
	}
	if reported == 0 {
		t.Fatal("no damage was ever found")
	}
	t.Logf("%d of %d found by Check", reported, n)
}

// Rotten pages of a large file, whose leaves are read when it is in use already,
// make errors, never a crash; what is found then is found by the next Open
// before anything is followed.
func TestRottenLargePages(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	cfg.Large = 1
	recs := w.interleave(w.authors[uto].notifyMany(100, 300), w.authors[isl].notifyMany(100, 300))
	for i := 0; i < len(recs); i += 10 {
		w.append(s, recs[i:i+10]...)
	}
	w.ok(s.Close())
	s = w.reopen(cfg)
	w.ok(s.ProvePages(t.Context(), 0))
	w.ok(s.Close())
	more := w.authors[uto].notifyMany(20, 100)
	names := []string{"log.db", "keys.db", "body.db", "local.db", "lists.db"}
	sound := make(map[string][]byte)
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(cfg.Dir, name))
		w.ok(err)
		sound[name] = b
	}
	late := 0
	n := rounds(t, 30)
	for round := 0; round < n || late == 0; round++ {
		if round > 20*n {
			t.Fatal("no damage was found in use")
		}
		bad := cfg
		bad.Dir = t.TempDir()
		victim := names[rng.IntN(3)]
		for _, name := range names {
			b := bytes.Clone(sound[name])
			if name == victim {
				b = rot(rng, b)
			}
			w.ok(writeSparse(filepath.Join(bad.Dir, name), b))
		}
		s, err := store.Open(bad)
		if err != nil {
			continue
		}
		for _, row := range readAll(s) {
			i := row.Cursor - 1
			if row.ID == recs[i].ID() && row.Body != nil && !bytes.Equal(row.Body, recs[i].Body()) {
				t.Fatalf("round %d: another body came out", round)
			}
		}
		if rng.IntN(2) == 0 {
			_, _ = s.Append(more)
		}
		err = s.ProvePages(t.Context(), 0)
		_ = s.Close()
		if err == nil {
			continue
		}
		late++
		if !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("round %d: %v", round, err)
		}
		again, err := store.Open(bad)
		if err == nil {
			_ = again.Close()
		}
		if !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("round %d: a file with a page that was found damaged is opened: %v", round, err)
		}
	}
	t.Logf("%d of %d found in use", late, n)
}

// The pages of a file that was rewritten while it was in use are proved too:
// bbolt still calls it by the name that it had before.
func TestProvePagesAfterRewrite(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	w.ok(s.Close())
	cfg.Large = 1
	s = w.reopen(cfg)
	recs := w.authors[uto].notifyMany(100, 300)
	w.append(s, recs...)
	w.ok(s.Erase([]ct.Ref{ref(recs[0])}, store.BodyLocal))
	w.ok(s.ProvePages(t.Context(), 0))
}

// writeSparse leaves out the zeros at the end.
func writeSparse(path string, b []byte) error {
	return errors.Join(os.WriteFile(path, bytes.TrimRight(b, "\x00"), 0o600), os.Truncate(path, int64(len(b))))
}

// rot damages used pages: bits, a page of zeros, or the end is missing.
func rot(rng *rand.Rand, b []byte) []byte {
	used := len(bytes.TrimRight(b, "\x00"))
	switch rng.IntN(3) {
	case 0:
		return b[:rng.IntN(used)]
	case 1:
		page := rng.IntN(used/4096+1) * 4096
		clear(b[page:min(page+4096, len(b))])
	default:
		for range 1 + rng.IntN(20) {
			b[rng.IntN(used)] ^= 1 << rng.IntN(8)
		}
	}
	return b
}

func readAll(s *store.Store) (out []store.Row) {
	after := uint64(0)
	for {
		rows, err := s.Read(after, 50, true)
		if err != nil || len(rows) == 0 {
			return out
		}
		out = append(out, rows...)
		after = rows[len(rows)-1].Cursor
	}
}

// A full store changes nothing that is acknowledged and works again when
// there is room.
func TestFull(t *testing.T) {
	for _, size := range []int64{512 << 10, 2 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			w := newWorld(t, uto, isl)
			cfg := w.config(t.TempDir())
			cfg.MaxSize = size
			w.ok(store.Create(cfg))
			s := w.reopen(cfg)
			recs := w.interleave(w.authors[uto].notifyMany(1500, 700), w.authors[isl].notifyMany(1500, 700))
			stored, full := 0, 0
			for stored < len(recs) && full < 5 {
				n := min(37, len(recs)-stored)
				last, err := s.Append(recs[stored : stored+n])
				switch {
				case err == nil:
					stored += n
				case errors.Is(err, store.ErrFull):
					full++
				default:
					t.Fatal(err)
				}
				if last != uint64(stored) || s.Last() != uint64(stored) {
					t.Fatalf("cursor %d, Last %d, stored %d", last, s.Last(), stored)
				}
			}
			if full == 0 || stored == 0 {
				t.Fatalf("never full: %d stored, %d refused", stored, full)
			}
			checkStore(t, w, s)
			if err := s.Local().Update(func(tx *store.LocalTx) error {
				return tx.Put("b", number(1), make([]byte, size))
			}); !errors.Is(err, store.ErrFull) {
				t.Fatalf("local: %v", err)
			}
			checkFiles(t, s, cfg)
			cfg.MaxSize = 0
			s = w.reopen(cfg)
			if s.Last() != uint64(stored) {
				t.Fatalf("%d held after restart, %d acknowledged", s.Last(), stored)
			}
			w.append(s, recs[stored:]...)
			checkStore(t, w, s)
			checkFiles(t, s, cfg)
		})
	}
}

// What a crash between the three commits leaves is not part of the store.
func TestCrashBetweenCommits(t *testing.T) {
	w := newWorld(t, uto, isl, fji)
	s, cfg := w.create()
	a, b, c := w.authors[uto].notifyMany(9, 100), w.authors[isl].notifyMany(3, 100), w.authors[fji].notifyMany(3, 100)
	w.append(s, a[:3]...)
	w.ok(s.Close())
	names := []string{"log.db", "keys.db", "body.db"}
	before := make(map[string][]byte)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(cfg.Dir, name))
		w.ok(err)
		before[name] = data
	}
	for _, undone := range [][]string{{"log.db"}, {"log.db", "body.db"}} {
		s = w.reopen(cfg)
		w.append(s, append(append([]verify.Record{}, a[3:6]...), b...)...)
		w.ok(s.Close())
		for _, name := range undone {
			w.ok(os.WriteFile(filepath.Join(cfg.Dir, name), before[name], 0o600))
		}
		s = w.reopen(cfg)
		if s.Last() != 3 {
			t.Fatalf("undone %v: %d records", undone, s.Last())
		}
		checkStore(t, w, s)
		cut := append(a[3:6:6], b...)
		hasSalts(t, s, 3)
		scan(t, cfg.Dir, cut[0].Salt(), true) // the test is pointless otherwise
		// The bytes go later, however many starts there are before.
		w.ok(s.Close())
		s = w.reopen(cfg)
		if done, err := s.EraseTraces(); !done || err != nil {
			t.Fatal(done, err)
		}
		for _, r := range cut {
			scan(t, cfg.Dir, r.Salt(), false)
		}
		scan(t, cfg.Dir, a[0].Salt(), true)
		if done, err := s.EraseTraces(); done || err != nil {
			t.Fatal("once more:", done, err)
		}
		checkStore(t, w, s)
		// The places are taken by others, with and without bodies.
		w.append(s, c[0], w.bare(a[3]), c[1], c[2])
		checkStore(t, w, s)
		w.append(s, a[4:]...)
		checkStore(t, w, s)
		checkFiles(t, s, cfg)
		for _, name := range names {
			w.ok(os.WriteFile(filepath.Join(cfg.Dir, name), before[name], 0o600))
		}
	}
}

// hasSalts asks that keys.db of an open store gives so many salts.
func hasSalts(t testing.TB, s *store.Store, want int) {
	t.Helper()
	got, err := s.Salts()
	if err != nil || got != want {
		t.Fatalf("%d salts, want %d: %v", got, want, err)
	}
}

// An erasure that a crash interrupts is finished at the next start, but for the
// bytes of the salts, and what it named is never shown in between.
func TestCrashInErase(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(20, 100)
	w.append(s, recs...)
	w.ok(s.Close())
	// As if the process had died right after the tombstone was committed.
	at := append([]byte{0, 0, 0, 1}, number(5)...)
	tamper(t, cfg, "log.db", func(tx *bbolt.Tx) error {
		v := bytes.Clone(tx.Bucket([]byte("hdr")).Get(at))
		v = v[:len(v)-4]
		v[8] = byte(store.BodyRetracted)
		return errors.Join(tx.Bucket([]byte("hdr")).Put(at, store.Summed(v)), tx.Bucket([]byte("erase")).Put(at, []byte{1}))
	})
	for _, name := range []string{"keys.db.new", "body.db.new", "local.db.new", "lists.db.new", "log.db.new"} {
		w.ok(os.WriteFile(filepath.Join(cfg.Dir, name), []byte("half a copy"), 0o600))
	}
	scan(t, cfg.Dir, recs[4].Salt(), true)
	s = w.reopen(cfg)
	checkStore(t, w, s)
	hasSalts(t, s, 19)
	if done, err := s.EraseTraces(); !done || err != nil {
		t.Fatal(done, err)
	}
	scan(t, cfg.Dir, recs[4].Salt(), false)
	scan(t, cfg.Dir, recs[5].Salt(), true)
	if left, err := filepath.Glob(filepath.Join(cfg.Dir, "*.new")); err != nil || len(left) != 0 {
		t.Fatalf("left over: %v, %v", left, err)
	}
	if r := checkFiles(t, s, cfg); r.Erased != 1 || r.Bodies != 19 {
		t.Fatalf("check counted %+v", r)
	}
}
