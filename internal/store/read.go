package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// BodyState is what became of a record's body on this node.
type BodyState uint8

// The order is part of the file format.
const (
	BodyHeld      BodyState = iota
	BodyMissing             // wanted, not yet come
	BodyRetracted           // erased for good
	BodyExpired             // erased when it expired
	BodyLocal               // erased by this State alone
	BodyDisowned            // the record is no part of its log: its State has closed that before it

	// BodyElsewhere is no state of the files: a missing body of a topic that
	// this node does not keep. Nobody is asked for it.
	BodyElsewhere
)

func (b BodyState) String() string {
	names := [...]string{"held", "missing", "retracted", "expired", "local", "disowned", "elsewhere"}
	if int(b) < len(names) {
		return names[b]
	}
	return fmt.Sprintf("unknown(%d)", uint8(b))
}

// Row is one stored record. All memory is the caller's.
type Row struct {
	Cursor       uint64 // newest arrival of the record
	ID           ct.ID
	State        ct.State
	Root         bool // record of a root log
	Header       wire.Header
	HeaderBytes  []byte
	Alg          uint32
	Sig          []byte
	Inadmissible verify.Reason
	BodyState    BodyState
	Body         []byte // as carried; nil unless asked for, held and not hidden
	HiddenBy     ct.ID  // the RETRACT that hides it; zero: none
	Contested    bool   // its log has a proved fork here or before
}

// Ends is when the body of the record is to be erased: when it expires, and never
// later than the policy's longest retention after it was issued, whatever an
// inadmissible header says. Retention 0: none.
func (r *Row) Ends(retention time.Duration) ct.Millis {
	last := r.Header.Issued + ct.Millis(retention.Milliseconds())
	if retention == 0 || last < r.Header.Issued {
		return r.Header.Expires
	}
	return min(r.Header.Expires, last)
}

// Read gives up to max records that arrived after a cursor, in the order of
// their arrival. A record whose body came later arrives twice; it is given
// once, at its newest arrival, so cursors may skip; so they do at one that has
// rotted, which arrives again when it is mended. Take the last row's Cursor
// to go on. A hidden record comes without its body.
func (s *Store) Read(after uint64, max int, bodies bool) ([]Row, error) {
	last := s.Last()
	var rows []Row
	var places []place
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bktArr)).Cursor()
		for k, v := c.Seek(u64(after + 1)); k != nil && len(rows) < max; k, v = c.Next() {
			cursor, err := parseU64(k)
			if err != nil {
				continue // a rotten place or record stops no reader
			}
			if cursor > last { // committed, but its heads are not yet visible
				return nil
			}
			at, err := parsePlace(v)
			if err != nil {
				continue
			}
			row, err := s.row(tx, at)
			if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotFound) {
				continue // it arrives again: when it is mended, or because it was disowned
			} else if err != nil {
				return err
			}
			if row.Cursor == cursor {
				rows, places = append(rows, row), append(places, at)
			}
		}
		return nil
	})
	if err == nil && bodies {
		err = s.openRows(rows, places)
	}
	if err != nil {
		return nil, fmt.Errorf("read after %d: %w", after, err)
	}
	return rows, nil
}

// Get gives the record at seq of a log, with its body; ErrNotFound.
func (s *Store) Get(log ct.LogID, seq uint64) (Row, error) {
	l := s.entry(log)
	if l == nil || seq == 0 || seq > l.head.Size {
		return Row{}, fmt.Errorf("record %d of log %s: %w", seq, log.Short(), ErrNotFound)
	}
	row, err := s.one(func(*bbolt.Tx) (place, error) { return placeOf(l.num, seq), nil })
	return row, wrap(fmt.Sprintf("record %d of log %s", seq, log.Short()), err)
}

// At gives the record that arrived at a cursor, with its body; ErrNotFound.
func (s *Store) At(cursor uint64) (Row, error) {
	if cursor == 0 || cursor > s.Last() {
		return Row{}, fmt.Errorf("cursor %d: %w", cursor, ErrNotFound)
	}
	row, err := s.one(func(tx *bbolt.Tx) (place, error) {
		return parsePlace(tx.Bucket([]byte(bktArr)).Get(u64(cursor)))
	})
	return row, wrap(fmt.Sprintf("cursor %d", cursor), err)
}

func (s *Store) one(find func(*bbolt.Tx) (place, error)) (Row, error) {
	rows, places := make([]Row, 1), make([]place, 1)
	err := s.logDB.view(func(tx *bbolt.Tx) (err error) {
		if places[0], err = find(tx); err == nil {
			rows[0], err = s.row(tx, places[0])
		}
		return err
	})
	if err == nil {
		err = s.openRows(rows, places)
	}
	return rows[0], err
}

