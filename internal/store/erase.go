package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// garbageKey counts, in log.db's meta bucket, erased bodies whose sealed bytes
// still lie in free pages of body.db; garbageSinceKey says since when.
var (
	garbageKey      = []byte("garbage")
	garbageSinceKey = []byte("garbage-since")
)

// eraseStep is how many records are erased while writers wait: some 20 ms.
const eraseStep = 128

// Erase erases the bodies of held records. From the first commit on they are
// tombstones: no crash brings a body back, nor does a later FillBodies. When it
// returns, no byte of their salts is in keys.db, which has been rewritten while
// others append (seconds for a million records, so erase many at once), and the
// bodies, unreadable now, are gone from body.db but for its free pages (see
// CompactBodies). BodyRetracted is final; it also replaces the other reasons.
// What is not held, or has rotted so that nobody knows which record it is, is
// passed over and told in the log: it keeps no other's body.
func (s *Store) Erase(refs []ct.Ref, why BodyState) error {
	if err := s.Entomb(refs, why); err != nil {
		return err
	}
	_, err := s.eraseTraces()
	return wrap("erase", err)
}

// Entomb is Erase but for the last step: what the salts were stays in free pages
// of keys.db until EraseTraces. Writers wait for a small part at a time.
func (s *Store) Entomb(refs []ct.Ref, why BodyState) error {
	if why != BodyRetracted && why != BodyExpired && why != BodyLocal {
		return fmt.Errorf("erase: %s is not a reason", why)
	}
	refs = slices.Clone(refs) // neighbours share pages
	slices.SortFunc(refs, func(a, b ct.Ref) int {
		return cmp.Or(bytes.Compare(a.Log[:], b.Log[:]), cmp.Compare(a.Seq, b.Seq))
	})
	for part := range slices.Chunk(refs, eraseStep) {
		if err := s.entomb(part, why); err != nil {
			return wrap("erase", err)
		}
	}
	return nil
}

// entomb commits the tombstones and deletes what they are of.
func (s *Store) entomb(refs []ct.Ref, why BodyState) error {
	s.w.Lock()
	defer s.w.Unlock()
	if err := s.logDB.update(func(tx *bbolt.Tx) error { return s.tombstone(tx, refs, why) }); err != nil {
		return err
	}
	return s.finishErase()
}

func (s *Store) tombstone(tx *bbolt.Tx, refs []ct.Ref, why BodyState) error {
	hdr := tx.Bucket([]byte(bktHdr))
	added := uint64(0)
	for _, ref := range refs {
		l := s.entry(ref.Log)
		if l != nil && (l.root || l.head.Closed && !s.holds(tx, l, ref)) {
			continue // who may speak is read from the bodies of root logs; what is disowned is erased already
		}
		if l == nil || ref.Seq == 0 || ref.Seq > l.head.Size {
			s.log.Warn("a record that is not held cannot be erased", "log", ref.Log.Short(), "seq", ref.Seq)
			continue
		}
		at := placeOf(l.num, ref.Seq)
		h, errRot := s.heldAt(tx, l, at)
		id := wire.ID(s.cfg.Network, h.header)
		if errRot != nil {
			id = s.wantedID(tx, l, at)
		}
		if id != ref.ID {
			s.log.Warn("another record stands there, or one that has rotted: it is not erased", "log", ref.Log.Short(), "seq", ref.Seq)
			continue
		}
		if err := tx.Bucket([]byte(bktErase)).Put(at[:], []byte{byte(why)}); err != nil {
			return err
		}
		if errRot != nil { // its body goes all the same; Mend will know of it
			s.lost.found(at)
			added++
			continue
		}
		if h.state == BodyRetracted {
			continue
		}
		h.state = why
		if err := hdr.Put(at[:], h.encode()); err != nil {
			return err
		}
		if err := tx.Bucket([]byte(bktMissing)).Delete(at[:]); err != nil {
			return err
		}
		s.lost.found(at)
		added++
	}
	return addGarbage(tx, added)
}

// holds tells whether a record stands in its log.
func (s *Store) holds(tx *bbolt.Tx, l *logEntry, ref ct.Ref) bool {
	at := placeOf(l.num, ref.Seq)
	h, err := decodeHeld(tx.Bucket([]byte(bktHdr)).Get(at[:]))
	return err == nil && ref.Seq <= l.head.Size && wire.ID(s.cfg.Network, h.header) == ref.ID
}

func addGarbage(tx *bbolt.Tx, n uint64) error {
	meta := tx.Bucket([]byte(bktMeta))
	was, err := garbage(tx)
	if err != nil {
		return err
	}
	if was == 0 && n > 0 {
		if err := meta.Put(garbageSinceKey, u64(uint64(millis()))); err != nil {
			return err
		}
	}
	return meta.Put(garbageKey, u64(was+n))
}

