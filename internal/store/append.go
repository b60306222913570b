package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// MaxBatch is the most records that one Append, FillBodies or step of Erase takes.
const MaxBatch = 8192

// entry is one record on its way into the files.
type entry struct {
	rec    verify.Record
	log    *logEntry // as it is after this record
	at     place
	sealed []byte // nil: came without its body
	held   held
}

// Append stores records that extend their logs, all or none, and returns the
// newest cursor. They are durable when it returns. The caller has put them in
// order; a batch in which seq or prev does not continue a log, or that goes on
// where a fork is proved, is refused whole.
func (s *Store) Append(recs []verify.Record) (last uint64, err error) {
	if len(recs) > MaxBatch {
		return 0, fmt.Errorf("append: %d records, at most %d", len(recs), MaxBatch)
	}
	s.w.Lock()
	defer s.w.Unlock()
	last = s.Last()
	if len(recs) == 0 {
		return last, nil
	}
	if err := s.room(recs); err != nil {
		return last, fmt.Errorf("append: %w", err)
	}
	if err := s.clearRemains(); err != nil {
		return last, fmt.Errorf("append: %w", err)
	}
	entries, logs, err := s.plan(recs, last)
	if err != nil {
		return last, fmt.Errorf("append: %w", err)
	}
	// Salts and bodies are made durable while the changes of log.db are gathered,
	// in memory alone. A crash before its commit leaves salts and bodies that no
	// header names: nobody was told of them. After it the records are in the store.
	var bodies errgroup.Group
	bodies.Go(func() error { return s.putBodies(entries) })
	err = s.logDB.update(func(tx *bbolt.Tx) error {
		if err := s.putEntries(tx, entries, logs); err != nil {
			return err
		}
		return bodies.Wait()
	})
	// Both are at rest before anything else begins, and either may have failed.
	if errBodies := bodies.Wait(); !errors.Is(err, errBodies) {
		err = errors.Join(errBodies, err)
	}
	if err != nil {
		return last, fmt.Errorf("append: %w", err)
	}
	last += uint64(len(recs))
	s.publish(logs, last)
	return last, nil
}

// plan checks the order of a batch and gives each record its place, by place
// in order: neighbours in a file are written together.
func (s *Store) plan(recs []verify.Record, last uint64) ([]entry, map[ct.LogID]*logEntry, error) {
	logs := make(map[ct.LogID]*logEntry)
	entries := make([]entry, len(recs))
	for i, rec := range recs {
		h := rec.Header()
		l := logs[h.Log]
		if l == nil {
			l = s.open(rec, logs)
		}
		next := l.head.Next(l.first)
		switch {
		case l.head.Ends(h.Seq):
			return nil, nil, fmt.Errorf("log %s is contested from %d on", h.Log.Short(), l.head.Contested)
		case h.Seq != next.Seq:
			return nil, nil, fmt.Errorf("log %s: seq %d after %d", h.Log.Short(), h.Seq, l.head.Size)
		case h.Prev != next.Prev:
			return nil, nil, fmt.Errorf("log %s: seq %d does not name the record before it", h.Log.Short(), h.Seq)
		case h.Offset != rec.Due(next.End):
			return nil, nil, fmt.Errorf("log %s: seq %d does not count the records before it", h.Log.Short(), h.Seq)
		}
		l.head.Add(rec.Next())
		e := &entries[i]
		*e = entry{rec: rec, log: l, at: placeOf(l.num, h.Seq), held: s.heldOf(rec, last+1+uint64(i))}
	}
	if err := s.sealEntries(entries); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.at[:], b.at[:]) })
	if s.reborn != 0 {
		err := s.bury(entries)
		return entries, logs, err
	}
	return entries, logs, nil
}

// open makes a log's entry that the batch may change.
func (s *Store) open(rec verify.Record, logs map[ct.LogID]*logEntry) *logEntry {
	id := rec.Header().Log
	l := &logEntry{id: id, state: rec.State(), root: rec.Root(), first: rec.First()}
	if known := s.entry(id); known != nil {
		*l = *known
	} else {
		s.mu.RLock()
		l.num = uint32(len(s.byNum)) + 1
		s.mu.RUnlock()
		for _, other := range logs {
			if other.num >= l.num {
				l.num = other.num + 1
			}
		}
	}
	logs[id] = l
	return l
}

// heldOf drops a body of a topic that this node does not keep. Of a root log all
// bodies are kept, but for those of kinds that have no business there.
func (s *Store) heldOf(rec verify.Record, cursor uint64) held {
	h := held{
		cursor: cursor, state: BodyMissing, alg: rec.Alg(), sig: rec.Sig(),
		reason: rec.Inadmissible(), header: rec.HeaderBytes(),
	}
	switch header := rec.Header(); {
	case rec.Root() && ofNodes(ct.Kind(header.Kind)):
		h.state = BodyLocal
	case rec.HasBody() && (rec.Root() || s.keeps(header.Topic)):
		h.state, h.bodyLen = BodyHeld, uint32(len(rec.Body()))
	}
	return h
}

