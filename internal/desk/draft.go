package desk

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// draft is a checked record that lacks only its place in the log and its
// signature. Salt and body are fixed from the start, so that the commitment
// tells whether a draft has already been signed: a crash between signing and
// clearing the outbox publishes nothing twice.
type draft struct {
	Kind     ct.Kind     `json:"kind"`
	Topic    ct.Topic    `json:"topic"`
	Priority ct.Priority `json:"priority"`
	TLP      ct.TLP      `json:"tlp"`
	Audience ct.Audience `json:"audience"`
	Expires  ct.Millis   `json:"expires"`
	Refs     []ct.Ref    `json:"refs,omitempty"`
	Salt     []byte      `json:"salt"`
	Body     []byte      `json:"body"`
	Since    ct.Millis   `json:"since"`
	From     uint64      `json:"from"`  // size of the own log when drafted
	Fault    string      `json:"fault"` // why it can never be signed

	Twice bool `json:"twice,omitempty"` // a person accepts that equal content is in force
}

func (dr *draft) commit() [32]byte { return wire.Commit(dr.Salt, dr.Body) }

// errUnfit is a draft that no waiting will make signable.
var errUnfit = errors.New("cannot be signed")

// errGrowth is a draft for which the own log has no room yet.
var errGrowth = errors.New("the log may not grow so fast")

func (d *Desk) newDraft(dr draft, now time.Time) (*draft, error) {
	dr.Salt = make([]byte, wire.SaltSize)
	if _, err := rand.Read(dr.Salt); err != nil {
		return nil, fmt.Errorf("draw salt: %w", err)
	}
	dr.Since = ct.MillisOf(now)
	head, _ := d.cfg.Store.Head(d.cfg.Signer.Public())
	dr.From = head.Size
	return &dr, nil
}

// notificationDraft applies every rule that a notification must pass before
// it is signed, and lists what a human should look at.
func (d *Desk) notificationDraft(n *ct.Notification, v *roster.View, now time.Time) (*draft, []string, error) {
	if faults := n.Validate(now, ct.Policy{MaxRetention: v.Policy().MaxRetention}); len(faults) > 0 {
		return nil, nil, faults
	}
	if n.Audience != ct.AudienceAll || !v.Exercise() {
		return nil, nil, ErrSealedAudience
	}
	if err := d.keepsTopic(n.Topic); err != nil {
		return nil, nil, err
	}
	expires, ok := n.Retention.ExpiresAt()
	if !ok {
		return nil, nil, ct.Faults{{Field: "retention.expires", Fault: ct.FaultTime}}
	}
	body, err := wire.EncodeNotification(n)
	if err != nil {
		return nil, nil, err
	}
	dr, err := d.newDraft(draft{
		Kind: ct.KindNotification, Topic: n.Topic, Priority: n.Priority, TLP: n.TLP, Audience: n.Audience,
		Expires: expires, Body: body,
	}, now)
	return dr, append(d.addresseeWarnings(n, v), warnings(d.cautions(n, v))...), err
}

// keepsTopic refuses to write where this node would not keep its own words.
func (d *Desk) keepsTopic(t ct.Topic) error {
	if topics := d.cfg.Store.Topics(); !topics.Has(t) {
		return fmt.Errorf("%w: this node does not keep topic %s, so it cannot publish on it: add it to topics in herald.toml", ErrNotAllowed, t)
	}
	return nil
}

// addresseeWarnings holds the addressee rule against the roster. They are for
// the operator's eyes: never logged.
func (d *Desk) addresseeWarnings(n *ct.Notification, v *roster.View) []string {
	must, missing, conflicts := ct.Addressees(n, d.cfg.State)
	var out []string
	for _, r := range missing {
		out = append(out, fmt.Sprintf("no State of %s is named: the addressee rule of resolution 2396 cannot reach it", r))
	}
	for _, s := range must {
		if _, ok := v.Member(s); !ok {
			out = append(out, fmt.Sprintf("%s is an addressee and no member of this network: tell it by other means", s))
		}
	}
	for _, c := range conflicts {
		if _, ok := v.Member(c.State); !ok { // members: cautions
			out = append(out, fmt.Sprintf("%s is an addressee and the person seeks or has asylum from it: tell it by no means", c.State))
		}
	}
	return out
}

// retractionDraft checks that the target may be retracted here.
func (d *Desk) retractionDraft(target ct.ID, r *ct.Retraction, v *roster.View, now time.Time) (*draft, error) {
	if faults := r.Validate(); len(faults) > 0 {
		return nil, faults
	}
	row, err := d.cfg.Lookup(target)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: no record %s is held", ErrNotFound, target.Short())
	}
	if err != nil {
		return nil, fmt.Errorf("find record %s: %w", target.Short(), err)
	}
	rule, _ := ct.Kind(row.Header.Kind).Rule()
	switch {
	case row.State != d.cfg.State:
		return nil, fmt.Errorf("%w: record %s is of %s; only its own State retracts it", ErrNotAllowed, target.Short(), row.State)
	case row.Root || !rule.Retractable:
		return nil, fmt.Errorf("%w: record %s is a %s; it cannot be retracted", ErrNotAllowed, target.Short(), ct.Kind(min(row.Header.Kind, 255)))
	case !row.HiddenBy.IsZero():
		return nil, fmt.Errorf("%w: record %s is already retracted by %s", ErrConflict, target.Short(), row.HiddenBy.Short())
	}
	if err := d.keepsTopic(ct.Topic(row.Header.Topic)); err != nil {
		return nil, err
	}
	body, err := wire.EncodeRetraction(r)
	if err != nil {
		return nil, err
	}
	// The retraction outlives its target, so that no late copy comes back.
	expires := max(row.Header.Expires, ct.MillisOf(now.Add(30*24*time.Hour)))
	expires = min(expires, ct.MillisOf(now.Add(v.Policy().MaxRetention)))
	return d.newDraft(draft{
		Kind: ct.KindRetract, Topic: ct.Topic(row.Header.Topic), Priority: ct.Priority(row.Header.Priority),
		TLP: ct.TLP(row.Header.TLP), Audience: ct.Audience(row.Header.Audience), Expires: expires,
		Refs: []ct.Ref{{Log: row.Header.Log, Seq: row.Header.Seq, ID: row.ID}}, Body: body,
	}, now)
}

