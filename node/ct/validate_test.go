package ct_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Each case makes one thing wrong and names the only fault that follows.
func TestValidateFaults(t *testing.T) {
	type n = ct.Notification
	long := strings.Repeat("x", 2001)
	tests := []struct {
		name  string
		edit  func(n *n)
		field string
		fault string
	}{
		// Mandatory (S1).
		{"no legal basis", func(n *n) { n.Assessment.LegalBasis = nil }, "assessment.legal_basis", ct.FaultMissing},
		{"no purpose", func(n *n) { n.Assessment.Purpose = "" }, "assessment.purpose", ct.FaultMissing},
		{"no grounds", func(n *n) { n.Assessment.Grounds = nil }, "assessment.grounds", ct.FaultMissing},
		{"no text of grounds", func(n *n) { n.Assessment.GroundsText = "" }, "assessment.grounds_text", ct.FaultMissing},
		{"no expiry", func(n *n) { n.Retention.Expires = "" }, "retention.expires", ct.FaultMissing},
		{"no designation", func(n *n) { n.Assessment.Designation = "" }, "assessment.designation", ct.FaultMissing},
		{"no action", func(n *n) { n.Assessment.RequestedAction = "" }, "assessment.requested_action", ct.FaultMissing},
		{"no name", func(n *n) { n.Person.Names = nil }, "person.names", ct.FaultMissing},
		{"empty name", func(n *n) { n.Person.Names[0] = ct.Name{} }, "person.names[0]", ct.FaultMissing},
		{"empty part", func(n *n) { n.Person.Names[0].Parts = []string{"Norel", ""} }, "person.names[0].parts[1]", ct.FaultMissing},
		{"no desk", func(n *n) { n.Contact.Desk = "" }, "contact.desk", ct.FaultMissing},
		{"no event type", func(n *n) { n.Event.Type = "" }, "event.type", ct.FaultMissing},
		{"no phase", func(n *n) { n.Event.Phase = "" }, "event.phase", ct.FaultMissing},
		{"no time", func(n *n) { n.Event.Time, n.Event.Precision = "", "" }, "event.time", ct.FaultMissing},
		{"no custody block", func(n *n) { n.Event.Detention = nil }, "event.detention", ct.FaultMissing},
		{"no country of custody", func(n *n) { n.Event.Detention.Country = "" }, "event.detention.country", ct.FaultMissing},
		{"treaty without a name", func(n *n) { n.Assessment.LegalBasis[0].Instrument = "treaty" }, "assessment.legal_basis[0].reference", ct.FaultMissing},
		{"document without number", func(n *n) { n.Person.Documents[0].Number = "" }, "person.documents[0].number", ct.FaultMissing},

		// Closed lists.
		{"unknown topic", func(n *n) { n.Topic = 77 }, "topic", ct.FaultCode},
		{"control topic", func(n *n) { n.Topic = ct.TopicControl }, "topic", ct.FaultCode},
		{"no priority", func(n *n) { n.Priority = 0 }, "priority", ct.FaultCode},
		{"unknown tlp", func(n *n) { n.TLP = 6 }, "tlp", ct.FaultCode},
		{"no audience", func(n *n) { n.Audience = 0 }, "audience", ct.FaultCode},
		{"event type", func(n *n) { n.Event.Type = "SIGHTED" }, "event.type", ct.FaultCode},
		{"phase", func(n *n) { n.Event.Phase = "perhaps" }, "event.phase", ct.FaultCode},
		{"ground", func(n *n) { n.Assessment.Grounds = []string{"charged", "rumour"} }, "assessment.grounds[1]", ct.FaultCode},
		{"ground twice", func(n *n) { n.Assessment.Grounds = []string{"charged", "charged"} }, "assessment.grounds[1]", ct.FaultDuplicate},
		{"designation", func(n *n) { n.Assessment.Designation = "terrorist" }, "assessment.designation", ct.FaultCode},
		{"instrument", func(n *n) { n.Assessment.LegalBasis = []ct.LegalBasis{{Instrument: "UNSCR-2396-OP99"}} }, "assessment.legal_basis[0].instrument", ct.FaultCode},
		{"purpose", func(n *n) { n.Assessment.Purpose = "curiosity" }, "assessment.purpose", ct.FaultCode},
		{"action", func(n *n) { n.Assessment.RequestedAction = "DETAIN" }, "assessment.requested_action", ct.FaultCode},
		{"source grade", func(n *n) { n.Assessment.SourceGrade = "D" }, "assessment.source_grade", ct.FaultCode},
		{"information grade", func(n *n) { n.Assessment.InfoGrade = "5" }, "assessment.information_grade", ct.FaultCode},
		{"handling code", func(n *n) { n.Handling.Codes = []string{"H4"} }, "handling.codes[0]", ct.FaultCode},
		{"pap", func(n *n) { n.Handling.PAP = "WHITE" }, "handling.pap", ct.FaultCode},
		{"caveat", func(n *n) { n.Handling.Caveats = []string{"burn"} }, "handling.caveats[0]", ct.FaultCode},
		{"name kind", func(n *n) { n.Person.Names[0].Kind = "nick" }, "person.names[0].kind", ct.FaultCode},
		{"name quality", func(n *n) { n.Person.Names[0].Quality = "Good" }, "person.names[0].quality", ct.FaultCode},
		{"confidence", func(n *n) { n.Person.Births[0].Confidence = "9" }, "person.births[0].confidence", ct.FaultCode},
		{"calendar", func(n *n) { n.Person.Births[0].Calendar = "julian" }, "person.births[0].calendar", ct.FaultCode},
		{"sex", func(n *n) { n.Person.Sex = "U" }, "person.sex", ct.FaultCode},
		{"document status", func(n *n) { n.Person.Documents[0].Status = "gone" }, "person.documents[0].status", ct.FaultCode},
		{"external system", func(n *n) { n.Person.ExternalRefs = []ct.ExternalRef{{System: "web", Value: "1"}} }, "person.external_refs[0].system", ct.FaultCode},
		{"companion role", func(n *n) { n.Event.Accompanying = []ct.Companion{{Role: "friend"}} }, "event.accompanying[0].role", ct.FaultCode},
		{"consular", func(n *n) { n.Event.Detention.ConsularNotified = "maybe" }, "event.detention.consular_notified", ct.FaultCode},

		// Limits.
		{"65 names", func(n *n) { n.Person.Names = make([]ct.Name, 65) }, "person.names", ct.FaultTooMany},
		{"name of 257", func(n *n) { n.Person.Names[0].Full = strings.Repeat("ж", 257) }, "person.names[0].full", ct.FaultTooLong},
		{"17 parts", func(n *n) { n.Person.Names[0].Parts = make([]string, 17) }, "person.names[0].parts", ct.FaultTooMany},
		{"17 births", func(n *n) { n.Person.Births = make([]ct.Birth, 17) }, "person.births", ct.FaultTooMany},
		{"33 documents", func(n *n) { n.Person.Documents = make([]ct.Document, 33) }, "person.documents", ct.FaultTooMany},
		{"17 legs", func(n *n) { n.Event.Legs = make([]ct.Leg, 17) }, "event.legs", ct.FaultTooMany},
		{"long text", func(n *n) { n.Assessment.GroundsText = long }, "assessment.grounds_text", ct.FaultTooLong},
		{"tall", func(n *n) { n.Person.Physical = &ct.Physical{HeightCM: 1820} }, "person.physical.height_cm", ct.FaultRange},

		// Text that could drive a terminal or disguise a name.
		{"escape", func(n *n) { n.Person.Names[0].Full = "Norel\x1b[31m" }, "person.names[0].full", ct.FaultText},
		{"line feed in a name", func(n *n) { n.Person.Names[0].Full = "Norel\nHavistan" }, "person.names[0].full", ct.FaultText},
		{"direction override", func(n *n) { n.Person.Names[0].Full = "Norel \u202enatsivaH" }, "person.names[0].full", ct.FaultText},
		{"C1 control", func(n *n) { n.Person.Names[0].Full = "Norel\u009b31m" }, "person.names[0].full", ct.FaultText},
		{"not UTF-8", func(n *n) { n.Person.Names[0].Full = "Norel\xff" }, "person.names[0].full", ct.FaultText},
		{"blank at the end", func(n *n) { n.Person.Names[0].Full = "Norel\u00a0" }, "person.names[0].full", ct.FaultText},

		// Codes and forms.
		{"nationality", func(n *n) { n.Person.Nationalities = []ct.State{"UTO", "ZZZ"} }, "person.nationalities[1]", ct.FaultState},
		{"nationality twice", func(n *n) { n.Person.Nationalities = []ct.State{"UTO", "UTO"} }, "person.nationalities[1]", ct.FaultDuplicate},
		{"alpha-2", func(n *n) { n.Event.Destination = "KE" }, "event.destination", ct.FaultState},
		{"lower case", func(n *n) { n.Event.Source = "uto" }, "event.source", ct.FaultState},
		{"issuer", func(n *n) { n.Person.Documents[0].Issuer = "XYZ" }, "person.documents[0].issuer", ct.FaultState},
		{"orcon", func(n *n) { n.Handling.Originator = []ct.State{"ABC"} }, "handling.orcon[0]", ct.FaultState},
		{"script", func(n *n) { n.Person.Names[0].Script = "latin" }, "person.names[0].script", ct.FaultForm},
		{"language", func(n *n) { n.Person.Names[0].Lang = "e n" }, "person.names[0].lang", ct.FaultForm},
		{"name in MRZ form", func(n *n) { n.Person.Names[0].MRZ = "havistan<<norel" }, "person.names[0].mrz_form", ct.FaultForm},
		{"document code", func(n *n) { n.Person.Documents[0].Type = "passport" }, "person.documents[0].type", ct.FaultDocType},
		{"document code not used", func(n *n) { n.Person.Documents[0].Type = "IV" }, "person.documents[0].type", ct.FaultDocType},
		{"document dates", func(n *n) { n.Person.Documents[0].Issued, n.Person.Documents[0].Expires = "2020", "2019-12-31" }, "person.documents[0].expires", ct.FaultOrder},
		{"phone", func(n *n) { n.Person.Contacts = []ct.PersonContact{{Kind: "phone", Value: "0123"}} }, "person.contacts[0].value", ct.FaultForm},
		{"e-mail", func(n *n) { n.Person.Contacts = []ct.PersonContact{{Kind: "email", Value: "nobody@"}} }, "person.contacts[0].value", ct.FaultForm},
		{"eyes", func(n *n) { n.Person.Physical = &ct.Physical{Eyes: "brown"} }, "person.physical.eyes", ct.FaultForm},

		// Dates and times.
		{"impossible birth", func(n *n) { n.Person.Births = []ct.Birth{{Date: "1974"}, {Date: "1974-02-30"}} }, "person.births[1].date", ct.FaultImpossible},
		{"birth that is no date", func(n *n) { n.Person.Births[0].Date = "12/08/1974" }, "person.births[0].date", ct.FaultDate},
		{"birth interval backwards", func(n *n) { n.Person.Births[0].Date = "1975/1974" }, "person.births[0].date", ct.FaultOrder},
		{"birth before 1850", func(n *n) { n.Person.Births[0].Date = "1849" }, "person.births[0].date", ct.FaultRange},
		{"birth after 2100", func(n *n) { minor(n); n.Person.Births[0].Date = "2012/2101" }, "person.births[0].date", ct.FaultRange},
		{"expiry without offset", func(n *n) { n.Retention.Expires = "2027-11-22T00:00:00" }, "retention.expires", ct.FaultTime},
		{"expiry is a day", func(n *n) { n.Retention.Expires = "2027-11-22" }, "retention.expires", ct.FaultTime},
		{"expiry passed", func(n *n) { n.Retention.Expires = "2026-11-23T09:30:00Z" }, "retention.expires", ct.FaultExpired},
		{"expiry after five years", func(n *n) { n.Retention.Expires = "2031-11-25T00:00:00Z" }, "retention.expires", ct.FaultRetention},
		{"review after the end", func(n *n) { n.Retention.ReviewDate = "2027-11-23" }, "retention.review_date", ct.FaultAfterEnd},
		{"purpose after the end", func(n *n) { n.Retention.PurposeDate = "2028" }, "retention.purpose_date", ct.FaultAfterEnd},
		{"precision", func(n *n) { n.Event.Precision = "exact" }, "event.precision", ct.FaultPrecision},
		{"precision of an instant", func(n *n) { n.Event.Time, n.Event.Precision = "2026-11-22T10:00:00+03:00", "day" }, "event.precision", ct.FaultPrecision},
		{"impossible instant", func(n *n) { n.Event.Time, n.Event.Precision = "2026-02-30T10:00:00Z", "exact" }, "event.time", ct.FaultTime},
		{"confirmed in the future", func(n *n) { n.Event.Time = "2026-11-26" }, "event.time", ct.FaultFuture},
		{"consular time without notice", func(n *n) { n.Event.Detention.ConsularTime = "2026-11-22T10:00:00Z" }, "event.detention.consular_time", ct.FaultUnexpected},

		// Rules between fields.
		{"type of another topic", func(n *n) { n.Topic = ct.TopicTravel }, "topic", ct.FaultTopic},
		{"planned capture", func(n *n) { n.Event.Type, n.Event.Phase = ct.Captured, ct.PhasePlanned }, "event.phase", ct.FaultPhase},
		{"detention without warrant", func(n *n) { n.Assessment.RequestedAction = ct.ActionDetainForExtradition }, "assessment.warrant_ref", ct.FaultWarrant},
		{"family member refused", func(n *n) {
			bystander(n, ct.DesignationFamilyMember)
			n.Assessment.RequestedAction = ct.ActionRefuseEntry
		}, "assessment.requested_action", ct.FaultBystanderAction},
		{"witness detained", func(n *n) {
			bystander(n, ct.DesignationWitnessOrVictim)
			n.Assessment.RequestedAction, n.Assessment.WarrantRef = ct.ActionDetainForExtradition, "W-1"
		}, "assessment.requested_action", ct.FaultBystanderAction},

		{"family member with a conviction", func(n *n) {
			bystander(n, ct.DesignationFamilyMember)
			n.Assessment.Grounds = []string{ct.GroundAssociation, ct.GroundConvicted}
		}, "assessment.grounds[1]", ct.FaultBystanderGround},
		{"family member by intelligence", func(n *n) {
			bystander(n, ct.DesignationFamilyMember)
			n.Assessment.Grounds = []string{ct.GroundIntelligence}
		}, "assessment.grounds[0]", ct.FaultBystanderGround},
		{"victim on a list", func(n *n) {
			bystander(n, ct.DesignationWitnessOrVictim)
			n.Assessment.Grounds = []string{ct.GroundUNListed}
		}, "assessment.grounds[0]", ct.FaultBystanderGround},
		{"family member with a warrant", func(n *n) {
			bystander(n, ct.DesignationFamilyMember)
			n.Assessment.WarrantRef = "W-1"
		}, "assessment.warrant_ref", ct.FaultBystanderWarrant},

		// Minors (S4).
		{"minor by intelligence", func(n *n) { minor(n); n.Assessment.Grounds = []string{ct.GroundIntelligence} }, "assessment.grounds[0]", ct.FaultMinorGround},
		{"minor with a warrant", func(n *n) { minor(n); n.Assessment.WarrantRef = "W-1" }, "assessment.warrant_ref", ct.FaultMinorWarrant},
		{"child without a birth suspected", func(n *n) {
			minor(n)
			n.Person.Births, n.Assessment.Designation = nil, ct.DesignationSuspected
		}, "assessment.designation", ct.FaultMinorDesignation},
		{"child without a birth convicted", func(n *n) {
			minor(n)
			n.Person.Births, n.Assessment.Grounds = nil, []string{ct.GroundConvicted}
		}, "assessment.grounds[0]", ct.FaultMinorGround},
		{"minor suspected", func(n *n) { minor(n); n.Assessment.Designation = ct.DesignationSuspected }, "assessment.designation", ct.FaultMinorDesignation},
		{"minor known", func(n *n) { minor(n); n.Assessment.Designation = ct.DesignationKnown }, "assessment.designation", ct.FaultMinorDesignation},
		{"minor located", func(n *n) { minor(n); n.Assessment.RequestedAction = ct.ActionLocate }, "assessment.requested_action", ct.FaultMinorAction},
		{"minor charged", func(n *n) { minor(n); n.Assessment.Grounds = []string{ct.GroundCharged} }, "assessment.grounds[0]", ct.FaultMinorGround},
		{"minor kept long", func(n *n) { minor(n); n.Retention.Expires = "2027-12-31T00:00:00Z" }, "retention.expires", ct.FaultMinorRetention},
		{"minor by the last day of a year", func(n *n) {
			minor(n)
			n.Person.Births = []ct.Birth{{Date: "2008"}} // 18 on 2026-12-31 at the latest
			n.Assessment.RequestedAction = ct.ActionSpecificCheck
		}, "assessment.requested_action", ct.FaultMinorAction},
		{"minor by one of two births", func(n *n) {
			minor(n)
			n.Person.Births = []ct.Birth{{Date: "1990"}, {Date: "2009-01-01"}}
			n.Assessment.RequestedAction = ct.ActionSpecificCheck
		}, "assessment.requested_action", ct.FaultMinorAction},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := valid(t)
			tt.edit(n)
			faults := n.Validate(now, ct.Policy{})
			if len(faults) != 1 || !faults.Has(tt.field, tt.fault) {
				t.Fatalf("got %+v\nwant %s: %s", []ct.Fault(faults), tt.field, tt.fault)
			}
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	tests := []struct {
		name string
		edit func(n *ct.Notification)
	}{
		{"child protection", minor},
		{"adult since yesterday", func(n *ct.Notification) { n.Person.Births = []ct.Birth{{Date: "2008-11-22"}} }},
		{"warrant", func(n *ct.Notification) {
			n.Assessment.RequestedAction, n.Assessment.WarrantRef = ct.ActionDetainForExtradition, "UTO-W-1"
		}},
		{"64 names of 256 characters", func(n *ct.Notification) {
			n.Person.Names = nil
			for range 64 {
				n.Person.Names = append(n.Person.Names, ct.Name{Full: strings.Repeat("ж", 256)})
			}
		}},
		{"Persian joiner", func(n *ct.Notification) {
			n.Person.Names[0] = ct.Name{Full: "گل\u200cپر", Script: "Arab", Lang: "fa"}
		}},
		{"codes of ICAO", func(n *ct.Notification) { n.Person.Nationalities = []ct.State{"XXA", "RKS", "UNK"} }},
		{"full journey", func(n *ct.Notification) {
			n.Topic, n.Event.Type, n.Event.Destination, n.Event.Transit = ct.TopicArrival, ct.Arrival, "KEN", []ct.State{"ARE"}
			n.Event.Time, n.Event.Precision = "2026-11-22T14:05:00+03:00", "exact"
			n.Event.Legs = []ct.Leg{
				{Mode: "air", Carrier: "U2", ServiceNo: "12A", From: ct.Place{Code: "AEDXB"}, To: ct.Place{Code: "HKJK", State: "KEN"},
					Departs: "2026-11-22T10:00:00+04:00", Arrives: "2026-11-22T14:05:00+03:00"},
				{Mode: "road", From: ct.Place{Code: "NBO"}, To: ct.Place{State: "KEN", Text: "northern post"}},
			}
		}},
		{"planned far ahead", func(n *ct.Notification) {
			n.Topic, n.Event.Type, n.Event.Phase, n.Event.Time = ct.TopicTravel, ct.TravelIntended, ct.PhasePlanned, "2027-03"
			n.Event.Precision = "month"
		}},
		{"list entry without time", func(n *ct.Notification) {
			n.Topic, n.Event = ct.TopicTravel, ct.Event{Type: ct.ListEntry, Phase: ct.PhaseConfirmed}
		}},
		{"five years to the day", func(n *ct.Notification) { n.Retention.Expires = "2031-11-23T09:30:00Z" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := valid(t)
			tt.edit(n)
			if f := n.Validate(now, ct.Policy{}); f != nil {
				t.Fatalf("got %+v", []ct.Fault(f))
			}
		})
	}
}

func TestLegFaults(t *testing.T) {
	from, to := ct.Place{Code: "CDG"}, ct.Place{Code: "NBO"}
	tests := []struct {
		name  string
		leg   ct.Leg
		field string
		fault string
	}{
		{"no mode", ct.Leg{From: from, To: to}, "mode", ct.FaultMissing},
		{"mode", ct.Leg{Mode: "camel", From: from, To: to}, "mode", ct.FaultCode},
		{"no place", ct.Leg{Mode: "air"}, "from", ct.FaultMissing},
		{"carrier of digits", ct.Leg{Mode: "air", Carrier: "12", From: from}, "carrier", ct.FaultCarrier},
		{"air carrier of four", ct.Leg{Mode: "air", Carrier: "ABCD", From: from}, "carrier", ct.FaultCarrier},
		{"service number", ct.Leg{Mode: "air", ServiceNo: "12_3", From: from}, "service_no", ct.FaultForm},
		{"place of two letters", ct.Leg{Mode: "air", From: ct.Place{Code: "CD"}}, "from.code", ct.FaultPlace},
		{"place in lower case", ct.Leg{Mode: "air", From: ct.Place{Code: "cdg"}}, "from.code", ct.FaultPlace},
		{"locode of no country", ct.Leg{Mode: "sea", To: ct.Place{Code: "QQABC"}}, "to.code", ct.FaultPlace},
		{"locode with a 1", ct.Leg{Mode: "sea", To: ct.Place{Code: "KE1BA"}}, "to.code", ct.FaultPlace},
		{"locode of another State", ct.Leg{Mode: "sea", To: ct.Place{Code: "KEMBA", State: "TZA"}}, "to.state", ct.FaultPlaceState},
		{"departure", ct.Leg{Mode: "air", From: from, Departs: "2026-11-22 10:00"}, "departs", ct.FaultTime},
		{"arrives before it departs", ct.Leg{Mode: "air", From: from, Departs: "2026-11-22T10:00:00+01:00", Arrives: "2026-11-22T11:00:00+03:00"}, "arrives", ct.FaultOrder},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := valid(t)
			n.Event.Legs = []ct.Leg{tt.leg}
			faults := n.Validate(now, ct.Policy{})
			if len(faults) != 1 || !faults.Has("event.legs[0]."+tt.field, tt.fault) {
				t.Fatalf("got %+v\nwant %s: %s", []ct.Fault(faults), tt.field, tt.fault)
			}
		})
	}
}

