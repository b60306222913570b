package ct

// Notification is the whole content of a NOTIFICATION record: what happened,
// to whom, why the author says so, and how it may be handled. JSON is its
// form for people (herald publish -f); the wire form is proto/herald/v1.
type Notification struct {
	Topic      Topic      `json:"topic"`
	Priority   Priority   `json:"priority"`
	TLP        TLP        `json:"tlp"`
	Audience   Audience   `json:"audience"`
	Event      Event      `json:"event"`
	Person     Person     `json:"person"`
	Assessment Assessment `json:"assessment"`
	Handling   Handling   `json:"handling"`
	Retention  Retention  `json:"retention"`
	Contact    Contact    `json:"contact"`
}

// EventType is what happened or is about to.
type EventType string

// The closed list of event types and the topic each belongs to is in EventTypes.
const (
	TravelIntended      EventType = "TRAVEL_INTENDED"
	Departure           EventType = "DEPARTURE"
	Transit             EventType = "TRANSIT"
	Arrival             EventType = "ARRIVAL"
	AttemptedEntry      EventType = "ATTEMPTED_ENTRY"
	EntryRefused        EventType = "ENTRY_REFUSED"
	DeportationPlanned  EventType = "DEPORTATION_PLANNED"
	DeportationExecuted EventType = "DEPORTATION_EXECUTED"
	Captured            EventType = "CAPTURED"
	Detained            EventType = "DETAINED"
	Released            EventType = "RELEASED"
	Transferred         EventType = "TRANSFERRED"
	Extradited          EventType = "EXTRADITED"
	Deceased            EventType = "DECEASED"
	ListEntry           EventType = "LIST_ENTRY"
)

// Event is the travel, arrival, deportation or detention itself.
type Event struct {
	Type         EventType   `json:"type"`
	Phase        string      `json:"phase"`               // planned, confirmed, cancelled
	Time         string      `json:"time,omitempty"`      // RFC 3339 for an exact instant, else EDTF
	Precision    string      `json:"precision,omitempty"` // exact, day, month, approx, interval
	Legs         []Leg       `json:"legs,omitempty"`
	Source       State       `json:"source,omitempty"`
	Transit      []State     `json:"transit,omitempty"`
	Destination  State       `json:"destination,omitempty"`
	Detention    *Detention  `json:"detention,omitempty"`
	Accompanying []Companion `json:"accompanying,omitempty"`
}

// Leg is one part of a journey.
type Leg struct {
	Mode      string `json:"mode"`                 // air, sea, rail, road, foot
	Carrier   string `json:"carrier,omitempty"`    // IATA 2 or ICAO 3
	ServiceNo string `json:"service_no,omitempty"` // flight, train or voyage number
	From      Place  `json:"from"`
	To        Place  `json:"to"`
	Departs   string `json:"departs,omitempty"` // RFC 3339 with offset: local time and UTC at once
	Arrives   string `json:"arrives,omitempty"`
}

// Place is an airport, port or border post.
type Place struct {
	Code  string `json:"code,omitempty"` // IATA 3, ICAO 4 or UN/LOCODE 5
	State State  `json:"state,omitempty"`
	Text  string `json:"text,omitempty"` // border post
}

// Detention tells of a person in custody. The place is no finer than the
// first administrative level.
type Detention struct {
	Authority        string `json:"authority,omitempty"`
	Country          State  `json:"country"`
	Region           string `json:"region,omitempty"`
	LegalGround      string `json:"legal_ground,omitempty"`
	Since            string `json:"since,omitempty"`             // EDTF
	ConsularNotified string `json:"consular_notified,omitempty"` // yes, no, declined, not-applicable
	ConsularTime     string `json:"consular_time,omitempty"`     // RFC 3339
	ExpectedRelease  string `json:"expected_release,omitempty"`  // EDTF
	ExpectedTransfer string `json:"expected_transfer,omitempty"` // EDTF
}

