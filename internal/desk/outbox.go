package desk

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Buckets of local.db. The outbox is keyed by a number of 8 bytes, big-endian,
// that is never given twice.
const (
	bucketOutbox = "desk.outbox"
	bucketMeta   = "desk.meta"
)

var outboxNext = []byte("outbox-next")

// maxOutbox bounds the drafts that wait.
const maxOutbox = 1_000

// settled is the end of a draft that somebody waits for.
type settled struct {
	receipt Receipt
	err     error
}

// enqueue keeps a draft, sealed, across restarts. With wait, the channel tells
// its end.
func (d *Desk) enqueue(dr *draft, wait bool) (uint64, <-chan settled, error) {
	return d.enqueueIn(dr, wait, d.cfg.Store.Local().Update)
}

// enqueueIn keeps a draft in a transaction that in begins and that may hold
// more than it.
func (d *Desk) enqueueIn(dr *draft, wait bool, in func(func(*store.LocalTx) error) error) (uint64, <-chan settled, error) {
	val, err := json.Marshal(dr)
	if err != nil {
		return 0, nil, fmt.Errorf("keep draft: %w", err)
	}
	// signing is held so that the pump cannot settle the draft before its
	// waiter is there.
	d.signing.Lock()
	defer d.signing.Unlock()
	if d.waiting.Load() >= maxOutbox {
		return 0, nil, fmt.Errorf("%w: %d drafts wait in the outbox", ErrBusy, maxOutbox)
	}
	var key uint64
	err = in(func(tx *store.LocalTx) error {
		next, err := tx.Get(bucketMeta, outboxNext)
		switch {
		case errors.Is(err, store.ErrNotFound):
			key = 1
		case err != nil:
			return err
		case len(next) != 8:
			return errors.New("the outbox counter has another form")
		default:
			key = binary.BigEndian.Uint64(next)
		}
		if err := tx.Put(bucketMeta, outboxNext, numberKey(key+1)); err != nil {
			return err
		}
		return tx.Put(bucketOutbox, numberKey(key), val)
	})
	if err != nil {
		return 0, nil, fmt.Errorf("keep draft: %w", err)
	}
	var done chan settled
	if wait {
		done = make(chan settled, 1)
		d.mu.Lock()
		d.waiters[key] = []chan settled{done}
		d.mu.Unlock()
	}
	d.hides(dr, 1)
	d.waiting.Add(1)
	d.nudge()
	return key, done, nil
}

// hides counts the records that a waiting retraction hides here, before it is
// signed and hides them everywhere.
func (d *Desk) hides(dr *draft, n int) {
	if dr.Kind != ct.KindRetract {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range dr.Refs {
		if d.hiding[r.ID] += n; d.hiding[r.ID] <= 0 {
			delete(d.hiding, r.ID)
		}
	}
}

// Retracting tells that a retraction of a record waits in the outbox.
func (d *Desk) Retracting(id ct.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hiding[id] > 0
}

// abandon ends the wait for a draft; true when it was settled meanwhile.
func (d *Desk) abandon(key uint64, done <-chan settled) (settled, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case s := <-done:
		return s, true
	default:
		d.waiters[key] = slices.DeleteFunc(d.waiters[key], func(c chan settled) bool { return (<-chan settled)(c) == done })
		if len(d.waiters[key]) == 0 {
			delete(d.waiters, key)
		}
		return settled{}, false
	}
}

// join waits for a draft that somebody else has put in. When it is there no more
// its end is known already.
func (d *Desk) join(key uint64, n *noted) (<-chan settled, error) {
	d.signing.Lock()
	defer d.signing.Unlock()
	done := make(chan settled, 1)
	_, err := d.draft(key)
	switch {
	case errors.Is(err, ErrNotFound):
		at, err := d.find(n)
		if err == nil && at.receipt.ID.IsZero() {
			err = fmt.Errorf("%w: the draft was discarded", ErrConflict)
		}
		done <- settled{at.receipt, err}
	case err != nil:
		return nil, err
	default:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.waiters[key] = append(d.waiters[key], done)
	}
	return done, nil
}

