package sim_test

import (
	"cmp"
	"context"
	"flag"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

// The tests of this file and the ones beside it have a short form, which every
// `go test` runs, and the form of the figures:
//
//	go test ./internal/sim -run TestScale -v -long -timeout 2h
var (
	long  = flag.Bool("long", false, "tests of scale at full size: minutes to an hour")
	nodes = flag.Int("nodes", 0, "nodes of the tests of scale; 0: what the form says")
)

// size is a number in the short and in the long form.
func size[T any](short, full T) T {
	if *long {
		return full
	}
	return short
}

func scaleNodes(short, full int) int { return cmp.Or(*nodes, size(short, full)) }

const (
	fullMesh = 32 // p2p connects up to so many other nodes to everyone
	fewest   = 24 // and beyond keeps from so many
	most     = 32 // to so many connections
)

// inField is inBubble with nodes that know each other's addresses as in the
// field, by node, and choose themselves whom to connect to; packets take 40 ms.
func inField(t *testing.T, n int, limit time.Duration, fn func(t *testing.T, c *cluster)) {
	t.Helper()
	// Two hundred nodes in one process: less collecting for more memory.
	defer debug.SetGCPercent(debug.SetGCPercent(300))
	inBubble(t, n, limit, func(t *testing.T, c *cluster) {
		c.net.SetLatency(func(int, int) time.Duration { return 40 * time.Millisecond })
		said := map[ct.LogID][]string{}
		for i, k := range c.members.Nodes {
			said[k.Public()] = []string{c.net.Addr(i)}
		}
		c.config = func(cfg *sim.StackConfig) {
			cfg.Bootstrap, cfg.Beacons = nil, true
			cfg.Addresses = func() map[ct.LogID][]string { return said }
		}
		fn(t, c)
	})
}

// meshed waits until every node has its connections, and for the meshes, and
// returns the fewest and the most connections that any has.
func (c *cluster) meshed() (low, high int) {
	c.t.Helper()
	want := len(c.nodes) - 1
	if want > fullMesh {
		want = fewest
	}
	for _, s := range c.nodes {
		for s != nil && len(s.Host.Peers()) < want {
			if c.ctx.Err() != nil {
				c.t.Fatal("not every node has its connections")
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	time.Sleep(5 * time.Second)
	return c.degrees()
}

// degrees are the fewest and the most connections that any running node has.
func (c *cluster) degrees() (low, high int) {
	low = len(c.nodes)
	for _, s := range c.nodes {
		if s == nil {
			continue
		}
		n := len(s.Host.Peers())
		low, high = min(low, n), max(high, n)
	}
	return low, high
}

// watch notes when nodes hold records.
type watch struct {
	mu sync.Mutex
	at map[ct.ID]map[int]time.Time
	n  int
}

// watch follows the stores of nodes until stop is called.
func (c *cluster) watch(nodes ...int) (w *watch, stop func()) {
	w = &watch{at: map[ct.ID]map[int]time.Time{}}
	ctx, cancel := context.WithCancel(c.ctx)
	var all sync.WaitGroup
	for _, i := range nodes {
		s := c.nodes[i].Store
		cursor := s.Last()
		all.Go(func() {
			for s.Wait(ctx, cursor) == nil {
				now := time.Now()
				rows, err := s.Read(cursor, 1000, false)
				if err != nil {
					c.t.Errorf("follow node %d: %v", i, err)
					return
				}
				w.mu.Lock()
				for _, r := range rows {
					cursor = r.Cursor
					if w.at[r.ID] == nil {
						w.at[r.ID] = map[int]time.Time{}
					}
					if _, ok := w.at[r.ID][i]; !ok {
						w.at[r.ID][i] = now
						w.n++
					}
				}
				w.mu.Unlock()
			}
		})
	}
	return w, func() { cancel(); all.Wait() }
}

func (w *watch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// delays of a record's way from its sending to every node that has it.
func (w *watch) delays(id ct.ID, sent time.Time) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []time.Duration
	for _, at := range w.at[id] {
		out = append(out, at.Sub(sent))
	}
	return out
}

// percentile of unsorted durations.
func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	return d[min(len(d)-1, len(d)*p/100)]
}

// sum of one counter over all running nodes.
func (c *cluster) sum(name string, labels ...string) float64 {
	total := 0.0
	for _, s := range c.nodes {
		if s != nil {
			total += s.Counter(name, labels...)
		}
	}
	return total
}

// Live spreading through a network in which nobody is connected to everybody.
// Virtual time counts the way, not the work: the disk and the processor take
// none of it.
func TestScaleDelivery(t *testing.T) {
	const target = 200 * time.Millisecond
	n, records := scaleNodes(40, 200), size(20, 100)
	inField(t, n, 4*time.Hour, func(t *testing.T, c *cluster) {
		c.startAll()
		low, high := c.meshed()
		t.Logf("%d nodes with %d to %d connections each", n, low, high)
		w, stop := c.watch(c.all()...)
		defer stop()
		delivered, duplicates := c.sum("herald_gossip_delivered_total"), c.sum("herald_gossip_duplicate_total")
		sent := map[ct.ID]time.Time{}
		for r := range records {
			at := time.Now()
			rec, err := c.nodes[r*7%n].Publish(c.ctx, ct.Topics()[1+r%4], make([]byte, 600))
			if err != nil {
				t.Fatal(err)
			}
			sent[rec.ID()] = at
			time.Sleep(100 * time.Millisecond)
		}
		for deadline := time.Now().Add(time.Minute); w.count() < n*records && time.Now().Before(deadline); {
			time.Sleep(100 * time.Millisecond)
		}
		var all, last []time.Duration
		for id, at := range sent {
			d := w.delays(id, at)
			all = append(all, d...)
			last = append(last, slices.Max(d))
		}
		delivered = c.sum("herald_gossip_delivered_total") - delivered
		duplicates = c.sum("herald_gossip_duplicate_total") - duplicates
		t.Logf("%d of %d deliveries; p50 %v, p99 %v (target %v), slowest %v; until the last node p50 %v, p99 %v; %.1f duplicates a delivery",
			len(all), n*records, percentile(all, 50), percentile(all, 99), target, percentile(all, 100),
			percentile(last, 50), percentile(last, 99), duplicates/delivered)
		if len(all) != n*records || percentile(all, 99) > target {
			t.Errorf("want all delivered, 99 of 100 within %v", target)
		}
	})
}

// A burst of one node's: what gossip's queues and budgets do not take, sync brings.
func TestScaleBurst(t *testing.T) {
	n, records := scaleNodes(8, 20), size(1000, 10_000)
	inField(t, n, 4*time.Hour, func(t *testing.T, c *cluster) {
		c.startAll()
		c.meshed()
		const authors = 32 // callers at a time: each waits until its record is durable
		begin := time.Now()
		var g errgroup.Group
		for a := range authors {
			g.Go(func() error {
				for i := a; i < records; i += authors {
					if _, err := c.nodes[0].Publish(c.ctx, ct.TopicTravel, make([]byte, 600)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		c.settle(map[int]uint64{0: uint64(records)})
		took := time.Since(begin)
		c.same()
		bySync := c.sum("herald_sync_records_total")
		t.Logf("burst of %d to %d nodes: all on all, none lost, after %v of virtual time; sync brought %.0f of %d (gossip alone %.1f %%), %.1f duplicates a delivery",
			records, n, took.Round(time.Millisecond), bySync, records*(n-1), 100-100*bySync/float64(records*(n-1)),
			c.sum("herald_gossip_duplicate_total")/c.sum("herald_gossip_delivered_total"))
	})
}

// Two fifths of a network are cut off for an hour while both sides publish.
func TestScalePartition(t *testing.T) {
	const target = time.Minute
	n, minutes := scaleNodes(10, 50), size(30, 60)
	inField(t, n, 12*time.Hour, func(t *testing.T, c *cluster) {
		c.startAll()
		c.meshed()
		c.publish(1, c.all()...)
		c.settle(each(c.all(), 1))
		left := c.all()[:n*2/5]
		c.net.Partition(left)
		for range minutes { // half of the nodes publish every minute
			c.publish(1, left[:len(left)/2]...)
			c.publish(1, c.all()[n*7/10:]...)
			time.Sleep(time.Minute)
		}
		want := each(c.all(), 1)
		for i := range want {
			if i < len(left)/2 || i >= n*7/10 {
				want[i] += uint64(minutes)
			}
		}
		for _, i := range []int{0, n - 1} {
			other := n - 1 - i
			if h, _ := c.nodes[i].Store.Head(c.members.Nodes[other].Public()); h.Size > 2 {
				t.Errorf("node %d holds %d records of node %d on the other side: the partition does not bite", i, h.Size, other)
			}
		}
		c.net.Heal()
		took := c.settle(want)
		c.same()
		t.Logf("%d of %d nodes cut off for %d min: all hold the same %v after healing (target %v)", len(left), n, minutes, took.Round(time.Millisecond), target)
		if took > target {
			t.Errorf("all equal after %v, want at most %v", took, target)
		}
	})
}
