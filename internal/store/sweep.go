package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// What log.db says beside the records it says by keys and values that carry no
// sum. All of it follows from the records: an entry that has rotted misses its
// record, which the scrub sees, and which arrives anew. The entry itself names
// something that is not held, for ever: the sweep, with which a scrub begins,
// finds it from its own side and takes it out.

// sweptBuckets are swept one after the other.
var sweptBuckets = [...]string{bktHdr, bktArr, bktMissing, bktRetract, bktHidden, bktDue, bktChained, bktUnsound, bktFork}

// sweepFactor is how many entries of a bucket are swept in the time of a record.
const sweepFactor = 16

// ledger judges the entries of log.db by the logs.
type ledger struct {
	tx      *bbolt.Tx
	network ct.NetworkID
	log     func(num uint32) *logEntry // nil: unknown
}

// holds tells whether a place is one of a log, or of its disowned records.
func (l *ledger) holds(at place) bool {
	log := l.log(at.num())
	return log != nil && (at.disowned() || at.seq() > 0 && at.seq() <= log.head.Size)
}

// is tells whether the record at a place is the one of this id, as far as its
// entry can be read.
func (l *ledger) is(at place, id ct.ID) bool {
	h, err := decodeHeld(l.tx.Bucket([]byte(bktHdr)).Get(at[:]))
	return err != nil || wire.ID(l.network, h.header) == id
}

// stray tells whether an entry names nothing that is held.
func (l *ledger) stray(bucket string, k, v []byte) bool {
	switch bucket {
	case bktHdr:
		at, err := parsePlace(k)
		return err != nil || !l.holds(at) || at.disowned() && !isDisowned(v)
	case bktArr:
		return l.strayArrival(k, v)
	case bktMissing, bktUnsound:
		at, err := parsePlace(k)
		return err != nil || at.disowned() || !l.holds(at)
	case bktRetract: // its target may be unknown yet, itself it is held
		n := len(k) - len(place{})
		if n != sha256.Size || len(v) != 8+sumSize {
			return true
		}
		by := place(k[n:])
		_, err := sound(v)
		return err != nil || by.disowned() || !l.holds(by) || !l.notes(by, k[:n])
	case bktHidden:
		h, err := decodeHiding(v)
		return err != nil || len(k) != len(ct.ID{}) || h.target.disowned() || !l.holds(h.target) || !l.is(h.target, ct.ID(k))
	case bktDue:
		if len(k) != 8+len(place{}) || len(v) != len(ct.ID{}) {
			return true
		}
		at := place(k[8:])
		return at.disowned() || !l.holds(at) || !l.is(at, ct.ID(v))
	case bktChained:
		at, last, err := parseChained(k, v)
		return err != nil || at.disowned() || !l.holds(at) || last < at.seq() || last > l.log(at.num()).head.Size
	case bktFork:
		f, err := decodeFork(k, v)
		return err != nil || !f.proves(l.network)
	}
	return false
}

// notes tells whether the record at a place is a RETRACT of what is noted, as far
// as its entry can be read.
func (l *ledger) notes(by place, note []byte) bool {
	h, err := decodeHeld(l.tx.Bucket([]byte(bktHdr)).Get(by[:]))
	if err != nil {
		return true
	}
	header, err := wire.DecodeHeader(h.header)
	return err == nil && retracts(header, h.reason) && slices.ContainsFunc(header.Refs, func(ref ct.Ref) bool {
		return bytes.Equal(noteOf(ref, l.log(by.num()).state), note)
	})
}

// isDisowned tells whether an entry is that of a disowned record. One that has
// rotted is no evidence any more, and nobody sends it again.
func isDisowned(v []byte) bool {
	h, err := decodeHeld(v)
	return err == nil && h.state == BodyDisowned
}

// strayArrival: an arrival of a record that is disowned now may name the place
// that it had.
func (l *ledger) strayArrival(k, v []byte) bool {
	at, err := parsePlace(v)
	if err != nil || len(k) != 8 {
		return true
	}
	log := l.log(at.num())
	switch {
	case log == nil || at.seq() == 0:
		return true
	case at.disowned():
		return l.tx.Bucket([]byte(bktHdr)).Get(at[:]) == nil && !log.head.Closed
	default:
		return at.seq() > log.head.Size && !log.head.Closed
	}
}

