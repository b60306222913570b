package desk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What waits for a person, in local.db, sealed:
//
//	desk.inbox      hash of the first request → the waiting request
//	desk.inbox.who  keyed hash of State, reasons and person → that hash
//
// A State that asks for a person again, for the same reasons, is not queued
// twice: its new request joins the one that waits. Another case, basis or
// grounds is another decision: whoever releases has read what he releases for.
const (
	bucketInbox    = "desk.inbox"
	bucketInboxWho = "desk.inbox.who"
)

// Bounds of the inbox: what would pass them is answered and journalled, and
// not queued. The last few places of a State are its own, however many the
// others have taken.
const (
	maxInbox         = 1_000
	maxInboxPerState = 100
	minInboxPerState = 10
)

// waitingRequest is a match request that was answered POSSIBLE.
type waitingRequest struct {
	question
	Requests []ct.ID    `json:"requests"` // the first names it; then the newest
	Received ct.Millis  `json:"received"`
	Times    uint32     `json:"times"`
	Person   ct.Person  `json:"person"`
	Hits     []MatchHit `json:"hits"`
	Who      []byte     `json:"who"`
}

func (w *waitingRequest) id() ct.ID { return w.Requests[0] }

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

// inbox counts what waits; the requests themselves are in the store.
type inbox struct {
	mu     sync.Mutex
	states map[ct.State]int // guarded by mu
	total  int              // guarded by mu
	wake   chan struct{}    // one slot: something new waits
}

func newInbox() *inbox { return &inbox{states: map[ct.State]int{}, wake: make(chan struct{}, 1)} }

func (b *inbox) room(s ct.State) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.states[s] < minInboxPerState || b.total < maxInbox && b.states[s] < maxInboxPerState
}

