package exchange_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
)

// putSwapped stores a run whose last signature alone is good.
func (b *cluster) putSwapped(s *sim.Stack, recs []verify.Record) {
	b.t.Helper()
	inner := make([]int, len(recs)-1)
	for i := range inner {
		inner[i] = i
	}
	run, err := verify.OpenRange(b.swapped(recs, inner...), b.view(), time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	b.put(s, run)
}

// An author gives one node its log in runs of which only the last signature is
// good, as long as a message may be, behind a record that stands by itself. That
// node passes on all of it, wherever a want ends, and nobody blames it.
func TestLongRunsOfBadSignatures(t *testing.T) {
	inBubble(t, 5, func(t *testing.T, b *cluster) {
		x := b.start(0, nil)
		for _, author := range []int{2, 4} { // each is asked for in part
			recs := b.write(author, 1+3*wire.MaxSyncRecords, nil, "true")
			b.put(x, recs[:1])
			for rest := recs[1:]; len(rest) > 0; rest = rest[wire.MaxSyncRecords:] {
				b.putSwapped(x, rest[:wire.MaxSyncRecords])
			}
		}
		y := b.start(3, nil, 0)
		for _, author := range []int{2, 4} {
			b.until("passed on", 5*time.Minute, func() bool { return b.size(3, b.log(author)) == b.size(0, b.log(author)) })
		}
		if got := y.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			t.Errorf("an honest node is blamed %v times", got)
		}
	})
}

// Below a fork a run may end in a record that nobody has with a good signature:
// it cannot be passed on. That keeps nothing else back, and nobody is blamed.
func TestForkBehindABadSignature(t *testing.T) {
	inBubble(t, 5, func(t *testing.T, b *cluster) {
		authors := []int{1, 2, 4} // its log comes first
		slices.SortFunc(authors, func(i, j int) int { x, y := b.log(i), b.log(j); return bytes.Compare(x[:], y[:]) })
		bad, others := authors[0], authors[1:]
		log := b.log(bad)
		recs := b.write(bad, 20, nil, "true")
		other := b.write(bad, 1, &recs[9], "other")
		x := b.start(0, nil)
		b.putSwapped(x, recs)
		if _, err := x.Ingest.SubmitProof(b.ctx, recs[10], other[0]); err != nil {
			t.Fatal(err)
		}
		if h, _ := x.Store.Head(log); h.Contested != 11 {
			t.Fatalf("contested from %d", h.Contested)
		}
		for _, author := range others {
			b.put(x, b.write(author, 30, nil, "another log"))
		}
		y := b.start(3, nil, 0)
		for _, author := range others {
			b.until("another log", 20*time.Second, func() bool { return b.size(3, b.log(author)) == 30 })
		}
		b.until("the fork is known", 5*time.Minute, func() bool {
			h, _ := y.Store.Head(log)
			return h.Contested == 11
		})
		b.until("synced", 5*time.Minute, func() bool { return len(y.Exchange.Synced()) == 1 })
		if got := y.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			t.Errorf("an honest node is blamed %v times", got)
		}
		// Its good signatures come from another node, and then it is passed on.
		z := b.start(others[0], nil, 0, 3)
		b.put(z, recs)
		b.until("passed on", 3*time.Hour, func() bool { return b.size(3, log) >= 10 })
	})
}
