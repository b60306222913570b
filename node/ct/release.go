package ct

import (
	"slices"
	"time"
)

// Limits of a release.
const (
	MaxReleaseRequests = 8
	MaxReleaseHits     = 5
	MaxReleaseRef      = 128 // bytes
	MaxReleaseWhy      = 12
	MaxReleaseScore    = 10_000
)

// MatchRelease is the content of a MATCH_RELEASE record: what the asked State
// discloses, after a POSSIBLE, to the State that asked. A person of its own
// has decided so, or a standing policy of it. It is a lead, never an
// identification, and ends with its record's expiry.
type MatchRelease struct {
	Requests []ID          `json:"requests"` // hashes of the requests that it answers
	To       State         `json:"to"`       // the State that asked
	By       string        `json:"by"`       // human or policy
	Hits     []ReleasedHit `json:"hits"`     // the best first
	Contact  Contact       `json:"contact"`  // the desk that released it
}

// Who may release.
const (
	ReleasedByHuman  = "human"
	ReleasedByPolicy = "policy"
)

// ReleasedHit is one record or list entry of the responder, as far as its
// handling lets it go. What is left out is named in Withheld.
type ReleasedHit struct {
	Ref         string    `json:"ref"`             // rec:<record id> or list:<list>/<entry id>
	Score       uint32    `json:"score"`           // ten-thousandths
	Tier        string    `json:"tier"`            // strong or possible
	Why         []string  `json:"why,omitempty"`   // field:verdict codes
	Author      State     `json:"author"`          // whose record it is
	TLP         TLP       `json:"tlp"`             // of the record; binds the asker
	Event       EventType `json:"event,omitempty"` // of a notification
	EventTime   string    `json:"event_time,omitempty"`
	Person      *Person   `json:"person,omitempty"`
	Designation string    `json:"designation,omitempty"`
	Action      string    `json:"requested_action,omitempty"`
	Handling    Handling  `json:"handling"`
	Contact     *Contact  `json:"contact,omitempty"` // of the record's author
	Withheld    []string  `json:"withheld,omitempty"`
}

// What a release may leave out. The second row never travels in one, and is
// always named, so that its being named tells nothing of the person.
const (
	WithheldPerson     = "person" // all of it
	WithheldEvent      = "event"
	WithheldAssessment = "assessment" // designation and requested action
	WithheldContact    = "contact"    // of the author
	WithheldText       = "handling-text"
	WithheldCase       = "case" // the author's reference in his contact

	WithheldBirths        = "births"
	WithheldBirthPlaces   = "birth-places"
	WithheldNationalities = "nationalities"
	WithheldSex           = "sex"
	WithheldDocuments     = "documents"
	WithheldNationalIDs   = "national-ids"
	WithheldExternalRefs  = "external-refs"
	WithheldMisused       = "misused-identity"
)

var (
	releaserCodes = codes{ReleasedByHuman, ReleasedByPolicy}
	tierCodes     = codes{"strong", "possible"}
	optionalCodes = codes{
		WithheldPerson, WithheldEvent, WithheldAssessment, WithheldContact, WithheldText, WithheldCase, WithheldBirths, WithheldBirthPlaces,
		WithheldNationalities, WithheldSex, WithheldDocuments, WithheldNationalIDs, WithheldExternalRefs, WithheldMisused,
	}
	neverCodes    = codes{"residence", "contacts", "physical", "biometrics", "asylum", "grounds"}
	withheldCodes = slices.Concat(optionalCodes, neverCodes)
)

// NeverReleased names what no release carries.
func NeverReleased() []string { return slices.Clone(neverCodes) }

// CheckWithheld gives what is wrong with what a person at the responder wants
// left out.
func CheckWithheld(field string, words []string) Faults {
	c := checker{}
	c.codeList(field, words, optionalCodes)
	return c.faults
}

// CheckPurpose gives what is wrong with a purpose; none is no fault of it.
func CheckPurpose(field, purpose string) Faults {
	c := checker{}
	c.code(field, purpose, purposeCodes)
	return c.faults
}

