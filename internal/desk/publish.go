package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// maxOperator bounds an operator's pseudonym, in bytes.
const maxOperator = 128

// Publish checks a notification and signs it. It returns when the record is
// durable. While the gate is closed the draft waits in the outbox and Publish
// with it; when ctx ends first, the draft stays there, the receipt names it and
// the error wraps that of ctx. Faults of the document come as ct.Faults.
func (d *Desk) Publish(ctx context.Context, n *ct.Notification, o PublishOptions) (Receipt, error) {
	now, v := time.Now(), d.cfg.View()
	if err := checkOperator(o.Operator); err != nil {
		return Receipt{}, err
	}
	dr, warnings, err := d.notificationDraft(n, v, now)
	if err == nil && !o.DryRun {
		err = accepted(d.cautions(n, v), o.Accept)
	}
	if err != nil {
		d.metrics.publish.WithLabelValues(ct.KindNotification.String(), "refused").Inc()
		return Receipt{}, fmt.Errorf("publish: %w", err)
	}
	if o.DryRun {
		if err := d.rehearse(dr, v, now); err != nil {
			return Receipt{}, fmt.Errorf("publish: %w", err)
		}
		return Receipt{Log: d.cfg.Signer.Public(), Warnings: warnings, Preview: d.preview(dr, n, v, now)}, nil
	}
	if d.cfg.Room != nil {
		if err := d.cfg.Room(); err != nil {
			return Receipt{}, fmt.Errorf("publish: %w", err)
		}
	}
	if err := d.journalDraft(dr, journal.ActPublish, o.Operator, o.Accept, n); err != nil {
		return Receipt{}, fmt.Errorf("publish: %w", err)
	}
	r, err := d.submit(ctx, dr, o.NoWait)
	r.Warnings = warnings
	if err != nil {
		return r, fmt.Errorf("publish: %w", err)
	}
	return r, nil
}

// Retract signs a RETRACT record that names a held record of the own State. It
// hides it here at once, and waits as Publish does. ErrNotFound, ErrNotAllowed and ErrConflict say why a
// target cannot be retracted.
func (d *Desk) Retract(ctx context.Context, target ct.ID, r ct.Retraction, operator string, accept ...string) (Receipt, error) {
	if err := checkOperator(operator); err != nil {
		return Receipt{}, err
	}
	dr, err := d.retractionDraft(target, &r, d.cfg.View(), time.Now())
	if err == nil {
		err = accepted(special(r.SpecialCategories()), accept)
	}
	if err != nil {
		d.metrics.publish.WithLabelValues(ct.KindRetract.String(), "refused").Inc()
		return Receipt{}, fmt.Errorf("retract: %w", err)
	}
	if err := d.journalDraft(dr, journal.ActRetract, operator, accept, nil); err != nil {
		return Receipt{}, fmt.Errorf("retract: %w", err)
	}
	receipt, err := d.submit(ctx, dr, false)
	if err != nil {
		return receipt, fmt.Errorf("retract: %w", err)
	}
	return receipt, nil
}

// submit signs a draft now when the gate is open and nothing waits before it,
// else puts it in the outbox.
func (d *Desk) submit(ctx context.Context, dr *draft, noWait bool) (Receipt, error) {
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
	own := d.cfg.Signer.Public()
	head, _ := d.cfg.Store.Head(own)
	commit := dr.commit()
	for seq := dr.From + 1; seq <= head.Size; seq++ {
		row, err := d.cfg.Store.Get(own, seq)
		if err != nil {
			return Receipt{}, false, err
		}
		if row.Header.Commit == commit {
			return Receipt{ID: row.ID, Log: own, Seq: seq}, true, nil
		}
	}
	return Receipt{}, false, nil
}

func checkOperator(s string) error {
	if len(s) > maxOperator {
		return ct.Faults{{Field: "operator", Fault: ct.FaultTooLong}}
	}
	return nil
}

// lasting tells an error that waiting cannot mend.
func lasting(err error) bool { return errors.Is(err, errUnfit) }
