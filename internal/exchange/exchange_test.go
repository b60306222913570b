package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

func TestSyncOnConnectBothWays(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		b.put(x, b.write(0, 3000, nil, "from x"))
		y := b.start(1, nil, 0)
		recs := b.write(1, 70, nil, "from y")
		b.put(y, recs)
		b.until("in sync", 10*time.Second, func() bool { return b.size(1, b.log(0)) == 3000 && b.size(0, b.log(1)) == 70 })
		for _, log := range []ct.LogID{b.log(0), b.log(1)} {
			hx, _ := x.Store.Head(log)
			hy, _ := y.Store.Head(log)
			if hx.ID != hy.ID {
				t.Errorf("log %s: heads differ", log.Short())
			}
		}
		if x.Exchange.LastSync().IsZero() || y.Exchange.LastSync().IsZero() {
			t.Error("no sync is noted")
		}
		a, _ := x.Store.Range(b.log(1), 1, 1, 1<<20)
		if !bytes.Equal(a[0], recs[0].Raw()) {
			t.Error("the record is not the bytes that the author signed")
		}
	})
}

func TestNothingNewIsSmall(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		b.put(x, b.write(0, 100, nil, "x"))
		y := b.start(1, nil, 0)
		b.until("in sync", 10*time.Second, func() bool { return b.size(1, b.log(0)) == 100 })
		time.Sleep(time.Second)
		traffic := func() float64 { return y.Counter("herald_sync_bytes_total") }
		rounds := func() float64 { return y.Counter("herald_sync_pulls_total") }
		t0, r0 := traffic(), rounds()
		if err := y.Exchange.SyncNow(b.ctx, b.log(0)); err != nil {
			t.Fatal(err)
		}
		if got := traffic() - t0; got >= 200 || rounds()-r0 != 1 {
			t.Errorf("nothing new cost %v bytes in %v pulls, want less than 200 in one", got, rounds()-r0)
		}
	})
}

func TestCatchUpCostsLittleMoreThanTheDifference(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		recs := b.write(0, 4000, nil, string(make([]byte, 600)))
		b.put(x, recs)
		y := b.start(1, nil, 0)
		b.until("in sync", time.Minute, func() bool { return b.size(1, b.log(0)) == 4000 })
		size := 0
		for _, r := range recs {
			size += len(r.Raw())
		}
		got := y.Counter("herald_sync_bytes_total")
		if got > 1.2*float64(size) {
			t.Errorf("%v bytes for a difference of %d: %.2f times", got, size, got/float64(size))
		}
		t.Logf("%.3f times the difference", got/float64(size))
	})
}

// A gap is closed at once, from the author when it is connected.
func TestKick(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		y := b.start(1, nil, 0)
		time.Sleep(time.Minute)
		recs := b.write(0, 50, nil, "x")
		b.put(x, recs)
		begin := time.Now()
		if err := y.Ingest.SubmitAll(b.ctx, recs[49:]); !errors.Is(err, ingest.ErrGap) {
			t.Fatalf("got %v, want a gap", err)
		}
		b.until("closed", 3*time.Second, func() bool { return b.size(1, b.log(0)) == 50 })
		t.Logf("closed after %v", time.Since(begin))
	})
}

// A peer that asks and shows that it holds more is asked in turn, at once.
func TestBehindPeerPulls(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		b.start(1, nil, 0)
		time.Sleep(time.Minute)
		b.put(x, b.write(0, 5, nil, "x"))
		if err := x.Exchange.SyncNow(b.ctx, b.log(1)); err != nil {
			t.Fatal(err)
		}
		b.until("pulled", time.Second, func() bool { return b.size(1, b.log(0)) == 5 })
	})
}

// Without a gap, a connection or a kick, rounds find what is missing.
func TestRounds(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		for i := 1; i < 4; i++ {
			b.start(i, nil, 0)
		}
		time.Sleep(5 * time.Minute)
		b.put(x, b.write(0, 3, nil, "x"))
		b.until("everywhere", 3*time.Minute, func() bool {
			return b.size(1, b.log(0)) == 3 && b.size(2, b.log(0)) == 3 && b.size(3, b.log(0)) == 3
		})
	})
}

// What was fetched before a cut is not fetched again.
func TestResume(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		recs := b.write(0, 12_000, nil, string(make([]byte, 600)))
		b.put(x, recs)
		y := b.start(1, nil, 0)
		b.until("under way", time.Minute, func() bool { return b.size(1, b.log(0)) > 1000 })
		b.net.Partition([]int{0}, []int{1})
		time.Sleep(2 * time.Minute)
		held := b.size(1, b.log(0))
		if held == 12_000 {
			t.Fatal("the transfer ended before the cut: nothing was tested")
		}
		before := y.Counter("herald_sync_records_total")
		b.net.Heal()
		b.until("complete", 10*time.Minute, func() bool { return b.size(1, b.log(0)) == 12_000 })
		if got, want := y.Counter("herald_sync_records_total")-before, float64(12_000-held); got != want {
			t.Errorf("fetched %v records after the cut at %d, want %v", got, held, want)
		}
	})
}

