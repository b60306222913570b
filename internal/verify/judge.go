package verify

import (
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// judge gives the first reason why the content of a chained record is not
// shown, and for a body that breaks rules which ones. Each answer is a function
// of the record and the genesis alone, with one exception that cannot do harm:
// a retraction of another State's log is seen as such only once that log is in
// the roster, and until then there is nothing it could retract.
// What rd read last is overwritten.
func judge(e *wire.Envelope, r *roster.Right, v *roster.View, rd *wire.NotificationReader) (Reason, ct.Faults) {
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
	kind := ct.Kind(h.Kind)
	switch {
	case h.Kind == 0 || h.Kind > uint32(ct.KindCheckpoint):
		return UnknownKind
	case rootKind(kind) != r.Root:
		return WrongLog
	case !acted(kind):
		return UnsupportedKind
	case h.Topic == 0 || h.Topic > uint32(ct.TopicReceipt):
		return UnknownTopic
	case !fits(kind, ct.Topic(h.Topic)):
		return TopicOfKind
	case h.Priority == 0 || h.Priority > uint32(ct.PriorityFlash):
		return UnknownPriority
	case h.TLP == 0 || h.TLP > uint32(ct.TLPRed):
		return UnknownTLP
	}
	switch h.Audience {
	case uint32(ct.AudienceAll):
		if forAddressees(kind) && !v.Exercise() {
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
	}
	if kind != ct.KindRetract {
		return ""
	}
	if len(h.Refs) != 1 {
		return RefMissing
	}
	if target, ok := v.Right(h.Refs[0].Log); ok && target.State != r.State {
		return OtherState
	}
	return ""
}

// rootKind tells the kinds of root logs and of the roster log.
func rootKind(k ct.Kind) bool {
	switch k {
	case ct.KindDelegation, ct.KindRenewal, ct.KindClosing, ct.KindRootRotation, ct.KindAmendment, ct.KindVote:
		return true
	}
	return false
}

// acted tells the kinds whose bodies this version reads.
func acted(k ct.Kind) bool {
	switch k {
	case ct.KindNotification, ct.KindRetract, ct.KindMatchRelease, ct.KindAddress, ct.KindDelegation, ct.KindRenewal, ct.KindClosing:
		return true
	}
	return false
}

// forAddressees tells the kinds that are about persons: in earnest they are for
// their addressees and never for all.
func forAddressees(k ct.Kind) bool { return k == ct.KindNotification || k == ct.KindMatchRelease }

// fits tells whether a kind has business on a topic. A retraction goes where
// the record went that it retracts.
func fits(k ct.Kind, t ct.Topic) bool {
	switch k {
	case ct.KindNotification:
		return t >= ct.TopicTravel && t <= ct.TopicDetention
	case ct.KindRetract:
		return true
	case ct.KindMatchRelease:
		return t == ct.TopicReceipt
	}
	return t == ct.TopicControl
}

// judgeBody reads the content. Rules that ask for a time are given issued_at,
// so that every node finds the same whenever it looks.
func judgeBody(e *wire.Envelope, r *roster.Right, p roster.Policy, rd *wire.NotificationReader) (Reason, ct.Faults) {
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
			if faults = d.Validate(); len(faults) == 0 && p.CheckDelegation(d, r.State, e.Header.Log) != nil {
				return BodyInvalid, nil
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
		return BodyNotDecodable, nil
	case len(faults) > 0:
		return BodyInvalid, faults
	}
	return "", nil
}