// ledger of an open store. The caller holds w.
func (s *Store) ledger(tx *bbolt.Tx) *ledger {
	return &ledger{tx: tx, network: s.cfg.Network, log: func(num uint32) *logEntry {
		l, err := s.numbered(num)
		if err != nil {
			return nil
		}
		return l
	}}
}

// strayEntry is an entry to be taken out. What stands under a rotten key is
// still whole: home is the place that it belongs to, if the record is wanted.
type strayEntry struct {
	bucket     string
	key, value []byte
	home       *place
}

// sweep looks through up to max entries and takes the stray ones out.
func (s *Store) sweep(from ScrubPlace, max int) (next ScrubPlace, strays int, err error) {
	var out []strayEntry
	s.w.Lock()
	defer s.w.Unlock()
	next = from
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		l := s.ledger(tx)
		for n := 0; n < max && next.bucket < len(sweptBuckets); {
			bucket := sweptBuckets[next.bucket]
			c := tx.Bucket([]byte(bucket)).Cursor()
			k, v := c.Seek([]byte(next.key))
			if k != nil && next.key != "" && string(k) == next.key {
				k, v = c.Next()
			}
			for ; k != nil && n < max; k, v = c.Next() {
				n++
				next.key = string(k)
				if l.stray(bucket, k, v) && len(out) < MaxBatch {
					out = append(out, s.strayEntry(tx, bucket, k, v))
				}
			}
			if k == nil {
				next.bucket, next.key = next.bucket+1, ""
			}
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		return next, 0, err
	}
	err = s.logDB.update(func(tx *bbolt.Tx) error {
		for _, e := range out {
			b := tx.Bucket([]byte(e.bucket))
			if err := b.Delete(e.key); err != nil {
				return err
			}
			if e.home != nil {
				if err := b.Put(e.home[:], e.value); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if errors.Is(err, ErrFull) {
		return next, 0, nil // they do no harm until the next round
	} else if err != nil {
		return next, 0, err
	}
	for _, e := range out {
		if at, err := parsePlace(e.key); err == nil && e.bucket == bktHdr {
			s.rot.found(at)
		}
		if e.home != nil && e.bucket == bktHdr {
			s.rot.found(*e.home)
		}
		s.log.Error("an entry of log.db has rotted and is taken out", "bucket", e.bucket, "restored", e.home != nil)
	}
	return next, len(out), nil
}

func (s *Store) strayEntry(tx *bbolt.Tx, bucket string, k, v []byte) strayEntry {
	e := strayEntry{bucket: bucket, key: bytes.Clone(k)}
	switch bucket {
	case bktHdr:
		e.home, e.value = s.homeOf(tx, v), bytes.Clone(v)
	case bktChained: // of a range that is too long, what is held of it
		if at, _, err := parseChained(k, v); err == nil && !at.disowned() {
			if l, err := s.numbered(at.num()); err == nil && at.seq() > 0 && at.seq() <= l.head.Size && binary.BigEndian.Uint64(v) > l.head.Size {
				e.home, e.value = &at, u64(l.head.Size)
			}
		}
	}
	return e
}

// homeOf is the place of a record whose entry is whole but stands under another
// key; nil when its place is taken, or the chain does not name it.
func (s *Store) homeOf(tx *bbolt.Tx, v []byte) *place {
	h, err := decodeHeld(v)
	if err != nil || h.state == BodyDisowned {
		return nil
	}
	log, seq, err := wire.PeekHeader(h.header)
	l := s.entry(log)
	if err != nil || l == nil || seq == 0 || seq > l.head.Size {
		return nil
	}
	at := placeOf(l.num, seq)
	if tx.Bucket([]byte(bktHdr)).Get(at[:]) != nil || s.wantedID(tx, l, at) != wire.ID(s.cfg.Network, h.header) {
		return nil
	}
	return &at
}