// A record without its body is completed by a peer that has it.
func TestMissingBodies(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		recs := b.write(0, 10, nil, "the body")
		x := b.start(1, nil)
		b.put(x, recs)
		y := b.start(2, nil, 1)
		for _, r := range recs {
			raw := wire.Encode(&wire.Envelope{HeaderBytes: r.HeaderBytes(), Alg: r.Alg(), Sig: r.Sig()})
			bare, err := verify.Open(raw, b.members.View, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			b.put(y, []verify.Record{bare})
		}
		b.until("complete", 3*time.Minute, func() bool { return len(y.Store.MissingBodies(100)) == 0 && b.size(2, b.log(0)) == 10 })
		row, err := y.Store.Get(b.log(0), 7)
		if err != nil || string(row.Body) != "the body" {
			t.Errorf("got body %q, %v", row.Body, err)
		}
	})
}

// A log that the roster does not know is left alone until it is known; its
// delegation is fetched first and makes it so.
func TestUnknownLogWaitsForRoster(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		late := sim.Key(1, 0)
		deleg, newer, err := b.members.Delegate(b.members.View, 0, late, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		founding, err := b.members.Founding(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		x := b.start(0, func(c *sim.StackConfig) { c.View = func() *roster.View { return newer } })
		b.put(x, append(founding, deleg))
		b.put(x, b.write(0, 5, nil, "x"))
		right, _ := newer.Right(late.Public())
		h := sim.Header(newer.Network(), late.Public(), ct.TopicArrival, time.Now())
		wire.First(right.First).Put(&h, right.Growth.Line)
		rec, err := sim.Sign(late, newer, h, []byte("late"))
		if err != nil {
			t.Fatal(err)
		}
		b.put(x, []verify.Record{rec})

		var view atomic.Pointer[roster.View]
		view.Store(b.members.View)
		b.start(1, func(c *sim.StackConfig) { c.View = view.Load }, 0)
		root := b.members.Roots[0].Public()
		b.until("in part", 10*time.Second, func() bool { return b.size(1, b.log(0)) == 5 && b.size(1, root) == 2 })
		time.Sleep(time.Minute)
		if got := b.size(1, late.Public()); got != 0 {
			t.Fatalf("%d records of an unknown log were stored", got)
		}
		view.Store(newer)
		b.until("in full", 5*time.Second, func() bool { return b.size(1, late.Public()) == 1 })
	})
}

// A log whose delegation has ended cannot be judged by this roster. It is not
// fetched again and again, and other logs come.
func TestHeldLogIsFetchedOnce(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		h := sim.Header(b.members.View.Network(), b.log(2), ct.TopicTravel, time.Now())
		right, _ := b.members.View.Right(b.log(2))
		wire.First(right.First).Put(&h, right.Growth.Line)
		ended, err := sim.Sign(b.members.Nodes[2], b.members.View, h, make([]byte, 20_000))
		if err != nil {
			t.Fatal(err)
		}
		x := b.start(0, nil)
		b.put(x, []verify.Record{ended})
		b.stop(0)
		time.Sleep(time.Until(right.NotAfter.Time()) + time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		b.ctx = ctx
		// The same two nodes are delegated anew; the author of the log is not.
		view := b.members.View
		for i := range 2 {
			if _, view, err = b.members.Delegate(view, i, b.members.Nodes[i], time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		renewed := func(c *sim.StackConfig) { c.View = func() *roster.View { return view } }
		x = b.start(0, renewed)
		if _, err := x.Publish(b.ctx, ct.TopicTravel, []byte("x")); err != nil {
			t.Fatal(err)
		}
		y := b.start(1, renewed, 0)
		b.until("in part", 10*time.Second, func() bool { return b.size(1, b.log(0)) == 1 })
		time.Sleep(10 * time.Minute)
		if got := b.size(1, b.log(2)); got != 0 {
			t.Fatalf("%d records of a log whose delegation has ended were stored", got)
		}
		if got := y.Counter("herald_sync_bytes_total", "direction", "received"); got > 2*20_000 {
			t.Errorf("%v bytes were received: the log was fetched again", got)
		}
	})
}

// A node whose data is gone gets its own log back, and only then counts answers.
func TestOwnLogComesBack(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		own := b.write(0, 500, nil, "mine")
		for _, i := range []int{1, 2} {
			s := b.start(i, nil)
			b.put(s, own)
			b.put(s, b.write(i, 2000, nil, "other"))
		}
		x := b.start(0, nil, 1, 2)
		b.until("asked", 10*time.Second, func() bool {
			answers, known := x.Exchange.OwnHead()
			if answers > 0 && (known != 500 || b.size(0, b.log(0)) != 500) {
				t.Fatalf("%d answers, known %d, held %d, want 500 each", answers, known, b.size(0, b.log(0)))
			}
			return answers == 2
		})
		if ahead, peers := x.Exchange.Clock(); peers != 2 || ahead.Abs() > time.Second {
			t.Errorf("clock: got %v from %d peers, want about 0 from 2", ahead, peers)
		}
	})
}

