package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// maxOperator bounds an operator's pseudonym, in bytes.
const maxOperator = 128

// Publish checks a notification and signs it. It returns when the record is
// durable. While the gate is closed the draft waits in the outbox and Publish
// with it; when ctx ends first, the draft stays there, the receipt names it and
// the error wraps that of ctx. Faults of the document come as ct.Faults. Equal
// content in force is ErrConflict, and so is a key that stands for other content.
func (d *Desk) Publish(ctx context.Context, n *ct.Notification, o PublishOptions) (Receipt, error) {
	now, v := time.Now(), d.cfg.View()
	if err := errors.Join(checkOperator(o.Operator), checkKey(o.Key)); err != nil {
		return Receipt{}, err
	}
	dr, warnings, err := d.notificationDraft(n, v, now)
	var r Receipt
	if err == nil {
		r, err = d.publish(ctx, dr, n, o, v, now)
	} else {
		d.metrics.publish.WithLabelValues(ct.KindNotification.String(), "refused").Inc()
	}
	r.Warnings = append(warnings, r.Warnings...)
	if err != nil {
		r.Warnings = nil
		return r, fmt.Errorf("publish: %w", err)
	}
	return r, nil
}

// publish signs a draft that keeps all rules, unless it repeats an earlier one.
// From the look-up to the fate of the draft no other of the same key or content
// comes between.
func (d *Desk) publish(ctx context.Context, dr *draft, n *ct.Notification, o PublishOptions, v *roster.View, now time.Time) (Receipt, error) {
	note, key := d.noted(dr), imprint{}
	claims := []imprint{note.Content}
	if o.Key != "" {
		key = d.imprint("key", []byte(o.Key))
		claims = append(claims, key)
	}
	if err := d.allNoted(ctx); err != nil {
		return Receipt{}, err
	}
	free, err := d.claim(ctx, claims...)
	if err != nil {
		return Receipt{}, err
	}
	defer free()
	p, err := d.past(note, key)
	switch {
	case err != nil:
	case p.again != nil:
		free()
		return d.again(ctx, p.again, p.under, o)
	case o.DryRun:
		if err := d.rehearse(dr, v, now); err != nil {
			return Receipt{}, err
		}
		return Receipt{Log: d.cfg.Signer.Public(), Warnings: warnings(duplicate(p.equal)), Preview: d.preview(dr, n, v, now)}, nil
	default:
		err = accepted(append(d.cautions(n, v), duplicate(p.equal)...), o.Accept)
	}
	if err != nil {
		d.metrics.publish.WithLabelValues(ct.KindNotification.String(), "refused").Inc()
		return Receipt{}, err
	}
	if d.cfg.Room != nil {
		if err := d.cfg.Room(); err != nil {
			return Receipt{}, err
		}
	}
	dr.Twice = slices.Contains(o.Accept, AcceptDuplicate)
	err = d.journalDraft(dr, journal.ActPublish, o.Operator, o.Accept, n, func(tx *store.LocalTx) error { return note.put(tx, key, p.stale) })
	if err != nil {
		return Receipt{}, err
	}
	return d.submit(ctx, dr, o.NoWait, free)
}

// again gives the receipt of what was published under the same key, and waits for
// it as the first caller did.
func (d *Desk) again(ctx context.Context, at *spot, n *noted, o PublishOptions) (Receipt, error) {
	if at.draft == 0 || o.NoWait || o.DryRun {
		return at.receipt, nil
	}
	done, err := d.join(at.draft, n)
	if err != nil {
		return Receipt{}, err
	}
	return d.await(ctx, at.draft, done)
}

// Retract signs a RETRACT record that names a held record of the own State. It
// hides it here at once, and waits as Publish does. ErrNotFound, ErrNotAllowed and ErrConflict say why a
// target cannot be retracted.
func (d *Desk) Retract(ctx context.Context, target ct.ID, r ct.Retraction, operator string, accept ...string) (Receipt, error) {
	if err := checkOperator(operator); err != nil {
		return Receipt{}, err
	}
	free, err := d.claim(ctx, imprint(target[:16])) // of two at once the second is a conflict
	if err != nil {
		return Receipt{}, fmt.Errorf("retract: %w", err)
	}
	defer free()
	dr, err := d.retractionDraft(target, &r, d.cfg.View(), time.Now())
	if err == nil && d.Retracting(target) {
		err = fmt.Errorf("%w: a retraction of record %s waits in the outbox already", ErrConflict, target.Short())
	}
	if err == nil {
		err = accepted(special(r.SpecialCategories()), accept)
	}
	if err != nil {
		d.metrics.publish.WithLabelValues(ct.KindRetract.String(), "refused").Inc()
		return Receipt{}, fmt.Errorf("retract: %w", err)
	}
	if err := d.journalDraft(dr, journal.ActRetract, operator, accept, nil, nil); err != nil {
		return Receipt{}, fmt.Errorf("retract: %w", err)
	}
	receipt, err := d.submit(ctx, dr, false, free)
	if err != nil {
		return receipt, fmt.Errorf("retract: %w", err)
	}
	return receipt, nil
}

