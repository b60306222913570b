// Package feed is the one way by which content leaves the store for a reader:
// list, get, tail and every outlet read here, in arrival order, by cursor,
// and are shown only what they may see. It decides nothing about matching and
// keeps no state of its own: a slow reader lags and loses nothing.
package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/handling"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Errors a caller may tell apart.
var (
	ErrNotFound  = store.ErrNotFound
	ErrAmbiguous = errors.New("more than one record has this prefix")
	ErrPrefix    = errors.New("not a prefix of a record id: want 4 to 64 hex digits")
)

// clockTolerance is how far ahead of this node's clock a record's time may
// lie before its content waits to be shown.
const clockTolerance = 10 * time.Minute

// Config joins a feed to what it reads.
type Config struct {
	Store *store.Store
	Index *index.Index
	View  func() *roster.View
	// Unsettled tells that the store came back from a backup and does not know
	// yet what was retracted since: no content is shown. Nil: never.
	Unsettled func() bool
	// Retracting tells that a retraction of a record waits to be signed here: it
	// hides at once. Nil: never.
	Retracting func(ct.ID) bool
	// State is whose node this is; empty: content is shown whoever it is for.
	State ct.State
}

// Feed reads entries. It is safe for concurrent use.
type Feed struct {
	cfg    Config
	opened opened
	newest newest
}

// New makes a feed.
func New(cfg Config) *Feed { return &Feed{cfg: cfg} }

// Filter picks entries; the zero value picks every record but the control
// records that keep the network itself going.
type Filter struct {
	Topics []ct.Topic // any of them; none: any but control
	States []ct.State // any of them; none: any
	Kinds  []ct.Kind  // any of them; none: any
	All    bool       // control records too
	Since  ct.Millis  // issued then or later
}

func (f Filter) match(r *store.Row) bool {
	topic := ct.Topic(r.Header.Topic)
	switch {
	case len(f.Topics) > 0 && !slices.Contains(f.Topics, topic),
		len(f.Topics) == 0 && !f.All && topic == ct.TopicControl,
		len(f.States) > 0 && !slices.Contains(f.States, r.State),
		len(f.Kinds) > 0 && !slices.Contains(f.Kinds, ct.Kind(r.Header.Kind)):
		return false
	}
	return r.Header.Issued >= f.Since
}

// readChunk bounds the rows that one look at the store copies out.
const readChunk = 500

// List gives up to max entries that arrived after a cursor, and the cursor to
// go on from; it equals the newest one when nothing is left.
func (f *Feed) List(filter Filter, after uint64, max int) ([]ct.Entry, uint64, error) {
	var out []ct.Entry
	for len(out) < max {
		entries, next, err := f.page(filter, after, max-len(out))
		if err != nil {
			return nil, after, err
		}
		if next == after {
			break
		}
		out, after = append(out, entries...), next
	}
	return out, after, nil
}

// page is one look at the store: the entries among its rows, at most max, and
// the cursor behind the last row looked at. The filter is asked before a body is
// opened.
func (f *Feed) page(filter Filter, after uint64, max int) ([]ct.Entry, uint64, error) {
	from := after
	rows, err := f.read(after)
	if err != nil {
		return nil, after, err
	}
	var kept []store.Row
	for i := range rows {
		after = rows[i].Cursor
		if !filter.match(&rows[i]) {
			continue
		}
		if kept = append(kept, rows[i]); len(kept) == max {
			break
		}
	}
	contents, err := f.openRows(kept)
	if err != nil {
		return nil, from, err
	}
	var out []ct.Entry
	now := time.Now()
	for i := range kept {
		out = append(out, f.entryOf(&kept[i], contents[i], handling.Bulk, now))
	}
	return out, after, nil
}

// Tail calls fn for every entry after a cursor, for ever, until ctx ends or fn
// fails. It reads at the reader's pace. Of a store that is unsettled it gives
// nothing yet: an entry is given once, and its content would be missed.
func (f *Feed) Tail(ctx context.Context, filter Filter, after uint64, fn func(ct.Entry) error) error {
	f.opened.tail(1)
	defer f.opened.tail(-1)
	for {
		// Wait asks for the context only when there is nothing newer.
		if err := cmp.Or(ctx.Err(), f.settled(ctx)); err != nil {
			return err
		}
		entries, next, err := f.page(filter, after, readChunk)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := fn(e); err != nil {
				return err
			}
		}
		after = next
		if err := f.cfg.Store.Wait(ctx, after); err != nil {
			return err
		}
	}
}

