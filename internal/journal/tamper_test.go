package journal_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
)

// attack is one thing that somebody who holds the storage key, but not the
// audit key, can do to the journal.
type attack struct {
	name string
	do   func(r *rewriter)
}

// rewriter changes a journal within one transaction.
type rewriter struct {
	t       *testing.T
	tx      *store.LocalTx
	entries uint64
}

func (r *rewriter) must(err error) {
	if err != nil {
		r.t.Helper()
		r.t.Fatal(err)
	}
}

func (r *rewriter) get(seq uint64) journal.Entry {
	v, err := r.tx.Get(journal.BucketEntry, journal.SeqKey(seq))
	r.must(err)
	e, err := journal.DecodeEntry(journal.SeqKey(seq), v)
	r.must(err)
	return e
}

func (r *rewriter) put(e journal.Entry) {
	r.must(r.tx.Put(journal.BucketEntry, journal.SeqKey(e.Seq), e.Encode()))
}

func (r *rewriter) edit(seq uint64, rehash bool, change func(*journal.Entry)) {
	e := r.get(seq)
	change(&e)
	if rehash {
		e.Hash = e.Rehash()
	}
	r.put(e)
}

// rechain gives every entry from seq on the hash that its fields ask for, and
// the head the last one; only the MAC stays what it was.
func (r *rewriter) rechain(seq uint64) {
	prev := [32]byte{}
	if seq > 1 {
		prev = r.get(seq - 1).Hash
	}
	for ; seq <= r.entries; seq++ {
		e := r.get(seq)
		e.Prev = prev
		e.Hash = e.Rehash()
		prev = e.Hash
		r.put(e)
	}
	head, err := r.tx.Get(journal.BucketHead, journal.HeadName())
	r.must(err)
	copy(head[8:], prev[:])
	r.must(r.tx.Put(journal.BucketHead, journal.HeadName(), head))
}

func (r *rewriter) delete(seq uint64) {
	r.must(r.tx.Delete(journal.BucketEntry, journal.SeqKey(seq)))
}

func (r *rewriter) swap(a, b uint64) {
	x, y := r.get(a), r.get(b)
	x.Seq, y.Seq = b, a
	x.Hash, y.Hash = x.Rehash(), y.Rehash()
	r.put(x)
	r.put(y)
}

// move takes an entry out and puts it in elsewhere, all between shifted.
func (r *rewriter) move(from, to uint64) {
	moved := r.get(from)
	for seq := from; seq < to; seq++ {
		e := r.get(seq + 1)
		e.Seq = seq
		e.Hash = e.Rehash()
		r.put(e)
	}
	moved.Seq = to
	moved.Hash = moved.Rehash()
	r.put(moved)
}

func (r *rewriter) cutAfter(seq uint64) {
	for s := seq + 1; s <= r.entries; s++ {
		r.delete(s)
	}
	last := r.get(seq)
	head, err := r.tx.Get(journal.BucketHead, journal.HeadName())
	r.must(err)
	copy(head, journal.SeqKey(seq))
	copy(head[8:], last.Hash[:])
	r.must(r.tx.Put(journal.BucketHead, journal.HeadName(), head))
}

func (r *rewriter) sealed(seq uint64) []byte {
	v, err := r.tx.Get(journal.BucketSubject, journal.SeqKey(seq))
	r.must(err)
	return v
}

func (r *rewriter) seal(seq uint64, v []byte) {
	r.must(r.tx.Put(journal.BucketSubject, journal.SeqKey(seq), v))
}

func (r *rewriter) unseal(seq uint64) {
	r.must(r.tx.Delete(journal.BucketSubject, journal.SeqKey(seq)))
}

func flip(v []byte, at int) []byte { v[at] ^= 1; return v }

