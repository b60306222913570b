package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/exchange"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A peer may take a full quota at once, and after that as much as flows back;
// others are not concerned.
func TestQuota(t *testing.T) {
	var q exchange.Quota
	now, full := time.Unix(1_700_000_000, 0), 600e6 // a million a second
	a, b := ct.LogID{1}, ct.LogID{2}
	for range 600 {
		if wait := q.Take(a, 1e6, full, now); wait != 0 {
			t.Fatalf("within the quota: wait %v", wait)
		}
	}
	if wait := q.Take(a, 1e6, full, now); wait != time.Second {
		t.Errorf("one second over the quota: wait %v", wait)
	}
	if wait := q.Take(b, 1e6, full, now); wait != 0 {
		t.Errorf("another peer: wait %v", wait)
	}
	if wait := q.Take(a, 1e6, full, now.Add(2*time.Second)); wait != 0 {
		t.Errorf("two seconds later: wait %v", wait)
	}
	if wait := q.Take(a, 10e6, full, now.Add(2*time.Second)); wait != 10*time.Second {
		t.Errorf("ten more: wait %v", wait)
	}
	if wait := q.Take(a, 600e6, full, now.Add(time.Hour)); wait != 0 {
		t.Errorf("an hour later: wait %v", wait)
	}
}

// Who asks for the same for ever is held back, and a new node beside it is not.
func TestGreedyPeer(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		recs := b.write(0, 200, nil, string(make([]byte, 20_000)))
		b.put(x, recs)
		e := b.evil(1, nil)
		full := x.Exchange.SpendQuota(b.log(1))
		c := e.dial(x)
		c.send(hello(1, 0))
		c.receive()
		begin, got := time.Now(), 0
		c.send(&wire.SyncMessage{Want: &wire.SyncWant{Ranges: []wire.SyncRange{{Log: b.log(0), From: 1, Count: 200}}}})
		for last := false; !last; {
			m := c.receive()
			if m == nil || m.Records == nil {
				t.Fatalf("after %v: got %+v", time.Since(begin), m)
			}
			for _, r := range m.Records.Records {
				got += len(r)
			}
			last = m.Records.Last
		}
		want := time.Duration(float64(got) / full * float64(10*time.Minute))
		if took := time.Since(begin); took < want-time.Second || took > want+10*time.Second {
			t.Errorf("%d bytes took %v, want about %v of a quota of %.0f in ten minutes", got, took, want, full)
		}
		b.start(2, nil, 0)
		b.until("served", 10*time.Second, func() bool { return b.size(2, b.log(0)) == 200 })
	})
}

// What arrived before the stream broke is stored, and not asked for again.
func TestBrokenStream(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, b *cluster) {
		recs := b.write(2, 50, nil, "x")
		b.evil(1, func(c conn) {
			c.receive()
			c.send(hello(1, 0))
			c.receive() // the want
			for i := range 4 {
				c.send(&wire.SyncMessage{Records: &wire.SyncRecords{Records: raws(recs[10*i : 10*i+10])}})
			}
			time.Sleep(time.Second)
			_ = c.Reset()
		})
		x := b.start(0, nil, 1)
		time.Sleep(30 * time.Second) // it has met the peer and left it alone
		stored := 0
		err := x.Exchange.FetchRange(b.ctx, b.log(1), wire.SyncRange{Log: b.log(2), From: 1, Count: 50}, func(ctx context.Context, recs []verify.Record) error {
			select { // a slow disk: the stream is broken long before
			case <-time.After(10 * time.Second):
				stored += len(recs)
			case <-ctx.Done():
			}
			return ctx.Err()
		})
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want what broke the stream", err)
		}
		if stored != 40 {
			t.Errorf("%d records of 40 that arrived were stored", stored)
		}
	})
}

// A log that lacks much does not keep those waiting that lack little.
func TestClaimsAreFair(t *testing.T) {
	var ranges []wire.SyncRange
	for i := range 200 {
		ranges = append(ranges, wire.SyncRange{Log: ct.LogID{byte(i + 1)}, From: 1, Count: 5})
	}
	ranges[0].Count = 1_000_000
	c := exchange.NewClaims()
	got := map[ct.LogID]uint64{}
	for range 2 {
		batch := c.Take(ranges, 1<<16, nil)
		total := uint64(0)
		for _, r := range batch {
			got[r.Log] += r.Count
			total += r.Count
		}
		if total > 1<<16 {
			t.Errorf("a batch of %d", total)
		}
		c.Release(batch)
	}
	if len(got) != 200 {
		t.Errorf("%d logs of 200 were asked for in two batches", len(got))
	}

	// All lack much: they take turns, and none comes twice before all came once.
	for i := range ranges {
		ranges[i].Count = 100_000
	}
	c, got = exchange.NewClaims(), map[ct.LogID]uint64{}
	for range 4 {
		batch := c.Take(ranges, 1<<16, map[ct.LogID]bool{{7}: true})
		for _, r := range batch {
			got[r.Log]++
		}
		c.Release(batch)
	}
	for i := range 200 {
		want := uint64(1)
		if i == 6 {
			want = 0
		}
		if n := got[ct.LogID{byte(i + 1)}]; n < want || n > 2*want {
			t.Errorf("log %d was asked for %d times", i+1, n)
		}
	}

	// One log alone gets all there is, once.
	c = exchange.NewClaims()
	if batch := c.Take(ranges[:1], 1<<16, nil); len(batch) != 1 || batch[0].Count != 1<<16 {
		t.Errorf("one log: %v", batch)
	}
	if batch := c.Take(ranges[:1], 1<<16, nil); len(batch) != 0 {
		t.Errorf("a log that is taken: %v", batch)
	}
}
