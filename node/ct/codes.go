package ct

import (
	"slices"
	"strings"
)

// Phases of an event.
const (
	PhasePlanned   = "planned"
	PhaseConfirmed = "confirmed"
	PhaseCancelled = "cancelled"
)

// Requested actions. They are requests: the receiver chooses.
const (
	ActionNotifyOnly           = "NOTIFY_ONLY"
	ActionDiscreetCheck        = "DISCREET_CHECK"
	ActionInquiryCheck         = "INQUIRY_CHECK"
	ActionSpecificCheck        = "SPECIFIC_CHECK"
	ActionLocate               = "LOCATE"
	ActionRefuseEntry          = "REFUSE_ENTRY"
	ActionDetainForExtradition = "DETAIN_FOR_EXTRADITION" // needs a warrant reference
	ActionChildProtection      = "CHILD_PROTECTION"
	ActionContactAuthor        = "CONTACT_AUTHOR"
)

// Designations of the subject.
const (
	DesignationConvicted       = "convicted"
	DesignationCharged         = "charged"
	DesignationSuspected       = "suspected"
	DesignationKnown           = "known"
	DesignationFamilyMember    = "family-member"
	DesignationWitnessOrVictim = "witness-or-victim"
)

// Grounds of an assessment.
const (
	GroundConvicted    = "convicted"
	GroundCharged      = "charged"
	GroundWarrant      = "arrest-warrant"
	GroundUNListed     = "un-listed"
	GroundNational     = "national-listing"
	GroundIntelligence = "intelligence-assessment"
	GroundAssociation  = "association"
)

// CompanionChild is the role of an accompanying child.
const CompanionChild = "child"

// eventRule says where an event type belongs and what it needs.
type eventRule struct {
	typ     EventType
	topic   Topic
	phases  codes
	timed   bool // the time is mandatory
	custody bool // the detention block is mandatory
}

// The sets of phases that event types allow.
var (
	anyPhase = phaseCodes
	foreseen = codes{PhasePlanned, PhaseCancelled}
	happened = codes{PhaseConfirmed} // one that did not happen is retracted, not cancelled
	listed   = codes{PhaseConfirmed, PhaseCancelled}
)

// eventRules is the closed list of event types. One type has one topic, so
// that a subscriber to a topic misses nothing of it.
var eventRules = [...]eventRule{
	{TravelIntended, TopicTravel, foreseen, true, false},
	{Departure, TopicTravel, anyPhase, true, false},
	{Transit, TopicTravel, anyPhase, true, false},
	{ListEntry, TopicTravel, listed, false, false},
	{Arrival, TopicArrival, anyPhase, true, false},
	{AttemptedEntry, TopicArrival, happened, true, false},
	{EntryRefused, TopicArrival, happened, true, false},
	{DeportationPlanned, TopicDeportation, foreseen, true, false},
	{DeportationExecuted, TopicDeportation, happened, true, false},
	{Extradited, TopicDeportation, anyPhase, true, false},
	{Captured, TopicDetention, happened, true, true},
	{Detained, TopicDetention, happened, true, true},
	{Released, TopicDetention, anyPhase, true, false},
	{Transferred, TopicDetention, anyPhase, true, false},
	{Deceased, TopicDetention, happened, true, false},
}

func (e EventType) rule() (eventRule, bool) {
	for i := range eventRules {
		if eventRules[i].typ == e {
			return eventRules[i], true
		}
	}
	return eventRule{}, false
}

// Topic is the one topic an event type belongs to; false for an unknown type.
func (e EventType) Topic() (Topic, bool) {
	r, ok := e.rule()
	return r.topic, ok
}

// EventTypes lists the event types of a topic; of all topics for TopicUnknown.
func EventTypes(t Topic) []EventType {
	var out []EventType
	for _, r := range eventRules {
		if t == TopicUnknown || r.topic == t {
			out = append(out, r.typ)
		}
	}
	return out
}

// codes is a closed list of words, in the order in which people read them.
type codes []string

func (c codes) has(s string) bool { return slices.Contains(c, s) }
func (c codes) fault() string     { return FaultCode + ": " + strings.Join(c, ", ") }

// The closed lists. Adding a word is a change of protocol: a node that does
// not know it shows the record as inadmissible.
var (
	phaseCodes       = codes{PhasePlanned, PhaseConfirmed, PhaseCancelled}
	precisionCodes   = codes{"exact", "day", "month", "approx", "interval"}
	modeCodes        = codes{"air", "sea", "rail", "road", "foot"}
	companionCodes   = codes{"principal", "spouse", CompanionChild, "other-family", "unrelated"}
	consularCodes    = codes{"yes", "no", "declined", "not-applicable"}
	nameKindCodes    = codes{string(NamePrimary), string(NameAlias), string(NameNomDeGuerre), string(NameMaiden), string(NameDocument)}
	qualityCodes     = codes{"good", "low"}
	calendarCodes    = codes{"gregorian", "hijri", "solar-hijri"}
	sexCodes         = codes{"M", "F", "X"}
	docStatusCodes   = codes{"valid", "lost", "stolen", "revoked", "fraudulent"}
	contactCodes     = codes{"phone", "email"}
	systemCodes      = codes{"un", "interpol", "national", "wikidata", "other"}
	groundCodes      = codes{GroundConvicted, GroundCharged, GroundWarrant, GroundUNListed, GroundNational, GroundIntelligence, GroundAssociation}
	designationCodes = codes{DesignationConvicted, DesignationCharged, DesignationSuspected, DesignationKnown, DesignationFamilyMember, DesignationWitnessOrVictim}
	instrumentCodes  = codes{"UNSCR-2396-OP3", "UNSCR-2396-OP5", "UNSCR-2396-OP11", "UNSCR-2396-OP13", "UNSCR-1373", "treaty", "domestic-law"}
	purposeCodes     = codes{"border-screening", "investigation", "detention-hand-over", "protection"}
	sourceCodes      = codes{"A", "B", "C", "X"}
	informationCodes = codes{"1", "2", "3", "4"}
	actionCodes      = codes{ActionNotifyOnly, ActionDiscreetCheck, ActionInquiryCheck, ActionSpecificCheck, ActionLocate, ActionRefuseEntry, ActionDetainForExtradition, ActionChildProtection, ActionContactAuthor}
	handlingCodes    = codes{"H0", "H1", "H2", "H3"}
	papCodes         = codes{"RED", "AMBER", "GREEN", "CLEAR"}
	caveatCodes      = codes{"no-onward", "not-in-court", "assurance-required", "contact-first", "source-protection"}
	retractCodes     = codes{"mistaken-identity", "purpose-achieved", "court-order", "unlawful", "acquitted", "deceased", "error", "superseded"}
	closeCodes       = codes{"compromised", "lost", "forked", "retired", "error"}

	bystanderDesignations = codes{DesignationFamilyMember, DesignationWitnessOrVictim}
	harmlessGrounds       = codes{GroundAssociation}
	minorActions          = codes{ActionChildProtection, ActionNotifyOnly}
	adverseActions        = codes{ActionRefuseEntry, ActionDetainForExtradition}
)
