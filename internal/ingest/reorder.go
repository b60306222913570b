package ingest

import (
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// Bounds of what waits for a gap to close.
const (
	window     = 256      // records ahead of a log's head
	maxWaiting = 64 << 20 // bytes, of all logs together
)

// reorder holds records that came before the ones they follow. Each log may
// hold those within window of its head. When all of it is too large, the log
// that holds most loses everything: a member that sends gaps harms itself.
type reorder struct {
	logs map[ct.LogID]*waitingLog
	size int64
	n    int
}

type waitingLog struct {
	recs map[uint64]verify.Record
	size int64
}

// at finds the record that waits at seq.
func (r *reorder) at(log ct.LogID, seq uint64) (verify.Record, bool) {
	if w := r.logs[log]; w != nil {
		rec, ok := w.recs[seq]
		return rec, ok
	}
	return verify.Record{}, false
}

// add keeps a record. evicted is a log that lost all it had, if one did.
func (r *reorder) add(rec verify.Record) (evicted ct.LogID, ok bool) {
	h := rec.Header()
	w := r.logs[h.Log]
	if w == nil {
		w = &waitingLog{recs: make(map[uint64]verify.Record)}
		if r.logs == nil {
			r.logs = make(map[ct.LogID]*waitingLog)
		}
		r.logs[h.Log] = w
	}
	w.recs[h.Seq] = rec
	w.size += cost(rec)
	r.size += cost(rec)
	r.n++
	if r.size <= maxWaiting {
		return ct.LogID{}, false
	}
	for log, w := range r.logs {
		if heaviest := r.logs[evicted]; heaviest == nil || w.size > heaviest.size {
			evicted = log
		}
	}
	r.drop(evicted)
	return evicted, true
}

// take removes and returns the record that waits at seq.
func (r *reorder) take(log ct.LogID, seq uint64) (verify.Record, bool) {
	rec, ok := r.at(log, seq)
	if !ok {
		return rec, false
	}
	w := r.logs[log]
	delete(w.recs, seq)
	w.size -= cost(rec)
	r.size -= cost(rec)
	r.n--
	if len(w.recs) == 0 {
		delete(r.logs, log)
	}
	return rec, true
}

// dropFrom forgets what waits of a log from a seq on.
func (r *reorder) dropFrom(log ct.LogID, seq uint64) {
	if w := r.logs[log]; w != nil {
		for s := range w.recs {
			if s >= seq {
				r.take(log, s)
			}
		}
	}
}

// drop forgets all that waits of a log.
func (r *reorder) drop(log ct.LogID) {
	if w := r.logs[log]; w != nil {
		r.size -= w.size
		r.n -= len(w.recs)
		delete(r.logs, log)
	}
}
