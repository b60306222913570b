package store

import (
	"bytes"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// bodyAt is a body to open: where and whose it is, and what came of it.
type bodyAt struct {
	at place
	id ct.ID

	salt, body []byte
	state      BodyState // BodyHeld when it opened
}

// openBodies opens bodies that log.db said are held. One that is gone was
// erased a moment ago; one that does not open has rotted and is wanted from a
// peer again. Neither stops the reader.
func (s *Store) openBodies(want []bodyAt) error {
	if len(want) == 0 {
		return nil
	}
	err := s.keysDB.view(func(tx *bbolt.Tx) error {
		salts := tx.Bucket([]byte(bktSalt))
		for i := range want {
			want[i].salt = bytes.Clone(salts.Get(want[i].at[:]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	var failed []*bodyAt
	err = s.bodyDB.view(func(tx *bbolt.Tx) error {
		bodies := tx.Bucket([]byte(bktBody))
		for i := range want {
			w := &want[i]
			sealed := bodies.Get(w.at[:])
			var err error
			if w.salt != nil && sealed != nil {
				w.body, err = s.seal.openBody(w.salt, w.id, sealed)
			}
			if err != nil || w.salt == nil || sealed == nil {
				w.salt, w.body = nil, nil
				failed = append(failed, w)
			} else if w.body == nil {
				w.body = []byte{} // a held body is never nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.noteUnopened(failed)
}

// noteUnopened finds out why bodies did not open, and sets their states.
func (s *Store) noteUnopened(failed []*bodyAt) error {
	if len(failed) == 0 {
		return nil
	}
	return s.logDB.view(func(tx *bbolt.Tx) error {
		for _, w := range failed {
			v := tx.Bucket([]byte(bktHdr)).Get(w.at[:])
			if v == nil {
				w.state = BodyDisowned
				continue
			}
			h, err := decodeHeld(v)
			if err != nil {
				continue // rotten as a whole
			}
			w.state = BodyMissing
			if wire.ID(s.cfg.Network, h.header) != w.id {
				w.state = BodyDisowned
			} else if h.state != BodyHeld {
				w.state = h.state
			} else if s.lost.add(w.at) {
				s.log.Warn("stored body is damaged and wanted again", "record", w.id.Short())
			}
		}
		return nil
	})
}