func TestEventTypesHaveOneTopic(t *testing.T) {
	want := map[ct.EventType]ct.Topic{
		ct.TravelIntended: ct.TopicTravel, ct.Departure: ct.TopicTravel, ct.Transit: ct.TopicTravel, ct.ListEntry: ct.TopicTravel,
		ct.Arrival: ct.TopicArrival, ct.AttemptedEntry: ct.TopicArrival, ct.EntryRefused: ct.TopicArrival,
		ct.DeportationPlanned: ct.TopicDeportation, ct.DeportationExecuted: ct.TopicDeportation, ct.Extradited: ct.TopicDeportation,
		ct.Captured: ct.TopicDetention, ct.Detained: ct.TopicDetention, ct.Released: ct.TopicDetention,
		ct.Transferred: ct.TopicDetention, ct.Deceased: ct.TopicDetention,
	}
	all := ct.EventTypes(ct.TopicUnknown)
	if len(all) != len(want) {
		t.Errorf("%d event types, want %d", len(all), len(want))
	}
	for _, e := range all {
		if got, ok := e.Topic(); !ok || got != want[e] {
			t.Errorf("%s: topic %v, want %v", e, got, want[e])
		}
	}
	if _, ok := ct.EventType("SIGHTED").Topic(); ok {
		t.Error("an unknown event type has a topic")
	}
}

