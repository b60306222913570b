package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// A RETRACT counts when it is admissible and its State is the State of the
// log that its target stands in. Every RETRACT is noted by target and State,
// and the hiding happens when both are held, in whichever order they come.

// hiding is the RETRACT that hides a target (bktHidden).
type hiding struct {
	target, by place
	byID       ct.ID
	since      ct.Millis
}

func (h *hiding) encode() []byte {
	b := append(h.target[:len(h.target):len(h.target)], h.by[:]...)
	b = append(b, h.byID[:]...)
	return summed(binary.BigEndian.AppendUint64(b, uint64(h.since)))
}

func decodeHiding(b []byte) (h hiding, err error) {
	if b, err = sound(b); err != nil {
		return h, fmt.Errorf("retraction: %w", err)
	}
	if len(b) != 12+12+32+8 {
		return h, fmt.Errorf("%w: retraction", ErrDamaged)
	}
	return hiding{place(b[:12]), place(b[12:24]), ct.ID(b[24:56]), ct.Millis(binary.BigEndian.Uint64(b[56:]))}, nil
}

func retractPrefix(target ct.ID, state ct.State) []byte {
	b := append(target[:len(target):len(target)], state...)
	return append(b, 0)
}

func dueKey(since ct.Millis, target place) []byte {
	return append(u64(uint64(since)), target[:]...)
}

// applyRetractions notes the RETRACTs of a batch and hides what they, or
// earlier ones, name. All headers of the batch are in tx already.
func (s *Store) applyRetractions(tx *bbolt.Tx, entries []entry, logs map[ct.LogID]*logEntry) error {
	retract := tx.Bucket([]byte(bktRetract))
	var news []entry
	for i := range entries {
		h := entries[i].rec.Header()
		if ct.Kind(h.Kind) == ct.KindRetract && entries[i].held.reason == "" && len(h.Refs) > 0 {
			news = append(news, entries[i])
		}
	}
	for _, e := range byArrival(news) {
		h := e.rec.Header()
		ref := h.Refs[0]
		target := logs[ref.Log]
		if target == nil {
			target = s.entry(ref.Log)
		}
		if target != nil && target.state != e.log.state {
			continue // of another State: it will never count
		}
		id, since := e.rec.ID(), millis()
		k := append(retractPrefix(ref.ID, e.log.state), e.at[:]...)
		if err := retract.Put(k, append(u64(uint64(since)), id[:]...)); err != nil {
			return err
		}
		if target == nil {
			continue
		}
		if err := s.hide(tx, ref.ID, hiding{placeOf(target.num, ref.Seq), e.at, id, since}); err != nil {
			return err
		}
	}
	if k, _ := retract.Cursor().First(); k == nil {
		return nil
	}
	for i := range entries {
		e := &entries[i]
		if err := s.hideByNoted(tx, e.rec.ID(), e.at, e.log.state); err != nil {
			return err
		}
	}
	return nil
}

// hideByNoted hides a held record when a RETRACT of its State is noted.
func (s *Store) hideByNoted(tx *bbolt.Tx, target ct.ID, at place, state ct.State) error {
	prefix := retractPrefix(target, state)
	k, v := tx.Bucket([]byte(bktRetract)).Cursor().Seek(prefix)
	if !bytes.HasPrefix(k, prefix) {
		return nil
	}
	by, err := parsePlace(k[len(prefix):])
	if err != nil || len(v) != 8+32 {
		return nil // the scrub finds that its RETRACT is not noted
	}
	return s.hide(tx, target, hiding{at, by, ct.ID(v[8:]), ct.Millis(binary.BigEndian.Uint64(v))})
}

// hide hides the record at h.target if it is held and is the one named.
func (s *Store) hide(tx *bbolt.Tx, id ct.ID, h hiding) error {
	hdr := tx.Bucket([]byte(bktHdr))
	v := hdr.Get(h.target[:])
	if v == nil || h.target.disowned() { // a ref may name any seq
		return nil
	}
	target, err := decodeHeld(v)
	if err != nil {
		return nil // Mend hides what is noted
	}
	if target.hidden || wire.ID(s.cfg.Network, target.header) != id {
		return nil
	}
	target.hidden = true
	if err := hdr.Put(h.target[:], target.encode()); err != nil {
		return err
	}
	if err := tx.Bucket([]byte(bktHidden)).Put(id[:], h.encode()); err != nil {
		return err
	}
	if target.state == BodyRetracted {
		return nil // it is erased: log.db was made anew, and keys.db knows
	}
	return tx.Bucket([]byte(bktDue)).Put(dueKey(h.since, h.target), id[:])
}

