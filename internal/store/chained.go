package store

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// Catch-up checks one signature a range (verify.OpenRange). The records before
// it are the author's beyond doubt, but their own signatures, which the id does
// not cover, are whatever the peer sent. Such a record is in bktChained until
// Recheck has looked at its signature, and in bktUnsound from then on if that is
// bad, until PutSignatures brings the good one. A record in neither is proved by
// itself. The marks are ranges, and change in the commit of what they mark.

// putChained marks the chained records of a batch, which is in order of place.
func putChained(tx *bbolt.Tx, entries []entry) error {
	chained := tx.Bucket([]byte(bktChained))
	for i := 0; i < len(entries); {
		if !entries[i].rec.Chained() {
			i++
			continue
		}
		first, last := entries[i].at, entries[i].at.seq()
		for i++; i < len(entries) && entries[i].rec.Chained() && entries[i].at == placeOf(first.num(), last+1); i++ {
			last++
		}
		if err := chained.Put(first[:], u64(last)); err != nil {
			return err
		}
	}
	return nil
}

func parseChained(k, v []byte) (at place, last uint64, err error) {
	if at, err = parsePlace(k); err == nil {
		last, err = parseU64(v)
	}
	return at, last, err
}

// isProved tells whether the own signature of a held record has been verified.
func isProved(tx *bbolt.Tx, at place) (bool, error) {
	if isUnsound(tx, at) {
		return false, nil
	}
	c := tx.Bucket([]byte(bktChained)).Cursor()
	k, v := c.Seek(at[:])
	if !bytes.Equal(k, at[:]) {
		if k, v = c.Prev(); k == nil {
			return true, nil
		}
	}
	first, last, err := parseChained(k, v)
	return first.num() != at.num() || at.seq() < first.seq() || at.seq() > last, err
}

// isUnsound tells that the own signature of a held record was found bad.
func isUnsound(tx *bbolt.Tx, at place) bool {
	return tx.Bucket([]byte(bktUnsound)).Get(at[:]) != nil
}

// sigJob is a signature to verify, apart from the file.
type sigJob struct {
	log         ct.LogID
	at          place
	alg         uint32
	header, sig []byte
}

func (j *sigJob) verify(network ct.NetworkID) bool {
	return j.alg == wire.AlgEd25519 && keys.Verify(j.log, keys.ContextRecord, network, j.header, j.sig)
}

// provedPart is how many of the parts, from seq on, end in a record whose own
// signature verifies. It is checked now if it never was: until Recheck has been
// there that may be so of all of a message.
func (s *Store) provedPart(tx *bbolt.Tx, l *logEntry, from uint64, parts []ranged) (int, error) {
	for n := len(parts); n > 0; n-- {
		at, e := placeOf(l.num, from+uint64(n)-1), &parts[n-1]
		if isUnsound(tx, at) {
			continue
		}
		proved, err := isProved(tx, at)
		if err != nil {
			return 0, err
		}
		j := sigJob{l.id, at, e.alg, e.header, e.sig}
		if proved || j.verify(s.cfg.Network) {
			return n, nil
		}
	}
	return 0, nil
}

// Signed tells whether the own signature of a held record verifies, checking it
// if it never was. Evidence, and a record that travels alone, need it.
func (s *Store) Signed(log ct.LogID, seq uint64) (bool, error) {
	l := s.entry(log)
	if l == nil || seq == 0 || seq > l.head.Size {
		return false, fmt.Errorf("record %d of log %s: %w", seq, log.Short(), ErrNotFound)
	}
	j := sigJob{log: log, at: placeOf(l.num, seq)}
	proved := false
	err := s.logDB.view(func(tx *bbolt.Tx) (err error) {
		if proved, err = isProved(tx, j.at); proved || err != nil {
			return err
		}
		h, err := s.heldAt(tx, l, j.at)
		j.alg, j.header, j.sig = h.alg, bytes.Clone(h.header), bytes.Clone(h.sig)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("record %d of log %s: %w", seq, log.Short(), err)
	}
	return proved || j.verify(s.cfg.Network), nil
}

// Unchecked counts the records whose own signature nobody has verified yet.
func (s *Store) Unchecked() (n uint64, err error) {
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bktChained)).ForEach(func(k, v []byte) error {
			at, last, err := parseChained(k, v)
			if err == nil {
				n += last - at.seq() + 1
			}
			return err
		})
	})
	return n, wrap("count unchecked signatures", err)
}

