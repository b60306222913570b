package exchange_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A member's node may answer a sync with anything. What it sends does no harm:
// nothing wrong is stored, the stream ends, the peer is left alone for a while
// and the honest ones are not hindered.
func TestLyingResponder(t *testing.T) {
	type script struct {
		name  string
		blame bool // the protocol is broken, not just the stream
		serve func(b *cluster, recs []verify.Record, c conn)
	}
	// promise says hello and a frontier that holds node 2's log up to size.
	promise := func(b *cluster, c conn, size uint64) *wire.SyncMessage {
		c.receive()
		if !c.send(hello(1, 0)) {
			return nil
		}
		if m := c.receive(); m == nil || m.Frontier == nil {
			return nil
		}
		c.send(frontier(wire.LogHead{Log: b.log(2), Size: size, Head: ct.ID{1}}))
		return c.receive()
	}
	answer := func(c conn, last bool, r ...[]byte) bool {
		return c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: r, Last: last}})
	}
	scripts := []script{
		{"hangs up", false, func(_ *cluster, _ []verify.Record, c conn) {}},
		{"is silent", false, func(_ *cluster, _ []verify.Record, c conn) { c.receive(); c.receive() }},
		{"sends garbage", true, func(_ *cluster, _ []verify.Record, c conn) {
			_, _ = c.Write(bytes.Repeat([]byte{0x42}, 5000))
			c.receive()
		}},
		{"sends a huge frame", true, func(_ *cluster, _ []verify.Record, c conn) {
			_, _ = c.Write([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
			c.receive()
		}},
		{"sends a frontier first", true, func(b *cluster, _ []verify.Record, c conn) {
			c.send(frontier(wire.LogHead{Log: b.log(2), Size: 1}))
			c.receive()
		}},
		{"claims what it cannot serve", true, func(b *cluster, recs []verify.Record, c conn) {
			promise(b, c, wire.MaxSyncSize)
			answer(c, true, raws(recs[:3])...)
			c.receive()
		}},
		{"serves nothing", false, func(b *cluster, _ []verify.Record, c conn) { promise(b, c, 10); answer(c, true); c.receive() }},
		{"serves endlessly", true, func(b *cluster, recs []verify.Record, c conn) {
			promise(b, c, 3)
			for answer(c, false, recs[0].Raw()) {
			}
		}},
		{"serves another log", true, func(b *cluster, _ []verify.Record, c conn) {
			promise(b, c, 10)
			answer(c, true, raws(b.write(1, 10, nil, "mine instead"))...)
			c.receive()
		}},
		{"skips a record", true, func(b *cluster, recs []verify.Record, c conn) {
			promise(b, c, 10)
			answer(c, true, append(raws(recs[:4]), raws(recs[5:])...)...)
			c.receive()
		}},
		{"forges a signature", true, func(b *cluster, recs []verify.Record, c conn) {
			promise(b, c, 10)
			out := raws(recs)
			env, err := wire.Decode(bytes.Clone(out[4]))
			if err != nil {
				b.t.Error(err)
				return
			}
			env.Sig[7] ^= 1
			out[4] = wire.Encode(env)
			answer(c, true, out...)
			c.receive()
		}},
		{"swaps a body", true, func(b *cluster, recs []verify.Record, c conn) {
			promise(b, c, 10)
			out := raws(recs)
			env, err := wire.Decode(bytes.Clone(out[4]))
			if err != nil {
				b.t.Error(err)
				return
			}
			env.Body[0] ^= 1
			out[4] = wire.Encode(env)
			answer(c, true, out...)
			c.receive()
		}},
		{"sends hellos for records", true, func(b *cluster, _ []verify.Record, c conn) {
			promise(b, c, 10)
			for c.send(hello(1, 0)) {
			}
		}},
		{"claims to hold more of the asker's log", true, func(b *cluster, _ []verify.Record, c conn) {
			c.receive()
			c.send(hello(1, 1_000_000))
			c.receive()
			c.send(frontier())
			c.receive()
		}},
		{"cannot serve the asker's log", false, func(b *cluster, _ []verify.Record, c conn) {
			c.receive()
			c.send(hello(1, 1_000_000))
			c.receive()
			c.send(frontier(wire.LogHead{Log: b.log(0), Size: 1_000_000, Head: ct.ID{1}}))
			c.receive()
			answer(c, true)
			c.receive()
		}},
	}
	for _, tt := range scripts {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, 4, func(t *testing.T, b *cluster) {
				recs := b.write(2, 10, nil, "true")
				b.evil(1, func(c conn) { tt.serve(b, recs, c) })
				x := b.start(0, nil, 1)
				time.Sleep(3 * time.Minute)
				// The honest node joins and serves; the liar is still there.
				y := b.start(3, nil, 0)
				b.put(y, recs)
				b.until("served by the honest node", 3*time.Minute, func() bool { return b.size(0, b.log(2)) == 10 })
				for _, i := range []int{0, 1} {
					if got := b.size(0, b.log(i)); got != 0 {
						t.Errorf("%d records of log %d were stored", got, i)
					}
				}
				if h, _ := x.Store.Head(b.log(2)); h.ID != recs[9].ID() || h.Contested != 0 {
					t.Errorf("the true log is at %s, contested %v", h.ID.Short(), h.Contested != 0)
				}
				answers, known := x.Exchange.OwnHead()
				if answers > 2 || known != 0 {
					t.Errorf("own head: %d answers, known %d; a claim alone must not count", answers, known)
				}
				blamed := x.Counter("herald_sync_pulls_total", "result", "peer") > 0
				if blamed != tt.blame {
					t.Errorf("blamed: got %v, want %v", blamed, tt.blame)
				}
			})
		})
	}
}