// Outbox lists the drafts that are not signed, the oldest first.
func (d *Desk) Outbox() ([]OutboxItem, error) {
	why := d.why()
	var out []OutboxItem
	err := d.drafts(func(key uint64, dr *draft) error {
		item := OutboxItem{Key: keyText(key), Kind: dr.Kind, Topic: dr.Topic, Since: dr.Since.Time(), Why: why, Fault: dr.Fault}
		if dr.Fault != "" {
			item.Why = "cannot be signed: " + dr.Fault
		}
		out = append(out, item)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return out, nil
}

// SignNow signs one draft though the gate is closed. An operator who does so
// gives a reason, which is journalled first.
func (d *Desk) SignNow(ctx context.Context, key, reason, operator string) (Receipt, error) {
	n, err := d.override(key, reason, operator, journal.ActSignNow)
	if err != nil {
		return Receipt{}, fmt.Errorf("sign now: %w", err)
	}
	r, err := d.settle(ctx, n)
	if err != nil {
		return r, fmt.Errorf("sign now: %w", err)
	}
	return r, nil
}

// Discard drops one draft unsigned, for a reason that is journalled first.
func (d *Desk) Discard(key, reason, operator string) error {
	n, err := d.override(key, reason, operator, journal.ActDiscard)
	if err != nil {
		return fmt.Errorf("discard draft: %w", err)
	}
	d.signing.Lock()
	defer d.signing.Unlock()
	dr, err := d.draft(n)
	if err != nil {
		return fmt.Errorf("discard draft: %w", err)
	}
	return d.finish(n, dr, settled{err: fmt.Errorf("%w: the draft was discarded", ErrConflict)})
}

// override journals an operator's decision on one draft.
func (d *Desk) override(key, reason, operator, act string) (uint64, error) {
	n, err := strconv.ParseUint(key, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: an outbox key is a number", ErrNotFound)
	}
	switch {
	case reason == "":
		return 0, ct.Faults{{Field: "reason", Fault: ct.FaultMissing}}
	case len(reason) > journal.MaxText:
		return 0, ct.Faults{{Field: "reason", Fault: ct.FaultTooLong}}
	}
	if _, err := d.draft(n); err != nil {
		return 0, err
	}
	// The reason is free text and may name a person: it is the sealed,
	// erasable part of the entry.
	_, err = d.cfg.Journal.Append(journal.Entry{Act: act, Actor: cmp.Or(operator, unnamedOperator), Outcome: "outbox " + key, Subject: []byte(reason)})
	return n, err
}

// pump signs the drafts in order until one must wait.
func (d *Desk) pump(ctx context.Context) error {
	var keys []uint64
	err := d.drafts(func(key uint64, dr *draft) error {
		if dr.Fault == "" {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if ready, _ := d.gate(); !ready {
			return nil
		}
		_, err := d.settle(ctx, key)
		switch {
		case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrConflict): // signed, or gone meanwhile
		case lasting(err):
			d.log.Warn("draft cannot be signed", "outbox", key, "error", err)
		default:
			return err
		}
	}
	return nil
}

// settle signs one draft and clears it. A draft that can never be signed
// stays, marked, until a human discards it; its waiter is told.
func (d *Desk) settle(ctx context.Context, key uint64) (Receipt, error) {
	if err := d.allNoted(ctx); err != nil { // not with the lock: who notes may need it
		return Receipt{}, err
	}
	d.signing.Lock()
	defer d.signing.Unlock()
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	dr, err := d.draft(key)
	if err != nil {
		return Receipt{}, err
	}
	r, found, err := d.signed(dr)
	if err != nil {
		return Receipt{}, err
	}
	if !found && dr.Kind == ct.KindMatchRelease && d.given.withdrawn(dr.commit()) {
		err := fmt.Errorf("%w: what it discloses was corrected or retracted before it was signed", ErrConflict)
		return Receipt{}, errors.Join(err, d.finish(key, dr, settled{err: err}))
	}
	if !found {
		if err := d.notTwice(dr); errors.Is(err, ErrConflict) {
			return Receipt{}, errors.Join(err, d.mark(key, dr, err))
		} else if err != nil {
			return Receipt{}, err
		}
		r, err = d.sign(ctx, dr)
	}
	switch {
	case err == nil:
		return r, d.finish(key, dr, settled{receipt: r})
	case lasting(err):
		return Receipt{}, errors.Join(err, d.mark(key, dr, err))
	default:
		return Receipt{}, err
	}
}

// finish removes a draft and tells its waiter. The caller holds signing.
func (d *Desk) finish(key uint64, dr *draft, s settled) error {
	err := d.cfg.Store.Local().Update(func(tx *store.LocalTx) error {
		if dr.Kind == ct.KindMatchRelease {
			if err := d.given.signed(tx, dr.commit(), s.receipt); err != nil {
				return err
			}
		}
		return tx.Delete(bucketOutbox, numberKey(key))
	})
	if err == nil {
		d.hides(dr, -1)
	}
	if err == nil && dr.Fault == "" {
		d.waiting.Add(-1)
	}
	d.tell(key, s)
	if err != nil { // it is signed: the next settle finds it in the log
		return fmt.Errorf("clear outbox: %w", err)
	}
	return nil
}

// mark notes why a draft can never be signed. The caller holds signing.
func (d *Desk) mark(key uint64, dr *draft, why error) error {
	first := dr.Fault == ""
	dr.Fault = why.Error()
	val, err := json.Marshal(dr)
	if err != nil {
		return err
	}
	err = d.cfg.Store.Local().Update(func(tx *store.LocalTx) error { return tx.Put(bucketOutbox, numberKey(key), val) })
	if err != nil {
		return err
	}
	if first {
		d.waiting.Add(-1)
	}
	d.tell(key, settled{Receipt{Waiting: keyText(key), Why: dr.Fault}, why})
	return nil
}

func (d *Desk) tell(key uint64, s settled) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, done := range d.waiters[key] {
		done <- s // one slot, one message: never blocks
	}
	delete(d.waiters, key)
}

func (d *Desk) draft(key uint64) (*draft, error) {
	dr := &draft{}
	err := d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		val, err := tx.Get(bucketOutbox, numberKey(key))
		if err != nil {
			return err
		}
		return json.Unmarshal(val, dr)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: no draft %d in the outbox", ErrNotFound, key)
	}
	if err != nil {
		return nil, fmt.Errorf("read draft: %w", err)
	}
	return dr, nil
}

func (d *Desk) drafts(fn func(key uint64, dr *draft) error) error {
	return d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		return tx.Scan(bucketOutbox, nil, func(k, v []byte) error {
			var dr draft
			if err := json.Unmarshal(v, &dr); err != nil || len(k) != 8 {
				return errors.New("a draft has another form")
			}
			return fn(binary.BigEndian.Uint64(k), &dr)
		})
	})
}

// recount finds what an earlier run left in the outbox.
func (d *Desk) recount() error {
	n := int64(0)
	err := d.drafts(func(_ uint64, dr *draft) error {
		d.hides(dr, 1)
		if dr.Fault == "" {
			n++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	d.waiting.Store(n)
	d.nudge()
	return nil
}

func (d *Desk) nudge() {
	select {
	case d.wake <- struct{}{}:
	default: // one is waiting already
	}
}

// why tells for what the outbox waits.
func (d *Desk) why() string {
	if ready, why := d.gate(); !ready {
		return why
	}
	return "next in line to be signed"
}

func keyText(key uint64) string { return strconv.FormatUint(key, 10) }
func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
