package ingest_test

import (
	"errors"
	"sync/atomic"
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

// Into a closed log nothing comes but what is proved to lead to its end, and
// nothing there is taken for a fork.
func TestClosedLog(t *testing.T) {
	w := newWorld(t, "UTO", "NOR")
	var view atomic.Pointer[roster.View]
	view.Store(w.view)
	b := w.start(func(_ *store.Config, c *ingest.Config) { c.View = view.Load })
	ctx := t.Context()
	a := w.authors[0]
	held := a.next(5)
	lost := a.sign(6, held[4].ID(), []byte("lost"))
	lostNext := a.sign(7, lost.ID(), []byte("lost"))
	waits := a.sign(9, ct.ID{1}, []byte("waits"))
	good := a.next(3) // 6 to 8
	b.ok(b.SubmitAll(ctx, append(held[:5:5], lost, lostNext)))
	b.submit(waits, ingest.Held)

	c := ct.Closing{Log: a.log(), Seq: 8, ID: good[2].ID(), Reason: "forked"}
	_, h, closed, err := w.view.SignOperation(keys.FromSeed([32]byte{1, 0}), roster.Operation{Closing: &c}, created.Add(time.Hour))
	b.ok(err)
	right, _ := closed.Right(a.log())
	view.Store(closed)
	b.ok(b.CloseLog(ctx, a.log(), *right.Closing))
	b.size(a.log(), 7)
	b.submit(good[0], ingest.Dropped)                                  // which branch it is on is not known
	b.submit(a.sign(8, lostNext.ID(), []byte("x")), ingest.Dropped)    // likewise
	b.submit(a.sign(9, good[2].ID(), []byte("after")), ingest.Dropped) // verified before the closing was known
	b.gap(a.log())
	if head, _ := b.store.Head(a.log()); head.Contested != 0 {
		t.Error("a closed log was marked contested")
	}
	b.ok(b.Rewind(ctx, a.log(), 5))
	b.size(a.log(), 5)
	b.submit(lost, ingest.Dropped)
	b.ok(b.SubmitProved(ctx, good))
	b.ok(b.CloseLog(ctx, a.log(), *right.Closing))
	b.size(a.log(), 8)
	b.submit(lost, ingest.Dropped)
	b.submit(good[1], ingest.Duplicate)
	b.submit(w.bare(good[1]), ingest.Duplicate)
	if forks, err := b.store.Forks(); err != nil || len(forks) != 0 {
		t.Errorf("%d forks, %v", len(forks), err)
	}
	_, err = b.Author(ctx, a.log(), right.First, func(wire.Next) (verify.Record, error) {
		t.Error("a closed log was to be signed")
		return verify.Record{}, nil
	})
	if !errors.Is(err, ingest.ErrRefused) {
		t.Errorf("author: %v", err)
	}
	if h.Log == a.log() {
		t.Error("the closing is in the log that it closes")
	}
	b.check()
}
