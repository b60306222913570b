package ct

import (
	"cmp"
	"slices"
)

// Role is what a State is to the person or the journey that a notification
// tells of. Resolution 2396 addresses a notification by these roles.
type Role string

// The roles of the addressee rule, in order of weight.
const (
	RoleSource      Role = "source"
	RoleTransit     Role = "transit"
	RoleDestination Role = "destination"
	RoleNationality Role = "nationality"
	RoleResidence   Role = "residence"
)

// Conflict is a State that the rule addresses and the asylum flag forbids to
// address (S6): to tell it may endanger the person. A human decides.
type Conflict struct {
	State State  `json:"state"`
	Roles []Role `json:"roles"` // what makes it an addressee; at least one
}

// Addressees applies the addressee rule of resolution 2396: the States of
// source, transit and destination, of nationality and of residence, without
// the author, in order of code and none twice.
//
// missing names the roles that a notification of this event should fill and
// does not. conflicts lists States that are left out of must because the
// person has fled them.
func Addressees(n *Notification, author State) (must []State, missing []Role, conflicts []Conflict) {
	rs := roles(n)
	for i := 0; i < len(rs); {
		s := rs[i].state
		var own []Role
		for ; i < len(rs) && rs[i].state == s; i++ {
			own = append(own, rs[i].role)
		}
		switch {
		case s == author:
		case n.Person.HasFled(s):
			conflicts = append(conflicts, Conflict{s, own})
		default:
			must = append(must, s)
		}
	}

	has := func(want Role) bool {
		return slices.ContainsFunc(rs, func(r stateRole) bool { return r.role == want })
	}
	if t, _ := n.Event.Type.Topic(); t != TopicDetention && n.Event.Type != ListEntry {
		for _, r := range []Role{RoleSource, RoleDestination} {
			if !has(r) {
				missing = append(missing, r)
			}
		}
	}
	stateless := slices.ContainsFunc(n.Person.Nationalities, func(s State) bool {
		return s == "XXA" || s == "XXB" || s == "XXC"
	})
	if !has(RoleNationality) && !stateless {
		missing = append(missing, RoleNationality)
	}
	return must, missing, conflicts
}

// RolesOf lists what s is to the notification; empty when nothing.
func (n *Notification) RolesOf(s State) []Role {
	var out []Role
	for _, r := range roles(n) {
		if r.state == s {
			out = append(out, r.role)
		}
	}
	return out
}

type stateRole struct {
	state State
	role  Role
}

// roles lists every State of the event and the person with its roles, in
// order of State, then of weight, none twice.
func roles(n *Notification) []stateRole {
	e, p := &n.Event, &n.Person
	var out []stateRole
	add := func(s State, r Role) {
		if s = MemberOf(s); s != "" {
			out = append(out, stateRole{s, r})
		}
	}
	source, destination := e.Source, e.Destination
	if len(e.Legs) > 0 {
		source = cmp.Or(source, e.Legs[0].From.state())
		destination = cmp.Or(destination, e.Legs[len(e.Legs)-1].To.state())
	}
	add(source, RoleSource)
	add(destination, RoleDestination)
	for _, s := range e.Transit {
		add(s, RoleTransit)
	}
	for i := range e.Legs {
		for _, s := range [...]State{e.Legs[i].From.state(), e.Legs[i].To.state()} {
			if s != source && s != destination {
				add(s, RoleTransit)
			}
		}
	}
	for _, s := range p.Nationalities {
		add(s, RoleNationality)
	}
	for _, r := range p.Residence {
		add(r.State, RoleResidence)
	}
	weight := []Role{RoleSource, RoleTransit, RoleDestination, RoleNationality, RoleResidence}
	slices.SortFunc(out, func(a, b stateRole) int {
		return cmp.Or(cmp.Compare(a.state, b.state), slices.Index(weight, a.role)-slices.Index(weight, b.role))
	})
	return slices.Compact(out)
}

// state is the place's State, from its UN/LOCODE when it is not said.
func (p *Place) state() State {
	if p.State == "" && len(p.Code) == 5 {
		s, _ := StateByAlpha2(p.Code[:2])
		return s
	}
	return p.State
}
