package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// A RETRACT acts by its header alone: it hides the records that its refs name
// exactly, by log, seq and id, in node logs of its own State and of kinds that are
// content. Every ref is noted, and the hiding happens when both are held, in
// whichever order they come. The RETRACT's body is a comment.

// retracts tells whether a header has this effect: whatever is wrong with the
// body, or with a ref to another State's log, takes nothing from it.
func retracts(h *wire.Header, reason verify.Reason) bool {
	if ct.Kind(h.Kind) != ct.KindRetract {
		return false
	}
	return reason == "" || reason.OfBody() || reason == verify.OtherState
}

// hiding is the RETRACT that hides a target (bktHidden).
type hiding struct {
	target, by place
	byID       ct.ID
	since      ct.Millis
	late       bool // one of too many of a day: its target's body stays longer
}

// due is from when on the grace counts.
func (h *hiding) due() ct.Millis {
	if h.late {
		return h.since + ct.Millis(LateBy.Milliseconds())
	}
	return h.since
}

func (h *hiding) encode() []byte {
	b := append(h.target[:len(h.target):len(h.target)], h.by[:]...)
	b = append(b, h.byID[:]...)
	return summed(append(binary.BigEndian.AppendUint64(b, uint64(h.since)), flag(h.late)))
}

func decodeHiding(b []byte) (h hiding, err error) {
	if b, err = sound(b); err != nil {
		return h, fmt.Errorf("retraction: %w", err)
	}
	if len(b) != 12+12+32+8+1 {
		return h, fmt.Errorf("%w: retraction", ErrDamaged)
	}
	return hiding{place(b[:12]), place(b[12:24]), ct.ID(b[24:56]), ct.Millis(binary.BigEndian.Uint64(b[56:])), b[64] != 0}, nil
}

// noteOf is under what a State's RETRACTs of a record are noted. A log that is not
// yet known has no number, and a note of 64 refs is to stay small.
func noteOf(ref ct.Ref, state ct.State) []byte {
	b := make([]byte, 0, 32+8+32+16)
	b = append(b, ref.Log[:]...)
	b = binary.BigEndian.AppendUint64(b, ref.Seq)
	b = append(b, ref.ID[:]...)
	sum := sha256.Sum256(append(b, state...))
	return append(make([]byte, 0, len(sum)+len(place{})), sum[:]...)
}

func dueKey(h *hiding) []byte {
	return append(u64(uint64(h.due())), h.target[:]...)
}

// applyRetractions notes the RETRACTs of a batch and hides what they, or
// earlier ones, name. All headers of the batch are in tx already.
func (s *Store) applyRetractions(tx *bbolt.Tx, entries []entry, logs map[ct.LogID]*logEntry) error {
	var news []entry
	for i := range entries {
		if retracts(entries[i].rec.Header(), entries[i].held.reason) {
			news = append(news, entries[i])
		}
	}
	s.recent.begin()
	for _, e := range byArrival(news) {
		if err := s.retract(tx, e.at, e.log, e.rec.Header(), e.rec.ID(), logs); err != nil {
			return err
		}
	}
	retract := tx.Bucket([]byte(bktRetract))
	if k, _ := retract.Cursor().First(); k == nil {
		return nil
	}
	for i := range entries {
		e := &entries[i]
		if err := s.hideByNoted(tx, ct.Ref{Log: e.log.id, Seq: e.at.seq(), ID: e.rec.ID()}, e.log); err != nil {
			return err
		}
	}
	return nil
}

// retract notes the refs of a RETRACT and hides what of them is held. logs are those
// that the commit changes.
func (s *Store) retract(tx *bbolt.Tx, at place, l *logEntry, h *wire.Header, id ct.ID, logs map[ct.LogID]*logEntry) error {
	since := millis()
	for _, ref := range h.Refs {
		target := logs[ref.Log]
		if target == nil {
			target = s.entry(ref.Log)
		}
		if target != nil && !target.hides(l.state) {
			continue // it will never count
		}
		if err := tx.Bucket([]byte(bktRetract)).Put(append(noteOf(ref, l.state), at[:]...), summed(u64(uint64(since)))); err != nil {
			return err
		}
		if target == nil {
			continue
		}
		if err := s.hide(tx, ref, hiding{target: placeOf(target.num, ref.Seq), by: at, byID: id, since: since}); err != nil {
			return err
		}
	}
	return nil
}

