package ct

import (
	"strings"
	"time"
)

// Policy is what a network allows. The zero value means the defaults.
type Policy struct {
	MaxRetention      time.Duration // 0: MaxRetention, which is also the upper bound
	MaxMinorRetention time.Duration // 0: DefaultMinorRetention; for subjects who may be under 18
}

// MaxRetention is five years, of which two may be leap years; the wire
// accepts nothing longer. A subject who may be a minor gets one year.
const (
	MaxRetention          = 1827 * 24 * time.Hour
	DefaultMinorRetention = 366 * 24 * time.Hour
)

func (p Policy) withDefaults() Policy {
	if p.MaxRetention <= 0 || p.MaxRetention > MaxRetention {
		p.MaxRetention = MaxRetention
	}
	if p.MaxMinorRetention <= 0 {
		p.MaxMinorRetention = DefaultMinorRetention
	}
	p.MaxMinorRetention = min(p.MaxMinorRetention, p.MaxRetention)
	return p
}

// Validate gives everything that makes n unfit to publish at the time now:
// mandatory fields (S1), closed lists, limits, forms of codes and dates, and
// the rules between fields, those for minors and bystanders (S4, S5) included.
// It does not judge who may read n.
func (n *Notification) Validate(now time.Time, p Policy) Faults {
	p = p.withDefaults()
	var room [128]byte
	c := checker{now: now, path: room[:0]}
	c.header(n)
	if r, ok := n.Event.Type.rule(); ok && notifiable(n.Topic) && n.Topic != r.topic {
		c.fault("topic", FaultTopic)
	}

	m := c.at("event", -1)
	c.event(&n.Event)
	c.leave(m)
	m = c.at("person", -1)
	c.person(&n.Person)
	c.leave(m)

	m = c.at("assessment", -1)
	c.assessment(&n.Assessment)
	c.leave(m)

	minor := n.SubjectMayBeChild(now)
	c.protect(&n.Assessment, minor)

	m = c.at("handling", -1)
	c.handling(&n.Handling)
	c.leave(m)

	m = c.at("retention", -1)
	c.retention(&n.Retention, p, minor)
	c.leave(m)

	m = c.at("contact", -1)
	c.desk(&n.Contact)
	c.leave(m)
	return c.faults
}

func (c *checker) desk(d *Contact) {
	if c.must("desk", d.Desk) {
		c.line("desk", d.Desk, MaxShort)
	}
	c.line("phone", d.Phone, MaxShort)
	c.line("email", d.Email, MaxNameLen)
	c.line("ref", d.Ref, MaxShort)
}

// header checks the values that travel in the record's header.
func (c *checker) header(n *Notification) {
	if !notifiable(n.Topic) {
		c.fault("topic", FaultCode+": travel, arrival, deportation, detention")
	}
	if n.Priority < PriorityRoutine || n.Priority > PriorityFlash {
		c.fault("priority", FaultCode+": routine, urgent, flash")
	}
	if n.TLP < TLPClear || n.TLP > TLPRed {
		c.fault("tlp", FaultCode+": CLEAR, GREEN, AMBER, AMBER+STRICT, RED")
	}
	if n.Audience < AudienceAll || n.Audience > AudienceGroup {
		c.fault("audience", FaultCode+": ALL, SEALED, GROUP")
	}
}

// notifiable tells whether notifications go to the topic.
func notifiable(t Topic) bool { return t >= TopicTravel && t <= TopicDetention }

