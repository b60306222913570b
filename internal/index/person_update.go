package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// MaxChanges is the most changes of one Update: one transaction.
const MaxChanges = 50_000

// maxRef bounds the texts that come back with a hit.
const maxRef = 255

// Change adds, replaces or removes one person.
type Change struct {
	Ref    string     // names the person to the caller, 1..255 bytes, unique in the index
	Origin string     // where the person comes from, in the caller's words, at most 255 bytes
	Person *ct.Person // nil removes
}

// entry is what the index keeps of one person.
type entry struct {
	ref, origin string
	subject     *match.Subject
}

// Update applies changes, in order, and moves the cursors, in one transaction.
// When it returns, Find sees the result: a removed person is found no more.
func (x *Index) Update(cursors Cursors, changes []Change) error {
	return x.write(&cursors, changes, nil)
}

// write is Update with the places of records in the same transaction. Cursors
// that are nil stay as they are.
func (x *Index) write(to *Cursors, changes []Change, places []place) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	cursors := x.Cursors()
	if to != nil {
		cursors = *to
	}
	if len(changes) > MaxChanges {
		return fmt.Errorf("update index: %d changes, at most %d in one update", len(changes), MaxChanges)
	}
	for _, c := range changes {
		if c.Ref == "" || len(c.Ref) > maxRef || len(c.Origin) > maxRef {
			return fmt.Errorf("update index: a ref has 1 to %d bytes and an origin at most %d", maxRef, maxRef)
		}
	}
	b := batch{x: x, next: x.nextID, count: x.persons.Load(), words: map[string]int{}}
	err := x.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(b.apply(tx, cursors, lastOfEach(changes)), writePlaces(tx, places))
	})
	if err != nil {
		return fmt.Errorf("update index: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for text, n := range b.words {
		if n != 0 {
			x.words.add(text, x.seal.tag("word", text), n)
		}
	}
	x.cursors = cursors
	close(x.changed)
	x.changed = make(chan struct{})
	x.nextID = b.next
	x.persons.Store(b.count)
	return nil
}

// lastOfEach keeps the last change of every ref: the earlier ones would be undone.
func lastOfEach(changes []Change) []Change {
	last := make(map[string]int, len(changes))
	for i, c := range changes {
		last[c.Ref] = i
	}
	if len(last) == len(changes) {
		return changes
	}
	var out []Change
	for i, c := range changes {
		if last[c.Ref] == i {
			out = append(out, c)
		}
	}
	return out
}

// batch is one Update under way. It collects keys and writes them sorted:
// bbolt is several times faster so.
type batch struct {
	x     *Index
	next  uint32
	count int64

	add, del []posting
	words    map[string]int // change of the number of postings, by token
	persons  []row          // ascending person number within adds
	refs     []row
}

// posting is a key of the postings bucket.
type posting [16 + 2 + 4]byte

type row struct{ key, value []byte } // value nil: delete

func (b *batch) apply(tx *bbolt.Tx, cursors Cursors, changes []Change) error {
	refs, persons, free := tx.Bucket(bucketRefs), tx.Bucket(bucketPersons), tx.Bucket(bucketFree)
	for _, c := range changes {
		refTag := b.x.seal.tag("ref", c.Ref)
		id := bytes.Clone(refs.Get(refTag[:]))
		if id != nil {
			old, err := b.x.openEntry(id, persons.Get(id))
			if err != nil {
				return err
			}
			b.post(old.subject, binary.BigEndian.Uint32(id), -1)
		}
		switch {
		case c.Person == nil && id == nil:
			continue
		case c.Person == nil:
			b.count--
			b.persons = append(b.persons, row{id, nil})
			b.refs = append(b.refs, row{refTag[:], nil})
			if err := free.Put(id, []byte{1}); err != nil {
				return err
			}
			continue
		case id == nil:
			var err error
			if id, err = b.number(free); err != nil {
				return err
			}
			b.count++
			b.refs = append(b.refs, row{refTag[:], id})
		}
		e := entry{ref: c.Ref, origin: c.Origin, subject: match.Prepare(*c.Person)}
		b.post(e.subject, binary.BigEndian.Uint32(id), +1)
		b.persons = append(b.persons, row{id, b.x.sealEntry(id, e)})
	}
	return errors.Join(
		writeRows(persons, b.persons),
		writeRows(refs, b.refs),
		b.writePostings(tx.Bucket(bucketPostings)),
		b.writeWords(tx.Bucket(bucketWords)),
		b.writeMeta(tx.Bucket(bucketMeta), cursors),
	)
}

// number takes a person number that is not in use: one of a removed person
// first, so that the numbers stay dense.
func (b *batch) number(free *bbolt.Bucket) ([]byte, error) {
	if k, _ := free.Cursor().First(); k != nil {
		id := bytes.Clone(k)
		return id, free.Delete(id)
	}
	if b.next == 1<<32-1 {
		return nil, errors.New("no person number left; delete the file to build it again")
	}
	b.next++
	return binary.BigEndian.AppendUint32(nil, b.next-1), nil
}

