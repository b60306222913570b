package node_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"go.etcd.io/bbolt"
)

// What a crash has left of salts the start deletes, without the copying that
// would make everybody wait, and a minute later no byte of them is on the disk.
func TestTracesAreErased(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		dirs := founded(t, 2, roster.DefaultPolicy())
		path := filepath.Join(dirs[0], "keys.db")
		salt := bytes.Repeat([]byte("a cut commit's. "), 2)
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
		must(t, err)
		must(t, db.Update(func(tx *bbolt.Tx) error {
			for i := range 5000 { // on more pages than what comes later uses again
				if err := tx.Bucket([]byte("salt")).Put([]byte{0, 0, 0, 99, 0, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}, salt); err != nil {
					return err
				}
			}
			return nil
		}))
		must(t, db.Close())
		onDisk := func() bool {
			b, err := os.ReadFile(path)
			must(t, err)
			return bytes.Contains(b, salt)
		}
		net := sim.New(seed)
		defer net.Close()
		for _, n := range simulated(t, net, dirs) {
			defer n.close()
			n.ready(ctx)
		}
		if !onDisk() {
			t.Error("the start has copied the file")
		}
		<-time.After(90 * time.Second)
		if onDisk() {
			t.Error("the salt is still in keys.db")
		}
	})
}
