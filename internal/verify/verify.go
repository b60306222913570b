// Package verify turns bytes into a Record that is proved to be signed by a
// member's log. The verdict is pure: bytes, a roster view and a time in, a
// Record or one Reason out. It does not know sequence order: that is ingest.
package verify

import (
	"fmt"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Error is a refusal: the record is not chained.
type Error struct {
	Reason Reason
	Detail string // never content of a body
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.Reason, e.Detail)
}

// Verdict is the answer to give GossipSub.
func (e *Error) Verdict() Verdict { return e.Reason.verdict() }

// Record is a record whose author, network and right to speak are proved.
// Only this package can make one. The bytes are the author's, unchanged, but
// for the signature of a chained record, which nobody has looked at.
type Record struct{ *opened }

// opened is what a Record stands for. It is passed on by reference, from the
// verdict to the writer and the store, and never changes once Open has given it.
type opened struct {
	env          wire.Envelope
	raw          []byte
	network      ct.NetworkID
	id           ct.ID
	right        roster.Right
	line         uint64 // of its log at issued_at: its offset is no lower
	chained      bool   // proved by a later record of its range
	inadmissible Reason // empty: the content may be shown
}

// Chained tells that a later signature proves the header, through the hash
// chain, and that the record's own signature has not been checked (OpenRange).
func (r *opened) Chained() bool { return r.chained }

// Signed tells whether the record's own signature verifies. Only that of a
// chained record is not known and is checked now. Evidence needs it.
func (r *opened) Signed() bool { return !r.chained || r.signed() }

func (r *opened) signed() bool {
	return keys.Verify(r.env.Header.Log, keys.ContextRecord, r.network, r.env.HeaderBytes, r.env.Sig)
}

// Next is what this record dictates of the one after it.
func (r *opened) Next() wire.Next { return r.env.Header.After(r.id, len(r.env.HeaderBytes)) }

// Due is the offset that this record must have behind one that ends there.
func (r *opened) Due(end uint64) uint64 { return max(end, r.line) }

// Raw is the record as it travelled.
func (r *opened) Raw() []byte { return r.raw }

// ID is the content address.
func (r *opened) ID() ct.ID { return r.id }

// Header is the decoded header; treat it as read-only.
func (r *opened) Header() *wire.Header { return &r.env.Header }

// HeaderBytes are the signed bytes.
func (r *opened) HeaderBytes() []byte { return r.env.HeaderBytes }

// Sig is the signature and Alg its algorithm.
func (r *opened) Sig() []byte { return r.env.Sig }

// Alg is the signature's algorithm id.
func (r *opened) Alg() uint32 { return r.env.Alg }

// HasBody tells whether the committed body came along.
func (r *opened) HasBody() bool { return r.env.HasBody() }

// Salt and Body are nil when the record travelled without them.
func (r *opened) Salt() []byte { return r.env.Salt }

// Body is the body as carried.
func (r *opened) Body() []byte { return r.env.Body }

// State is the State whose log this is.
func (r *opened) State() ct.State { return r.right.State }

// Root tells a root log's record.
func (r *opened) Root() bool { return r.right.Root }

// First is what prev of seq 1 of this log must be.
func (r *opened) First() ct.ID { return r.right.First }

// Inadmissible is why the content is not shown though the header is chained;
// empty when it may be shown. It follows from the record and the genesis
// policy, so every node gives the same; what depends on clocks (expiry, a time
// in the future) is judged when the record is read. A record that came without
// its body is judged by its header alone: open it again when the body is there.
func (r *opened) Inadmissible() Reason { return r.inadmissible }