func (c *checker) assessment(a *Assessment) {
	if len(a.Grounds) == 0 {
		c.fault("grounds", FaultMissing)
	}
	c.codeList("grounds", a.Grounds, groundCodes)
	if c.must("grounds_text", a.GroundsText) {
		c.text("grounds_text", a.GroundsText, MaxText, true)
	}
	c.mustCode("designation", a.Designation, designationCodes)
	if len(a.LegalBasis) == 0 {
		c.fault("legal_basis", FaultMissing)
	}
	if c.count("legal_basis", len(a.LegalBasis), MaxList) {
		for i, b := range a.LegalBasis {
			m := c.at("legal_basis", i)
			c.mustCode("instrument", b.Instrument, instrumentCodes)
			if !strings.HasPrefix(b.Instrument, "UNSCR-") {
				c.must("reference", b.Reference) // a treaty or a law has a name
			}
			c.line("reference", b.Reference, MaxNameLen)
			c.leave(m)
		}
	}
	c.mustCode("purpose", a.Purpose, purposeCodes)
	c.code("source_grade", a.SourceGrade, sourceCodes)
	c.code("information_grade", a.InfoGrade, informationCodes)
	c.mustCode("requested_action", a.RequestedAction, actionCodes)
	c.line("warrant_ref", a.WarrantRef, MaxShort)
	if a.RequestedAction == ActionDetainForExtradition && a.WarrantRef == "" {
		c.fault("warrant_ref", FaultWarrant)
	}
}

// protect applies S4 and S5: no suspicion and no warrant against a child, a
// family member, a witness or a victim, and no adverse action. What is left as
// a ground is that they belong to somebody.
func (c *checker) protect(a *Assessment, minor bool) {
	bystander := bystanderDesignations.has(a.Designation)
	ground, warrant := FaultBystanderGround, FaultBystanderWarrant
	switch {
	case minor:
		ground, warrant = FaultMinorGround, FaultMinorWarrant
		if designationCodes.has(a.Designation) && !bystander {
			c.fault("assessment.designation", FaultMinorDesignation)
		}
		if actionCodes.has(a.RequestedAction) && !minorActions.has(a.RequestedAction) {
			c.fault("assessment.requested_action", FaultMinorAction)
		}
	case bystander:
		if adverseActions.has(a.RequestedAction) {
			c.fault("assessment.requested_action", FaultBystanderAction)
		}
	default:
		return
	}
	for i, g := range a.Grounds {
		if groundCodes.has(g) && !harmlessGrounds.has(g) {
			c.faultAt("assessment.grounds", i, ground)
		}
	}
	if a.WarrantRef != "" && a.RequestedAction != ActionDetainForExtradition {
		c.fault("assessment.warrant_ref", warrant)
	}
}

func (c *checker) handling(h *Handling) {
	c.codeList("codes", h.Codes, handlingCodes)
	c.code("pap", h.PAP, papCodes)
	c.codeList("caveats", h.Caveats, caveatCodes)
	c.states("orcon", h.Originator, MaxNames)
	c.text("text", h.Text, MaxText, true)
}

func (c *checker) retention(r *Retention, p Policy, minor bool) {
	c.text("extension_reason", r.ExtensionReason, MaxText, true)
	purpose, hasPurpose := c.date("purpose_date", r.PurposeDate)
	review, hasReview := c.date("review_date", r.ReviewDate)
	if !c.must("expires", r.Expires) {
		return
	}
	end, ok := c.instant("expires", r.Expires)
	if !ok {
		return
	}
	if !c.now.IsZero() {
		switch {
		case !end.After(c.now):
			c.fault("expires", FaultExpired)
		case end.After(c.now.Add(p.MaxRetention)):
			c.fault("expires", FaultRetention)
		case minor && end.After(c.now.Add(p.MaxMinorRetention)):
			c.fault("expires", FaultMinorRetention)
		}
	}
	if hasPurpose && purpose.Earliest.After(end) {
		c.fault("purpose_date", FaultAfterEnd)
	}
	if hasReview && review.Earliest.After(end) {
		c.fault("review_date", FaultAfterEnd)
	}
}

// ExpiresAt is the expiry as the record's header carries it, cut to
// milliseconds; false when it is not an RFC 3339 time.
func (r Retention) ExpiresAt() (Millis, bool) {
	t, ok := parseInstant(r.Expires)
	if !ok {
		return 0, false
	}
	return MillisOf(t), true
}
