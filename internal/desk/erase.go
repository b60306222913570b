package desk

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// EraseSubject erases the subject of an entry of the journal for good, and what
// else of it this node keeps: the match request that waits with it, and the
// grounds of an answer. The list entries that were found with it go too.
func (d *Desk) EraseSubject(seq uint64, actor, reason string) error {
	d.deciding.Lock()
	defer d.deciding.Unlock()
	var gone []ct.State
	actor = cmp.Or(actor, unnamedOperator)
	err := d.cfg.Journal.EraseSubjectWith(seq, actor, reason, func(tx *store.LocalTx, e *journal.Entry) (err error) {
		if gone, err = eraseWaiting(tx, e); err != nil {
			return err
		}
		return eraseLeads(tx, e)
	})
	if err != nil {
		return err
	}
	for _, s := range gone {
		d.inbox.count(s, -1)
	}
	next, err := d.cfg.Journal.Read(seq, 1)
	if err != nil || len(next) == 0 || next[0].Act != journal.ActMatchFound || next[0].Of != seq || next[0].Sealed == nil {
		return err
	}
	return d.cfg.Journal.EraseSubject(next[0].Seq, actor, reason)
}

// eraseWaiting drops the waiting request that an entry is about, and gives the
// State that asked.
func eraseWaiting(tx *store.LocalTx, e *journal.Entry) (gone []ct.State, err error) {
	var drop []*waitingRequest
	err = tx.Scan(bucketInbox, nil, func(_, v []byte) error {
		w, err := readWaiting(v)
		if err == nil && slices.ContainsFunc(w.Requests, func(hash ct.ID) bool { return names(e, hash) }) {
			drop = append(drop, w)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	for _, w := range drop {
		if err == nil {
			err = dropWaiting(tx, w)
		}
		gone = append(gone, w.State)
	}
	return gone, err
}

// eraseLeads takes the grounds out of the answers to the query of an entry.
func eraseLeads(tx *store.LocalTx, e *journal.Entry) error {
	var blank []*lead
	err := tx.Scan(bucketLeads, nil, func(_, v []byte) error {
		l, err := readLead(v)
		if err == nil && (l.Entry == e.Seq || names(e, l.Hash)) {
			blank = append(blank, l)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	for _, l := range blank {
		if l.Grounds = ""; err == nil {
			err = l.put(tx)
		}
	}
	return err
}

// names tells whether an entry is about a request.
func names(e *journal.Entry, hash ct.ID) bool {
	return strings.Contains(e.Outcome, requestName(hash))
}
