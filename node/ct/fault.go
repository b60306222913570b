package ct

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a document. Field is a JSON path such as
// person.births[1].date. Neither field ever holds a value of the document.
type Fault struct {
	Field string `json:"field"`
	Fault string `json:"fault"`
}

// Faults is everything found wrong, at most maxFaults of it. It implements
// error; Err gives a nil error when there is nothing.
type Faults []Fault

// maxFaults bounds what a hostile document makes us say.
const maxFaults = 64

// Error is one line: the first fault and how many more there are.
func (f Faults) Error() string {
	switch len(f) {
	case 0:
		return "no fault"
	case 1:
		return f[0].Field + ": " + f[0].Fault
	}
	return fmt.Sprintf("%s: %s (and %d more)", f[0].Field, f[0].Fault, len(f)-1)
}

// Err is f as an error, nil when empty.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Has tells whether a fault of this reason was found at the field.
func (f Faults) Has(field, reason string) bool {
	for _, x := range f {
		if x.Field == field && strings.HasPrefix(x.Fault, reason) {
			return true
		}
	}
	return false
}

// The reasons: each Fault.Fault begins with one of them. FaultCode is followed
// by the closed list.
const (
	FaultMissing    = "missing"
	FaultCode       = "not in the closed list"
	FaultTooMany    = "too many entries"
	FaultTooLong    = "too long"
	FaultText       = "unprintable characters, or blanks at an end"
	FaultDuplicate  = "given twice"
	FaultRange      = "out of range"
	FaultForm       = "malformed"
	FaultUnexpected = "does not belong here"

	FaultState      = "not an ISO 3166-1 alpha-3 or ICAO 9303 State code"
	FaultMembership = "not a State that can be a member"
	FaultDate       = "not an EDTF date"
	FaultImpossible = "impossible date"
	FaultOrder      = "ends before it begins"
	FaultFuture     = "lies in the future"
	FaultTime       = "not an RFC 3339 time with offset"
	FaultCarrier    = "not an IATA (2) or ICAO (3) carrier code"
	FaultPlace      = "not an IATA (3), ICAO (4) or UN/LOCODE (5) code"
	FaultPlaceState = "not in the State that the place code names"
	FaultDocType    = "not an ICAO 9303 document code"
	FaultMRZForm    = "not a machine-readable zone of ICAO 9303"
	FaultMRZCheck   = "a check digit of the machine-readable zone is wrong"
	FaultAddr       = "not a multiaddr of the form /ip4|ip6|dns…/host/tcp|udp/port"

	FaultTopic     = "event type belongs to another topic"
	FaultPhase     = "phase does not fit the event type"
	FaultPrecision = "precision does not fit the time given"
	FaultExpired   = "expiry has passed"
	FaultRetention = "expiry later than the policy allows"
	FaultAfterEnd  = "later than the expiry"
	FaultWarrant   = "requested action needs a warrant reference"

	FaultMinorDesignation = "a person who may be under 18 carries no suspicion: use family-member or witness-or-victim"
	FaultMinorGround      = "a ground of suspicion against a person who may be under 18"
	FaultMinorAction      = "only CHILD_PROTECTION or NOTIFY_ONLY for a person who may be under 18"
	FaultMinorRetention   = "expiry later than the policy allows for a person who may be under 18"
	FaultMinorWarrant     = "no warrant against a person who may be under 18"
	FaultBystanderAction  = "no detention or refusal of a family member, witness or victim"
	FaultBystanderGround  = "a ground of suspicion against a family member, witness or victim: only association"
	FaultBystanderWarrant = "no warrant against a family member, witness or victim"
	FaultSuspectOfChild   = "a suspicion beside CHILD_PROTECTION, of a person whose birth is not told"
)
