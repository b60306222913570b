package reconcile

import (
	"bytes"
	"maps"
	"slices"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// JournalHead is how far a node's audit journal had come, as its beacon said.
type JournalHead struct {
	Entries uint64
	Head    [32]byte
	Said    ct.Millis // the beacon's time
}

// JournalOf is what is remembered of one node's journal. Broken tells that
// Last contradicts Was: the journal was written anew, cut off, or restored
// from a backup. It stays so until a person accepts it.
type JournalOf struct {
	Node   ct.LogID
	Last   JournalHead
	Broken bool
	Was    JournalHead // the furthest that Last contradicts
}

// Journals remembers the newest journal head that each node's beacons told, so
// that no node rewrites its journal unseen. It holds an entry a node of the
// roster. It is not safe for concurrent use.
type Journals struct {
	by      map[ct.LogID]JournalOf
	changed bool
}

// NewJournals begins with what was kept before.
func NewJournals(kept []JournalOf) *Journals {
	j := &Journals{by: map[ct.LogID]JournalOf{}}
	for _, k := range kept {
		j.by[k.Node] = k
	}
	return j
}

// Hear takes a beacon that Beacons has heard: proved, and of a sane clock. It
// tells whether it contradicts what that node has said before. A journal only
// grows, and at one length it has one head; a beacon that is not newer than the
// last is a copy of an old one and says nothing.
func (j *Journals) Hear(b *wire.Beacon) (contradicts bool) {
	now := JournalHead{Entries: b.JournalEntries, Head: b.JournalHead, Said: b.Time}
	k, known := j.by[b.Node]
	switch {
	case !known && now.Entries == 0, known && b.Time <= k.Last.Said:
		return false
	case known && (now.Entries < k.Last.Entries || now.Entries == k.Last.Entries && now.Head != k.Last.Head):
		contradicts = true
		if !k.Broken || k.Last.Entries > k.Was.Entries {
			k.Was = k.Last
		}
		k.Broken = true
	case known && now.Entries == k.Last.Entries:
		// Nothing new but the time, which is not worth a write.
		k.Last.Said = now.Said
		j.by[b.Node] = k
		return false
	}
	k.Node, k.Last = b.Node, now
	j.by[b.Node], j.changed = k, true
	return contradicts
}

// Accept ends the alarm about a node's journal; false: there is none.
func (j *Journals) Accept(node ct.LogID) bool {
	k, ok := j.by[node]
	if !ok || !k.Broken {
		return false
	}
	k.Broken, k.Was = false, JournalHead{}
	j.by[node], j.changed = k, true
	return true
}

// Forget drops the nodes that the roster names no more.
func (j *Journals) Forget(member func(ct.LogID) bool) {
	maps.DeleteFunc(j.by, func(node ct.LogID, _ JournalOf) bool { return !member(node) })
}

// All is what is remembered, in order of node.
func (j *Journals) All() []JournalOf {
	return slices.SortedFunc(maps.Values(j.by), func(a, b JournalOf) int { return bytes.Compare(a.Node[:], b.Node[:]) })
}

// Changed tells whether there is something to keep since it was last asked.
func (j *Journals) Changed() bool {
	c := j.changed
	j.changed = false
	return c
}