func garbage(tx *bbolt.Tx) (uint64, error) {
	v := tx.Bucket([]byte(bktMeta)).Get(garbageKey)
	if v == nil {
		return 0, nil
	}
	return parseU64(v)
}

// finishErase deletes salts and bodies of all tombstones that still have them:
// those of Erase, or of one that a crash interrupted.
func (s *Store) finishErase() error {
	gone := make(map[place]bool)
	why := make(map[ct.ID]BodyState)
	var idle [][]byte
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bktErase)).ForEach(func(k, v []byte) error {
			at, id, state, ok := s.tombstoneAt(tx, k, v)
			if !ok {
				idle = append(idle, bytes.Clone(k))
				return nil
			}
			gone[at] = true
			if !id.IsZero() {
				why[id] = state
			}
			return nil
		})
	})
	if err != nil || len(gone)+len(idle) == 0 {
		return err
	}
	if err := s.remember(why); err != nil {
		return err
	}
	if err := s.forget(gone); err != nil {
		return err
	}
	return s.logDB.update(func(tx *bbolt.Tx) error {
		for at := range gone {
			if err := s.erased(tx, at); err != nil {
				return err
			}
		}
		for _, k := range idle {
			if err := tx.Bucket([]byte(bktErase)).Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// tombstoneAt reads a mark of bktErase: which record it is of and why; false
// when it is rotten itself, which must erase nobody's body.
func (s *Store) tombstoneAt(tx *bbolt.Tx, k, v []byte) (at place, id ct.ID, why BodyState, ok bool) {
	at, err := parsePlace(k)
	if err != nil {
		return at, id, why, false
	}
	l, err := s.numbered(at.num())
	if err != nil || at.seq() == 0 || at.seq() > l.head.Size {
		return at, id, why, false
	}
	if h, err := s.heldAt(tx, l, at); err == nil {
		return at, wire.ID(s.cfg.Network, h.header), h.state, h.state >= BodyRetracted
	}
	ok = len(v) == 1 && BodyState(v[0]) >= BodyRetracted && BodyState(v[0]) <= BodyLocal
	if ok {
		why = BodyState(v[0])
	}
	return at, s.wantedID(tx, l, at), why, ok
}

// remember writes into keys.db what log.db knows of erased bodies, so that none
// comes back when either file is lost.
func (s *Store) remember(why map[ct.ID]BodyState) error {
	if len(why) == 0 {
		return nil
	}
	return s.keysDB.update(func(tx *bbolt.Tx) error {
		gone := tx.Bucket([]byte(bktGone))
		for id, state := range why {
			if err := gone.Put(id[:], []byte{byte(state)}); err != nil {
				return err
			}
			s.keysDB.touch(bktGone, id[:])
		}
		return nil
	})
}

// erased notes that nothing is left to do for a tombstone.
func (s *Store) erased(tx *bbolt.Tx, at place) error {
	l, err := s.numbered(at.num())
	if err != nil {
		return err
	}
	h, errRot := s.heldAt(tx, l, at)
	id := wire.ID(s.cfg.Network, h.header)
	if errRot != nil {
		id = s.wantedID(tx, l, at)
	}
	if errRot != nil || h.hidden && h.state == BodyRetracted {
		if hiding, err := decodeHiding(tx.Bucket([]byte(bktHidden)).Get(id[:])); err == nil {
			if err := tx.Bucket([]byte(bktDue)).Delete(dueKey(&hiding)); err != nil {
				return err
			}
		}
	}
	return tx.Bucket([]byte(bktErase)).Delete(at[:])
}

// forget removes salts and bodies. What the salts were stays in free pages until
// eraseTraces.
func (s *Store) forget(gone map[place]bool) error {
	salted := false
	err := s.keysDB.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bktSalt))
		for at := range gone {
			salted = salted || b.Get(at[:]) != nil
		}
		return nil
	})
	if err == nil && salted {
		err = s.keysDB.update(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bktSalt))
			for at := range gone {
				if err := b.Delete(at[:]); err != nil {
					return err
				}
				s.keysDB.touch(bktSalt, at[:])
			}
			return s.keysDB.leaveTraces(tx)
		})
	}
	if err != nil {
		return err
	}
	return s.bodyDB.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bktBody))
		for at := range gone {
			if err := b.Delete(at[:]); err != nil {
				return err
			}
			s.bodyDB.touch(bktBody, at[:])
		}
		return nil
	})
}

// Garbage is how many erased bodies lie in free pages of body.db, and since
// when the first does; zero: none.
func (s *Store) Garbage() (n uint64, since ct.Millis, err error) {
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		var err error
		if n, err = garbage(tx); err != nil || n == 0 {
			return err
		}
		ms, err := parseU64(tx.Bucket([]byte(bktMeta)).Get(garbageSinceKey))
		since = ct.Millis(ms)
		return err
	})
	return n, since, wrap("garbage", err)
}

