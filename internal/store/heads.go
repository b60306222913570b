package store

import (
	"context"
	"fmt"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// Head is how far a log is held.
type Head struct {
	Size       uint64    // records held: seq 1 to Size, without gaps
	ID         ct.ID     // of the record at Size; zero when Size is 0
	LastIssued ct.Millis // issued_at of the record at Size
	End        uint64    // where it ends: the offset of what comes next is no lower
	Contested  uint64    // the lowest seq at which a fork is proved: from there on the log is not extended; 0: none
	Closed     bool      // its State has ended it (CloseLog): nothing follows the record that the closing names
}

// Next is what the record that follows has to say; first is prev of the log's
// first record.
func (h Head) Next(first ct.ID) wire.Next {
	if h.Size == 0 {
		return wire.First(first)
	}
	return wire.Next{Seq: h.Size + 1, Prev: h.ID, End: h.End, Issued: h.LastIssued}
}

// Add makes h the head after one more record; n is what that dictates of the next.
func (h *Head) Add(n wire.Next) {
	h.Size, h.ID, h.LastIssued, h.End = n.Seq-1, n.Prev, n.Issued, n.End
}

// Ends tells whether no record of this seq may be added, because of a fork: what
// comes before the fork is undisputed and goes on coming in.
func (h Head) Ends(seq uint64) bool { return h.Contested != 0 && seq >= h.Contested }

// Head tells how far one log is held; false: nothing is known of it.
func (s *Store) Head(log ct.LogID) (Head, bool) {
	if e := s.entry(log); e != nil {
		return e.head, true
	}
	return Head{}, false
}

// Heads is a copy of all heads.
func (s *Store) Heads() map[ct.LogID]Head {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make(map[ct.LogID]Head, len(s.logs))
	for id, e := range s.logs {
		out[id] = e.head
	}
	return out
}

// HeadsAfter gives the heads that have changed since a count of changes, and
// the count now; 0 gives all. Counts are of this opening of the store alone.
func (s *Store) HeadsAfter(changes uint64) (map[ct.LogID]Head, uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := map[ct.LogID]Head{}
	for id, e := range s.logs {
		if e.change > changes {
			out[id] = e.head
		}
	}
	return out, s.changes
}

// Last is the newest cursor; 0 when nothing has arrived.
func (s *Store) Last() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last
}

// Wait blocks until something newer than after has arrived. It returns
// ErrClosed when the store closes and the context's error when that ends.
func (s *Store) Wait(ctx context.Context, after uint64) error {
	for {
		s.mu.RLock()
		last, changed := s.last, s.changed
		s.mu.RUnlock()
		if last > after {
			return nil
		}
		select {
		case <-changed:
		case <-s.closed:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) entry(log ct.LogID) *logEntry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.logs[log]
}

// numbered finds a log by its local number.
func (s *Store) numbered(num uint32) (*logEntry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if num == 0 || int(num) > len(s.byNum) {
		return nil, fmt.Errorf("%s: %w: log number %d is unknown", s.logDB.path, ErrDamaged, num)
	}
	return s.byNum[num-1], nil
}

// publish makes a commit visible: heads and last change at once, and those
// who wait wake up. It runs after the commit, never before.
func (s *Store) publish(entries map[ct.LogID]*logEntry, last uint64) {
	s.recent.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	for id, e := range entries {
		e.change = s.changes
		s.logs[id] = e
		if int(e.num) > len(s.byNum) {
			s.byNum = append(s.byNum, make([]*logEntry, int(e.num)-len(s.byNum))...)
		}
		s.byNum[e.num-1] = e
	}
	if last > s.last {
		s.last = last
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// ownEntry checks that the key of a log's entry, which its sum does not cover,
// is that of the log: its newest record says so.
func (s *Store) ownEntry(tx *bbolt.Tx, e *logEntry) error {
	at := placeOf(e.num, e.head.Size)
	h, err := decodeHeld(tx.Bucket([]byte(bktHdr)).Get(at[:]))
	if err != nil {
		return nil // rotten itself, or none yet
	}
	if header, err := wire.DecodeHeader(h.header); err == nil && header.Log != e.id {
		return fmt.Errorf("%w: log %s has the records of %s", ErrDamaged, e.id.Short(), header.Log.Short())
	}
	return nil
}

func (s *Store) loadHeads() error {
	entries := make(map[ct.LogID]*logEntry)
	var last uint64
	err := s.logDB.view(func(tx *bbolt.Tx) error {
		nums := make(map[uint32]bool)
		err := tx.Bucket([]byte(bktLogs)).ForEach(func(k, v []byte) error {
			e, err := decodeLog(k, v)
			if err == nil {
				entries[e.id], nums[e.num] = e, true
				err = s.ownEntry(tx, e)
			}
			return err
		})
		if err != nil {
			return err
		}
		for n := range uint32(len(entries)) {
			if !nums[n+1] {
				return fmt.Errorf("%w: log number %d is missing", ErrDamaged, n+1)
			}
		}
		if k, _ := tx.Bucket([]byte(bktArr)).Cursor().Last(); k != nil {
			last, err = parseU64(k)
		} else if v := tx.Bucket([]byte(bktMeta)).Get(rebornKey); v != nil {
			last, err = parseU64(v)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", s.logDB.path, err)
	}
	s.logs = make(map[ct.LogID]*logEntry, len(entries))
	s.publish(entries, last)
	return nil
}
