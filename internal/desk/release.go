package desk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// ErrUnsealedRelease is every release in a network that is no exercise.
var ErrUnsealedRelease = fmt.Errorf("%w: a release is sealed to the State that asked, and sealing is not supported yet: only in an exercise network", ErrNotAllowed)

// DefaultReleaseFor is how long a release is good when the configuration says
// nothing else.
const DefaultReleaseFor = 30 * 24 * time.Hour

// ReleasePolicy is what a node's configuration says about releases.
type ReleasePolicy struct {
	Rules   []ct.ReleaseRule
	For     time.Duration // how long a release is good; 0: DefaultReleaseFor
	Contact string        // the desk that answers for it; empty: "the desk of STATE"
}

// ReleaseOptions is how a request is released.
type ReleaseOptions struct {
	Operator string
	Withhold []string // beside what the handling keeps back; ct.CheckWithheld
}

// Release answers a waiting request with what may go out: a MATCH_RELEASE
// record, durable when this returns. It waits in the outbox as Publish does.
func (d *Desk) Release(ctx context.Context, id string, o ReleaseOptions) (Receipt, *ct.MatchRelease, error) {
	fail := func(err error) (Receipt, *ct.MatchRelease, error) {
		return Receipt{}, nil, fmt.Errorf("release: %w", err)
	}
	prefix, err := checkPrefix(id)
	if err == nil {
		err = checkOperator(o.Operator)
	}
	if err == nil {
		err = ct.CheckWithheld("withhold", o.Withhold).Err()
	}
	if err != nil {
		return fail(err)
	}
	w, err := d.findWaiting(prefix)
	if err != nil {
		return fail(err)
	}
	key, done, content, err := d.release(w.id(), ct.ReleasedByHuman, o, true)
	if err != nil {
		return fail(err)
	}
	r, err := d.await(ctx, key, done)
	if err != nil {
		return r, content, fmt.Errorf("release: %w", err)
	}
	return r, content, nil
}

// release journals a decision, takes the request out of the inbox, remembers
// what is told to whom and puts the record in the outbox, all in one
// transaction.
func (d *Desk) release(id ct.ID, by string, o ReleaseOptions, wait bool) (uint64, <-chan settled, *ct.MatchRelease, error) {
	d.deciding.Lock()
	defer d.deciding.Unlock()
	w, err := d.stillWaits(id)
	if err != nil {
		return 0, nil, nil, err
	}
	v, now := d.cfg.View(), time.Now()
	if err := d.mayRelease(w, now); err != nil {
		return 0, nil, nil, err
	}
	if d.cfg.Room != nil {
		if err := d.cfg.Room(); err != nil {
			return 0, nil, nil, err
		}
	}
	content, about, err := d.content(w, by, o.Withhold, now)
	if err != nil {
		return 0, nil, nil, err
	}
	about.Expires = min(about.Expires, ct.MillisOf(now.Add(v.Policy().MaxRetention)))
	body, err := encodeRelease(content)
	if err != nil {
		return 0, nil, nil, err
	}
	if faults := content.Validate(now); len(faults) > 0 {
		return 0, nil, nil, faults
	}
	dr, err := d.newDraft(draft{
		Kind: ct.KindMatchRelease, Topic: ct.TopicReceipt, Priority: w.Priority, TLP: about.tlp, Audience: ct.AudienceAll,
		Expires: about.Expires, Body: body,
	}, now)
	if err != nil {
		return 0, nil, nil, err
	}
	about.Commit = dr.commit()
	e := w.entry(journal.ActRelease, o.Operator)
	if by == ct.ReleasedByPolicy {
		e.Actor = ct.ReleasedByPolicy
	}
	e.Outcome += fmt.Sprintf(" commit %x by=%s", about.Commit, by)
	for i, h := range content.Hits {
		e.Outcome += fmt.Sprintf(" withheld[%d]=%s", i, strings.Join(h.Withheld, ","))
	}
	d.given.set(about) // before the outbox can sign it
	key, done, err := d.enqueueIn(dr, wait, func(fn func(*store.LocalTx) error) error {
		_, err := d.cfg.Journal.AppendWith(e, func(tx *store.LocalTx) error {
			return errors.Join(dropWaiting(tx, w), about.put(tx), fn(tx))
		})
		return err
	})
	if err != nil {
		d.given.drop(about.Commit)
		return 0, nil, nil, err
	}
	d.inbox.count(w.State, -1)
	// What was retracted since content was read found nothing to withdraw.
	return key, done, content, d.check(about, "", time.Now())
}

// mayRelease tells why a request cannot be released now, whatever was found.
// The node that asked must still speak for its State: a key that was closed may
// have been a thief's when it asked, and nobody else can tie the release to a
// request.
func (d *Desk) mayRelease(w *waitingRequest, now time.Time) error {
	v := d.cfg.View()
	asker, ok := v.Node(w.Node)
	switch {
	case !v.Exercise():
		return ErrUnsealedRelease
	case !ok || asker.State != w.State || !v.Live(w.Node, now):
		return fmt.Errorf("%w: the node of %s that asked does not speak for it any more", ErrNotAllowed, w.State)
	case d.cfg.Muted(w.State):
		return fmt.Errorf("%w: %s is muted at this node", ErrNotAllowed, w.State)
	case d.unsettled():
		return fmt.Errorf("%w: waiting for sync after restore: what was retracted since is not known", ErrConflict)
	case d.given.full():
		return fmt.Errorf("%w: %d releases are in force", ErrBusy, maxGiven)
	}
	return d.keepsTopic(ct.TopicReceipt)
}

