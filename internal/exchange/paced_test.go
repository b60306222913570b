package exchange_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/libp2p/go-libp2p/core/network"
)

// Members that open all the streams that are served, and then say nothing or
// read nothing, shut nobody out.
func TestSeatsGoToWhoUsesThem(t *testing.T) {
	const evils = exchange.SyncsTotal/exchange.SyncsPerPeer + 1
	for name, hold := range map[string]func(b *cluster, c conn) bool{ // what each does once a second
		"silent":            func(*cluster, conn) bool { return true },
		"one byte a second": func(_ *cluster, c conn) bool { _, err := c.Write([]byte{0x82}); return err == nil },
		"does not read": func(b *cluster, c conn) bool {
			return c.send(&wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 1, Count: 20}}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, evils+2, func(t *testing.T, b *cluster) {
				x := b.start(0, nil)
				b.put(x, big(b, 20))
				var holding sync.WaitGroup
				defer holding.Wait()
				ctx, stop := context.WithCancel(b.ctx)
				defer stop()
				for i := range evils {
					e := b.evil(1+i, nil)
					for range exchange.SyncsPerPeer {
						c := e.dial(x)
						c.send(hello(1, 0))
						holding.Go(func() {
							for ctx.Err() == nil && hold(b, c) {
								time.Sleep(time.Second)
							}
						})
					}
				}
				time.Sleep(6 * time.Second)
				y := b.start(evils+1, nil, 0)
				b.until("served beside those who keep all streams", 20*time.Second, func() bool { return b.size(evils+1, b.log(0)) == 20 })
				if got := y.Counter("herald_sync_pulls_total", "result", "ok"); got == 0 {
					t.Error("no sync has run to its end")
				}
			})
		})
	}
}

// big is k records of node 0 of some 60 KiB.
func big(b *cluster, k int) []verify.Record {
	return b.write(0, k, nil, string(make([]byte, 60<<10)))
}

// A line that is slow and moves is served, however long one message takes.
func TestSlowLineIsServed(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		b.put(x, big(b, 16))
		c := b.evil(1, nil).dial(x)
		c.send(hello(1, 0))
		if m := c.receive(); m == nil || m.Hello == nil {
			t.Fatal("no hello")
		}
		c.send(&wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 1, Count: 16}}}})
		begin, total, buf := time.Now(), 0, make([]byte, 64<<10)
		for total < 16*(60<<10) {
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
			n, err := c.r.Read(buf)
			if total += n; err != nil {
				t.Fatalf("after %v and %d bytes: %v", time.Since(begin), total, err)
			}
			time.Sleep(time.Duration(n) * 20 * time.Second / (64 << 10))
		}
		if took := time.Since(begin); took < 2*time.Minute {
			t.Errorf("it took %v: the line was not slow", took)
		}
	})
}

// The same for who asks over a slow line.
func TestSlowLineIsAsked(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *cluster) {
		recs := b.write(1, 16, nil, string(make([]byte, 60<<10)))
		b.evil(1, func(c conn) {
			c.receive()
			c.send(hello(1, 0))
			c.receive()
			c.send(frontier(wire.LogHead{Log: b.log(1), Size: 16, Head: recs[15].ID()}))
			c.receive()
			frame := wire.AppendFrame(nil, wire.EncodeSync(&wire.SyncMessage{Records: &wire.SyncRecords{Records: raws(recs), Last: true}}))
			for len(frame) > 0 {
				_ = c.SetWriteDeadline(time.Now().Add(time.Minute))
				n, err := c.Write(frame[:min(len(frame), 16<<10)])
				if frame = frame[n:]; err != nil || !b.pause(6*time.Second) {
					return
				}
			}
			c.receive()
		})
		x := b.start(0, nil, 1)
		begin := time.Now()
		b.until("all fetched", 9*time.Minute, func() bool { return b.size(0, b.log(1)) == 16 })
		if took := time.Since(begin); took < 2*time.Minute {
			t.Errorf("it took %v: the line was not slow", took)
		}
		if got := x.Counter("herald_sync_pulls_total", "result", "error"); got != 0 {
			t.Errorf("%v syncs were given up", got)
		}
	})
}

