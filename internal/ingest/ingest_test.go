package ingest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

func TestOutcomes(t *testing.T) {
	w := newWorld(t, "UTO", "ISL")
	b := w.start()
	a := w.authors[0]
	recs := a.next(300)
	b.submit(recs[0], ingest.Stored)
	b.submit(recs[0], ingest.Duplicate)
	b.submit(w.bare(recs[1]), ingest.Stored)
	b.submit(w.bare(recs[1]), ingest.Duplicate)
	b.submit(recs[1], ingest.BodyFilled)
	b.submit(recs[1], ingest.Duplicate)
	b.submit(recs[2+256], ingest.Dropped)
	b.gap(a.log())
	b.submit(recs[2+255], ingest.Held)
	b.gap(a.log())
	b.submit(w.bare(recs[4]), ingest.Held)
	b.submit(recs[4], ingest.Held) // the one with the body is kept
	b.submit(recs[3], ingest.Held)
	b.size(a.log(), 2)
	b.submit(recs[2], ingest.Stored)
	b.submit(recs[4], ingest.Duplicate)
	b.size(a.log(), 5)
	row, err := b.store.Get(a.log(), 5)
	w.ok(err)
	if row.BodyState != store.BodyHeld || !bytes.Equal(row.Body, recs[4].Body()) {
		t.Fatalf("body of the record that waited: %v", row.BodyState)
	}
	w.ok(b.store.Erase([]ct.Ref{{Log: a.log(), Seq: 5, ID: row.ID}}, store.BodyLocal))
	b.submit(recs[4], ingest.Duplicate) // tombstoned: nothing is wanted
	w.ok(b.SubmitAll(t.Context(), recs[5:257]))
	b.size(a.log(), 258)             // and the one that waited at its end
	b.submit(recs[259], ingest.Held) // by gossip, with its body
	w.ok(b.SubmitAll(t.Context(), []verify.Record{w.bare(recs[258]), w.bare(recs[259])}))
	if missing := b.store.MissingBodies(10); len(missing) != 1 || missing[0].Seq != 259 {
		t.Fatalf("missing: %v; a body that had come was thrown away", missing)
	}
	b.submit(w.authors[1].sign(1, ct.ID{1}, nil), ingest.Refused)
	b.size(w.authors[1].log(), 0)
	b.check()
}

func TestRefusedByTheRoster(t *testing.T) {
	w := newWorld(t, "UTO")
	other := newWorld(t, "UTO", "ISL")
	b := w.start(func(_ *store.Config, c *ingest.Config) { c.View = func() *roster.View { return other.view } })
	// The log of the node of UTO is in both rosters, that of ISL in one.
	b.submit(w.authors[0].next(1)[0], ingest.Stored)
	c := other.start(func(_ *store.Config, c *ingest.Config) { c.View = func() *roster.View { return w.view } })
	c.submit(other.authors[1].next(1)[0], ingest.Refused)
}

// Records in any order end up in the order of their logs.
func TestAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, "UTO", "ISL", "FJI")
	b := w.start()
	var recs []verify.Record
	for _, a := range w.authors {
		recs = append(recs, a.next(200)...) // within the window of 256
	}
	rng.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < len(recs); i += 4 {
				rec := recs[i]
				if rng := i % 3; rng == 0 {
					rec = w.bare(rec)
				}
				if o, err := b.Submit(t.Context(), rec); err != nil || o != ingest.Stored && o != ingest.Held {
					t.Errorf("record %d: %v, %v", rec.Header().Seq, o, err)
				}
			}
		})
	}
	wg.Wait()
	for _, a := range w.authors {
		b.size(a.log(), 200)
	}
	w.ok(b.SubmitAll(t.Context(), recs)) // the bodies that are missing
	if missing := b.store.MissingBodies(1000); len(missing) != 0 {
		t.Fatalf("%d bodies missing", len(missing))
	}
	b.check()
}

