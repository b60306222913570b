package index

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// Buckets of places. None holds anything personal: ids, times and cursors.
//
//	ids:       first 8 bytes of the id ‖ cursor         → nothing of meaning
//	referrers: first 16 bytes of the target ‖ cursor    → nothing of meaning
//	expiries:  expires_at ‖ log ‖ seq                   → id
//	addresses: log                                      → cursor and seq of its newest ADDRESS
//	notyet:    id                                       → kind (1) and reason: held, and not understood
//	notyetsum: kind and reason                          → how many
var (
	bucketIDs       = []byte("ids")
	bucketReferrers = []byte("referrers")
	bucketExpiries  = []byte("expiries")
	bucketAddresses = []byte("addresses")
	bucketNotYet    = []byte("notyet")
	bucketNotYetSum = []byte("notyetsum")
)

var placeBuckets = [][]byte{bucketIDs, bucketReferrers, bucketExpiries, bucketAddresses, bucketNotYet, bucketNotYetSum}

// place is where a record can be found again.
type place struct {
	id      ct.ID
	log     ct.LogID
	seq     uint64
	cursor  uint64
	expires ct.Millis
	refs    []ct.Ref
	expiry  bool // its body ends with expires
	address bool
	hides   []ct.ID // of a RETRACT: what it has hidden
	notYet  []byte  // under what it is counted as not understood; nil: it is not
}

func placeOf(r *store.Row, retention time.Duration) place {
	return place{
		id: r.ID, log: r.Header.Log, seq: r.Header.Seq, cursor: r.Cursor,
		expires: r.Ends(retention), refs: r.Header.Refs,
		// Root logs hold no person and must stay readable: their bodies say who may speak.
		expiry:  !r.Root && (r.BodyState == store.BodyHeld || r.BodyState == store.BodyMissing || r.BodyState == store.BodyElsewhere),
		address: ct.Kind(r.Header.Kind) == ct.KindAddress && r.Inadmissible == "" && r.BodyState == store.BodyHeld,
		notYet:  notYetOf(r),
	}
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func writePlaces(tx *bbolt.Tx, places []place) error {
	present := []byte{1}
	var ids, referrers, expiries []row
	for _, p := range places {
		ids = append(ids, row{append(bytes.Clone(p.id[:8]), u64(p.cursor)...), present})
		for _, ref := range p.refs {
			referrers = append(referrers, row{append(bytes.Clone(ref.ID[:16]), u64(p.cursor)...), present})
		}
		if p.expiry {
			expiries = append(expiries, row{expiryKey(p.expires, p.log, p.seq), bytes.Clone(p.id[:])})
		}
		if p.address {
			if err := writeAddress(tx.Bucket(bucketAddresses), &p); err != nil {
				return err
			}
		}
	}
	for _, w := range []struct {
		bucket []byte
		rows   []row
	}{{bucketIDs, ids}, {bucketReferrers, referrers}, {bucketExpiries, expiries}} {
		if err := writeRows(tx.Bucket(w.bucket), w.rows); err != nil {
			return err
		}
	}
	return nil
}

// writeAddress notes a log's statement unless a later one of the log is noted:
// with a body that comes late, the older one arrives after the newer.
func writeAddress(b *bbolt.Bucket, p *place) error {
	if v := b.Get(p.log[:]); len(v) == 16 && binary.BigEndian.Uint64(v[8:]) > p.seq {
		return nil
	}
	return b.Put(p.log[:], append(u64(p.cursor), u64(p.seq)...))
}

func expiryKey(t ct.Millis, log ct.LogID, seq uint64) []byte {
	return append(append(u64(uint64(t)), log[:]...), u64(seq)...)
}

// ByID gives the cursors of up to max records whose id begins with a hex
// prefix of at least four digits. A cursor may be stale: the reader checks.
func (x *Index) ByID(prefix string, max int) ([]uint64, error) {
	whole, err := hex.DecodeString(prefix[:len(prefix)&^1])
	if err != nil {
		return nil, err
	}
	key := whole[:min(len(whole), 8)]
	var out []uint64
	err = x.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketIDs).Cursor()
		for k, _ := c.Seek(key); k != nil && bytes.HasPrefix(k, key) && len(out) < max+maxStale; k, _ = c.Next() {
			if n := min(len(prefix), 16); hex.EncodeToString(k[:8])[:n] == prefix[:n] {
				out = append(out, binary.BigEndian.Uint64(k[8:]))
			}
		}
		return nil
	})
	return out, err
}

// maxStale is how many stale cursors a prefix look-up steps over: a record
// gets a new one each time its body comes back.
const maxStale = 64

// maxReferrers bounds a history.
const maxReferrers = 1000

// Referrers gives the cursors of the records that refer to id, in arrival order.
func (x *Index) Referrers(id ct.ID) ([]uint64, error) {
	var out []uint64
	err := x.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketReferrers).Cursor()
		for k, _ := c.Seek(id[:16]); k != nil && bytes.HasPrefix(k, id[:16]) && len(out) < maxReferrers; k, _ = c.Next() {
			out = append(out, binary.BigEndian.Uint64(k[16:]))
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}

// EachAddress calls fn with the cursor of each log's newest ADDRESS statement.
func (x *Index) EachAddress(fn func(cursor uint64) error) error {
	var cursors []uint64
	err := x.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketAddresses).ForEach(func(_, v []byte) error {
			cursors = append(cursors, binary.BigEndian.Uint64(v))
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, c := range cursors {
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

// DueExpiries names up to max records that have expired and are not yet done.
func (x *Index) DueExpiries(now time.Time, max int) ([]ct.Ref, error) {
	var out []ct.Ref
	until := u64(uint64(ct.MillisOf(now)))
	err := x.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketExpiries).Cursor()
		for k, v := c.First(); k != nil && bytes.Compare(k[:8], until) < 0 && len(out) < max; k, v = c.Next() {
			out = append(out, ct.Ref{Log: ct.LogID(k[8:40]), Seq: binary.BigEndian.Uint64(k[40:]), ID: ct.ID(v)})
		}
		return nil
	})
	return out, err
}

// ExpiriesDone takes erased records off the list of expiries.
func (x *Index) ExpiriesDone(now time.Time, refs []ct.Ref) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	until := u64(uint64(ct.MillisOf(now)))
	done := make(map[ct.ID]bool, len(refs))
	for _, r := range refs {
		done[r.ID] = true
	}
	return x.update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketExpiries)
		var keys [][]byte
		c := b.Cursor()
		for k, v := c.First(); k != nil && bytes.Compare(k[:8], until) < 0; k, v = c.Next() {
			if done[ct.ID(v)] {
				keys = append(keys, bytes.Clone(k))
			}
		}
		for _, k := range keys {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}
