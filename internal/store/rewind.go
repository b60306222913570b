package store

import (
	"bytes"
	"fmt"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// A State closes a node log at a record; what is held beyond it, or on another
// branch, is disowned. Such a record leaves its seq to the branch that holds.
// Its header stays, as evidence of what its key has signed, at a place of its
// own, and arrives once more there: so every follower takes it back in the same
// way in which it took it in. Salt and body go.

// aside marks the place of a disowned record: no log is that long. The rest of
// its seq counts the disowned records of the log, from 1.
const aside = 1 << 63

func (p place) disowned() bool { return p.seq()&aside != 0 }

// CloseLog ends a log at the record id at seq (0: before its first): what is held
// after it is disowned. When another record is held at seq, so is that one, and
// the log may still be on a branch that does not lead there: see Rewind. A log
// of which nothing is held stays unknown. It is idempotent, and a crash leaves
// some of the work to the next call.
func (s *Store) CloseLog(log ct.LogID, seq uint64, id ct.ID) error {
	s.w.Lock()
	defer s.w.Unlock()
	l := s.entry(log)
	if l == nil {
		return nil
	}
	keep, sure := l.head.Size, false
	if keep >= seq {
		held := l.first
		if seq > 0 {
			var ok bool
			var err error
			if held, _, ok, err = s.Lookup(log, seq); err != nil || !ok {
				return fmt.Errorf("close log %s: record %d cannot be read: %w", log.Short(), seq, err)
			}
		}
		if sure = held == id; sure {
			keep = seq
		} else {
			keep = max(seq, 1) - 1
		}
	}
	return wrap("close log "+log.Short(), s.rewind(log, keep, sure))
}

// Rewind disowns what is held of a closed log after the record at keep, which
// is known to lead to the record that the closing names: the log is extended
// again. It is idempotent.
func (s *Store) Rewind(log ct.LogID, keep uint64) error {
	s.w.Lock()
	defer s.w.Unlock()
	if l := s.entry(log); l == nil || l.head.Size < keep {
		return nil
	}
	return wrap("rewind log "+log.Short(), s.rewind(log, keep, true))
}

// rewind takes records from the end of a log in commits of a bounded size, each
// of which leaves a whole and shorter log. The caller holds w.
func (s *Store) rewind(log ct.LogID, keep uint64, sure bool) error {
	l := s.entry(log)
	if l.head.Closed && l.head.Size <= keep && !(sure && l.head.Contested != 0) {
		return nil
	}
	// What is tombstoned is erased before its place is given away.
	if err := s.finishErase(); err != nil {
		return err
	}
	for {
		to := keep
		if l.head.Size > MaxBatch {
			to = max(keep, l.head.Size-MaxBatch)
		}
		next, last := *l, s.Last()
		err := s.logDB.update(func(tx *bbolt.Tx) (err error) {
			next = *l
			next.head.Closed = true
			if sure && to == keep {
				next.head.Contested = 0
			}
			r := rewinding{s: s, tx: tx, log: &next, cursor: last, shown: make(map[place]bool)}
			if err := r.run(to); err != nil {
				return err
			}
			last = r.cursor
			return tx.Bucket([]byte(bktLogs)).Put(log[:], next.encode())
		})
		if err != nil {
			return err
		}
		n := int64(l.head.Size) - int64(next.head.Size)
		s.publish(map[ct.LogID]*logEntry{log: &next}, last)
		if n > 0 {
			s.log.Warn("records are disowned by their State", "log", log.Short(), "records", n, "size", next.head.Size)
			// What a crash leaves from here on lies beyond the head of its log:
			// Open removes it, and so does the next writer.
			s.remains = true
		}
		l = &next
		if l.head.Size <= keep {
			return s.clearRemains()
		}
	}
}

// clearRemains removes salts and bodies of disowned records: their places are
// not given to others before. The caller holds w.
func (s *Store) clearRemains() error {
	if !s.remains {
		return nil
	}
	if err := s.prune(); err != nil {
		return err
	}
	if _, err := s.eraseTraces(); err != nil {
		return err
	}
	s.remains = false
	return nil
}

// rewinding is one commit of a rewind.
type rewinding struct {
	s      *Store
	tx     *bbolt.Tx
	log    *logEntry
	cursor uint64         // newest
	shown  map[place]bool // records that a disowned RETRACT hid
}

func (r *rewinding) run(to uint64) error {
	if r.log.head.Size <= to {
		return nil
	}
	from := placeOf(r.log.num, to+1)
	gone, err := r.after(from)
	if err != nil {
		return err
	}
	r.s.recent.begin()
	// The ones that hide go first: what they hid may be among the disowned too.
	for _, g := range gone {
		var refs []ct.Ref
		switch {
		case g.header == nil:
			if refs, err = r.hiddenBy(g.at); err != nil {
				return err
			}
		case ct.Kind(g.header.Kind) == ct.KindRetract:
			refs = g.header.Refs
		}
		if err := r.unhideAll(g.at, refs); err != nil {
			return err
		}
	}
	n, err := r.countAside()
	if err != nil {
		return err
	}
	for i, g := range gone {
		if err := r.disown(g, placeOf(r.log.num, aside|(n+uint64(i)+1))); err != nil {
			return err
		}
	}
	if err := r.trim(from); err != nil {
		return err
	}
	if err := addGarbage(r.tx, uint64(len(gone))); err != nil {
		return err
	}
	if err := r.show(); err != nil {
		return err
	}
	return r.shorten(to)
}

// unhideAll forgets the refs of a RETRACT, and notes what nothing hides any longer.
func (r *rewinding) unhideAll(by place, refs []ct.Ref) error {
	for _, ref := range refs {
		target, err := r.s.unhide(r.tx, by, ref, r.log.state)
		if err != nil {
			return err
		}
		if target != nil {
			r.shown[*target] = true
		}
	}
	return nil
}

// hiddenBy finds what the record at a place hides: it has rotted, so that its
// refs are not known.
func (r *rewinding) hiddenBy(by place) (refs []ct.Ref, err error) {
	err = r.tx.Bucket([]byte(bktHidden)).ForEach(func(k, v []byte) error {
		h, err := decodeHiding(v)
		if err != nil || h.by != by {
			return nil
		}
		if l, err := r.s.numbered(h.target.num()); err == nil {
			refs = append(refs, ct.Ref{Log: l.id, Seq: h.target.seq(), ID: ct.ID(k)})
		}
		return nil
	})
	return refs, err
}

// disowned is a record on its way aside.
type disowned struct {
	at     place
	header *wire.Header // nil: it has rotted, and is no evidence of anything
}

// after lists the records of the log from a place on.
func (r *rewinding) after(from place) (out []disowned, err error) {
	c := r.tx.Bucket([]byte(bktHdr)).Cursor()
	for k, v := c.Seek(from[:]); k != nil; k, v = c.Next() {
		at, err := parsePlace(k)
		if err != nil {
			continue // a rotten key: the sweep takes it out
		}
		if at.num() != r.log.num || at.seq() > r.log.head.Size {
			break
		}
		h, err := decodeHeld(v)
		if err != nil {
			out = append(out, disowned{at, nil})
			continue
		}
		header, err := wire.DecodeHeader(bytes.Clone(h.header))
		if err != nil {
			return nil, fmt.Errorf("seq %d: %w", at.seq(), ErrDamaged)
		}
		out = append(out, disowned{at, header})
	}
	return out, nil
}

// countAside is how many records of the log are disowned already.
func (r *rewinding) countAside() (uint64, error) {
	c := r.tx.Bucket([]byte(bktHdr)).Cursor()
	past := placeOf(r.log.num+1, 0)
	k, _ := c.Seek(past[:])
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	at, err := parsePlace(k)
	if err != nil || at.num() != r.log.num || !at.disowned() {
		return 0, err
	}
	return at.seq() &^ aside, nil
}

// disown puts a record aside, where it arrives once more.
func (r *rewinding) disown(g disowned, to place) error {
	hdr, arr := r.tx.Bucket([]byte(bktHdr)), r.tx.Bucket([]byte(bktArr))
	if g.header == nil {
		r.s.rot.found(g.at)
		return hdr.Delete(g.at[:])
	}
	h, err := decodeHeld(bytes.Clone(hdr.Get(g.at[:])))
	if err != nil {
		return err
	}
	if h.hidden {
		hidden, id := r.tx.Bucket([]byte(bktHidden)), wire.ID(r.s.cfg.Network, h.header)
		was, err := decodeHiding(hidden.Get(id[:]))
		if err != nil {
			return err
		}
		if err := hidden.Delete(id[:]); err != nil {
			return err
		}
		if err := r.tx.Bucket([]byte(bktDue)).Delete(dueKey(&was)); err != nil {
			return err
		}
	}
	for _, bucket := range []string{bktMissing, bktUnsound, bktHdr} {
		if err := r.tx.Bucket([]byte(bucket)).Delete(g.at[:]); err != nil {
			return err
		}
	}
	r.s.lost.found(g.at)
	// Who comes with the old cursor finds it where it is now.
	if err := arr.Put(u64(h.cursor), to[:]); err != nil {
		return err
	}
	r.cursor++
	h.cursor, h.state, h.hidden, h.bodyLen = r.cursor, BodyDisowned, false, 0
	if err := arr.Put(u64(r.cursor), to[:]); err != nil {
		return err
	}
	return hdr.Put(to[:], h.encode())
}

// trim cuts the ranges that are held for a later signature's sake. What is
// kept of them the closing proves.
func (r *rewinding) trim(from place) error {
	b := r.tx.Bucket([]byte(bktChained))
	var cut []place
	c := b.Cursor()
	start := placeOf(r.log.num, 0)
	for k, v := c.Seek(start[:]); k != nil; k, v = c.Next() {
		first, last, err := parseChained(k, v)
		if err != nil {
			return err
		}
		if first.num() != r.log.num {
			break
		}
		if last >= from.seq() {
			cut = append(cut, first)
		}
	}
	for _, first := range cut {
		var err error
		if first.seq() >= from.seq() {
			err = b.Delete(first[:])
		} else {
			err = b.Put(first[:], u64(from.seq()-1))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// show lets the records arrive once more that nothing hides any longer. One
// whose bytes were erased on the disowned word alone is wanted from peers who
// still have them.
func (r *rewinding) show() error {
	hdr := r.tx.Bucket([]byte(bktHdr))
	for at := range r.shown {
		v := hdr.Get(at[:])
		if v == nil {
			continue // disowned itself
		}
		h, err := decodeHeld(bytes.Clone(v))
		if err != nil {
			return err
		}
		if h.hidden {
			continue // by another RETRACT
		}
		if h.state == BodyRetracted {
			if err := r.s.unbury(wire.ID(r.s.cfg.Network, h.header)); err != nil {
				return err
			}
			h.state = BodyMissing
			header, err := wire.DecodeHeader(h.header)
			if err != nil {
				return fmt.Errorf("seq %d: %w", at.seq(), ErrDamaged)
			}
			if err := r.tx.Bucket([]byte(bktMissing)).Put(at[:], topicMark(header.Topic)); err != nil {
				return err
			}
		}
		r.cursor++
		h.cursor = r.cursor
		if err := r.tx.Bucket([]byte(bktArr)).Put(u64(r.cursor), at[:]); err != nil {
			return err
		}
		if err := hdr.Put(at[:], h.encode()); err != nil {
			return err
		}
	}
	return nil
}

// shorten sets the head to the record that is the last one now.
func (r *rewinding) shorten(to uint64) error {
	head := &r.log.head
	if to == 0 {
		head.Add(wire.Next{Seq: 1})
		return nil
	}
	at := placeOf(r.log.num, to)
	h, err := decodeHeld(r.tx.Bucket([]byte(bktHdr)).Get(at[:]))
	if err != nil {
		return err
	}
	header, err := wire.DecodeHeader(h.header)
	if err != nil {
		return fmt.Errorf("seq %d: %w", to, ErrDamaged)
	}
	head.Add(header.After(wire.ID(r.s.cfg.Network, h.header), len(h.header)))
	return nil
}
