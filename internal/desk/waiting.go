package desk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

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

// Crowded is a line for each State that has no more room in the inbox.
func (d *Desk) Crowded() (out []string) {
	d.inbox.mu.Lock()
	waits := maps.Clone(d.inbox.states)
	d.inbox.mu.Unlock()
	for _, s := range slices.Sorted(maps.Keys(waits)) {
		if !d.inbox.room(s) {
			out = append(out, fmt.Sprintf("inbox: %d match requests of %s wait; its further ones are answered and not queued, see `herald inbox`", waits[s], s))
		}
	}
	return out
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
