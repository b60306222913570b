package desk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/herald-net/herald/internal/fishing"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Bounds of a match.
const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = 2 * time.Minute
	maxParallel    = 256 // nodes asked at once: those that are silent must not keep others from being asked

	maxReleaseWithin = 30 * 24 * time.Hour
)

// releaseWithin is how long an asker takes a release of what is possible when
// it says nothing else: the deadline of an answer of that priority.
func releaseWithin(p ct.Priority) time.Duration {
	switch p {
	case ct.PriorityFlash:
		return time.Hour
	case ct.PriorityUrgent:
		return 12 * time.Hour
	}
	return 72 * time.Hour
}

// subject is whom a match is about, as both journals commit to it. Grounds are
// free text and may name persons, so they are sealed and erased with it.
type subject struct {
	Person  *ct.Person `json:"person"`
	Grounds string     `json:"grounds"`
}

func subjectOf(p *ct.Person, grounds string) ([]byte, error) {
	b, err := json.Marshal(subject{p, grounds})
	if err != nil {
		return nil, fmt.Errorf("encode subject: %w", err)
	}
	return b, nil
}

// check names everything that a responder would refuse, before anything is
// journalled or sent.
func (q *MatchQuery) check(now time.Time) ct.Faults {
	var faults ct.Faults
	for _, f := range []struct {
		field, value string
		most         int
	}{
		{"purpose", q.Purpose, wire.MaxMatchPurpose},
		{"basis", q.Basis, wire.MaxMatchBasis},
		{"case", q.Case, wire.MaxMatchCase},
		{"grounds", q.Grounds, wire.MaxMatchGrounds},
		{"operator", q.Operator, wire.MaxMatchOperator},
	} {
		switch {
		case blank(f.value):
			faults = append(faults, ct.Fault{Field: f.field, Fault: ct.FaultMissing})
		case len(f.value) > f.most:
			faults = append(faults, ct.Fault{Field: f.field, Fault: ct.FaultTooLong})
		case !printable(f.value):
			faults = append(faults, ct.Fault{Field: f.field, Fault: ct.FaultText})
		}
	}
	if q.Purpose != "" {
		if f, ok := purposeFault(q.Purpose); !ok {
			faults = append(faults, f)
		}
	}
	if q.Priority > ct.PriorityFlash {
		faults = append(faults, ct.Fault{Field: "priority", Fault: ct.FaultCode + ": routine, urgent, flash"})
	}
	if q.Timeout < 0 || q.Timeout > maxTimeout {
		faults = append(faults, ct.Fault{Field: "timeout", Fault: fmt.Sprintf("%s: at most %s", ct.FaultRange, maxTimeout)})
	}
	if q.ReleaseWithin < 0 || q.ReleaseWithin > maxReleaseWithin {
		faults = append(faults, ct.Fault{Field: "release_within", Fault: fmt.Sprintf("%s: at most %s", ct.FaultRange, maxReleaseWithin)})
	}
	for _, f := range personFaults(&q.Person, now) {
		faults = append(faults, ct.Fault{Field: "person." + f.Field, Fault: f.Fault})
	}
	return faults
}

// personFaults validates a person as a query: a document alone will do. Of one
// whose names are signs alone every answer would be NO_HIT, and that would pass
// for "nobody knows this person".
func personFaults(p *ct.Person, now time.Time) ct.Faults {
	faults := p.Validate(now)
	if len(p.Names) == 0 && len(p.Documents) > 0 {
		faults = slices.DeleteFunc(faults, func(f ct.Fault) bool { return f.Field == "names" && f.Fault == ct.FaultMissing })
	}
	if s := match.Prepare(*p); len(faults) == 0 && len(s.Names) == 0 && len(s.Documents) == 0 {
		faults = append(faults, ct.Fault{Field: "names", Fault: ct.FaultForm + ": nothing in it can be read, and there is no document number"})
	}
	return faults
}

// purposeFault holds a purpose against the closed list, which notifications
// and match requests share.
func purposeFault(purpose string) (ct.Fault, bool) {
	switch faults := ct.CheckPurpose("purpose", purpose); {
	case purpose == "":
		return ct.Fault{Field: "purpose", Fault: ct.FaultMissing}, false
	case len(faults) > 0:
		return faults[0], false
	}
	return ct.Fault{}, true
}

// tooMany tells that a query asks for more persons than the network lets a State
// ask in a minute: no responder would ever answer it.
func tooMany(p *ct.Person, v *roster.View) ct.Faults {
	cost, most := fishing.Cost(match.Prepare(*p)), int(v.Policy().MatchBurst)
	if cost <= most || cost == 1 {
		return nil
	}
	return ct.Faults{{Field: "person", Fault: fmt.Sprintf("%s: %d names and numbers that are not one person's, and this network answers %d a minute: split the query", ct.FaultTooMany, cost, most)}}
}

// blank tells that a text says nothing.
func blank(s string) bool { return strings.TrimSpace(s) == "" }

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// target is one node to ask; a zero Node is a State that has none now.
type target struct {
	state ct.State
	node  ct.LogID
}

// targets lists the nodes of the chosen States, the own node first, then those
// that are connected. By default every member is asked, but no State from
// which the person seeks or has asylum: to ask is to tell. Naming such a State,
// or one that is no member, is an error.
func (d *Desk) targets(v *roster.View, q *MatchQuery, now time.Time) (out []target, withheld []ct.State, err error) {
	states := slices.Compact(slices.Sorted(slices.Values(q.States)))
	for _, s := range states {
		if _, ok := v.Member(s); !ok {
			return nil, nil, fmt.Errorf("%w: %q is not a member of this network", ErrNotFound, s)
		}
		if s != d.cfg.State && q.Person.HasFled(s) {
			return nil, nil, fmt.Errorf("%w: the person seeks or has asylum from %s; it may not be asked", ErrNotAllowed, s)
		}
	}
	own := d.cfg.Signer.Public()
	for _, m := range v.Members() {
		if len(states) > 0 && !slices.Contains(states, m.State) {
			continue
		}
		if m.State != d.cfg.State && q.Person.HasFled(m.State) {
			withheld = append(withheld, m.State)
			continue
		}
		live := 0
		for _, n := range m.Nodes {
			if n.Key == own || v.Live(n.Key, now) {
				out = append(out, target{m.State, n.Key})
				live++
			}
		}
		if live == 0 {
			out = append(out, target{state: m.State})
		}
	}
	rank := func(t target) int {
		switch {
		case t.node == own:
			return 0
		case d.cfg.Connected(t.node):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(out, func(a, b target) int { return rank(a) - rank(b) })
	return out, withheld, nil
}