func (b *inbox) count(s ct.State, n int) {
	b.mu.Lock()
	b.total += n
	b.states[s] += n
	if b.states[s] <= 0 {
		delete(b.states, s)
	}
	b.mu.Unlock()
	if n > 0 {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// Waits is how many requests wait for a person.
func (d *Desk) Waits() int {
	d.inbox.mu.Lock()
	defer d.inbox.mu.Unlock()
	return d.inbox.total
}

// loadInbox counts what an earlier run left.
func (d *Desk) loadInbox() error {
	return d.eachWaiting(func(w *waitingRequest) error {
		d.inbox.count(w.State, 1)
		return nil
	})
}

// queued prepares to queue a request that was answered POSSIBLE. The outcome
// says in a word what becomes of it; put belongs into the transaction that
// journals the answer, and settled is called when that is durable.
func (d *Desk) queued(asker roster.Node, r *wire.MatchRequest, hash ct.ID, hits []MatchHit, now ct.Millis) (outcome string, put func(*store.LocalTx) error, settled func()) {
	nothing := func() {}
	switch {
	case asker.State == d.cfg.State: // a node of our own State: no matter between States
		return "", nil, nothing
	case r.ReleaseUntil <= now:
		return "no release wanted", nil, nothing
	}
	w := waitingRequest{
		question: questionOf(asker.State, asker.Key, r), Requests: []ct.ID{hash}, Received: now, Times: 1, Person: r.Person, Hits: hits,
	}
	room, fresh := d.inbox.room(asker.State), false
	put = func(tx *store.LocalTx) error {
		key, err := hashKey(tx)
		if err != nil {
			return err
		}
		if w.Who, err = whoOf(key, &w); err != nil {
			return err
		}
		first, err := tx.Get(bucketInboxWho, w.Who)
		switch {
		case err == nil:
			return rejoin(tx, first, &w)
		case !errors.Is(err, store.ErrNotFound):
			return err
		case !room:
			return nil
		}
		fresh = true
		return errors.Join(tx.Put(bucketInboxWho, w.Who, hash[:]), putWaiting(tx, &w))
	}
	switch joins, err := d.joins(&w); {
	case err != nil:
		d.log.Warn("the inbox is not read", "error", err) // put meets the same, and decides
		outcome = "not queued"
	case joins:
		outcome = "joined"
	case room:
		outcome = "queued"
	default:
		outcome = "inbox full"
	}
	return outcome, put, func() {
		if fresh {
			d.log.Info("a match request waits for a person", "state", asker.State, "priority", r.Priority)
			d.inbox.count(asker.State, 1)
			if !d.inbox.room(asker.State) {
				d.log.Warn("the inbox is full: further match requests of a State are answered and not queued", "state", asker.State)
			}
		}
	}
}

// joins tells whether a request will join one that waits.
func (d *Desk) joins(w *waitingRequest) (yes bool, err error) {
	err = d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		key, err := tx.Get(bucketMeta, listKey)
		if err != nil {
			return err
		}
		who, err := whoOf(key, w)
		if err != nil {
			return err
		}
		_, err = tx.Get(bucketInboxWho, who)
		yes = err == nil
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return yes, err
}

// rejoin adds a further request for the same person to the one that waits.
func rejoin(tx *store.LocalTx, first []byte, w *waitingRequest) error {
	old, err := getWaiting(tx, first)
	if err != nil {
		return err
	}
	old.Requests = append(old.Requests, w.id())
	if n := len(old.Requests); n > ct.MaxReleaseRequests { // the first is its name
		old.Requests = slices.Delete(old.Requests, 1, 2)
	}
	old.Times++
	old.Node, old.Hits, old.Until, old.Priority = w.Node, w.Hits, max(old.Until, w.Until), max(old.Priority, w.Priority)
	return putWaiting(tx, old)
}

func whoOf(key []byte, w *waitingRequest) ([]byte, error) {
	p, err := json.Marshal(&w.Person)
	if err != nil {
		return nil, fmt.Errorf("encode person: %w", err)
	}
	m := hmac.New(sha256.New, key)
	for _, part := range [][]byte{[]byte("inbox"), []byte(w.State), []byte(w.Purpose), []byte(w.Basis), []byte(w.Case), []byte(w.Grounds), p} {
		m.Write(numberKey(uint64(len(part))))
		m.Write(part)
	}
	return m.Sum(nil), nil
}

func putWaiting(tx *store.LocalTx, w *waitingRequest) error {
	val, err := json.Marshal(w)
	if err != nil {
		return err
	}
	first := w.id()
	return tx.Put(bucketInbox, first[:], val)
}

func getWaiting(tx *store.LocalTx, first []byte) (*waitingRequest, error) {
	val, err := tx.Get(bucketInbox, first)
	if err != nil {
		return nil, err
	}
	return readWaiting(val)
}

func readWaiting(val []byte) (*waitingRequest, error) {
	var w waitingRequest
	if err := json.Unmarshal(val, &w); err != nil || len(w.Requests) == 0 {
		return nil, errors.New("a waiting request has another form")
	}
	return &w, nil
}

func dropWaiting(tx *store.LocalTx, w *waitingRequest) error {
	first := w.id()
	return errors.Join(tx.Delete(bucketInbox, first[:]), tx.Delete(bucketInboxWho, w.Who))
}

func (d *Desk) eachWaiting(fn func(*waitingRequest) error) error {
	err := d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketInbox, nil, func(_, v []byte) error {
			w, err := readWaiting(v)
			if err != nil {
				return err
			}
			return fn(w)
		})
	})
	if err != nil {
		return fmt.Errorf("read inbox: %w", err)
	}
	return nil
}

// findWaiting finds one waiting request by a unique prefix of its id.
func (d *Desk) findWaiting(prefix string) (*waitingRequest, error) {
	var found *waitingRequest
	err := d.eachWaiting(func(w *waitingRequest) error {
		if !strings.HasPrefix(w.id().String(), prefix) {
			return nil
		}
		if found != nil {
			return fmt.Errorf("%w: more than one request has this prefix", ErrConflict)
		}
		found = w
		return nil
	})
	if err == nil && (found == nil || found.Until <= ct.MillisOf(time.Now())) {
		return nil, fmt.Errorf("%w: no request %s waits; it was dealt with, or its deadline has passed", ErrNotFound, prefix)
	}
	return found, err
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
		why, _, _ := strings.Cut(err.Error(), "\n")
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
	return e
}

// requestName is what the journals of both sides call a request: half of its
// hash. It tells nothing of the person, as the request holds a random nonce.
func requestName(hash ct.ID) string { return hash.String()[:32] }

func refsOf(hits []MatchHit) string {
	var b strings.Builder
	for _, h := range hits {
		b.WriteString(" " + h.Ref)
	}
	return b.String()
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
		e.Subject = []byte(reason)
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
