package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// maxForks bounds the proofs kept of one log; one is enough to convict its key.
const maxForks = 16

// Fork proves that the key of a log signed two histories: A is the record at
// Seq, B another one at Seq, or one at Seq+1 that does not name A. Both are
// raw records without their bodies.
type Fork struct {
	Log  ct.LogID
	Seq  uint64
	A, B []byte
}

// PutFork keeps the proof that two verified records are of two histories of
// one log, and marks the log contested: what is held stays, nothing is added.
func (s *Store) PutFork(a, b verify.Record) error {
	return s.putFork(a.Header(), bare(a), a.ID(), b)
}

// PutForkHeld is PutFork for a record that contradicts the one held at its
// seq, or at the seq before it.
func (s *Store) PutForkHeld(b verify.Record) error {
	h := b.Header()
	l := s.entry(h.Log)
	if l == nil || l.head.Size == 0 {
		return fmt.Errorf("fork of log %s: %w", h.Log.Short(), ErrNotFound)
	}
	held, err := s.Get(h.Log, min(h.Seq, l.head.Size))
	if err != nil {
		return fmt.Errorf("fork: %w", err)
	}
	raw := wire.Encode(&wire.Envelope{HeaderBytes: held.HeaderBytes, Alg: held.Alg, Sig: held.Sig})
	return s.putFork(&held.Header, raw, held.ID, b)
}

func (s *Store) putFork(a *wire.Header, rawA []byte, idA ct.ID, b verify.Record) error {
	hb := b.Header()
	contradict := hb.Seq == a.Seq && b.ID() != idA || hb.Seq == a.Seq+1 && hb.Prev != idA
	if a.Log != hb.Log || !contradict {
		return fmt.Errorf("fork of log %s: records %d and %d do not contradict each other", a.Log.Short(), a.Seq, hb.Seq)
	}
	s.w.Lock()
	defer s.w.Unlock()
	logs := make(map[ct.LogID]*logEntry, 1)
	s.open(b, logs).head.Contested = true
	err := s.logDB.update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket([]byte(bktLogs)).Put(a.Log[:], logs[a.Log].encode()); err != nil {
			return err
		}
		forks := tx.Bucket([]byte(bktFork))
		key := append(a.Log[:len(a.Log):len(a.Log)], u64(a.Seq)...)
		n := 0
		c := forks.Cursor()
		for k, _ := c.Seek(a.Log[:]); bytes.HasPrefix(k, a.Log[:]); k, _ = c.Next() {
			n++
			if bytes.Equal(k, key) || n >= maxForks {
				return nil
			}
		}
		v := binary.BigEndian.AppendUint32(nil, uint32(len(rawA)))
		return forks.Put(key, append(append(v, rawA...), bare(b)...))
	})
	if err != nil {
		return fmt.Errorf("fork of log %s: %w", a.Log.Short(), err)
	}
	s.publish(logs, s.Last())
	return nil
}

// bare is a record without its body: log.db holds no personal data.
func bare(r verify.Record) []byte {
	return wire.Encode(&wire.Envelope{HeaderBytes: r.HeaderBytes(), Alg: r.Alg(), Sig: r.Sig()})
}

// Forks gives all proofs.
func (s *Store) Forks() ([]Fork, error) {
	var out []Fork
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bktFork)).ForEach(func(k, v []byte) error {
			f, err := decodeFork(k, v)
			out = append(out, f)
			return err
		})
	})
	return out, wrap("forks", err)
}

func decodeFork(k, v []byte) (Fork, error) {
	if len(k) != 32+8 || len(v) < 4 || uint64(len(v)-4) < uint64(binary.BigEndian.Uint32(v)) {
		return Fork{}, fmt.Errorf("%w: fork proof", ErrDamaged)
	}
	n := binary.BigEndian.Uint32(v)
	return Fork{
		Log: ct.LogID(k[:32]), Seq: binary.BigEndian.Uint64(k[32:]),
		A: bytes.Clone(v[4 : 4+n]), B: bytes.Clone(v[4+n:]),
	}, nil
}
