package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// Fork proves that the key of a log signed two histories: A is the record at
// Seq, B another one at Seq, or one at Seq+1 that does not name A. Both are
// raw records without their bodies. Of each log the proof with the lowest Seq is
// kept: it convicts the key, and says from where on the log is in dispute.
type Fork struct {
	Log  ct.LogID
	Seq  uint64
	A, B []byte
}

// PutFork keeps the proof that two verified records are of two histories of
// one log, and marks the log contested from there on: what is held stays, what
// comes before the fork is still added. A proof at a lower seq replaces one at a
// higher, whichever comes first.
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
	if !contradict(a, b.Header(), idA, b.ID()) {
		return fmt.Errorf("fork of log %s: records %d and %d do not contradict each other", a.Log.Short(), a.Seq, b.Header().Seq)
	}
	s.w.Lock()
	defer s.w.Unlock()
	logs := make(map[ct.LogID]*logEntry, 1)
	l := s.open(b, logs)
	if l.head.Ends(a.Seq) {
		return nil
	}
	l.head.Contested = a.Seq
	err := s.logDB.update(func(tx *bbolt.Tx) error {
		v := binary.BigEndian.AppendUint32(u64(a.Seq), uint32(len(rawA)))
		return errors.Join(
			tx.Bucket([]byte(bktLogs)).Put(a.Log[:], l.encode()),
			tx.Bucket([]byte(bktFork)).Put(a.Log[:], slices.Concat(v, rawA, bare(b))),
		)
	})
	if err != nil {
		return fmt.Errorf("fork of log %s: %w", a.Log.Short(), err)
	}
	s.publish(logs, s.Last())
	return nil
}

// contradict tells whether two records of one log are of two histories.
func contradict(a, b *wire.Header, idA, idB ct.ID) bool {
	return a.Log == b.Log && (b.Seq == a.Seq && idB != idA || b.Seq == a.Seq+1 && b.Prev != idA)
}

// bare is a record without its body: log.db holds no personal data.
func bare(r verify.Record) []byte {
	return wire.Encode(&wire.Envelope{HeaderBytes: r.HeaderBytes(), Alg: r.Alg(), Sig: r.Sig()})
}

// Forks gives the proof of each log that has one. One that has rotted is left out:
// whoever is shown it would take this node for a liar.
func (s *Store) Forks() ([]Fork, error) {
	var out []Fork
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bktFork)).ForEach(func(k, v []byte) error {
			if f, err := decodeFork(k, v); err == nil {
				out = append(out, f)
			}
			return nil
		})
	})
	return out, wrap("forks", err)
}

func decodeFork(k, v []byte) (Fork, error) {
	const fixed = 8 + 4
	if len(k) != 32 || len(v) < fixed || uint64(len(v)-fixed) < uint64(binary.BigEndian.Uint32(v[8:])) {
		return Fork{}, fmt.Errorf("%w: fork proof", ErrDamaged)
	}
	n := fixed + binary.BigEndian.Uint32(v[8:])
	return Fork{
		Log: ct.LogID(k), Seq: binary.BigEndian.Uint64(v),
		A: bytes.Clone(v[fixed:n]), B: bytes.Clone(v[n:]),
	}, nil
}

// proves tells whether the proof is one: both records are signed by the log's key
// and contradict each other at Seq.
func (f *Fork) proves(network ct.NetworkID) bool {
	a, errA := wire.Decode(f.A)
	b, errB := wire.Decode(f.B)
	if errA != nil || errB != nil || a.Header.Log != f.Log || a.Header.Seq != f.Seq {
		return false
	}
	if !contradict(&a.Header, &b.Header, wire.ID(network, a.HeaderBytes), wire.ID(network, b.HeaderBytes)) {
		return false
	}
	for _, e := range []*wire.Envelope{a, b} {
		j := sigJob{log: f.Log, alg: e.Alg, header: e.HeaderBytes, sig: e.Sig}
		if !j.verify(network) {
			return false
		}
	}
	return true
}