// edits are the fields of an entry, each with a change.
var edits = []struct {
	field  string
	change func(*journal.Entry)
}{
	{"time", func(e *journal.Entry) { e.Time++ }},
	{"act", func(e *journal.Entry) { e.Act += "x" }},
	{"actor", func(e *journal.Entry) { e.Actor = "desk-0" }},
	{"purpose", func(e *journal.Entry) { e.Purpose = "protection" }},
	{"basis", func(e *journal.Entry) { e.Basis = "" }},
	{"case", func(e *journal.Entry) { e.Case = "case-0" }},
	{"outcome", func(e *journal.Entry) { e.Outcome = "NO_HIT" }},
	{"peer", func(e *journal.Entry) { e.Peer = "XXX" }},
	{"of", func(e *journal.Entry) { e.Of++ }},
	{"commitment", func(e *journal.Entry) { e.Commit[0] ^= 1 }},
	{"sealed hash", func(e *journal.Entry) { e.SealedHash[0] ^= 1 }},
	{"hash of the one before", func(e *journal.Entry) { e.Prev[31] ^= 1 }},
	{"own hash", func(e *journal.Entry) { e.Hash[31] ^= 1 }},
}

// onEntry are the attacks on one entry: every field, deletion, every order.
func onEntry(seq, entries uint64, rechain bool) (out []attack) {
	add := func(name string, do func(*rewriter)) {
		out = append(out, attack{fmt.Sprintf("%s, entry %d", name, seq), do})
	}
	for _, f := range edits {
		add("edit "+f.field, func(r *rewriter) { r.edit(seq, false, f.change) })
		if f.field == "own hash" {
			continue
		}
		add("edit and hash anew: "+f.field, func(r *rewriter) { r.edit(seq, true, f.change) })
		// Chaining anew would undo a change of prev, and what is sealed without
		// a commitment is no entry.
		if rechain && f.field != "hash of the one before" && (f.field != "sealed hash" || seq%2 == 0) {
			add("edit and chain anew: "+f.field, func(r *rewriter) { r.edit(seq, true, f.change); r.rechain(seq) })
		}
	}
	add("delete", func(r *rewriter) { r.delete(seq) })
	if seq < entries {
		add("swap with the next", func(r *rewriter) { r.swap(seq, seq+1) })
		add("swap with the last", func(r *rewriter) { r.swap(seq, entries) })
		add("move behind", func(r *rewriter) { r.move(seq, min(seq+5, entries)) })
		add("cut off what follows", func(r *rewriter) { r.cutAfter(seq) })
	}
	return out
}

// onSubject are the attacks on a kept subject; other is another one, and
// without an entry that keeps none.
func onSubject(seq, other, without uint64) []attack {
	of := fmt.Sprintf(" of %d", seq)
	return []attack{
		{"delete the subject" + of, func(r *rewriter) { r.unseal(seq) }},
		{"edit the subject" + of, func(r *rewriter) { v := r.sealed(seq); r.seal(seq, flip(v, len(v)-1)) }},
		{"edit the key name" + of, func(r *rewriter) { r.seal(seq, flip(r.sealed(seq), 0)) }},
		{"truncate the subject" + of, func(r *rewriter) { r.seal(seq, []byte("short")) }},
		{"add a subject", func(r *rewriter) { r.seal(without, r.sealed(seq)) }},
		{"swap the subjects" + of, func(r *rewriter) {
			a, b := r.sealed(seq), r.sealed(other)
			r.seal(seq, b)
			r.seal(other, a)
		}},
		{"erase without the audit key, subject" + of, func(r *rewriter) {
			last := r.get(r.entries)
			e := journal.Entry{Seq: r.entries + 1, Act: journal.ActEraseSubject, Of: seq, Prev: last.Hash}
			e.Hash = e.Rehash()
			r.unseal(seq)
			r.put(e)
		}},
	}
}

var onWhole = []attack{
	{"insert at the end", func(r *rewriter) {
		e := r.get(r.entries)
		e.Seq, e.Prev = r.entries+1, e.Hash
		e.Hash = e.Rehash()
		r.put(e)
	}},
	{"delete the head", func(r *rewriter) { r.must(r.tx.Drop(journal.BucketHead)) }},
	{"delete all entries", func(r *rewriter) { r.must(r.tx.Drop(journal.BucketEntry)) }},
	{"delete all subjects", func(r *rewriter) { r.must(r.tx.Drop(journal.BucketSubject)) }},
}

var errBack = errors.New("take it back")

