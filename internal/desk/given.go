package desk

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What was released to whom, until it expires, in local.db, sealed: commitment
// of the record → given. When a source is corrected or retracted, or leaves
// its list, the release is retracted, so that whoever was answered hears of it.
const bucketGiven = "desk.given"

// maxGiven bounds the releases in force.
const maxGiven = 10_000

// given is one release.
type given struct {
	Commit    [32]byte          `json:"commit"`
	ID        ct.ID             `json:"id"` // of the record; zero while it waits to be signed
	Requests  []ct.ID           `json:"requests"`
	To        ct.State          `json:"to"`
	Sources   map[string][]byte `json:"sources"` // ref → digest of what it named
	Expires   ct.Millis         `json:"expires"`
	Withdrawn bool              `json:"withdrawn,omitempty"`

	tlp ct.TLP
}

func (g *given) put(tx *store.LocalTx) error {
	val, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return tx.Put(bucketGiven, g.Commit[:], val)
}

// givens is what is in force, in memory beside the store.
type givens struct {
	mu  sync.Mutex
	all map[[32]byte]*given // guarded by mu
}

func newGivens() *givens { return &givens{all: map[[32]byte]*given{}} }

func (g *givens) full() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.all) >= maxGiven
}

func (g *givens) set(x *given) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[x.Commit] = x
}

func (g *givens) drop(commit [32]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.all, commit)
}

// get gives one as it is now; nil when it is none any more. It is not to be
// changed.
func (g *givens) get(commit [32]byte) *given {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all[commit]
}

// withdrawn tells that a draft is not to be signed any more.
func (g *givens) withdrawn(commit [32]byte) bool {
	x := g.get(commit)
	return x == nil || x.Withdrawn
}

// signed notes, in the transaction that clears the outbox, the record that a
// draft became, or that it became none.
func (g *givens) signed(tx *store.LocalTx, commit [32]byte, r Receipt) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.ID.IsZero() {
		delete(g.all, commit)
		return tx.Delete(bucketGiven, commit[:])
	}
	val, err := tx.Get(bucketGiven, commit[:])
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	var x given
	if err == nil {
		err = json.Unmarshal(val, &x)
	}
	if err != nil {
		return err
	}
	x.ID = r.ID
	g.all[commit] = &x
	return x.put(tx)
}

func (g *givens) snapshot() []*given {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Values(g.all))
}

func (d *Desk) loadGiven() error {
	err := d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketGiven, nil, func(_, v []byte) error {
			var x given
			if err := json.Unmarshal(v, &x); err != nil {
				return errors.New("a release in force has another form")
			}
			d.given.set(&x)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read releases: %w", err)
	}
	return nil
}

func digestOf(p *ct.Person) ([]byte, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode person: %w", err)
	}
	h := sha256.Sum256(b)
	return h[:], nil
}

// supersede withdraws every release in force one of whose sources is no more
// what it was, and forgets those that have expired. Only those with a ref that
// begins with prefix are looked at. One that fails holds up no other.
func (d *Desk) supersede(prefix string, now time.Time) error {
	doubt, _ := d.cfg.Clock()
	sure := doubt == ""
	var failed []error
	for _, x := range d.given.snapshot() {
		switch {
		case x.Expires <= ct.MillisOf(now) && sure:
			failed = append(failed, d.forget(x))
		case !x.Withdrawn:
			failed = append(failed, d.check(x, prefix, now))
		}
	}
	return errors.Join(failed...)
}

// check withdraws one release when one of its sources has changed.
func (d *Desk) check(x *given, prefix string, now time.Time) error {
	for ref, digest := range x.Sources {
		if !strings.HasPrefix(ref, prefix) {
			continue
		}
		reason, changed, err := d.changed(ref, digest, now)
		if err != nil {
			return err
		}
		if changed {
			d.log.Info("a release is withdrawn: its source has changed", "to", x.To, "reason", reason)
			return d.withdraw(x, ref, reason, now)
		}
	}
	return nil
}

