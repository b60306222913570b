package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

const (
	uto ct.State = "UTO"
	isl ct.State = "ISL"
	fji ct.State = "FJI"
)

func TestAppendAndRead(t *testing.T) {
	w := newWorld(t, uto, isl, fji)
	s, cfg := w.create()
	logs := [][]verify.Record{
		w.authors[uto].notifyMany(40, 600), w.authors[isl].notifyMany(30, 0), w.authors[fji].notifyMany(50, 5000),
	}
	recs := w.interleave(append([][]verify.Record{}, logs...)...)
	for i := 0; i < len(recs); i += 7 {
		chunk := recs[i:min(i+7, len(recs))]
		if last := w.append(s, chunk...); last != uint64(i+len(chunk)) {
			t.Fatalf("newest cursor %d, want %d", last, i+len(chunk))
		}
		checkStore(t, w, s)
	}
	for _, store := range []string{"open", "reopened"} {
		if store == "reopened" {
			w.ok(s.Close())
			s = w.reopen(cfg)
		}
		rows, err := s.Read(0, 1000, true)
		w.ok(err)
		if len(rows) != len(recs) {
			t.Fatalf("%s: %d rows, want %d", store, len(rows), len(recs))
		}
		for i, row := range rows {
			if row.ID != recs[i].ID() || !bytes.Equal(row.Body, recs[i].Body()) || row.Inadmissible != recs[i].Inadmissible() {
				t.Fatalf("%s: row %d is not the record that was appended", store, i)
			}
		}
	}
	if r := checkFiles(t, s, cfg); r.Records != len(recs) || r.Bodies != len(recs) || r.Logs != 3 {
		t.Fatalf("check counted %+v", r)
	}
}

func TestAppendRefusesTheWholeBatch(t *testing.T) {
	w := newWorld(t, uto, isl)
	a, b := w.authors[uto].notifyMany(5, 10), w.authors[isl].notifyMany(2, 10)
	for _, c := range []struct {
		name string
		recs []verify.Record
	}{
		{"a gap", []verify.Record{a[0], b[0], a[2]}},
		{"twice", []verify.Record{a[0], a[0]}},
		{"out of order", []verify.Record{b[0], a[1], a[0]}},
		{"from the middle", []verify.Record{a[3]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, cfg := w.create()
			if _, err := s.Append(c.recs); err == nil {
				t.Fatal("it was accepted")
			}
			if s.Last() != 0 || len(s.Heads()) != 0 {
				t.Fatalf("something was stored: %d, %v", s.Last(), s.Heads())
			}
			w.append(s, a[0], b[0], a[1])
			checkStore(t, w, s)
			checkFiles(t, s, cfg)
		})
	}
	s, _ := w.create()
	w.append(s, a[:3]...)
	salt := w.salt()
	other := w.authors[uto]
	other.seq, other.prev = 3, a[2].ID()
	unchained := other.header(ct.KindNotification, salt, nil)
	unchained.Prev = a[1].ID() // the one before the head
	if _, err := s.Append([]verify.Record{w.open(other.sign(unchained, salt, nil))}); err == nil {
		t.Fatal("a record that does not name the head was accepted")
	}
	for _, by := range []uint64{1, ^uint64(0)} { // nor one that counts otherwise
		h := other.header(ct.KindNotification, salt, nil)
		h.Offset += by
		if _, err := s.Append([]verify.Record{w.open(other.sign(h, salt, nil))}); err == nil {
			t.Fatal("a record with another offset was accepted")
		}
	}
	for _, seq := range []uint64{2, 3, 5} { // and a seq that is not the next, though the head is named
		other.seq, other.prev = seq-1, a[2].ID()
		if _, err := s.Append([]verify.Record{w.open(other.sign(other.header(ct.KindNotification, salt, nil), salt, nil))}); err == nil {
			t.Fatalf("record %d was accepted after 3", seq)
		}
	}
}

