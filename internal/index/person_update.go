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
	if err := x.ready(); err != nil {
		return fmt.Errorf("update index: %w", err)
	}
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
	b := batch{x: x, next: x.nextID, count: x.persons.Load(), texts: map[listTag]string{}}
	err := x.update(func(tx *bbolt.Tx) error {
		return errors.Join(b.apply(tx, cursors, lastOfEach(changes)), writePlaces(tx, places), writeNotYet(tx, places))
	})
	if err != nil {
		return fmt.Errorf("update index: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	b.remember()
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

	names, keys delta
	texts       map[listTag]string // of the tokens in names
	persons     []row              // ascending person number within adds
	refs        []row
}

// delta is what changes in lists.
type delta struct{ add, del []listed }

// sort puts a delta in order. What is taken out and put back stays: a person
// who was replaced keeps most keys.
func (d *delta) sort() {
	slices.SortFunc(d.add, compareListed)
	slices.SortFunc(d.del, compareListed)
	if len(d.del) > 0 {
		d.del = slices.DeleteFunc(d.del, func(l listed) bool {
			_, kept := slices.BinarySearchFunc(d.add, l, compareListed)
			return kept
		})
	}
}

type row struct{ key, value []byte } // value nil: delete

func (b *batch) apply(tx *bbolt.Tx, cursors Cursors, changes []Change) error {
	refs, persons, free := tx.Bucket(bucketRefs), tx.Bucket(bucketPersons), tx.Bucket(bucketFree)
	fresh := make([]prepared, 0, len(changes))
	b.persons, b.refs = make([]row, 0, len(changes)), make([]row, 0, len(changes))
	for _, c := range changes {
		refTag := b.x.seal.tag("ref", c.Ref)
		id := bytes.Clone(refs.Get(refTag[:]))
		known := id != nil
		var held []byte
		if known {
			held = persons.Get(id)
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
		case id == nil:
			var err error
			if id, err = b.number(free); err != nil {
				return err
			}
			b.count++
			b.refs = append(b.refs, row{refTag[:], id})
		}
		fresh = append(fresh, prepared{id: id, change: c, known: known, held: held})
	}
	b.x.prepare(fresh)
	for i := range fresh {
		p := &fresh[i]
		if p.err != nil {
			return p.err
		}
		if p.same {
			continue
		}
		id := binary.BigEndian.Uint32(p.id)
		b.post(p.old, id, -1)
		if b.post(p.keys, id, +1); p.sealed != nil {
			b.persons = append(b.persons, row{p.id, p.sealed})
		}
	}
	b.names.sort()
	b.keys.sort()
	return errors.Join(
		writeRows(persons, b.persons),
		writeRows(refs, b.refs),
		b.writeNames(tx.Bucket(bucketPostings)),
		b.writeKeys(tx.Bucket(bucketKeys)),
		b.writeMeta(tx.Bucket(bucketMeta), cursors),
	)
}

// prepared is a person on its way in, or out.
type prepared struct {
	id     []byte
	change Change
	known  bool   // the person is in the index
	held   []byte // sealed, when known

	old, keys subjectKeys
	sealed    []byte // nil when the person goes
	same      bool   // as it is in the index: nothing is written
	err       error
}

// prepare reads and seals persons: most of the work of an index that is built.
// Of a list that is imported again most are as they were.
func (x *Index) prepare(persons []prepared) {
	inParts(len(persons), func(i int) {
		p := &persons[i]
		var r reader
		var old opened
		if p.known {
			if old, p.err = r.open(x.seal, p.id, p.held); p.err != nil {
				return
			}
		}
		if p.change.Person != nil {
			subject := match.Prepare(*p.change.Person)
			plain := entry{ref: p.change.Ref, origin: p.change.Origin, subject: subject}.marshal()
			if p.same = p.known && bytes.Equal(plain, r.plain); p.same {
				return
			}
			p.keys, p.sealed = x.keysOf(subject), x.seal.seal(p.id, plain)
		}
		if p.known {
			p.old = x.keysOf(old.subject)
		}
	})
}

// subjectKeys is what a subject is listed under.
type subjectKeys struct {
	names, keys []listTag
	texts       []string // of names
	births      []posting
}

// keysOf lists what a subject is listed under. It looks into the vocabulary,
// which only the one writer changes, and not while this runs.
func (x *Index) keysOf(s *match.Subject) subjectKeys {
	k := subjectKeys{births: birthsOf(s)}
	for _, key := range match.Keys(s) {
		text, ok := nameKey(key)
		if !ok {
			k.keys = append(k.keys, x.seal.list("key", key))
			continue
		}
		list := listTag{}
		if id, known := x.words.find(text); known {
			list = x.words.words[id].list
		} else {
			list = x.seal.list("word", text)
		}
		k.names, k.texts = append(k.names, list), append(k.texts, text)
	}
	return k
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

// post puts a subject into its lists, or with sign -1 takes it out.
func (b *batch) post(k subjectKeys, id uint32, sign int) {
	to := func(d *delta, lists []listTag) {
		for _, t := range lists {
			for _, p := range k.births {
				if l := (listed{t, p.of(id)}); sign > 0 {
					d.add = append(d.add, l)
				} else {
					d.del = append(d.del, l)
				}
			}
		}
	}
	to(&b.names, k.names)
	to(&b.keys, k.keys)
	for i, t := range k.names {
		b.texts[t] = k.texts[i]
	}
}

// nameKey gives the token of a name key.
func nameKey(key string) (string, bool) {
	if len(key) > 1 && key[0] == match.KeyName {
		return key[1:], true
	}
	return "", false
}

// writeNames changes the lists of tokens. Beside a list stands the token, under
// the list's tag alone.
func (b *batch) writeNames(bucket *bbolt.Bucket) error {
	return eachList(b.names.add, b.names.del, func(t listTag, adds, dels []listed) error {
		text := b.texts[t]
		id, known := b.x.words.find(text)
		if !known && len(adds) > 0 {
			if err := bucket.Put(t[:], b.x.seal.seal(t[:], []byte(text))); err != nil {
				return err
			}
		}
		if err := b.x.seal.writeList(bucket, t, adds, dels); err != nil {
			return err
		}
		if known && len(adds) == 0 && len(dels) >= b.x.words.words[id].persons() {
			return bucket.Delete(t[:])
		}
		return nil
	})
}

func (b *batch) writeKeys(bucket *bbolt.Bucket) error {
	return eachList(b.keys.add, b.keys.del, func(t listTag, adds, dels []listed) error {
		return b.x.seal.writeList(bucket, t, adds, dels)
	})
}

// remember changes the lists in memory as those of the file have been changed.
// The caller holds the lock.
func (b *batch) remember() {
	v := b.x.words
	_ = eachList(b.names.add, b.names.del, func(t listTag, adds, dels []listed) error {
		text := b.texts[t]
		if id, known := v.find(text); known {
			v.set(id, merge(v.words[id].postings, adds, dels))
		} else if len(adds) > 0 {
			v.add(text, t, merge(nil, adds, nil))
		}
		return nil
	})
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

// marshal writes an entry; on disk it is sealed, and its place is the person
// number.
func (e entry) marshal() []byte {
	plain := append([]byte{byte(len(e.ref))}, e.ref...)
	plain = append(plain, byte(len(e.origin)))
	plain = append(plain, e.origin...)
	return append(plain, e.subject.Marshal()...)
}

var errEntry = fmt.Errorf("%w: a person of the index does not open; the next start builds it again", errDamaged)

// reader opens one entry after another into the same memory.
type reader struct {
	plain   []byte
	subject match.Decoder
}

// opened is an entry as a reader gives it: good until the next.
type opened struct {
	ref, origin []byte
	subject     *match.Subject
}

func (r *reader) open(s *sealer, id, sealed []byte) (e opened, err error) {
	if r.plain, err = s.open(r.plain[:0], id, sealed); err != nil {
		return e, errEntry
	}
	rest, ok := r.plain, false
	if e.ref, rest, ok = cutText(rest); !ok {
		return e, errEntry
	}
	if e.origin, rest, ok = cutText(rest); !ok {
		return e, errEntry
	}
	if e.subject, err = r.subject.Decode(rest); err != nil {
		return e, fmt.Errorf("%w: %w", errEntry, err)
	}
	return e, nil
}

// cutText reads a text of one length byte.
func cutText(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}