// CompactBodies rewrites body.db without the free pages in which erased bodies
// lie, when there are any. Appending and reading go on; the last step, which
// brings in what changed meanwhile, holds writers up for some milliseconds. Room
// for a second copy is needed. It waits for an Export to be closed.
func (s *Store) CompactBodies() error {
	s.whole.Lock()
	defer s.whole.Unlock()
	s.w.Lock() // no body is being erased: what is counted is gone from its bucket
	n, _, err := s.Garbage()
	if err == nil && n > 0 {
		err = s.bodyDB.track()
	}
	s.w.Unlock()
	if err != nil || n == 0 {
		return wrap("compact bodies", err)
	}
	if err := s.bodyDB.rewriteOnline(); err != nil {
		return wrap("compact bodies", err)
	}
	s.w.Lock()
	defer s.w.Unlock()
	err = s.logDB.update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte(bktMeta))
		now, err := garbage(tx)
		if err != nil {
			return err
		}
		// What was erased meanwhile may be in the new file: that much is left.
		if now > n {
			return errors.Join(meta.Put(garbageKey, u64(now-n)), meta.Put(garbageSinceKey, u64(uint64(millis()))))
		}
		return errors.Join(meta.Delete(garbageKey), meta.Delete(garbageSinceKey))
	})
	return wrap("compact bodies", err)
}

// prune removes salts and bodies beyond the heads: a crash came before the
// commit that would have made them records.
func (s *Store) prune() error {
	for _, of := range []struct {
		f      *file
		bucket string
	}{{s.keysDB, bktSalt}, {s.bodyDB, bktBody}} {
		orphans := make(map[place]bool)
		err := of.f.view(func(tx *bbolt.Tx) error {
			c := tx.Bucket([]byte(of.bucket)).Cursor()
			collect := func(from place, in func(place) bool) error {
				for k, _ := c.Seek(from[:]); k != nil; k, _ = c.Next() {
					at, err := parsePlace(k)
					if err != nil || !in(at) {
						return err
					}
					orphans[at] = true
				}
				return nil
			}
			for _, l := range s.byNum {
				err := collect(placeOf(l.num, l.head.Size+1), func(at place) bool { return at.num() == l.num })
				if err != nil {
					return err
				}
			}
			return collect(placeOf(uint32(len(s.byNum))+1, 0), func(place) bool { return true })
		})
		if err != nil {
			return fmt.Errorf("%s: %w", of.f.path, err)
		}
		if len(orphans) == 0 {
			continue
		}
		s.log.Info("removing what a crash left", "file", of.f.spec.name, "records", len(orphans))
		if err := s.forget(orphans); err != nil {
			return err
		}
	}
	return nil
}

// rewrite copies what the file holds to a new file, and puts that in its place:
// nothing deleted remains in a free page. Readers go on meanwhile. After a
// failure the old file is in use.
func (f *file) rewrite() error {
	f.w.Lock()
	defer f.w.Unlock()
	switch {
	case f.db == nil:
		return ErrClosed
	case f.stopped != nil:
		return f.stopped
	}
	tmp := f.path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh, err := f.openBolt(tmp, false)
	if err != nil {
		f.noRoom(err, false)
		return fmt.Errorf("rewrite %s: %w", f.path, err)
	}
	fresh.AllocSize = copyAlloc
	err = guard(func() error { return copyBuckets(fresh, f.db) })
	fresh.AllocSize = f.spec.alloc
	if err != nil {
		_ = fresh.Close()
		_ = os.Remove(tmp)
		err = fullOr(err)
		f.noRoom(err, false)
		return fmt.Errorf("rewrite %s: %w", f.path, err)
	}
	return f.exchange(fresh, tmp)
}

// exchange puts a finished copy in the place of the file. The caller holds w.
func (f *file) exchange(fresh *bbolt.DB, tmp string) error {
	err := syncPath(tmp)
	var old *bbolt.DB
	if err == nil {
		f.mu.Lock() // for a reader the name and the open file are one
		if err = os.Rename(tmp, f.path); err == nil {
			old, f.db = f.db, fresh
		}
		f.mu.Unlock()
	}
	if err != nil {
		_ = fresh.Close()
		_ = os.Remove(tmp)
		return fmt.Errorf("rewrite %s: %w", f.path, err)
	}
	_ = old.Close() // unlinked: nothing of it matters any more
	// Without this a power cut could bring back the old file, and what is
	// committed to the new one from now on would be lost.
	if err := syncPath(filepath.Dir(f.path)); err != nil {
		return f.stop(err)
	}
	return nil
}
