package match

import (
	"cmp"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/handling"
	"github.com/herald-net/herald/node/ct"
)

// Source is what a hit is about, as the responder holds it.
type Source struct {
	Notification *ct.Notification // nil: an entry of the State's own list
	Person       *ct.Person
	Author       ct.State // whose record or list it is
	Minor        bool     // the person may be under 18 now
	TLP          ct.TLP   // of the list; ListTLP when it has none
}

// ListTLP is the marking of an entry whose list has none.
const ListTLP = ct.TLPAmber

// Marking is what binds whoever reads the source.
func (s *Source) Marking() *handling.Marking {
	if s.Notification == nil {
		return &handling.Marking{TLP: cmp.Or(s.TLP, ListTLP)}
	}
	return &handling.Marking{TLP: s.Notification.TLP, Handling: s.Notification.Handling}
}

// Asker is whom a disclosure is for.
type Asker struct {
	State   ct.State
	Purpose string
}

// Disclose fills a hit with what the source's handling lets the asker have,
// less what a person at the responder wants left out; what is left out is
// named, never why. own is the responder's State. False: the asker is not even
// told that there is something.
//
// The person, the event and the assessment go together. They stay too when the
// person may be under 18 and the request is not for protection; a child's
// assessment never goes. What a release never carries is left out whatever the
// source says.
func Disclose(h ct.ReleasedHit, s *Source, own ct.State, to Asker, without []string) (ct.ReleasedHit, bool) {
	m := s.Marking()
	d := handling.Decide(handling.Release, handling.Asking(own, s.Author, to.State, m), m)
	if !d.Allow || s.Person.HasFled(to.State) {
		return h, false
	}
	h.Author, h.TLP, h.Handling = s.Author, m.TLP, m.Handling
	withheld := append(slices.Clone(without), d.Withhold...)
	if s.Minor {
		withheld = append(withheld, ct.WithheldAssessment)
	}
	if slices.Contains(withheld, ct.WithheldPerson) || s.Minor && to.Purpose != "protection" {
		withheld = append(withheld, ct.WithheldPerson, ct.WithheldEvent, ct.WithheldAssessment)
	}
	slices.Sort(withheld)
	withheld = slices.Compact(withheld)
	keep := func(group string) bool { return !slices.Contains(withheld, group) }
	if keep(ct.WithheldPerson) {
		h.Person = disclosed(s.Person, keep)
	}
	if n := s.Notification; n != nil {
		if keep(ct.WithheldEvent) {
			h.Event, h.EventTime = n.Event.Type, n.Event.Time
		}
		if keep(ct.WithheldAssessment) {
			h.Designation, h.Action = n.Assessment.Designation, n.Assessment.RequestedAction
		}
		if keep(ct.WithheldContact) {
			contact := n.Contact
			if !keep(ct.WithheldCase) {
				contact.Ref = ""
			}
			h.Contact = &contact
		}
	}
	if !keep(ct.WithheldText) {
		h.Handling.Text = ""
	}
	h.Withheld = append(withheld, ct.NeverReleased()...)
	return h, true
}

// disclosed copies what a release may carry of a person. The author's own
// references stay with the author.
func disclosed(p *ct.Person, keep func(group string) bool) *ct.Person {
	out := &ct.Person{Names: without(p.Names, func(n *ct.Name) *ct.Fact { return &n.Fact })}
	if keep(ct.WithheldBirths) {
		out.Births = without(p.Births, func(b *ct.Birth) *ct.Fact { return &b.Fact })
	}
	if keep(ct.WithheldBirthPlaces) {
		out.BirthPlaces = without(p.BirthPlaces, func(b *ct.PlaceOfLife) *ct.Fact { return &b.Fact })
	}
	if keep(ct.WithheldNationalities) {
		out.Nationalities = p.Nationalities
	}
	if keep(ct.WithheldSex) {
		out.Sex = p.Sex
	}
	if keep(ct.WithheldDocuments) {
		out.Documents = without(p.Documents, func(d *ct.Document) *ct.Fact { return &d.Fact })
	}
	if keep(ct.WithheldNationalIDs) {
		out.NationalIDs = without(p.NationalIDs, func(n *ct.NationalID) *ct.Fact { return &n.Fact })
	}
	if keep(ct.WithheldExternalRefs) {
		out.ExternalRefs = p.ExternalRefs
	}
	if keep(ct.WithheldMisused) {
		out.MisusedIdentity = p.MisusedIdentity
	}
	return out
}

func without[T any](in []T, fact func(*T) *ct.Fact) []T {
	out := slices.Clone(in)
	for i := range out {
		fact(&out[i]).SourceRef = ""
	}
	return out
}

// Unattended tells whether a standing policy lets a hit go without a person
// having looked at it. What needs judgement never does: another State's
// record, a minor, asylum, a caveat or a code that asks for contact or leave.
func Unattended(x *ct.ReleaseRule, s *Source, own ct.State, tier string) bool {
	m := s.Marking()
	for _, c := range []string{"assurance-required", "contact-first", "source-protection"} {
		if slices.Contains(m.Caveats, c) {
			return false
		}
	}
	return s.Author == own && m.TLP <= x.TLP && !s.Minor && !s.Person.SeeksAsylum() &&
		!slices.Contains(m.Codes, "H2") && !slices.Contains(m.Codes, "H3") && (!x.Strong || tier == "strong")
}

// NewSource describes a hit on a record of author, or on the State's own list
// when n is nil.
func NewSource(n *ct.Notification, p *ct.Person, author ct.State, now time.Time) *Source {
	if n != nil {
		return &Source{Notification: n, Person: &n.Person, Author: author, Minor: n.SubjectMayBeChild(now)}
	}
	return &Source{Person: p, Author: author, Minor: p.MaybeMinor(now)}
}
