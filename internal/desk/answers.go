package desk

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
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

// The POSSIBLE answers that this node got, in local.db, sealed: hash of the
// request → lead. A release finds its lead by that hash.
const (
	bucketLeads = "desk.leads"
	maxLeads    = 10_000
	// leadAfter is how long a lead stays after its deadline, and after its
	// release has expired.
	leadAfter = 30 * 24 * time.Hour
)

// lead is a POSSIBLE of another node. Whom it is about is in the journal.
type lead struct {
	question
	Hash     ct.ID     `json:"hash"`
	Asked    ct.Millis `json:"asked"`
	Entry    uint64    `json:"entry"` // the journal's, of the query
	Releases []ct.ID   `json:"releases,omitempty"`
	Keep     ct.Millis `json:"keep"` // expiry of the newest release
}

// maxReleases bounds the releases of one lead; the newest stay.
const maxReleases = 4

// early holds releases that came before the answer that they follow was
// written down: the newest few of each State, as only the wire is between.
type early struct {
	mu     sync.Mutex
	states map[ct.State][]arrived // guarded by mu
}

const maxEarly = 64

type arrived struct {
	hashes  []ct.ID
	log     ct.LogID
	id      ct.ID
	expires ct.Millis
}

func (e *early) add(s ct.State, a arrived) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.states == nil {
		e.states = map[ct.State][]arrived{}
	}
	list := append(e.states[s], a)
	if len(list) > maxEarly {
		list = slices.Delete(list, 0, len(list)-maxEarly)
	}
	e.states[s] = list
}

func (e *early) of(s ct.State, log ct.LogID, hash ct.ID) (out []arrived) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.states[s] {
		if a.log == log && slices.Contains(a.hashes, hash) {
			out = append(out, a)
		}
	}
	return out
}

func (l *lead) add(a arrived) {
	if slices.Contains(l.Releases, a.id) {
		return
	}
	l.Releases = append(l.Releases, a.id)
	if n := len(l.Releases); n > maxReleases {
		l.Releases = slices.Delete(l.Releases, 0, n-maxReleases)
	}
	l.Keep = a.expires
}

func (l *lead) put(tx *store.LocalTx) error {
	val, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return tx.Put(bucketLeads, l.Hash[:], val)
}

func readLead(val []byte) (*lead, error) {
	var l lead
	if err := json.Unmarshal(val, &l); err != nil {
		return nil, errors.New("an answer of the inbox has another form")
	}
	return &l, nil
}

// told journals an answer before it is shown; with a POSSIBLE of another node
// it keeps the lead that a release will find.
func (d *Desk) told(req *wire.MatchRequest, asked uint64, t target, a *MatchAnswer, hash ct.ID) error {
	e := journal.Entry{
		Act: journal.ActMatchTold, Actor: req.Operator, Peer: t.state, Of: asked, Outcome: a.Answer + " node=" + t.node.Short(),
	}
	if a.Reason != "" {
		e.Outcome += " reason=" + a.Reason
	}
	var put func(*store.LocalTx) error
	switch {
	case a.Own:
		e.Outcome += refsOf(a.Hits)
		e.Subject = listRefs(a.Hits)
	default:
		e.Outcome += outcomeRequest + requestName(hash)
	}
	if a.Answer == AnswerPossible && a.Reason == "" && t.state != d.cfg.State && req.ReleaseUntil > 0 {
		l := &lead{question: questionOf(t.state, t.node, req), Hash: hash, Asked: req.Issued, Entry: asked}
		put = func(tx *store.LocalTx) error { return l.put(tx) }
		a.Inbox = hash
	}
	if _, err := d.cfg.Journal.AppendWith(e, put); err != nil {
		return err
	}
	for _, x := range d.early.of(t.state, t.node, hash) {
		if _, err := d.tie(x); err != nil {
			return err
		}
	}
	return nil
}