func TestForks(t *testing.T) {
	for _, c := range []struct {
		name string
		// bring submits a fork of the author's log, of which five are held.
		bring func(b *bench, a *author, held []verify.Record)
		seq   uint64 // of the proof
		size  uint64
	}{
		{"another record where one is held", func(b *bench, a *author, held []verify.Record) {
			b.submit(a.sign(3, held[1].ID(), []byte("x")), ingest.Forked)
		}, 3, 5},
		{"another record at the head", func(b *bench, a *author, held []verify.Record) {
			b.submit(a.sign(5, held[3].ID(), []byte("x")), ingest.Forked)
		}, 5, 5},
		{"a record that does not name the head", func(b *bench, a *author, held []verify.Record) {
			b.submit(a.sign(6, held[3].ID(), []byte("x")), ingest.Forked)
		}, 5, 5},
		{"two records ahead of the head", func(b *bench, a *author, held []verify.Record) {
			b.submit(a.sign(8, ct.ID{1}, []byte("x")), ingest.Held)
			b.submit(a.sign(8, ct.ID{1}, []byte("y")), ingest.Forked)
		}, 8, 5},
		{"what waited is another", func(b *bench, a *author, held []verify.Record) {
			b.submit(a.sign(7, ct.ID{1}, []byte("x")), ingest.Held)
			six := a.sign(6, held[4].ID(), []byte("6"))
			b.submit(six, ingest.Stored) // and 7 does not name it
		}, 6, 6},
		{"what waited is another, and the chunk has both", func(b *bench, a *author, held []verify.Record) {
			six := a.sign(6, held[4].ID(), []byte("6"))
			b.submit(a.sign(7, six.ID(), []byte("x")), ingest.Held)
			err := b.SubmitAll(b.tb.Context(), []verify.Record{six, a.sign(7, six.ID(), []byte("y"))})
			if !errors.Is(err, ingest.ErrForked) {
				b.tb.Fatal(err)
			}
		}, 7, 6},
		{"both in one chunk", func(b *bench, a *author, held []verify.Record) {
			six := a.sign(6, held[4].ID(), []byte("6"))
			err := b.SubmitAll(b.tb.Context(), []verify.Record{six, a.sign(6, held[4].ID(), []byte("x")), a.sign(7, six.ID(), nil)})
			if !errors.Is(err, ingest.ErrForked) {
				b.tb.Fatal(err)
			}
		}, 6, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "UTO", "ISL")
			b := w.start()
			a, other := w.authors[0], w.authors[1]
			held := a.next(5)
			w.ok(b.SubmitAll(t.Context(), held))
			c.bring(b, a, held)
			forks, err := b.store.Forks()
			w.ok(err)
			if len(forks) != 1 || forks[0].Log != a.log() || forks[0].Seq != c.seq {
				t.Fatalf("proofs: %+v", forks)
			}
			if x, y := w.open(forks[0].A), w.open(forks[0].B); x.ID() == y.ID() {
				t.Fatal("the proof is one record twice")
			}
			b.size(a.log(), c.size)
			b.submit(held[2], ingest.Duplicate)
			if next := a.sign(c.size+1, a.prev, []byte("z")); c.size+1 < c.seq { // undisputed
				b.submit(next, ingest.Stored)
				c.size++
			} else {
				b.submit(next, ingest.Forked)
			}
			b.submit(a.sign(3, held[1].ID(), []byte("more")), ingest.Forked)
			if forks, _ := b.store.Forks(); len(forks) != 1 || forks[0].Seq != 3 {
				t.Fatalf("proofs kept of one key: %+v", forks)
			}
			b.size(a.log(), c.size)
			if _, err := b.Author(t.Context(), a.log(), a.first, nil); !errors.Is(err, ingest.ErrForked) {
				t.Fatalf("author of a forked log: %v", err)
			}
			w.ok(b.SubmitAll(t.Context(), other.next(3))) // nobody else is stopped
			b.size(other.log(), 3)
			b.check()
		})
	}
}

