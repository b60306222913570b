package exchange_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// tomorrow makes a record of another version of a raw one.
func tomorrow(t *testing.T, raw []byte) []byte {
	t.Helper()
	e, err := wire.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	header := append([]byte{e.HeaderBytes[0], 2}, "of another form"...) // version, the first field
	return wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: e.Alg, Sig: e.Sig, Salt: e.Salt, Body: e.Body})
}

// A log goes on in a version that this node does not know. It takes what it
// knows, blames nobody, fetches other logs, and asks again seldom: until then
// the rest of that log costs nothing.
func TestUnknownVersion(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, b *cluster) {
		recs := b.write(2, 40, nil, "of today")
		raw := raws(recs)
		for i := 20; i < 40; i++ {
			raw[i] = tomorrow(t, raw[i])
		}
		other := b.write(3, 5, nil, "other")
		served := new(atomic.Int64)
		b.evil(1, func(c conn) {
			c.receive()
			c.send(hello(1, 0))
			for m := c.receive(); m != nil; m = c.receive() {
				switch {
				case m.Frontier != nil:
					heads := []wire.LogHead{
						{Log: b.log(2), Size: 40, Head: ct.ID{1}}, {Log: b.log(3), Size: 5, Head: other[4].ID()},
					}
					sortHeads(heads)
					c.send(frontier(heads...))
				case m.Want != nil:
					var out [][]byte
					for _, r := range m.Want.Ranges {
						log := raws(other)
						if r.Log == b.log(2) {
							log = raw
							served.Add(int64(r.Count))
						}
						out = append(out, log[r.From-1:r.From-1+r.Count]...)
					}
					c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: out, Last: true}})
				}
			}
		})
		x := b.start(0, nil, 1)
		b.until("as far as it is known", time.Minute, func() bool { return b.size(0, b.log(2)) == 20 && b.size(0, b.log(3)) == 5 })
		time.Sleep(50 * time.Minute)
		if got := x.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			t.Errorf("the peer was blamed %v times", got)
		}
		if got := served.Load(); got != 40 {
			t.Errorf("%d records of the log were asked for, want 40, once", got)
		}
		time.Sleep(30 * time.Minute)
		if got := served.Load(); got != 41 {
			t.Errorf("%d records of the log were asked for, want one more after an hour", got)
		}
		if b.size(0, b.log(2)) != 20 {
			t.Error("what is not known was stored")
		}
	})
}

func sortHeads(h []wire.LogHead) {
	if len(h) == 2 && string(h[0].Log[:]) > string(h[1].Log[:]) {
		h[0], h[1] = h[1], h[0]
	}
}

// The last record of a run is one that cannot be judged yet, and someone on the
// way has replaced signatures before it. What comes before is the author's, as
// far as a good signature says so, and the peer is not to blame.
func TestHeldEndOfARun(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, b *cluster) {
		recs := b.write(2, 30, nil, "true")
		out := b.swapped(recs, 4, 5, 25, 26)
		out[29] = tomorrow(t, out[29])
		b.evil(1, b.liar(recs, out))
		x := b.start(0, nil, 1)
		b.until("the part that is proved", time.Minute, func() bool { return b.size(0, b.log(2)) >= 25 })
		time.Sleep(time.Second) // it is not yet asked for good signatures, which it cannot give
		if got := b.size(0, b.log(2)); got != 29 {
			t.Errorf("%d records, want the 29 before the one that is not known", got)
		}
		if got := x.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			t.Errorf("the peer was blamed %v times", got)
		}
	})
}
