// Package roster says who may speak: a pure state machine over the genesis
// and the root logs. It holds no time and no store; a View is an immutable
// snapshot that others share freely. It does not judge records: that is
// verify, which asks a View.
package roster

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Member is a State of the network.
type Member struct {
	State ct.State
	Root  ct.LogID
	Nodes []Node // with a delegation that this view knows, by serial
}

// Node is one delegated node key.
type Node struct {
	Key                 ct.LogID
	State               ct.State
	Serial              uint64    // of the newest delegation of this key
	Delegation          ct.ID     // the first one: seq 1 of the node's log has it as prev
	NotBefore, NotAfter ct.Millis // window of issued_at: from NotBefore, before NotAfter
	Addrs               []string  // multiaddrs known at the founding; ADDRESS records replace them
	Closing             *Closing  // its log has ended for good; nil: it has not
}

// Closing is the end of a node log: the record ID at Seq is the last that
// counts, and whatever does not lead to it is disowned. Treat it as read-only.
type Closing struct {
	Seq    uint64    // 0: nothing in the log counts
	ID     ct.ID     // of the record at Seq; for Seq 0 what prev of seq 1 names
	Record ct.ID     // the CLOSING
	Issued ct.Millis // of the CLOSING
	Reason string
}

// Right is what a key may sign.
type Right struct {
	State               ct.State
	Root                bool      // a root log: delegations and the like; else a node log
	First               ct.ID     // prev of seq 1
	NotBefore, NotAfter ct.Millis // node logs: issued_at lies inside; zero for root logs
	Growth              Growth    // what the log may take
	Closing             *Closing  // of a node log that has ended for good: it stands instead of the window
}

// View is an immutable snapshot of the roster.
type View struct {
	network  ct.NetworkID
	name     string
	exercise bool
	created  ct.Millis
	policy   Policy
	members  map[ct.State]Member // Nodes of a member is never changed in place
	rights   map[ct.LogID]Right
	nodes    map[ct.LogID]Node
	heads    map[ct.LogID]head // of the root logs, as far as applied
	version  uint64
}

// head is how far a root log has been applied.
type head struct {
	seq     uint64
	id      ct.ID
	end     uint64    // wire.Next.End
	serial  uint64    // highest of its delegations
	at      ct.Millis // latest issued_at
	stopped uint64    // the first record that this version does not understand; 0: none
}

// Network is SHA-256 of the genesis body.
func (v *View) Network() ct.NetworkID { return v.network }

// Name is the network's name.
func (v *View) Name() string { return v.name }

// Exercise tells that nothing in this network is real.
func (v *View) Exercise() bool { return v.exercise }

// Created is when the genesis was written.
func (v *View) Created() time.Time { return v.created.Time() }

// Policy is the one in force.
func (v *View) Policy() Policy { return v.policy }

// Version counts the accepted roster changes, delegations included.
func (v *View) Version() uint64 { return v.version }

// Right tells what a key may sign; false: a stranger.
func (v *View) Right(log ct.LogID) (Right, bool) { r, ok := v.rights[log]; return r, ok }

// Line is what no offset of a log lies below; of a stranger's, zero.
func (v *View) Line(log ct.LogID) wire.Line { return v.rights[log].Growth.Line }

// Node finds a delegated node key; false: not a member's node.
func (v *View) Node(key ct.LogID) (Node, bool) { n, ok := v.nodes[key]; return n, ok }

// Live tells whether a node key has a delegation in force at now: the gater's question.
func (v *View) Live(key ct.LogID, now time.Time) bool {
	n, ok := v.nodes[key]
	m := ct.MillisOf(now)
	return ok && n.Closing == nil && n.NotBefore <= m && m < n.NotAfter
}

// afterEnd is how long a key whose window has ended may still fetch and hand on
// root logs, so that its renewal can spread.
const afterEnd = 60 * 24 * time.Hour

// Ended tells a node key whose window has ended, not by a closing, and not long
// ago. It may speak for nobody; it may sync root logs and nothing else.
func (v *View) Ended(key ct.LogID, now time.Time) bool {
	n, ok := v.nodes[key]
	m := ct.MillisOf(now)
	return ok && n.Closing == nil && n.NotAfter <= m && m-n.NotAfter < millis(afterEnd)
}

// RootHead tells how far a State's root log has been applied: what the next
// record of the root key follows. The id is prev of seq 1 while seq is 0.
func (v *View) RootHead(root ct.LogID) (seq uint64, id ct.ID, serial uint64, ok bool) {
	h, ok := v.heads[root]
	return h.seq, h.id, h.serial, ok
}

// RootNext is what the next record of a State's root log has to say; false: no
// root key of this network.
func (v *View) RootNext(root ct.LogID) (wire.Next, bool) {
	h, ok := v.heads[root]
	return wire.Next{Seq: h.seq + 1, Prev: h.id, End: h.end, Issued: h.at}, ok
}

// Stopped tells the first record of a root log that this version does not
// understand: neither it nor what follows has an effect. 0: there is none.
func (v *View) Stopped(root ct.LogID) uint64 { return v.heads[root].stopped }

// Member finds a State; false: not a member. Treat the result as read-only.
func (v *View) Member(s ct.State) (Member, bool) { m, ok := v.members[s]; return m, ok }

// Members lists the States in order of their codes. Treat it as read-only.
func (v *View) Members() []Member {
	return slices.SortedFunc(maps.Values(v.members), func(a, b Member) int {
		return strings.Compare(string(a.State), string(b.State))
	})
}

// Nodes lists every node of every member, by State and serial.
func (v *View) Nodes() []Node {
	var all []Node
	for _, m := range v.Members() {
		all = append(all, m.Nodes...)
	}
	return all
}
