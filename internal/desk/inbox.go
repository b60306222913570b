package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// InboxItem is a line of the inbox: a request of another State that waits for
// a person here, or a POSSIBLE that this node got and what became of it.
type InboxItem struct {
	Answer   bool // another State's; else a request of one
	ID       ct.ID
	State    ct.State
	Node     ct.LogID
	Purpose  string
	Basis    string
	Case     string
	Operator string
	Grounds  string
	Priority ct.Priority
	Tier     string     // of a request: the best
	Hits     []MatchHit // of a request: in this node's own holdings
	Received time.Time
	Until    time.Time
	Status   string // one of the Status constants
	Release  ct.ID  // of an answer: the MATCH_RELEASE record
	Times    uint32 // of a request: how often the State has asked meanwhile
	Reason   string // of a withdrawn answer; of a request shown whole: why it cannot be released now
}

// The states of an item of the inbox.
const (
	StatusWaiting    = "waiting"
	StatusReleased   = "released"
	StatusWithdrawn  = "withdrawn"  // what was released was corrected or retracted since
	StatusExpired    = "expired"    // what was released has ended
	StatusUnanswered = "unanswered" // the deadline has passed
)

// InboxShown is one item whole. For a request, Person is whom the State asked
// for and Release what a release would carry now; for an answer, Release is
// what came.
type InboxShown struct {
	Item    InboxItem
	Person  *ct.Person
	Release *ct.MatchRelease
}

// Inbox lists the requests that wait, those with the nearest deadline first,
// and then the answers that were POSSIBLE, the newest first. It names nobody
// but in the grounds, which the asker wrote.
func (d *Desk) Inbox() ([]InboxItem, error) {
	now := ct.MillisOf(time.Now())
	var out []InboxItem
	err := d.eachWaiting(func(w *waitingRequest) error {
		if w.Until > now {
			out = append(out, w.item())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b InboxItem) int { return a.Until.Compare(b.Until) })
	answers, err := d.answers()
	return append(out, answers...), err
}

func (w *waitingRequest) item() InboxItem {
	it := w.question.item()
	it.ID, it.Hits, it.Received, it.Times, it.Tier = w.id(), w.Hits, w.Received.Time(), w.Times, "possible"
	if slices.ContainsFunc(w.Hits, func(h MatchHit) bool { return h.Tier == "strong" }) {
		it.Tier = "strong"
	}
	return it
}

// checkPrefix reads what names an item.
func checkPrefix(id string) (string, error) {
	id = strings.ToLower(strings.TrimSpace(id))
	if len(id) < 4 || len(id) > 64 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", ct.Faults{{Field: "id", Fault: ct.FaultForm + ": 4 to 64 hex digits"}}
	}
	return id, nil
}

// InboxShow gives one item whole, after the journal holds that it was looked at.
func (d *Desk) InboxShow(id, operator string) (InboxShown, error) {
	prefix, err := checkPrefix(id)
	if err == nil {
		err = checkOperator(operator)
	}
	if err != nil {
		return InboxShown{}, fmt.Errorf("show: %w", err)
	}
	w, err := d.findWaiting(prefix)
	if errors.Is(err, ErrNotFound) {
		return d.showAnswer(prefix, operator)
	}
	if err != nil {
		return InboxShown{}, fmt.Errorf("show: %w", err)
	}
	entry := w.entry(journal.ActInboxShow, operator)
	if _, err := d.cfg.Journal.Append(entry); err != nil {
		return InboxShown{}, fmt.Errorf("show: %w", err)
	}
	shown, now := InboxShown{Item: w.item(), Person: &w.Person}, time.Now()
	if d.unsettled() { // what it would carry may have been retracted
		shown.Item.Reason = "no release now: " + silentUnsettled
		return shown, nil
	}
	shown.Release, _, err = d.content(w, ct.ReleasedByHuman, nil, now)
	if err == nil || errors.Is(err, ErrConflict) {
		err = errors.Join(d.mayRelease(w, now), err)
	}
	switch {
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotAllowed), errors.Is(err, ErrBusy):
		first, _, _ := strings.Cut(err.Error(), "\n")
		_, why, _ := strings.Cut(first, ": ") // without the kind of refusal
		shown.Item.Reason = "no release: " + why
	case err != nil:
		return InboxShown{}, fmt.Errorf("show: %w", err)
	}
	return shown, nil
}