// submit signs a draft now when the gate is open and nothing waits before it,
// else puts it in the outbox, calls kept and waits for it there.
func (d *Desk) submit(ctx context.Context, dr *draft, noWait bool, kept func()) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	// Waiting helps against all but this.
	own := d.cfg.Signer.Public()
	right, _ := d.cfg.View().Right(own)
	if head, _ := d.cfg.Store.Head(own); right.Closing != nil || head.Contested != 0 {
		return Receipt{}, fmt.Errorf("%w: %s", ErrNotAllowed, d.why())
	}
	if ready, _ := d.gate(); ready && !noWait && d.waiting.Load() == 0 {
		r, err := d.sign(ctx, dr)
		unsigned := err != nil && !lasting(err) && (ctx.Err() != nil || errors.Is(err, ingest.ErrGap) || errors.Is(err, errGrowth))
		if !unsigned {
			return r, err
		}
	}
	key, done, err := d.enqueue(dr, !noWait)
	if err != nil {
		return Receipt{}, err
	}
	kept()
	if noWait {
		return Receipt{Waiting: keyText(key), Why: d.why()}, nil
	}
	return d.await(ctx, key, done)
}

// await waits for the end of a draft of the outbox.
func (d *Desk) await(ctx context.Context, key uint64, done <-chan settled) (Receipt, error) {
	select {
	case s := <-done:
		return s.receipt, s.err
	case <-ctx.Done(): // perhaps before it got here
	}
	if s, ok := d.abandon(key, done); ok { // settled at the same moment
		return s.receipt, s.err
	}
	waits := Receipt{Waiting: keyText(key), Why: d.why()}
	return waits, fmt.Errorf("%w: the draft stays in the outbox as %s (%s)", ctx.Err(), waits.Waiting, waits.Why)
}

// sign has the single writer put a draft at the head of the own log. An error
// means that nothing was published, that of ctx included.
func (d *Desk) sign(ctx context.Context, dr *draft) (Receipt, error) {
	v, now := d.cfg.View(), time.Now()
	right, err := d.right(v, now)
	if err != nil {
		return Receipt{}, err
	}
	own := d.cfg.Signer.Public()
	rec, err := d.cfg.Ingest.Author(ctx, own, right.First,
		func(at wire.Next) (verify.Record, error) { return d.seal(dr, v, time.Now(), at) })
	if err != nil {
		d.metrics.publish.WithLabelValues(dr.Kind.String(), "failed").Inc()
		return Receipt{}, err
	}
	d.signedHere(rec.Header().Seq)
	d.metrics.publish.WithLabelValues(dr.Kind.String(), "signed").Inc()
	return Receipt{ID: rec.ID(), Log: own, Seq: rec.Header().Seq}, nil
}

// rehearse signs a draft at the present head and throws the result away.
func (d *Desk) rehearse(dr *draft, v *roster.View, now time.Time) error {
	right, err := d.right(v, now)
	if err != nil {
		return err
	}
	head, _ := d.cfg.Store.Head(d.cfg.Signer.Public())
	_, err = d.seal(dr, v, now, head.Next(right.First))
	return err
}

// signed finds the record of a draft in the own log: one that was signed
// before a crash, or that came back from peers after a restore.
func (d *Desk) signed(dr *draft) (Receipt, bool, error) {
	row, found, err := d.signedAs(dr.commit(), dr.From)
	if err != nil || !found {
		return Receipt{}, false, err
	}
	return Receipt{ID: row.ID, Log: row.Header.Log, Seq: row.Header.Seq}, true, nil
}

func (d *Desk) signedAs(commit [32]byte, from uint64) (store.Row, bool, error) {
	own := d.cfg.Signer.Public()
	head, _ := d.cfg.Store.Head(own)
	for seq := from + 1; seq <= head.Size; seq++ {
		row, err := d.cfg.Store.Get(own, seq)
		if err != nil {
			return store.Row{}, false, err
		}
		if row.Header.Commit == commit {
			return row, true, nil
		}
	}
	return store.Row{}, false, nil
}

func checkOperator(s string) error {
	if len(s) > maxOperator {
		return ct.Faults{{Field: "operator", Fault: ct.FaultTooLong}}
	}
	return nil
}

// lasting tells an error that waiting cannot mend.
func lasting(err error) bool { return errors.Is(err, errUnfit) }
