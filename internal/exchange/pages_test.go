package exchange_test

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// strange gives n heads of logs that no roster knows, in order.
func strange(n int) (out []wire.LogHead) {
	for i := range n {
		var log ct.LogID
		binary.BigEndian.PutUint32(log[:], uint32(i)<<14)
		out = append(out, wire.LogHead{Log: log, Size: 1, Head: ct.ID{1}})
	}
	return out
}

// pages sends a frontier in pages.
func (c conn) pages(heads []wire.LogHead) {
	for ; len(heads) > wire.MaxSyncLogs; heads = heads[wire.MaxSyncLogs:] {
		c.send(&wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: heads[:wire.MaxSyncLogs], More: true}})
	}
	c.send(frontier(heads...))
}

// A peer holds more logs than a page has room for, 16,640 and more. What it says
// of each counts; a frontier without end, or out of order, is a fault.
func TestFrontierPages(t *testing.T) {
	for name, tt := range map[string]struct {
		logs  int
		bend  func(heads []wire.LogHead)
		blame bool
	}{
		"one page":         {wire.MaxSyncLogs - 1, nil, false},
		"and one more":     {wire.MaxSyncLogs, nil, false},
		"a whole roster":   {16_640, nil, false},
		"all there may be": {wire.MaxFrontier - 1, nil, false},
		"more":             {wire.MaxFrontier + wire.MaxSyncLogs, nil, true},
		"a log twice":      {2 * wire.MaxSyncLogs, func(h []wire.LogHead) { h[wire.MaxSyncLogs] = h[wire.MaxSyncLogs-1] }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(t *testing.T, b *cluster) {
				recs := b.write(2, 5, nil, "x")
				heads := strange(tt.logs)
				if tt.bend != nil {
					tt.bend(heads)
				}
				// The one log that is known comes last.
				log := b.log(2)
				at := 0
				for at < len(heads) && string(heads[at].Log[:]) < string(log[:]) {
					at++
				}
				heads = append(heads[:at:at], append([]wire.LogHead{{Log: log, Size: 5, Head: recs[4].ID()}}, heads[at:]...)...)
				var told atomic.Int64
				e := b.evil(1, func(c conn) {
					c.receive()
					c.send(&wire.SyncMessage{Hello: &wire.SyncHello{Digest: wire.FrontierDigest(heads), Time: ct.MillisOf(time.Now())}})
					for m := c.receive(); m != nil; m = c.receive() {
						switch {
						case m.Frontier != nil && !m.Frontier.More:
							c.pages(heads)
							told.Add(1)
						case m.Want != nil && len(m.Want.Ranges) > 0:
							r := m.Want.Ranges[0]
							c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: raws(recs[r.From-1 : r.From-1+r.Count]), Last: true}})
						}
					}
				})
				x := b.start(0, nil)
				c := e.dial(x) // the other way round: it opens, with pages
				c.send(hello(1, 0))
				c.receive()
				c.pages(heads)
				m := c.receive()
				if got := m != nil && m.Frontier != nil; got == tt.blame {
					t.Errorf("as the opener it was answered: %v, want %v", got, !tt.blame)
				}
				b.until("it was asked", time.Minute, func() bool { return told.Load() > 0 })
				time.Sleep(10 * time.Second)
				if got := x.Counter("herald_sync_pulls_total", "result", "peer") > 0; got != tt.blame {
					t.Errorf("blamed: %v, want %v", got, tt.blame)
				}
				if want := map[bool]uint64{false: 5, true: 0}[tt.blame]; b.size(0, log) != want {
					t.Errorf("%d records of the log among them, want %d", b.size(0, log), want)
				}
			})
		})
	}
}
