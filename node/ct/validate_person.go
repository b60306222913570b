package ct

import (
	"strings"
	"time"
)

// Births outside these years are refused.
const (
	minBirthYear = 1850
	maxBirthYear = 2100
)

// Validate checks a person by itself, as a list entry or a query. With a zero
// now the rules about the future are left out.
func (p *Person) Validate(now time.Time) Faults {
	c := checker{now: now}
	c.person(p)
	return c.faults
}

// MaybeMinor tells whether the person may be under 18 at the time now: of
// several births, and of the span each allows, the latest counts. An
// approximate birth is widened by a year.
func (p *Person) MaybeMinor(now time.Time) bool {
	for i := range p.Births {
		if p.Births[i].maybeMinor(now) {
			return true
		}
	}
	return false
}

func (b *Birth) maybeMinor(now time.Time) bool {
	d, err := ParseEDTF(b.Date)
	if err != nil {
		return false
	}
	years := 18
	if d.Approx {
		years++
	}
	return d.Latest.AddDate(years, 0, 0).After(now)
}

// SubjectMayBeChild tells whether the subject may be under 18, by birth, or by
// the action asked for when no birth says otherwise.
func (n *Notification) SubjectMayBeChild(now time.Time) bool {
	return n.Person.MaybeMinor(now) || n.Assessment.RequestedAction == ActionChildProtection && !n.Person.birthKnown()
}

// birthKnown tells whether a date of birth can be read.
func (p *Person) birthKnown() bool {
	for i := range p.Births {
		if _, err := ParseEDTF(p.Births[i].Date); err == nil {
			return true
		}
	}
	return false
}

// MinorInvolved tells whether the subject or a companion may be under 18.
func (n *Notification) MinorInvolved(now time.Time) bool {
	if n.SubjectMayBeChild(now) {
		return true
	}
	for i := range n.Event.Accompanying {
		a := &n.Event.Accompanying[i]
		if a.Role == CompanionChild || a.Birth != nil && a.Birth.maybeMinor(now) {
			return true
		}
	}
	return false
}

func (c *checker) person(p *Person) {
	if len(p.Names) == 0 {
		c.fault("names", FaultMissing)
	}
	c.names(p.Names)
	c.births(p.Births)
	c.lives("birth_places", p.BirthPlaces)
	c.states("nationalities", p.Nationalities, MaxList)
	c.states("fled_from", p.FledFrom, MaxList)
	c.lives("residence", p.Residence)
	c.code("sex", string(p.Sex), sexCodes)
	c.documents(p.Documents)
	if c.count("national_ids", len(p.NationalIDs), MaxList) {
		for i := range p.NationalIDs {
			m := c.at("national_ids", i)
			c.nationalID(&p.NationalIDs[i])
			c.leave(m)
		}
	}
	if c.count("contacts", len(p.Contacts), MaxList) {
		for i := range p.Contacts {
			m := c.at("contacts", i)
			c.contact(&p.Contacts[i])
			c.leave(m)
		}
	}
	if p.Physical != nil {
		m := c.at("physical", -1)
		c.physical(p.Physical)
		c.leave(m)
	}
	if p.Biometrics != nil {
		m := c.at("biometrics_available", -1)
		c.line("contact", p.Biometrics.Contact, MaxNameLen)
		c.leave(m)
	}
	if c.count("external_refs", len(p.ExternalRefs), MaxList) {
		for i, r := range p.ExternalRefs {
			m := c.at("external_refs", i)
			c.mustCode("system", r.System, systemCodes)
			if c.must("value", r.Value) {
				c.line("value", r.Value, MaxShort)
			}
			c.leave(m)
		}
	}
	if v := p.MisusedIdentity; v != nil {
		m := c.at("misused_identity", -1)
		c.names(v.Names)
		c.births(v.Births)
		c.documents(v.Documents)
		c.text("note", v.Note, MaxText, true)
		c.leave(m)
	}
}

func (c *checker) fact(f Fact) {
	c.code("confidence", f.Confidence, informationCodes)
	c.line("source_ref", f.SourceRef, MaxShort)
}

func (c *checker) names(names []Name) {
	if !c.count("names", len(names), MaxNames) {
		return
	}
	for i := range names {
		m := c.at("names", i)
		c.name(&names[i])
		c.leave(m)
	}
}

func (c *checker) name(n *Name) {
	c.code("kind", string(n.Kind), nameKindCodes)
	if len(n.Parts) == 0 && n.Full == "" {
		c.fault("", FaultMissing)
	}
	if c.count("parts", len(n.Parts), MaxNameParts) {
		for i, p := range n.Parts {
			m := c.at("parts", i)
			if c.must("", p) {
				c.line("", p, MaxNameLen)
			}
			c.leave(m)
		}
	}
	c.line("full", n.Full, MaxNameLen)
	if s := n.Script; s != "" && !(len(s) == 4 && shaped(s[:1], 1, 1, upper) && shaped(s[1:], 3, 3, lower)) {
		c.fault("script", FaultForm)
	}
	if n.Lang != "" && !shaped(n.Lang, 2, 35, langSet) {
		c.fault("lang", FaultForm)
	}
	c.code("quality", n.Quality, qualityCodes)
	if n.MRZ != "" && !shaped(n.MRZ, 1, 44, mrzSet) {
		c.fault("mrz_form", FaultForm)
	}
	c.fact(n.Fact)
}