// withdraw undoes a RETRACT whose body, come late, makes it inadmissible: on
// the nodes that had the body at once it never counted.
func (s *Store) withdraw(tx *bbolt.Tx, e *entry) error {
	h := e.rec.Header()
	if ct.Kind(h.Kind) != ct.KindRetract || len(h.Refs) == 0 {
		return nil
	}
	_, err := s.unhide(tx, e.at, h.Refs[0].ID, e.log.state)
	return err
}

// unhide forgets the RETRACT at by. When it hid its target, that is shown
// again, unless another RETRACT hides it, and its place is given.
func (s *Store) unhide(tx *bbolt.Tx, by place, target ct.ID, state ct.State) (*place, error) {
	k := append(retractPrefix(target, state), by[:]...)
	if err := tx.Bucket([]byte(bktRetract)).Delete(k); err != nil {
		return nil, err
	}
	hidden := tx.Bucket([]byte(bktHidden))
	v := hidden.Get(target[:])
	if v == nil {
		return nil, nil
	}
	was, err := decodeHiding(v)
	if err != nil || was.by != by {
		return nil, nil
	}
	if err := hidden.Delete(target[:]); err != nil {
		return nil, err
	}
	if err := tx.Bucket([]byte(bktDue)).Delete(dueKey(was.since, was.target)); err != nil {
		return nil, err
	}
	hdr := tx.Bucket([]byte(bktHdr))
	shown, err := decodeHeld(hdr.Get(was.target[:]))
	if err != nil {
		return nil, nil // Mend brings it back as it is to be now
	}
	shown.hidden = false
	if err := hdr.Put(was.target[:], shown.encode()); err != nil {
		return nil, err
	}
	return &was.target, s.hideByNoted(tx, target, was.target, state)
}

// Hidden tells whether a RETRACT by the same State hides a held record, and
// which one.
func (s *Store) Hidden(id ct.ID) (by ct.ID, ok bool) {
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(bktHidden)).Get(id[:])
		if v == nil {
			return nil
		}
		h, err := decodeHiding(v)
		by, ok = h.byID, true
		return err
	})
	if err != nil {
		// What cannot be read is not shown.
		s.log.Error("retraction cannot be read", "record", id.Short(), "error", err)
		return by, true
	}
	return by, ok
}

// dueRef is the record that is due at a place; false when the entry has rotted,
// or when the record has and nothing more can be done for it.
func (s *Store) dueRef(tx *bbolt.Tx, at place, id ct.ID) (ref ct.Ref, ok bool) {
	l, err := s.numbered(at.num())
	if err != nil || at.seq() == 0 || at.seq() > l.head.Size {
		return ref, false
	}
	ref = ct.Ref{Log: l.id, Seq: at.seq(), ID: id}
	if h, err := s.heldAt(tx, l, at); err == nil {
		return ref, wire.ID(s.cfg.Network, h.header) == id
	}
	return ref, s.wantedID(tx, l, at) == id && !s.isBuried(id)
}

// DueRetractions names up to max records whose retraction came in at least
// grace before now and that have not yet been erased as retracted.
func (s *Store) DueRetractions(now time.Time, grace time.Duration, max int) ([]ct.Ref, error) {
	var refs []ct.Ref
	until := ct.MillisOf(now.Add(-grace))
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bktDue)).Cursor()
		for k, v := c.First(); k != nil && len(refs) < max; k, v = c.Next() {
			if len(k) != 8+12 || len(v) != 32 {
				continue // what has rotted names nothing, and stops nothing
			}
			if ct.Millis(binary.BigEndian.Uint64(k)) > until {
				return nil
			}
			if ref, ok := s.dueRef(tx, place(k[8:]), ct.ID(v)); ok {
				refs = append(refs, ref)
			}
		}
		return nil
	})
	return refs, wrap("due retractions", err)
}
