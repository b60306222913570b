package synth

import (
	"time"

	"github.com/herald-net/herald/node/ct"
)

const deskEmail = "desk@ct.utopia.example"

// Notification makes the next notification on a topic: travel, arrival,
// deportation or detention; any other value stands for one of these at
// random. It is valid at the time now under the default policy, for times
// from 2020 to 2040, and goes to all members, so that every node of an
// exercise can read it. About one subject in twenty is a minor.
func (g *Gen) Notification(topic ct.Topic, now time.Time) *ct.Notification {
	now = now.UTC().Truncate(time.Second)
	if topic < ct.TopicTravel || topic > ct.TopicDetention {
		topic = pick(g, []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention})
	}
	n := &ct.Notification{
		Topic:    topic,
		Priority: pick(g, []ct.Priority{ct.PriorityRoutine, ct.PriorityRoutine, ct.PriorityUrgent, ct.PriorityFlash}),
		TLP:      pick(g, []ct.TLP{ct.TLPGreen, ct.TLPAmber, ct.TLPAmberStrict}),
		Audience: ct.AudienceAll,
		Contact:  ct.Contact{Desk: "Utopia CT Centre, 24/7 desk", Phone: "+88800000000", Email: deskEmail, Ref: "EX-" + g.letters(digits, 6)},
	}
	minor := g.chance(5)
	born := now.AddDate(-g.between(6, 15), 0, -g.r.IntN(365))
	if minor {
		n.Person = g.person(born)
		n.Person.Births = []ct.Birth{{Date: born.Format(time.DateOnly)}}
	} else {
		n.Person = g.Person()
	}
	n.Event = g.event(topic, now)
	n.Assessment = g.assessment(minor)
	n.Handling = ct.Handling{Codes: []string{"H0"}, PAP: "AMBER"}
	if g.chance(30) {
		n.Handling.Caveats = []string{pick(g, []string{"assurance-required", "contact-first", "not-in-court"})}
	}
	life := 365
	if minor {
		life = 180
	}
	n.Retention = ct.Retention{
		PurposeDate: now.AddDate(0, 0, life/2).Format(time.DateOnly),
		ReviewDate:  now.AddDate(0, 0, life-30).Format(time.DateOnly),
		Expires:     ct.MillisOf(now.AddDate(0, 0, life)).String(),
	}
	return n
}

func (g *Gen) event(topic ct.Topic, now time.Time) ct.Event {
	types := ct.EventTypes(topic)
	e := ct.Event{Type: pick(g, types), Phase: ct.PhaseConfirmed}
	from, via, to := g.route()
	e.Source, e.Destination = from.State, to.State
	begins := now.Add(-time.Duration(g.between(2, 72)) * time.Hour)
	switch e.Type {
	case ct.TravelIntended, ct.DeportationPlanned:
		e.Phase = ct.PhasePlanned
		begins = now.Add(time.Duration(g.between(24, 240)) * time.Hour)
	}
	if e.Type == ct.ListEntry {
		e.Source, e.Destination = "", ""
		return e
	}
	if g.chance(70) {
		e.Time, e.Precision = begins.Format(time.RFC3339), "exact"
	} else {
		e.Time, e.Precision = begins.Format(time.DateOnly), "day"
	}
	if topic == ct.TopicDetention {
		e.Detention = &ct.Detention{
			Authority: "Utopia Police", Country: to.State, Region: g.town(), LegalGround: "criminal procedure",
			Since: begins.Format(time.DateOnly), ConsularNotified: pick(g, []string{"yes", "no", "declined"}),
		}
	} else {
		e.Transit = []ct.State{via.State}
		e.Legs = g.legs(from, via, to, begins)
	}
	if g.chance(20) {
		e.Accompanying = g.companions(now)
	}
	return e
}

// route draws three different States.
func (g *Gen) route() (from, via, to ct.Country) {
	first, n := g.r.IntN(len(g.states)), len(g.states)
	second := first + g.between(1, n/2-1)
	third := second + g.between(1, n/2-1)
	return g.states[first], g.states[second%n], g.states[third%n]
}

func (g *Gen) legs(from, via, to ct.Country, begins time.Time) []ct.Leg {
	hub := g.place(via)
	change := begins.Add(time.Duration(g.between(2, 8)) * time.Hour)
	carrier := g.letters(upper, 2)
	return []ct.Leg{
		{
			Mode: "air", Carrier: carrier, ServiceNo: g.letters("123456789", 3), From: g.place(from), To: hub,
			Departs: begins.Format(time.RFC3339), Arrives: change.Format(time.RFC3339),
		},
		{
			Mode: "air", Carrier: carrier, ServiceNo: g.letters("123456789", 3), From: hub, To: g.place(to),
			Departs: change.Add(90 * time.Minute).Format(time.RFC3339), Arrives: change.Add(5 * time.Hour).Format(time.RFC3339),
		},
	}
}

// place has a code of the form of UN/LOCODE; whether it exists is chance.
func (g *Gen) place(c ct.Country) ct.Place {
	return ct.Place{Code: c.Alpha2 + g.letters(upper, 3), State: c.State}
}

func (g *Gen) companions(now time.Time) []ct.Companion {
	s := g.name(&cultures[g.r.IntN(len(cultures))])
	spouse := s.names()[0]
	out := []ct.Companion{{Role: "spouse", Name: &spouse}}
	if g.chance(50) {
		s = g.name(s.culture)
		child := s.names()[0]
		born := ct.Birth{Date: now.AddDate(-g.between(1, 14), 0, 0).Format("2006")}
		out = append(out, ct.Companion{Role: ct.CompanionChild, Name: &child, Birth: &born})
	}
	return out
}

func (g *Gen) assessment(minor bool) ct.Assessment {
	a := ct.Assessment{
		GroundsText: "Synthetic case for an exercise; no person is meant.",
		LegalBasis:  []ct.LegalBasis{{Instrument: "UNSCR-2396-OP3"}, {Instrument: "domestic-law", Reference: "Utopia Security Act, section 12"}},
		Purpose:     "border-screening",
		SourceGrade: g.letters("ABX", 1),
		InfoGrade:   g.letters("123", 1),
	}
	if minor {
		a.Grounds, a.Designation, a.Purpose = []string{ct.GroundAssociation}, ct.DesignationFamilyMember, "protection"
		a.RequestedAction = ct.ActionChildProtection
		return a
	}
	switch g.r.IntN(5) {
	case 0:
		a.Grounds, a.Designation = []string{ct.GroundWarrant, ct.GroundCharged}, ct.DesignationCharged
		a.RequestedAction, a.WarrantRef = ct.ActionDetainForExtradition, "UTO-W-"+g.letters(digits, 6)
	case 1:
		a.Grounds, a.Designation = []string{ct.GroundConvicted}, ct.DesignationConvicted
		a.RequestedAction = ct.ActionRefuseEntry
	case 2:
		a.Grounds, a.Designation = []string{ct.GroundAssociation}, ct.DesignationFamilyMember
		a.RequestedAction = ct.ActionNotifyOnly
	default:
		a.Grounds, a.Designation = []string{ct.GroundIntelligence}, ct.DesignationSuspected
		a.RequestedAction = pick(g, []string{ct.ActionDiscreetCheck, ct.ActionInquiryCheck, ct.ActionSpecificCheck, ct.ActionLocate, ct.ActionContactAuthor})
	}
	return a
}
