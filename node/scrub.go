package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/prometheus/client_golang/prometheus"
)

// The scrub reads everything again within a day, whatever there is, and not
// more often than every hour. Some 70 µs a record are a third of a percent of
// one core.
const (
	scrubPeriod = 10 * time.Second
	scrubBatch  = 512            // records a step, at least: a million in six hours
	scrubRound  = 20 * time.Hour // for all, at most
	scrubRest   = time.Hour      // between the beginnings of two rounds, at least
	mendBatch   = 1024
)

// scrub is how far the scrub has come and what it found since the start.
type scrub struct {
	records, headers, bodies, entries, mended prometheus.Counter

	mu     sync.Mutex
	done   uint64    // records of this round
	rounds uint64    // since the start
	last   time.Time // end of the last round
	rotten uint64    // records found since the start
	blank  uint64    // bodies found since the start
	strays uint64    // entries beside records taken out since the start
}

func newScrub(reg prometheus.Registerer) *scrub {
	counter := func(name, help string, labels prometheus.Labels) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "herald_" + name, Help: help, ConstLabels: labels})
		reg.MustRegister(c)
		return c
	}
	const found = "What the scrub found that is not what was stored."
	return &scrub{
		records: counter("scrub_records_total", "Stored records read again by the scrub.", nil),
		headers: counter("scrub_rotten_total", found, prometheus.Labels{"what": "record"}),
		bodies:  counter("scrub_rotten_total", found, prometheus.Labels{"what": "body"}),
		entries: counter("scrub_rotten_total", found, prometheus.Labels{"what": "entry"}),
		mended:  counter("scrub_mended_total", "Rotten records made whole from what was left of them.", nil),
	}
}

// Of large files a start reads a part of the pages alone; the others are read
// soon after, a little at a time.
const (
	proveAfter = 30 * time.Second
	proveRest  = 20 * time.Millisecond // between some 2 MiB
)

// provePages reads what the start of large files has left unread, once. A
// damaged page ends the node: when it is started again, the file is made anew.
func (n *Node) provePages(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(proveAfter):
	}
	err := errors.Join(n.store.ProvePages(ctx, proveRest), n.index.ProvePages(ctx, proveRest))
	switch {
	case errors.Is(err, store.ErrDamaged):
		return fmt.Errorf("start the node again, it makes the damaged file anew: %w", err)
	case err != nil:
		n.cfg.Log.ErrorContext(ctx, "pages of large files are not proved", "error", err)
	}
	return nil
}

// runScrub reads some of what is stored again every ten seconds, for ever.
func (n *Node) runScrub(ctx context.Context) error {
	tick := time.NewTicker(scrubPeriod)
	defer tick.Stop()
	var at store.ScrubPlace
	began := time.Now()
	for {
		if begun := at != (store.ScrubPlace{}); begun || time.Since(began) >= scrubRest || n.scrub.round() == 0 {
			if !begun {
				began = time.Now()
			}
			at = n.scrubStep(ctx, at)
		}
		n.mendHere(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// scrubStep is one step of the scrub. What rotted is then asked of peers, like
// what never came.
func (n *Node) scrubStep(ctx context.Context, from store.ScrubPlace) store.ScrubPlace {
	batch := max(scrubBatch, int(n.records()/uint64(scrubRound/scrubPeriod)))
	next, found, err := n.store.Scrub(from, batch)
	if err != nil {
		n.cfg.Log.ErrorContext(ctx, "scrub stopped, begins anew; run herald store check", "error", err)
		return store.ScrubPlace{}
	}
	n.scrub.note(found)
	for _, ref := range found.Faults {
		n.exchange.Kick(ref.Log)
	}
	if found.Done {
		return store.ScrubPlace{}
	}
	return next
}

// mendHere makes rotten records whole from what is left of them, where that
// verifies like a record that a peer sent. The others come from peers.
func (n *Node) mendHere(ctx context.Context) {
	if records, _ := n.store.Rot(); records == 0 {
		return
	}
	refs, err := n.store.Rotten(mendBatch)
	if err != nil {
		n.cfg.Log.ErrorContext(ctx, "rotten records cannot be named", "error", err)
		return
	}
	var whole []verify.Record
	for _, ref := range refs {
		if raw := n.store.Remains(ref); raw != nil {
			if rec, err := verify.Open(raw, n.view.Load(), time.Now()); err == nil {
				whole = append(whole, rec)
			}
		}
		if n.exchange != nil { // it is made after the roster has been read
			n.exchange.Kick(ref.Log)
		}
	}
	mended, err := n.store.Mend(whole)
	if err != nil {
		n.cfg.Log.ErrorContext(ctx, "rotten records stay as they are", "error", err)
	}
	n.scrub.mended.Add(float64(mended))
}

func (s *scrub) note(found store.Scrubbed) {
	s.records.Add(float64(found.Records))
	s.headers.Add(float64(len(found.Faults)))
	s.bodies.Add(float64(found.Rotten))
	s.entries.Add(float64(found.Strays))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done += uint64(found.Records)
	s.rotten += uint64(len(found.Faults))
	s.blank += uint64(found.Rotten)
	s.strays += uint64(found.Strays)
	if found.Done {
		s.rounds, s.done, s.last = s.rounds+1, 0, time.Now()
	}
}

func (s *scrub) round() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rounds
}

// alarm is the line for a disk that does not keep what was written; "" when
// nothing has rotted since the start.
func (s *scrub) alarm(st *store.Store) string {
	records, bodies := st.Rot()
	s.mu.Lock()
	defer s.mu.Unlock()
	if records+bodies == 0 && s.rotten+s.blank+s.strays == 0 {
		return ""
	}
	return fmt.Sprintf("storage: what was stored has rotted: %d records and %d bodies wait for a peer's copy, the scrub found %d and %d since the start and mended %d entries beside them; look at the disk",
		records, bodies, s.rotten, s.blank, s.strays)
}

// progress is the part of this round that is done, 0 to 1, and when the last
// round ended; zero: none since the start.
func (s *scrub) progress(total uint64) (float64, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if total == 0 {
		return 0, s.last
	}
	return min(1, float64(s.done)/float64(total)), s.last
}