// content is what a release would carry now, and what to remember of it. What
// was found and is no more falls away; when nothing is left it is ErrConflict.
func (d *Desk) content(w *waitingRequest, by string, withhold []string, now time.Time) (*ct.MatchRelease, *given, error) {
	contact := d.cfg.Release.Contact
	if contact == "" {
		contact = "the desk of " + string(d.cfg.State)
	}
	r := &ct.MatchRelease{Requests: w.Requests, To: w.State, By: by, Contact: ct.Contact{Desk: contact}}
	good := d.cfg.Release.For
	if good == 0 {
		good = DefaultReleaseFor
	}
	about := &given{Requests: w.Requests, To: w.State, Expires: ct.MillisOf(now.Add(good)), Sources: map[string][]byte{}}
	asker := match.Asker{State: w.State, Purpose: w.Purpose}
	for _, h := range w.Hits {
		s, err := d.source(h.Ref, now)
		if err != nil {
			return nil, nil, err
		}
		if s == nil {
			continue
		}
		hit := ct.ReleasedHit{Ref: h.Ref, Score: wireHit(h).Score, Tier: h.Tier, Why: h.Why}
		hit, told := match.Disclose(hit, &s.Source, d.cfg.State, asker, withhold)
		if !told {
			continue
		}
		r.Hits = append(r.Hits, hit)
		about.Sources[h.Ref] = s.digest
		about.Expires = min(about.Expires, s.expires)
		about.tlp = max(about.tlp, hit.TLP)
	}
	if len(r.Hits) == 0 {
		return nil, nil, fmt.Errorf("%w: what was found has been retracted, has expired, is off its list or may not go to this State", ErrConflict)
	}
	return r, about, nil
}

// encodeRelease leaves persons out, from the last hit on, when all together
// are too large for one record.
func encodeRelease(r *ct.MatchRelease) ([]byte, error) {
	for i := len(r.Hits) - 1; ; i-- {
		body, err := wire.EncodeMatchRelease(r)
		if !errors.Is(err, wire.ErrBodyLarge) || i < 0 {
			return body, err
		}
		if h := &r.Hits[i]; h.Person != nil {
			h.Person = nil
			h.Withheld = append([]string{ct.WithheldPerson}, h.Withheld...)
		}
	}
}

// source is what a hit is about, as it is held at this moment.
type source struct {
	match.Source
	expires ct.Millis
	digest  []byte // of its content: another one means that it was corrected
}

// source finds what a ref names; nil when it may not be shown any more.
func (d *Desk) source(ref string, now time.Time) (*source, error) {
	if rest, ok := strings.CutPrefix(ref, index.RefList); ok {
		list, id, _ := strings.Cut(rest, "/")
		p, err := d.listPerson(list, id)
		if err != nil || p == nil {
			return nil, err
		}
		digest, err := digestOf(p)
		s := match.NewSource(nil, p, d.cfg.State, now)
		s.TLP = d.lists.tlp(list)
		return &source{*s, math.MaxInt64, digest}, err
	}
	row, err := d.liveRow(ref, now)
	if err != nil || row == nil {
		return nil, err
	}
	held, err := d.cfg.Store.Get(row.Header.Log, row.Header.Seq)
	if errors.Is(err, store.ErrNotFound) || err == nil && (held.ID != row.ID || held.BodyState != store.BodyHeld) {
		return nil, nil // disowned or erased at this moment
	}
	if err != nil {
		return nil, err
	}
	n, err := wire.DecodeNotification(held.Header.BodyHeader(), held.Body)
	if err != nil {
		return nil, err
	}
	return &source{*match.NewSource(n, nil, row.State, now), held.Header.Expires, held.ID[:]}, nil
}

// attend releases what a standing policy covers. tried holds the requests that
// were looked at in this run; what is not covered waits for a person.
func (d *Desk) attend(now time.Time, tried map[ct.ID]bool) error {
	if len(d.cfg.Release.Rules) == 0 || !d.cfg.View().Exercise() || d.unsettled() {
		return nil
	}
	var fresh []*waitingRequest
	here := map[ct.ID]bool{}
	err := d.eachWaiting(func(w *waitingRequest) error {
		here[w.id()] = true
		if !tried[w.id()] && w.Until > ct.MillisOf(now) {
			fresh = append(fresh, w)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id := range tried {
		if !here[id] {
			delete(tried, id)
		}
	}
	for _, w := range fresh {
		decided, rerr := d.attendOne(w, now)
		if decided {
			tried[w.id()] = true
		}
		err = errors.Join(err, rerr) // one that fails holds up no other
	}
	return err
}

// attendOne releases a request when a rule covers it. One that is not decided,
// as the disk was full, is looked at again.
func (d *Desk) attendOne(w *waitingRequest, now time.Time) (decided bool, err error) {
	for _, rule := range d.cfg.Release.Rules {
		if !rule.Covers(w.State, w.Purpose) {
			continue
		}
		ok, err := d.covered(w, &rule, now)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		_, _, _, err = d.release(w.id(), ct.ReleasedByPolicy, ReleaseOptions{}, false)
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotAllowed) { // for a person to see
			err = nil
		}
		return err == nil, err
	}
	return true, nil
}

// covered tells whether a rule lets everything that was found go unattended.
func (d *Desk) covered(w *waitingRequest, rule *ct.ReleaseRule, now time.Time) (bool, error) {
	for _, h := range w.Hits {
		s, err := d.source(h.Ref, now)
		if err != nil {
			return false, err
		}
		if s != nil && !match.Unattended(rule, &s.Source, d.cfg.State, h.Tier) {
			return false, nil
		}
	}
	return true, nil
}
