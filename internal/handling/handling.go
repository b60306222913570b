// Package handling says what of a record may leave at an outlet: one pure table
// of outlet × TLP × handling code × what the reader is to the record. Everything
// that shows, tells or writes out a record asks it, and nobody else decides.
//
// It does not know persons: asylum and the rules for children are ct's.
package handling

import (
	"slices"

	"github.com/herald-net/herald/node/ct"
)

// Outlet is a way by which something of a record leaves.
type Outlet string

// The outlets. The first two lead to another State.
const (
	Exists  Outlet = "exists"  // POSSIBLE: that something is held
	Release Outlet = "release" // a hit of a MATCH_RELEASE
	Get     Outlet = "get"     // one record, to the own State's people
	Bulk    Outlet = "bulk"    // list and tail with contents
	Export  Outlet = "export"  // the record as it travelled
)

// Relation is what the reader is to the record.
type Relation string

// The relations. At exists and release the reader is the asking State, at the
// others the own State.
const (
	Own       Relation = "own"       // the own State is its author
	Author    Relation = "author"    // the asking State is its author
	Orcon     Relation = "orcon"     // its author has named the asking State
	Addressed Relation = "addressed" // another State's, for the own State
	Third     Relation = "third"     // it is between other States
)

// Why something stays, as people and journals are told.
const (
	ReasonTLP     = "tlp"
	ReasonCode    = "handling-code"
	ReasonCaveat  = "caveat"
	ReasonOrcon   = "orcon"
	ReasonForeign = "between-other-states"
)

// Marking is what the author has put on a record.
type Marking struct {
	TLP ct.TLP
	ct.Handling
}

// Decision is a cell of the table.
type Decision struct {
	Allow    bool
	Reason   string   // why not, or why something is withheld
	Withhold []string // of a release; words of ct
}

// Asking is what an asking State is to a record of author that own holds.
func Asking(own, author, asker ct.State, m *Marking) Relation {
	switch {
	case asker == author:
		return Author
	case author == own:
		return Own
	case slices.Contains(m.Originator, asker):
		return Orcon
	}
	return Third
}

// Reading is what the own State is to a record of author that is for one State,
// or for all when to is empty.
func Reading(own, author, to ct.State) Relation {
	switch {
	case author == own:
		return Own
	case to != "" && to != own:
		return Third
	}
	return Addressed
}

// Decide is the table.
func Decide(o Outlet, r Relation, m *Marking) Decision {
	switch o {
	case Exists:
		if r == Third {
			return onward(m)
		}
		return Decision{Allow: true}
	case Release:
		return release(r, m)
	case Get, Bulk, Export:
		return inside(o, r, m)
	}
	return Decision{Reason: ReasonForeign}
}

// onward tells whether a State to which a record came may let a State know of
// it that is neither its author nor named by it. That there is something is
// already something.
func onward(m *Marking) Decision {
	switch {
	case len(m.Originator) > 0:
		return Decision{Reason: ReasonOrcon}
	case m.TLP > ct.TLPGreen || m.TLP < ct.TLPClear:
		return Decision{Reason: ReasonTLP}
	case slices.Contains(m.Codes, "H2"), slices.Contains(m.Codes, "H3"):
		return Decision{Reason: ReasonCode}
	case slices.Contains(m.Caveats, "no-onward"), slices.Contains(m.Caveats, "source-protection"):
		return Decision{Reason: ReasonCaveat}
	}
	return Decision{Allow: true}
}

// release: what is RED is for those who were there, and H3 refers to a text that
// only people can follow: of both the author and his desk are named and nothing
// else. Free text and case references of a third State are for its author to give.
func release(r Relation, m *Marking) Decision {
	d := Decision{Allow: true}
	if r == Third {
		if d = onward(m); !d.Allow {
			return d
		}
	}
	switch {
	case m.TLP == ct.TLPRed:
		d.Reason = ReasonTLP
	case slices.Contains(m.Codes, "H3"):
		d.Reason = ReasonCode
	}
	if d.Reason != "" {
		d.Withhold = []string{ct.WithheldPerson, ct.WithheldEvent, ct.WithheldAssessment}
	}
	if d.Reason != "" && r != Author || r == Third || r == Orcon {
		d.Withhold = append(d.Withhold, ct.WithheldText, ct.WithheldCase)
	}
	return d
}

// inside: what another State has marked RED is shown one at a time, and neither
// that nor what may not go onward is copied out.
func inside(o Outlet, r Relation, m *Marking) Decision {
	switch {
	case r == Third:
		return Decision{Reason: ReasonForeign}
	case r == Own || o == Get:
		return Decision{Allow: true}
	case m.TLP == ct.TLPRed:
		return Decision{Reason: ReasonTLP}
	case o == Export && slices.Contains(m.Codes, "H2"):
		return Decision{Reason: ReasonCode}
	case o == Export && slices.Contains(m.Caveats, "no-onward"):
		return Decision{Reason: ReasonCaveat}
	}
	return Decision{Allow: true}
}
