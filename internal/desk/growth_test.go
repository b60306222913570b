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

// A node whose log has used up what it may grow keeps what it has to say, says
// until when, and does not call it a fault: others would hold it too.
func TestGrowthWaitsInTheOutbox(t *testing.T) {
	net := newNetwork(t, settings{policy: roster.Policy{LogBurst: 1 << 20, LogRate: 1 << 20}}, "UTO")
	n := net.nodes[0]
	publish(t, n, notification(1))
	if g := n.desk.Growth(time.Now()); g.Used == 0 || g.Room < 2<<20 || g.Near() {
		t.Fatalf("after one record: %+v", g)
	}
	own := n.key.Public()
	right, _ := net.view.Right(own)
	for { // up to a few thousand bytes over it, which take minutes to come in
		head, _ := n.store.Head(own)
		over := int64(head.End) - int64(n.desk.Growth(time.Now()).Room)
		if over > 0 {
			break
		}
		h := sim.Header(net.view.Network(), own, ct.TopicControl, time.Now())
		h.Kind = uint32(ct.KindAck)
		head.Next(right.First).Put(&h)
		rec, err := sim.Sign(n.key, net.view, h, make([]byte, min(wire.MaxBodyBytes, 4000-over)))
		must(t, err)
		_, err = n.ingest.Submit(within(t), rec)
		must(t, err)
	}
	if g := n.desk.Growth(time.Now()); !g.Near() {
		t.Errorf("no alarm at %+v", g)
	}
	before := n.store.Last()
	r, err := n.desk.Publish(within(t), notification(2), desk.PublishOptions{NoWait: true})
	must(t, err)
	if !strings.HasPrefix(r.Why, "growth: ") || r.Waiting == "" {
		t.Fatalf("receipt %+v", r)
	}
	if _, err := n.desk.SignNow(within(t), r.Waiting, "try", "op"); err == nil || !strings.Contains(err.Error(), "growth") {
		t.Fatalf("sign now: %v", err)
	}
	items, err := n.desk.Outbox()
	must(t, err)
	if len(items) != 1 || items[0].Fault != "" || !strings.HasPrefix(items[0].Why, "growth: ") || n.store.Last() != before {
		t.Fatalf("outbox: %+v, %d records more", items, n.store.Last()-before)
	}
}
