package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
)

func TestTampering(t *testing.T) {
	const entries = 9
	type attack struct {
		name string
		do   func(tx *store.LocalTx) error
	}
	get := func(tx *store.LocalTx, seq uint64) journal.Entry {
		v, err := tx.Get(journal.BucketEntry, journal.SeqKey(seq))
		if err != nil {
			t.Fatal(err)
		}
		e, err := journal.DecodeEntry(journal.SeqKey(seq), v)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	put := func(tx *store.LocalTx, e journal.Entry) error {
		return tx.Put(journal.BucketEntry, journal.SeqKey(e.Seq), e.Encode())
	}
	// rechain gives every entry from seq on the hash that its fields ask for,
	// and the head the last one; only the MAC stays what it was.
	rechain := func(tx *store.LocalTx, seq uint64) error {
		prev := [32]byte{}
		if seq > 1 {
			prev = get(tx, seq-1).Hash
		}
		for ; seq <= entries; seq++ {
			e := get(tx, seq)
			e.Prev = prev
			e.Hash = e.Rehash()
			prev = e.Hash
			if err := put(tx, e); err != nil {
				return err
			}
		}
		head, err := tx.Get(journal.BucketHead, journal.HeadName())
		if err != nil {
			return err
		}
		copy(head[8:], prev[:])
		return tx.Put(journal.BucketHead, journal.HeadName(), head)
	}
	fields := map[string]func(*journal.Entry){
		"time":    func(e *journal.Entry) { e.Time++ },
		"act":     func(e *journal.Entry) { e.Act += "x" },
		"actor":   func(e *journal.Entry) { e.Actor = "desk-0" },
		"purpose": func(e *journal.Entry) { e.Purpose = "protection" },
		"basis":   func(e *journal.Entry) { e.Basis = "" },
		"case":    func(e *journal.Entry) { e.Case = "case-0" },
		"outcome": func(e *journal.Entry) { e.Outcome = "NO_HIT" },
		"peer":    func(e *journal.Entry) { e.Peer = "XXX" },
		"of":      func(e *journal.Entry) { e.Of++ },
		"commit":  func(e *journal.Entry) { e.Commit[0] ^= 1 },
		"forget":  func(e *journal.Entry) { e.Forget = !e.Forget },
		"prev":    func(e *journal.Entry) { e.Prev[31] ^= 1 },
		"hash":    func(e *journal.Entry) { e.Hash[31] ^= 1 },
	}
	var attacks []attack
	for seq := uint64(1); seq <= entries; seq++ {
		for field, change := range fields {
			if field == "forget" && seq%2 == 1 {
				continue // without a subject there is nothing to forget
			}
			attacks = append(attacks, attack{fmt.Sprintf("edit %s of %d", field, seq), func(tx *store.LocalTx) error {
				e := get(tx, seq)
				change(&e)
				return put(tx, e)
			}})
			if field == "hash" {
				continue
			}
			attacks = append(attacks, attack{fmt.Sprintf("edit and rehash %s of %d", field, seq), func(tx *store.LocalTx) error {
				e := get(tx, seq)
				change(&e)
				e.Hash = e.Rehash()
				return put(tx, e)
			}}, attack{fmt.Sprintf("edit %s of %d and chain anew", field, seq), func(tx *store.LocalTx) error {
				e := get(tx, seq)
				change(&e)
				e.Hash = e.Rehash()
				if err := put(tx, e); err != nil {
					return err
				}
				if field == "prev" {
					return nil // chaining anew would undo it
				}
				return rechain(tx, seq)
			}})
		}
		attacks = append(attacks, attack{fmt.Sprintf("delete %d", seq), func(tx *store.LocalTx) error {
			return tx.Delete(journal.BucketEntry, journal.SeqKey(seq))
		}})
		if seq < entries {
			attacks = append(attacks, attack{fmt.Sprintf("swap %d and %d", seq, seq+1), func(tx *store.LocalTx) error {
				a, b := get(tx, seq), get(tx, seq+1)
				a.Seq, b.Seq = b.Seq, a.Seq
				a.Hash, b.Hash = a.Rehash(), b.Rehash()
				return errors.Join(put(tx, a), put(tx, b))
			}})
		}
	}
	sealed := func(tx *store.LocalTx, seq uint64) []byte {
		v, err := tx.Get(journal.BucketSubject, journal.SeqKey(seq))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	attacks = append(attacks,
		attack{"insert at the end", func(tx *store.LocalTx) error {
			e := get(tx, entries)
			e.Seq, e.Prev = entries+1, e.Hash
			e.Hash = e.Rehash()
			return put(tx, e)
		}},
		attack{"cut the tail and the head's number", func(tx *store.LocalTx) error {
			last := get(tx, entries-1)
			head, err := tx.Get(journal.BucketHead, journal.HeadName())
			if err != nil {
				return err
			}
			copy(head, journal.SeqKey(last.Seq))
			copy(head[8:], last.Hash[:])
			return errors.Join(tx.Delete(journal.BucketEntry, journal.SeqKey(entries)), tx.Put(journal.BucketHead, journal.HeadName(), head))
		}},
		attack{"delete the head", func(tx *store.LocalTx) error { return tx.Drop(journal.BucketHead) }},
		attack{"delete all entries", func(tx *store.LocalTx) error { return tx.Drop(journal.BucketEntry) }},
		attack{"delete a subject", func(tx *store.LocalTx) error {
			return tx.Delete(journal.BucketSubject, journal.SeqKey(4))
		}},
		attack{"delete all subjects", func(tx *store.LocalTx) error { return tx.Drop(journal.BucketSubject) }},
		attack{"swap two subjects", func(tx *store.LocalTx) error {
			a, b := sealed(tx, 2), sealed(tx, 4)
			return errors.Join(tx.Put(journal.BucketSubject, journal.SeqKey(2), b), tx.Put(journal.BucketSubject, journal.SeqKey(4), a))
		}},
		attack{"edit a subject", func(tx *store.LocalTx) error {
			v := sealed(tx, 2)
			v[len(v)-1] ^= 1
			return tx.Put(journal.BucketSubject, journal.SeqKey(2), v)
		}},
		attack{"edit a salt", func(tx *store.LocalTx) error {
			v := sealed(tx, 2)
			v[0] ^= 1
			return tx.Put(journal.BucketSubject, journal.SeqKey(2), v)
		}},
		attack{"truncate a subject", func(tx *store.LocalTx) error {
			return tx.Put(journal.BucketSubject, journal.SeqKey(2), []byte("short"))
		}},
		attack{"add a subject", func(tx *store.LocalTx) error {
			return tx.Put(journal.BucketSubject, journal.SeqKey(3), sealed(tx, 2))
		}},
		attack{"erase a subject without the audit key", func(tx *store.LocalTx) error {
			last := get(tx, entries)
			e := journal.Entry{Seq: entries + 1, Act: journal.ActEraseSubject, Of: 4, Prev: last.Hash}
			e.Hash = e.Rehash()
			return errors.Join(tx.Delete(journal.BucketSubject, journal.SeqKey(4)), put(tx, e))
		}},
	)
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	fill(t, j, entries)
	// Every attack starts from the same journal: what it wrote is taken back.
	before := snapshot(t, s)
	for _, a := range attacks {
		if err := s.Local().Update(a.do); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
		n, err := j.Verify()
		if !errors.Is(err, journal.ErrBroken) {
			t.Errorf("%s: verify says %d entries, %v; want ErrBroken", a.name, n, err)
		}
		if err != nil && strings.Contains(err.Error(), "Canary") {
			t.Errorf("%s: the error shows a subject", a.name)
		}
		restore(t, s, before)
	}
	verify(t, j, entries)
	t.Logf("%d ways of tampering found", len(attacks))
}

type row struct {
	bucket   string
	key, val []byte
}

func snapshot(t *testing.T, s *store.Store) []row {
	t.Helper()
	var out []row
	err := s.Local().View(func(tx *store.LocalTx) error {
		for _, b := range []string{journal.BucketEntry, journal.BucketSubject, journal.BucketHead} {
			err := tx.Scan(b, nil, func(k, v []byte) error { out = append(out, row{b, k, v}); return nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func restore(t *testing.T, s *store.Store, rows []row) {
	t.Helper()
	err := s.Local().Update(func(tx *store.LocalTx) error {
		err := errors.Join(tx.Drop(journal.BucketEntry), tx.Drop(journal.BucketSubject), tx.Drop(journal.BucketHead))
		for _, r := range rows {
			err = errors.Join(err, tx.Put(r.bucket, r.key, r.val))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
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