// Two histories of one log meet: everyone ends with the proof, also a node
// that has seen one of them only.
func TestForkIsFoundAndSpread(t *testing.T) {
	tests := map[string]struct{ a, b int }{
		"same length":      {5, 5},
		"one longer":       {5, 9},
		"the other longer": {9, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 4, func(t *testing.T, b *cluster) {
				common := b.write(3, 3, nil, "both")
				left := append(common, b.write(3, tt.a-3, &common[2], "left")...)
				right := append(common[:3:3], b.write(3, tt.b-3, &common[2], "right")...)
				b.put(b.start(0, nil), left)
				b.put(b.start(1, nil, 0), right)
				b.start(2, nil, 0, 1)
				b.until("found everywhere", 5*time.Minute, func() bool {
					for i := range 3 {
						if h, _ := b.nodes[i].Store.Head(b.log(3)); h.Contested == 0 {
							return false
						}
					}
					return true
				})
				for i := range 3 {
					forks, err := b.nodes[i].Store.Forks()
					if err != nil || len(forks) == 0 || forks[0].Log != b.log(3) {
						t.Errorf("node %d: got proofs %v, %v", i, forks, err)
					}
				}
				for i, want := range map[int]int{0: tt.a, 1: tt.b} {
					if got := b.size(i, b.log(3)); got != uint64(want) {
						t.Errorf("node %d holds %d records, want the %d that it had", i, got, want)
					}
				}
			})
		})
	}
}

func TestAsk(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		answers := map[string]func(ctx context.Context, from ct.LogID, req []byte) []byte{
			"echo":     func(_ context.Context, from ct.LogID, req []byte) []byte { return append(from[:], req...) },
			"nothing":  func(context.Context, ct.LogID, []byte) []byte { return nil },
			"too much": func(context.Context, ct.LogID, []byte) []byte { return make([]byte, exchange.MaxMatchFrame+1) },
			"silence": func(ctx context.Context, _ ct.LogID, _ []byte) []byte {
				<-ctx.Done()
				return nil
			},
		}
		var answer atomic.Value
		b.start(1, func(c *sim.StackConfig) {
			c.Answer = func(ctx context.Context, from ct.LogID, req []byte) []byte {
				return answers[answer.Load().(string)](ctx, from, req)
			}
		}, 0)
		b.start(2, nil, 0) // answers none
		b.until("connected", 10*time.Second, func() bool { return len(x.Host.Peers()) == 2 })

		answer.Store("echo")
		req := bytes.Repeat([]byte{7}, exchange.MaxMatchFrame-32)
		me := b.log(0)
		got, err := x.Exchange.Ask(b.ctx, b.log(1), req)
		if err != nil || !bytes.Equal(got, append(me[:], req...)) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		for _, name := range []string{"nothing", "too much", "silence"} {
			answer.Store(name)
			ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
			begin := time.Now()
			if got, err := x.Exchange.Ask(ctx, b.log(1), []byte("q")); err == nil {
				t.Errorf("%s: got an answer of %d bytes", name, len(got))
			}
			if took := time.Since(begin); took > 6*time.Second {
				t.Errorf("%s: returned after %v, want the context's 5 s", name, took)
			}
			cancel()
		}
		answer.Store("echo")
		for name, ask := range map[string]func() error{
			"a node that answers none": func() error { _, err := x.Exchange.Ask(b.ctx, b.log(2), []byte("q")); return err },
			"a stranger":               func() error { _, err := x.Exchange.Ask(b.ctx, sim.Stranger(1).Public(), []byte("q")); return err },
			"an empty request":         func() error { _, err := x.Exchange.Ask(b.ctx, b.log(1), nil); return err },
			"too large a request": func() error {
				_, err := x.Exchange.Ask(b.ctx, b.log(1), make([]byte, exchange.MaxMatchFrame+1))
				return err
			},
		} {
			if ask() == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if _, err := x.Exchange.Ask(b.ctx, b.log(1), []byte("q")); err != nil {
			t.Errorf("after all that: %v", err)
		}
	})
}