// Get finds one record by a unique prefix of its id and gives it with its
// history: what refers to it, in arrival order.
func (f *Feed) Get(prefix string) (ct.Entry, []ct.Entry, error) {
	row, err := f.find(prefix)
	if err != nil {
		return ct.Entry{}, nil, err
	}
	now := time.Now()
	e := f.entry(&row, handling.Get, now)
	tail := f.cfg.Index.Cursors().Store // before the index is asked: nothing falls between
	cursors, err := f.cfg.Index.Referrers(row.ID)
	if err != nil {
		return ct.Entry{}, nil, err
	}
	err = f.eachAfter(tail, func(r *store.Row) {
		if slices.ContainsFunc(r.Header.Refs, func(ref ct.Ref) bool { return ref.ID == row.ID }) && !slices.Contains(cursors, r.Cursor) {
			cursors = append(cursors, r.Cursor)
		}
	})
	if err != nil {
		return ct.Entry{}, nil, err
	}
	var history []ct.Entry
	for _, c := range cursors {
		r, err := f.cfg.Store.At(c)
		if errors.Is(err, ErrNotFound) {
			continue // disowned, and found at a newer cursor
		} else if err != nil {
			return ct.Entry{}, nil, err
		}
		// A reference counts only from a log of the same State. A record whose
		// body came late has two cursors and is named once, at the newer. The old
		// cursor of a disowned record may lead to the one in its place.
		refers := slices.ContainsFunc(r.Header.Refs, func(ref ct.Ref) bool { return ref.ID == row.ID })
		if refers && r.State == row.State && !slices.ContainsFunc(history, func(e ct.Entry) bool { return e.ID == r.ID }) {
			history = append(history, f.entry(&r, handling.Get, now))
		}
	}
	slices.SortFunc(history, func(a, b ct.Entry) int { return cmp.Compare(a.Cursor, b.Cursor) })
	return e, history, nil
}

// Lookup finds the stored form of one record by its id; the error wraps
// store.ErrNotFound.
func (f *Feed) Lookup(id ct.ID) (store.Row, error) { return f.find(id.String()) }

func (f *Feed) find(prefix string) (store.Row, error) {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	if len(prefix) < 4 || len(prefix) > 64 {
		return store.Row{}, ErrPrefix
	}
	if strings.Trim(prefix, "0123456789abcdef") != "" {
		return store.Row{}, ErrPrefix
	}
	tail := f.cfg.Index.Cursors().Store
	cursors, err := f.cfg.Index.ByID(prefix, 2)
	if err != nil {
		return store.Row{}, err
	}
	err = f.eachAfter(tail, func(r *store.Row) {
		if strings.HasPrefix(r.ID.String(), prefix) {
			cursors = append(cursors, r.Cursor)
		}
	})
	if err != nil {
		return store.Row{}, err
	}
	var found store.Row
	for _, c := range cursors {
		r, err := f.cfg.Store.At(c)
		if errors.Is(err, store.ErrNotFound) {
			continue // the record has moved on to a newer cursor
		} else if err != nil {
			return store.Row{}, err
		}
		if !strings.HasPrefix(r.ID.String(), prefix) {
			continue
		}
		if !found.ID.IsZero() && found.ID != r.ID {
			return store.Row{}, fmt.Errorf("record %s: %w", prefix, ErrAmbiguous)
		}
		found = r
	}
	if found.ID.IsZero() {
		return store.Row{}, fmt.Errorf("record %s: %w", prefix, ErrNotFound)
	}
	return found, nil
}

// eachAfter looks through what has arrived after a cursor: the tail that the
// index has not followed yet.
func (f *Feed) eachAfter(cursor uint64, fn func(*store.Row)) error {
	for {
		rows, err := f.cfg.Store.Read(cursor, readChunk, false)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			cursor = rows[i].Cursor
			fn(&rows[i])
		}
	}
}

// Export gives the stored form of one record, found by a unique prefix of its
// id, and why its body may not be copied out: by the rules of everything else
// that shows content, and by its handling. Empty: it may be.
func (f *Feed) Export(prefix string) (row store.Row, unreadable string, err error) {
	if row, err = f.find(prefix); err != nil {
		return row, "", err
	}
	e := f.entry(&row, handling.Export, time.Now())
	return row, e.Unreadable, nil
}

// entry opens a row for a reader at an outlet. What may not be shown is left
// out and the reason said.
func (f *Feed) entry(r *store.Row, o handling.Outlet, now time.Time) ct.Entry {
	return f.entryOf(r, nil, o, now)
}

