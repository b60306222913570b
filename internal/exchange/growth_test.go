package exchange_test

import (
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// What is dated ahead of the clock is held and comes by itself when its time has
// come near; other logs of the same session come at once, and nobody is blamed.
func TestFutureComesByItself(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		one := b.start(1, func(c *sim.StackConfig) { c.Clock = func() time.Time { return time.Now().Add(3 * time.Hour) } })
		right, _ := b.members.View.Right(b.log(2))
		h := sim.Header(b.members.View.Network(), b.log(2), ct.TopicTravel, time.Now().Add(3*time.Hour))
		wire.First(right.First).Put(&h, right.Growth.Line)
		early, err := sim.Sign(b.members.Nodes[2], b.members.View, h, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		b.put(one, []verify.Record{early})
		b.put(one, b.write(1, 50, nil, "y"))
		x := b.start(0, nil, 1)
		b.until("the other log", time.Minute, func() bool { return b.size(0, b.log(1)) == 50 })
		time.Sleep(2 * time.Hour)
		if b.size(0, b.log(2)) != 0 {
			t.Error("a record of the future is stored")
		}
		b.until("its time has come near", 2*time.Hour, func() bool { return b.size(0, b.log(2)) == 1 })
		if got := x.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			t.Errorf("the peer was blamed %v times", got)
		}
	})
}

// A log that grew too fast is held at that record, and goes on with one that its
// author issues later; who served it is not blamed.
func TestGrownTooFast(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, b *cluster) {
		policy := roster.DefaultPolicy()
		policy.LogBurst = 1 << 20
		m, err := sim.NewMembersUnder(policy, 4, 7, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		b.members = m
		right, _ := m.View.Right(b.log(2))
		at := wire.First(right.First)
		var recs []verify.Record
		next := func(issued time.Time) wire.Header {
			h := sim.Header(m.View.Network(), b.log(2), ct.TopicTravel, issued)
			at.Put(&h, right.Growth.Line)
			return h
		}
		sign := func(h wire.Header) {
			r, err := sim.Sign(m.Nodes[2], m.View, h, make([]byte, 40_000))
			if err != nil {
				t.Fatal(err)
			}
			recs, at = append(recs, r), r.Next()
		}
		for at.End <= right.Growth.Room(ct.MillisOf(time.Now())) {
			sign(next(time.Now()))
		}
		full := recs
		over := next(time.Now())
		salt := make([]byte, wire.SaltSize)
		over.Commit = wire.Commit(salt, nil)
		header := wire.EncodeHeader(&over)
		sig, err := m.Nodes[2].Sign(keys.ContextRecord, m.View.Network(), header)
		if err != nil {
			t.Fatal(err)
		}
		served := append(raws(full), wire.Encode(&wire.Envelope{HeaderBytes: header, Alg: wire.AlgEd25519, Sig: sig, Salt: salt}))
		b.evil(1, func(c conn) {
			c.receive()
			c.send(hello(1, 0))
			for msg := c.receive(); msg != nil; msg = c.receive() {
				switch {
				case msg.Frontier != nil:
					c.send(frontier(wire.LogHead{Log: b.log(2), Size: uint64(len(served)), Head: wire.ID(m.View.Network(), header)}))
				case msg.Want != nil && len(msg.Want.Ranges) > 0:
					r := msg.Want.Ranges[0]
					c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: served[r.From-1 : r.From-1+r.Count], Last: true}})
				default:
					c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Last: true}})
				}
			}
		})
		x := b.start(0, nil, 1)
		b.until("as far as it may", time.Minute, func() bool { return b.size(0, b.log(2)) == uint64(len(full)) })
		time.Sleep(90 * time.Minute)
		if got := b.size(0, b.log(2)); got != uint64(len(full)) {
			t.Errorf("%d records are stored, %d fit", got, len(full))
		}
		sign(next(time.Now()))
		honest := b.start(3, nil, 0)
		b.put(honest, recs)
		b.put(honest, b.write(3, 10, nil, "other"))
		b.until("what came later", 2*time.Hour, func() bool { return b.size(0, b.log(2)) == uint64(len(recs)) && b.size(0, b.log(3)) == 10 })
		if got := x.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			t.Errorf("a peer was blamed %v times", got)
		}
	})
}
