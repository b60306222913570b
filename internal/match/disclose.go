package match

import (
	"slices"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Source is what a hit is about, as the responder holds it.
type Source struct {
	Notification *ct.Notification // nil: an entry of the State's own list
	Person       *ct.Person
	Author       ct.State // whose record or list it is
	Minor        bool     // the person may be under 18 now
}

// ListTLP is the marking of a list entry, which carries none of its own.
const ListTLP = ct.TLPAmber

// TLP is the source's marking.
func (s *Source) TLP() ct.TLP {
	if s.Notification == nil {
		return ListTLP
	}
	return s.Notification.TLP
}

func (s *Source) handling() ct.Handling {
	if s.Notification == nil {
		return ct.Handling{}
	}
	return s.Notification.Handling
}

// Asker is whom a disclosure is for.
type Asker struct {
	State   ct.State
	Purpose string
}

// FledFrom lists the States from which a person with asylum or refugee status
// needs protection: those of nationality and of birth.
func FledFrom(p *ct.Person) []ct.State {
	asylum := p.AsylumOrRefugee
	out := slices.Clone(p.Nationalities)
	for _, s := range p.Nationalities {
		asylum = asylum || s == "XXB" || s == "XXC" // ICAO 9303: refugees
	}
	for _, b := range p.BirthPlaces {
		out = append(out, b.State)
	}
	if !asylum {
		return nil
	}
	return out
}

// Disclose fills a hit with what the source's handling lets the asker have,
// less what a person at the responder wants left out; what is left out is
// named, never why. own is the responder's State.
//
// The person, the event and the assessment go together, and stay here when
//
//   - the marking is RED, or a handling code H3 refers to a text that only
//     people can follow;
//   - the record is another State's and that State has not said that it may go
//     on to the asker: it is named, with its desk, and is the one to ask;
//   - the person may be under 18 and the request is not for protection. A
//     minor's assessment never goes.
//
// What a release never carries is left out whatever the source says.
func Disclose(h ct.ReleasedHit, s *Source, own ct.State, to Asker, without []string) ct.ReleasedHit {
	handling := s.handling()
	h.Author, h.TLP, h.Handling = s.Author, s.TLP(), handling
	withheld := slices.Clone(without)
	person := !slices.Contains(without, ct.WithheldPerson) && h.TLP < ct.TLPRed && !slices.Contains(handling.Codes, "H3") &&
		(s.Author == own || onward(h.TLP, &handling, s.Author, to.State)) &&
		(!s.Minor || to.Purpose == "protection")
	if !person {
		withheld = append(withheld, ct.WithheldPerson, ct.WithheldEvent, ct.WithheldAssessment)
	}
	if s.Minor {
		withheld = append(withheld, ct.WithheldAssessment)
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
			h.Contact = &contact
		}
	}
	h.Withheld = append(withheld, ct.NeverReleased()...)
	return h
}

// onward tells whether another State's record may go on to the asker.
func onward(tlp ct.TLP, h *ct.Handling, author, to ct.State) bool {
	switch {
	case to == author:
		return true
	case len(h.Originator) > 0:
		return slices.Contains(h.Originator, to)
	}
	return tlp <= ct.TLPGreen && !slices.Contains(h.Caveats, "no-onward") && !slices.Contains(h.Codes, "H2")
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
	h := s.handling()
	for _, c := range []string{"assurance-required", "contact-first", "source-protection"} {
		if slices.Contains(h.Caveats, c) {
			return false
		}
	}
	return s.Author == own && s.TLP() <= x.TLP && !s.Minor && len(FledFrom(s.Person)) == 0 && !s.Person.AsylumOrRefugee &&
		!slices.Contains(h.Codes, "H2") && !slices.Contains(h.Codes, "H3") && (!x.Strong || tier == "strong")
}

// NewSource describes a hit on a record of author, or on the State's own list
// when n is nil.
func NewSource(n *ct.Notification, p *ct.Person, author ct.State, now time.Time) *Source {
	if n != nil {
		p = &n.Person
	}
	return &Source{Notification: n, Person: p, Author: author, Minor: p.MaybeMinor(now)}
}