// entry is a journal entry about a waiting request.
func (w *waitingRequest) entry(act, operator string) journal.Entry {
	e := w.question.entry(act, operator)
	e.Outcome = "request=" + requestName(w.id())
	for _, hash := range w.Requests[1:] {
		e.Outcome += "," + requestName(hash)
	}
	e.Outcome += refsOf(w.Hits)
	e.Subject = listRefs(w.Hits)
	return e
}

// requestName is what the journals of both sides call a request: half of its
// hash. It tells nothing of the person, as the request holds a random nonce.
func requestName(hash ct.ID) string { return hash.String()[:32] }

// refsOf names what was found, in clear: records by their id, of list entries
// the list alone. The id of an entry may be a person's number.
func refsOf(hits []MatchHit) string {
	var b strings.Builder
	for _, h := range hits {
		b.WriteString(" " + clearRef(h.Ref))
	}
	return b.String()
}

func clearRef(ref string) string {
	if !strings.HasPrefix(ref, index.RefList) {
		return ref
	}
	list, _, _ := strings.Cut(ref, "/")
	return list
}

// listRefs names the list entries that were found, for the sealed part of an
// entry; nil when there are none.
func listRefs(hits []MatchHit) []byte {
	var out []byte
	for _, h := range hits {
		if strings.HasPrefix(h.Ref, index.RefList) {
			out = append(append(out, h.Ref...), '\n')
		}
	}
	return out
}

// Refuse drops a waiting request for a reason that is journalled. The asker is
// told nothing: silence is no "no", and a refusal needs no defence.
func (d *Desk) Refuse(id, reason, operator string) error {
	prefix, err := checkPrefix(id)
	if err == nil {
		err = checkOperator(operator)
	}
	switch {
	case err != nil:
	case strings.TrimSpace(reason) == "":
		err = ct.Faults{{Field: "reason", Fault: ct.FaultMissing}}
	case len(reason) > journal.MaxText:
		err = ct.Faults{{Field: "reason", Fault: ct.FaultTooLong}}
	}
	if err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	w, err := d.findWaiting(prefix)
	if err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	err = d.take(w.id(), func(w *waitingRequest) journal.Entry {
		// The reason is free text and may name a person: the sealed part.
		e := w.entry(journal.ActRefuse, operator)
		if e.Subject != nil {
			reason += "\n"
		}
		e.Subject = append([]byte(reason), e.Subject...)
		return e
	})
	if err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	return nil
}

// stillWaits reads a waiting request again. The caller holds deciding, so that
// nobody else takes it.
func (d *Desk) stillWaits(id ct.ID) (w *waitingRequest, err error) {
	err = d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		w, err = getWaiting(tx, id[:])
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: the request was dealt with meanwhile", ErrConflict)
	}
	return w, err
}

// take drops a waiting request, with the entry that says why.
func (d *Desk) take(id ct.ID, why func(*waitingRequest) journal.Entry) error {
	d.deciding.Lock()
	defer d.deciding.Unlock()
	w, err := d.stillWaits(id)
	if err != nil {
		return err
	}
	if _, err := d.cfg.Journal.AppendWith(why(w), func(tx *store.LocalTx) error { return dropWaiting(tx, w) }); err != nil {
		return err
	}
	d.inbox.count(w.State, -1)
	return nil
}

// lapse drops the requests whose deadline has passed.
func (d *Desk) lapse(now time.Time) error {
	if doubt, _ := d.cfg.Clock(); doubt != "" {
		return nil
	}
	var over []*waitingRequest
	err := d.eachWaiting(func(w *waitingRequest) error {
		if w.Until <= ct.MillisOf(now) {
			over = append(over, w)
		}
		return nil
	})
	for _, w := range over {
		if err == nil {
			err = d.take(w.id(), func(w *waitingRequest) journal.Entry { return w.entry(journal.ActLapse, "herald") })
		}
		if errors.Is(err, ErrConflict) {
			err = nil
		}
	}
	return err
}
