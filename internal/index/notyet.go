package index

import (
	"bytes"
	"encoding/binary"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
	"go.etcd.io/bbolt"
)

// NotYet counts the records of a kind that are held and whose content this version
// does not understand, for a reason.
type NotYet struct {
	Kind    ct.Kind // maxNotYet: that and all above
	Reason  verify.Reason
	Records uint64
}

// maxNotYet bounds the kinds that are counted apart: an author may number them freely.
const maxNotYet = 255

// NotYet lists what of the content held is not understood, by kind and reason. What was
// taken back, has expired or was erased is not in it.
func (x *Index) NotYet() ([]NotYet, error) {
	var out []NotYet
	err := x.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketNotYetSum).ForEach(func(k, v []byte) error {
			out = append(out, NotYet{ct.Kind(k[0]), verify.Reason(k[1:]), binary.BigEndian.Uint64(v)})
			return nil
		})
	})
	return out, err
}

// notYetOf is under what a record is counted; nil: it is not.
func notYetOf(r *store.Row) []byte {
	if !r.Inadmissible.NotYet() || !r.HiddenBy.IsZero() || r.BodyState != store.BodyHeld && r.BodyState != store.BodyMissing {
		return nil
	}
	return append([]byte{byte(min(r.Header.Kind, maxNotYet))}, r.Inadmissible...)
}

// writeNotYet counts records in the order of their arrival: one may have arrived
// before, as something else, and a RETRACT ends what it hides.
func writeNotYet(tx *bbolt.Tx, places []place) error {
	any, _ := tx.Bucket(bucketNotYet).Cursor().First()
	for i := range places {
		p := &places[i]
		if any == nil && p.notYet == nil {
			continue
		}
		any = p.id[:]
		if err := countNotYet(tx, p.id, p.notYet); err != nil {
			return err
		}
		for _, id := range p.hides {
			if err := countNotYet(tx, id, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetNotYet counts records that were erased no more.
func (x *Index) forgetNotYet(refs []ct.Ref) error {
	if all, err := x.NotYet(); err != nil || len(all) == 0 {
		return err
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.update(func(tx *bbolt.Tx) error {
		for _, ref := range refs {
			if err := countNotYet(tx, ref.ID, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// countNotYet counts a record under another key than before.
func countNotYet(tx *bbolt.Tx, id ct.ID, key []byte) error {
	held := tx.Bucket(bucketNotYet)
	was := held.Get(id[:])
	if bytes.Equal(was, key) {
		return nil
	}
	add := func(key []byte, n uint64) error {
		sums := tx.Bucket(bucketNotYetSum)
		if v := sums.Get(key); v != nil {
			n += binary.BigEndian.Uint64(v)
		}
		if n == 0 {
			return sums.Delete(key)
		}
		return sums.Put(key, u64(n))
	}
	if was != nil {
		if err := add(bytes.Clone(was), ^uint64(0)); err != nil { // one less
			return err
		}
	}
	if key == nil {
		return held.Delete(id[:])
	}
	if err := held.Put(id[:], key); err != nil {
		return err
	}
	return add(key, 1)
}
