package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

const (
	maxAhead    = ct.Millis(10 * 60 * 1000) // of issued_at before a record's time has come
	maxRootBody = 4 << 10                   // of a record in a root log, bytes
)

// Open judges one record, cheap checks first. It needs no body, as a record
// may come without one in sync; a body that is present must be the committed
// one. The error is always an *Error. raw must not change afterwards.
//
// A zero now is the record's own time. It is for a record of which the header is
// held: its window was judged when it came, and its body may come after the end.
func Open(raw []byte, v *roster.View, now time.Time) (Record, error) {
	return open(raw, v, nil, now)
}

// OpenGossip judges a record that came by gossip on a topic: as Open, and the
// body must be there and the topic be the header's.
func OpenGossip(raw []byte, v *roster.View, topic ct.Topic, now time.Time) (Record, error) {
	return open(raw, v, &topic, now)
}

// open judges in the order of the table of reasons. topic is nil for a record
// that did not come by gossip.
func open(raw []byte, v *roster.View, topic *ct.Topic, now time.Time) (Record, error) {
	r, err := prepare(raw, v, topic, now)
	if err != nil {
		return Record{}, err
	}
	if h := r.Header(); !r.signed() {
		return Record{}, &Error{BadSignature, fmt.Sprintf("log %s, record %d", h.Log.Short(), h.Seq)}
	}
	r.inadmissible, _ = judge(&r.env, &r.right, v, new(wire.NotificationReader))
	return r, nil
}

// prepare checks all that chains a record but its signature.
func prepare(raw []byte, v *roster.View, topic *ct.Topic, now time.Time) (Record, error) {
	network := v.Network()
	r := &opened{raw: raw, network: network}
	e, h := &r.env, &r.env.Header
	if err := wire.DecodeInto(e, raw); err != nil {
		return Record{}, refusal(err)
	}
	if h.Network != network.Prefix() {
		return Record{}, &Error{OtherNetwork, fmt.Sprintf("network %x", h.Network)}
	}
	if e.Alg != keys.AlgEd25519 {
		return Record{}, &Error{BadAlgorithm, fmt.Sprintf("algorithm %d", e.Alg)}
	}
	if len(e.Sig) != wire.SigSize { // inside a range too, where nobody looks at it: it would be stored
		return Record{}, &Error{BadSignature, fmt.Sprintf("%d bytes, want %d", len(e.Sig), wire.SigSize)}
	}
	if topic != nil && h.Topic != uint32(*topic) {
		return Record{}, &Error{WrongTopic, fmt.Sprintf("topic %d came on %s", h.Topic, *topic)}
	}
	if topic != nil && !e.HasBody() {
		return Record{}, &Error{Reason: MissingBody}
	}
	if err := checkBody(e); err != nil {
		return Record{}, err
	}
	right, ok := v.Right(h.Log)
	if !ok {
		return Record{}, &Error{Stranger, "log " + h.Log.Short()}
	}
	if right.Root && h.BodySize > maxRootBody {
		return Record{}, &Error{TooLarge, fmt.Sprintf("body of %d bytes in a root log, at most %d", h.BodySize, maxRootBody)}
	}
	id := wire.ID(network, e.HeaderBytes)
	if now.IsZero() {
		now = h.Issued.Time()
	}
	r.id, r.right, r.line = id, right, right.Growth.Line.At(h.Issued)
	if err := r.checkRight(now); err != nil {
		return Record{}, err
	}
	return Record{r}, nil
}

// refusal of bytes that wire cannot read.
func refusal(err error) *Error {
	switch {
	case errors.Is(err, wire.ErrTooLarge):
		return &Error{TooLarge, err.Error()}
	case errors.Is(err, wire.ErrVersion):
		return &Error{UnknownVersion, err.Error()}
	}
	return &Error{NotARecord, err.Error()}
}

// checkBody proves that a body which came along is the committed one. The
// result is an error, not an *Error, so that nil stays nil.
func checkBody(e *wire.Envelope) error {
	if !e.HasBody() {
		return nil
	}
	if len(e.Body) != int(e.Header.BodySize) {
		return &Error{BodyMismatch, fmt.Sprintf("%d bytes, the header says %d", len(e.Body), e.Header.BodySize)}
	}
	if wire.Commit(e.Salt, e.Body) != e.Header.Commit {
		return &Error{BodyMismatch, "the commitment is another"}
	}
	return nil
}

// checkRight holds a record against what the root key has said of its log. A
// closing stands instead of the window: the root key's word for the last record
// is its word for all that lead to it, whenever they come. Which those are only
// the chain tells: that is for exchange and ingest.
func (r *opened) checkRight(now time.Time) error {
	h, c := &r.env.Header, r.right.Closing
	switch {
	case c == nil:
		if err := checkWindow(h, r.right, now); err != nil {
			return err
		}
	case h.Seq > c.Seq || h.Seq == c.Seq && r.id != c.ID:
		return &Error{Disowned, fmt.Sprintf("log %s, record %d: closed at %d", h.Log.Short(), h.Seq, c.Seq)}
	}
	return r.checkGrowth(now)
}

// checkGrowth bounds what one key can have everybody keep, by header bytes and
// policy alone: a record comes in when the clock has come near its time, and its
// log may not have grown further by then than a burst above the line. The word of
// a root key for the end of a log does not lift it, or a State could have all keep
// what it likes.
func (r *opened) checkGrowth(now time.Time) error {
	h := &r.env.Header
	if late := ct.MillisOf(now) + maxAhead; h.Issued > late {
		return &Error{Future, fmt.Sprintf("issued %v, ten minutes from now is %v", h.Issued, late)}
	}
	if room := r.line + r.right.Growth.Burst; h.Offset > room {
		return &Error{Growth, fmt.Sprintf("log %s, record %d: its log has grown to %d, at most %d by %v", h.Log.Short(), h.Seq, h.Offset, room, h.Issued)}
	}
	return nil
}

// checkWindow holds a record of a node log that its delegation does not cover:
// issued outside the window, or arriving after its end, when a stolen key could
// date its records back. A root log has no window.
func checkWindow(h *wire.Header, r roster.Right, now time.Time) error {
	switch {
	case r.Root:
		return nil
	case h.Issued < r.NotBefore || h.Issued >= r.NotAfter:
		return &Error{HeldDelegation, fmt.Sprintf("issued %v, delegated from %v until %v", h.Issued, r.NotBefore, r.NotAfter)}
	case ct.MillisOf(now) >= r.NotAfter:
		return &Error{HeldDelegation, fmt.Sprintf("the delegation ended %v", r.NotAfter)}
	}
	return nil
}
