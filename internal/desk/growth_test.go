package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A node whose log has used up what it may take keeps what it has to say, says
// until when, and does not call it a fault: others would hold it too. It signs by
// itself when there is room.
func TestGrowthWaitsInTheOutbox(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, settings{policy: roster.Policy{LogBurst: 1 << 20, LogRate: 1 << 20}}, "UTO")
		n := net.nodes[0]
		<-time.After(30 * 24 * time.Hour) // what was not used in a month is gone
		publish(t, n, notification(1))
		if g := n.desk.Growth(time.Now()); g.Used == 0 || g.Used > 10_000 || g.Burst != 1<<20 || g.Rate != 1<<20 || !g.Free.IsZero() || g.Near() {
			t.Fatalf("after one record: %+v", g)
		}
		own := n.key.Public()
		right, _ := net.view.Right(own)
		for n.desk.Growth(time.Now()).Free.IsZero() {
			g := n.desk.Growth(time.Now())
			head, _ := n.store.Head(own)
			h := sim.Header(net.view.Network(), own, ct.TopicControl, time.Now())
			h.Kind = uint32(ct.KindAck)
			head.Next(right.First).Put(&h, right.Growth.Line)
			rec, err := sim.Sign(n.key, net.view, h, make([]byte, min(wire.MaxBodyBytes, g.Burst-g.Used+1000)))
			must(t, err)
			_, err = n.ingest.Submit(within(t), rec)
			must(t, err)
		}
		g := n.desk.Growth(time.Now())
		if wait := time.Until(g.Free); !g.Near() || wait <= 0 || wait > 10*time.Minute {
			t.Errorf("full: %+v, room in %v", g, wait)
		}
		before := n.store.Last()
		r, err := n.desk.Publish(within(t), notification(2), desk.PublishOptions{NoWait: true})
		must(t, err)
		if !strings.HasPrefix(r.Why, "growth: ") || !strings.Contains(r.Why, ct.MillisOf(g.Free).String()) || r.Waiting == "" {
			t.Fatalf("receipt %+v", r)
		}
		if _, err := n.desk.SignNow(within(t), r.Waiting, "try", "op"); err == nil || !strings.Contains(err.Error(), "growth") {
			t.Fatalf("sign now: %v", err)
		}
		<-time.After(time.Until(g.Free) - time.Millisecond)
		items, err := n.desk.Outbox()
		must(t, err)
		if len(items) != 1 || items[0].Fault != "" || !strings.HasPrefix(items[0].Why, "growth: ") || n.store.Last() != before {
			t.Fatalf("outbox: %+v, %d records more", items, n.store.Last()-before)
		}
		<-time.After(time.Second)
		if items, err = n.desk.Outbox(); err != nil || len(items) != 0 || n.store.Last() != before+1 {
			t.Fatalf("a second after there is room: outbox %+v, %v, %d records more", items, err, n.store.Last()-before)
		}
	})
}
