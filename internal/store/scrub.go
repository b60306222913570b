package store

import (
	"bytes"
	"errors"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// ScrubPlace is how far a scrub has come; the zero value is the beginning.
type ScrubPlace struct{ after place }

// Scrubbed is what a step of Scrub found.
type Scrubbed struct {
	Records int
	Rotten  int      // bodies that are not what was committed to: MissingBodies names them now
	Faults  []ct.Ref // headers that broke their chain: of the log and seq, with the id that the chain wants
	Done    bool     // the end is reached; begin anew
}

// Scrub hashes up to max records again, from where the last step ended: each
// header against the chain that names it, each held body against what it
// committed to. A rotten body is wanted from peers from then on. A rotten
// header is reported only: see Check.
func (s *Store) Scrub(from ScrubPlace, max int) (next ScrubPlace, found Scrubbed, err error) {
	next = from
	var want []bodyAt
	s.w.Lock() // heads in memory and in the file are the same: some milliseconds
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bktHdr)).Cursor()
		k, v := c.Seek(from.after[:])
		if bytes.Equal(k, from.after[:]) {
			k, v = c.Next()
		}
		for ; k != nil && found.Records < max; k, v = c.Next() {
			at, err := parsePlace(k)
			if err != nil {
				return err
			}
			next.after = at
			found.Records++
			if at.disowned() {
				continue // evidence: no chain names it
			}
			id, h, err := s.scrubHeader(tx, at, v)
			if err != nil {
				return err
			}
			if h == nil {
				found.Faults = append(found.Faults, id)
			} else if h.state == BodyHeld && !s.lost.has(at) {
				want = append(want, bodyAt{at: at, id: id.ID})
			}
		}
		found.Done = k == nil
		return nil
	})
	s.w.Unlock()
	if err != nil {
		return next, found, wrap("scrub", err)
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

// scrubHeader gives the entry when its id is the one that the next record, or
// the head, names; else nil and the place with the id that was wanted.
func (s *Store) scrubHeader(tx *bbolt.Tx, at place, v []byte) (ct.Ref, *held, error) {
	l, err := s.numbered(at.num())
	if err != nil {
		return ct.Ref{}, nil, err
	}
	ref := ct.Ref{Log: l.id, Seq: at.seq(), ID: l.head.ID}
	if at.seq() < l.head.Size {
		following := placeOf(at.num(), at.seq()+1)
		if ref.ID, err = s.prevOf(tx, following); errors.Is(err, ErrDamaged) {
			return ref, nil, nil // its own turn comes next; this one cannot be judged
		} else if err != nil {
			return ref, nil, err
		}
	}
	h, err := decodeHeld(v)
	if err != nil || wire.ID(s.cfg.Network, h.header) != ref.ID {
		return ref, nil, nil
	}
	return ref, &h, nil
}

func (s *Store) prevOf(tx *bbolt.Tx, at place) (ct.ID, error) {
	h, err := decodeHeld(tx.Bucket([]byte(bktHdr)).Get(at[:]))
	if err != nil {
		return ct.ID{}, err
	}
	header, err := wire.DecodeHeader(h.header)
	if err != nil {
		return ct.ID{}, ErrDamaged
	}
	return header.Prev, nil
}
