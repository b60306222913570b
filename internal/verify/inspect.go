package verify

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Report is what `herald inspect` shows of one record, for people who write a
// second implementation: the decoded fields and the outcome of each check, all
// of them as far as they can be made. It holds no content of the body.
type Report struct {
	Bytes     int           `json:"bytes"`
	ID        string        `json:"id,omitempty"`
	Header    *HeaderReport `json:"header,omitempty"`
	Alg       uint32        `json:"alg,omitempty"`
	Signature string        `json:"signature,omitempty"`
	Salt      string        `json:"salt,omitempty"`
	BodyBytes int           `json:"body_bytes"`
	State     ct.State      `json:"state,omitempty"`
	RootLog   bool          `json:"root_log,omitempty"`
	Checks    []Check       `json:"checks"`
	Faults    ct.Faults     `json:"faults,omitempty"`
}

// HeaderReport is a header for reading. Codes are shown with their names.
type HeaderReport struct {
	Version  uint32   `json:"version"`
	Network  string   `json:"network"`
	Log      ct.LogID `json:"log"`
	Seq      uint64   `json:"seq"`
	Prev     ct.ID    `json:"prev"`
	Kind     string   `json:"kind"`
	Topic    string   `json:"topic"`
	Commit   string   `json:"commit"`
	BodySize uint32   `json:"body_size"`
	Issued   string   `json:"issued"`
	Expires  string   `json:"expires"`
	Priority string   `json:"priority"`
	TLP      string   `json:"tlp"`
	Audience string   `json:"audience"`
	KeyEpoch uint32   `json:"key_epoch"`
	Offset   uint64   `json:"offset"`
	Refs     []ct.Ref `json:"refs,omitempty"`
	Ext      string   `json:"ext,omitempty"`
}

// Check is the outcome of one check: pass, fail or not-made (for want of a
// body, a network or a roster).
type Check struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Reason  Reason `json:"reason,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// OK tells that no check failed.
func (r *Report) OK() bool {
	for _, c := range r.Checks {
		if c.Outcome == fail {
			return false
		}
	}
	return true
}

const (
	pass    = "pass"
	fail    = "fail"
	notMade = "not-made"
)

// Inspect decodes and checks one record. Without a network id its id and
// signature cannot be checked, without a roster nobody's right to speak; a
// roster brings its network.
func Inspect(raw []byte, network *ct.NetworkID, v *roster.View) Report {
	r := Report{Bytes: len(raw)}
	if v != nil && network == nil {
		n := v.Network()
		network = &n
	}
	e, err := wire.Decode(raw)
	if err != nil {
		why := refusal(err)
		r.add("encoding", fail, why.Reason, why.Detail)
		return r
	}
	r.add("encoding", pass, "", "")
	h := &e.Header
	r.Header = headerReport(h)
	r.Alg, r.Signature, r.Salt, r.BodyBytes = e.Alg, hex.EncodeToString(e.Sig), hex.EncodeToString(e.Salt), len(e.Body)

	switch err := checkBody(e); {
	case !e.HasBody():
		r.add("body", notMade, "", "it came without its body")
	case err != nil:
		r.addErr("body", err)
		e.Salt, e.Body = nil, nil // not this record's, so nothing to judge
	default:
		r.add("body", pass, "", "")
	}
	r.inspectSignature(e, network)
	r.inspectRight(e, v)
	return r
}

func (r *Report) inspectSignature(e *wire.Envelope, network *ct.NetworkID) {
	if network == nil {
		r.add("network", notMade, "", "no network id is known")
		r.add("signature", notMade, "", "no network id is known")
		return
	}
	r.ID = wire.ID(*network, e.HeaderBytes).String()
	if e.Header.Network == network.Prefix() {
		r.add("network", pass, "", "")
	} else {
		r.add("network", fail, OtherNetwork, "")
	}
	switch {
	case e.Alg != keys.AlgEd25519:
		r.add("signature", fail, BadAlgorithm, "")
	case len(e.Sig) != wire.SigSize:
		r.add("signature", fail, BadSignature, fmt.Sprintf("%d bytes, want %d", len(e.Sig), wire.SigSize))
	case !keys.Verify(e.Header.Log, keys.ContextRecord, *network, e.HeaderBytes, e.Sig):
		r.add("signature", fail, BadSignature, "")
	default:
		r.add("signature", pass, "", "")
	}
}

func (r *Report) inspectRight(e *wire.Envelope, v *roster.View) {
	if v == nil {
		r.add("member", notMade, "", "no roster is known")
		r.add("admissible", notMade, "", "no roster is known")
		return
	}
	right, ok := v.Right(e.Header.Log)
	if !ok {
		r.add("member", fail, Stranger, "")
		r.add("admissible", notMade, "", "it depends on whose log this is")
		return
	}
	r.State, r.RootLog = right.State, right.Root
	r.add("member", pass, "", "")
	if right.Root && e.Header.BodySize > maxRootBody {
		r.add("size", fail, TooLarge, fmt.Sprintf("body of %d bytes in a root log, at most %d", e.Header.BodySize, maxRootBody))
	}
	// Whether the delegation has ended by now says nothing about the record.
	rec := opened{env: *e, id: wire.ID(v.Network(), e.HeaderBytes), right: right, line: right.Growth.Line.At(e.Header.Issued)}
	r.addErr("window", rec.checkRight(e.Header.Issued.Time()))
	why, fault := judge(e, &right, v, new(wire.NotificationReader))
	_ = errors.As(fault, &r.Faults)
	switch {
	case fault != nil:
		r.add("admissible", fail, why, fault.Error())
	case why != "":
		r.add("admissible", fail, why, "")
	case !e.HasBody():
		r.add("admissible", pass, "", "as far as its header goes")
	default:
		r.add("admissible", pass, "", "")
	}
}

func (r *Report) add(name, outcome string, why Reason, detail string) {
	r.Checks = append(r.Checks, Check{Name: name, Outcome: outcome, Reason: why, Detail: detail})
}

func (r *Report) addErr(name string, err error) {
	if err == nil {
		r.add(name, pass, "", "")
		return
	}
	why := err.(*Error) // of this package's own checks
	r.add(name, fail, why.Reason, why.Detail)
}

func headerReport(h *wire.Header) *HeaderReport {
	code := func(n uint32, name fmt.Stringer) string { return fmt.Sprintf("%d %s", n, name) }
	low := func(n uint32) uint8 { return uint8(min(n, 255)) }
	return &HeaderReport{
		Version: h.Version, Network: hex.EncodeToString(h.Network[:]), Log: h.Log, Seq: h.Seq, Prev: h.Prev,
		Kind: code(h.Kind, ct.Kind(low(h.Kind))), Topic: code(h.Topic, ct.Topic(low(h.Topic))),
		Commit: hex.EncodeToString(h.Commit[:]), BodySize: h.BodySize,
		Issued: h.Issued.String(), Expires: h.Expires.String(),
		Priority: code(h.Priority, ct.Priority(low(h.Priority))), TLP: code(h.TLP, ct.TLP(low(h.TLP))),
		Audience: code(h.Audience, ct.Audience(low(h.Audience))), KeyEpoch: h.KeyEpoch,
		Offset: h.Offset, Refs: h.Refs, Ext: hex.EncodeToString(h.Ext),
	}
}
