package verify

import (
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// judge gives the first reason why the content of a chained record is not
// shown, and what is wrong with a body (ct.Faults, where it breaks their rules). Each answer is a function
// of the record and the genesis alone, with one exception that cannot do harm:
// a retraction of another State's log is seen as such only once that log is in
// the roster, and until then there is nothing it could retract.
// What rd read last is overwritten.
func judge(e *wire.Envelope, r *roster.Right, v *roster.View, rd *wire.NotificationReader) (Reason, error) {
	h := &e.Header
	if why := judgeHeader(h, r, v); why != "" {
		return why, nil
	}
	if !e.HasBody() {
		return "", nil
	}
	return judgeBody(e, r, v.Policy(), rd)
}

func judgeHeader(h *wire.Header, r *roster.Right, v *roster.View) Reason {
	rule, known := ct.Kind(h.Kind).Rule()
	switch {
	case !known:
		return UnknownKind
	case rule.Root != r.Root:
		return WrongLog
	case !rule.Acted:
		return UnsupportedKind
	case h.Topic == 0 || h.Topic > uint32(ct.TopicReceipt):
		return UnknownTopic
	case !rule.Topics.Has(ct.Topic(h.Topic)):
		return TopicOfKind
	case h.Priority == 0 || h.Priority > uint32(ct.PriorityFlash):
		return UnknownPriority
	case h.TLP == 0 || h.TLP > uint32(ct.TLPRed):
		return UnknownTLP
	}
	switch h.Audience {
	case uint32(ct.AudienceAll):
		if rule.Personal && !v.Exercise() {
			return AudienceAll
		}
	case uint32(ct.AudienceSealed), uint32(ct.AudienceGroup):
		return SealedAudience
	default:
		return UnknownAudience
	}
	switch {
	case h.Expires <= h.Issued:
		return ExpiryFirst
	case !r.Root && h.Expires-h.Issued > ct.Millis(v.Policy().MaxRetention.Milliseconds()):
		return ExpiryLate
	case len(h.Refs) < rule.MinRefs || len(h.Refs) > rule.MaxRefs:
		return RefsOfKind
	case rule.Kind == ct.KindRetract:
		return judgeTargets(h, r, v)
	}
	return ""
}

// judgeTargets looks where the records stand that a RETRACT names. Who holds a
// root log is known from the genesis, so one ref into it is a fault everywhere;
// what a ref into another State's log does is nothing, on every node, and the
// rest of them act.
func judgeTargets(h *wire.Header, r *roster.Right, v *roster.View) Reason {
	others := 0
	for i := range h.Refs {
		target, ok := v.Right(h.Refs[i].Log)
		switch {
		case ok && target.Root:
			return RootTarget
		case ok && target.State != r.State:
			others++
		}
	}
	if others == len(h.Refs) {
		return OtherState
	}
	return ""
}

// judgeBody reads the content. Rules that ask for a time are given issued_at,
// so that every node finds the same whenever it looks.
func judgeBody(e *wire.Envelope, r *roster.Right, p roster.Policy, rd *wire.NotificationReader) (Reason, error) {
	var faults ct.Faults
	var err error
	switch ct.Kind(e.Header.Kind) {
	case ct.KindNotification:
		var n *ct.Notification
		if n, err = rd.Read(e.Header.BodyHeader(), e.Body); err == nil {
			faults = n.Validate(e.Header.Issued.Time(), ct.Policy{MaxRetention: p.MaxRetention})
			if faults.Has("topic", ct.FaultTopic) {
				return TopicOfEvent, faults
			}
		}
	case ct.KindRetract:
		var t *ct.Retraction
		if t, err = wire.DecodeRetraction(e.Body); err == nil {
			faults = t.Validate()
		}
	case ct.KindMatchRelease:
		var m *ct.MatchRelease
		if m, err = wire.DecodeMatchRelease(e.Body); err == nil {
			faults = m.Validate(e.Header.Issued.Time())
		}
	case ct.KindAddress:
		var a *ct.Addresses
		if a, err = wire.DecodeAddresses(e.Body); err == nil {
			faults = a.Validate()
		}
	case ct.KindDelegation:
		var d *ct.Delegation
		if d, err = wire.DecodeDelegation(e.Body); err == nil {
			if faults = d.Validate(); len(faults) == 0 {
				if err := p.CheckDelegation(d, r.State, e.Header.Log); err != nil {
					return BodyInvalid, err
				}
			}
		}
	case ct.KindRenewal:
		var x *ct.Renewal
		if x, err = wire.DecodeRenewal(e.Body); err == nil {
			faults = x.Validate()
		}
	case ct.KindClosing:
		var c *ct.Closing
		if c, err = wire.DecodeClosing(e.Body); err == nil {
			faults = c.Validate()
		}
	}
	switch {
	case err != nil:
		return BodyNotDecodable, err
	case len(faults) > 0:
		return BodyInvalid, faults
	}
	return "", nil
}