func TestRange(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, _ := w.create()
	recs := w.authors[uto].notifyMany(20, 1000)
	w.append(s, w.interleave(recs, w.authors[isl].notifyMany(20, 10))...)
	log := recs[0].Header().Log
	for _, c := range []struct {
		name      string
		from      uint64
		max, size int
		first, n  int
	}{
		{"all", 1, 100, 1 << 20, 0, 20},
		{"count", 5, 3, 1 << 20, 4, 3},
		{"to the end", 19, 100, 1 << 20, 18, 2},
		{"bytes", 1, 100, 3 * len(recs[0].Raw()), 0, 2},
		{"one in any case", 7, 100, 1, 6, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := s.Range(log, c.from, c.max, c.size)
			w.ok(err)
			if len(raw) < c.n || len(raw) > c.n+1 || c.name != "bytes" && len(raw) != c.n {
				t.Fatalf("%d records, want %d", len(raw), c.n)
			}
			size := 0
			for i := range raw {
				size += len(raw[i])
				if !bytes.Equal(raw[i], recs[c.first+i].Raw()) {
					t.Fatalf("record %d is not what its author sent", i)
				}
			}
			if len(raw) > 1 && size > c.size {
				t.Fatalf("%d bytes, at most %d", size, c.size)
			}
		})
	}
	for _, from := range []uint64{0, 21, 1 << 60} {
		if _, err := s.Range(log, from, 1, 1); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("range from %d: %v", from, err)
		}
	}
}

func TestFillBodies(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(10, 300)
	for i, r := range recs {
		if i%2 == 0 {
			r = w.bare(r)
		}
		w.append(s, r)
	}
	checkStore(t, w, s)
	missing := s.MissingBodies(100)
	if len(missing) != 5 || missing[0] != ref(recs[0]) {
		t.Fatalf("missing: %v", missing)
	}
	raw, err := s.Range(recs[0].Header().Log, 1, 1, 1<<20)
	w.ok(err)
	if w.open(raw[0]).HasBody() {
		t.Fatal("a body came out that never went in")
	}
	other := newWorld(t, uto).authors[uto].notify(300) // same log and seq, other content
	n, err := s.FillBodies(append([]verify.Record{other, w.bare(recs[4]), recs[0], recs[0]}, recs[1:4]...))
	w.ok(err)
	if n != 2 {
		t.Fatalf("%d bodies added, want 2", n)
	}
	checkStore(t, w, s)
	rows, err := s.Read(10, 10, true)
	w.ok(err)
	if len(rows) != 2 || rows[0].ID != recs[0].ID() || !bytes.Equal(rows[1].Body, recs[2].Body()) {
		t.Fatalf("filled bodies do not arrive: %d rows", len(rows))
	}
	if got := len(s.MissingBodies(100)); got != 3 {
		t.Fatalf("%d missing, want 3", got)
	}
	if r := checkFiles(t, s, cfg); r.Missing != 3 || r.Bodies != 7 {
		t.Fatalf("check counted %+v", r)
	}
}

func TestMissingBodiesGoRound(t *testing.T) {
	w := newWorld(t, uto)
	s, _ := w.create()
	for _, r := range w.authors[uto].notifyMany(10, 1) {
		w.append(s, w.bare(r))
	}
	seen := make(map[uint64]int)
	for range 10 {
		for _, ref := range s.MissingBodies(3) {
			seen[ref.Seq]++
		}
	}
	for seq := uint64(1); seq <= 10; seq++ {
		if seen[seq] != 3 {
			t.Fatalf("record %d was asked for %d times of 3: %v", seq, seen[seq], seen)
		}
	}
}

