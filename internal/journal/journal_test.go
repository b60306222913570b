package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

var (
	storageKey = keys.Storage{1}
	auditKey   = keys.Storage{2}
)

func newStore(t testing.TB) (*store.Store, string) {
	t.Helper()
	dir := t.TempDir()
	if err := store.Create(storeConfig(dir)); err != nil {
		t.Fatal(err)
	}
	return openStore(t, dir), dir
}

func openStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(storeConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func storeConfig(dir string) store.Config {
	return store.Config{Dir: dir, Key: storageKey, Network: ct.NetworkID{3}}
}

func open(t testing.TB, s *store.Store, key keys.Storage) *journal.Journal {
	t.Helper()
	j, err := journal.Open(s.Local(), key)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// example is entry n of the journals of these tests: every second one has a
// subject, every sixth one forgets it.
func example(n int) journal.Entry {
	e := journal.Entry{
		Time: ct.Millis(1_700_000_000_000 + n), Act: journal.ActMatchAnswer, Actor: fmt.Sprintf("desk-%d", n),
		Purpose: "investigation", Basis: "UNSCR-2396-OP5", Case: fmt.Sprintf("case-%d", n), Outcome: "POSSIBLE", Peer: "UTO", Of: uint64(n),
	}
	if n%2 == 0 {
		e.Subject = []byte(fmt.Sprintf(`{"names":[{"full":"Canary Vorn Aldeku %d"}]}`, n))
		e.Forget = n%6 == 0
	}
	return e
}

func fill(t testing.TB, j *journal.Journal, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		if _, err := j.Append(example(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t testing.TB, j *journal.Journal, want uint64) {
	t.Helper()
	if n, err := j.Verify(); err != nil || n != want {
		t.Fatalf("verify: %d entries, %v; want %d", n, err, want)
	}
}

func TestAppendReadVerify(t *testing.T) {
	s, dir := newStore(t)
	j := open(t, s, auditKey)
	verify(t, j, 0)
	fill(t, j, 12)
	verify(t, j, 12)
	seq, hash := j.Head()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	j = open(t, s, auditKey)
	if s2, h2 := j.Head(); s2 != seq || h2 != hash || seq != 12 {
		t.Fatalf("head after reopening: %d, want %d with the same hash", s2, seq)
	}
	got, err := j.Read(3, 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got[0].Seq != 4 {
		t.Fatalf("read: %d entries from %d, want 4 from 4", len(got), got[0].Seq)
	}
	for _, e := range got {
		want := example(int(e.Seq))
		if e.Act != want.Act || e.Actor != want.Actor || e.Case != want.Case || e.Peer != want.Peer || e.Time != want.Time || e.Of != want.Of {
			t.Errorf("entry %d: a field was lost", e.Seq)
		}
		if want.Forget {
			if e.Sealed != nil || e.Commit == [32]byte{} {
				t.Errorf("entry %d: a forgotten subject leaves the commitment alone", e.Seq)
			}
			continue
		}
		if e.Subject != nil || e.Salt != nil {
			t.Errorf("entry %d: the subject is open before it is revealed", e.Seq)
		}
		if err := j.Reveal(&e); err != nil {
			t.Errorf("reveal: %v", err)
		}
		if !bytes.Equal(e.Subject, want.Subject) {
			t.Errorf("entry %d: the subject was lost", e.Seq)
		}
		if len(want.Subject) > 0 && journal.Commit(e.Salt, e.Subject) != e.Commit {
			t.Errorf("entry %d: the commitment does not open", e.Seq)
		}
	}
	fill(t, j, 1)
	verify(t, j, 13)
}

// Asker and responder commit to the same subject with the same salt.
func TestCommitIsShared(t *testing.T) {
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	salt := bytes.Repeat([]byte{7}, 32)
	kept, err := j.Append(journal.Entry{Act: journal.ActMatchAsk, Subject: []byte("x"), Salt: salt})
	if err != nil {
		t.Fatal(err)
	}
	forgotten, err := j.Append(journal.Entry{Act: journal.ActMatchAnswer, Subject: []byte("x"), Salt: salt, Forget: true})
	if err != nil {
		t.Fatal(err)
	}
	if kept.Commit != forgotten.Commit {
		t.Fatal("one subject and one salt gave two commitments")
	}
}

func TestEraseSubject(t *testing.T) {
	s, dir := newStore(t)
	j := open(t, s, auditKey)
	fill(t, j, 5)
	before, err := j.Read(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Reveal(&before[0]); err != nil || before[0].Salt == nil {
		t.Fatalf("reveal: %v", err)
	}
	salt, sealed := before[0].Salt, before[0].Sealed
	if err := j.EraseSubject(2, "auditor-1", "a court's order"); err != nil {
		t.Fatal(err)
	}
	verify(t, j, 6)
	got, err := j.Read(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got[1].Sealed != nil || got[1].Commit == [32]byte{} {
		t.Fatal("the erased entry still has its subject, or lost its commitment")
	}
	if err := j.Reveal(&got[1]); err != nil || got[1].Subject != nil {
		t.Fatalf("reveal of an erased subject: %q, %v", got[1].Subject, err)
	}
	if got[3].Sealed == nil {
		t.Fatal("another subject is gone too")
	}
	if last := got[5]; last.Act != journal.ActEraseSubject || last.Of != 2 || last.Actor != "auditor-1" {
		t.Fatalf("the erasure is not journalled: %v of %d", last, last.Of)
	}
	if err := j.Reveal(&got[5]); err != nil || string(got[5].Subject) != "a court's order" {
		t.Fatalf("the erasure's reason: %q, %v", got[5].Subject, err)
	}
	for _, seq := range []uint64{1, 2, 77} { // none, erased, no such entry
		if err := j.EraseSubject(seq, "auditor-1", ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("erase %d: %v, want ErrNotFound", seq, err)
		}
	}
	verify(t, j, 6)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	scan(t, dir, salt, sealed[:64], []byte("Canary"))
}

// With an auditor the node seals and verifies, and never opens again.
func TestAuditor(t *testing.T) {
	auditor, err := keys.NewSealing()
	if err != nil {
		t.Fatal(err)
	}
	s, dir := newStore(t)
	j, err := journal.OpenFor(s.Local(), auditKey, auditor.Public())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, j, 6)
	verify(t, j, 6)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	j = open(t, s, auditKey) // as the operator may: with every key of the node, and no auditor configured
	verify(t, j, 6)
	got, err := j.Read(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	own, err := journal.OwnKey(storageKey)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		want := example(int(got[i].Seq))
		kept := len(want.Subject) > 0 && !want.Forget
		for _, err := range []error{j.Reveal(&got[i]), got[i].Reveal(own)} {
			if kept != errors.Is(err, keys.ErrNotSealedToKey) || got[i].Subject != nil || got[i].Salt != nil {
				t.Fatalf("entry %d: the node's key opens it: %v", got[i].Seq, err)
			}
		}
		if bytes.Contains(got[i].Sealed, want.Subject) && kept {
			t.Fatalf("entry %d is not sealed", got[i].Seq)
		}
		if err := got[i].Reveal(auditor); err != nil || kept && !bytes.Equal(got[i].Subject, want.Subject) {
			t.Fatalf("entry %d: the auditor reads %q, %v", got[i].Seq, got[i].Subject, err)
		}
	}
	// From now on the node's own key stands in again; both kinds verify.
	fill(t, j, 2)
	verify(t, j, 8)
	if got, err = j.Read(7, 1); err != nil || j.Reveal(&got[0]) != nil || got[0].Subject == nil {
		t.Fatalf("without an auditor the node reads: %v", err)
	}
}

// A node that seals another subject than it commits to is found by its auditor.
func TestRevealProvesTheCommitment(t *testing.T) {
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	fill(t, j, 4)
	got, err := j.Read(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	two, four := got[1], got[3]
	two.Sealed = four.Sealed
	if err := j.Reveal(&two); err == nil {
		t.Error("the subject of another entry was revealed")
	}
}

// What peers were told of the journal finds what the audit key could hide.
func TestVerifyAgainstWhatOthersWereTold(t *testing.T) {
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	var told []journal.Told
	for n := range 9 {
		fill(t, j, 1)
		seq, head := j.Head()
		told = append(told, journal.Told{Entries: seq, Head: head, By: fmt.Sprint("S", n)})
	}
	if n, err := j.Verify(told...); err != nil || n != 9 {
		t.Fatalf("the true heads: %d, %v", n, err)
	}
	// Somebody with all keys writes another journal, of other length.
	for _, entries := range []int{5, 9, 12} {
		other, _ := newStore(t)
		j := open(t, other, auditKey)
		fill(t, j, 4)
		e := example(5)
		e.Outcome = "NO_HIT"
		if _, err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		if entries > 5 {
			fill(t, j, entries-5)
		}
		verify(t, j, uint64(entries))
		for i, h := range told {
			_, err := j.Verify(h)
			if want := i >= 1; want != errors.Is(err, journal.ErrBroken) || want && !strings.Contains(err.Error(), h.By) {
				t.Errorf("a journal of %d, head %d: %v", entries, i+1, err)
			}
		}
	}
}

// What a journal holds is nowhere in clear.
func scan(t *testing.T, dir string, words ...[]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the data directory: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if bytes.Contains(data, w) {
				t.Errorf("%s holds %q", filepath.Base(f), w)
			}
		}
	}
}

func TestConcurrentAppends(t *testing.T) {
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	const callers, each = 16, 20
	var wg sync.WaitGroup
	seqs := make([][]uint64, callers)
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				e, err := j.Append(example(c*each + i + 1))
				if err != nil {
					t.Error(err)
					return
				}
				seqs[c] = append(seqs[c], e.Seq)
			}
		})
	}
	wg.Wait()
	seen := map[uint64]bool{}
	for _, list := range seqs {
		last := uint64(0)
		for _, seq := range list {
			if seq <= last || seen[seq] {
				t.Fatalf("sequence number %d after %d", seq, last)
			}
			last, seen[seq] = seq, true
		}
	}
	verify(t, j, callers*each)
}

func TestLimits(t *testing.T) {
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	long := strings.Repeat("x", journal.MaxText+1)
	for name, e := range map[string]journal.Entry{
		"actor":   {Act: "a", Actor: long},
		"case":    {Act: "a", Case: long},
		"outcome": {Act: "a", Outcome: strings.Repeat("x", journal.MaxOutcome+1)},
		"subject": {Act: "a", Subject: make([]byte, journal.MaxSubject+1)},
	} {
		if _, err := j.Append(e); !errors.Is(err, journal.ErrTooLarge) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want ErrTooLarge that names it", name, err)
		}
	}
	if _, err := j.Append(journal.Entry{}); err == nil {
		t.Error("an entry without an act was accepted")
	}
	if _, err := j.Append(journal.Entry{Act: "a", Subject: []byte("s"), Salt: []byte("short")}); err == nil {
		t.Error("a short salt was accepted")
	}
	verify(t, j, 0)
}

