package roster

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// SignOperation signs the next record of a State's root log and gives it with
// the roster that follows. What would have no effect is refused, so that no
// root log holds it by accident. A root key that signs two records from the
// same view forks its log: the caller keeps note of what was signed.
func (v *View) SignOperation(root keys.Signer, op Operation, now time.Time) (raw []byte, header *wire.Header, next *View, err error) {
	at, ok := v.RootNext(root.Public())
	if !ok {
		return nil, nil, nil, fmt.Errorf("sign for the roster: %s is no root key of network %q", root.Public().Short(), v.name)
	}
	issued := ct.MillisOf(now)
	h := &wire.Header{
		Version: wire.Version, Network: v.network.Prefix(), Log: root.Public(),
		Topic: uint32(ct.TopicControl), Issued: issued, Expires: issued + millis(ct.MaxRetention),
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPGreen), Audience: uint32(ct.AudienceAll),
	}
	at.Put(h)
	var body []byte
	var faults ct.Faults
	switch {
	case op.Delegation != nil:
		h.Kind, h.Expires = uint32(ct.KindDelegation), max(h.Expires, op.Delegation.NotAfter)
		faults = op.Delegation.Validate()
		body, err = wire.EncodeDelegation(op.Delegation)
	case op.Renewal != nil:
		h.Kind = uint32(ct.KindRenewal)
		faults = op.Renewal.Validate()
		body, err = wire.EncodeRenewal(op.Renewal)
	case op.Closing != nil:
		h.Kind, h.Priority = uint32(ct.KindClosing), uint32(ct.PriorityFlash)
		faults = op.Closing.Validate()
		body, err = wire.EncodeClosing(op.Closing)
	default:
		err = errors.New("no operation")
	}
	if err == nil {
		err = faults.Err()
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("sign for the roster: %w", err)
	}
	salt := make([]byte, wire.SaltSize)
	_, _ = rand.Read(salt) // never fails
	h.Commit, h.BodySize = wire.Commit(salt, body), uint32(len(body))
	bytes := wire.EncodeHeader(h)
	if next, err = v.Apply(h, wire.ID(v.network, bytes), op); err != nil {
		return nil, nil, nil, fmt.Errorf("sign for the roster: %w", err)
	}
	sig, err := root.Sign(keys.ContextRecord, v.network, bytes)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("sign for the roster: %w", err)
	}
	if !keys.Verify(root.Public(), keys.ContextRecord, v.network, bytes, sig) { // a device may have answered with anything
		return nil, nil, nil, errors.New("sign for the roster: the root key's signature does not verify")
	}
	return wire.Encode(&wire.Envelope{HeaderBytes: bytes, Alg: keys.AlgEd25519, Sig: sig, Salt: salt, Body: body}), h, next, nil
}
