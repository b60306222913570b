package desk

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// Imported lists in lists.db. Every import has buckets of its own, so that a
// new one becomes the list, and an old one goes, in one short transaction:
//
//	list.imports            first change number → account
//	list.persons.<first>    change number → entry, or the removal of one
//	list.ids.<first>        keyed hash of the entry id → change number ‖ entry id
//
// Change numbers ascend over all lists and are what the index follows. Those
// of an import are given out before it is visible; since there is one import
// at a time, a follower that has seen a number never misses a smaller one.
const (
	bucketImports = "list.imports"
	bucketPersons = "list.persons."
	bucketIDs     = "list.ids."
)

var (
	listNext = []byte("list-next") // in bucketMeta: the next change number
	listKey  = []byte("list-key")  // in bucketMeta: key of the hashes of entry ids
)

var errListForm = errors.New("an entry of a list has another form; import the list again")

// account describes one import.
type account struct {
	List     string    `json:"list"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	Persons  int       `json:"persons"`
	Imported ct.Millis `json:"imported"`
	Current  bool      `json:"current"`           // false: unfinished, or superseded
	Removed  bool      `json:"removed,omitempty"` // holds what its followers must forget, and nobody
	ListAbout
}

// listEntry is one change of a list; a nil Person removes the entry.
type listEntry struct {
	ID     string     `json:"id"`
	Person *ct.Person `json:"person,omitempty"`
}

func (a *account) persons() string { return bucketPersons + strconv.FormatUint(a.First, 10) }
func (a *account) ids() string     { return bucketIDs + strconv.FormatUint(a.First, 10) }

// visible remembers the accounts of what is visible, in order of change number,
// so that a search need not ask the file whether there is something new.
type visible struct {
	mu       sync.Mutex
	accounts []account     // guarded by mu
	changed  chan struct{} // guarded by mu: closed and replaced after an import
}

func (v *visible) set(accounts []account) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.accounts = accounts
	if v.changed != nil {
		close(v.changed)
	}
	v.changed = make(chan struct{})
}

// last is the number of the last change.
func (v *visible) last() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.accounts); n > 0 {
		return v.accounts[n-1].Last
	}
	return 0
}

// after counts the changes that follow one.
func (v *visible) after(number uint64) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := uint64(0)
	for _, a := range v.accounts {
		if a.Last > number {
			n += a.Last - max(a.First-1, number)
		}
	}
	return int(n)
}

// tlp is the marking of a list; 0 when it has none.
func (v *visible) tlp(list string) ct.TLP {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, a := range v.accounts {
		if a.List == list {
			return a.TLP
		}
	}
	return 0
}

func (v *visible) wait() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// loadLists reads which lists there are, at the start and after each import.
func (d *Desk) loadLists() error {
	var accounts []account
	err := d.cfg.Store.Lists().View(func(tx *store.LocalTx) (err error) {
		accounts, err = currentLists(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read lists: %w", err)
	}
	d.lists.set(accounts)
	return nil
}

// Lists describes the imported lists in order of name.
func (d *Desk) Lists() ([]ListInfo, error) {
	var out []ListInfo
	err := d.cfg.Store.Lists().View(func(tx *store.LocalTx) error {
		accounts, err := currentLists(tx)
		for _, a := range accounts {
			if !a.Removed {
				out = append(out, ListInfo{Name: a.List, Persons: a.Persons, Imported: a.Imported.Time(), ListAbout: a.ListAbout.over(ListAbout{})})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	slices.SortFunc(out, func(a, b ListInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// RemoveList takes a list away, and says how many persons were on it. It is
// journalled. The persons are removed from the file at once, and their ids when
// the index has followed.
func (d *Desk) RemoveList(ctx context.Context, list string) (persons int, err error) {
	lists, err := d.Lists()
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(lists, func(l ListInfo) bool { return l.Name == list }) {
		return 0, fmt.Errorf("remove list: %w: no list of that name", ErrNotFound)
	}
	o := ImportOptions{List: list, AcceptShrink: true}
	res, err := d.importList(ctx, o, nil, func(_ context.Context, s *staging) error { s.account.Removed = true; return nil })
	return res.Before, err
}

// maxListChanges bounds one ListPersons.
const maxListChanges = 10_000

// ListPersons gives the changes of the imported lists that follow a change
// number, at most max, in order, for the index. last is the number to go on
// from; it may be beyond that of the last change given. A follower that starts
// at zero gets the lists as they are now.
func (d *Desk) ListPersons(after uint64, max int) (changes []index.Change, last uint64, err error) {
	max = min(max, maxListChanges)
	if last = after; d.lists.last() <= after {
		return nil, after, nil
	}
	err = d.cfg.Store.Lists().View(func(tx *store.LocalTx) error {
		accounts, err := currentLists(tx)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if a.Last <= last {
				continue
			}
			more := false
			err := tx.Scan(a.persons(), numberKey(last+1), func(k, v []byte) error {
				if len(changes) >= max {
					more = true
					return store.ErrStop
				}
				var e listEntry
				if err := json.Unmarshal(v, &e); err != nil || len(k) != 8 {
					return errListForm
				}
				changes = append(changes, index.Change{Ref: listRef(a.List, e.ID), Origin: index.RefList + a.List, Person: e.Person})
				last = binary.BigEndian.Uint64(k)
				return nil
			})
			if err != nil || more {
				return err
			}
			last = a.Last
		}
		return nil
	})
	if err != nil {
		return nil, after, fmt.Errorf("read lists: %w", err)
	}
	return changes, last, nil
}

// WaitLists blocks until a change follows the given number.
func (d *Desk) WaitLists(ctx context.Context, after uint64) error {
	for {
		changed := d.lists.wait()
		if d.lists.last() > after {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// ListedPerson is an entry of a list as it is now.
type ListedPerson struct {
	Person *ct.Person
	ListInfo
}

// ListEntry gives an entry of a list; ErrNotFound.
func (d *Desk) ListEntry(list, id string) (ListedPerson, error) {
	p, err := d.listPerson(list, id)
	if err != nil {
		return ListedPerson{}, fmt.Errorf("read list %s: %w", list, err)
	}
	lists, err := d.Lists()
	i := slices.IndexFunc(lists, func(l ListInfo) bool { return l.Name == list })
	switch {
	case err != nil:
		return ListedPerson{}, err
	case p == nil || i < 0:
		return ListedPerson{}, fmt.Errorf("%w: no such entry of list %s", ErrNotFound, list)
	}
	return ListedPerson{p, lists[i]}, nil
}

// listed tells whether an entry is on the list as it is now.
func (d *Desk) listed(list, id string) (bool, error) {
	p, err := d.listPerson(list, id)
	return p != nil, err
}

// listPerson is an entry of a list as it is now; nil when there is none.
func (d *Desk) listPerson(list, id string) (*ct.Person, error) {
	var found *ct.Person
	err := d.cfg.Store.Lists().View(func(tx *store.LocalTx) error {
		accounts, err := currentLists(tx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(accounts, func(a account) bool { return a.List == list })
		if i < 0 {
			return nil
		}
		key, err := tx.Get(bucketMeta, listKey)
		if err != nil {
			return err
		}
		at, err := tx.Get(accounts[i].ids(), hashID(key, id))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil || len(at) < 8 {
			return errors.Join(err, errListForm)
		}
		val, err := tx.Get(accounts[i].persons(), at[:8])
		if err != nil {
			return err
		}
		var e listEntry
		if err := json.Unmarshal(val, &e); err != nil || e.ID != id {
			return errListForm
		}
		found = e.Person
		return nil
	})
	return found, err
}

// currentLists are the accounts of what is visible, in order of change number.
func currentLists(tx *store.LocalTx) ([]account, error) {
	all, err := imports(tx)
	return slices.DeleteFunc(all, func(a account) bool { return !a.Current }), err
}

func imports(tx *store.LocalTx) ([]account, error) {
	var out []account
	err := tx.Scan(bucketImports, nil, func(_, v []byte) error {
		var a account
		if err := json.Unmarshal(v, &a); err != nil {
			return errors.New("the account of an import has another form")
		}
		out = append(out, a)
		return nil
	})
	return out, err
}

func putAccount(tx *store.LocalTx, a account) error {
	val, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return tx.Put(bucketImports, numberKey(a.First), val)
}

// sweepLists drops what is not visible: superseded imports, and those that
// broke off. The lock on importing keeps an unfinished one out of its way.
func (d *Desk) sweepLists() error {
	d.importing.Lock()
	defer d.importing.Unlock()
	return d.sweep()
}

func (d *Desk) sweep() error {
	var old []account
	err := d.cfg.Store.Lists().View(func(tx *store.LocalTx) error {
		all, err := imports(tx)
		followed := d.cfg.Index.Cursors().Lists
		old = slices.DeleteFunc(all, func(a account) bool { return a.Current && !(a.Removed && a.Last <= followed) })
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep lists: %w", err)
	}
	for _, a := range old { // a transaction each: a drop frees as many pages as the list has
		err := d.cfg.Store.Lists().Update(func(tx *store.LocalTx) error {
			return errors.Join(tx.Drop(a.persons()), tx.Drop(a.ids()), tx.Delete(bucketImports, numberKey(a.First)))
		})
		if err != nil {
			return fmt.Errorf("sweep lists: %w", err)
		}
	}
	if len(old) == 0 {
		return nil
	}
	// Sealed persons live on in free pages until the file is rewritten.
	if err := d.cfg.Store.Lists().Compact(); err != nil {
		return fmt.Errorf("sweep lists: %w", err)
	}
	return nil
}

// hashKey gives the key under which entry ids are hashed, made at the first use.
func hashKey(tx *store.LocalTx) ([]byte, error) {
	key, err := tx.Get(bucketMeta, listKey)
	if !errors.Is(err, store.ErrNotFound) {
		return key, err
	}
	key = make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("draw key: %w", err)
	}
	return key, tx.Put(bucketMeta, listKey, key)
}

// hashID stands for an entry id as a key: a State's own ids may be personal
// numbers, and keys are not sealed.
func hashID(key []byte, id string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id))
	return m.Sum(nil)[:16]
}
