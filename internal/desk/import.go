package desk

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/format/text"
	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Bounds of an import.
const (
	maxListPersons = 2_000_000
	maxListName    = 32
	maxEntryID     = 80     // bytes; a ref must fit a match answer
	maxRejections  = 10_000 // named in the result; further ones are only counted
	importBatch    = 5_000  // entries a transaction
	progressStep   = 1_000  // entries between two reports
)

// ImportUN imports the UN Security Council Consolidated List (XML) under a
// list name. It supersedes what was imported under that name, at once and only
// when the whole file was read: a broken file changes nothing.
func (d *Desk) ImportUN(ctx context.Context, list string, r io.Reader, p ImportProgress) (ImportResult, error) {
	return d.importList(ctx, list, p, func(ctx context.Context, s *staging) error {
		res, err := unlist.Read(r, func(e unlist.Entry) error {
			return s.accept(ctx, e.Line, unID(&e), &e.Person)
		})
		for _, x := range res.Rejections {
			s.reject(x.Line, x.Reason)
		}
		s.result.Read, s.result.Rejected = res.Read, res.Read-s.result.Accepted // rejections beyond the named ones included
		s.result.Entities = res.Entities
		slices.SortStableFunc(s.result.Rejections, func(a, b Rejection) int { return a.Line - b.Line })
		return err
	})
}

// unID is the list's permanent reference number, or the number of the data
// set where there is none.
func unID(e *unlist.Entry) string {
	for _, x := range e.Person.ExternalRefs {
		if x.System == "un" {
			return x.Value
		}
	}
	return e.DataID
}

// ImportPersons imports a State's own list as JSON lines (ct.DecodeListEntry),
// as ImportUN does.
func (d *Desk) ImportPersons(ctx context.Context, list string, r io.Reader, p ImportProgress) (ImportResult, error) {
	return d.importList(ctx, list, p, func(ctx context.Context, s *staging) error {
		lines, err := text.NewReader(r)
		if err != nil {
			return err
		}
		for {
			line, n, err := lines.Line()
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case errors.Is(err, text.ErrLongLine):
				s.result.Read++
				s.reject(n, err.Error())
				continue
			case err != nil:
				return fmt.Errorf("line %d: read list: %w", n, err)
			}
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			s.result.Read++
			if e, bad := ct.DecodeListEntry(line); bad != nil {
				s.reject(n, bad.Error())
			} else if err := s.accept(ctx, n, e.ID, &e.Person); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
	})
}

// importList stages what read accepts, and makes it the list.
func (d *Desk) importList(ctx context.Context, list string, p ImportProgress, read func(context.Context, *staging) error) (ImportResult, error) {
	if !validListName(list) {
		return ImportResult{}, fmt.Errorf("import: %w", ct.Faults{{Field: "list", Fault: ct.FaultForm + ": 1 to 32 of a-z, 0-9 and -"}})
	}
	if p == nil {
		p = func(int) {}
	}
	d.importing.Lock()
	defer d.importing.Unlock()
	s, err := d.stage(list, p)
	if err == nil {
		err = read(ctx, s)
	}
	if bad := new(text.Binary); errors.As(err, &bad) {
		err = ct.Faults{{Field: "file", Fault: bad.Error()}}
	}
	if err == nil && s.result.Accepted == 0 {
		err = errors.New("nothing in it was accepted; the list stays as it was")
	}
	if err == nil {
		err = s.publish(ctx)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("import: %w", err), d.sweep())
		if s == nil {
			return ImportResult{}, err
		}
		return s.result, err
	}
	if err := d.loadLists(); err != nil { // it is in force: whoever follows must hear of it
		return s.result, fmt.Errorf("import: %w", err)
	}
	p(s.result.Read)
	if err := d.sweep(); err != nil { // the new list is in force; what is left goes at the next start
		d.log.Warn("superseded list not removed", "error", err)
	}
	return s.result, nil
}

// staging is one import that is not visible yet.
type staging struct {
	d        *Desk
	progress ImportProgress
	account  account
	idKey    []byte
	seen     map[[16]byte]struct{} // hashes of the entry ids accepted
	batch    []listEntry
	next     uint64 // change number of the batch's first
	result   ImportResult

	before *account // the list as it is; nil: there is none
	same   uint64   // all so far is in before, up to this change number; nothing was written
	other  bool     // it is not the same list any more
}

func (d *Desk) stage(list string, p ImportProgress) (*staging, error) {
	s := &staging{d: d, progress: p, seen: map[[16]byte]struct{}{}}
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
		s.account = account{List: list, First: s.next, Imported: ct.MillisOf(time.Now())}
		accounts, err := currentLists(tx)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if a.List == list {
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

// accept stages one person. A second entry of the same id is a rejection.
func (s *staging) accept(ctx context.Context, line int, id string, p *ct.Person) error {
	if id == "" || len(id) > maxEntryID || !printable(id) {
		s.reject(line, fmt.Sprintf("id: 1 to %d printable bytes are needed", maxEntryID))
		return nil
	}
	hash := [16]byte(hashID(s.idKey, id))
	if _, twice := s.seen[hash]; twice {
		s.reject(line, "id: given twice")
		return nil
	}
	if len(s.seen) >= maxListPersons {
		return fmt.Errorf("a list of more than %d persons", maxListPersons)
	}
	s.seen[hash] = struct{}{}
	s.result.Accepted++
	return s.add(ctx, listEntry{ID: id, Person: p})
}

func (s *staging) reject(line int, reason string) {
	s.result.Rejected++
	if len(s.result.Rejections) < maxRejections {
		s.result.Rejections = append(s.result.Rejections, Rejection{Line: line, Reason: reason})
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

// publish stages the removal of what the list no longer holds, journals the
// import, and makes it visible in one transaction.
func (s *staging) publish(ctx context.Context) error {
	err := s.flush(ctx)
	if err != nil {
		return err
	}
	same, err := s.unchanged()
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
	outcome := fmt.Sprintf("read=%d accepted=%d rejected=%d entities=%d",
		s.result.Read, s.result.Accepted, s.result.Rejected, s.result.Entities)
	if same {
		outcome += " unchanged"
	}
	_, err = s.d.cfg.Journal.Append(journal.Entry{Act: journal.ActImport, Actor: unnamedOperator, Case: s.account.List, Outcome: outcome})
	if err != nil {
		return err
	}
	return s.d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {
		if same {
			s.before.Imported = s.account.Imported
			return errors.Join(putAccount(tx, *s.before), tx.Delete(bucketImports, numberKey(s.account.First)))
		}
		s.account.Last, s.account.Persons, s.account.Current = s.next-1, s.result.Accepted, true
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
// import, in chunks: a reading transaction must be short.
func (s *staging) removals(ctx context.Context, before *account) error {
	from := []byte{}
	for {
		var gone []string
		n := 0
		err := s.d.cfg.Store.Lists().View(func(tx *store.LocalTx) error {
			return tx.Scan(before.ids(), from, func(k, v []byte) error {
				if n++; n > importBatch {
					from = k
					return store.ErrStop
				}
				if len(k) != 16 || len(v) < 8 {
					return errors.New("an entry of a list has another form")
				}
				if _, still := s.seen[[16]byte(k)]; !still {
					gone = append(gone, string(v[8:]))
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, id := range gone {
			if err := s.add(ctx, listEntry{ID: id}); err != nil {
				return err
			}
		}
		if n <= importBatch {
			return nil
		}
	}
}

func validListName(s string) bool {
	return s != "" && len(s) <= maxListName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
