package desk

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

const (
	AnswerStep   = answerStep
	MaxOutbox    = maxOutbox
	BucketOutbox = bucketOutbox
)

// SearchAt searches as if now were another time.
func (d *Desk) SearchAt(p *ct.Person, now time.Time) ([]MatchHit, error) { return d.search(p, now) }

// SetWaiting makes the outbox look longer than it is.
func (d *Desk) SetWaiting(n int64) { d.waiting.Store(n) }

// OutboxKey is the stored key of an outbox item.
func OutboxKey(n uint64) []byte { return numberKey(n) }

// RawDrafts copies the outbox as it is stored.
func RawDrafts(s *store.Store) (map[uint64][]byte, error) {
	out := map[uint64][]byte{}
	err := s.Local().View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketOutbox, nil, func(k, v []byte) error {
			out[uint64(k[7])|uint64(k[6])<<8] = v
			return nil
		})
	})
	return out, err
}

// Budgets for tests of their windows.
type Budgets struct{ b *budgets }

func NewBudgets() Budgets { return Budgets{newBudgets()} }

func (b Budgets) Take(s ct.State, now time.Time, p roster.Policy) (string, bool) {
	return b.b.take(s, ct.MillisOf(now), p, 1)
}

func (b Budgets) Once(s ct.State, nonce [32]byte, now, until time.Time) (fresh, room bool) {
	return b.b.once(s, nonce, ct.MillisOf(now), ct.MillisOf(until))
}

const MaxNonces = maxNonces

// EditDraft gives a draft another expiry, as if time had passed.
func EditDraft(s *store.Store, key uint64, expires ct.Millis) error {
	return s.Local().Update(func(tx *store.LocalTx) error {
		v, err := tx.Get(bucketOutbox, numberKey(key))
		if err != nil {
			return err
		}
		var dr draft
		if err := json.Unmarshal(v, &dr); err != nil {
			return err
		}
		dr.Expires = expires
		if v, err = json.Marshal(dr); err != nil {
			return err
		}
		return tx.Put(bucketOutbox, numberKey(key), v)
	})
}

// View is the desk's roster.
func (d *Desk) View() func() *roster.View { return d.cfg.View }

func (b Budgets) Refill(j *journal.Journal, now time.Time) error {
	return b.b.refill(j, ct.MillisOf(now))
}

// LapseAt lets requests lapse as if now were another time.
func (d *Desk) LapseAt(now time.Time) error { return d.lapse(now) }

// Given is how many releases are remembered.
func (d *Desk) Given() int { return len(d.given.snapshot()) }

// SupersedeAt looks at releases as if now were another time.
func (d *Desk) SupersedeAt(now time.Time) error { return d.supersede("", now) }

// ClerkNow does a round of the clerk.
func (d *Desk) ClerkNow() error {
	now := time.Now()
	return errors.Join(d.lapse(now), d.supersede("", now), d.attend(now, map[ct.ID]bool{}), d.sweepLeads(now, maxLeads))
}

// SpoilReleases puts releases in force whose sources have no name that is one.
func (d *Desk) SpoilReleases(n int) {
	for i := range n {
		d.given.set(&given{Commit: [32]byte{1, byte(i)}, Sources: map[string][]byte{"rec:none": nil}, Expires: math.MaxInt64})
	}
}

// Cooling tells whether a State found fishing between since and until, by the
// clock of that time, has to wait now, and until when.
func Cooling(since, until, now time.Time) (yes bool, end time.Time) {
	x := asker{flag: flag{Since: ct.MillisOf(since), Until: ct.MillisOf(until)}}
	yes = x.cooling(ct.MillisOf(now))
	return yes, x.flag.Until.Time()
}

// SweepLeads drops leads beyond a bound.
func (d *Desk) SweepLeads(most int) error { return d.sweepLeads(time.Now(), most) }

// SweepLeadsAt drops leads as if now were another time.
func (d *Desk) SweepLeadsAt(now time.Time) error { return d.sweepLeads(now, maxLeads) }

// FollowedTo is how far the store was read for releases, by the last one found.
func (d *Desk) FollowedTo() (uint64, error) { return d.readCursor() }

// FillInbox makes the inbox look as full of a State's requests as it may be.
func (d *Desk) FillInbox(s ct.State) { d.inbox.count(s, maxInboxPerState) }

// Publishes any release, whatever was asked.
func (d *Desk) ForgeRelease(ctx context.Context, r *ct.MatchRelease) (Receipt, error) {
	now := time.Now()
	body, err := wire.EncodeMatchRelease(r)
	if err != nil {
		return Receipt{}, err
	}
	dr, err := d.newDraft(draft{
		Kind: ct.KindMatchRelease, Topic: ct.TopicReceipt, Priority: ct.PriorityRoutine, TLP: ct.TLPAmber, Audience: ct.AudienceAll,
		Expires: ct.MillisOf(now.Add(time.Hour)), Body: body,
	}, now)
	if err != nil {
		return Receipt{}, err
	}
	return d.sign(ctx, dr)
}

// BoundKeys sets how many idempotency keys are kept, for one test.
func BoundKeys(n uint64) (restore func()) {
	old := maxKeys
	maxKeys = n
	return func() { maxKeys = old }
}

// SweepImprintsAt does a round of the sweep as if now were another time.
func (d *Desk) SweepImprintsAt(now time.Time) error { return d.sweepImprints(now) }

// Imprints gives the stored keys of the imprints of content and of idempotency keys.
func Imprints(s *store.Store) (content, keys []string, err error) {
	err = s.Local().View(func(tx *store.LocalTx) error {
		return errors.Join(
			tx.Scan(bucketContent, nil, func(k, _ []byte) error { content = append(content, string(k)); return nil }),
			tx.Scan(bucketKey, nil, func(k, _ []byte) error { keys = append(keys, string(k)); return nil }))
	})
	return content, keys, err
}

// NotedTo tells a desk that does not run what is noted.
func (d *Desk) NotedTo(seq uint64) { d.notedTo(seq) }
