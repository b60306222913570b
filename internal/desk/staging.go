package desk

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/format/people"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// staging is one import that is not visible yet.
type staging struct {
	d        *Desk
	progress ImportProgress
	options  ImportOptions
	account  account
	idKey    []byte
	seen     map[[16]byte]struct{}   // hashes of the entry ids accepted
	spared   map[[16]byte]struct{}   // and of those rejected: who is on the list stays
	blind    bool                    // some row was rejected whose id is not known: nobody leaves the list
	apart    map[string]people.Entry // rows of a person that do not follow the others
	batch    []listEntry
	next     uint64 // change number of the batch's first
	result   ImportResult

	before *account // the list as it is; nil: there is none
	same   uint64   // all so far is in before, up to this change number; nothing was written
	other  bool     // it is not the same list any more
}

func (d *Desk) stage(o ImportOptions, p ImportProgress) (*staging, error) {
	s := &staging{d: d, progress: p, options: o, seen: map[[16]byte]struct{}{}, spared: map[[16]byte]struct{}{}, apart: map[string]people.Entry{}}
	err := d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {
		s.next = 1
		if v, err := tx.Get(bucketMeta, listNext); err == nil && len(v) == 8 {
			s.next = binary.BigEndian.Uint64(v)
		} else if !errors.Is(err, store.ErrNotFound) {
			return errors.Join(err, errors.New("the number of the next change does not read"))
		}
		var err error
		if s.idKey, err = hashKey(tx); err != nil {
			return err
		}
		s.account = account{List: o.List, First: s.next, Imported: ct.MillisOf(time.Now())}
		accounts, err := currentLists(tx)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if a.List == o.List {
				s.before = &a
			}
		}
		s.other = s.before == nil
		// What a broken import of the same first number has left.
		if err := errors.Join(tx.Drop(s.account.persons()), tx.Drop(s.account.ids())); err != nil {
			return err
		}
		return putAccount(tx, s.account)
	})
	return s, err
}

// accept stages one person, or takes down why it is none.
func (s *staging) accept(ctx context.Context, e people.Entry) error {
	if e.Fault == "" && (len(e.ID) > maxEntryID || !printable(e.ID)) {
		e.Fault = fmt.Sprintf("id: 1 to %d printable bytes are needed", maxEntryID)
	}
	hash := [16]byte(hashID(s.idKey, e.ID))
	_, again := s.seen[hash]
	switch {
	case e.Fault != "":
		s.reject(e)
		return nil
	case again:
		s.result.Joined += e.Rows
		if first, ok := s.apart[e.ID]; ok {
			first.Join(e)
			e = first
		} else if len(s.apart) == maxApart {
			s.result.Joined -= e.Rows
			e.Fault = fmt.Sprintf("more than %d persons whose rows do not follow one another: sort the list by id", maxApart)
			s.reject(e)
			return nil
		}
		s.apart[e.ID] = e
		return nil
	case len(s.seen) >= maxListPersons:
		return fmt.Errorf("line %d: a list of more than %d persons", e.Line, maxListPersons)
	}
	s.seen[hash] = struct{}{}
	s.result.Accepted++
	s.joined(e.Rows-1, e.Left)
	return s.add(ctx, listEntry{ID: e.ID, Person: &e.Person})
}

// joined takes down rows that are part of a person, and what was left out.
func (s *staging) joined(rows int, left []people.Left) {
	s.result.Joined += rows
	for _, l := range left {
		if l.Kept {
			s.result.Unread++
		} else {
			s.result.LeftOut++
		}
	}
	for _, l := range left[:min(len(left), maxLeftOut-len(s.result.Left))] {
		s.result.Left = append(s.result.Left, LeftOut(l))
	}
}

func (s *staging) reject(e people.Entry) {
	s.result.Rejected += e.Rows
	if e.ID == "" {
		s.blind = true
	} else {
		s.spared[[16]byte(hashID(s.idKey, e.ID))] = struct{}{}
	}
	if len(s.result.Rejections) < maxRejections {
		s.result.Rejections = append(s.result.Rejections, Rejection{Line: e.Line, Reason: e.Fault})
	}
}

