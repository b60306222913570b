package node_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// set gives a time whose wall clock is off and whose other clock, which counts
// what has run since begin, is not: what setting a machine's clock does. The
// times of a bubble have no such second clock and the package time no way to
// make one, so this writes its representation: a bit that says that there is
// one, 33 bits of seconds since 1885, 30 of nanoseconds; and the count.
func set(t, begin time.Time, off time.Duration) time.Time {
	wall := t.Add(off)
	seconds := int64(wall.Sub(time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second)
	out := time.Now()
	*(*struct {
		wall uint64
		ran  int64
	})(unsafe.Pointer(&out)) = struct {
		wall uint64
		ran  int64
	}{1<<63 | uint64(seconds)<<30 | uint64(wall.Nanosecond()), int64(t.Sub(begin)) + 1}
	return out
}

// A node's clock jumps back and forth, by hours and by decades. It says so
// within two minutes and signs nothing meanwhile; nothing is lost, not even
// what a clock twenty years ahead takes for expired; and once the clock is
// right again the node publishes, in order.
func TestClockJumps(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bubble.Test(t, func(t *testing.T) {
		today()
		begin := time.Now()
		for _, off := range []time.Duration{0, time.Hour, time.Until(time.Unix(0, 0))} {
			<-time.After(time.Second)
			if a, b := set(begin, begin, 0), set(time.Now(), begin, off); !b.Round(0).Equal(time.Now().Add(off)) || b.Sub(a) != time.Since(begin) {
				t.Fatalf("set to %v off: %v, and %v after %v", off, b, b.Sub(a), time.Since(begin))
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Hour)
		defer cancel()
		dirs := founded(t, 3, roster.DefaultPolicy())
		net := sim.New(seed)
		defer net.Close()
		var off atomic.Int64 // of the clock of node 0
		clock := func() time.Time { return set(time.Now(), begin, time.Duration(off.Load())) }
		var peers []string
		for i := range dirs {
			peers = append(peers, net.Addr(i))
		}
		var running []*running
		for i, dir := range dirs {
			cfg := node.Config{Dir: dir, Listen: []string{net.Addr(i)}, Peers: peers, Underlay: net.Underlay(i)}
			if i == 0 {
				cfg = node.WithClock(cfg, clock)
			}
			running = append(running, start(t, cfg))
			defer running[i].close()
		}
		gen := synth.New(seed)
		want := map[ct.ID]bool{}
		publish := func() {
			for _, n := range running {
				n.ready(ctx)
				got, err := n.Publish(ctx, gen.Notification(ct.TopicTravel, time.Now()), desk.PublishOptions{})
				must(t, err)
				want[got.ID] = true
			}
		}
		publish()
		<-time.After(2 * time.Minute) // all have told their time
		for _, jump := range []time.Duration{
			time.Hour, -time.Hour, time.Until(time.Unix(0, 0)), 20 * 365 * 24 * time.Hour, -30 * time.Minute,
		} {
			off.Store(int64(jump))
			<-time.After(2 * time.Minute)
			s := running[0].Status()
			if said := strings.Join(s.Alarms, "; "); !strings.Contains(said, "clock: ") || s.Ready {
				t.Errorf("two minutes after a jump of %v: alarms %q, ready %v", jump, said, s.Ready)
			}
			off.Store(0)
			<-time.After(2 * time.Minute)
			if said := strings.Join(running[0].Status().Alarms, "; "); strings.Contains(said, "clock: ") {
				t.Errorf("two minutes after the clock was set right: alarms %q", said)
			}
			publish()
		}
		for i, n := range running {
			if err := n.waitFor(ctx, want); err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
			entries, _, err := n.List(feed.Filter{All: true, Kinds: []ct.Kind{ct.KindNotification}}, 0, 1000)
			must(t, err)
			last := map[ct.LogID]ct.Entry{}
			for _, e := range entries {
				if !e.Readable {
					t.Errorf("node %d: record %s is not readable any more: %s", i, e.ID.Short(), e.Unreadable)
				}
				if before := last[e.Log]; e.Seq <= before.Seq || e.Issued < before.Issued {
					t.Errorf("node %d: seq %d of %v after seq %d of %v", i, e.Seq, e.Issued, before.Seq, before.Issued)
				}
				last[e.Log] = e
			}
			if len(entries) != len(want) {
				t.Errorf("node %d shows %d notifications, %d were published", i, len(entries), len(want))
			}
		}
	})
}
