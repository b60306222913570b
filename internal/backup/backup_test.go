package backup_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/backup"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
)

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Every record, every local value and every small file comes back as it was.
func TestRoundTrip(t *testing.T) {
	w := newWorld(t)
	for i := range 400 {
		w.notify(10+i*7%3000, year)
	}
	w.retract(w.notify(100, year))
	rng := mrand.New(mrand.NewPCG(3, 4))
	local := map[string][]byte{}
	w.ok(w.store.Lists().Update(func(tx *store.LocalTx) error {
		for i := range uint64(50) {
			v := shuffled(rng, 1+int(i)*2000)
			local[string(number(i))] = v
			if err := tx.Put("lists", number(i), v); err != nil {
				return err
			}
		}
		return nil
	}))
	w.ok(w.store.Local().Update(func(tx *store.LocalTx) error { return tx.Put("drafts", number(1), []byte("one")) }))
	path := w.backup()
	if got, err := backup.ReadHead(path); err != nil || got.Generation != "2026-03" || got.State != "UTO" || got.Records != 404-1 {
		t.Errorf("head: %+v, %v", got, err)
	}
	r, err := backup.Verify(t.Context(), path, w.keys, nil)
	w.ok(err)
	if r.Report.Records != 403 || r.Report.Bodies != 403 {
		t.Errorf("verified %+v", r.Report)
	}
	dir := filepath.Join(t.TempDir(), "restored")
	_, err = backup.Restore(t.Context(), path, dir, w.keys, created.Add(2*time.Hour), nil)
	w.ok(err)
	src := w.source()
	for _, name := range []string{"genesis.json", "node.key", "storage.key"} {
		if !bytes.Equal(read(t, filepath.Join(dir, name)), src.Files[name]) {
			t.Errorf("%s is another", name)
		}
	}
	if c := string(read(t, filepath.Join(dir, "herald.toml"))); c != "state = \"UTO\"\nstorage_key_file = \"storage.key\"\n" {
		t.Errorf("herald.toml: %q", c)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.db")); err == nil {
		t.Error("an index was restored")
	}
	s := w.open(dir)
	before, after := w.rows(w.store), w.rows(s)
	if len(before) != len(after) || len(before) != 403 {
		t.Fatalf("%d records before, %d after", len(before), len(after))
	}
	for i := range before {
		if !same(before[i], after[i]) {
			t.Fatalf("record %d is another", i)
		}
	}
	w.ok(s.Lists().View(func(tx *store.LocalTx) error {
		for k, want := range local {
			if got, err := tx.Get("lists", []byte(k)); err != nil || !bytes.Equal(got, want) {
				return fmt.Errorf("entry of a list %x: %w", k, err)
			}
		}
		return nil
	}))
	w.ok(s.Local().View(func(tx *store.LocalTx) error {
		_, err := tx.Get("drafts", number(1))
		return err
	}))
	if at, ok, err := backup.Marked(s.Local()); err != nil || !ok || !at.Equal(created.Add(2*time.Hour)) {
		t.Errorf("mark: %v %v %v", at, ok, err)
	}
	j, err := journal.Open(s.Local(), w.cfg.Key)
	w.ok(err)
	if acts, err := j.Read(0, 10); err != nil || len(acts) != 1 || acts[0].Act != journal.ActRestore {
		t.Errorf("journal: %v %v", acts, err)
	}
	w.ok(backup.Clear(s.Local()))
	if _, ok, err := backup.Marked(s.Local()); ok || err != nil {
		t.Errorf("the mark stays: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// A backup made while records come in holds all that was acknowledged before
// it began, and is sound.
func TestHot(t *testing.T) {
	w := newWorld(t)
	for range 50 {
		w.notify(500, year)
	}
	src := w.source()
	path := filepath.Join(t.TempDir(), "backup")
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		close(began)
		_, err := backup.Create(t.Context(), path, src, w.keys, created, nil)
		ended <- err
	}()
	<-began
	acked := w.seq
	for writing := true; writing; {
		w.notify(500, year)
		select {
		case err := <-ended:
			w.ok(err)
			writing = false
		default:
		}
	}
	r, err := backup.Verify(t.Context(), path, w.keys, nil)
	w.ok(err)
	// The founding delegation stands in another log.
	if n := uint64(r.Report.Records - 1); n < acked || n > w.seq {
		t.Errorf("%d records in the backup, %d before it began, %d now", n, acked, w.seq)
	}
}

// While an export is open, writing, erasing and reading go on or wait, and
// nothing is lost; what it then gives is of the moment when it was opened.
func TestExportIsOneMoment(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.notify(200, year)
	}
	e, err := w.store.Export()
	w.ok(err)
	defer e.Close()
	more := w.notify(200, year)
	if e.Records != 21 {
		t.Errorf("%d records", e.Records)
	}
	dir := t.TempDir()
	cfg := w.cfg
	cfg.Dir = dir
	for _, part := range store.Parts() {
		var b bytes.Buffer
		w.ok(e.Write(t.Context(), part, &b))
		w.ok(store.Import(cfg, part, &b))
	}
	e.Close()
	s := w.open(dir)
	if rows := w.rows(s); len(rows) != 21 {
		t.Errorf("%d records", len(rows))
	}
	if n, err := s.Append([]verify.Record{more}); n != 22 || err != nil {
		t.Errorf("the restored log does not go on: %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backup.Create(ctx, filepath.Join(dir, "b"), w.source(), w.keys, created, nil); err == nil {
		t.Error("a backup was made though nobody wants it")
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for range 12 {
		w.notify(3000, year)
	}
	path := w.backup()
	good := read(t, path)
	try := func(content []byte, k backup.Keys) error {
		bad := filepath.Join(t.TempDir(), "bad")
		w.ok(os.WriteFile(bad, content, 0o600))
		dir := filepath.Join(t.TempDir(), "data")
		_, err := backup.Restore(t.Context(), bad, dir, k, created, nil)
		if _, statErr := os.Stat(dir); !errors.Is(statErr, os.ErrNotExist) && err != nil {
			t.Errorf("a refused restore leaves a directory")
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("not one line: %q", err)
		}
		return err
	}
	w.ok(try(good, w.keys))
	other := w.keys
	other.Backup = keys.Storage{9}
	if err := try(good, other); !errors.Is(err, backup.ErrKey) {
		t.Errorf("another backup key: %v", err)
	}
	other = w.keys
	other.Generation = keys.Storage{9}
	if err := try(good, other); !errors.Is(err, backup.ErrGeneration) {
		t.Errorf("another generation key: %v", err)
	}
	for n := 0; n < len(good); n += 1 << 10 {
		if err := try(good[:n], w.keys); !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrFormat) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if err := try(good[:len(good)-1], w.keys); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("cut by one byte: %v", err)
	}
	if err := try(append(bytes.Clone(good), 0), w.keys); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("one byte more: %v", err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := mrand.New(mrand.NewPCG(seed, 0))
	for i := range 100 {
		at := rng.IntN(len(good))
		if i < 40 {
			at = rng.IntN(400) // the head
		}
		bad := bytes.Clone(good)
		bad[at] ^= 1 << rng.IntN(8)
		if err := try(bad, w.keys); err == nil {
			t.Errorf("a flipped bit at %d is not seen", at)
		}
	}
}

func TestRestoreOverExisting(t *testing.T) {
	w := newWorld(t)
	w.notify(100, year)
	path := w.backup()
	dir := filepath.Join(t.TempDir(), "data")
	w.ok(os.Mkdir(dir, 0o700))
	w.ok(os.WriteFile(filepath.Join(dir, "x"), nil, 0o600))
	if _, err := backup.Restore(t.Context(), path, dir, w.keys, created, nil); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("a directory in use: %v", err)
	}
	w.ok(os.Remove(filepath.Join(dir, "x")))
	// What a killed restore left does not hinder.
	w.ok(os.MkdirAll(filepath.Join(filepath.Dir(dir), ".data.restoring"), 0o700))
	w.ok(os.WriteFile(filepath.Join(filepath.Dir(dir), ".data.restoring", "log.db"), []byte("half"), 0o600))
	_, err := backup.Restore(t.Context(), path, dir, w.keys, created, nil)
	w.ok(err)
	if _, err := backup.Create(t.Context(), path, w.source(), w.keys, created, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("a backup was overwritten: %v", err)
	}
}

// What was retracted before the backup, and what has expired since, is not
// readable after a restore, and the salts are gone from the disk.
func TestRestoreReappliesWhatTimeDid(t *testing.T) {
	w := newWorld(t)
	kept, hidden, expires := w.notify(100, year), w.notify(100, year), w.notify(100, 48*time.Hour)
	w.retract(hidden)
	path := w.backup()
	for _, c := range []struct {
		name                        string
		after                       time.Duration
		retracted, expired, allGone int
	}{{"at once", 0, 0, 0, 1}, {"a week later", 7 * 24 * time.Hour, 1, 1, 2}} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			// The grace runs from when this node stored the retraction, by its own clock.
			now := created.Add(time.Hour)
			if c.after > 0 {
				now = time.Now().Add(c.after)
			}
			r, err := backup.Restore(t.Context(), path, dir, w.keys, now, nil)
			w.ok(err)
			if r.Retracted != c.retracted || r.Expired != c.expired {
				t.Errorf("%d retracted, %d expired", r.Retracted, r.Expired)
			}
			s := w.open(dir)
			gone := 0
			for _, row := range w.rows(s) {
				switch row.ID {
				case kept.ID():
					if !bytes.Equal(row.Body, kept.Body()) {
						t.Error("a body was lost")
					}
				case hidden.ID():
					if row.Body != nil || row.HiddenBy.IsZero() {
						t.Error("a retracted body is readable")
					}
					gone++
				case expires.ID():
					if row.Body == nil {
						gone++
					}
				}
			}
			if gone != c.allGone {
				t.Errorf("%d bodies are gone, want %d", gone, c.allGone)
			}
			w.ok(s.Close())
			for _, rec := range []verify.Record{hidden, expires} {
				held := bytes.Contains(read(t, filepath.Join(dir, "keys.db")), rec.Salt())
				if held != (c.after == 0) {
					t.Errorf("salt on the disk: %v", held)
				}
			}
		})
	}
}

func FuzzRestore(f *testing.F) {
	w := newWorld(f)
	w.notify(100, year)
	good := read(f, w.backup())
	f.Add(good[:100])
	f.Add(good[:1000])
	f.Add([]byte("herald backup 2\n\x00\x00\x00\x02{}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "data")
		_, err := backup.Restore(t.Context(), path, dir, w.keys, created, nil)
		if _, statErr := os.Stat(dir); (err == nil) != (statErr == nil) {
			t.Fatalf("restore says %v, the directory %v", err, statErr)
		}
	})
}
