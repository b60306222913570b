package desk

import (
	"bytes"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// sweepStep is how many publications of each bucket a round of the clerk looks at.
const sweepStep = 2_000

// sweepImprints forgets publications whose records have expired, and the content
// of those that are erased. A key is kept until its record expires, also when that
// is retracted: a late retry must not publish it again.
func (d *Desk) sweepImprints(now time.Time) error {
	if doubt, _ := d.cfg.Clock(); doubt != "" {
		return nil
	}
	for i, bucket := range []string{bucketContent, bucketKey} {
		var drop [][]byte
		var kept []*noted
		from := d.imprints.swept[i]
		d.imprints.swept[i] = nil
		n := 0
		err := d.cfg.Store.Local().View(func(tx *store.LocalTx) error {
			return tx.Scan(bucket, from, func(k, v []byte) error {
				if n++; n > sweepStep {
					d.imprints.swept[i] = k
					return store.ErrStop
				}
				x, err := readNoted(v)
				switch {
				case err != nil:
					return err
				case x.Expires <= ct.MillisOf(now):
					drop = append(drop, k)
				case bytes.HasPrefix(k, x.Content[:]):
					kept = append(kept, x)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, x := range kept {
			if d.isErased(x) {
				drop = append(drop, x.contentKey())
			}
		}
		if len(drop) == 0 {
			continue
		}
		err = d.cfg.Store.Local().Update(func(tx *store.LocalTx) error {
			for _, k := range drop {
				if err := tx.Delete(bucket, k); err != nil {
					return err
				}
			}
			if bucket == bucketKey {
				return countKeys(tx, -int64(len(drop)))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// isErased tells that the content of a publication is erased. It looks only near
// the place where it was drafted.
func (d *Desk) isErased(n *noted) bool {
	const near = 64
	own := d.cfg.Signer.Public()
	for seq := n.From + 1; seq <= n.From+near; seq++ {
		row, err := d.cfg.Store.Get(own, seq)
		if err != nil {
			return false
		}
		if row.Header.Commit == n.Commit {
			return erased(row.BodyState)
		}
	}
	return false
}