// Validate gives everything that makes r unfit to publish at the time now.
func (r *MatchRelease) Validate(now time.Time) Faults {
	c := checker{now: now}
	if len(r.Requests) == 0 {
		c.fault("requests", FaultMissing)
	}
	if c.count("requests", len(r.Requests), MaxReleaseRequests) {
		for i, q := range r.Requests {
			if q.IsZero() {
				c.faultAt("requests", i, FaultMissing)
			} else if slices.Contains(r.Requests[:i], q) {
				c.faultAt("requests", i, FaultDuplicate)
			}
		}
	}
	if c.must("to", string(r.To)) {
		c.state("to", r.To)
	}
	c.mustCode("by", r.By, releaserCodes)
	if len(r.Hits) == 0 {
		c.fault("hits", FaultMissing)
	}
	if c.count("hits", len(r.Hits), MaxReleaseHits) {
		for i := range r.Hits {
			m := c.at("hits", i)
			c.releasedHit(&r.Hits[i])
			c.leave(m)
		}
	}
	m := c.at("contact", -1)
	c.desk(&r.Contact)
	c.leave(m)
	return c.faults
}

func (c *checker) releasedHit(h *ReleasedHit) {
	if c.must("ref", h.Ref) {
		if len(h.Ref) > MaxReleaseRef {
			c.fault("ref", FaultTooLong)
		} else {
			c.line("ref", h.Ref, MaxReleaseRef)
		}
	}
	if h.Score == 0 || h.Score > MaxReleaseScore {
		c.fault("score", FaultRange)
	}
	c.mustCode("tier", h.Tier, tierCodes)
	if c.count("why", len(h.Why), MaxReleaseWhy) {
		for i, w := range h.Why {
			if !shaped(w, 1, 40, whySet) {
				c.faultAt("why", i, FaultForm)
			}
		}
	}
	if c.must("author", string(h.Author)) {
		c.state("author", h.Author)
	}
	if h.TLP < TLPClear || h.TLP > TLPRed {
		c.fault("tlp", FaultCode+": CLEAR, GREEN, AMBER, AMBER+STRICT, RED")
	}
	if _, ok := h.Event.rule(); h.Event != "" && !ok {
		c.fault("event", FaultCode)
	}
	c.line("event_time", h.EventTime, MaxShort)
	c.code("designation", h.Designation, designationCodes)
	c.code("requested_action", h.Action, actionCodes)
	if p := h.Person; p != nil {
		m := c.at("person", -1)
		c.person(p)
		if p.Residence != nil || p.Contacts != nil || p.Physical != nil || p.Biometrics != nil || p.AsylumOrRefugee || p.FledFrom != nil {
			c.fault("", FaultUnexpected)
		}
		c.leave(m)
	}
	c.protectHit(h)
	m := c.at("handling", -1)
	c.handling(&h.Handling)
	c.leave(m)
	if h.Contact != nil {
		m := c.at("contact", -1)
		c.desk(h.Contact)
		c.leave(m)
	}
	c.codeList("withheld", h.Withheld, withheldCodes)
}

// protectHit is protect for a hit, of which perhaps no person is told.
func (c *checker) protectHit(h *ReleasedHit) {
	suspect := h.Designation != "" && !bystanderDesignations.has(h.Designation)
	switch p := h.Person; {
	case p != nil && p.MaybeMinor(c.now):
		if suspect {
			c.fault("designation", FaultMinorDesignation)
		}
		if h.Action != "" && !minorActions.has(h.Action) {
			c.fault("requested_action", FaultMinorAction)
		}
	case suspect && h.Action == ActionChildProtection && (p == nil || !p.birthKnown()):
		c.fault("designation", FaultSuspectOfChild)
	case !suspect && h.Designation != "" && adverseActions.has(h.Action):
		c.fault("requested_action", FaultBystanderAction)
	}
}

// ReleaseRule is one standing policy of a State: what a node releases to a
// State without asking a person first. What it does not cover waits for one.
type ReleaseRule struct {
	State    State    // who asked
	Purposes []string // and for which purposes; of ct's closed list
	TLP      TLP      // the highest marking that it covers
	Strong   bool     // only hits of the tier strong
}

// Validate gives everything that makes x no policy.
func (x *ReleaseRule) Validate() Faults {
	c := checker{}
	if c.must("state", string(x.State)) {
		c.state("state", x.State)
	}
	if len(x.Purposes) == 0 {
		c.fault("purposes", FaultMissing)
	}
	c.codeList("purposes", x.Purposes, purposeCodes)
	// What is RED is for the ears of those who were there.
	if x.TLP < TLPClear || x.TLP > TLPAmberStrict {
		c.fault("tlp", FaultCode+": CLEAR, GREEN, AMBER, AMBER+STRICT")
	}
	return c.faults
}

// Covers tells whether the rule is about requests of a State for a purpose.
func (x *ReleaseRule) Covers(s State, purpose string) bool {
	return x.State == s && slices.Contains(x.Purposes, purpose)
}