func (d *Desk) forget(x *given) error {
	err := d.cfg.Store.Local().Update(func(tx *store.LocalTx) error { return tx.Delete(bucketGiven, x.Commit[:]) })
	if err == nil {
		d.given.drop(x.Commit)
	}
	return err
}

// changed tells whether a source is no more what was released, and why. One
// that has merely expired has not changed: the release expires with it.
func (d *Desk) changed(ref string, digest []byte, now time.Time) (reason string, yes bool, err error) {
	if strings.HasPrefix(ref, index.RefRecord) {
		id, err := ct.ParseID(strings.TrimPrefix(ref, index.RefRecord))
		if err != nil {
			return "", false, err
		}
		if by, hidden := d.cfg.Store.Hidden(id); hidden {
			return d.reasonOf(by), true, nil
		}
		row, err := d.cfg.Lookup(id)
		if errors.Is(err, store.ErrNotFound) {
			return reasonSuperseded, true, nil // disowned, and gone
		}
		if err != nil {
			return "", false, err
		}
		return reasonSuperseded, row.BodyState == store.BodyDisowned, nil
	}
	s, err := d.source(ref, now)
	if err != nil {
		return "", false, err
	}
	return reasonSuperseded, s == nil || string(s.digest) != string(digest), nil
}

const reasonSuperseded = "superseded"

// reasonOf is why a record was retracted, by the retraction.
func (d *Desk) reasonOf(retraction ct.ID) string {
	row, err := d.cfg.Lookup(retraction)
	if err != nil {
		return reasonSuperseded
	}
	if row, err = d.cfg.Store.Get(row.Header.Log, row.Header.Seq); err != nil || row.BodyState != store.BodyHeld || row.ID != retraction {
		return reasonSuperseded
	}
	r, err := wire.DecodeRetraction(row.Body)
	if err != nil || r.Reason == "" {
		return reasonSuperseded
	}
	return r.Reason
}

// withdraw retracts a release, or keeps one that is not signed yet from being
// signed. The journal comes first.
func (d *Desk) withdraw(x *given, ref, reason string, now time.Time) error {
	e := journal.Entry{
		Act: journal.ActWithdraw, Actor: "herald", Peer: x.To,
		Outcome: fmt.Sprintf("commit %x reason=%s source %s", x.Commit, reason, clearRef(ref)),
		Subject: listRefs([]MatchHit{{Ref: ref}}),
	}
	signed, err := d.unsigned(x, e)
	if err != nil || signed == nil {
		return err
	}
	marked := *signed
	marked.Withdrawn = true
	dr, err := d.retractionDraft(marked.ID, &ct.Retraction{Reason: reason}, d.cfg.View(), now)
	switch {
	case errors.Is(err, ErrConflict): // by a person, before us
		_, err = d.cfg.Journal.AppendWith(e, marked.put)
	case err == nil:
		_, _, err = d.enqueueIn(dr, false, func(fn func(*store.LocalTx) error) error {
			_, err := d.cfg.Journal.AppendWith(e, func(tx *store.LocalTx) error { return errors.Join(marked.put(tx), fn(tx)) })
			return err
		})
	}
	if err == nil {
		d.given.set(&marked)
	}
	return err
}

// unsigned marks a release that waits to be signed, and gives nil; or gives it
// as it was signed. The lock keeps the outbox from signing it meanwhile.
func (d *Desk) unsigned(x *given, e journal.Entry) (*given, error) {
	d.signing.Lock()
	defer d.signing.Unlock()
	now := d.given.get(x.Commit)
	if now == nil || now.Withdrawn || !now.ID.IsZero() {
		if now != nil && now.Withdrawn {
			now = nil
		}
		return now, nil
	}
	marked := *now
	marked.Withdrawn = true
	if _, err := d.cfg.Journal.AppendWith(e, marked.put); err != nil {
		return nil, err
	}
	d.given.set(&marked)
	return nil, nil
}
