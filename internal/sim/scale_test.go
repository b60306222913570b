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

// paced is when nodes held records that were published one after the other.
type paced struct {
	mu   sync.Mutex
	sent map[ct.ID]time.Time
	at   map[ct.ID]map[int]time.Time // by node
	n    int
}

// pace publishes records, one every step, on each of authors in turn, and waits
// at most a minute until all of nodes hold them.
func (c *cluster) pace(records int, step time.Duration, authors, nodes []int) *paced {
	c.t.Helper()
	p := &paced{sent: map[ct.ID]time.Time{}, at: map[ct.ID]map[int]time.Time{}}
	ctx, stop := context.WithCancel(c.ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
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
				for _, r := range rows {
					cursor = r.Cursor
					p.note(r.ID, i, now)
				}
			}
		})
	}
	for r := range records {
		at := time.Now()
		rec, err := c.nodes[authors[r*7%len(authors)]].Publish(c.ctx, ct.Topics()[1+r%4], make([]byte, 600))
		if err != nil {
			c.t.Fatal(err)
		}
		p.mu.Lock()
		p.sent[rec.ID()] = at
		p.mu.Unlock()
		time.Sleep(step)
	}
	for deadline := time.Now().Add(time.Minute); p.count() < records*len(nodes) && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	return p
}

func (p *paced) note(id ct.ID, node int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at[id] == nil {
		p.at[id] = map[int]time.Time{}
	}
	if _, ok := p.at[id][node]; !ok {
		p.at[id][node] = now
		p.n++
	}
}

func (p *paced) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// delays of all records' ways to each of these nodes.
func (p *paced) delays(nodes ...int) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []time.Duration
	for id, sent := range p.sent {
		for _, i := range nodes {
			if at, ok := p.at[id][i]; ok {
				out = append(out, at.Sub(sent))
			}
		}
	}
	return out
}

// last is for each record how long it took to the last node.
func (p *paced) last() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []time.Duration
	for id, sent := range p.sent {
		slowest := time.Duration(0)
		for _, at := range p.at[id] {
			slowest = max(slowest, at.Sub(sent))
		}
		out = append(out, slowest)
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
	n, records := scaleNodes(36, 200), size(10, 100)
	inField(t, n, 4*time.Hour, func(t *testing.T, c *cluster) {
		c.startAll()
		low, high := c.meshed()
		t.Logf("%d nodes with %d to %d connections each", n, low, high)
		delivered, duplicates := c.sum("herald_gossip_delivered_total"), c.sum("herald_gossip_duplicate_total")
		p := c.pace(records, 100*time.Millisecond, c.all(), c.all())
		delivered = c.sum("herald_gossip_delivered_total") - delivered
		duplicates = c.sum("herald_gossip_duplicate_total") - duplicates
		all := p.delays(c.all()...)
		t.Logf("%d of %d deliveries; p50 %v, p99 %v (target %v), slowest %v; until the last node p50 %v, p99 %v; %.1f duplicates a delivery",
			len(all), n*records, percentile(all, 50), percentile(all, 99), target, percentile(all, 100),
			percentile(p.last(), 50), percentile(p.last(), 99), duplicates/delivered)
		if len(all) != n*records || percentile(all, 99) > target {
			t.Errorf("want all delivered, 99 of 100 within %v", target)
		}
	})
}

// A burst of one node's: what gossip's queues and budgets do not take, sync brings.
func TestScaleBurst(t *testing.T) {
	n, records := scaleNodes(5, 20), size(1500, 10_000)
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
	n, minutes := scaleNodes(8, 50), size(15, 60)
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

// One node behind 100 kbit/s, 300 ms there and back and 5 % loss: it gets what
// is published in time, and the others do not wait for it.
func TestScaleSlowPeer(t *testing.T) {
	const target, slowdown = 5 * time.Second, 1.1
	n, records := scaleNodes(8, 20), size(30, 200)
	const slow = 0
	inField(t, n, 4*time.Hour, func(t *testing.T, c *cluster) {
		others := c.all()[1:]
		for _, i := range others {
			c.start(i)
		}
		time.Sleep(30 * time.Second)
		without := c.pace(records, 2*time.Second, others, others).delays(others...)

		c.net.SetLink(slow, sim.Link{BitsPerSecond: 100_000, Loss: .05})
		c.net.SetLatency(func(from, to int) time.Duration {
			if from == slow || to == slow {
				return 150 * time.Millisecond
			}
			return 40 * time.Millisecond
		})
		c.start(slow)
		c.meshed()
		time.Sleep(time.Minute) // it catches up
		p := c.pace(records, 2*time.Second, others, c.all())
		with, late := p.delays(others...), p.delays(slow)
		t.Logf("%d nodes, a record every 2 s: %d of %d reach the slow one, p50 %v, p99 %v (target %v), slowest %v; the others' p99 %v, without it %v (target at most %.1f times)",
			n, len(late), records, percentile(late, 50).Round(time.Millisecond), percentile(late, 99).Round(time.Millisecond), target,
			percentile(late, 100).Round(time.Millisecond), percentile(with, 99), percentile(without, 99), slowdown)
		if len(late) != records || percentile(late, 99) >= target {
			t.Errorf("want all of %d records on the slow node, 99 of 100 within %v", records, target)
		}
		if float64(percentile(with, 99)) > slowdown*float64(percentile(without, 99)) {
			t.Errorf("the slow node delays the others")
		}
	})
}

// A node comes back after a week in which the others published.
func TestScaleAbsent(t *testing.T) {
	const target = time.Minute
	n, records := 4, size(3000, 200_000)
	inField(t, n, 12*time.Hour, func(t *testing.T, c *cluster) {
		field := c.config
		c.config = func(cfg *sim.StackConfig) { field(cfg); cfg.NoGossip, cfg.Beacons = true, false }
		c.startAll()
		c.meshed()
		absent := n - 1
		c.publish(1, absent)
		c.settle(map[int]uint64{absent: 1})
		c.stop(absent)
		var g errgroup.Group
		for w := range 64 {
			s := c.nodes[w%absent]
			g.Go(func() error {
				for i := w; i < records; i += 64 {
					if _, err := s.Publish(c.ctx, ct.TopicTravel, make([]byte, 600)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		want, total := map[int]uint64{absent: 1}, uint64(0)
		for i := range absent {
			h, _ := c.nodes[i].Store.Head(c.members.Nodes[i].Public())
			want[i] = h.Size
			total += h.Size
		}
		c.settle(want)
		before := c.net.Received(absent)
		c.start(absent)
		took := c.settle(want)
		c.same()
		t.Logf("%d records missed, 40 ms and %d Mbit/s: caught up %v after the start (target %v), the disk and the processor not counted; %.2f KB a record over the wire",
			total, sim.Bandwidth/1_000_000, took.Round(time.Millisecond), target, float64(c.net.Received(absent)-before)/float64(total)/1000)
		if took > target {
			t.Errorf("caught up after %v, want at most %v", took, target)
		}
	})
}
