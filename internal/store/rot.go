package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// A record whose entry in log.db has rotted is neither served nor judged by.
// Its id is known all the same, from the record after it or the head, so that a
// copy from anywhere proves itself: Rotten names it, Mend puts the copy in.

// heldAt reads the entry of a record that is held. One that is not what was
// written there is ErrDamaged, and wanted from then on.
func (s *Store) heldAt(tx *bbolt.Tx, l *logEntry, at place) (held, error) {
	return s.soundHeld(l, at, tx.Bucket([]byte(bktHdr)).Get(at[:]))
}

func (s *Store) soundHeld(l *logEntry, at place, v []byte) (held, error) {
	h, err := decodeHeld(v)
	if err == nil {
		if log, seq, bad := wire.PeekHeader(h.header); bad != nil || log != l.id || seq != at.seq() && !at.disowned() {
			err = fmt.Errorf("%w: the entry belongs elsewhere", ErrDamaged)
		}
	}
	if err != nil {
		s.rots(l, at)
		return held{}, fmt.Errorf("log %s, seq %d: %w", l.id.Short(), at.seq(), err)
	}
	return h, nil
}

func (s *Store) rots(l *logEntry, at place) {
	if s.rot.add(at) {
		s.log.Error("a stored record has rotted and is wanted again", "log", l.id.Short(), "seq", at.seq())
	}
}

// Rot counts the records and the bodies that have rotted and are wanted.
func (s *Store) Rot() (records, bodies int) { return s.rot.len(), s.lost.len() }

func (s *Store) idOf(h *held) ct.ID { return wire.ID(s.cfg.Network, h.header) }

// wantedID is the id of a record by what names it: the record after it, or the
// head. Zero: that has rotted too.
func (s *Store) wantedID(tx *bbolt.Tx, l *logEntry, at place) ct.ID {
	if at.seq() >= l.head.Size {
		return l.head.ID
	}
	h, err := s.heldAt(tx, l, placeOf(at.num(), at.seq()+1))
	if err != nil {
		return ct.ID{}
	}
	header, err := wire.DecodeHeader(h.header)
	if err != nil {
		return ct.ID{}
	}
	return header.Prev
}

// Rotten names up to max records that have rotted. The id is zero when the
// record after it has rotted too.
func (s *Store) Rotten(max int) ([]ct.Ref, error) {
	var refs []ct.Ref
	s.w.Lock() // heads in memory and in the file are the same
	defer s.w.Unlock()
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		for _, at := range s.rot.some(max) {
			l, err := s.numbered(at.num())
			if err != nil {
				return err
			}
			refs = append(refs, ct.Ref{Log: l.id, Seq: at.seq(), ID: s.wantedID(tx, l, at)})
		}
		return nil
	})
	return refs, wrap("rotten records", err)
}

// Remains is what is left of a rotten record, as it would travel, for whoever
// verifies it like one from a peer; nil when its header is not whole.
func (s *Store) Remains(ref ct.Ref) []byte {
	l := s.entry(ref.Log)
	if l == nil || ref.ID.IsZero() {
		return nil
	}
	at := placeOf(l.num, ref.Seq)
	var e *wire.Envelope
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(bktHdr)).Get(at[:])
		if len(v) < sumSize {
			return nil
		}
		h, err := parseHeld(v[:len(v)-sumSize])
		if err == nil && wire.ID(s.cfg.Network, h.header) == ref.ID {
			e = &wire.Envelope{HeaderBytes: bytes.Clone(h.header), Alg: h.alg, Sig: bytes.Clone(h.sig)}
		}
		return nil
	})
	if err != nil || e == nil {
		return nil
	}
	s.bodyOf(e, at, ref.ID)
	return wire.Encode(e)
}

// Complete adds to a raw record that came without it the body that this store
// still has: the node may be the only one that does.
func (s *Store) Complete(raw []byte) []byte {
	e, err := wire.Decode(raw)
	if err != nil || e.HasBody() {
		return raw
	}
	l := s.entry(e.Header.Log)
	if l == nil {
		return raw
	}
	at := placeOf(l.num, e.Header.Seq)
	if !s.rot.has(at) || !s.bodyOf(e, at, wire.ID(s.cfg.Network, e.HeaderBytes)) {
		return raw
	}
	return wire.Encode(e)
}

// bodyOf puts the stored body of a record into e when there is one that opens.
func (s *Store) bodyOf(e *wire.Envelope, at place, id ct.ID) bool {
	err := s.keysDB.view(func(tx *bbolt.Tx) error {
		e.Salt = bytes.Clone(tx.Bucket([]byte(bktSalt)).Get(at[:]))
		return nil
	})
	if err == nil && e.Salt != nil {
		err = s.bodyDB.view(func(tx *bbolt.Tx) error {
			sealed := tx.Bucket([]byte(bktBody)).Get(at[:])
			if sealed == nil {
				return ErrNotFound
			}
			var err error
			e.Body, err = s.seal.openBody(e.Salt, id, sealed)
			return err
		})
	}
	if err != nil || e.Salt == nil {
		e.Salt, e.Body = nil, nil
		return false
	}
	return true
}

