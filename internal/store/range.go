package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// ranged is one record of a range on its way out. Its memory is the caller's of Range.
type ranged struct {
	bodyAt
	header, sig []byte
	alg         uint32
	shown       bool // its body is to go along
}

// Range gives raw records of a log from seq on, at most max of them and not
// more than maxBytes together (but one in any case), as a peer gets them: with
// the body when it is held and neither hidden nor erased. The signature of the
// last of them verifies, so that a peer can prove all of them; ErrNotFound when
// there is no such range within the limits. The records share one piece of
// memory, which is the caller's.
func (s *Store) Range(log ct.LogID, from uint64, max int, maxBytes int) ([][]byte, error) {
	return s.RangeOf(log, from, max, maxBytes, 0)
}

// RangeOf is Range for a peer that keeps only the bodies of these topics.
func (s *Store) RangeOf(log ct.LogID, from uint64, max, maxBytes int, topics ct.TopicSet) ([][]byte, error) {
	l := s.entry(log)
	if l == nil || from == 0 || from > l.head.Size {
		return nil, fmt.Errorf("log %s from %d: %w", log.Short(), from, ErrNotFound)
	}
	var parts []ranged
	size := 0
	err := s.logDB.view(func(tx *bbolt.Tx) (err error) {
		if parts, size, err = s.headersOf(tx, l, from, max, maxBytes, topics); err != nil {
			return err
		}
		n, err := s.provedPart(tx, l, from, parts)
		parts = parts[:n]
		return err
	})
	if err == nil && len(parts) == 0 {
		err = ErrNotFound
	}
	var raw [][]byte
	if err == nil {
		raw, err = s.encodeParts(parts, size)
	}
	if err != nil {
		return nil, fmt.Errorf("range of log %s: %w", log.Short(), err)
	}
	return raw, nil
}

// headersOf reads the headers of a range and tells how many bytes the records
// take at most.
func (s *Store) headersOf(tx *bbolt.Tx, l *logEntry, from uint64, max, maxBytes int, topics ct.TopicSet) (parts []ranged, size int, err error) {
	c := tx.Bucket([]byte(bktHdr)).Cursor()
	start := placeOf(l.num, from)
	var arena []byte // grows; what was cut from it before stays as it is
	keep := func(b []byte) []byte {
		arena = append(arena, b...)
		return arena[len(arena)-len(b) : len(arena) : len(arena)]
	}
	parts = make([]ranged, 0, min(uint64(max), l.head.Size-from+1))
	for k, v := c.Seek(start[:]); k != nil && len(parts) < max; k, v = c.Next() {
		at, err := parsePlace(k)
		if err != nil {
			s.rots(l, placeOf(l.num, from+uint64(len(parts))))
			break
		}
		if at.num() != l.num || at.seq() > l.head.Size {
			break
		}
		h, err := s.rangeAt(l, at, v, from+uint64(len(parts)))
		if err != nil {
			break // as far as it is sound
		}
		p := ranged{bodyAt: bodyAt{at: at}, alg: h.alg, shown: h.state == BodyHeld && !h.hidden}
		if p.shown && topics != 0 {
			header, err := wire.DecodeHeader(h.header)
			if err != nil {
				return nil, 0, fmt.Errorf("log %s, seq %d: %w: %v", l.id.Short(), at.seq(), ErrDamaged, err)
			}
			p.shown = topics.Has(ct.Topic(header.Topic))
		}
		// To the byte: what came in one message goes out in one.
		body := -1
		if p.shown {
			body = int(h.bodyLen)
		}
		need := wire.RecordSize(len(h.header), len(h.sig), body, h.alg)
		if size+need > maxBytes && len(parts) > 0 {
			break
		}
		if arena == nil {
			arena = make([]byte, 0, cap(parts)*(len(h.header)+len(h.sig)+8))
		}
		if p.shown {
			p.id = wire.ID(s.cfg.Network, h.header)
		}
		size += need
		p.header, p.sig = keep(h.header), keep(h.sig)
		parts = append(parts, p)
	}
	return parts, size, nil
}

// encodeParts opens the bodies and writes the records one behind the other. A
// body that is gone was erased a moment ago, see openBodies.
func (s *Store) encodeParts(parts []ranged, size int) ([][]byte, error) {
	err := s.keysDB.view(func(tx *bbolt.Tx) error {
		w := walk{c: tx.Bucket([]byte(bktSalt)).Cursor()}
		salts := make([]byte, 0, len(parts)*wire.SaltSize)
		for i := range parts {
			p := &parts[i]
			if !p.shown {
				continue
			}
			if salt := w.get(p.at); len(salt) == wire.SaltSize {
				salts = append(salts, salt...)
				p.salt = salts[len(salts)-wire.SaltSize:]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	raw, out := make([][]byte, len(parts)), make([]byte, 0, size)
	var gone []*bodyAt
	err = s.bodyDB.view(func(tx *bbolt.Tx) error {
		w := walk{c: tx.Bucket([]byte(bktBody)).Cursor()}
		var body []byte // of one record after the other
		for i := range parts {
			p := &parts[i]
			e := wire.Envelope{HeaderBytes: p.header, Alg: p.alg, Sig: p.sig}
			if p.shown {
				sealed, err := w.get(p.at), errors.ErrUnsupported
				if p.salt != nil && sealed != nil {
					body, err = s.seal.openBodyTo(body[:0], p.salt, p.id, sealed)
				}
				if err != nil {
					gone = append(gone, &p.bodyAt)
				} else {
					e.Salt, e.Body = p.salt, body
				}
			}
			from := len(out)
			out = wire.AppendRecord(out, &e)
			raw[i] = out[from:len(out):len(out)]
		}
		return nil
	})
	if err == nil {
		err = s.noteUnopened(gone)
	}
	return raw, err
}

// walk gets values whose keys mostly follow each other in their bucket.
type walk struct {
	c    *bbolt.Cursor
	k, v []byte
}

// get gives the value at a place, nil when there is none. It is bbolt's memory.
func (w *walk) get(at place) []byte {
	if w.k != nil {
		w.k, w.v = w.c.Next()
	}
	if !bytes.Equal(w.k, at[:]) {
		w.k, w.v = w.c.Seek(at[:])
	}
	if !bytes.Equal(w.k, at[:]) {
		return nil
	}
	return w.v
}