func (s *staging) add(ctx context.Context, e listEntry) error {
	s.batch = append(s.batch, e)
	if n := len(s.seen); n%progressStep == 0 {
		s.progress(n)
	}
	if len(s.batch) < importBatch {
		return nil
	}
	return s.flush(ctx)
}

// flush writes the batch, or passes over it as long as it is the list that is
// there already: importing an unchanged list again writes nothing.
func (s *staging) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.other {
		last, equal, err := s.compare()
		if err != nil {
			return err
		}
		if equal {
			s.same, s.batch = last, s.batch[:0]
			return nil
		}
		if err := s.diverge(ctx); err != nil {
			return err
		}
	}
	err := s.write(s.batch)
	s.batch = s.batch[:0]
	return err
}

// heldEntry is an entry of the list as it is, with its change number.
type heldEntry struct {
	listEntry
	number uint64
}

// held gives at most max entries of the list as it is, after a change number.
func (s *staging) held(after uint64, max int) (out []heldEntry, err error) {
	err = s.d.cfg.Store.Lists().View(func(tx *store.LocalTx) error {
		return tx.Scan(s.before.persons(), numberKey(after+1), func(k, v []byte) error {
			if len(out) >= max {
				return store.ErrStop
			}
			var e listEntry
			if err := json.Unmarshal(v, &e); err != nil || len(k) != 8 {
				return errors.New("an entry of a list has another form")
			}
			if e.Person != nil { // else a removal
				out = append(out, heldEntry{e, binary.BigEndian.Uint64(k)})
			}
			return nil
		})
	})
	return out, err
}

// compare tells whether the list goes on with the batch, and to which change.
func (s *staging) compare() (last uint64, equal bool, err error) {
	held, err := s.held(s.same, len(s.batch))
	if err != nil || len(held) != len(s.batch) {
		return 0, false, err
	}
	last = s.same
	for i := range held {
		a, err := json.Marshal(held[i].listEntry)
		if err != nil {
			return 0, false, err
		}
		b, err := json.Marshal(s.batch[i])
		if err != nil || !bytes.Equal(a, b) {
			return 0, false, err
		}
		last = held[i].number
	}
	return last, true, nil
}

// diverge writes what was passed over so far.
func (s *staging) diverge(ctx context.Context) error {
	s.other = true
	for after := uint64(0); after < s.same; {
		if err := ctx.Err(); err != nil {
			return err
		}
		held, err := s.held(after, importBatch)
		if err != nil {
			return err
		}
		var batch []listEntry
		for _, h := range held {
			if h.number <= s.same {
				batch, after = append(batch, h.listEntry), h.number
			}
		}
		if len(batch) == 0 {
			return errors.New("the list that is there has lost an entry")
		}
		if err := s.write(batch); err != nil {
			return err
		}
	}
	return nil
}