// A record that does not say how long its log is gets in on no way and in no
// order of arrival, convicts nobody by itself, and keeps no other one out.
func TestOffsetIsDue(t *testing.T) {
	short := func(a *author, seq uint64, prev ct.ID, by uint64, body string) verify.Record {
		a.w.ends[prev] -= by
		defer func() { a.w.ends[prev] += by }()
		return a.sign(seq, prev, []byte(body))
	}
	for name, bring := range map[string]func(b *bench, a *author, held []verify.Record){
		"next": func(b *bench, a *author, held []verify.Record) {
			for _, by := range []uint64{1, ^uint64(0), a.w.ends[held[4].ID()]} {
				b.submit(short(a, 6, held[4].ID(), by, "x"), ingest.Refused)
			}
		},
		"by sync": func(b *bench, a *author, held []verify.Record) {
			err := b.SubmitAll(b.tb.Context(), []verify.Record{short(a, 6, held[4].ID(), 1, "x")})
			if !errors.Is(err, ingest.ErrRefused) {
				b.tb.Fatal(err)
			}
		},
		"it waited": func(b *bench, a *author, held []verify.Record) {
			six := a.sign(6, held[4].ID(), binary.BigEndian.AppendUint64(nil, 5))
			b.submit(short(a, 7, six.ID(), 1, "x"), ingest.Held)
			b.submit(six, ingest.Stored)
			b.size(a.log(), 6)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "UTO")
			b := w.start()
			a := w.authors[0]
			held := a.next(5)
			w.ok(b.SubmitAll(t.Context(), held))
			bring(b, a, held)
			if forks, err := b.store.Forks(); err != nil || len(forks) != 0 {
				t.Fatalf("proofs: %+v, %v", forks, err)
			}
			w.ok(b.SubmitAll(t.Context(), a.next(3)))
			b.size(a.log(), 8)
			b.check()
		})
	}
	t.Run("the first", func(t *testing.T) {
		w := newWorld(t, "UTO")
		b := w.start()
		a := w.authors[0]
		line := w.view.Line(a.log()).At(a.sign(1, a.first, []byte("x")).Header().Issued)
		b.submit(short(a, 1, a.first, -(line+256), "x"), ingest.Refused)
		b.size(a.log(), 0)
	})
	// Below the line nothing begins, though it is just where the last record ends.
	t.Run("what was not used is used later", func(t *testing.T) {
		w := newWorld(t, "UTO")
		b := w.start()
		a := w.authors[0]
		w.ok(b.SubmitAll(t.Context(), a.next(1)))
		idle := func(at time.Duration, offset func(end, line uint64) uint64) verify.Record {
			h := *a.sign(2, a.prev, []byte("idle")).Header()
			h.Issued = ct.MillisOf(created.Add(at))
			h.Offset = offset(a.w.ends[a.prev], w.view.Line(a.log()).At(h.Issued))
			return a.resign(h, "idle")
		}
		b.submit(idle(50*time.Minute, func(end, _ uint64) uint64 { return end }), ingest.Refused)
		b.submit(idle(50*time.Minute, func(_, line uint64) uint64 { return line - 1 }), ingest.Refused)
		b.submit(idle(50*time.Minute, func(_, line uint64) uint64 { return line + 1 }), ingest.Refused)
		b.submit(idle(50*time.Minute, func(_, line uint64) uint64 { return line }), ingest.Stored)
		b.check()
	})
	// Beside the sound one it is a half of a fork like any other record.
	t.Run("beside the sound one", func(t *testing.T) {
		w := newWorld(t, "UTO")
		b := w.start()
		a := w.authors[0]
		held := a.next(5)
		w.ok(b.SubmitAll(t.Context(), held))
		b.submit(short(a, 5, held[3].ID(), 1, "x"), ingest.Forked)
		b.check()
	})
}

