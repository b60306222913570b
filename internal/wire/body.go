package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/proto"
)

// MaxBody bounds an encoded body before sealing, in bytes.
const MaxBody = 24 << 10

// maxRepeated bounds every list of a body. It is the largest limit of package
// ct, which has a tighter one for most lists.
const maxRepeated = ct.MaxNames

// Errors of the body codec. A body that does not decode makes its record
// inadmissible and never stops its chain.
var (
	ErrBody      = errors.New("not a body in its one encoding")
	ErrBodyLarge = errors.New("body over a size limit")
)

// BodyHeader is the part of a notification that travels in the record's
// header and not in its body.
type BodyHeader struct {
	Topic    ct.Topic
	Priority ct.Priority
	TLP      ct.TLP
	Audience ct.Audience
	Expires  ct.Millis
}

// BodyHeader picks from a header what DecodeNotification needs.
func (h *Header) BodyHeader() BodyHeader {
	return BodyHeader{
		Topic:    ct.Topic(h.Topic),
		Priority: ct.Priority(h.Priority),
		TLP:      ct.TLP(h.TLP),
		Audience: ct.Audience(h.Audience),
		Expires:  h.Expires,
	}
}

// EncodeNotification writes the body of a NOTIFICATION, UPDATE, CORRECT or
// RENEW record. It does not validate.
func EncodeNotification(n *ct.Notification) ([]byte, error) {
	return encodeBody(notificationToProto(n))
}

// DecodeNotification reads a body in its one encoding; what the header
// carries comes from h, the expiry as RFC 3339 in milliseconds. It does not
// validate.
func DecodeNotification(h BodyHeader, body []byte) (*ct.Notification, error) {
	return new(NotificationReader).Read(h, body)
}

// NotificationReader reads notifications one after the other into the same
// memory: a third of what it costs to read one is to make room for it.
type NotificationReader struct{ n ct.Notification }

// Read is DecodeNotification. What it gives is valid until the next Read.
func (r *NotificationReader) Read(h BodyHeader, body []byte) (*ct.Notification, error) {
	d, err := readBody(body)
	if err != nil {
		return nil, err
	}
	n := &r.n
	readNotification(&d, n)
	if d.bad {
		return nil, bodyFault(body, &heraldv1.Notification{})
	}
	n.Topic, n.Priority, n.TLP, n.Audience = h.Topic, h.Priority, h.TLP, h.Audience
	n.Retention.Expires = h.Expires.String()
	return n, nil
}

// EncodeRetraction writes the body of a RETRACT record.
func EncodeRetraction(r *ct.Retraction) ([]byte, error) { return encodeBody(retractionToProto(r)) }

// DecodeRetraction reads a body in its one encoding.
func DecodeRetraction(body []byte) (*ct.Retraction, error) {
	m := &heraldv1.Retraction{}
	if err := decodeBody(body, m); err != nil {
		return nil, err
	}
	r := &ct.Retraction{Reason: m.Reason, Text: m.Text}
	if err := same(body, retractionToProto(r)); err != nil {
		return nil, err
	}
	return r, nil
}

// EncodeAddresses writes the body of an ADDRESS record.
func EncodeAddresses(a *ct.Addresses) ([]byte, error) { return encodeBody(addressesToProto(a)) }

// DecodeAddresses reads a body in its one encoding.
func DecodeAddresses(body []byte) (*ct.Addresses, error) {
	m := &heraldv1.Addresses{}
	if err := decodeBody(body, m); err != nil {
		return nil, err
	}
	a := &ct.Addresses{Serial: m.Serial, Addrs: m.Addrs}
	if err := same(body, addressesToProto(a)); err != nil {
		return nil, err
	}
	return a, nil
}

// EncodeDelegation writes the body of a DELEGATION record.
func EncodeDelegation(d *ct.Delegation) ([]byte, error) { return encodeBody(delegationToProto(d)) }

// DecodeDelegation reads a body in its one encoding.
func DecodeDelegation(body []byte) (*ct.Delegation, error) {
	m := &heraldv1.Delegation{}
	if err := decodeBody(body, m); err != nil {
		return nil, err
	}
	d := &ct.Delegation{
		State: ct.State(m.State), Serial: m.Serial,
		NotBefore: ct.Millis(m.NotBefore), NotAfter: ct.Millis(m.NotAfter), Roles: m.Roles,
		Proof: m.Proof,
	}
	if len(m.Node) != len(d.Node) {
		return nil, fmt.Errorf("%w: node key of %d bytes", ErrBody, len(m.Node))
	}
	copy(d.Node[:], m.Node)
	if err := same(body, delegationToProto(d)); err != nil {
		return nil, err
	}
	return d, nil
}