func (s *staging) write(batch []listEntry) error {
	err := s.d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {
		for i, e := range batch {
			number := numberKey(s.next + uint64(i))
			val, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if err := tx.Put(s.account.persons(), number, val); err != nil {
				return err
			}
			if e.Person == nil {
				continue
			}
			if err := tx.Put(s.account.ids(), hashID(s.idKey, e.ID), append(number, e.ID...)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.next += uint64(len(batch))
	}
	return err
}

// unchanged tells, after the last flush, that the import is the list as it is.
func (s *staging) unchanged() (bool, error) {
	if s.other {
		return false, nil
	}
	more, err := s.held(s.same, 1)
	return err == nil && len(more) == 0, err
}

// join adds the rows that stood apart to what is written of their persons.
func (s *staging) join(ctx context.Context) error {
	if len(s.apart) == 0 {
		return nil
	}
	if !s.other {
		if err := s.diverge(ctx); err != nil {
			return err
		}
	}
	ids := slices.Sorted(maps.Keys(s.apart))
	for chunk := range slices.Chunk(ids, importBatch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {
			for _, id := range chunk {
				at, err := tx.Get(s.account.ids(), hashID(s.idKey, id))
				if err != nil || len(at) < 8 {
					return errors.Join(err, errListForm)
				}
				val, err := tx.Get(s.account.persons(), at[:8])
				if err != nil {
					return err
				}
				number := slices.Clone(at[:8])
				var held listEntry
				if err := json.Unmarshal(val, &held); err != nil || held.Person == nil {
					return errListForm
				}
				whole := people.Entry{ID: id, Person: *held.Person}
				whole.Join(s.apart[id])
				s.joined(0, whole.Left)
				held.Person = &whole.Person
				if val, err = json.Marshal(held); err != nil {
					return err
				}
				if err := tx.Put(s.account.persons(), number, val); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// publish stages the removal of what the list no longer holds, journals the
// import, and makes it visible in one transaction.
func (s *staging) publish(ctx context.Context) error {
	err := s.flush(ctx)
	if err == nil {
		err = s.join(ctx)
	}
	if err != nil {
		return err
	}
	same, err := s.unchanged()
	same = same && !s.account.Removed
	if err == nil && !same && !s.other {
		err = s.diverge(ctx) // the list as it is, cut off behind
	}
	if err == nil && !same && s.before != nil {
		err = s.removals(ctx, s.before)
	}
	if err == nil && !same {
		err = s.flush(ctx)
	}
	if err != nil {
		return err
	}
	s.result.After = s.result.Accepted + s.result.Kept
	if s.before != nil {
		s.result.Before = s.before.Persons
		s.account.ListAbout = s.before.ListAbout
	}
	s.account.ListAbout = s.options.About.over(s.account.ListAbout)
	if lost := s.result.Before - s.result.After; lost*10 > s.result.Before && !s.options.AcceptShrink {
		return fmt.Errorf("%w: list %s would go from %d persons to %d, more than a tenth less: accept that it shrinks if this is meant; the list stays as it was",
			ErrConflict, s.account.List, s.result.Before, s.result.After)
	}
	outcome := fmt.Sprintf("read=%d accepted=%d rejected=%d entities=%d left-out=%d not-compared=%d kept=%d before=%d after=%d", s.result.Read, s.result.Accepted,
		s.result.Rejected, s.result.Entities, s.result.LeftOut, s.result.Unread, s.result.Kept, s.result.Before, s.result.After)
	if same {
		outcome += " unchanged"
	}
	if s.account.Removed {
		outcome += " removed"
	}
	_, err = s.d.cfg.Journal.Append(journal.Entry{Act: journal.ActImport, Actor: unnamedOperator, Case: s.account.List, Outcome: outcome})
	if err != nil {
		return err
	}
	return s.commit(same)
}

// commit makes the import the list.
func (s *staging) commit(same bool) error {
	return s.d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {
		if same {
			s.before.Imported, s.before.ListAbout = s.account.Imported, s.account.ListAbout
			return errors.Join(putAccount(tx, *s.before), tx.Delete(bucketImports, numberKey(s.account.First)))
		}
		s.account.Last, s.account.Persons, s.account.Current = s.next-1, s.result.After, true
		if s.before != nil {
			s.before.Current = false
			if err := putAccount(tx, *s.before); err != nil {
				return err
			}
		}
		if err := tx.Put(bucketMeta, listNext, numberKey(s.next)); err != nil {
			return err
		}
		return putAccount(tx, s.account)
	})
}

// removals stages the removal of every entry of before that is not in the new
// import, in chunks: a reading transaction must be short. Who was rejected keeps
// his entry; when it is not known who was, all do.
func (s *staging) removals(ctx context.Context, before *account) error {
	from := []byte{}
	for {
		var gone []listEntry
		n := 0
		err := s.d.cfg.Store.Lists().View(func(tx *store.LocalTx) error {
			return tx.Scan(before.ids(), from, func(k, v []byte) error {
				if n++; n > importBatch {
					from = k
					return store.ErrStop
				}
				if len(k) != 16 || len(v) < 8 {
					return errListForm
				}
				if _, still := s.seen[[16]byte(k)]; still {
					return nil
				}
				e := listEntry{ID: string(v[8:])}
				if _, spared := s.spared[[16]byte(k)]; spared || s.blind {
					val, err := tx.Get(before.persons(), v[:8])
					if err != nil || json.Unmarshal(val, &e) != nil {
						return errors.Join(err, errListForm)
					}
					s.result.Kept++
				}
				gone = append(gone, e)
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, e := range gone {
			if err := s.add(ctx, e); err != nil {
				return err
			}
		}
		if n <= importBatch {
			return nil
		}
	}
}