func TestSubmitAllReportsTheFirst(t *testing.T) {
	w := newWorld(t, "UTO", "ISL")
	b := w.start()
	recs, other := w.authors[0].next(10), w.authors[1].next(2)
	err := b.SubmitAll(t.Context(), append(append(recs[:3:3], recs[5:]...), other...))
	if !errors.Is(err, ingest.ErrGap) {
		t.Fatalf("a chunk with a hole: %v", err)
	}
	b.size(w.authors[0].log(), 3)
	b.size(w.authors[1].log(), 2)
	w.ok(b.SubmitAll(t.Context(), recs[3:5]))
	b.size(w.authors[0].log(), 10)
	w.ok(b.SubmitAll(t.Context(), recs))
	w.ok(b.SubmitAll(t.Context(), w.authors[0].next(5000)))
	b.size(w.authors[0].log(), 5010)
	b.check()
}

// Many publishers share commits, and each gets its own place in the log.
func TestAuthor(t *testing.T) {
	w := newWorld(t, "UTO")
	b := w.start()
	a := w.authors[0]
	const n = 400
	var wg sync.WaitGroup
	var mu sync.Mutex
	seqs := make(map[uint64]bool)
	for i := range n {
		wg.Go(func() {
			rec, err := b.Author(t.Context(), a.log(), a.first, func(at wire.Next) (verify.Record, error) {
				if i%10 == 0 {
					return verify.Record{}, errBoom
				}
				return a.sign(at.Seq, at.Prev, binary.BigEndian.AppendUint64(nil, uint64(i))), nil
			})
			if i%10 == 0 {
				if !errors.Is(err, errBoom) {
					t.Errorf("a failed signature: %v", err)
				}
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			row, err := b.store.Get(a.log(), rec.Header().Seq)
			if err != nil || row.ID != rec.ID() {
				t.Errorf("record %d is not durable when Author returns: %v", rec.Header().Seq, err)
			}
			mu.Lock()
			defer mu.Unlock()
			seqs[rec.Header().Seq] = true
		})
	}
	wg.Wait()
	if len(seqs) != n*9/10 {
		t.Fatalf("%d places for %d records", len(seqs), n*9/10)
	}
	b.size(a.log(), n*9/10)
	b.check()
}

func TestAuthorRefuses(t *testing.T) {
	w := newWorld(t, "UTO")
	b := w.start()
	a := w.authors[0]
	sign := func(rec verify.Record) func(wire.Next) (verify.Record, error) {
		return func(wire.Next) (verify.Record, error) { return rec, nil }
	}
	recs := a.next(3)
	w.ok(b.SubmitAll(t.Context(), recs[:2]))
	for name, rec := range map[string]verify.Record{
		"a record that is held":     recs[0],
		"a record out of its place": a.sign(9, recs[1].ID(), nil),
		"another prev":              a.sign(3, recs[0].ID(), nil),
		"another offset": func() verify.Record {
			w.ends[recs[1].ID()]++
			defer func() { w.ends[recs[1].ID()]-- }()
			return a.sign(3, recs[1].ID(), nil)
		}(),
	} {
		if _, err := b.Author(t.Context(), a.log(), a.first, sign(rec)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	// A restored backup: others hold more of the own log than this node does.
	b.submit(a.next(5)[4], ingest.Held)
	if _, err := b.Author(t.Context(), a.log(), a.first, sign(recs[2])); !errors.Is(err, ingest.ErrGap) {
		t.Fatalf("signed although the log is known to go on: %v", err)
	}
	b.size(a.log(), 2)
	b.check()
}

// Whoever gives up before the writer has begun is sure that nothing happens.
func TestAuthorGivesUp(t *testing.T) {
	bubble.Test(t, testAuthorGivesUp)
}

func testAuthorGivesUp(t *testing.T) {
	w := newWorld(t, "UTO")
	b := w.start()
	a := w.authors[0]
	began, release := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2)
	go func() {
		_, err := b.Author(ctx, a.log(), a.first, func(at wire.Next) (verify.Record, error) {
			close(began)
			<-release
			return a.sign(at.Seq, at.Prev, nil), nil
		})
		results <- err
	}()
	<-began
	late, lateCancel := context.WithCancel(t.Context())
	lateDone := make(chan error, 1)
	go func() {
		_, err := b.Author(late, a.log(), a.first, func(wire.Next) (verify.Record, error) {
			t.Error("signed for a caller who had gone")
			return verify.Record{}, errBoom
		})
		lateDone <- err
	}()
	synctest.Wait() // it is queued
	lateCancel()
	if err := <-lateDone; !errors.Is(err, context.Canceled) {
		t.Fatalf("gave up while queued: %v", err)
	}
	cancel() // too late: the writer is at it
	close(release)
	if err := <-results; err != nil {
		t.Fatalf("gave up while it was signed: %v", err)
	}
	b.size(a.log(), 1)
	b.check()
}

func TestStop(t *testing.T) {
	w := newWorld(t, "UTO")
	b := w.start()
	a := w.authors[0]
	began, release := make(chan struct{}), make(chan struct{})
	results := make(chan error, 3)
	go func() {
		_, err := b.Author(t.Context(), a.log(), a.first, func(at wire.Next) (verify.Record, error) {
			close(began)
			<-release
			return a.sign(at.Seq, at.Prev, nil), nil
		})
		results <- err
	}()
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	close(release)
	if err := <-results; err != nil {
		t.Fatalf("the commit at hand: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if _, err := b.Submit(t.Context(), a.sign(2, ct.ID{}, nil)); !errors.Is(err, ingest.ErrClosed) {
		t.Fatalf("Submit after the end: %v", err)
	}
	if _, err := b.Author(t.Context(), a.log(), a.first, nil); !errors.Is(err, ingest.ErrClosed) {
		t.Fatalf("Author after the end: %v", err)
	}
	b.size(a.log(), 1)
	b.check()
}

// A full queue drops gossip at once and makes streams wait.
func TestBackPressure(t *testing.T) {
	w := newWorld(t, "UTO")
	b := w.start()
	a := w.authors[0]
	began, release := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = b.Author(context.Background(), a.log(), a.first, func(wire.Next) (verify.Record, error) {
			close(began)
			<-release
			return verify.Record{}, errBoom
		})
	}()
	<-began
	rec := a.next(1)[0]
	taken := 0
	for b.Offer(rec) {
		if taken++; taken > 100_000 {
			t.Fatal("the queue has no end")
		}
	}
	b.gap(a.log())
	if b.Offer(rec) {
		t.Fatal("room out of nothing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Submit(ctx, rec); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Submit to a full queue: %v", err)
	}
	waits := make(chan error, 1)
	go func() {
		_, err := b.Submit(t.Context(), rec)
		waits <- err
	}()
	close(release)
	w.ok(<-waits)
	if !b.Offer(rec) {
		t.Fatal("the queue stays full")
	}
	b.size(a.log(), 1)
	b.check()
}

// A full store refuses, loses nothing that it acknowledged, and takes records
// again once it can.
func TestFullStore(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, "UTO", "ISL")
		b := w.start(func(c *store.Config, _ *ingest.Config) { c.MaxSize = 1 << 20 })
		a := w.authors[0]
		var full error
		acked := uint64(0)
		for i := 0; full == nil && i < 400; i++ {
			rec := a.sign(a.seq+1, a.prev, bytes.Repeat([]byte{1}, 8000))
			if _, full = b.Submit(t.Context(), rec); full == nil {
				a.seq, a.prev = a.seq+1, rec.ID()
				acked++
			}
		}
		if !errors.Is(full, store.ErrFull) {
			t.Fatalf("never full: %v", full)
		}
		b.size(a.log(), acked)
		own := w.authors[1]
		author := func(size int) error {
			_, err := b.Author(t.Context(), own.log(), own.first, func(at wire.Next) (verify.Record, error) {
				return own.sign(at.Seq, at.Prev, make([]byte, size)), nil
			})
			return err
		}
		if err := author(50_000); !errors.Is(err, store.ErrFull) {
			t.Fatalf("author: %v", err)
		}
		for len(b.gaps) > 0 {
			<-b.gaps
		}
		rec := a.sign(a.seq+1, a.prev, make([]byte, 8000))
		if !b.Offer(rec) {
			t.Fatal("not queued")
		}
		synctest.Wait()
		b.gap(a.log())

		// After the pause what fits still gets in (a header), in the place of
		// what was signed and not stored: nobody was told of that.
		first := w.bare(own.sign(1, own.first, nil))
		if _, err := b.Submit(t.Context(), first); !errors.Is(err, store.ErrFull) {
			t.Fatalf("within the pause: %v", err)
		}
		time.Sleep(2 * time.Second)
		b.submit(first, ingest.Stored)
		b.size(own.log(), 1)
		b.size(a.log(), acked)
		b.check()
	})
}