func TestEntryShowsNoSubject(t *testing.T) {
	e := example(2)
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.Info("entry", "entry", e, "pointer", &e)
	fmt.Fprintf(&b, "%v %+v %#v %s %v %+v", e, e, e, e, &e, []journal.Entry{e})
	if strings.Contains(b.String(), "Canary") || strings.Contains(b.String(), "67 97 110 97 114 121") {
		t.Fatal("an entry shows its subject when it is printed")
	}
}

func FuzzDecodeEntry(f *testing.F) {
	e := example(2)
	e.Seq = 2
	e.Hash = e.Rehash()
	f.Add(journal.SeqKey(2), e.Encode())
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, k, v []byte) {
		e, err := journal.DecodeEntry(k, v)
		if err == nil && !bytes.Equal(e.Encode(), v) {
			t.Fatal("decode and encode give other bytes")
		}
	})
}

// BenchmarkVerify verifies 100,000 entries, one in a hundred with a subject,
// as many as a State's quota of hits makes. Target: 2 s.
func BenchmarkVerify(b *testing.B) {
	const entries = 100_000
	s, _ := newStore(b)
	j := open(b, s, auditKey)
	fillMany(b, j, entries)
	b.ResetTimer()
	for b.Loop() {
		start := time.Now()
		verify(b, j, entries)
		b.ReportMetric(time.Since(start).Seconds(), "s/100000")
	}
}

// fillMany fills a journal of many entries, of which one in a hundred keeps
// its subject: sealing costs more than chaining.
func fillMany(t testing.TB, j *journal.Journal, entries int) {
	t.Helper()
	for n := 0; n < entries; n += 5_000 {
		batch := make([]journal.Entry, min(5_000, entries-n))
		for i := range batch {
			batch[i] = example(n + i + 1)
			batch[i].Forget = (n+i+1)%100 != 0
		}
		if err := j.AppendAll(batch); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkAppend appends entries with a subject: sealed, durable.
func BenchmarkAppend(b *testing.B) {
	s, _ := newStore(b)
	j := open(b, s, auditKey)
	for i := 0; b.Loop(); i++ {
		e := example(2)
		if _, err := j.Append(e); err != nil {
			b.Fatal(err)
		}
	}
}
