package desk

import (
	"cmp"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// question is what a match request says beside whom it is about, as both sides
// keep it while it is open. State and Node are those of the other side.
type question struct {
	State    ct.State    `json:"state"`
	Node     ct.LogID    `json:"node"`
	Purpose  string      `json:"purpose"`
	Basis    string      `json:"basis"`
	Case     string      `json:"case"`
	Operator string      `json:"operator"`
	Grounds  string      `json:"grounds"`
	Priority ct.Priority `json:"priority"`
	Until    ct.Millis   `json:"until"` // the asker takes details so long
}

func questionOf(other ct.State, node ct.LogID, r *wire.MatchRequest) question {
	return question{other, node, r.Purpose, r.Basis, r.Case, r.Operator, r.Grounds, r.Priority, r.ReleaseUntil}
}

// item is the part of an item of the inbox that a question tells.
func (q *question) item() InboxItem {
	return InboxItem{
		State: q.State, Node: q.Node, Purpose: q.Purpose, Basis: q.Basis, Case: q.Case, Operator: q.Operator, Grounds: q.Grounds,
		Priority: q.Priority, Until: q.Until.Time(), Status: StatusWaiting,
	}
}

// entry begins a journal entry about what somebody of this node does with it.
func (q *question) entry(act, operator string) journal.Entry {
	return journal.Entry{
		Act: act, Actor: cmp.Or(operator, unnamedOperator), Purpose: q.Purpose, Basis: q.Basis, Case: q.Case, Peer: q.State,
	}
}
