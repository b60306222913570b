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
	if stopped := v.Stopped(root.Public()); stopped != 0 {
		return nil, nil, nil, fmt.Errorf("sign for the roster: record %d of this root log is %w: use the version that signed it", stopped, ErrLater)
	}
	issued := v.moment(root.Public(), now)
	if issued > ct.MillisOf(now.Add(ahead)) {
		return nil, nil, nil, fmt.Errorf("sign for the roster: the root log is dated %v, in the future of this machine's clock: set the clock", issued)
	}
	h := &wire.Header{
		Version: wire.Version, Network: v.network.Prefix(), Log: root.Public(),
		Topic: uint32(ct.TopicControl), Issued: issued, Expires: issued + millis(ct.MaxRetention),
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPGreen), Audience: uint32(ct.AudienceAll),
	}
	at.Put(h, v.Line(h.Log))
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

// ahead is how far a root log may be ahead of the clock of the machine that
// signs: what is dated further into the future is held by every node.
const ahead = 10 * time.Minute

// moment is the issued_at of the next record of a root log: now, and not before
// the record before it.
func (v *View) moment(root ct.LogID, now time.Time) ct.Millis {
	return max(ct.MillisOf(now), v.heads[root].at)
}

// DelegationOf is the operation by which a State names the node of a request:
// from now on, for as long as the policy lets it, or until a time.
func (v *View) DelegationOf(req Request, until, now time.Time) (Operation, error) {
	m, ok := v.members[req.State]
	if !ok || m.Root != req.Root {
		return Operation{}, fmt.Errorf("the request is of %s with root key %s, which is no member of network %q", req.State, req.Root.Short(), v.name)
	}
	from := v.moment(req.Root, now)
	end := ct.MillisOf(until)
	if until.IsZero() {
		end = from + millis(v.policy.MaxDelegation)
	}
	return Operation{Delegation: &ct.Delegation{
		State: req.State, Serial: v.heads[req.Root].serial + 1, Node: req.Node,
		NotBefore: from, NotAfter: end, Proof: req.Proof,
	}}, nil
}

// RenewalOf is the operation that lets a node speak for longer: for as long as
// the policy lets it, or until a time.
func (v *View) RenewalOf(n Node, until, now time.Time) Operation {
	end := ct.MillisOf(until)
	if until.IsZero() {
		end = v.latest(n, v.moment(v.members[n.State].Root, now))
	}
	return Operation{Renewal: &ct.Renewal{Node: n.Key, NotAfter: end}}
}
