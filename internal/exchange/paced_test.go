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
	for name, hold := range map[string]func(b *bubble, c conn) bool{ // what each does once a second
		"silent":            func(*bubble, conn) bool { return true },
		"one byte a second": func(_ *bubble, c conn) bool { _, err := c.Write([]byte{0x82}); return err == nil },
		"does not read": func(b *bubble, c conn) bool {
			return c.send(&wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 1, Count: 20}}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, evils+2, func(t *testing.T, b *bubble) {
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
func big(b *bubble, k int) []verify.Record {
	return b.write(0, k, nil, string(make([]byte, 60<<10)))
}

// A line that is slow and moves is served, however long one message takes.
func TestSlowLineIsServed(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, b *bubble) {
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

// Streams against the protocol are a fault each; the fifth is the last.
func TestStreamFaultsLeadToQuarantine(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *bubble) {
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
	inBubble(t, evils+2, func(t *testing.T, b *bubble) {
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