// Mend puts sound copies in the place of rotten records, and tells of how many.
// A copy counts when its own signature is good and its id is the one that the
// chain names. What is known of the record beside, retracted or erased, stays.
// It arrives anew, so that whoever follows the store and could not read it does.
func (s *Store) Mend(recs []verify.Record) (int, error) {
	if len(recs) > MaxBatch {
		return 0, fmt.Errorf("mend: %d records, at most %d", len(recs), MaxBatch)
	}
	s.w.Lock()
	defer s.w.Unlock()
	entries, err := s.planMend(recs)
	if err != nil || len(entries) == 0 {
		return 0, wrap("mend", err)
	}
	if err := s.putBodies(entries); err != nil {
		return 0, wrap("mend", err)
	}
	err = s.logDB.update(func(tx *bbolt.Tx) error { return s.mendEntries(tx, entries) })
	if err != nil {
		return 0, wrap("mend", err)
	}
	for _, e := range entries {
		s.rot.found(e.at)
		s.lost.found(e.at)
		s.log.Info("a rotten record is whole again", "log", e.log.id.Short(), "seq", e.at.seq())
	}
	s.publish(nil, s.Last()+uint64(len(entries)))
	return len(entries), nil
}

// planMend picks the copies that prove themselves. It goes from the end of each
// log: a record that is mended names the one before it.
func (s *Store) planMend(recs []verify.Record) ([]entry, error) {
	recs = slices.Clone(recs)
	slices.SortFunc(recs, func(a, b verify.Record) int { return cmp.Compare(b.Header().Seq, a.Header().Seq) })
	named := make(map[place]ct.ID)
	var entries []entry
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		for _, rec := range recs {
			h := rec.Header()
			l := s.entry(h.Log)
			if l == nil || h.Seq > l.head.Size {
				continue
			}
			at := placeOf(l.num, h.Seq)
			if !s.rot.has(at) || !rec.Signed() {
				continue
			}
			id, ok := named[at]
			if !ok {
				id = s.wantedID(tx, l, at)
			}
			again := slices.ContainsFunc(entries, func(e entry) bool { return e.at == at })
			if rec.ID() != id || again {
				continue
			}
			named[placeOf(l.num, h.Seq-1)] = h.Prev
			entries = append(entries, entry{rec: rec, log: l, at: at})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.at[:], b.at[:]) })
	cursor := s.Last()
	for i := range entries {
		e := &entries[i]
		cursor++
		e.held = s.heldOf(e.rec, cursor)
	}
	if err := s.sealEntries(entries); err != nil {
		return nil, err
	}
	return entries, s.bury(entries)
}

func (s *Store) mendEntries(tx *bbolt.Tx, entries []entry) error {
	hdr, missing, hidden := tx.Bucket([]byte(bktHdr)), tx.Bucket([]byte(bktMissing)), tx.Bucket([]byte(bktHidden))
	for i := range entries {
		e := &entries[i]
		id := e.rec.ID()
		if by, err := decodeHiding(hidden.Get(id[:])); err == nil && by.target == e.at {
			e.held.hidden = true
			if e.held.state != BodyRetracted {
				err = tx.Bucket([]byte(bktDue)).Put(dueKey(&by), id[:])
			}
			if err != nil {
				return err
			}
		}
		err := errors.Join(
			hdr.Put(e.at[:], e.held.encode()),
			missing.Delete(e.at[:]),
			tx.Bucket([]byte(bktUnsound)).Delete(e.at[:]),
		)
		if err == nil {
			err = dropStray(hdr, e.at)
		}
		if err == nil && e.held.state == BodyMissing {
			err = missing.Put(e.at[:], topicMark(e.rec.Header().Topic))
		}
		if err == nil && e.held.state >= BodyRetracted {
			err = tx.Bucket([]byte(bktErase)).Put(e.at[:], []byte{byte(e.held.state)})
		}
		if err != nil {
			return err
		}
	}
	if err := s.putArrivals(tx, entries); err != nil {
		return err
	}
	return s.applyRetractions(tx, entries, nil)
}

// dropStray removes the entry behind a place whose key is no place: it is what
// rotted there.
func dropStray(hdr *bbolt.Bucket, at place) error {
	c := hdr.Cursor()
	c.Seek(at[:])
	if k, _ := c.Next(); k != nil && len(k) != len(at) {
		return hdr.Delete(bytes.Clone(k))
	}
	return nil
}

// bury makes tombstones of the entries whose body was erased before: keys.db
// remembers that log.db said so.
func (s *Store) bury(entries []entry) error {
	return s.keysDB.view(func(tx *bbolt.Tx) error {
		gone := tx.Bucket([]byte(bktGone))
		for i := range entries {
			e := &entries[i]
			id := e.rec.ID()
			if v := gone.Get(id[:]); len(v) == 1 && BodyState(v[0]) >= BodyRetracted && BodyState(v[0]) <= BodyLocal {
				e.held.state, e.sealed = BodyState(v[0]), nil
			}
		}
		return nil
	})
}

// unbury takes back that a body was erased for good: the RETRACT was disowned.
func (s *Store) unbury(id ct.ID) error {
	return s.keysDB.update(func(tx *bbolt.Tx) error {
		s.keysDB.touch(bktGone, id[:])
		return tx.Bucket([]byte(bktGone)).Delete(id[:])
	})
}

// isBuried tells whether keys.db knows a record's body as erased.
func (s *Store) isBuried(id ct.ID) (ok bool) {
	err := s.keysDB.view(func(tx *bbolt.Tx) error {
		ok = tx.Bucket([]byte(bktGone)).Get(id[:]) != nil
		return nil
	})
	return ok && err == nil
}