// hides tells whether a State's RETRACTs hide anything of a log.
func (l *logEntry) hides(by ct.State) bool { return !l.root && l.state == by }

// hideByNoted hides a held record when a RETRACT of its State is noted.
func (s *Store) hideByNoted(tx *bbolt.Tx, ref ct.Ref, l *logEntry) error {
	if !l.hides(l.state) {
		return nil
	}
	prefix := noteOf(ref, l.state)
	c := tx.Bucket([]byte(bktRetract)).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		by, err := parsePlace(k[len(prefix):])
		since, errSum := sound(v)
		if err != nil || errSum != nil || len(since) != 8 {
			continue // the scrub finds that its RETRACT is not noted
		}
		if id, ok := s.retractOf(tx, by, ref); ok {
			return s.hide(tx, ref, hiding{target: placeOf(l.num, ref.Seq), by: by, byID: id, since: ct.Millis(binary.BigEndian.Uint64(since))})
		}
	}
	return nil
}

// retractOf tells whether a RETRACT of this record stands at a place, and gives its id.
func (s *Store) retractOf(tx *bbolt.Tx, by place, ref ct.Ref) (id ct.ID, ok bool) {
	h, err := decodeHeld(tx.Bucket([]byte(bktHdr)).Get(by[:]))
	if err != nil {
		return id, false
	}
	header, err := wire.DecodeHeader(h.header)
	if err != nil || !retracts(header, h.reason) || !slices.Contains(header.Refs, ref) {
		return id, false
	}
	return s.idOf(&h), true
}

// hide hides the record at h.target if it is held, is the one named and of a kind
// that can be retracted.
func (s *Store) hide(tx *bbolt.Tx, ref ct.Ref, h hiding) error {
	hdr := tx.Bucket([]byte(bktHdr))
	v := hdr.Get(h.target[:])
	if v == nil || h.target.disowned() { // a ref may name any seq
		return nil
	}
	target, err := decodeHeld(v)
	if err != nil {
		return nil // Mend hides what is noted
	}
	if target.hidden || s.idOf(&target) != ref.ID {
		return nil
	}
	if header, err := wire.DecodeHeader(target.header); err != nil || !retractable(ct.Kind(header.Kind)) {
		return nil
	}
	h.since = min(h.since, millis()) // it was noted under a clock that was ahead
	h.late = target.state == BodyHeld && s.recent.hides(s, ref.Log, h.since)
	target.hidden = true
	if err := hdr.Put(h.target[:], target.encode()); err != nil {
		return err
	}
	if err := tx.Bucket([]byte(bktHidden)).Put(ref.ID[:], h.encode()); err != nil {
		return err
	}
	if target.state == BodyRetracted {
		return nil // it is erased: log.db was made anew, and keys.db knows
	}
	return tx.Bucket([]byte(bktDue)).Put(dueKey(&h), ref.ID[:])
}

// unhide forgets a ref of the RETRACT at by. When that hid its target, the target is
// shown again, unless another RETRACT hides it, and its place is given.
func (s *Store) unhide(tx *bbolt.Tx, by place, ref ct.Ref, state ct.State) (*place, error) {
	if err := tx.Bucket([]byte(bktRetract)).Delete(append(noteOf(ref, state), by[:]...)); err != nil {
		return nil, err
	}
	hidden := tx.Bucket([]byte(bktHidden))
	v := hidden.Get(ref.ID[:])
	if v == nil {
		return nil, nil
	}
	was, err := decodeHiding(v)
	if err != nil || was.by != by {
		return nil, nil
	}
	l, err := s.numbered(was.target.num())
	if err != nil || l.id != ref.Log || was.target.seq() != ref.Seq {
		return nil, nil // another ref of the same RETRACT, which names it rightly
	}
	if err := hidden.Delete(ref.ID[:]); err != nil {
		return nil, err
	}
	if err := tx.Bucket([]byte(bktDue)).Delete(dueKey(&was)); err != nil {
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
	return &was.target, s.hideByNoted(tx, ref, l)
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
	if err := s.redate(now); err != nil {
		return nil, wrap("due retractions", err)
	}
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
