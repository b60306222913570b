package desk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// An imprint is a keyed hash: of all that an author wrote in a notification, or
// of an idempotency key. It tells what is equal and, to who does not have this
// node's keys, nothing else.
type imprint [16]byte

// Buckets of local.db. An imprint of content is followed by the first eight
// bytes of the record's commitment, since equal content may be in force twice.
const (
	bucketContent = "desk.content"
	bucketKey     = "desk.key"
)

var (
	imprintSecret = []byte("imprint-secret")
	keyCount      = []byte("key-count")
)

// maxKeyLength bounds an idempotency key, in bytes.
const maxKeyLength = 64

// maxKeys bounds the idempotency keys that are kept; a variable for tests.
var maxKeys uint64 = 1_000_000

// noted is one publication, written before it is signed, in the transaction of
// its journal entry. Whether it became a record is what the own log says.
type noted struct {
	Commit  [32]byte
	From    uint64    // size of the own log when it was drafted
	Expires ct.Millis // of the record
	Content imprint
}

const notedSize = 32 + 8 + 8 + 16

func (n *noted) encode() []byte {
	out := binary.BigEndian.AppendUint64(n.Commit[:], n.From)
	out = binary.BigEndian.AppendUint64(out, uint64(n.Expires))
	return append(out, n.Content[:]...)
}

func readNoted(v []byte) (*noted, error) {
	if len(v) != notedSize {
		return nil, errors.New("a publication is noted in another form")
	}
	return &noted{
		Commit: [32]byte(v), From: binary.BigEndian.Uint64(v[32:]), Expires: ct.Millis(binary.BigEndian.Uint64(v[40:])),
		Content: imprint(v[48:]),
	}, nil
}

// contentKey is the key of bucketContent.
func (n *noted) contentKey() []byte { return slices.Concat(n.Content[:], n.Commit[:8]) }

// imprints is what is in memory of them.
type imprints struct {
	secret []byte

	mu     sync.Mutex
	claims map[imprint]chan struct{} // guarded by mu: publications between their look-up and their draft's fate
	known  uint64                    // guarded by mu: all records of the own log up to here are noted
	beyond map[uint64]bool           // guarded by mu: own records behind known that are noted, too
	moved  chan struct{}             // guarded by mu: closed when known rises

	swept [2][]byte // the clerk's own: where its next round begins
}

func newImprints() *imprints {
	return &imprints{claims: map[imprint]chan struct{}{}, beyond: map[uint64]bool{}, moved: make(chan struct{})}
}

// loadImprints finds the secret, or draws it. It is in local.db, and so in every
// backup: what a restored node has noted stays comparable.
func (d *Desk) loadImprints() error {
	l := d.cfg.Store.Local()
	err := l.View(func(tx *store.LocalTx) (err error) {
		d.imprints.secret, err = tx.Get(bucketMeta, imprintSecret)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		secret := make([]byte, 32)
		if _, err := rand.Read(secret); err != nil {
			return fmt.Errorf("draw secret of imprints: %w", err)
		}
		d.imprints.secret = secret
		err = l.Update(func(tx *store.LocalTx) error { return tx.Put(bucketMeta, imprintSecret, secret) })
	}
	if err != nil {
		return fmt.Errorf("read secret of imprints: %w", err)
	}
	return nil
}

func (d *Desk) imprint(what string, parts ...[]byte) (out imprint) {
	h := hmac.New(sha256.New, d.imprints.secret)
	h.Write([]byte(what))
	for _, p := range parts {
		h.Write(p)
	}
	copy(out[:], h.Sum(nil))
	return out
}

// contentOf is the imprint of what the author of a record wrote: the body, and of
// the header topic, priority, TLP, audience and expiry. What the node adds says
// nothing of an event and differs each time: salt, issued_at, the place in the log.
func (d *Desk) contentOf(topic ct.Topic, priority ct.Priority, tlp ct.TLP, a ct.Audience, expires ct.Millis, body []byte) imprint {
	var fields []byte
	for _, x := range []uint64{uint64(topic), uint64(priority), uint64(tlp), uint64(a), uint64(expires)} {
		fields = binary.BigEndian.AppendUint64(fields, x)
	}
	return d.imprint("content", fields, body)
}

func (d *Desk) noted(dr *draft) *noted {
	return &noted{dr.commit(), dr.From, dr.Expires, d.contentOf(dr.Topic, dr.Priority, dr.TLP, dr.Audience, dr.Expires, dr.Body)}
}

func checkKey(s string) error {
	if len(s) > maxKeyLength {
		return ct.Faults{{Field: "idempotency_key", Fault: ct.FaultTooLong}}
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return ct.Faults{{Field: "idempotency_key", Fault: ct.FaultText + ": printable ASCII alone"}}
		}
	}
	return nil
}

// claim keeps what has one of these imprints from being published by another
// caller until free is called.
func (d *Desk) claim(ctx context.Context, all ...imprint) (free func(), err error) {
	p := d.imprints
	for {
		p.mu.Lock()
		var held chan struct{}
		for _, x := range all {
			held = cmp.Or(held, p.claims[x])
		}
		if held == nil {
			break
		}
		p.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer p.mu.Unlock()
	mine := make(chan struct{})
	for _, x := range all {
		p.claims[x] = mine
	}
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, x := range all {
			delete(p.claims, x)
		}
		close(mine)
	}), nil
}

// spot is what became of a noted publication.
type spot struct {
	receipt Receipt // of a record, or of a draft that waits; zero: it became none
	draft   uint64  // key in the outbox, when it waits there
	force   bool    // it waits, or is a record that is in force until it expires, and equal content expires with it
	erased  bool    // a record whose content is erased, or no part of the log
}

