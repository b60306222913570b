package ct_test

import (
	"testing"
	"time"

	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

var now = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

// valid gives a detention of an adult that has no fault.
func valid(t *testing.T) *ct.Notification {
	t.Helper()
	n := &ct.Notification{
		Topic: ct.TopicDetention, Priority: ct.PriorityUrgent, TLP: ct.TLPAmber, Audience: ct.AudienceSealed,
		Event: ct.Event{
			Type: ct.Detained, Phase: ct.PhaseConfirmed, Time: "2026-11-22", Precision: "day", Source: "UTO",
			Detention: &ct.Detention{Country: "KEN", Since: "2026-11-22"},
		},
		Person: ct.Person{
			Names:         []ct.Name{{Full: "Norel Havistan"}},
			Births:        []ct.Birth{{Date: "1974-08-12"}},
			Nationalities: []ct.State{"UTO"},
			Documents:     []ct.Document{{Type: "P", Number: "L898902C3", Issuer: "UTO"}},
		},
		Assessment: ct.Assessment{
			Grounds: []string{ct.GroundCharged}, GroundsText: "charged by the court of first instance",
			Designation: ct.DesignationCharged, LegalBasis: []ct.LegalBasis{{Instrument: "UNSCR-2396-OP3"}},
			Purpose: "investigation", RequestedAction: ct.ActionNotifyOnly,
		},
		Retention: ct.Retention{Expires: "2027-11-22T00:00:00Z"},
		Contact:   ct.Contact{Desk: "Utopia CT Centre"},
	}
	if f := n.Validate(now, ct.Policy{}); f != nil {
		t.Fatalf("the base case has a fault: %v", f)
	}
	return n
}

// bystander turns n into a notice about a family member, a witness or a victim
// that has no fault.
func bystander(n *ct.Notification, designation string) {
	n.Assessment.Designation, n.Assessment.Grounds = designation, []string{ct.GroundAssociation}
	n.Assessment.RequestedAction, n.Assessment.WarrantRef = ct.ActionNotifyOnly, ""
}

// minor turns n into the protection of a child that has no fault.
func minor(n *ct.Notification) {
	n.Person.Births = []ct.Birth{{Date: "2012"}}
	n.Assessment.Grounds = []string{ct.GroundAssociation}
	n.Assessment.Designation = ct.DesignationFamilyMember
	n.Assessment.RequestedAction = ct.ActionChildProtection
	n.Assessment.Purpose = "protection"
}

func synthetic(topic ct.Topic) *ct.Notification { return synth.New(42).Notification(topic, now) }
