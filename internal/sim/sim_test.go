package sim_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node/ct"
)

// cluster is nodes on a simulated network, in a bubble.
type cluster struct {
	t       *testing.T
	ctx     context.Context
	net     *sim.Network
	members *sim.Members
	dir     string
	nodes   []*sim.Stack
	config  func(*sim.StackConfig)
}

var seedFlag = flag.Uint64("seed", 0, "of keys and losses, to run a test again; 0: another one each time")

// inBubble runs fn on n nodes in virtual time. The race detector makes the
// scheduler slow: one processor keeps virtual and real work in step.
func inBubble(t *testing.T, n int, limit time.Duration, fn func(t *testing.T, c *cluster)) {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	dir := stores(t)
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		m, err := sim.NewMembers(n, seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c := &cluster{t: t, ctx: ctx, net: sim.New(seed), members: m, dir: dir, nodes: make([]*sim.Stack, n)}
		defer c.net.Close()
		defer func() {
			for i := range c.nodes {
				c.stop(i)
			}
		}()
		fn(t, c)
	})
}

// stores is a directory for the nodes' stores, in memory where the system has
// such a place: a disk takes no virtual time, and its fsync much of the real one.
func stores(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "herald-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (c *cluster) startAll() {
	for i := range c.nodes {
		c.start(i)
	}
}

func (c *cluster) start(i int) {
	c.t.Helper()
	// Everyone knows every address, half of them with the node's name.
	var boot []string
	for j := range c.nodes {
		if j != i {
			boot = append(boot, c.net.Addr(j))
		}
	}
	cfg := sim.StackConfig{
		Key: c.members.Nodes[i], View: func() *roster.View { return c.members.View },
		Dir: filepath.Join(c.dir, fmt.Sprint(i)), Underlay: c.net.Underlay(i),
		Listen: []string{c.net.Addr(i)}, Bootstrap: boot,
	}
	if c.config != nil {
		c.config(&cfg)
	}
	s, err := sim.Start(cfg)
	if err != nil {
		c.t.Fatalf("start node %d: %v", i, err)
	}
	c.nodes[i] = s
}

func (c *cluster) stop(i int) {
	c.t.Helper()
	if c.nodes[i] == nil {
		return
	}
	if err := c.nodes[i].Close(); err != nil {
		c.t.Errorf("close node %d: %v", i, err)
	}
	c.nodes[i] = nil
}

// publish has each of the nodes publish k records.
func (c *cluster) publish(k int, nodes ...int) {
	c.t.Helper()
	topics := []ct.Topic{ct.TopicTravel, ct.TopicArrival, ct.TopicDeportation, ct.TopicDetention}
	for r := range k {
		for _, i := range nodes {
			body := fmt.Appendf(nil, "record %d of node %d", r, i)
			if _, err := c.nodes[i].Publish(c.ctx, topics[(r+i)%len(topics)], body); err != nil {
				c.t.Fatalf("publish on node %d: %v", i, err)
			}
		}
	}
}

// settle waits until every running node holds want records of each of these
// logs, bodies included, and returns how long that took.
func (c *cluster) settle(want map[int]uint64) time.Duration {
	c.t.Helper()
	begin := time.Now()
	for i, s := range c.nodes {
		if s == nil {
			continue
		}
		for cursor := uint64(0); ; {
			short := false
			for j, size := range want {
				if h, _ := s.Store.Head(c.members.Nodes[j].Public()); h.Size < size {
					short = true
				}
			}
			if !short {
				break
			}
			cursor = s.Store.Last()
			if err := s.Store.Wait(c.ctx, cursor); err != nil {
				c.t.Fatalf("node %d lacks records after %v: %v", i, time.Since(begin), err)
			}
		}
		if missing := s.Store.MissingBodies(10); len(missing) > 0 {
			c.t.Errorf("node %d lacks bodies: %v", i, missing)
		}
	}
	return time.Since(begin)
}