// topicMark is the value of a place in the bucket of missing bodies.
func topicMark(topic uint32) []byte { return []byte{byte(min(topic, 255))} }

func (s *Store) keeps(topic uint32) bool { return s.cfg.Topics.Has(ct.Topic(topic)) }

// sealPart is how many bodies are worth a goroutine.
const sealPart = 256

// sealEntries seals the bodies that are held, each part into one piece of
// memory and on a processor of its own.
func (s *Store) sealEntries(entries []entry) error {
	var parts errgroup.Group
	parts.SetLimit(runtime.NumCPU())
	for part := range slices.Chunk(entries, max(sealPart, (len(entries)+runtime.NumCPU()-1)/runtime.NumCPU())) {
		parts.Go(func() (err error) {
			size := 0
			for i := range part {
				if part[i].held.state == BodyHeld {
					size += len(part[i].rec.Body()) + sealOver
				}
			}
			sealed := make([]byte, 0, size)
			for i := range part {
				e := &part[i]
				if e.held.state != BodyHeld {
					continue
				}
				from := len(sealed)
				if sealed, err = s.seal.sealBody(sealed, e.rec.Salt(), e.rec.ID(), e.rec.Body()); err != nil {
					return err
				}
				e.sealed = sealed[from:len(sealed):len(sealed)]
			}
			return nil
		})
	}
	return parts.Wait()
}

// putBodies commits salts and bodies of the entries that have one, side by
// side: neither means anything before the header, which comes after both.
func (s *Store) putBodies(entries []entry) error {
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.sealed != nil }) {
		return nil
	}
	var salts, bodies error
	var both errgroup.Group
	both.Go(func() error {
		salts = s.keysDB.update(func(tx *bbolt.Tx) error {
			return s.keysDB.putAll(tx, bktSalt, entries, func(e *entry) []byte { return e.rec.Salt() })
		})
		return nil
	})
	both.Go(func() error {
		bodies = s.bodyDB.update(func(tx *bbolt.Tx) error {
			return s.bodyDB.putAll(tx, bktBody, entries, func(e *entry) []byte { return e.sealed })
		})
		return nil
	})
	_ = both.Wait()
	return errors.Join(salts, bodies) // both: one may be full where the other has stopped
}

func (f *file) putAll(tx *bbolt.Tx, bucket string, entries []entry, value func(*entry) []byte) error {
	b := tx.Bucket([]byte(bucket))
	b.FillPercent = logFill
	for i := range entries {
		if e := &entries[i]; e.sealed != nil {
			if err := b.Put(e.at[:], value(e)); err != nil {
				return err
			}
			f.touch(bucket, e.at[:])
		}
	}
	return nil
}

// logFill fills pages of buckets whose keys grow within each log; they are
// appended to, not filled up later.
const logFill = 0.95

func (s *Store) putEntries(tx *bbolt.Tx, entries []entry, logs map[ct.LogID]*logEntry) error {
	hdr, missing := tx.Bucket([]byte(bktHdr)), tx.Bucket([]byte(bktMissing))
	hdr.FillPercent = logFill
	for i := range entries {
		e := &entries[i]
		if err := hdr.Put(e.at[:], e.held.encode()); err != nil {
			return err
		}
		if e.held.state == BodyMissing {
			if err := missing.Put(e.at[:], topicMark(e.rec.Header().Topic)); err != nil {
				return err
			}
		}
	}
	if err := putChained(tx, entries); err != nil {
		return err
	}
	for id, l := range logs {
		if err := tx.Bucket([]byte(bktLogs)).Put(id[:], l.encode()); err != nil {
			return err
		}
	}
	if err := s.putArrivals(tx, entries); err != nil {
		return err
	}
	return s.applyRetractions(tx, entries, logs)
}

// putArrivals puts the places of the entries by arrival.
func (s *Store) putArrivals(tx *bbolt.Tx, entries []entry) error {
	arr := tx.Bucket([]byte(bktArr))
	arr.FillPercent = 1
	for _, e := range byArrival(entries) {
		if err := arr.Put(u64(e.held.cursor), e.at[:]); err != nil {
			return err
		}
	}
	return nil
}

// byArrival leaves the entries where they are: others read them meanwhile.
func byArrival(entries []entry) []*entry {
	out := make([]*entry, len(entries))
	for i := range entries {
		out[i] = &entries[i]
	}
	slices.SortFunc(out, func(a, b *entry) int { return cmp.Compare(a.held.cursor, b.held.cursor) })
	return out
}