func TestWait(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, uto)
		s, _ := w.create()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := make(chan error, 1)
		wait := func(after uint64) { go func() { got <- s.Wait(ctx, after) }() }

		wait(0)
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("nothing has come: %v", err)
		default:
		}
		w.append(s, w.authors[uto].notifyMany(2, 1)...)
		w.ok(<-got)
		w.ok(s.Wait(ctx, 1))

		wait(2)
		synctest.Wait()
		w.ok(s.Close())
		if err := <-got; !errors.Is(err, store.ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
		cancel()
		if err := s.Wait(ctx, 2); err == nil {
			t.Fatal("it waited for nothing and was content")
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	w.append(s, w.authors[uto].notify(10))

	if err := store.Create(cfg); err == nil {
		t.Fatal("Create overwrote a store")
	}
	if _, err := store.Open(cfg); !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), cfg.Dir) {
		t.Fatalf("second Open: %v", err)
	}
	if _, err := store.Check(cfg); !errors.Is(err, store.ErrInUse) {
		t.Fatalf("Check of an open store: %v", err)
	}
	w.ok(s.Close())
	w.ok(s.Close())
	for _, c := range []struct {
		name   string
		change func(*store.Config)
		want   error
	}{
		{"other network", func(c *store.Config) { c.Network[3] ^= 1 }, store.ErrNetwork},
		{"other key", func(c *store.Config) { c.Key[3] ^= 1 }, store.ErrKey},
		{"no directory", func(c *store.Config) { c.Dir += "x" }, os.ErrNotExist},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := cfg
			c.change(&bad)
			if _, err := store.Open(bad); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
	for _, name := range []string{"log.db", "keys.db", "body.db", "local.db", "lists.db"} {
		path := filepath.Join(cfg.Dir, name)
		w.ok(os.Rename(path, path+".away"))
		if _, err := store.Open(cfg); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("without %s: %v", name, err)
		}
		w.ok(os.WriteFile(path, nil, 0o600))
		if _, err := store.Open(cfg); !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("empty %s: %v", name, err)
		}
		w.ok(os.WriteFile(path, bytes.Repeat([]byte("no database "), 10000), 0o600))
		if _, err := store.Open(cfg); !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("garbage in %s: %v", name, err)
		}
		w.ok(os.Rename(path+".away", path))
	}
	w.ok(os.Rename(filepath.Join(cfg.Dir, "body.db"), filepath.Join(cfg.Dir, "x")))
	w.ok(os.Rename(filepath.Join(cfg.Dir, "keys.db"), filepath.Join(cfg.Dir, "body.db")))
	w.ok(os.Rename(filepath.Join(cfg.Dir, "x"), filepath.Join(cfg.Dir, "keys.db")))
	if _, err := store.Open(cfg); !errors.Is(err, store.ErrFormat) {
		t.Fatalf("files exchanged: %v", err)
	}
}

// A directory that lost log.db keeps local.db, which exists nowhere else.
func TestCreateKeepsLocal(t *testing.T) {
	w := newWorld(t, uto)
	s, cfg := w.create()
	recs := w.authors[uto].notifyMany(5, 100)
	w.append(s, recs...)
	w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Put("drafts", []byte{1}, []byte("kept")) }))
	w.ok(s.Close())
	w.ok(os.Remove(filepath.Join(cfg.Dir, "log.db")))
	other := cfg
	other.Network[0] ^= 1
	if err := store.Create(other); !errors.Is(err, store.ErrNetwork) {
		t.Fatalf("files of another network were taken over: %v", err)
	}
	w.ok(store.Create(cfg))
	s = w.reopen(cfg)
	w.ok(s.Local().View(func(tx *store.LocalTx) error {
		v, err := tx.Get("drafts", []byte{1})
		if string(v) != "kept" {
			t.Errorf("local value %q", v)
		}
		return err
	}))
	w.append(s, recs...)
	checkStore(t, w, s)
	checkFiles(t, s, cfg)
}

func TestManyStoresInOneProcess(t *testing.T) {
	w := newWorld(t, uto)
	recs := w.authors[uto].notifyMany(3, 600)
	for range 20 {
		s, _ := w.create()
		w.append(s, recs...)
		checkStore(t, w, s)
	}
}

// No personal data stands in clear in any file, whatever has been done.
func TestFilesShowNobody(t *testing.T) {
	const canary = "CANARY<<SPECIMEN"
	w := newWorld(t, uto)
	s, cfg := w.create()
	a := w.authors[uto]
	body := func(i int) []byte { return fmt.Appendf(nil, "%d %s %d", i, strings.Repeat(canary, 40), i) }
	var recs []verify.Record
	for i := range 50 {
		recs = append(recs, a.record(ct.KindNotification, body(i)))
	}
	w.append(s, recs...)
	w.ok(s.Local().Update(func(tx *store.LocalTx) error { return tx.Put("inbox", number(1), body(1)) }))
	forked := *a
	forked.seq, forked.prev = 4, recs[3].ID()
	b := forked.record(ct.KindNotification, body(77))
	w.ok(s.PutForkHeld(b))
	w.ok(s.Erase([]ct.Ref{ref(recs[7])}, store.BodyLocal))
	w.ok(s.Close())
	scan(t, cfg.Dir, []byte(canary), false)
	scan(t, cfg.Dir, recs[8].HeaderBytes()[:40], true) // the scan finds what is there
}

