package wire

import (
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
)

// Package ct and the schema mirror one another; these functions carry every
// field across and decide nothing. Empty lists are nil on both sides.

// mapped applies f to each element, by address.
func mapped[A, B any](in []A, f func(*A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i := range in {
		out[i] = f(&in[i])
	}
	return out
}

func statesToProto(in []ct.State) []string {
	return mapped(in, func(s *ct.State) string { return string(*s) })
}

func notificationToProto(n *ct.Notification) *heraldv1.Notification {
	a, r := &n.Assessment, &n.Retention
	return &heraldv1.Notification{
		Event:  eventToProto(&n.Event),
		Person: personToProto(&n.Person),
		Assessment: &heraldv1.Assessment{
			Grounds: a.Grounds, GroundsText: a.GroundsText, Designation: a.Designation,
			LegalBasis: mapped(a.LegalBasis, func(b *ct.LegalBasis) *heraldv1.LegalBasis {
				return &heraldv1.LegalBasis{Instrument: b.Instrument, Reference: b.Reference}
			}),
			Purpose: a.Purpose, SourceGrade: a.SourceGrade, InformationGrade: a.InfoGrade,
			RequestedAction: a.RequestedAction, WarrantRef: a.WarrantRef,
		},
		Handling: handlingToProto(&n.Handling),
		Retention: &heraldv1.Retention{
			PurposeDate: r.PurposeDate, ReviewDate: r.ReviewDate, ExtensionReason: r.ExtensionReason,
		},
		Contact: deskToProto(&n.Contact),
	}
}

func handlingToProto(h *ct.Handling) *heraldv1.Handling {
	return &heraldv1.Handling{Codes: h.Codes, Pap: h.PAP, Caveats: h.Caveats, Orcon: statesToProto(h.Originator), Text: h.Text}
}

func deskToProto(c *ct.Contact) *heraldv1.Contact {
	return &heraldv1.Contact{Desk: c.Desk, Phone: c.Phone, Email: c.Email, Ref: c.Ref}
}

func eventToProto(e *ct.Event) *heraldv1.Event {
	out := &heraldv1.Event{
		Type: string(e.Type), Phase: e.Phase, Time: e.Time, Precision: e.Precision,
		Legs:   mapped(e.Legs, legToProto),
		Source: string(e.Source), Transit: statesToProto(e.Transit), Destination: string(e.Destination),
		Accompanying: mapped(e.Accompanying, companionToProto),
	}
	if d := e.Detention; d != nil {
		out.Detention = filled(&heraldv1.Detention{
			Authority: d.Authority, Country: string(d.Country), Region: d.Region, LegalGround: d.LegalGround,
			Since: d.Since, ConsularNotified: d.ConsularNotified, ConsularTime: d.ConsularTime,
			ExpectedRelease: d.ExpectedRelease, ExpectedTransfer: d.ExpectedTransfer,
		})
	}
	return out
}

func legToProto(l *ct.Leg) *heraldv1.Leg {
	return &heraldv1.Leg{
		Mode: l.Mode, Carrier: l.Carrier, ServiceNo: l.ServiceNo,
		From: placeToProto(&l.From), To: placeToProto(&l.To),
		Departs: l.Departs, Arrives: l.Arrives,
	}
}

func placeToProto(p *ct.Place) *heraldv1.Place {
	return &heraldv1.Place{Code: p.Code, State: string(p.State), Text: p.Text}
}

func companionToProto(c *ct.Companion) *heraldv1.Companion {
	out := &heraldv1.Companion{Role: c.Role, Note: c.Note}
	if c.Name != nil {
		out.Name = filled(nameToProto(c.Name))
	}
	if c.Birth != nil {
		out.Birth = filled(birthToProto(c.Birth))
	}
	return out
}