// Companion is a person who travels with the subject. A child carries no
// suspicion: the type has no field for one.
type Companion struct {
	Role  string `json:"role"` // principal, spouse, child, other-family, unrelated
	Name  *Name  `json:"name,omitempty"`
	Birth *Birth `json:"birth,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Assessment is why the author says so. At least one ground, a legal basis
// and a purpose are mandatory (S1).
type Assessment struct {
	Grounds         []string     `json:"grounds,omitempty"` // convicted, charged, arrest-warrant, un-listed, national-listing, intelligence-assessment, association
	GroundsText     string       `json:"grounds_text"`
	Designation     string       `json:"designation"` // convicted, charged, suspected, known, family-member, witness-or-victim
	LegalBasis      []LegalBasis `json:"legal_basis,omitempty"`
	Purpose         string       `json:"purpose"`                     // border-screening, investigation, detention-hand-over, protection
	SourceGrade     string       `json:"source_grade,omitempty"`      // Europol 4x4: A, B, C, X
	InfoGrade       string       `json:"information_grade,omitempty"` // Europol 4x4: 1, 2, 3, 4
	RequestedAction string       `json:"requested_action"`
	WarrantRef      string       `json:"warrant_ref,omitempty"`
}

// LegalBasis is a resolution paragraph, a treaty or a domestic law.
type LegalBasis struct {
	Instrument string `json:"instrument"` // UNSCR-2396-OP3, -OP5, -OP11, -OP13, UNSCR-1373, treaty, domestic-law
	Reference  string `json:"reference,omitempty"`
}

// Handling travels with the notification and is enforced by every outlet.
type Handling struct {
	Codes      []string `json:"codes,omitempty"`   // Europol H0, H1, H2, H3
	PAP        string   `json:"pap,omitempty"`     // RED, AMBER, GREEN, CLEAR
	Caveats    []string `json:"caveats,omitempty"` // no-onward, not-in-court, assurance-required, contact-first, source-protection
	Originator []State  `json:"orcon,omitempty"`   // States that may receive it onward without asking
	Text       string   `json:"text,omitempty"`
}

// Retention ends the life of a notification.
type Retention struct {
	PurposeDate     string `json:"purpose_date,omitempty"` // EDTF date by which the purpose is expected to be met
	ReviewDate      string `json:"review_date,omitempty"`  // EDTF, default one year
	Expires         string `json:"expires"`                // RFC 3339, hard: at most five years after issue
	ExtensionReason string `json:"extension_reason,omitempty"`
}

// Contact is the desk that answers at any hour.
type Contact struct {
	Desk  string `json:"desk"`
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
	Ref   string `json:"ref,omitempty"` // the author's case reference
}

// Retraction is the content of a RETRACT record.
type Retraction struct {
	Reason string `json:"reason"` // mistaken-identity, purpose-achieved, court-order, unlawful, acquitted, deceased, error, superseded
	Text   string `json:"text,omitempty"`
}

// Addresses is the content of an ADDRESS record: where a node can be dialled.
// The highest serial wins.
type Addresses struct {
	Serial uint64   `json:"serial"`
	Addrs  []string `json:"addrs,omitempty"` // multiaddrs, at most 8
}

// Delegation is the content of a DELEGATION record in a State's root log: the
// root key names a node key.
type Delegation struct {
	State     State    `json:"state"`
	Serial    uint64   `json:"serial"`
	Node      LogID    `json:"node"`
	NotBefore Millis   `json:"not_before"`
	NotAfter  Millis   `json:"not_after"` // at most 400 days after NotBefore
	Roles     []string `json:"roles,omitempty"`
	Proof     []byte   `json:"proof"` // the node key's own signature: nobody is named against its will
}

// Renewal is the content of a RENEWAL record in a State's root log: a node key
// that the log has delegated speaks for longer.
type Renewal struct {
	Node     LogID  `json:"node"`
	NotAfter Millis `json:"not_after"` // the new end, at most 400 days after the record's issued_at
}

// Closing is the content of a CLOSING record in a State's root log: a node log
// of the State ends for good. What its key has signed after the record named,
// or on another branch, is disowned. There is nothing personal in it.
type Closing struct {
	Log    LogID  `json:"log"`
	Seq    uint64 `json:"seq"`             // of the last valid record; 0: none is valid
	ID     ID     `json:"id"`              // of that record; for seq 0 of the log's first delegation
	Reason string `json:"reason"`          // compromised, lost, forked, retired, error
	Text   string `json:"text,omitempty"`  // at most 256 bytes
	Since  Millis `json:"since,omitempty"` // when the key may have come into other hands; 0: not said
}
