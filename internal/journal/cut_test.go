package journal_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
)

// A journal that is kept for a time verifies from its checkpoint on, with the heads
// that others were told, and whoever moves the checkpoint or what is behind it is found.
func TestCut(t *testing.T) {
	s, _ := newStore(t)
	j := open(t, s, auditKey)
	var told []journal.Told
	for i := range 30 {
		e, err := j.Append(journal.Entry{Act: "publish", Time: 1000 + 10*1, Actor: fmt.Sprint(i), Subject: []byte("whom")})
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, journal.Told{Entries: e.Seq, Head: e.Hash, By: "a peer"})
		if i == 4 {
			if err := j.EraseSubject(2, "op", "asked for"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.EraseSubject(20, "op", "asked for"); err != nil {
		t.Fatal(err)
	}
	late, err := j.Append(journal.Entry{Act: "publish", Time: 5000})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := j.Cut(500); n != 0 || err != nil {
		t.Fatalf("nothing is older: %d, %v", n, err)
	}
	before, _ := j.Head()
	n, err := j.Cut(1010)
	if n != 0 || err != nil {
		t.Fatal(n, err)
	}
	n, err = j.Cut(1011)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	seq, _, err := j.Checkpoint()
	if err != nil || seq != n {
		t.Fatalf("checkpoint %d, %v, removed %d", seq, err, n)
	}
	left, err := j.Read(0, 100)
	if err != nil || left[0].Seq != seq+1 || left[len(left)-1].Act != journal.ActCut {
		t.Fatalf("left: %d entries, %v", len(left), err)
	}
	check := func(j *journal.Journal) {
		t.Helper()
		if last, err := j.Verify(told...); err != nil || last != before+1 {
			t.Fatalf("verified to %d: %v", last, err)
		}
	}
	check(j)
	check(open(t, s, auditKey))
	if _, err := j.Verify(journal.Told{Entries: seq, By: "a peer"}); !errors.Is(err, journal.ErrBroken) {
		t.Errorf("another head at the checkpoint: %v", err)
	}
	if late.Seq > seq {
		if _, err := j.Verify(journal.Told{Entries: late.Seq, By: "a peer"}); !errors.Is(err, journal.ErrBroken) {
			t.Errorf("another head behind it: %v", err)
		}
	}
	// The newest entry is never removed, whatever the time.
	if _, err := j.Cut(1 << 60); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Verify(); err != nil {
		t.Fatal(err)
	}
	if left, err := j.Read(0, 100); err != nil || len(left) < 1 {
		t.Fatal(len(left), err)
	}
	for name, change := range map[string]func(*store.LocalTx) error{
		"the checkpoint is gone": func(tx *store.LocalTx) error { return tx.Delete(journal.BucketHead, []byte("checkpoint")) },
		"the checkpoint is another": func(tx *store.LocalTx) error {
			return tx.Put(journal.BucketHead, []byte("checkpoint"), make([]byte, 72))
		},
		"the checkpoint is of another key": func(tx *store.LocalTx) error {
			at, hash, err := j.CheckpointIn(tx)
			if err != nil {
				return err
			}
			forged := j.EncodeCheckpoint(at, hash)
			forged[len(forged)-1] ^= 1
			return tx.Put(journal.BucketHead, []byte("checkpoint"), forged)
		},
		"a checkpoint of the right key where no entry continues": func(tx *store.LocalTx) error {
			at, _, err := j.CheckpointIn(tx)
			if err != nil {
				return err
			}
			return tx.Put(journal.BucketHead, []byte("checkpoint"), j.EncodeCheckpoint(at, [32]byte{1}))
		},
		"a checkpoint of the right key that no entry names": func(tx *store.LocalTx) error {
			left, err := j.Read(0, 100)
			if err != nil {
				return err
			}
			first := left[0] // it and all before it have no subject left
			return errors.Join(tx.Delete(journal.BucketEntry, binary.BigEndian.AppendUint64(nil, first.Seq)),
				tx.Put(journal.BucketHead, []byte("checkpoint"), j.EncodeCheckpoint(first.Seq, first.Hash)))
		},
	} {
		err := s.Local().Update(func(tx *store.LocalTx) error {
			if err := change(tx); err != nil {
				return err
			}
			_, err := j.VerifyIn(tx)
			return err
		})
		if !errors.Is(err, journal.ErrBroken) || strings.Contains(err.Error(), "panic") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
