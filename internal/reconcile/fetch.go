package reconcile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// ErrOrder is of a peer that does not serve what it was asked for.
var ErrOrder = errors.New("peer sent a record that was not the next one asked for")

// Fetch turns ranges into wants and checks that the answers are these ranges,
// record by record. It holds positions only, no records.
type Fetch struct {
	queue   []wire.SyncRange   // not asked for yet
	asked   [][]wire.SyncRange // what is left of each want under way, in order
	bodies  bool               // only records whose body the peer holds
	partial bool               // the peer may leave out what it likes

	Bare bool // headers are enough for now, but on control
}

// NewFetch plans ranges, which may be longer than one want.
func NewFetch(ranges []wire.SyncRange) *Fetch { return &Fetch{queue: slices.Clone(ranges)} }

// NewBodyFetch plans the bodies of records whose headers are held. The peer
// leaves out what it does not hold.
func NewBodyFetch(refs []ct.Ref) *Fetch {
	return &Fetch{queue: ranges(refs), bodies: true, partial: true}
}

// NewSignatureFetch plans records that are held with a bad signature.
func NewSignatureFetch(refs []ct.Ref) *Fetch { return NewPartialFetch(ranges(refs)) }

// NewPartialFetch plans ranges of which the peer has promised nothing. It leaves
// out what it does not hold or cannot vouch for, which may be all, so that each
// range is a want of its own.
func NewPartialFetch(ranges []wire.SyncRange) *Fetch {
	return &Fetch{queue: slices.Clone(ranges), partial: true}
}

func ranges(refs []ct.Ref) (out []wire.SyncRange) {
	for _, r := range refs {
		if n := len(out); n > 0 && out[n-1].Log == r.Log && out[n-1].From+out[n-1].Count == r.Seq {
			out[n-1].Count++
			continue
		}
		out = append(out, wire.SyncRange{Log: r.Log, From: r.Seq, Count: 1})
	}
	return out
}

// Next is the next want within the limits of the wire; nil when all is asked for.
func (f *Fetch) Next() *wire.SyncWant {
	w, most := &wire.SyncWant{Bodies: f.bodies}, wire.MaxSyncRanges
	if f.partial && !f.bodies {
		most = 1
	}
	for room := uint64(wire.MaxSyncWant); room > 0 && len(f.queue) > 0 && len(w.Ranges) < most; {
		r := &f.queue[0]
		n := min(r.Count, room)
		w.Ranges = append(w.Ranges, wire.SyncRange{Log: r.Log, From: r.From, Count: n})
		room -= n
		r.From += n
		if r.Count -= n; r.Count == 0 {
			f.queue = f.queue[1:]
		}
	}
	if len(w.Ranges) == 0 {
		return nil
	}
	f.asked = append(f.asked, slices.Clone(w.Ranges))
	return w
}

// Open is how many wants are under way.
func (f *Fetch) Open() int { return len(f.asked) }

// Got checks the next record of the oldest want under way.
func (f *Fetch) Got(log ct.LogID, seq uint64) error {
	if len(f.asked) == 0 {
		return fmt.Errorf("%w: nothing was asked", ErrOrder)
	}
	for left := f.asked[0]; len(left) > 0; left = left[1:] {
		r := &left[0]
		if r.Log == log && seq >= r.From && seq < r.From+r.Count && (f.partial || seq == r.From) {
			r.Count -= seq + 1 - r.From
			r.From = seq + 1
			if r.Count == 0 {
				left = left[1:]
			}
			f.asked[0] = left
			return nil
		}
		if !f.partial {
			break
		}
	}
	return fmt.Errorf("%w: log %s seq %d", ErrOrder, log.Short(), seq)
}

// GotUnknown takes a record of which this version cannot read what it is: it
// stands for the next one asked for, whose log it tells.
func (f *Fetch) GotUnknown() (ct.LogID, error) {
	if f.partial || len(f.asked) == 0 || len(f.asked[0]) == 0 {
		return ct.LogID{}, fmt.Errorf("%w: a record of another version", ErrOrder)
	}
	r := f.asked[0][0]
	return r.Log, f.Got(r.Log, r.From)
}

// Done closes the oldest want under way: the peer said that it is answered. It
// gives what of it did not come, though the peer had promised it.
func (f *Fetch) Done() (short []wire.SyncRange, err error) {
	if len(f.asked) == 0 {
		return nil, fmt.Errorf("%w: nothing was asked", ErrOrder)
	}
	left := f.asked[0]
	f.asked = f.asked[1:]
	if f.partial {
		left = nil
	}
	return left, nil
}
