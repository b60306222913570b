// Package reconcile compares what two nodes hold and plans what one fetches
// from the other. It is pure: messages in, messages out. It opens no stream,
// reads no store and checks no signature.
//
// A log is contiguous and has one author, so its length says all of it: a
// frontier (log, size, head) is a version vector, and no set reconciliation is
// needed.
package reconcile

import (
	"bytes"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Class is what the roster says of a log.
type Class uint8

// A log is a stranger's, a State's root log, or a node log.
const (
	Unknown Class = iota
	Root
	Node
)

// Plan is what a comparison of two frontiers asks for.
type Plan struct {
	Roots []wire.SyncRange // fetched first: their delegations admit node logs
	Nodes []wire.SyncRange
	// Suspects are their records at a seq where both sides hold one and the two
	// differ: the logs fork there or below.
	Suspects []wire.SyncRange
	// Proofs are logs of which they know a fork, or a lower one than we do.
	Proofs []ct.LogID
	// Shorter are their heads of logs of which we hold more. A head that is not
	// our record of that seq is a fork as well; only the store can tell.
	Shorter []wire.LogHead
	// Skipped counts logs that the roster does not know yet.
	Skipped int
}

// Behind tells whether the plan fetches anything.
func (p *Plan) Behind() bool {
	return len(p.Roots)+len(p.Nodes)+len(p.Suspects)+len(p.Proofs) > 0
}

// Sort puts a frontier into the order of the wire.
func Sort(heads []wire.LogHead) {
	slices.SortFunc(heads, func(a, b wire.LogHead) int { return bytes.Compare(a.Log[:], b.Log[:]) })
}

// Compare plans what we fetch from the holder of theirs; mine is what we hold of
// a log. A forked log is extended up to the lowest fork that we know.
func Compare(mine func(ct.LogID) wire.LogHead, theirs []wire.LogHead, class func(ct.LogID) Class) Plan {
	var p Plan
	for i := range theirs {
		t := &theirs[i]
		c := class(t.Log)
		if c == Unknown {
			p.Skipped++
			continue
		}
		m := mine(t.Log)
		if t.Fork > 0 && (m.Fork == 0 || t.Fork < m.Fork) {
			p.Proofs = append(p.Proofs, t.Log)
		}
		upTo := t.Size
		if m.Fork > 0 {
			upTo = min(upTo, m.Fork-1)
		}
		switch {
		case upTo > m.Size:
			r := wire.SyncRange{Log: t.Log, From: m.Size + 1, Count: upTo - m.Size}
			if c == Root {
				p.Roots = append(p.Roots, r)
			} else {
				p.Nodes = append(p.Nodes, r)
			}
		case t.Size == m.Size && t.Head != m.Head:
			p.Suspects = append(p.Suspects, wire.SyncRange{Log: t.Log, From: t.Size, Count: 1})
		case t.Size > 0 && t.Size < m.Size:
			p.Shorter = append(p.Shorter, *t)
		}
	}
	return p
}

// Merge gives a sorted frontier in which changed heads replace those of was.
// Neither is written to.
func Merge(was, changed []wire.LogHead) []wire.LogHead {
	out := make([]wire.LogHead, 0, len(was)+len(changed))
	for len(was) > 0 && len(changed) > 0 {
		switch c := bytes.Compare(was[0].Log[:], changed[0].Log[:]); {
		case c < 0:
			out, was = append(out, was[0]), was[1:]
		case c == 0:
			was = was[1:]
		default:
			out, changed = append(out, changed[0]), changed[1:]
		}
	}
	return append(append(out, was...), changed...)
}

// Size is the length of a log in a sorted frontier; 0 when it is not there.
func Size(heads []wire.LogHead, log ct.LogID) uint64 {
	i, ok := slices.BinarySearchFunc(heads, log, func(h wire.LogHead, l ct.LogID) int {
		return bytes.Compare(h.Log[:], l[:])
	})
	if !ok {
		return 0
	}
	return heads[i].Size
}
