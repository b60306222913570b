package verify

import (
	"errors"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// NotABeacon is a message that begins as a beacon and is none: the forwarder's
// fault. The other reasons of a beacon are those of records.
const NotABeacon Reason = "not-a-beacon"

// Beacon is a beacon whose signature, network and right to speak are proved.
// Only this package can make one. Whether it is new, and what its clock is
// worth, is for reconcile.
type Beacon struct {
	said  wire.Beacon
	state ct.State
}

// Said is what the node says of itself.
func (b Beacon) Said() wire.Beacon { return b.said }

// State is the State whose node it is.
func (b Beacon) State() ct.State { return b.state }

// OpenBeacon judges a decoded beacon at now, cheap checks first. The error is
// always an *Error.
func OpenBeacon(s *wire.SignedBeacon, v *roster.View, now time.Time) (Beacon, error) {
	b := &s.Beacon
	if b.Network != v.Network().Prefix() {
		return Beacon{}, &Error{Reason: OtherNetwork}
	}
	if s.Alg != keys.AlgEd25519 {
		return Beacon{}, &Error{Reason: BadAlgorithm}
	}
	node, ok := v.Node(b.Node)
	if !ok {
		return Beacon{}, &Error{Stranger, "node " + b.Node.Short()}
	}
	if !v.Live(b.Node, now) {
		return Beacon{}, &Error{HeldDelegation, "node " + b.Node.Short()}
	}
	if !keys.Verify(b.Node, keys.ContextBeacon, v.Network(), s.Bytes, s.Sig) {
		return Beacon{}, &Error{BadSignature, "beacon of node " + b.Node.Short()}
	}
	return Beacon{said: *b, state: node.State}, nil
}

// DecodeBeacon reads a beacon. The error is always an *Error.
func DecodeBeacon(raw []byte) (*wire.SignedBeacon, error) {
	s, err := wire.DecodeBeacon(raw)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, wire.ErrTooLarge):
		return nil, &Error{TooLarge, err.Error()}
	case errors.Is(err, wire.ErrVersion):
		return nil, &Error{UnknownVersion, err.Error()}
	}
	return nil, &Error{NotABeacon, err.Error()}
}