// scan looks for bytes in all files of a directory.
func scan(t testing.TB, dir string, needle []byte, want bool) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, needle) {
			found += " " + e.Name()
		}
	}
	if (found != "") != want {
		t.Fatalf("found in:%s; want %v", found, want)
	}
}

func TestForkIsKept(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, cfg := w.create()
	a := w.authors[uto]
	recs := a.notifyMany(5, 100)
	w.append(s, recs...)
	branch := *a
	branch.seq, branch.prev = 2, recs[1].ID()
	same := branch.notify(50)  // another record at seq 3
	after := branch.notify(50) // at seq 4, naming same
	if err := s.PutFork(recs[2], recs[3]); err == nil {
		t.Fatal("a proof that proves nothing was kept")
	}
	if err := s.PutForkHeld(recs[2]); err == nil {
		t.Fatal("the held record was taken for a fork of itself")
	}
	for _, f := range []struct {
		name string
		put  func() error
	}{
		{"two records at one seq", func() error { return s.PutForkHeld(same) }},
		{"again", func() error { return s.PutFork(recs[2], same) }},
		{"another prev", func() error { return s.PutFork(recs[2], after) }},
	} {
		w.ok(f.put())
		checkStore(t, w, s)
	}
	forks, err := s.Forks()
	w.ok(err)
	if len(forks) != 1 || forks[0].Seq != 3 || forks[0].Log != a.key.Public() {
		t.Fatalf("forks: %+v", forks)
	}
	x, y := w.open(forks[0].A), w.open(forks[0].B)
	if x.ID() != recs[2].ID() || y.ID() != same.ID() || x.HasBody() || y.HasBody() {
		t.Fatal("the proof is not the two records without their bodies")
	}
	h, _ := s.Head(a.key.Public())
	if h.Contested == 0 || h.Size != 5 {
		t.Fatalf("head %+v", h)
	}
	if _, err := s.Append([]verify.Record{a.notify(1)}); err == nil {
		t.Fatal("a contested log was extended")
	}
	w.append(s, w.authors[isl].notifyMany(3, 10)...)
	row, err := s.Get(a.key.Public(), 3)
	w.ok(err)
	if !row.Contested {
		t.Fatal("a row of a contested log does not say so")
	}
	w.ok(s.Close())
	s = w.reopen(cfg)
	if h, _ := s.Head(a.key.Public()); h.Contested == 0 {
		t.Fatal("forgotten at restart")
	}
	checkFiles(t, s, cfg)
}

func TestReadersSeeWholeCommits(t *testing.T) {
	w := newWorld(t, uto, isl)
	s, _ := w.create()
	recs := w.interleave(w.authors[uto].notifyMany(200, 50), w.authors[isl].notifyMany(200, 50))
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		seen := uint64(0)
		for seen < uint64(len(recs)) {
			if err := s.Wait(ctx, seen); err != nil {
				done <- err
				return
			}
			rows, err := s.Read(seen, 50, true)
			if err != nil || len(rows) == 0 {
				done <- fmt.Errorf("read after %d: %d rows, %w", seen, len(rows), err)
				return
			}
			for _, r := range rows {
				if seen++; r.Cursor != seen || r.ID != recs[seen-1].ID() || !bytes.Equal(r.Body, recs[seen-1].Body()) {
					done <- fmt.Errorf("row %d is not record %d", r.Cursor, seen)
					return
				}
				raw, err := s.Range(r.Header.Log, r.Header.Seq, 1, wire.MaxRecord)
				if err != nil || !bytes.Equal(raw[0], recs[seen-1].Raw()) {
					done <- fmt.Errorf("range at cursor %d: %w", seen, err)
					return
				}
			}
		}
		done <- nil
	}()
	for i := 0; i < len(recs); i += 10 {
		w.append(s, recs[i:i+10]...)
	}
	w.ok(<-done)
}
