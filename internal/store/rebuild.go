package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// A file whose pages are damaged is made anew, empty, and filled by peers like
// that of a new member: log.db with all records, keys.db and body.db with the
// bodies. The new file says when it was made:
//
//   - log.db: its cursors begin with that time, beyond all that were ever given
//     out, so that whoever follows the store sees everything again and misses
//     nothing. What keys.db knows as erased stays erased. The node must ask for
//     its own log's end before it signs (Reborn).
//   - keys.db, body.db: all bodies are asked for; log.db knows which were erased.
//
// local.db and lists.db are never made anew by themselves: they exist nowhere else.
var rebornKey = []byte("reborn")

// damagedFile is an error of Open over one file.
type damagedFile struct {
	name string
	err  error
}

func (e *damagedFile) Error() string { return e.err.Error() }
func (e *damagedFile) Unwrap() error { return e.err }

// Damaged tells which file an error of Open is about; "" when none is damaged.
func Damaged(err error) string {
	var d *damagedFile
	if errors.As(err, &d) {
		return d.name
	}
	return ""
}

// ErrLocal: local.db or lists.db is damaged. Nobody else has what they hold, and
// without its lists a node would say "no" of everybody who is on them.
var ErrLocal = errors.New("drafts, outbox, inbox and the journal (local.db) and the imported lists (lists.db) are in it and nowhere else: restore a backup")

// Rebuild replaces a damaged file of a store that is not open by an empty one.
// The old one stays beside it as NAME.damaged, one for each name; but not
// keys.db: a salt in it would outlive its erasure. It refuses local.db and lists.db.
func Rebuild(cfg Config, name string, now time.Time) error {
	spec := specOf(name)
	if spec == nil {
		return fmt.Errorf("rebuild: no file of a store is called %q", name)
	}
	if spec == &localSpec || spec == &listsSpec {
		return fmt.Errorf("rebuild %s: %w", name, ErrLocal)
	}
	path := filepath.Join(cfg.Dir, name)
	if spec == &logSpec {
		// Places are numbers of log.db: bodies of the old one would be another's.
		if err := createFile(&cfg, &bodySpec, 0); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	if spec != &keysSpec {
		aside := path + ".damaged"
		if err := os.Remove(aside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("rebuild: %w", err)
		}
		if err := os.Link(path, aside); err != nil { // so that the name is never without a file
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	if err := createFile(&cfg, spec, ct.MillisOf(now)); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}

// Reborn is when log.db was made anew because it was damaged; zero: never.
func (s *Store) Reborn() ct.Millis { return s.reborn }

// loadReborn reads when the files were made anew and asks for the bodies that
// went with keys.db or body.db.
func (s *Store) loadReborn() error {
	when := func(f *file) (t ct.Millis, err error) {
		err = f.view(func(tx *bbolt.Tx) error {
			v := tx.Bucket([]byte(bktMeta)).Get(rebornKey)
			if v == nil {
				return nil
			}
			n, err := parseU64(v)
			t = ct.Millis(n)
			return err
		})
		return t, err
	}
	var err error
	if s.reborn, err = when(s.logDB); err != nil {
		return err
	}
	for _, f := range []*file{s.keysDB, s.bodyDB} {
		at, err := when(f)
		if err != nil {
			return err
		}
		if at == 0 {
			continue
		}
		n, err := s.askBodies()
		if err != nil {
			return err
		}
		s.log.Error("a damaged file was made anew, bodies are asked of peers", "file", f.spec.name, "bodies", n)
		err = f.update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bktMeta)).Delete(rebornKey) })
		if err != nil {
			return err
		}
	}
	return nil
}

// askBodies marks the held records whose salt or body is gone as missing theirs,
// and tells keys.db again what was erased. It may be interrupted and done again.
func (s *Store) askBodies() (asked int, err error) {
	at, more := place{}, true
	for more {
		var lost []place
		why := make(map[ct.ID]BodyState)
		err := s.logDB.view(func(tx *bbolt.Tx) error {
			return s.keysDB.view(func(keys *bbolt.Tx) error {
				return s.bodyDB.view(func(bodies *bbolt.Tx) error {
					salts, sealed := keys.Bucket([]byte(bktSalt)), bodies.Bucket([]byte(bktBody))
					for n := 0; n < MaxBatch && more; n++ {
						var l *logEntry
						if l, at, more = s.following(at); !more {
							break
						}
						h, err := s.heldAt(tx, l, at)
						switch {
						case err != nil:
						case h.state >= BodyRetracted:
							why[s.idOf(&h)] = h.state
						case h.state == BodyHeld && (salts.Get(at[:]) == nil || sealed.Get(at[:]) == nil):
							lost = append(lost, at)
						}
					}
					return nil
				})
			})
		})
		if err != nil {
			return asked, err
		}
		if err := s.remember(why); err != nil {
			return asked, err
		}
		err = s.logDB.update(func(tx *bbolt.Tx) error {
			hdr, missing := tx.Bucket([]byte(bktHdr)), tx.Bucket([]byte(bktMissing))
			for _, at := range lost {
				h, err := decodeHeld(hdr.Get(at[:]))
				if err != nil {
					return err
				}
				header, err := wire.DecodeHeader(h.header)
				if err != nil {
					return err
				}
				h.state, h.bodyLen = BodyMissing, 0
				if err := errors.Join(hdr.Put(at[:], h.encode()), missing.Put(at[:], topicMark(header.Topic))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return asked, err
		}
		asked += len(lost)
	}
	return asked, nil
}