// EncodeRenewal writes the body of a RENEWAL record.
func EncodeRenewal(r *ct.Renewal) ([]byte, error) { return encodeBody(renewalToProto(r)) }

// DecodeRenewal reads a body in its one encoding.
func DecodeRenewal(body []byte) (*ct.Renewal, error) {
	m := &heraldv1.Renewal{}
	if err := decodeBody(body, m); err != nil {
		return nil, err
	}
	r := &ct.Renewal{NotAfter: ct.Millis(m.NotAfter)}
	if len(m.Node) != len(r.Node) {
		return nil, fmt.Errorf("%w: node key of %d bytes", ErrBody, len(m.Node))
	}
	copy(r.Node[:], m.Node)
	if err := same(body, renewalToProto(r)); err != nil {
		return nil, err
	}
	return r, nil
}

// EncodeClosing writes the body of a CLOSING record.
func EncodeClosing(c *ct.Closing) ([]byte, error) { return encodeBody(closingToProto(c)) }

// DecodeClosing reads a body in its one encoding.
func DecodeClosing(body []byte) (*ct.Closing, error) {
	m := &heraldv1.Closing{}
	if err := decodeBody(body, m); err != nil {
		return nil, err
	}
	c := &ct.Closing{Seq: m.Seq, Reason: m.Reason, Text: m.Text, Since: ct.Millis(m.Since)}
	if len(m.Log) != len(c.Log) || len(m.Id) != len(c.ID) {
		return nil, fmt.Errorf("%w: log of %d and id of %d bytes", ErrBody, len(m.Log), len(m.Id))
	}
	copy(c.Log[:], m.Log)
	copy(c.ID[:], m.Id)
	if err := same(body, closingToProto(c)); err != nil {
		return nil, err
	}
	return c, nil
}

func renewalToProto(r *ct.Renewal) *heraldv1.Renewal {
	return &heraldv1.Renewal{Node: r.Node[:], NotAfter: int64(r.NotAfter)}
}

func closingToProto(c *ct.Closing) *heraldv1.Closing {
	return &heraldv1.Closing{
		Log: c.Log[:], Seq: c.Seq, Id: c.ID[:], Reason: c.Reason, Text: c.Text, Since: int64(c.Since),
	}
}

func retractionToProto(r *ct.Retraction) *heraldv1.Retraction {
	return &heraldv1.Retraction{Reason: r.Reason, Text: r.Text}
}

func addressesToProto(a *ct.Addresses) *heraldv1.Addresses {
	return &heraldv1.Addresses{Serial: a.Serial, Addrs: a.Addrs}
}

func delegationToProto(d *ct.Delegation) *heraldv1.Delegation {
	return &heraldv1.Delegation{
		State: string(d.State), Serial: d.Serial, Node: d.Node[:],
		NotBefore: int64(d.NotBefore), NotAfter: int64(d.NotAfter), Roles: d.Roles,
		Proof: d.Proof,
	}
}

// filled is m, or nil when it says nothing: such a message is not written.
func filled[M any, P interface {
	*M
	proto.Message
}](m P) P {
	if proto.Size(m) == 0 {
		return nil
	}
	return m
}

// encodeBody writes m in field order, and nothing that a reader would refuse.
// Without maps, floats, extensions and unknown fields protobuf has no other
// freedom that a writer of ours uses.
func encodeBody(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("%w: a text is not UTF-8", ErrBody) // the only way to fail; err may quote the text
	}
	if len(b) > MaxBody {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBodyLarge, len(b), MaxBody)
	}
	if err := checkShape(b, m.ProtoReflect().Descriptor(), 0); err != nil {
		return nil, err
	}
	return b, nil
}

// decodeBody reads m, leaving out what is unknown: same then finds that it is
// missing. The counts are checked before anything is allocated for them.
func decodeBody(body []byte, m proto.Message) error {
	if len(body) > MaxBody {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrBodyLarge, len(body), MaxBody)
	}
	if err := checkShape(body, m.ProtoReflect().Descriptor(), 0); err != nil {
		return err
	}
	opts := proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth + 2}
	if err := opts.Unmarshal(body, m); err != nil {
		return fmt.Errorf("%w: malformed", ErrBody) // err may quote the text
	}
	return nil
}

// bodyFault says what is wrong with a body that was read by hand and refused.
func bodyFault(body []byte, m proto.Message) error {
	if err := decodeBody(body, m); err != nil {
		return err
	}
	return fmt.Errorf("%w: encoded otherwise", ErrBody)
}

// same proves that body is what we would have written.
func same(body []byte, m proto.Message) error {
	again, err := encodeBody(m)
	if err != nil {
		return err
	}
	if !bytes.Equal(body, again) {
		return fmt.Errorf("%w: encoded otherwise", ErrBody)
	}
	return nil
}