// tie joins a release to the leads whose requests it names, when it is of the
// very node that was asked, and tells whether there are any.
func (d *Desk) tie(a arrived) (tied bool, err error) {
	asked := false
	err = d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		for _, hash := range a.hashes {
			_, err := tx.Get(bucketLeads, hash[:])
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			asked = asked || err == nil
		}
		return nil
	})
	if err != nil || !asked { // what nobody asked for costs no write
		return false, err
	}
	err = d.cfg.Store.Local().Update(func(tx *store.LocalTx) error {
		for _, hash := range a.hashes {
			val, err := tx.Get(bucketLeads, hash[:])
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			l, err := readLead(val)
			if err != nil {
				return err
			}
			if l.Node != a.log {
				continue
			}
			tied = true
			l.add(a)
			if err := l.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
	return tied, err
}

// arrive looks at a release that has come: one for this State is tied to its
// lead now, or when its lead is written.
func (d *Desk) arrive(r *store.Row) error {
	if r.State == d.cfg.State || r.Inadmissible != "" {
		return nil
	}
	row, err := d.cfg.Store.Get(r.Header.Log, r.Header.Seq)
	if err != nil || row.ID != r.ID || row.BodyState != store.BodyHeld {
		return nil // it comes again when its body does
	}
	m, err := wire.DecodeMatchRelease(row.Body)
	if err != nil || m.To != d.cfg.State {
		return nil
	}
	a := arrived{m.Requests, row.Header.Log, row.ID, row.Header.Expires}
	d.early.add(r.State, a)
	tied, err := d.tie(a)
	if tied { // else a member could fill the log with what nobody asked for
		d.log.Info("a release has come", "state", r.State, "record", r.ID.Short())
	}
	return err
}

// releaseCursor is how far the store was read for releases, retractions and own records.
var releaseCursor = []byte("follow-cursor")

const (
	cursorPeriod = 30 * time.Second
	releaseChunk = 1_000
)

// followReleases reads what arrives: releases for this State, retractions and
// closings of what this node has released, and records of the own log that come
// back. What it has read is noted now
// and then; reading again changes nothing.
func (d *Desk) followReleases(ctx context.Context) error {
	cursor, err := d.readCursor()
	if err != nil {
		return err
	}
	noted, at := cursor, time.Now()
	for {
		own, _ := d.cfg.Store.Head(d.cfg.Signer.Public())
		if cursor >= d.cfg.Store.Last() {
			d.notedTo(own.Size)
		}
		if err := d.cfg.Store.Wait(ctx, cursor); err != nil {
			return nil
		}
		last := d.cfg.Store.Last()
		rows, err := d.cfg.Store.Read(cursor, releaseChunk, false)
		if err != nil {
			return err
		}
		changed, relevant, err := d.sift(rows)
		if err != nil { // as when the disk is full: the same rows again, later
			d.log.Warn("a release that has come is not noted yet", "error", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(cursorPeriod):
			}
			continue
		}
		if n := len(rows); n > 0 {
			cursor = rows[n-1].Cursor
		}
		if len(rows) < releaseChunk { // all that there was up to last, which may be a place that holds nothing
			cursor = max(cursor, last)
		}
		if changed {
			if err := d.supersede(index.RefRecord, time.Now()); err != nil {
				d.log.Error("a release could not be withdrawn", "error", err) // the clerk tries again
			}
		}
		if relevant || cursor-noted >= 10_000 || time.Since(at) >= cursorPeriod {
			if err := d.noteCursor(cursor); err != nil {
				d.log.Warn("place of releases not noted", "error", err)
			}
			noted, at = cursor, time.Now()
		}
	}
}

// sift notes the releases among rows, and tells whether there are some, and
// whether something may have changed what this node has released.
func (d *Desk) sift(rows []store.Row) (changed, relevant bool, err error) {
	if err := d.noteOwn(rows); err != nil {
		return false, false, err
	}
	for i := range rows {
		switch ct.Kind(rows[i].Header.Kind) {
		case ct.KindMatchRelease:
			relevant = true
			if err := d.arrive(&rows[i]); err != nil {
				return changed, relevant, err
			}
		case ct.KindRetract, ct.KindClosing:
			changed = true
		}
	}
	return changed, relevant, nil
}

func (d *Desk) readCursor() (cursor uint64, err error) {
	err = d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		v, err := tx.Get(bucketMeta, releaseCursor)
		if err == nil && len(v) == 8 {
			cursor = binary.BigEndian.Uint64(v)
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if cursor > d.cfg.Store.Last() { // another store's
		cursor = 0
	}
	return cursor, err
}

func (d *Desk) noteCursor(cursor uint64) error {
	return d.cfg.Store.Local().Update(func(tx *store.LocalTx) error { return tx.Put(bucketMeta, releaseCursor, numberKey(cursor)) })
}

func (d *Desk) leads() ([]*lead, error) {
	var out []*lead
	err := d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketLeads, nil, func(_, v []byte) error {
			l, err := readLead(v)
			if err == nil {
				out = append(out, l)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	slices.SortFunc(out, func(a, b *lead) int { return cmp.Or(cmp.Compare(b.Asked, a.Asked), cmp.Compare(a.State, b.State)) })
	return out, nil
}

// sweepLeads drops the leads that nobody needs any more: those long past, and
// when there are more than most, first the oldest of those that nothing can
// come of, then the oldest.
func (d *Desk) sweepLeads(now time.Time, most int) error {
	if doubt, _ := d.cfg.Clock(); doubt != "" {
		return nil
	}
	all, err := d.leads()
	if err != nil {
		return err
	}
	over := func(l *lead) bool { return max(l.Until, l.Keep) <= ct.MillisOf(now) }
	slices.SortStableFunc(all, func(a, b *lead) int { // the newest come first already
		switch {
		case over(a) == over(b):
			return 0
		case over(b):
			return -1
		}
		return 1
	})
	var drop []*lead
	for i, l := range all {
		if i >= most || max(l.Until, l.Keep).Time().Add(leadAfter).Before(now) {
			drop = append(drop, l)
		}
	}
	if len(drop) == 0 {
		return nil
	}
	return d.cfg.Store.Local().Update(func(tx *store.LocalTx) error {
		for _, l := range drop {
			if err := tx.Delete(bucketLeads, l.Hash[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// answers lists the leads with what became of them.
func (d *Desk) answers() ([]InboxItem, error) {
	all, err := d.leads()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out := make([]InboxItem, 0, len(all))
	for _, l := range all {
		it, _, err := d.answer(l, now)
		if err != nil {
			return nil, err
		}
		out = append(out, it)
	}
	return out, nil
}

// answer is a lead as it stands; with a release in force, its content. Of
// several releases the newest that is in force counts, else the newest.
func (d *Desk) answer(l *lead, now time.Time) (InboxItem, *ct.MatchRelease, error) {
	it := l.item()
	it.Answer, it.ID, it.Received = true, l.Hash, l.Asked.Time()
	if l.Until <= ct.MillisOf(now) {
		it.Status = StatusUnanswered
	}
	for i, id := range slices.Backward(l.Releases) {
		status, reason, content, err := d.releaseNow(id, now)
		if err != nil {
			return it, nil, err
		}
		if i == len(l.Releases)-1 || content != nil {
			it.Status, it.Reason, it.Release = status, reason, id
		}
		if content != nil {
			return it, content, nil
		}
	}
	return it, nil, nil
}

// releaseNow is what a release that came is at this moment.
func (d *Desk) releaseNow(id ct.ID, now time.Time) (status, reason string, content *ct.MatchRelease, err error) {
	if by, hidden := d.cfg.Store.Hidden(id); hidden {
		return StatusWithdrawn, d.reasonOf(by), nil, nil
	}
	row, err := d.cfg.Lookup(id)
	if errors.Is(err, store.ErrNotFound) {
		return StatusWithdrawn, reasonSuperseded, nil, nil // disowned by its State
	}
	if err != nil {
		return "", "", nil, err
	}
	switch {
	case row.Header.Expires <= ct.MillisOf(now) || row.BodyState == store.BodyExpired:
		return StatusExpired, "", nil, nil
	case row.BodyState == store.BodyDisowned || row.BodyState == store.BodyRetracted:
		return StatusWithdrawn, reasonSuperseded, nil, nil
	}
	if row, err = d.cfg.Store.Get(row.Header.Log, row.Header.Seq); err != nil {
		return "", "", nil, err
	}
	if row.BodyState != store.BodyHeld {
		return StatusReleased, "", nil, nil
	}
	content, err = wire.DecodeMatchRelease(row.Body)
	return StatusReleased, "", content, err
}

// showAnswer gives an answer whole, after the journal holds who looked.
func (d *Desk) showAnswer(prefix, operator string) (InboxShown, error) {
	all, err := d.leads()
	if err != nil {
		return InboxShown{}, fmt.Errorf("show: %w", err)
	}
	all = slices.DeleteFunc(all, func(l *lead) bool { return !strings.HasPrefix(l.Hash.String(), prefix) })
	switch {
	case len(all) == 0:
		return InboxShown{}, fmt.Errorf("show: %w: nothing in the inbox begins with %s", ErrNotFound, prefix)
	case len(all) > 1:
		return InboxShown{}, fmt.Errorf("show: %w: more than one item has this prefix", ErrConflict)
	}
	l := all[0]
	if d.unsettled() {
		return InboxShown{}, fmt.Errorf("show: %w: %s", ErrConflict, silentUnsettled)
	}
	it, content, err := d.answer(l, time.Now())
	if err != nil {
		return InboxShown{}, fmt.Errorf("show: %w", err)
	}
	e := l.entry(journal.ActReleaseShow, operator)
	e.Of, e.Outcome = l.Entry, it.Status+outcomeRequest+requestName(l.Hash)
	if !it.Release.IsZero() {
		e.Outcome += " record=" + it.Release.String()
	}
	if _, err := d.cfg.Journal.Append(e); err != nil {
		return InboxShown{}, fmt.Errorf("show: %w", err)
	}
	return InboxShown{Item: it, Release: content}, nil
}