// same checks that all running nodes hold the same frontier.
func (c *cluster) same() {
	c.t.Helper()
	var first map[ct.LogID]store.Head
	for i, s := range c.nodes {
		if s == nil {
			continue
		}
		heads := s.Store.Heads()
		if first == nil {
			first = heads
		}
		for log, h := range first {
			if heads[log].ID != h.ID || heads[log].Size != h.Size {
				c.t.Errorf("node %d holds log %s to %d (%s), another node to %d (%s)",
					i, log.Short(), heads[log].Size, heads[log].ID.Short(), h.Size, h.ID.Short())
			}
		}
	}
}

// connected waits until everyone is connected to everyone, and for the meshes.
func (c *cluster) connected() {
	c.t.Helper()
	for _, s := range c.nodes {
		for len(s.Host.Peers()) < len(c.nodes)-1 {
			if c.ctx.Err() != nil {
				c.t.Fatal("not everyone is connected")
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	time.Sleep(3 * time.Second)
}

func (c *cluster) all() []int {
	out := make([]int, len(c.nodes))
	for i := range out {
		out[i] = i
	}
	return out
}

func each(nodes []int, k uint64) map[int]uint64 {
	want := map[int]uint64{}
	for _, i := range nodes {
		want[i] = k
	}
	return want
}

func TestDeliverWithLoss(t *testing.T) {
	for _, n := range []int{3, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, n, 20*time.Minute, func(t *testing.T, c *cluster) {
				c.net.SetLoss(0.1)
				c.startAll()
				c.publish(5, c.all()...) // before there is a connection: sync brings these
				took := c.settle(each(c.all(), 5))
				c.same()
				c.connected()
				c.publish(5, c.all()...)
				c.t.Logf("%d nodes, 10%% loss: all hold all after %v and %v", n, took, c.settle(each(c.all(), 10)))
				c.same()
				for i, s := range c.nodes {
					// Ten at least were published to a mesh; sync may be faster where a packet is lost.
					if s.Counter("herald_gossip_delivered_total") < 5 {
						t.Errorf("gossip brought next to nothing to node %d", i)
					}
				}
			})
		})
	}
}

func TestAbsentNodeCatchesUp(t *testing.T) {
	inBubble(t, 4, time.Hour, func(t *testing.T, c *cluster) {
		c.startAll()
		c.publish(1, c.all()...)
		c.settle(each(c.all(), 1))
		c.stop(3)
		c.publish(20, 0, 1)
		c.settle(map[int]uint64{0: 21, 1: 21})
		time.Sleep(15 * time.Minute) // gossip has long forgotten
		c.start(3)
		took := c.settle(map[int]uint64{0: 21, 1: 21, 2: 1, 3: 1})
		c.same()
		if took > time.Minute {
			t.Errorf("caught up after %v, want at most a minute", took)
		}
		if answers, known := c.nodes[3].Exchange.OwnHead(); answers == 0 || known != 1 {
			t.Errorf("own head: %d answers, %d records, want some answers and 1", answers, known)
		}
	})
}

func TestStrangerIsRefused(t *testing.T) {
	inBubble(t, 3, 10*time.Minute, func(t *testing.T, c *cluster) {
		c.startAll()
		c.publish(3, c.all()...)
		c.settle(each(c.all(), 3))
		// Valid software, and it takes itself and the others for a network.
		seed := uint64(1)
		other, err := sim.NewMembers(3, seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		s, err := sim.Start(sim.StackConfig{
			Key: other.Nodes[0], View: func() *roster.View { return c.members.View }, Dir: filepath.Join(c.dir, "stranger"),
			Underlay: c.net.Underlay(9), Listen: []string{c.net.Addr(9)},
			Bootstrap: []string{c.net.Addr(0), c.net.Addr(1), c.net.Addr(2)},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		for i, n := range c.nodes {
			for _, id := range n.Host.Libp2p().Network().Peers() {
				if _, ok := n.Host.Member(id); !ok {
					t.Errorf("node %d is connected with a stranger", i)
				}
			}
			if got := len(n.Host.Peers()); got == 0 {
				t.Errorf("node %d has lost the members", i)
			}
		}
		if got := s.Host.Peers(); len(got) != 0 {
			t.Errorf("the stranger has connections: %v", got)
		}
		if got := s.Store.Last(); got != 0 {
			t.Errorf("the stranger got %d records", got)
		}
		if err := s.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
