package ct

import (
	"strings"
	"time"
)

func (c *checker) event(e *Event) {
	rule, known := e.Type.rule()
	if !known {
		if e.Type == "" {
			c.fault("type", FaultMissing)
		} else {
			c.fault("type", FaultCode+": "+eventTypeNames())
		}
	}
	c.mustCode("phase", e.Phase, phaseCodes)
	if known && phaseCodes.has(e.Phase) && !rule.phases.has(e.Phase) {
		c.fault("phase", FaultPhase)
	}
	c.code("precision", e.Precision, precisionCodes)
	if known && rule.timed && e.Time == "" {
		c.fault("time", FaultMissing)
	}
	c.eventTime(e)

	if c.count("legs", len(e.Legs), MaxList) {
		var last time.Time
		for i := range e.Legs {
			m := c.at("legs", i)
			last = c.leg(&e.Legs[i], last)
			c.leave(m)
		}
	}
	c.state("source", e.Source)
	c.states("transit", e.Transit, MaxList)
	c.state("destination", e.Destination)
	if known && rule.custody && e.Detention == nil {
		c.fault("detention", FaultMissing)
	}
	if e.Detention != nil {
		m := c.at("detention", -1)
		c.detention(e.Detention)
		c.leave(m)
	}
	if c.count("accompanying", len(e.Accompanying), MaxNames) {
		for i := range e.Accompanying {
			m := c.at("accompanying", i)
			c.companion(&e.Accompanying[i])
			c.leave(m)
		}
	}
}

func eventTypeNames() string {
	var names []string
	for _, r := range eventRules {
		names = append(names, string(r.typ))
	}
	return strings.Join(names, ", ")
}

// eventTime checks that the time has the form its precision says, and that
// what has happened is not still to come.
func (c *checker) eventTime(e *Event) {
	if e.Time == "" {
		if e.Precision != "" {
			c.fault("precision", FaultPrecision)
		}
		return
	}
	var begins time.Time
	fits := true
	if strings.Contains(e.Time, "T") {
		t, ok := c.instant("time", e.Time)
		if !ok {
			return
		}
		begins = t
		fits = e.Precision == "" || e.Precision == "exact"
	} else {
		d, ok := c.date("time", e.Time)
		if !ok {
			return
		}
		begins = d.Earliest
		switch e.Precision {
		case "exact":
			fits = false
		case "day":
			fits = d.Precision == PrecisionDay && !d.Approx
		case "month":
			fits = d.Precision == PrecisionMonth && !d.Approx
		case "interval":
			fits = d.Precision == PrecisionInterval
		}
	}
	if !fits {
		c.fault("precision", FaultPrecision)
	}
	if e.Phase == PhaseConfirmed && c.future(begins) {
		c.fault("time", FaultFuture)
	}
}

// leg checks one leg and gives the latest instant of the journey so far.
func (c *checker) leg(l *Leg, last time.Time) time.Time {
	c.mustCode("mode", l.Mode, modeCodes)
	if l.Carrier != "" {
		iata := shaped(l.Carrier, 2, 2, upperDigit) && !shaped(l.Carrier, 2, 2, digits)
		other := l.Mode != "air" && shaped(l.Carrier, 2, 4, upperDigit) // ship and rail operators have codes of their own
		if !iata && !other && !shaped(l.Carrier, 3, 3, upper) {
			c.fault("carrier", FaultCarrier)
		}
	}
	if l.ServiceNo != "" && !shaped(l.ServiceNo, 1, 16, serviceSet) {
		c.fault("service_no", FaultForm)
	}
	if l.From == (Place{}) && l.To == (Place{}) {
		c.fault("from", FaultMissing)
	}
	m := c.at("from", -1)
	c.place(&l.From)
	c.leave(m)
	m = c.at("to", -1)
	c.place(&l.To)
	c.leave(m)
	for _, f := range [...]struct{ field, value string }{{"departs", l.Departs}, {"arrives", l.Arrives}} {
		t, ok := c.instant(f.field, f.value)
		if !ok {
			continue
		}
		if t.Before(last) {
			c.fault(f.field, FaultOrder)
		}
		last = t
	}
	return last
}

func (c *checker) place(p *Place) {
	c.state("state", p.State)
	c.line("text", p.Text, MaxNameLen)
	switch {
	case p.Code == "":
	case shaped(p.Code, 3, 4, upper):
	case shaped(p.Code, 5, 5, placeSet) && shaped(p.Code[:2], 2, 2, upper):
		s, ok := StateByAlpha2(p.Code[:2])
		if !ok && p.Code[:2] != "XZ" { // XZ: international waters
			c.fault("code", FaultPlace)
		} else if ok && p.State != "" && p.State != s && ValidState(p.State) {
			c.fault("state", FaultPlaceState)
		}
	default:
		c.fault("code", FaultPlace)
	}
}

func (c *checker) detention(d *Detention) {
	if d.Country == "" {
		c.fault("country", FaultMissing)
	}
	c.state("country", d.Country)
	c.line("authority", d.Authority, MaxNameLen)
	c.line("region", d.Region, MaxNameLen)
	c.line("legal_ground", d.LegalGround, MaxNameLen)
	if since, ok := c.date("since", d.Since); ok && c.future(since.Earliest) {
		c.fault("since", FaultFuture)
	}
	c.code("consular_notified", d.ConsularNotified, consularCodes)
	if _, ok := c.instant("consular_time", d.ConsularTime); ok && d.ConsularNotified != "yes" {
		c.fault("consular_time", FaultUnexpected)
	}
	c.date("expected_release", d.ExpectedRelease)
	c.date("expected_transfer", d.ExpectedTransfer)
}

func (c *checker) companion(p *Companion) {
	c.mustCode("role", p.Role, companionCodes)
	if p.Name != nil {
		m := c.at("name", -1)
		c.name(p.Name)
		c.leave(m)
	}
	if p.Birth != nil {
		m := c.at("birth", -1)
		c.birth(p.Birth)
		c.leave(m)
	}
	c.text("note", p.Note, MaxText, true)
}
