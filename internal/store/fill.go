package store

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// FillBodies adds bodies to records that are held without theirs, and tells
// how many it added. What is not held, complete or tombstoned is passed over.
// A filled record arrives anew: it gets a new cursor, so that whoever follows
// the store sees the body. Its inadmissibility is that of the whole record.
func (s *Store) FillBodies(recs []verify.Record) (int, error) {
	if len(recs) > MaxBatch {
		return 0, fmt.Errorf("fill bodies: %d records, at most %d", len(recs), MaxBatch)
	}
	s.w.Lock()
	defer s.w.Unlock()
	if err := s.room(recs); err != nil {
		return 0, fmt.Errorf("fill bodies: %w", err)
	}
	entries, err := s.planFill(recs)
	if err != nil || len(entries) == 0 {
		return 0, wrap("fill bodies", err)
	}
	if err := s.putBodies(entries); err != nil {
		return 0, wrap("fill bodies", err)
	}
	err = s.logDB.update(func(tx *bbolt.Tx) error { return s.fillEntries(tx, entries) })
	if err != nil {
		return 0, wrap("fill bodies", err)
	}
	for _, e := range entries {
		s.lost.found(e.at)
	}
	s.publish(nil, s.Last()+uint64(len(entries)))
	return len(entries), nil
}

func (s *Store) planFill(recs []verify.Record) ([]entry, error) {
	var entries []entry
	seen := make(map[place]bool)
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		for _, rec := range recs {
			l := s.entry(rec.Header().Log)
			if l == nil || !rec.HasBody() {
				continue
			}
			at := placeOf(l.num, rec.Header().Seq)
			v := tx.Bucket([]byte(bktHdr)).Get(at[:])
			if v == nil || seen[at] {
				continue
			}
			h, err := s.heldAt(tx, l, at)
			if err != nil {
				continue // Mend brings its body too
			}
			wanted := h.state == BodyMissing || h.state == BodyHeld && s.lost.has(at)
			if wanted && s.keeps(rec.Header().Topic) && bytes.Equal(h.header, rec.HeaderBytes()) {
				seen[at] = true
				entries = append(entries, entry{rec: rec, log: l, at: at})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cursor := s.Last()
	for i := range entries {
		e := &entries[i]
		cursor++
		e.held = s.heldOf(e.rec, cursor)
	}
	if err := s.sealEntries(entries); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.at[:], b.at[:]) })
	return entries, nil
}

func (s *Store) fillEntries(tx *bbolt.Tx, entries []entry) error {
	hdr, missing := tx.Bucket([]byte(bktHdr)), tx.Bucket([]byte(bktMissing))
	for i := range entries {
		e := &entries[i]
		old, err := decodeHeld(hdr.Get(e.at[:]))
		if err != nil {
			return err
		}
		// The signature that was verified first stays: a second valid one
		// of the same header changes nothing for anybody. A bad one gives way.
		e.held.hidden = old.hidden
		if e.rec.Chained() || !isUnsound(tx, e.at) {
			e.held.alg, e.held.sig = old.alg, bytes.Clone(old.sig)
		} else if err := tx.Bucket([]byte(bktUnsound)).Delete(e.at[:]); err != nil {
			return err
		}
		if err := hdr.Put(e.at[:], e.held.encode()); err != nil {
			return err
		}
		if err := missing.Delete(e.at[:]); err != nil {
			return err
		}
	}
	return s.putArrivals(tx, entries)
}

// MissingBodies names up to max records whose body is wanted, which those of
// other topics than this node's are not. Successive calls
// go round all of them, so that bodies nobody has do not hide the others.
func (s *Store) MissingBodies(max int) []ct.Ref {
	refs := make([]ct.Ref, 0, min(max, 64))
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		for _, at := range s.lost.next(tx.Bucket([]byte(bktMissing)), max, s.cfg.Topics) {
			l, err := s.numbered(at.num())
			if err != nil || at.seq() == 0 || at.seq() > l.head.Size {
				continue // a rotten mark names no record
			}
			h, err := s.heldAt(tx, l, at)
			if err != nil {
				continue
			}
			if !h.hidden && h.state <= BodyMissing {
				refs = append(refs, ct.Ref{Log: l.id, Seq: at.seq(), ID: wire.ID(s.cfg.Network, h.header)})
			}
		}
		return nil
	})
	if err != nil {
		s.log.Error("missing bodies cannot be listed", "error", err)
		return nil
	}
	return refs
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