// header puts a draft at its place in the own log.
func (d *Desk) header(dr *draft, v *roster.View, now time.Time, at wire.Next) wire.Header {
	h := wire.Header{
		Version: wire.Version, Network: v.Network().Prefix(), Log: d.cfg.Signer.Public(),
		Kind: uint32(dr.Kind), Topic: uint32(dr.Topic), Commit: dr.commit(), BodySize: uint32(len(dr.Body)),
		Issued: ct.MillisOf(now), Expires: dr.Expires, Priority: uint32(dr.Priority), TLP: uint32(dr.TLP),
		Audience: uint32(dr.Audience), Refs: dr.Refs,
	}
	at.Put(&h, v.Line(h.Log))
	return h
}

// maxClockLead is how far the last record may lie in the future before the
// node's own clock is the likelier fault.
const maxClockLead = 5 * time.Minute

// seal signs a draft at its place and holds the result against the verdict
// that every other node will give: what they would find inadmissible is not
// signed.
func (d *Desk) seal(dr *draft, v *roster.View, now time.Time, at wire.Next) (verify.Record, error) {
	if lead := at.Issued.Time().Sub(now); lead > maxClockLead {
		return verify.Record{}, fmt.Errorf("this node's clock is %s behind its own last record; set the clock", lead.Round(time.Second))
	}
	h := d.header(dr, v, now, at)
	if h.Expires <= h.Issued {
		return verify.Record{}, fmt.Errorf("%w: %s", errUnfit, ct.FaultExpired)
	}
	raw := wire.EncodeHeader(&h)
	sig, err := d.cfg.Signer.Sign(keys.ContextRecord, v.Network(), raw)
	if err != nil {
		return verify.Record{}, fmt.Errorf("sign record: %w", err)
	}
	rec, err := verify.Open(wire.Encode(&wire.Envelope{
		Header: h, HeaderBytes: raw, Alg: keys.AlgEd25519, Sig: sig, Salt: dr.Salt, Body: dr.Body,
	}), v, now)
	var refused *verify.Error
	if errors.As(err, &refused) && refused.Reason == verify.Growth {
		return verify.Record{}, fmt.Errorf("%w: %w", errGrowth, err)
	}
	if err != nil {
		return verify.Record{}, fmt.Errorf("%w: %w", errUnfit, err)
	}
	if why := rec.Inadmissible(); why != "" {
		return verify.Record{}, fmt.Errorf("%w: inadmissible: %s", errUnfit, why)
	}
	return rec, nil
}

// journalDraft notes that an operator wants a draft signed. The commitment
// names the record before it has an id. What else is noted of it with the entry
// costs no sync of its own.
func (d *Desk) journalDraft(dr *draft, act string, operator string, accept []string, n *ct.Notification, with func(*store.LocalTx) error) error {
	commit := dr.commit()
	e := journal.Entry{Act: act, Actor: cmp.Or(operator, unnamedOperator), Outcome: "commit " + hex.EncodeToString(commit[:])}
	if n != nil {
		var basis []string
		for _, b := range n.Assessment.LegalBasis {
			basis = append(basis, b.Instrument)
		}
		e.Purpose, e.Basis = n.Assessment.Purpose, strings.Join(basis, ", ")
	}
	for _, r := range dr.Refs {
		e.Outcome += " target " + r.ID.String()
	}
	if len(accept) > 0 {
		e.Outcome += " accepted=" + strings.Join(accept, ",")
	}
	_, err := d.cfg.Journal.AppendWith(e, with)
	return err
}

// preview shows what a reader would see of the draft.
func (d *Desk) preview(dr *draft, n *ct.Notification, v *roster.View, now time.Time) *ct.Entry {
	head, _ := d.cfg.Store.Head(d.cfg.Signer.Public())
	return &ct.Entry{
		Log: d.cfg.Signer.Public(), Seq: head.Size + 1, State: d.cfg.State, Kind: dr.Kind, Topic: dr.Topic,
		Issued: max(ct.MillisOf(now), head.LastIssued), Expires: dr.Expires, Priority: dr.Priority, TLP: dr.TLP,
		Audience: dr.Audience, Refs: dr.Refs, BodySize: uint32(len(dr.Body)), Exercise: v.Exercise(),
		Readable: true, Notification: n,
	}
}