// Streams against the protocol are a fault each; the fifth is the last.
func TestStreamFaultsLeadToQuarantine(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		e := b.evil(1, nil)
		garbage := func() bool {
			c, err := e.open(x)
			if err != nil {
				return false
			}
			_, _ = c.Write([]byte{0xff, 0xff, 0xff, 0xff, 0xff})
			c.receive()
			return true
		}
		for i := range 5 {
			if _, out := x.Host.Quarantined(b.log(1)); out {
				t.Fatalf("in quarantine after %d faults", i)
			}
			if !garbage() {
				t.Fatalf("stream %d was not opened", i)
			}
		}
		b.until("in quarantine", time.Second, func() bool { _, out := x.Host.Quarantined(b.log(1)); return out })
		b.until("disconnected", time.Second, func() bool {
			return x.Host.Libp2p().Network().Connectedness(e.Libp2p().ID()) != network.Connected
		})
		b.until("disconnected, as the node itself sees it", time.Minute, func() bool {
			return e.Libp2p().Network().Connectedness(x.Host.Libp2p().ID()) != network.Connected
		})
		if garbage() {
			t.Error("a node in quarantine opens streams")
		}
		y := b.start(2, nil, 0)
		b.until("others connected", 20*time.Second, func() bool { return len(y.Host.Peers()) == 1 })
		time.Sleep(10 * time.Minute)
		c, err := e.open(x)
		if err != nil {
			t.Fatalf("after the quarantine: %v", err)
		}
		c.send(hello(1, 0))
		if m := c.receive(); m == nil || m.Hello == nil {
			t.Error("after the quarantine it is not served")
		}
	})
}

// A match stream that brings no request gives way too.
func TestMatchSeats(t *testing.T) {
	const evils = exchange.MatchesTotal/exchange.MatchesPerPeer + 1
	inBubble(t, evils+2, func(t *testing.T, b *cluster) {
		x := b.start(0, func(c *sim.StackConfig) { c.Answer = echo })
		for i := range evils {
			e := b.evil(1+i, nil)
			for range exchange.MatchesPerPeer {
				s := e.openMatch(x)
				_, _ = s.Write([]byte{0x80, 0x40}) // a length, and no request
			}
		}
		time.Sleep(6 * time.Second)
		y := b.start(evils+1, nil, 0)
		b.until("connected", 20*time.Second, func() bool { return len(y.Host.Peers()) == 1 })
		if _, err := y.Exchange.Ask(b.ctx, b.log(0), []byte("request")); err != nil {
			t.Errorf("not answered beside those who keep all streams: %v", err)
		}
		if got := x.Counter("herald_streams_refused_total", "service", p2p.ServiceMatch); got != 0 {
			t.Logf("%v streams were refused", got)
		}
	})
}

// Members that answer a sync as slowly as they may, or not at all, and make
// themselves be asked again and again, hold up syncs with others for a turn of
// theirs at most, and one alone not even that.
func TestSlowPeersHoldUpNoSync(t *testing.T) {
	silent := func(b *cluster, c conn, _ int) {
		c.receive()
		c.receive()
	}
	drip := func(b *cluster, c conn, i int) { // true records of its own, one in forty seconds
		c.receive()
		c.send(hello(1, 0))
		c.receive()
		recs := b.write(i, 100, nil, "x")
		c.send(frontier(wire.LogHead{Log: b.log(i), Size: 100, Head: recs[99].ID()}))
		c.receive()
		for _, r := range raws(recs) {
			if !c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: [][]byte{r}}}) || !b.pause(40*time.Second) {
				return
			}
		}
	}
	for _, tt := range []struct {
		name  string
		evils int
		serve func(*cluster, conn, int)
		limit time.Duration // for a record: a round of 36 s, and what they may hold up
	}{
		{"one drips", 1, drip, 45 * time.Second},
		{"three drip", 3, drip, 2 * time.Minute},
		{"three are silent", 3, silent, 90 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.evils+2, func(t *testing.T, b *cluster) {
				x := b.start(0, nil)
				honest := tt.evils + 1
				var holding sync.WaitGroup
				defer holding.Wait()
				ctx, stop := context.WithCancel(b.ctx)
				defer stop()
				for i := range tt.evils {
					e := b.evil(1+i, func(c conn) { tt.serve(b, c, 1+i) })
					holding.Go(func() {
						for ctx.Err() == nil {
							if c, err := e.open(x); err == nil {
								c.send(hello(1, 1<<40)) // says to know more of the asked node's own log
								c.receive()
								_ = c.Reset()
							}
							time.Sleep(time.Second)
						}
					})
				}
				time.Sleep(30 * time.Second)
				b.start(honest, nil, 0)
				b.put(b.nodes[honest], b.write(honest, 1, nil, "true"))
				b.until("synced at first", 3*time.Minute, func() bool { return b.size(0, b.log(honest)) == 1 })
				for i := range uint64(6) {
					b.put(b.nodes[honest], b.write(honest, 1, b.last(honest), "true"))
					b.until("synced beside them", tt.limit, func() bool { return b.size(0, b.log(honest)) == i+2 })
				}
			})
		})
	}
}