// Recheck verifies up to max signatures that were taken on a later one's word,
// and marks what it found. It uses one core and tells how many it checked and
// how many of them are bad; 0, 0 when none is left. One caller at a time.
func (s *Store) Recheck(max int) (checked, bad int, err error) {
	jobs, err := s.unchecked(max)
	if err != nil || len(jobs) == 0 {
		return 0, 0, wrap("check signatures", err)
	}
	good := make([]bool, len(jobs))
	for i := range jobs {
		if good[i] = jobs[i].verify(s.cfg.Network); !good[i] {
			bad++
		}
	}
	s.w.Lock()
	defer s.w.Unlock()
	err = s.logDB.update(func(tx *bbolt.Tx) error {
		chained, unsound, hdr := tx.Bucket([]byte(bktChained)), tx.Bucket([]byte(bktUnsound)), tx.Bucket([]byte(bktHdr))
		for i := range jobs {
			// Disowned meanwhile, perhaps with another record in its place: what
			// was found says nothing of that one. The rest waits for the next call.
			same, err := s.sameJob(hdr, &jobs[i])
			if err != nil {
				return err
			}
			if !same {
				jobs = jobs[:i]
				break
			}
			if !good[i] {
				if err := unsound.Put(jobs[i].at[:], one); err != nil {
					return err
				}
			}
		}
		for len(jobs) > 0 {
			first := jobs[0].at
			v := chained.Get(first[:])
			if v == nil {
				return nil // likewise
			}
			last, err := parseU64(v)
			if err != nil {
				return err
			}
			n := min(uint64(len(jobs)), last-first.seq()+1)
			if err := chained.Delete(first[:]); err != nil {
				return err
			}
			if rest := placeOf(first.num(), first.seq()+n); rest.seq() <= last {
				if err := chained.Put(rest[:], u64(last)); err != nil {
					return err
				}
			}
			jobs = jobs[n:]
		}
		return nil
	})
	if err != nil {
		return 0, 0, wrap("check signatures", err)
	}
	return len(good), bad, nil
}

// sameJob tells whether what was read for j still stands there. An entry that
// was rotten and still is counts as the same: it has no header to compare, and
// the ranges after it are not to wait until it is mended.
func (s *Store) sameJob(hdr *bbolt.Bucket, j *sigJob) (bool, error) {
	l, err := s.numbered(j.at.num())
	if err != nil || j.at.seq() > l.head.Size {
		return false, err
	}
	h, _ := s.soundHeld(l, j.at, hdr.Get(j.at[:]))
	return bytes.Equal(h.header, j.header), nil
}

// unchecked reads the first chained records, whole ranges but for the last.
func (s *Store) unchecked(max int) (jobs []sigJob, err error) {
	err = s.logDB.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bktChained)).Cursor()
		for k, v := c.First(); k != nil && len(jobs) < max; k, v = c.Next() {
			at, last, err := parseChained(k, v)
			if err != nil {
				return err
			}
			l, err := s.numbered(at.num())
			if err != nil {
				return err
			}
			for ; at.seq() <= min(last, l.head.Size) && len(jobs) < max; at = placeOf(at.num(), at.seq()+1) {
				h, _ := s.heldAt(tx, l, at) // a rotten one does not verify
				jobs = append(jobs, sigJob{l.id, at, h.alg, bytes.Clone(h.header), bytes.Clone(h.sig)})
			}
		}
		return nil
	})
	return jobs, err
}

// Unsound names up to max records whose own signature is bad and wanted from a
// peer. Successive calls go round all of them.
func (s *Store) Unsound(max int) ([]ct.Ref, error) {
	var refs []ct.Ref
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		for _, at := range s.unsound.next(tx.Bucket([]byte(bktUnsound)), max) {
			l, err := s.numbered(at.num())
			if err != nil || at.seq() == 0 || at.seq() > l.head.Size {
				continue // a rotten mark names no record
			}
			h, err := s.heldAt(tx, l, at)
			if err != nil {
				continue
			}
			refs = append(refs, ct.Ref{Log: l.id, Seq: at.seq(), ID: wire.ID(s.cfg.Network, h.header)})
		}
		return nil
	})
	return refs, wrap("bad signatures", err)
}

// PutSignatures replaces bad signatures of held records by those of recs, which
// are proved by themselves, and tells how many. All others are passed over.
func (s *Store) PutSignatures(recs []verify.Record) (n int, err error) {
	if len(recs) > MaxBatch {
		return 0, fmt.Errorf("put signatures: %d records, at most %d", len(recs), MaxBatch)
	}
	s.w.Lock()
	defer s.w.Unlock()
	err = s.logDB.update(func(tx *bbolt.Tx) error {
		n = 0
		hdr, unsound := tx.Bucket([]byte(bktHdr)), tx.Bucket([]byte(bktUnsound))
		for _, rec := range recs {
			l := s.entry(rec.Header().Log)
			if l == nil || rec.Chained() {
				continue
			}
			at := placeOf(l.num, rec.Header().Seq)
			if unsound.Get(at[:]) == nil {
				continue
			}
			h, err := s.heldAt(tx, l, at)
			if err != nil {
				continue // Mend brings its signature too
			}
			if !bytes.Equal(h.header, rec.HeaderBytes()) {
				continue
			}
			h.alg, h.sig = rec.Alg(), rec.Sig()
			if err := hdr.Put(at[:], h.encode()); err != nil {
				return err
			}
			if err := unsound.Delete(at[:]); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, wrap("put signatures", err)
	}
	return n, nil
}

// rotation walks a bucket of places from where the last walk ended, around the
// end once.
type rotation struct {
	mu   sync.Mutex
	from place
}

func (r *rotation) next(b *bbolt.Bucket, max int) (out []place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	start, wrapped := r.from, false
	c := b.Cursor()
	for k, _ := c.Seek(start[:]); len(out) < max; k, _ = c.Next() {
		if k == nil && !wrapped {
			wrapped = true
			k, _ = c.First()
		}
		if k == nil || wrapped && bytes.Compare(k, start[:]) >= 0 {
			break
		}
		at, err := parsePlace(k)
		if err != nil {
			break
		}
		out = append(out, at)
		r.from = placeOf(at.num(), at.seq()+1)
	}
	return out
}
