package exchange

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

const (
	// minRange is how many successive records of a log prove themselves by one
	// signature; of fewer, each signature is checked at once.
	minRange = 8
	// maxRange keeps all cores busy with a chunk of one log.
	maxRange = 128
)

// cores is how much is verified at once: there may be more threads than
// processors, for those that wait for the disk.
func cores() int { return min(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// run is successive records of one log in a chunk: raws[from:to]. A peer
// vouches for the signature of its last record alone.
type run struct{ from, to int }

func runs(raws [][]byte) (out []run) {
	var last ct.LogID
	var next uint64
	for i, raw := range raws {
		log, seq, err := wire.Peek(raw)
		n := len(out)
		if n > 0 && wire.OtherVersion(raw) { // it stands where the next one was due
			log, seq, err = last, next, nil
		}
		if err == nil && n > 0 && log == last && seq == next {
			out[n-1].to = i + 1
		} else {
			out = append(out, run{i, i + 1})
		}
		last, next = log, seq+1
	}
	return out
}

// opened is a chunk while it is being verified, by record.
type opened struct {
	raws [][]byte
	recs []verify.Record
	errs []error
	view *roster.View
	now  time.Time
}

func (x *Exchange) begin(raws [][]byte) *opened {
	return &opened{raws, make([]verify.Record, len(raws)), make([]error, len(raws)), x.cfg.View(), x.cfg.Clock()}
}

// held are logs with a record that this node cannot judge now, and for how long
// they are left alone.
type held map[ct.LogID]time.Duration

const (
	// heldFor is for what hangs on the roster, a clock or a log's growth, at
	// first; each time after that it is twice as long, up to heldMost. That is also
	// for a version or an algorithm that this program does not know.
	heldFor  = time.Minute
	heldMost = time.Hour
)

func (h held) add(log ct.LogID, why verify.Reason) {
	d := heldFor
	if why == verify.BadAlgorithm || why == verify.UnknownVersion {
		d = heldMost
	}
	h[log] = max(h[log], d)
}

// openChunk proves the records of one chunk on all cores. A fault that any
// node would find is the peer's. One that depends on this node's roster or
// clock, or on what this version knows, blames nobody: the log is held, and what
// comes before that record is taken. A
// bad signature inside a run whose last one is good blames nobody either.
func (x *Exchange) openChunk(raws [][]byte, held held) ([]verify.Record, error) {
	o := x.begin(raws)
	all := runs(raws)
	proved := make([]bool, len(all))
	var parts errgroup.Group
	parts.SetLimit(cores())
	failed := make([]bool, len(raws)) // by first record of a part
	for _, r := range all {
		for from := r.from; from < r.to; from += maxRange {
			part := run{from, min(from+maxRange, r.to)}
			parts.Go(func() error {
				failed[part.from] = !o.part(part)
				return nil
			})
		}
	}
	_ = parts.Wait() // errors are in o
	for i, r := range all {
		proved[i] = true
		for from := r.from; from < r.to; from += maxRange {
			proved[i] = proved[i] && !failed[from]
		}
		// A part may end in a signature that is not good while the run does
		// not; when the run does, its records are opened one by one.
		if !proved[i] && !o.whole(r) {
			o.each(r)
			o.beforeHeld(r)
		}
	}
	return x.judged(o, held)
}

// openEach checks every signature, on all cores.
func (x *Exchange) openEach(raws [][]byte, held held) ([]verify.Record, error) {
	o := x.begin(raws)
	o.each(run{0, len(raws)})
	return x.judged(o, held)
}

// openSigned gives only records that are signed themselves. The peer may pass
// on a bad signature inside a run and is to blame for its last one.
func (x *Exchange) openSigned(raws [][]byte, held held) ([]verify.Record, error) {
	o := x.begin(raws)
	o.each(run{0, len(raws)})
	var signed opened
	for _, r := range runs(raws) {
		for i := r.from; i < r.to; i++ {
			var fault *verify.Error
			if i < r.to-1 && errors.As(o.errs[i], &fault) && fault.Reason == verify.BadSignature {
				continue
			}
			signed.raws, signed.recs, signed.errs = append(signed.raws, raws[i]), append(signed.recs, o.recs[i]), append(signed.errs, o.errs[i])
		}
	}
	return x.judged(&signed, held)
}

// part opens a part of a run as cheaply as its length allows; false when it
// does not prove itself.
func (o *opened) part(r run) bool {
	if r.to-r.from >= minRange {
		return o.whole(r)
	}
	for i := r.from; i < r.to; i++ {
		if o.recs[i], o.errs[i] = verify.Open(o.raws[i], o.view, o.now); o.errs[i] != nil {
			return false
		}
	}
	return true
}

func (o *opened) whole(r run) bool {
	recs, err := verify.OpenRange(o.raws[r.from:r.to], o.view, o.now)
	if err != nil {
		return false
	}
	copy(o.recs[r.from:r.to], recs)
	clear(o.errs[r.from:r.to])
	return true
}

func (o *opened) each(r run) {
	workers := cores()
	var g errgroup.Group
	for w := range workers {
		g.Go(func() error {
			for i := r.from + w; i < r.to; i += workers {
				o.recs[i], o.errs[i] = verify.Open(o.raws[i], o.view, o.now)
			}
			return nil
		})
	}
	_ = g.Wait() // errors are in o, in the order of the records
}

// beforeHeld proves what of a run comes before a record that cannot be judged.
// Its last good signature is the word for all up to there. A bad one after that
// blames nobody: the peer vouches for the end of the run, which is held.
func (o *opened) beforeHeld(r run) {
	end, good, bad := r.from, r.from, 0 // how many before good are not good themselves
	for ; end < r.to && !o.holds(end); end++ {
		if o.errs[end] == nil {
			bad, good = end-good+bad, end+1
		}
	}
	if end == r.to || bad > 0 && !o.whole(run{r.from, good}) {
		return
	}
	for i := good; i < end; i++ {
		if o.reason(i) == verify.BadSignature {
			o.errs[i] = o.errs[end]
		}
	}
}

// reason is why a record was refused; empty: it was not.
func (o *opened) reason(i int) verify.Reason {
	var fault *verify.Error
	if errors.As(o.errs[i], &fault) {
		return fault.Reason
	}
	return ""
}

// holds tells whether a record is one that cannot be judged. A version and an
// algorithm that this program does not know may be known to the peer.
func (o *opened) holds(i int) bool {
	var fault *verify.Error
	return errors.As(o.errs[i], &fault) &&
		(fault.Verdict() == verify.Ignore || fault.Reason == verify.UnknownVersion || fault.Reason == verify.BadAlgorithm)
}

// openBodies proves records that are held without their bodies: whether their logs
// may speak was judged when they came. What a peer gives instead of them is left
// out; ordinary sync finds a fork.
func (x *Exchange) openBodies(refs []ct.Ref) func([][]byte, held) ([]verify.Record, error) {
	want := make(map[ct.ID]bool, len(refs))
	for _, r := range refs {
		want[r.ID] = true
	}
	return func(raws [][]byte, held held) ([]verify.Record, error) {
		o := x.begin(raws)
		o.now = time.Time{}
		o.each(run{0, len(raws)})
		recs, err := x.judged(o, held)
		return slices.DeleteFunc(recs, func(r verify.Record) bool { return !want[r.ID()] }), err
	}
}

// judged gives the good records in order, up to a fault that is the peer's.
func (x *Exchange) judged(o *opened, held held) ([]verify.Record, error) {
	good := o.recs[:0]
	for i, err := range o.errs {
		switch {
		case err == nil && held[o.recs[i].Header().Log] == 0:
			good = append(good, o.recs[i])
		case err == nil:
		case !o.holds(i):
			return good, fmt.Errorf("%w: %w", errPeer, err)
		default:
			if wire.OtherVersion(o.raws[i]) {
				continue // read has noted its log
			}
			log, seq, perr := wire.Peek(o.raws[i])
			if perr != nil {
				return good, fmt.Errorf("%w: %w", errPeer, perr)
			}
			if held[log] == 0 {
				x.log.Debug("cannot judge a record yet", "log", log.Short(), "seq", seq, "err", err)
			}
			held.add(log, o.reason(i))
		}
	}
	return good, nil
}
