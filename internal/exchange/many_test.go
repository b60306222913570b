package exchange_test

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A network has named more node keys over the years than one page of a frontier
// has room for. A node that has none of their logs fetches all of them, those of
// each time while its clock says so, and then has nothing more to ask.
func TestMoreLogsThanAPage(t *testing.T) {
	const states, generations, each = 200, 3, 7 // with the founding key, as many live keys as a State may have
	const span = 50 * time.Hour
	inBubble(t, states, func(t *testing.T, b *cluster) {
		view, m := b.members.View, b.members
		begin := time.Now()
		recs, err := m.Founding(begin)
		if err != nil {
			t.Fatal(err)
		}
		byTime := make([][]*keys.Key, generations)
		for i := range states {
			for k := range generations * each {
				node := keys.FromSeed(sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i*100+k))))
				proof, err := roster.Agree(node, m.States[i], m.Roots[i].Public())
				if err != nil {
					t.Fatal(err)
				}
				from := begin.Add(time.Duration(k/each) * span)
				raw, _, next, err := view.SignOperation(m.Roots[i], roster.Operation{Delegation: &ct.Delegation{
					State: m.States[i], Serial: uint64(k) + 2, Node: node.Public(), Proof: proof,
					NotBefore: ct.MillisOf(from), NotAfter: ct.MillisOf(from.Add(span)),
				}}, begin)
				if err != nil {
					t.Fatal(err)
				}
				rec, err := verify.Open(raw, next, begin)
				if err != nil {
					t.Fatal(err)
				}
				recs, view = append(recs, rec), next
				byTime[k/each] = append(byTime[k/each], node)
			}
		}
		for g, nodes := range byTime {
			for _, node := range nodes {
				right, ok := view.Right(node.Public())
				if !ok {
					t.Fatal("a delegation had no effect")
				}
				h := sim.Header(view.Network(), node.Public(), ct.TopicTravel, begin.Add(time.Duration(g)*span+time.Hour))
				(wire.Next{Seq: 1, Prev: right.First}).Put(&h, right.Growth.Line)
				rec, err := sim.Sign(node, view, h, []byte("x"))
				if err != nil {
					t.Fatal(err)
				}
				recs = append(recs, rec)
			}
		}
		members := func(c *sim.StackConfig) { c.View = func() *roster.View { return view } }
		x := b.start(0, members)
		for part := range slices.Chunk(recs, 4000) {
			b.put(x, part)
		}
		_, logs := x.Exchange.Holdings()
		if logs != states*(1+generations*each) || logs <= wire.MaxSyncLogs {
			t.Fatalf("%d logs are held", logs)
		}
		var ahead atomic.Int64
		y := b.start(1, func(c *sim.StackConfig) {
			members(c)
			c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		}, 0)
		same := func() bool {
			want, _ := x.Exchange.Holdings()
			got, _ := y.Exchange.Holdings()
			// What was held for a clock is tried without its body, which comes after it.
			return got == want && len(y.Store.MissingBodies(1)) == 0
		}
		for g, nodes := range byTime {
			ahead.Store(int64(time.Duration(g)*span + 2*time.Hour - time.Since(begin)))
			b.until("the logs of that time", 70*time.Minute, func() bool {
				for _, node := range nodes {
					if h, _ := y.Store.Head(node.Public()); h.Size == 0 {
						return false
					}
				}
				return true
			})
		}
		b.until("in sync", 10*time.Minute, same)
		if got := x.Counter("herald_sync_pulls_total", "result", "peer") + y.Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			t.Errorf("honest nodes blamed each other %v times", got)
		}
		bytes := y.Counter("herald_sync_bytes_total")
		if err := y.Exchange.SyncNow(b.ctx, b.log(0)); err != nil {
			t.Fatal(err)
		}
		if got := y.Counter("herald_sync_bytes_total") - bytes; got > 200 {
			t.Errorf("nothing new cost %v bytes with %d logs", got, logs)
		}
		all := x.Exchange.Holds()
		heads := all.Since(0)
		reconcile.Sort(heads)
		if d, _ := x.Exchange.Holdings(); d != wire.FrontierDigest(heads) {
			t.Error("the digest is not that of the heads")
		}
	})
}