// entryOf is entry for a row of which the content is known already, if it is.
func (f *Feed) entryOf(r *store.Row, c *content, o handling.Outlet, now time.Time) ct.Entry {
	e := ct.Entry{
		Cursor: r.Cursor, ID: r.ID, Log: r.Header.Log, Seq: r.Header.Seq, State: r.State,
		Kind: ct.Kind(r.Header.Kind), Topic: ct.Topic(r.Header.Topic),
		Issued: r.Header.Issued, Expires: r.Header.Expires,
		Priority: ct.Priority(r.Header.Priority), TLP: ct.TLP(r.Header.TLP), Audience: ct.Audience(r.Header.Audience),
		Refs: r.Header.Refs, BodySize: r.Header.BodySize, Exercise: f.cfg.View().Exercise(),
		Hidden: !r.HiddenBy.IsZero() || r.BodyState == store.BodyDisowned, Contested: r.Contested,
	}
	e.Unreadable = unreadable(r, now)
	if e.Unreadable == "" && ct.Topic(r.Header.Topic) != ct.TopicControl && f.unsettled() {
		e.Unreadable = ct.UnreadableUnsettled
	}
	if e.Unreadable == "" && f.cfg.Retracting != nil && f.cfg.Retracting(r.ID) {
		e.Unreadable, e.Hidden = ct.UnreadableRetracted, true
	}
	switch {
	case e.Unreadable != "":
	case c != nil:
		e.Unreadable = c.fill(&e)
	default:
		e.Unreadable = open(r, &e)
	}
	if e.Unreadable == "" {
		if e.Unreadable = f.withheld(&e, o); e.Unreadable != "" {
			e.Notification, e.Release = nil, nil
		}
	}
	e.Readable = e.Unreadable == ""
	return e
}

func (f *Feed) unsettled() bool { return f.cfg.Unsettled != nil && f.cfg.Unsettled() }

// settled waits until content may be shown.
func (f *Feed) settled(ctx context.Context) error {
	for f.unsettled() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return nil
}

// unreadable says why a row's content is not shown; "" when it may be.
func unreadable(r *store.Row, now time.Time) string {
	switch {
	case r.BodyState == store.BodyDisowned:
		return ct.UnreadableDisowned
	case r.Inadmissible != "" && !r.Inadmissible.NotYet():
		return ct.Inadmissible(string(r.Inadmissible))
	case !r.HiddenBy.IsZero(), r.BodyState == store.BodyRetracted:
		return ct.UnreadableRetracted
	case r.BodyState == store.BodyExpired, r.Header.Expires.Time().Before(now):
		return ct.UnreadableExpired
	case r.Inadmissible != "":
		return ct.NotYet(string(r.Inadmissible))
	case r.BodyState == store.BodyMissing:
		return ct.UnreadableMissing
	case r.BodyState == store.BodyElsewhere:
		return ct.UnreadableElsewhere
	case r.BodyState != store.BodyHeld:
		return ct.UnreadableErased
	case r.Header.Issued.Time().After(now.Add(clockTolerance)):
		return ct.UnreadableFuture
	}
	return ""
}

// withheld says why the handling of a record keeps its content from an outlet.
// A release is for the State that gave it and the one that asked, also where
// nothing is sealed.
func (f *Feed) withheld(e *ct.Entry, o handling.Outlet) string {
	m, to := handling.Marking{TLP: e.TLP}, ct.State("")
	switch {
	case f.cfg.State == "":
		return ""
	case e.Notification != nil:
		m.Handling = e.Notification.Handling
	case e.Release != nil:
		to = e.Release.To
	default:
		return ""
	}
	d := handling.Decide(o, handling.Reading(f.cfg.State, e.State, to), &m)
	switch {
	case d.Allow:
		return ""
	case d.Reason == handling.ReasonForeign:
		return ct.UnreadableSealed
	}
	return ct.Unhandled(d.Reason)
}

// open reads the content.
func open(r *store.Row, e *ct.Entry) string {
	var err error
	switch e.Kind {
	case ct.KindNotification:
		e.Notification, err = wire.DecodeNotification(wire.BodyHeader{
			Topic: e.Topic, Priority: e.Priority, TLP: e.TLP, Audience: e.Audience, Expires: e.Expires,
		}, r.Body)
	case ct.KindRetract:
		e.Retraction, err = wire.DecodeRetraction(r.Body)
	case ct.KindMatchRelease:
		e.Release, err = wire.DecodeMatchRelease(r.Body)
	case ct.KindAddress:
		e.Addresses, err = wire.DecodeAddresses(r.Body)
	case ct.KindDelegation:
		e.Delegation, err = wire.DecodeDelegation(r.Body)
	case ct.KindRenewal:
		e.Renewal, err = wire.DecodeRenewal(r.Body)
	case ct.KindClosing:
		e.Closing, err = wire.DecodeClosing(r.Body)
	default:
		return ct.NotYet(string(verify.UnsupportedKind))
	}
	if err != nil {
		return ct.NotYet(string(verify.BodyNotDecodable))
	}
	return ""
}