func TestPolicy(t *testing.T) {
	n := valid(t)
	if f := n.Validate(now, ct.Policy{MaxRetention: 30 * 24 * time.Hour}); !f.Has("retention.expires", ct.FaultRetention) {
		t.Errorf("30 days: got %v, want %s", f, ct.FaultRetention)
	}
	n.Retention.Expires = "2033-01-01T00:00:00Z"
	if f := n.Validate(now, ct.Policy{MaxRetention: 20 * ct.MaxRetention}); !f.Has("retention.expires", ct.FaultRetention) {
		t.Errorf("a policy longer than the wire allows: got %v, want %s", f, ct.FaultRetention)
	}
}

func TestFaults(t *testing.T) {
	n := valid(t)
	const canary = "Canariensis"
	n.Person.Names = make([]ct.Name, 60)
	for i := range n.Person.Names {
		n.Person.Names[i] = ct.Name{Full: canary + "\x00", Script: canary, Lang: canary + "!", Kind: canary, Quality: canary, MRZ: canary}
	}
	n.Person.Births[0].Date = canary
	n.Person.Sex = canary
	n.Event.Type, n.Event.Phase, n.Event.Time = canary, canary, canary
	faults := n.Validate(now, ct.Policy{})
	if len(faults) == 0 || len(faults) > 64 {
		t.Errorf("%d faults, want 1 to 64", len(faults))
	}
	b, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b)+faults.Error(), canary) {
		t.Error("a fault quotes the document")
	}
	if !strings.HasPrefix(string(b), `[{"field":"event.type","fault":"not in the closed list`) {
		t.Errorf("JSON begins %.60s", b)
	}
	one := ct.Faults{{Field: "a", Fault: ct.FaultMissing}}
	if got := one.Error(); got != "a: missing" {
		t.Errorf("one fault: got %q", got)
	}
	two := append(one, one...)
	if got := two.Error(); got != "a: missing (and 1 more)" {
		t.Errorf("two faults: got %q", got)
	}
	if (ct.Faults)(nil).Err() != nil || one.Err() == nil {
		t.Error("Err is nil exactly when there is no fault")
	}
}