// find looks for it where it must be: in the outbox, which it leaves when it is
// signed, then in the own log from where it was drafted on.
func (d *Desk) find(n *noted) (spot, error) {
	if d.waiting.Load() > 0 {
		var at spot
		err := d.drafts(func(key uint64, dr *draft) error {
			if dr.Fault != "" || dr.commit() != n.Commit {
				return nil
			}
			at = spot{Receipt{Waiting: keyText(key), Why: d.why()}, key, true, false}
			return store.ErrStop
		})
		if err != nil || at.draft != 0 {
			return at, err
		}
	}
	row, found, err := d.signedAs(n.Commit, n.From)
	if err != nil || !found {
		return spot{}, err
	}
	at := spot{receipt: Receipt{ID: row.ID, Log: row.Header.Log, Seq: row.Header.Seq}}
	at.erased = erased(row.BodyState)
	at.force = !at.erased && row.HiddenBy.IsZero() && !d.Retracting(row.ID) && row.Inadmissible == ""
	return at, nil
}

func erased(b store.BodyState) bool {
	return b != store.BodyHeld && b != store.BodyMissing && b != store.BodyElsewhere
}

// past is what a publication would repeat.
type past struct {
	again *spot    // it was published under its key already
	under *noted   // as it was noted then
	equal *spot    // equal content is in force
	stale [][]byte // keys of bucketContent that name nothing any more
}

// past looks for what was published under the same key, and for equal content in
// force. That the key stands for other content is ErrConflict.
func (d *Desk) past(n *noted, key imprint) (*past, error) {
	var out past
	if key != (imprint{}) {
		old, err := d.underKey(key)
		if err != nil {
			return nil, err
		}
		if old != nil {
			at, err := d.find(old)
			if err != nil {
				return nil, err
			}
			if made := !at.receipt.ID.IsZero() || at.draft != 0; made && old.Content != n.Content {
				return nil, fmt.Errorf("%w: the idempotency key stands for another notification, %s: take another key", ErrConflict, at.name())
			} else if made {
				out.again, out.under = &at, old
				return &out, nil
			}
		}
	}
	err := d.equals(n.Content, func(old *noted) (bool, error) {
		at, err := d.find(old)
		switch {
		case err != nil:
			return false, err
		case at.force:
			out.equal = &at
		case at.erased, at.receipt.ID.IsZero():
			out.stale = append(out.stale, old.contentKey())
		}
		return out.equal == nil, nil
	})
	return &out, err
}

// name says where it is, in an error.
func (s *spot) name() string {
	if s.draft != 0 {
		return "draft " + s.receipt.Waiting + " of the outbox"
	}
	return "record " + s.receipt.ID.String()
}

// underKey is what was published under a key; nil: nothing. ErrBusy when no more
// keys are kept.
func (d *Desk) underKey(key imprint) (n *noted, err error) {
	err = d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
		v, err := tx.Get(bucketKey, key[:])
		if err == nil {
			n, err = readNoted(v)
			return err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		count, err := keysIn(tx)
		if err == nil && count >= maxKeys {
			err = fmt.Errorf("%w: %d idempotency keys are kept, as long as their records are in force: publish without a key", ErrBusy, count)
		}
		return err
	})
	return n, err
}

// equals calls fn with the publications of equal content, until it says no.
func (d *Desk) equals(content imprint, fn func(*noted) (more bool, err error)) error {
	const page = 64
	for from := content[:]; from != nil; {
		var some []*noted
		at := from
		from = nil
		err := d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
			return tx.Scan(bucketContent, at, func(k, v []byte) error {
				if !bytes.HasPrefix(k, content[:]) {
					return store.ErrStop
				}
				if len(some) == page {
					from = k
					return store.ErrStop
				}
				n, err := readNoted(v)
				some = append(some, n)
				return err
			})
		})
		if err != nil {
			return err
		}
		for _, n := range some {
			if more, err := fn(n); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// put notes a publication in the transaction of its journal entry.
func (n *noted) put(tx *store.LocalTx, key imprint, stale [][]byte) error {
	for _, k := range stale {
		if err := tx.Delete(bucketContent, k); err != nil {
			return err
		}
	}
	if err := tx.Put(bucketContent, n.contentKey(), n.encode()); err != nil || key == (imprint{}) {
		return err
	}
	_, err := tx.Get(bucketKey, key[:])
	if errors.Is(err, store.ErrNotFound) {
		err = countKeys(tx, 1)
	}
	if err != nil {
		return err
	}
	return tx.Put(bucketKey, key[:], n.encode())
}

func keysIn(tx *store.LocalTx) (uint64, error) {
	v, err := tx.Get(bucketMeta, keyCount)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(v) != 8:
		return 0, errors.New("the count of idempotency keys has another form")
	}
	return binary.BigEndian.Uint64(v), nil
}

func countKeys(tx *store.LocalTx, more int64) error {
	n, err := keysIn(tx)
	if err != nil {
		return err
	}
	return tx.Put(bucketMeta, keyCount, numberKey(uint64(int64(n)+more)))
}

// notTwice is ErrConflict when a record in force has the content of a draft that
// is to be signed: one that came back from peers after the draft was taken in.
func (d *Desk) notTwice(dr *draft) error {
	if dr.Kind != ct.KindNotification || dr.Twice {
		return nil
	}
	n := d.noted(dr)
	return d.equals(n.Content, func(old *noted) (bool, error) {
		if old.Commit == n.Commit {
			return true, nil
		}
		at, err := d.find(old)
		if err == nil && at.force && at.draft == 0 {
			err = fmt.Errorf("%w: %w: equal content is in force: %s", ErrConflict, errUnfit, at.name())
		}
		return true, err
	})
}