func (s *Store) row(tx *bbolt.Tx, at place) (Row, error) {
	l, err := s.numbered(at.num())
	if err != nil {
		return Row{}, err
	}
	if at.seq() == 0 {
		return Row{}, fmt.Errorf("log %s, seq 0: %w: not held", l.id.Short(), ErrDamaged)
	}
	if !at.disowned() && at.seq() > l.head.Size {
		if vacant(tx, l, at) {
			return Row{}, ErrNotFound
		}
		return Row{}, fmt.Errorf("log %s, seq %d: %w: not held", l.id.Short(), at.seq(), ErrDamaged)
	}
	h, err := s.heldAt(tx, l, at)
	if err != nil {
		return Row{}, err
	}
	header := bytes.Clone(h.header)
	decoded, err := wire.DecodeHeader(header)
	if err != nil {
		return Row{}, fmt.Errorf("log %s, seq %d: %w: %v", l.id.Short(), at.seq(), ErrDamaged, err)
	}
	row := Row{
		Cursor: h.cursor, ID: wire.ID(s.cfg.Network, header), State: l.state, Root: l.root,
		Header: *decoded, HeaderBytes: header, Alg: h.alg, Sig: bytes.Clone(h.sig),
		Inadmissible: h.reason, BodyState: h.state, Contested: l.head.Ends(at.seq()),
	}
	if h.state == BodyMissing && !s.keeps(decoded.Topic) {
		row.BodyState = BodyElsewhere
	}
	if h.hidden {
		v, err := decodeHiding(tx.Bucket([]byte(bktHidden)).Get(row.ID[:]))
		if err != nil {
			s.rots(l, at)
			return Row{}, err
		}
		row.HiddenBy = v.byID
	}
	return row, nil
}

// vacant tells a place after the end of a closed log: its record, which a
// reader may still come for, is disowned.
func vacant(tx *bbolt.Tx, l *logEntry, at place) bool {
	now, err := decodeLog(l.id[:], tx.Bucket([]byte(bktLogs)).Get(l.id[:]))
	return err == nil && now.head.Closed && at.seq() > now.head.Size
}

// OpenRows opens the bodies of rows that Read gave without them.
func (s *Store) OpenRows(rows []Row) error {
	places := make([]place, len(rows))
	for i := range rows {
		if l := s.entry(rows[i].Header.Log); l != nil {
			places[i] = placeOf(l.num, rows[i].Header.Seq)
		}
	}
	return s.openRows(rows, places)
}

// openRows opens the bodies of rows that have one to show.
func (s *Store) openRows(rows []Row, places []place) error {
	var want []bodyAt
	var which []int
	for i := range rows {
		if r := &rows[i]; r.BodyState == BodyHeld && r.HiddenBy.IsZero() {
			want, which = append(want, bodyAt{at: places[i], id: r.ID}), append(which, i)
		}
	}
	if err := s.openBodies(want); err != nil {
		return err
	}
	for i, w := range want {
		rows[which[i]].Body, rows[which[i]].BodyState = w.body, w.state
	}
	return nil
}

// rangeAt reads the next entry of a range, which is to be that of seq.
func (s *Store) rangeAt(l *logEntry, at place, v []byte, seq uint64) (held, error) {
	if at.seq() != seq {
		at, v = placeOf(l.num, seq), nil // it is gone
	}
	return s.soundHeld(l, at, v)
}

// Lookup tells which record is held at seq of a log, and whether its body is:
// the question of every duplicate, so it decrypts nothing. A body found rotten
// counts as missing.
func (s *Store) Lookup(log ct.LogID, seq uint64) (id ct.ID, state BodyState, ok bool, err error) {
	l := s.entry(log)
	if l == nil || seq == 0 || seq > l.head.Size {
		return id, state, false, nil
	}
	at, gone := placeOf(l.num, seq), false
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		if gone = tx.Bucket([]byte(bktHdr)).Get(at[:]) == nil && vacant(tx, l, at); gone {
			return nil
		}
		h, err := s.heldAt(tx, l, at)
		if err == nil {
			id, state = wire.ID(s.cfg.Network, h.header), h.state
		}
		if err != nil || state != BodyMissing || s.cfg.Topics == 0 {
			return err
		}
		header, err := wire.DecodeHeader(h.header)
		if err == nil && !s.keeps(header.Topic) {
			state = BodyElsewhere
		}
		return err
	})
	if gone {
		return id, state, false, nil
	}
	if err != nil {
		return id, state, false, fmt.Errorf("record %d of log %s: %w", seq, log.Short(), err)
	}
	if state == BodyHeld && s.lost.has(at) {
		state = BodyMissing
	}
	return id, state, true, nil
}