// The same from the other side: a member's node opens streams and asks.
func TestLyingInitiator(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		recs := b.write(0, 20, nil, "x")
		b.put(x, recs)
		e := b.evil(1, nil)

		c := e.dial(x)
		_, _ = c.Write(bytes.Repeat([]byte{0x42}, 100))
		if m := c.receive(); m != nil {
			t.Errorf("garbage: got %+v", m)
		}
		c = e.dial(x)
		c.send(frontier())
		if m := c.receive(); m != nil {
			t.Errorf("no hello: got %+v", m)
		}
		c = e.dial(x)
		c.send(hello(1, 0))
		if m := c.receive(); m == nil || m.Hello == nil {
			t.Errorf("hello: got %+v, want a hello", m)
		}
		c.send(hello(1, 0))
		if m := c.receive(); m != nil {
			t.Errorf("hello twice: got %+v", m)
		}

		for _, tt := range []struct {
			name string
			want *wire.SyncWant
			got  int
		}{
			{"what is held", &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 1, Count: 20}}}, 20},
			{"more than is held", &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 15, Count: 1000}}}, 6},
			{"beyond the end", &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 21, Count: 1}}}, 0},
			{"far beyond", &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: wire.MaxSyncSize, Count: wire.MaxSyncWant}}}, 0},
			{"a log nobody has", &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{9}, From: 1, Count: 1}}}, 0},
			{"unheld, then held", &wire.SyncWant{Ranges: []wire.SyncRange{{Log: ct.LogID{9}, From: 1, Count: 1}, {Log: b.log(0), From: 1, Count: 5}}}, 0},
			{"bodies: unheld, then held", &wire.SyncWant{Bodies: true, Ranges: []wire.SyncRange{{Log: ct.LogID{9}, From: 1, Count: 1}, {Log: b.log(0), From: 1, Count: 5}}}, 5},
			{"the same often", &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 1, Count: 5}, {Log: b.log(0), From: 1, Count: 5}}}, 10},
			{"proofs of forks that are none", &wire.SyncWant{Forks: []ct.LogID{b.log(0), {9}}}, 0},
		} {
			c := e.dial(x)
			c.send(hello(1, 0))
			c.receive()
			c.send(&wire.SyncMessage{Want: tt.want})
			got := 0
			for last := false; !last; {
				m := c.receive()
				if m == nil || m.Records == nil {
					t.Fatalf("%s: got %+v, want records", tt.name, m)
				}
				got, last = got+len(m.Records.Records), m.Records.Last
			}
			if got != tt.got {
				t.Errorf("%s: got %d records, want %d", tt.name, got, tt.got)
			}
			_ = c.Reset()
		}

		time.Sleep(2 * time.Minute) // the streams above have ended
		served := 0
		for range 3 * exchange.SyncsPerPeer {
			c := e.dial(x)
			c.send(hello(1, 0))
			if m := c.receive(); m != nil && m.Hello != nil {
				served++
			}
		}
		if served != exchange.SyncsPerPeer {
			t.Errorf("%d streams of one peer are served at a time, want %d", served, exchange.SyncsPerPeer)
		}
		if got := x.Counter("herald_streams_refused_total", "service", p2p.ServiceSync); got != 2*exchange.SyncsPerPeer {
			t.Errorf("refused streams: got %v, want %d", got, 2*exchange.SyncsPerPeer)
		}
		time.Sleep(2 * time.Minute) // idle streams end by themselves
		c = e.dial(x)
		c.send(hello(1, 0))
		if m := c.receive(); m == nil {
			t.Error("no stream is served after the idle ones have ended")
		}
		if got := b.size(0, b.log(0)); got != 20 {
			t.Errorf("the log has %d records, want 20", got)
		}
	})
}

// A stream of a node that is muted while it is open gets no further.
func TestStreamOfAMutedPeer(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		var muted atomic.Bool
		x := b.start(0, func(c *sim.StackConfig) { c.Muted = func(ct.State) bool { return muted.Load() } })
		e := b.evil(1, nil)
		c := e.dial(x)
		c.send(hello(1, 0))
		if m := c.receive(); m == nil {
			t.Fatal("no hello")
		}
		muted.Store(true)
		x.Host.Recheck()
		c.send(&wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 1, Count: 1}}}})
		if m := c.receive(); m != nil {
			t.Errorf("got %+v after the mute", m)
		}
	})
}

// A stream is held against the roster when it opens, whatever the connection
// that carries it was when that was made.
func TestStreamsAreCheckedAgain(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		var muted atomic.Bool
		x := b.start(0, func(c *sim.StackConfig) { c.Muted = func(ct.State) bool { return muted.Load() } })
		e := b.evil(1, nil)
		c := e.dial(x)
		c.send(hello(1, 0))
		if m := c.receive(); m == nil || m.Hello == nil {
			t.Fatal("a member's stream is not served")
		}
		_ = c.Close()
		muted.Store(true) // nobody has looked at the connections yet
		c = e.dial(x)
		c.send(hello(1, 0))
		if m := c.receive(); m != nil {
			t.Errorf("a muted State's new stream got %+v", m)
		}
		if got := x.Counter("herald_streams_refused_total", "service", p2p.ServiceSync); got != 1 {
			t.Errorf("refused streams: got %v, want 1", got)
		}
	})
}