// maxPersonYears: a person with more possible years of birth is posted under
// "unknown", which every query reads.
const maxPersonYears = 4

// post adds the postings of a subject, or with sign -1 removes them.
func (b *batch) post(s *match.Subject, id uint32, sign int) {
	years := []yearTag{b.x.seal.year(0)}
	if ys, ok := s.Years(maxPersonYears); ok {
		years = years[:0]
		for _, y := range ys {
			years = append(years, b.x.seal.year(y))
		}
		slices.SortFunc(years, func(a, b yearTag) int { return bytes.Compare(a[:], b[:]) })
		years = slices.Compact(years)
	}
	for _, key := range match.Keys(s) {
		var t tag
		if text, ok := nameKey(key); ok {
			t = b.x.seal.tag("word", text)
			b.words[text] += sign * len(years)
		} else {
			t = b.x.seal.tag("key", key)
		}
		for _, y := range years {
			p := newPosting(t, y, id)
			if sign > 0 {
				b.add = append(b.add, p)
			} else {
				b.del = append(b.del, p)
			}
		}
	}
}

// nameKey gives the token of a name key.
func nameKey(key string) (string, bool) {
	if len(key) > 1 && key[0] == match.KeyName {
		return key[1:], true
	}
	return "", false
}

func newPosting(t tag, y yearTag, id uint32) (p posting) {
	copy(p[:], t[:])
	copy(p[16:], y[:])
	binary.BigEndian.PutUint32(p[18:], id)
	return p
}

// writePostings deletes first: a person who was replaced keeps most keys.
func (b *batch) writePostings(bucket *bbolt.Bucket) error {
	byKey := func(a, b posting) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(b.add, byKey)
	slices.SortFunc(b.del, byKey)
	for i := range b.del {
		if _, kept := slices.BinarySearchFunc(b.add, b.del[i], byKey); kept {
			continue
		}
		if err := bucket.Delete(b.del[i][:]); err != nil {
			return err
		}
	}
	present := []byte{1}
	for i := range b.add {
		if err := bucket.Put(b.add[i][:], present); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) writeWords(bucket *bbolt.Bucket) error {
	rows := make([]row, 0, len(b.words))
	for text, change := range b.words {
		if change == 0 {
			continue
		}
		t := b.x.seal.tag("word", text)
		count := change
		if v := bucket.Get(t[:]); v != nil {
			_, n, err := b.x.openWord(t[:], v)
			if err != nil {
				return err
			}
			count += int(n)
		}
		r := row{key: t[:]}
		if count > 0 {
			plain := binary.BigEndian.AppendUint32(nil, uint32(count))
			r.value = b.x.seal.seal(t[:], append(plain, text...))
		}
		rows = append(rows, r)
	}
	return writeRows(bucket, rows)
}

func writeRows(bucket *bbolt.Bucket, rows []row) error {
	slices.SortStableFunc(rows, func(a, b row) int { return bytes.Compare(a.key, b.key) })
	for _, r := range rows {
		var err error
		if r.value == nil {
			err = bucket.Delete(r.key)
		} else {
			err = bucket.Put(r.key, r.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) writeMeta(meta *bbolt.Bucket, c Cursors) error {
	cursors := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, c.Store), c.Lists)
	return errors.Join(
		meta.Put(keyCursors, cursors),
		meta.Put(keyNext, binary.BigEndian.AppendUint32(nil, b.next)),
		meta.Put(keyCount, binary.BigEndian.AppendUint64(nil, uint64(b.count))),
	)
}

// sealEntry writes an entry for the disk; its place is the person number.
func (x *Index) sealEntry(id []byte, e entry) []byte {
	plain := append([]byte{byte(len(e.ref))}, e.ref...)
	plain = append(plain, byte(len(e.origin)))
	plain = append(plain, e.origin...)
	plain = append(plain, e.subject.Marshal()...)
	return x.seal.seal(id, plain)
}

var errEntry = errors.New("a person of the index does not open; delete the file to build it again")

func (x *Index) openEntry(id, sealed []byte) (entry, error) {
	plain, err := x.seal.open(nil, id, sealed)
	if err != nil {
		return entry{}, errEntry
	}
	ref, rest, ok := cutText(plain)
	if !ok {
		return entry{}, errEntry
	}
	origin, rest, ok := cutText(rest)
	if !ok {
		return entry{}, errEntry
	}
	s, err := match.Unmarshal(rest)
	if err != nil {
		return entry{}, fmt.Errorf("%w: %w", errEntry, err)
	}
	return entry{ref: ref, origin: origin, subject: s}, nil
}

// cutText reads a text of one length byte.
func cutText(b []byte) (string, []byte, bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}
