package desk

import (
	"context"
	"errors"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// signedHere counts a record that this desk has signed as noted.
func (d *Desk) signedHere(seq uint64) {
	p := d.imprints
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq > p.known {
		p.beyond[seq] = true
	}
	p.rise(p.known)
}

// notedTo tells that all own records up to one are noted.
func (d *Desk) notedTo(seq uint64) {
	p := d.imprints
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.beyond {
		if s <= seq {
			delete(p.beyond, s)
		}
	}
	p.rise(max(seq, p.known))
}

// rise is called with mu held.
func (p *imprints) rise(to uint64) {
	for p.beyond[to+1] {
		to++
		delete(p.beyond, to)
	}
	if to > p.known {
		p.known = to
		close(p.moved)
		p.moved = make(chan struct{})
	}
}

// allNoted waits until every record of the own log is noted. It is so but after a
// start, and when own records have come back from peers.
func (d *Desk) allNoted(ctx context.Context) error {
	head, _ := d.cfg.Store.Head(d.cfg.Signer.Public())
	p := d.imprints
	for {
		p.mu.Lock()
		known, moved := p.known, p.moved
		p.mu.Unlock()
		if known >= head.Size {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// noteOwn notes the notifications of the own log among rows that have arrived and
// are not noted: this process has not signed them.
func (d *Desk) noteOwn(rows []store.Row) error {
	own := d.cfg.Signer.Public()
	var missing []*noted
	for i := range rows {
		h := &rows[i].Header
		if h.Log != own || ct.Kind(h.Kind) != ct.KindNotification {
			continue
		}
		row, err := d.cfg.Store.Get(own, h.Seq)
		if err != nil || row.ID != rows[i].ID || row.Body == nil {
			continue // it arrives again when its body does
		}
		n := &noted{h.Commit, h.Seq - 1, h.Expires, d.rowContent(&row)}
		err = d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
			_, err := tx.Get(bucketContent, n.contentKey())
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			missing = append(missing, n)
		} else if err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return d.cfg.Store.Local().Update(func(tx *store.LocalTx) error {
		for _, n := range missing {
			if err := n.put(tx, imprint{}, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Desk) rowContent(r *store.Row) imprint {
	b := r.Header.BodyHeader()
	return d.contentOf(b.Topic, b.Priority, b.TLP, b.Audience, b.Expires, r.Body)
}
