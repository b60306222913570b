package ingest_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// as signs the record that comes next as one of another kind.
func (a *author) as(kind ct.Kind, body []byte, refs ...ct.Ref) verify.Record {
	a.w.tb.Helper()
	like := a.sign(a.seq+1, a.prev, body)
	h := *like.Header()
	h.Kind, h.Refs = uint32(kind), refs
	header := wire.EncodeHeader(&h)
	sig, err := a.key.Sign(keys.ContextRecord, a.w.network, header)
	a.w.ok(err)
	rec := a.w.open(wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: keys.AlgEd25519, Sig: sig, Salt: like.Salt(), Body: body}))
	a.seq, a.prev = rec.Header().Seq, rec.ID()
	a.w.ends[rec.ID()] = rec.Next().End
	return rec
}

// authored has the writer sign a record of the author's own.
func authored(b *bench, a *author) error {
	_, err := b.Author(b.tb.Context(), a.log(), a.first, func(at wire.Next) (verify.Record, error) {
		return a.sign(at.Seq, at.Prev, []byte("own")), nil
	})
	return err
}

// On a full disk a key can still be cut off: a State's RETRACT comes in behind a
// record for whose body there is no room, and a CLOSING comes in whole. What this
// node signs itself is refused, since nobody else has its body.
func TestFullDiskCutsOff(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v; TestFullStore fills a store up to a bound", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	w := newWorld(t, "UTO", "NOR")
	var view atomic.Pointer[roster.View]
	view.Store(w.view)
	b := w.start(func(s *store.Config, c *ingest.Config) {
		s.Dir, s.Ballast = filepath.Join(dir, "data"), 8<<20
		c.View = view.Load
	})
	b.ok(b.store.KeepBallast())
	victim, flooder := w.authors[0], w.authors[1]
	target := victim.next(1)[0]
	b.submit(target, ingest.Stored)
	for _, raw := range w.founding {
		rec := w.open(raw)
		delete(w.ends, rec.ID()) // a node log's first record follows none of its log
		b.submit(rec, ingest.Stored)
	}
	var free syscall.Statfs_t
	w.ok(syscall.Statfs(dir, &free))
	filler := filepath.Join(dir, "filler")
	w.ok(os.WriteFile(filler, bytes.Repeat([]byte{1}, int(free.Bavail)*int(free.Bsize)-3<<20), 0o600))
	var err error
	for i := 0; err == nil && i < 20000; i++ {
		rec := flooder.sign(flooder.seq+1, flooder.prev, bytes.Repeat([]byte{byte(i)}, 20000))
		var o ingest.Outcome
		if o, err = b.Submit(t.Context(), rec); err == nil {
			if o != ingest.Stored {
				t.Fatalf("record %d: %v", rec.Header().Seq, o)
			}
			flooder.seq, flooder.prev = rec.Header().Seq, rec.ID()
		}
	}
	if !errors.Is(err, store.ErrFull) || b.store.Full().IsZero() {
		t.Fatalf("not full: %v", err)
	}

	behind := victim.as(ct.KindNotification, []byte("a person"))
	b.submit(behind, ingest.Stored)
	body, err := wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
	w.ok(err)
	b.submit(victim.as(ct.KindRetract, body, ct.Ref{Log: target.Header().Log, Seq: 1, ID: target.ID()}), ingest.Stored)
	if _, hidden := b.store.Hidden(target.ID()); !hidden {
		t.Error("the RETRACT does not count")
	}
	if row, err := b.store.Get(victim.log(), 2); err != nil || row.BodyState != store.BodyMissing {
		t.Errorf("the record before it: body %v, %v", row.BodyState, err)
	}
	if row, err := b.store.Get(victim.log(), 3); err != nil || row.BodyState != store.BodyHeld {
		t.Errorf("the RETRACT: body %v, %v", row.BodyState, err)
	}
	h, _ := b.store.Head(flooder.log())
	c := ct.Closing{Log: flooder.log(), Seq: h.Size, ID: h.ID, Reason: "compromised"}
	raw, _, _, err := w.view.SignOperation(keys.FromSeed([32]byte{1, 1}), roster.Operation{Closing: &c}, created.Add(time.Hour))
	w.ok(err)
	closing := w.open(raw)
	b.submit(closing, ingest.Stored)
	if row, err := b.store.Get(closing.Header().Log, closing.Header().Seq); err != nil || row.BodyState != store.BodyHeld {
		t.Errorf("the CLOSING: body %v, %v", row.BodyState, err)
	}
	_, err = b.Submit(t.Context(), behind) // its body again
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("a body on a full disk: %v", err)
	}
	own := *victim
	if err := authored(b, &own); !errors.Is(err, store.ErrFull) {
		t.Errorf("a record of this node's own: %v", err)
	}

	w.ok(os.Remove(filler))
	b.ok(b.store.KeepBallast())
	time.Sleep(1100 * time.Millisecond) // the writer's pause after a full disk
	b.submit(behind, ingest.BodyFilled)
	b.ok(authored(b, &own))
	b.check()
}
