package desk

import (
	"cmp"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// PublishOptions is how a notification is published, not what it says.
type PublishOptions struct {
	NoWait   bool     // leave it in the outbox and return at once
	DryRun   bool     // check everything, sign and keep nothing
	Operator string   // who publishes, for the journal
	Accept   []string // what a person has seen and accepts: AcceptAsylum, AcceptSpecial, AcceptDuplicate

	// Key is an idempotency key, at most 64 bytes of printable ASCII: a second
	// Publish with it and the same content gives the receipt of the first, one with
	// other content is ErrConflict. Empty: none.
	Key string
}

// What is not signed before a person has said that he accepts it.
const (
	AcceptAsylum  = "asylum"           // it reaches a State that the person has fled
	AcceptSpecial = "special-category" // its free text may tell of religion, health and the like

	AcceptDuplicate = "duplicate" // equal content is in force
)

// Receipt tells what became of a notification or a retraction. Either ID, Log
// and Seq name a durable record, or Waiting names an outbox item.
type Receipt struct {
	ID       ct.ID
	Log      ct.LogID
	Seq      uint64
	Waiting  string    // outbox key; empty when signed
	Why      string    // for what it waits, or why it was refused
	Warnings []string  // addressee rule and the like: for the operator, never for logs
	Preview  *ct.Entry // dry run only: what readers would see
}

// OutboxItem is a draft that has not been signed yet.
type OutboxItem struct {
	Key   string
	Kind  ct.Kind
	Topic ct.Topic
	Since time.Time
	Why   string // for what it waits
	Fault string // not empty: it cannot be signed and waits for a human to drop it
}

// MatchQuery asks other States, and the own node, whether they know a person.
// Purpose, Basis, Case and Grounds are mandatory.
type MatchQuery struct {
	Person   ct.Person
	Purpose  string      // a purpose of ct's closed list
	Basis    string      // national citation or resolution paragraph
	Case     string      // the asker's own case reference, opaque to others
	Grounds  string      // why there are reasonable grounds to ask
	Operator string      // pseudonym, for both journals
	Actor    string      // who it is, for the own journal alone; empty: Operator
	Priority ct.Priority // routine when unknown
	States   []ct.State  // empty: every member and the own node
	Timeout  time.Duration

	// ReleaseWithin is how long a release of what is possible is wanted; 0: by
	// priority.
	ReleaseWithin time.Duration
}

// actor is who asks, as the own journal calls him.
func (q *MatchQuery) actor() string { return cmp.Or(q.Actor, q.Operator) }

// The answers of a match request.
const (
	AnswerNoHit       = "NO_HIT"
	AnswerPossible    = "POSSIBLE"
	AnswerRefused     = "REFUSED"
	AnswerRateLimited = "RATE_LIMITED"
)

// MatchAnswer is what one node said.
type MatchAnswer struct {
	State  ct.State
	Node   ct.LogID
	Own    bool   // this node's own holdings
	Answer string // one of the Answer constants
	Reason string // code, for REFUSED and RATE_LIMITED
	Hits   []MatchHit
	Asked  int   // how many nodes are asked in all
	Inbox  ct.ID // for POSSIBLE of another node: where a release will show

	since time.Time // of a node that is away: when it was last heard
}

// MatchHit is a lead for a human, never an identification.
type MatchHit struct {
	Ref   string   // rec:<record id> or list:<list>/<entry id>
	Score float64  // 0..1
	Tier  string   // strong or possible
	Why   []string // field:verdict codes, no values
}

// Silence is a node that gave no usable answer. It is not a "no".
type Silence struct {
	State ct.State
	Node  ct.LogID
	Why   string    // code: no-answer, bad-answer, no-node, muted, away; of the own node indexing and the like
	Since time.Time // of one that is away: when it was last heard; zero: not since this node started
}

// MatchSummary counts the nodes asked and what they said. A node that did not
// answer is in Asked only, and in Silent.
type MatchSummary struct {
	Asked    int
	Answered int
	Possible int
	Refused  int // REFUSED and RATE_LIMITED
	NoHit    int
	Silent   []Silence
	Withheld []ct.State // not asked: the person seeks or has asylum from them
	Unread   ct.Faults  // what of the person asked for nobody compares, or not fully
}

// ImportProgress is called now and then with the number of entries read.
type ImportProgress func(read int)

// ImportResult is the account of an import: Read = Accepted + Joined +
// Rejected. Entities are organisations; they are counted apart and not imported.
type ImportResult struct {
	Read       int // rows
	Accepted   int // persons
	Joined     int // further rows of a person
	Rejected   int // rows that are not imported
	Entities   int
	Rejections []Rejection // the first of them

	LeftOut int       // values left out of persons that were accepted
	Unread  int       // values of them that are kept and not compared, or not fully
	Left    []LeftOut // the first of both
	Kept    int       // persons whose row was rejected: they stay on the list as they were

	Before, After int // persons on the list
}

// Rejection names a row that was not imported, and a reason without its content.
type Rejection struct {
	Line   int
	Reason string
}

// LeftOut names a value that was left out of a person, or is kept and not
// compared, and why.
type LeftOut struct {
	Line  int
	Field string
	Why   string
	Kept  bool
}

// ListInfo describes one imported list.
type ListInfo struct {
	Name     string
	Persons  int
	Imported time.Time
	ListAbout
}
