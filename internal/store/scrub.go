package store

import (
	"bytes"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// ScrubPlace is how far a scrub has come; the zero value is the beginning.
type ScrubPlace struct {
	bucket int    // of sweptBuckets; behind them come the records
	key    string // the last one swept of it
	after  place  // the last record read
}

// Scrubbed is what a step of Scrub found.
type Scrubbed struct {
	Records int
	Rotten  int      // bodies that are not what was committed to: MissingBodies names them now
	Faults  []ct.Ref // records that are not what was stored: Rotten names them now
	Strays  int      // entries beside the records that named nothing that is held: they are gone now
	Done    bool     // the end is reached; begin anew
}

// Scrub reads up to max records again, from where the last step ended: each
// header against the chain that names it, its own signature, what log.db says
// of it beside, each held body against what it committed to. Whatever has rotted
// is wanted from peers from then on. A round begins with the sweep, so that a
// record whose mark it has taken out is read after that.
func (s *Store) Scrub(from ScrubPlace, max int) (next ScrubPlace, found Scrubbed, err error) {
	next = from
	if from.bucket < len(sweptBuckets) {
		next, found.Strays, err = s.sweep(from, max*sweepFactor)
		if err != nil || next.bucket < len(sweptBuckets) {
			return next, found, wrap("scrub", err)
		}
	}
	var want []bodyAt
	var sigs []sigJob
	s.w.Lock() // heads in memory and in the file are the same: some milliseconds
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		return s.keysDB.view(func(keys *bbolt.Tx) error {
			for ; found.Records < max; found.Records++ {
				l, at, ok := s.following(next.after)
				if !ok {
					found.Done = true
					return nil
				}
				next.after = at
				id, h, ok := s.scrubRecord(tx, keys, l, at)
				if !ok {
					s.rots(l, at)
					found.Faults = append(found.Faults, ct.Ref{Log: l.id, Seq: at.seq(), ID: id})
					continue
				}
				if proved, err := isProved(tx, at); proved && err == nil {
					sigs = append(sigs, sigJob{l.id, at, h.alg, bytes.Clone(h.header), bytes.Clone(h.sig)})
				}
				if h.state == BodyHeld && !s.lost.has(at) {
					want = append(want, bodyAt{at: at, id: id})
				}
			}
			_, _, more := s.following(next.after)
			found.Done = !more
			return nil
		})
	})
	s.w.Unlock()
	if err != nil {
		return next, found, wrap("scrub", err)
	}
	for i := range sigs {
		if j := &sigs[i]; !j.verify(s.cfg.Network) {
			l := s.entry(j.log)
			s.rots(l, j.at)
			found.Faults = append(found.Faults, ct.Ref{Log: l.id, Seq: j.at.seq(), ID: wire.ID(s.cfg.Network, j.header)})
		}
	}
	// openBodies proves each: the seal binds a body to its record, and it was
	// sealed when its commitment had been checked.
	err = s.openBodies(want)
	for i := range want {
		if want[i].state == BodyMissing {
			found.Rotten++
		}
	}
	return next, found, wrap("scrub", err)
}

// following is the place after one, in the order of logs and seqs. The caller
// holds w.
func (s *Store) following(after place) (*logEntry, place, bool) {
	num, seq := max(after.num(), 1), after.seq()+1
	if after.num() == 0 {
		seq = 1
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for ; int(num) <= len(s.byNum); num, seq = num+1, 1 {
		if l := s.byNum[num-1]; seq <= l.head.Size {
			return l, placeOf(num, seq), true
		}
	}
	return nil, after, false
}

// scrubRecord gives the entry at a place when all that log.db says of it
// agrees; else false and the id that was wanted.
func (s *Store) scrubRecord(tx, keys *bbolt.Tx, l *logEntry, at place) (ct.ID, *held, bool) {
	wanted := s.wantedID(tx, l, at)
	h, err := s.heldAt(tx, l, at)
	if err != nil {
		return wanted, nil, false
	}
	id := wire.ID(s.cfg.Network, h.header)
	if wanted.IsZero() {
		wanted = id // its turn comes when the one after it is mended
	}
	header, err := wire.DecodeHeader(h.header)
	if err != nil || id != wanted {
		return wanted, nil, false
	}
	if !bytes.Equal(tx.Bucket([]byte(bktArr)).Get(u64(h.cursor)), at[:]) ||
		!isMissingMark(tx.Bucket([]byte(bktMissing)).Get(at[:]), &h, header) {
		return id, nil, false
	}
	erased := h.state >= BodyRetracted && tx.Bucket([]byte(bktErase)).Get(at[:]) == nil
	if erased && keys.Bucket([]byte(bktSalt)).Get(at[:]) != nil {
		return id, nil, false
	}
	return id, &h, s.scrubHidden(tx, at, id, &h) && s.scrubRetract(tx, l, at, header, &h)
}

// isMissingMark tells whether v is what bktMissing is to hold of a record.
func isMissingMark(v []byte, h *held, header *wire.Header) bool {
	if h.state != BodyMissing {
		return v == nil
	}
	return bytes.Equal(v, topicMark(header.Topic))
}

// scrubHidden: what is hidden names its RETRACT and will be erased.
func (s *Store) scrubHidden(tx *bbolt.Tx, at place, id ct.ID, h *held) bool {
	v := tx.Bucket([]byte(bktHidden)).Get(id[:])
	if !h.hidden {
		return v == nil
	}
	by, err := decodeHiding(v)
	if err != nil || by.target != at {
		return false
	}
	return h.state == BodyRetracted || bytes.Equal(tx.Bucket([]byte(bktDue)).Get(dueKey(&by)), id[:])
}

// scrubRetract: every ref of a RETRACT is noted, for a target that comes later.
func (s *Store) scrubRetract(tx *bbolt.Tx, l *logEntry, at place, header *wire.Header, h *held) bool {
	if !retracts(header, h.reason) {
		return true
	}
	for _, ref := range header.Refs {
		if target := s.entry(ref.Log); target != nil && !target.hides(l.state) {
			continue
		}
		if _, err := sound(tx.Bucket([]byte(bktRetract)).Get(append(noteOf(ref, l.state), at[:]...))); err != nil {
			return false
		}
	}
	return true
}