// A member that sends gaps without end costs a bounded amount of memory, and
// loses what it had waiting rather than others.
func TestWaitingIsBounded(t *testing.T) {
	w := newWorld(t, "UTO", "ISL", "FJI", "NZL", "MLT", "BRB", "LCA")
	reg := prometheus.NewRegistry()
	b := w.start(func(_ *store.Config, c *ingest.Config) { c.Registerer = reg })
	modest := w.authors[6].next(3)
	b.submit(modest[2], ingest.Held)
	body := make([]byte, 60<<10)
	for _, a := range w.authors[:6] {
		for seq := uint64(2); seq <= 256; seq++ {
			b.submit(a.sign(seq, ct.ID{1}, body), ingest.Held)
		}
	}
	if n := metric(t, reg, "herald_ingest_waiting"); n < 256 || n > 64<<20/(60<<10)+1 {
		t.Fatalf("%v records wait", n)
	}
	w.ok(b.SubmitAll(t.Context(), modest[:2]))
	b.size(w.authors[6].log(), 3)
	if n := metric(t, reg, "herald_ingest_records_total"); n != 6*255+3+1 {
		t.Fatalf("%v records counted", n)
	}
	b.check()
}

func metric(t testing.TB, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.Metric {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// Records of gossip that come fast share commits; whoever waits for one, and an
// author, has it at once all the same.
func TestGossipGathers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		w := newWorld(t, "UTO", "ISL")
		b := w.start(func(_ *store.Config, c *ingest.Config) { c.Registerer = reg })
		recs := w.authors[0].next(300)
		offer := func(recs []verify.Record, every time.Duration) {
			for _, rec := range recs {
				if !b.Offer(rec) {
					t.Fatal("the queue is full")
				}
				time.Sleep(every)
			}
		}
		commits := func() uint64 {
			families, err := reg.Gather()
			w.ok(err)
			for _, f := range families {
				if f.GetName() == "herald_ingest_batch_records" {
					return f.GetMetric()[0].GetHistogram().GetSampleCount()
				}
			}
			return 0
		}
		offer(recs[:3], time.Millisecond) // slowly: none waits for another
		synctest.Wait()
		if n := commits(); n != 3 {
			t.Fatalf("%d commits of 3 slow records", n)
		}
		// The rate counts and not the size of a commit, which hangs on how the
		// writer is scheduled: at first each of these has its own.
		for i := range recs[3:103] {
			offer(recs[3+i:4+i], 0)
			synctest.Wait()
		}
		before := commits()
		if before < 60 || before > 70 {
			t.Fatalf("%d commits of 100 records at one moment", before)
		}
		offer(recs[103:203], 100*time.Microsecond) // 10,000 a second
		synctest.Wait()
		if n := commits() - before; n > 2 {
			t.Fatalf("%d commits of 100 records in 10 ms", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		b.size(w.authors[0].log(), 203)

		offer(recs[203:297], 0)
		start := time.Now()
		b.submit(recs[297], ingest.Stored)
		w.ok(b.SubmitAll(t.Context(), recs[298:299]))
		offer(recs[299:], 0)
		a := w.authors[1]
		_, err := b.Author(t.Context(), a.log(), a.first, func(at wire.Next) (verify.Record, error) {
			return a.sign(at.Seq, at.Prev, []byte("own")), nil
		})
		w.ok(err)
		if waited := time.Since(start); waited != 0 {
			t.Fatalf("callers waited %v for others", waited)
		}
		b.size(w.authors[0].log(), 300)
		b.check()
	})
}