// found runs every attack on the same journal, each in a transaction that is
// taken back, and fails where Verify finds nothing.
func found(t *testing.T, s *store.Store, j *journal.Journal, entries uint64, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		err := s.Local().Update(func(tx *store.LocalTx) error {
			a.do(&rewriter{t, tx, entries})
			n, err := j.VerifyIn(tx)
			if !errors.Is(err, journal.ErrBroken) {
				t.Errorf("%s: verify says %d entries, %v; want ErrBroken", a.name, n, err)
			}
			if err != nil && strings.Contains(err.Error(), "Canary") {
				t.Errorf("%s: the error shows a subject", a.name)
			}
			return errBack
		})
		if !errors.Is(err, errBack) {
			t.Fatalf("%s: %v", a.name, err)
		}
	}
	verify(t, j, entries)
}

func TestTampering(t *testing.T) {
	const entries = 9
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	fill(t, j, entries)
	attacks := slices.Concat(onSubject(2, 4, 3), onSubject(8, 2, 6), onWhole)
	for seq := uint64(1); seq <= entries; seq++ {
		attacks = append(attacks, onEntry(seq, entries, true)...)
	}
	found(t, s, j, entries, attacks)
	t.Logf("%d ways of tampering found", len(attacks))
}

// The same on a journal of 100,000 entries: every kind near the beginning,
// where Verify stops soon, and one of each sort at sampled places, the first
// and the last entry among them. HERALD_TAMPER is how many places.
func TestTamperingWithManyEntries(t *testing.T) {
	entries, places := uint64(100_000), 3
	if testing.Short() {
		entries = 10_000
	}
	if v, err := strconv.Atoi(os.Getenv("HERALD_TAMPER")); err == nil {
		places = v
	}
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, 0))
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	fillMany(t, j, int(entries))
	start := time.Now()
	verify(t, j, entries)
	took := time.Since(start)

	attacks := onEntry(1, entries, false)
	attacks = append(attacks, onEntry(1+rnd.Uint64N(500), entries, false)...)
	attacks = append(attacks, onSubject(100, entries/100*100, 101)...)
	for i := range places {
		seq := 2 + rnd.Uint64N(entries-2)
		if i == 0 {
			seq = entries
		}
		all := onEntry(seq, entries, false)
		rnd.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
		kept := max(200, seq/100*100)
		subject := onSubject(kept, 100, kept-1)
		attacks = append(attacks, all[0], all[1], subject[rnd.IntN(len(subject))])
	}
	last := entries - 1
	attacks = append(attacks,
		attack{"edit and chain anew near the end", func(r *rewriter) { r.edit(last, true, edits[6].change); r.rechain(last) }},
		attack{"delete the last", func(r *rewriter) { r.delete(entries) }},
		attack{"cut off the last", func(r *rewriter) { r.cutAfter(last) }},
		onWhole[0])
	found(t, s, j, entries, attacks)
	t.Logf("seed %d: %d ways of tampering with %d entries found; verified in %v", seed, len(attacks), entries, took)
}

func TestAppendRefusesATamperedJournal(t *testing.T) {
	s, dir := newStore(t)
	j := open(t, s, auditKey)
	fill(t, j, 3)
	err := s.Local().Update(func(tx *store.LocalTx) error { return tx.Delete(journal.BucketEntry, journal.SeqKey(3)) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(example(4)); !errors.Is(err, journal.ErrBroken) {
		t.Fatalf("append: %v, want ErrBroken", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, openStore(t, dir), auditKey) // opens, to be verified
	if _, err := j.Verify(); !errors.Is(err, journal.ErrBroken) {
		t.Fatalf("verify: %v, want ErrBroken", err)
	}
}

func TestOtherAuditKey(t *testing.T) {
	s, _ := newStore(t)
	fill(t, open(t, s, auditKey), 2)
	j := open(t, s, keys.Storage{9})
	if _, err := j.Verify(); !errors.Is(err, journal.ErrBroken) {
		t.Fatalf("verify under another key: %v, want ErrBroken", err)
	}
	if _, err := j.Append(example(1)); !errors.Is(err, journal.ErrBroken) {
		t.Fatalf("append under another key: %v, want ErrBroken", err)
	}
}