func (c *checker) births(births []Birth) {
	if !c.count("births", len(births), MaxList) {
		return
	}
	for i := range births {
		m := c.at("births", i)
		c.birth(&births[i])
		c.leave(m)
	}
}

func (c *checker) birth(b *Birth) {
	c.must("date", b.Date)
	if d, ok := c.date("date", b.Date); ok {
		switch {
		case d.Earliest.Year() < minBirthYear || d.Latest.Year() > maxBirthYear:
			c.fault("date", FaultRange)
		case c.future(d.Earliest):
			c.fault("date", FaultFuture)
		}
	}
	c.code("calendar", b.Calendar, calendarCodes)
	c.fact(b.Fact)
}

func (c *checker) lives(field string, places []PlaceOfLife) {
	if !c.count(field, len(places), MaxList) {
		return
	}
	for i := range places {
		p := &places[i]
		m := c.at(field, i)
		if p.State == "" && p.Text == "" {
			c.fault("", FaultMissing)
		}
		c.state("state", p.State)
		c.line("text", p.Text, MaxNameLen)
		c.fact(p.Fact)
		c.leave(m)
	}
}

func (c *checker) documents(docs []Document) {
	if !c.count("documents", len(docs), MaxDocuments) {
		return
	}
	for i := range docs {
		m := c.at("documents", i)
		c.document(&docs[i])
		c.leave(m)
	}
}

func (c *checker) document(d *Document) {
	if d.Type != "" && !validDocType(d.Type) {
		c.fault("type", FaultDocType)
	}
	if c.must("number", d.Number) {
		c.line("number", d.Number, MaxShort)
	}
	c.state("issuer", d.Issuer)
	issued, hasIssued := c.date("issued", d.Issued)
	expires, hasExpires := c.date("expires", d.Expires)
	if hasIssued && hasExpires && expires.Latest.Before(issued.Earliest) {
		c.fault("expires", FaultOrder)
	}
	c.code("status", d.Status, docStatusCodes)
	if d.MRZ != "" {
		if reason, ok := mrzFault(d.MRZ); !ok {
			c.fault("mrz", reason)
		}
	}
	c.fact(d.Fact)
}

// validDocType accepts the document codes of ICAO 9303-4 to -7 (P, V, A, C or
// I, and a second letter at the issuer's choice; IV and AV are not used) and
// F, the approved non-standard document of PAXLST.
func validDocType(s string) bool {
	switch {
	case s == "F":
		return true
	case s == "IV", s == "AV", s == "CV":
		return false
	}
	return shaped(s, 1, 2, upper) && strings.IndexByte("PVACI", s[0]) >= 0
}

func (c *checker) nationalID(n *NationalID) {
	if n.Country == "" {
		c.fault("country", FaultMissing)
	}
	c.state("country", n.Country)
	c.line("scheme", n.Scheme, MaxShort)
	if c.must("value", n.Value) {
		c.line("value", n.Value, MaxShort)
	}
	c.fact(n.Fact)
}

func (c *checker) contact(k *PersonContact) {
	c.mustCode("kind", k.Kind, contactCodes)
	if c.must("value", k.Value) {
		good := true
		switch {
		case k.Kind == "phone":
			good = len(k.Value) > 1 && k.Value[0] == '+' && shaped(k.Value[1:], 4, 15, digits) // E.164
		case k.Kind == "email":
			at := strings.LastIndexByte(k.Value, '@')
			good = at > 0 && at < len(k.Value)-1 && !strings.ContainsAny(k.Value, " \t")
		}
		if !good {
			c.fault("value", FaultForm)
		}
		c.line("value", k.Value, MaxNameLen)
	}
	c.fact(k.Fact)
}

func (c *checker) physical(p *Physical) {
	if p.HeightCM != 0 && (p.HeightCM < 30 || p.HeightCM > 280) {
		c.fault("height_cm", FaultRange)
	}
	if p.WeightKG > 500 {
		c.fault("weight_kg", FaultRange)
	}
	for _, f := range [...]struct{ field, value string }{{"eyes", p.Eyes}, {"hair", p.Hair}} {
		if f.value != "" && !shaped(f.value, 3, 4, upper) {
			c.fault(f.field, FaultForm)
		}
	}
	if c.count("marks", len(p.Marks), MaxList) {
		for i, s := range p.Marks {
			m := c.at("marks", i)
			if c.must("", s) {
				c.line("", s, MaxNameLen)
			}
			c.leave(m)
		}
	}
	c.fact(p.Fact)
}
