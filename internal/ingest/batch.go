package ingest

import (
	"fmt"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// batch is what one commit is going to do. Outcomes are set as if it
// succeeded; fail takes them back.
type batch struct {
	in      *Ingest
	view    *roster.View // one for the whole batch, so that no range is cut; nil: not asked
	heads   map[ct.LogID]*head
	appends []item
	fills   []item
	forks   []fork
	gaps    map[ct.LogID]bool
	full    bool // the disk is: records come in without their bodies
	loose   *job // of records that waited: their callers have gone

	// Items whose outcome hangs on a step of the commit.
	onAppend, onFill, onFork []item
}

func newBatch(in *Ingest) *batch {
	b := &batch{in: in, full: !in.cfg.Store.Full().IsZero(), heads: make(map[ct.LogID]*head), gaps: make(map[ct.LogID]bool), loose: newJob(nil)}
	if in.cfg.View != nil {
		b.view = in.cfg.View()
	}
	return b
}

func (b *batch) head(log ct.LogID) *head {
	h := b.heads[log]
	if h == nil {
		h = b.in.head(log)
		b.heads[log] = h
	}
	return h
}

// place decides what becomes of one record.
func (b *batch) place(it item) {
	h := it.rec.Header()
	hd := b.head(h.Log)
	if c := b.closing(h.Log); c != nil {
		b.placeClosed(it, hd, c)
		return
	}
	// What this node signs itself is not known to anybody until it is stored.
	if mine := it.job.author != nil; !mine && hd.seen < h.Seq {
		hd.seen = h.Seq
		b.in.seen[h.Log] = h.Seq
	}
	switch {
	case !b.mayspeak(h.Log):
		b.set(it, Refused)
	case h.Seq <= hd.Size:
		b.again(it, hd)
	case hd.Ends(h.Seq):
		b.set(it, Forked)
	case h.Seq == hd.Size+1:
		b.next(it, hd)
	case h.Seq <= hd.Size+window && !it.rec.Chained(): // which is worth nothing without its range
		b.early(it)
	default:
		b.gaps[h.Log] = true
		b.set(it, Dropped)
	}
}

func (b *batch) mayspeak(log ct.LogID) bool {
	if b.view == nil {
		return true
	}
	_, ok := b.view.Right(log)
	return ok
}

// again judges a record at a seq that is held, or is in this batch.
func (b *batch) again(it item, hd *head) {
	h := it.rec.Header()
	var id ct.ID
	state := store.BodyMissing
	if mine, ok := hd.at(h.Seq); ok {
		id = mine.ID()
		if mine.HasBody() {
			state = store.BodyHeld
		}
	} else {
		var err error
		if id, state, _, err = b.in.cfg.Store.Lookup(h.Log, h.Seq); err != nil {
			b.in.log.Error("a held record cannot be read", "log", h.Log.Short(), "seq", h.Seq, "error", err)
			b.refuse(it, err)
			return
		}
	}
	switch {
	case id != it.rec.ID():
		b.fork(nil, it, hd)
	case state == store.BodyMissing && it.rec.HasBody() && b.full && !store.Essential(it.rec):
		b.refuse(it, errNoRoom)
	case state == store.BodyMissing && it.rec.HasBody():
		b.fills = append(b.fills, it)
		b.set(it, BodyFilled, &b.onFill)
	case h.Seq > hd.held:
		b.set(it, Duplicate, &b.onAppend)
	default:
		b.set(it, Duplicate)
	}
}

// next judges a record that comes right after the head.
func (b *batch) next(it item, hd *head) {
	h, due := it.rec.Header(), hd.Next(it.rec.First())
	switch {
	case b.full && !store.Essential(it.rec) && (it.job.author != nil || !b.in.cfg.Store.HeadersFit()):
		b.refuse(it, errNoRoom) // nobody else has the body of what this node signs
		return
	case hd.Size == 0 && h.Prev != due.Prev:
		b.set(it, Refused)
		return
	case h.Prev != due.Prev:
		b.fork(nil, it, hd)
		return
	}
	if b.full && !store.Essential(it.rec) {
		it.rec = it.rec.Bare() // what follows it may take something away; the body is asked for when there is room
	}
	if early, ok := b.in.waiting.take(h.Log, h.Seq); ok {
		if early.ID() != it.rec.ID() {
			b.fork(&early, it, hd)
			return
		}
		if early.HasBody() && !it.rec.HasBody() && (!b.full || store.Essential(early)) {
			it.rec = early
		}
	}
	if end := it.rec.Due(due.End); h.Offset != end {
		b.in.log.Warn("a record does not say how long its log is, which no sound author signs",
			"log", h.Log.Short(), "seq", h.Seq, "offset", h.Offset, "due", end, "state", it.rec.State())
		b.set(it, Refused)
		return
	}
	hd.Add(it.rec.Next())
	hd.added = append(hd.added, it.rec)
	b.appends = append(b.appends, it)
	b.set(it, Stored, &b.onAppend)
}

// early keeps a record that comes before the ones it follows.
func (b *batch) early(it item) {
	h := it.rec.Header()
	b.gaps[h.Log] = true
	if other, ok := b.in.waiting.at(h.Log, h.Seq); ok {
		switch {
		case other.ID() != it.rec.ID():
			b.fork(&other, it, b.head(h.Log))
			return
		case other.HasBody() || !it.rec.HasBody():
			b.set(it, Held)
			return
		}
		b.in.waiting.take(h.Log, h.Seq)
	}
	b.set(it, Held)
	if evicted, ok := b.in.waiting.add(it.rec); ok {
		b.gaps[evicted] = true
		b.in.log.Warn("too much waits for missing records, a log's were dropped", "log", evicted.Short())
	}
}

// fork stops a log where it forks: what comes before goes on coming in. One proof
// convicts its key, and only one at a lower seq takes its place. A
// proof is two signatures: while one of them is not good, a peer may have
// replaced it, nobody is convicted and the record stays outside.
func (b *batch) fork(a *verify.Record, it item, hd *head) {
	if b.closing(it.rec.Header().Log) != nil {
		b.set(it, Dropped)
		return
	}
	seq := min(it.rec.Header().Seq, hd.Size)
	if a != nil {
		seq = a.Header().Seq
	}
	if !hd.Ends(seq) && !b.provable(a, it, hd) {
		b.set(it, Dropped)
		return
	}
	if !hd.Ends(seq) {
		hd.Contested = seq
		b.forks = append(b.forks, fork{a, it})
		b.in.waiting.dropFrom(it.rec.Header().Log, seq)
		if hd.Size+1 < seq {
			b.gaps[it.rec.Header().Log] = true
		}
	}
	b.set(it, Forked, &b.onFork)
}

// prove takes the two records of a proof, wherever they are in their log.
func (b *batch) prove(j *job) {
	first, it := &j.recs[0], item{j.recs[1], j, 1}
	x, y := first.Header(), it.rec.Header()
	j.outcomes[0] = Dropped
	other := y.Seq == x.Seq && it.rec.ID() != first.ID() || y.Seq == x.Seq+1 && y.Prev != first.ID()
	if x.Log != y.Log || !other || !b.mayspeak(x.Log) || !it.rec.Signed() {
		b.set(it, Dropped)
		return
	}
	b.fork(first, it, b.head(x.Log))
}

func (b *batch) provable(a *verify.Record, it item, hd *head) bool {
	h := it.rec.Header()
	if !it.rec.Signed() {
		return false
	}
	if a != nil {
		return a.Signed()
	}
	seq := min(h.Seq, hd.Size)
	if mine, ok := hd.at(seq); ok {
		return mine.Signed()
	}
	signed, err := b.in.cfg.Store.Signed(h.Log, seq)
	if err != nil {
		b.in.log.Error("a held signature cannot be read", "log", h.Log.Short(), "seq", seq, "error", err)
	}
	return signed && err == nil
}

// release lets in what waited for the records of this batch, as much as one
// commit takes.
func (b *batch) release() {
	for _, it := range b.appends {
		b.in.ready[it.rec.Header().Log] = true
	}
	for log := range b.in.ready {
		hd := b.head(log)
		for len(b.appends) < maxAppend {
			rec, ok := b.in.waiting.at(log, hd.Size+1)
			if !ok || hd.Ends(hd.Size+1) {
				delete(b.in.ready, log)
				break
			}
			b.in.waiting.take(log, hd.Size+1)
			b.place(b.loosen(rec))
		}
	}
}

func (b *batch) loosen(rec verify.Record) item {
	j := b.loose
	j.recs, j.outcomes = append(j.recs, rec), append(j.outcomes, 0)
	return item{rec, j, len(j.recs) - 1}
}

// sign makes a record of this node's own at the head of its log.
func (b *batch) sign(j *job) {
	a := j.author
	hd := b.head(a.log)
	due := hd.Next(a.first)
	switch c := b.closing(a.log); {
	case c != nil:
		j.err = fmt.Errorf("sign: log %s is closed at %d: %w", a.log.Short(), c.Seq, ErrRefused)
		return
	case hd.Contested != 0:
		j.err = fmt.Errorf("sign: log %s: %w", a.log.Short(), ErrForked)
		return
	case hd.seen > hd.Size:
		j.err = fmt.Errorf("sign: log %s has record %d, %d are held: %w", a.log.Short(), hd.seen, hd.Size, ErrGap)
		return
	}
	rec, err := a.sign(due)
	if err != nil {
		j.err = err
		return
	}
	h := rec.Header()
	if h.Log != a.log || h.Seq != due.Seq || h.Prev != due.Prev || h.Offset != rec.Due(due.End) || h.Issued < due.Issued || due.Prev != rec.First() && h.Seq == 1 {
		j.err = fmt.Errorf("sign: the record signed is not the next of log %s", a.log.Short())
		return
	}
	j.recs, j.outcomes = []verify.Record{rec}, make([]Outcome, 1)
	b.place(item{rec, j, 0})
}

// set sets an outcome; on is the step of the commit it hangs on, if any.
func (b *batch) set(it item, o Outcome, on ...*[]item) {
	for _, step := range on {
		*step = append(*step, it)
	}
	it.job.outcomes[it.i] = o
}

// refuse gives a record's caller an error.
func (b *batch) refuse(it item, err error) {
	b.gaps[it.rec.Header().Log] = true
	it.job.outcomes[it.i], it.job.err = failed, err
}

// fail takes back what steps of the commit did not do. Callers get the error;
// of what came by gossip, or waited, a sync is asked for.
func (b *batch) fail(err error, steps ...*[]item) {
	for _, step := range steps {
		for _, it := range *step {
			b.refuse(it, err)
		}
	}
	clear(b.in.ready)
}
