package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// What is said of a record's content (held.reason) is a judgement of the program that
// took it in. A program of other rules judges all that is held again, in the order of
// arrival, a part at a time beside the writer. A record of which it finds something
// else arrives once more, so that every follower takes it in as if it came now.

// Judging is by which rules what is held is judged, and how far that has come.
type Judging struct {
	Rules   uint32 // version of the rules
	Reached uint64 // what arrived up to here is judged by them
	Until   uint64 // and so is what arrived after this
}

// Left is a bound of how many records are not yet judged by the rules.
func (j Judging) Left() uint64 { return j.Until - min(j.Reached, j.Until) }

var judgedKey = []byte("judged")

func (j Judging) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, j.Rules)
	b = binary.BigEndian.AppendUint64(b, j.Reached)
	return summed(binary.BigEndian.AppendUint64(b, j.Until))
}

// decodeJudging of what is absent or has rotted is the zero value: all is judged again.
func decodeJudging(b []byte) (j Judging) {
	b, err := sound(b)
	if err != nil || len(b) != 4+8+8 {
		return j
	}
	return Judging{binary.BigEndian.Uint32(b), binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint64(b[12:])}
}

// loadJudging begins anew when the store was judged by other rules.
func (s *Store) loadJudging() error {
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		s.judging = decodeJudging(tx.Bucket([]byte(bktMeta)).Get(judgedKey))
		return nil
	})
	if err != nil || s.cfg.Rules == 0 || s.judging.Rules == s.cfg.Rules {
		return wrap("judgements", err)
	}
	s.judging = Judging{Rules: s.cfg.Rules, Until: s.last}
	err = s.logDB.update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bktMeta)).Put(judgedKey, s.judging.encode())
	})
	if errors.Is(err, ErrFull) {
		return nil // it is noted with the first step
	}
	return wrap("judgements", err)
}

// Judging tells by which rules what is held is judged.
func (s *Store) Judging() Judging {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.judging
}

// Judge gives the reason why the content of a record is not shown, "" when it may be;
// false: it cannot be told now, and what was said of it stays. A body that is not held
// is nil.
type Judge func(h *wire.Header, body []byte) (verify.Reason, bool)

// judgedAnew is a record and what is found of it now.
type judgedAnew struct {
	at     place
	row    Row
	reason verify.Reason
}

// JudgeAgain judges the next records, at most max, that were judged by other rules,
// and tells how many of them have another judgement now. Nothing is left when
// Judging().Left() is 0. One that has rotted is judged when it is mended, one
// without its body when that comes.
func (s *Store) JudgeAgain(max int, judge Judge) (changed int, err error) {
	j := s.Judging()
	if j.Left() == 0 {
		return 0, nil
	}
	part, reached, err := s.unjudged(j, min(max, MaxBatch))
	if err != nil {
		return 0, fmt.Errorf("judge again: %w", err)
	}
	anew := part[:0]
	for _, p := range part {
		var ok bool
		if p.reason, ok = judge(&p.row.Header, p.row.Body); !ok || p.reason == p.row.Inadmissible {
			continue
		}
		if p.reason == "" && p.row.Inadmissible.OfBody() && p.row.Body == nil {
			continue // erased: nobody will read it
		}
		anew = append(anew, p)
	}
	s.w.Lock()
	defer s.w.Unlock()
	if s.Judging() != j {
		return 0, nil // another call was faster
	}
	last := s.Last()
	j.Reached = reached
	s.recent.begin()
	err = s.logDB.update(func(tx *bbolt.Tx) error {
		changed = 0
		for i := range anew {
			r := rewinding{s: s, tx: tx, cursor: last, shown: make(map[place]bool)}
			ok, err := r.judged(&anew[i])
			if err != nil {
				return err
			}
			if ok {
				changed++
			}
			last = r.cursor
		}
		return tx.Bucket([]byte(bktMeta)).Put(judgedKey, j.encode())
	})
	if err != nil {
		return 0, fmt.Errorf("judge again: %w", err)
	}
	s.mu.Lock()
	s.judging = j
	s.mu.Unlock()
	s.publish(nil, last)
	return changed, nil
}

// unjudged reads the next records with their bodies, of hidden ones too: a RETRACT may
// be disowned. reached is the cursor behind the last one looked at.
func (s *Store) unjudged(j Judging, max int) (part []judgedAnew, reached uint64, err error) {
	reached = j.Until
	var want []bodyAt
	var which []int
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		n := 0
		c := tx.Bucket([]byte(bktArr)).Cursor()
		for k, v := c.Seek(u64(j.Reached + 1)); k != nil; k, v = c.Next() {
			cursor, err := parseU64(k)
			if err != nil {
				continue
			}
			if cursor > j.Until {
				return nil
			}
			if n++; n > max {
				reached = cursor - 1
				return nil
			}
			at, err := parsePlace(v)
			if err != nil || at.disowned() {
				continue
			}
			row, err := s.row(tx, at)
			if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotFound) || err == nil && row.Cursor != cursor {
				continue
			} else if err != nil {
				return err
			}
			if row.BodyState == BodyHeld {
				want, which = append(want, bodyAt{at: at, id: row.ID}), append(which, len(part))
			}
			part = append(part, judgedAnew{at: at, row: row})
		}
		return nil
	})
	if err == nil {
		err = s.openBodies(want)
	}
	for i, w := range want {
		part[which[i]].row.Body = w.body
	}
	return part, reached, err
}

// judged notes another judgement of a record, which arrives once more, unless it has
// changed since it was read. A RETRACT begins to act, or acts no more; a RETRACT that
// is noted of the record hides it.
func (r *rewinding) judged(a *judgedAnew) (bool, error) {
	hdr := r.tx.Bucket([]byte(bktHdr))
	h, err := decodeHeld(bytes.Clone(hdr.Get(a.at[:])))
	if err != nil || h.cursor != a.row.Cursor || !bytes.Equal(h.header, a.row.HeaderBytes) ||
		h.state == BodyHeld && a.row.BodyState == BodyHeld && a.row.Body == nil {
		return false, nil
	}
	if r.log, err = r.s.numbered(a.at.num()); err != nil {
		return false, err
	}
	acted, acts := retracts(&a.row.Header, h.reason), retracts(&a.row.Header, a.reason)
	r.cursor++
	h.cursor, h.reason = r.cursor, a.reason
	err = errors.Join(hdr.Put(a.at[:], h.encode()), r.tx.Bucket([]byte(bktArr)).Put(u64(r.cursor), a.at[:]))
	if err != nil {
		return false, err
	}
	switch {
	case acts && !acted:
		err = r.s.retract(r.tx, a.at, r.log, &a.row.Header, a.row.ID, nil)
	case acted && !acts:
		if err = r.unhideAll(a.at, a.row.Header.Refs); err == nil {
			err = r.show()
		}
	}
	if err != nil {
		return false, err
	}
	ref := ct.Ref{Log: r.log.id, Seq: a.at.seq(), ID: a.row.ID}
	return true, r.s.hideByNoted(r.tx, ref, r.log)
}
