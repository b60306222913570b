package ingest

import (
	"sync/atomic"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// job is one submission. Exactly one of the writer and a caller who gives up
// claims it; after that the writer owns it until done is closed.
type job struct {
	recs   []verify.Record
	author *author // sign one record, which becomes recs
	rewind *rewind // shorten a log; there are no recs
	proved bool    // recs lead to the record that their log's closing names
	proof  bool    // recs are the two of a fork proof
	cost   int64   // held of Ingest.room until the writer takes it

	claimed  atomic.Bool
	done     chan struct{} // nil: nobody waits
	outcomes []Outcome     // of recs
	err      error         // not stored

	one    [1]verify.Record // memory of recs and outcomes of an offer
	oneOut [1]Outcome
}

type author struct {
	log   ct.LogID
	first ct.ID
	sign  func(wire.Next) (verify.Record, error)
}

// rewind takes disowned records out of a log that its State has closed.
type rewind struct {
	log ct.LogID
	do  func() error
}

// newJob makes a job that somebody waits for.
func newJob(recs []verify.Record) *job {
	j := &job{recs: recs, done: make(chan struct{}), outcomes: make([]Outcome, len(recs))}
	for _, r := range recs {
		j.cost += cost(r)
	}
	return j
}

// newOffer makes a job of one record that nobody waits for.
func newOffer(rec verify.Record) *job {
	j := &job{cost: cost(rec)}
	j.one[0] = rec
	j.recs, j.outcomes = j.one[:], j.oneOut[:]
	return j
}

func (j *job) claim() bool { return j.claimed.CompareAndSwap(false, true) }

// cost is about what a record takes in memory.
func cost(r verify.Record) int64 { return int64(len(r.Raw())) + recordCost }
