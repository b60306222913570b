package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node/ct"
)

// A swarm of nodes in virtual time, to which a seed does at random what
// networks and machines do: packets are lost, links are slow, parts are cut
// off, nodes fall silent and come back with their files, all while everybody
// publishes. When it is over every node holds the same records, each that was
// acknowledged and each once.
func TestSwarm(t *testing.T) {
	runs := rounds(t, "HERALD_SWARMS", 1)
	nodes, events := 4, 7
	if runs > 1 {
		nodes, events = 8, 20
	}
	if bubble.Race {
		runs, nodes = 1, 4
	}
	seed := seedOf(t)
	for i := range runs {
		// Every run prints a seed of its own; the first is the one above.
		s := seed + uint64(i)
		t.Run(fmt.Sprint(s), func(t *testing.T) { swarm(t, s, nodes, events) })
	}
}

type bees struct {
	t       *testing.T
	ctx     context.Context
	rng     *rand.Rand
	net     *sim.Network
	members *sim.Members
	dir     string
	nodes   []*sim.Stack // nil: down
	side    []int        // which part of a cut network a node is in
	acked   map[ct.ID]bool
	did     []string
}

func swarm(t *testing.T, seed uint64, nodes, events int) {
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		m, err := sim.NewMembers(nodes, seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		b := &bees{
			t: t, ctx: ctx, rng: rand.New(rand.NewPCG(seed, 6)), net: sim.New(seed), members: m, dir: dir,
			nodes: make([]*sim.Stack, nodes), side: make([]int, nodes), acked: map[ct.ID]bool{},
		}
		defer b.net.Close()
		defer func() {
			for i := range b.nodes {
				b.stop(i)
			}
			if t.Failed() {
				t.Logf("what was done: %q", b.did)
			}
		}()
		for i := range b.nodes {
			b.start(i)
		}
		for range events {
			b.event()
			b.publish(1 + b.rng.IntN(8))
			time.Sleep(time.Duration(1+b.rng.IntN(240)) * time.Second)
		}
		b.over()
	})
}

// event does one thing to the swarm.
func (b *bees) event() {
	up, down := b.upAndDown()
	switch what := b.rng.IntN(7); {
	case what == 0:
		loss := b.rng.Float64() * .15
		b.say("loss %.2f", loss)
		b.net.SetLoss(loss)
	case what == 1:
		slow, delay := b.rng.IntN(len(b.nodes)), time.Duration(200+b.rng.IntN(2000))*time.Millisecond
		b.say("node %d is slow: %v", slow, delay)
		b.net.SetLatency(func(from, to int) time.Duration {
			if from == slow || to == slow {
				return delay
			}
			return time.Duration(10+10*((from+to)%7)) * time.Millisecond
		})
	case what == 2:
		for i := range b.side {
			b.side[i] = b.rng.IntN(2)
		}
		b.say("cut in two: %v", b.side)
		b.cut()
	case what == 3:
		clear(b.side)
		b.say("healed")
		b.cut()
	case what <= 5 && len(up) > 2:
		// It falls silent first: no peer hears a farewell.
		i := up[b.rng.IntN(len(up))]
		b.say("node %d is gone", i)
		b.side[i] = 100 + i
		b.cut()
		time.Sleep(time.Duration(b.rng.IntN(3000)) * time.Millisecond)
		b.stop(i)
	case len(down) > 0:
		b.back(down[b.rng.IntN(len(down))])
	}
}

func (b *bees) back(i int) {
	b.t.Helper()
	b.say("node %d is back", i)
	b.side[i] = 0
	b.cut()
	b.start(i)
}

// over undoes all that was done and waits until all hold the same.
func (b *bees) over() {
	b.t.Helper()
	b.net.SetLoss(.02)
	b.net.SetLatency(func(int, int) time.Duration { return 20 * time.Millisecond })
	clear(b.side)
	b.cut()
	_, down := b.upAndDown()
	for _, i := range down {
		b.back(i)
	}
	healed := time.Now()
	want := len(b.acked)
	for i, s := range b.nodes {
		for int(s.Store.Last()) < want {
			// Something arrives, or too long nothing does.
			ctx, cancel := context.WithTimeout(b.ctx, 15*time.Minute)
			err := s.Store.Wait(ctx, s.Store.Last())
			cancel()
			if err != nil {
				b.t.Fatalf("node %d holds %d of %d records, and for a quarter of an hour nothing came", i, s.Store.Last(), want)
			}
		}
	}
	b.t.Logf("%d records on %d nodes, all the same %v after the last trouble", want, len(b.nodes), time.Since(healed).Round(time.Millisecond))
	for i, s := range b.nodes {
		rows, err := s.Store.Read(0, 2*want+100, true)
		if err != nil {
			b.t.Fatal(err)
		}
		seen := map[ct.ID]bool{}
		for _, r := range rows {
			switch {
			case seen[r.ID]:
				b.t.Errorf("node %d holds a record twice", i)
			case !b.acked[r.ID]:
				b.t.Errorf("node %d holds a record that nobody acknowledged", i)
			case r.Body == nil:
				b.t.Errorf("node %d lacks the body of a record", i)
			}
			seen[r.ID] = true
		}
		if len(seen) != want {
			b.t.Errorf("node %d holds %d records, %d were acknowledged", i, len(seen), want)
		}
		if forks, err := s.Store.Forks(); err != nil || len(forks) > 0 {
			b.t.Errorf("node %d has %d forks (%v)", i, len(forks), err)
		}
	}
}

// publish has every node that is up publish some records.
func (b *bees) publish(k int) {
	b.t.Helper()
	up, _ := b.upAndDown()
	for r := range k {
		for _, i := range up {
			topic := ct.Topics()[1+(r+i)%4]
			rec, err := b.nodes[i].Publish(b.ctx, topic, fmt.Appendf(nil, "record %d of node %d", len(b.acked), i))
			if err != nil {
				b.t.Fatalf("publish on node %d: %v", i, err)
			}
			b.acked[rec.ID()] = true
		}
	}
}

func (b *bees) upAndDown() (up, down []int) {
	for i, s := range b.nodes {
		if s == nil {
			down = append(down, i)
		} else {
			up = append(up, i)
		}
	}
	return up, down
}

func (b *bees) cut() {
	groups := map[int][]int{}
	for i, s := range b.side {
		groups[s] = append(groups[s], i)
	}
	var all [][]int
	for _, g := range groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b []int) int { return slices.Compare(a, b) })
	b.net.Partition(all...)
}

func (b *bees) start(i int) {
	b.t.Helper()
	var boot []string
	for j := range b.nodes {
		if j != i {
			boot = append(boot, b.net.Addr(j))
		}
	}
	s, err := sim.Start(sim.StackConfig{
		Key: b.members.Nodes[i], View: func() *roster.View { return b.members.View }, Dir: filepath.Join(b.dir, fmt.Sprint(i)),
		Underlay: b.net.Underlay(i), Listen: []string{b.net.Addr(i)}, Bootstrap: boot, Beacons: true,
	})
	if err != nil {
		b.t.Fatalf("start node %d: %v", i, err)
	}
	b.nodes[i] = s
}

func (b *bees) stop(i int) {
	b.t.Helper()
	if b.nodes[i] == nil {
		return
	}
	if err := b.nodes[i].Close(); err != nil {
		b.t.Errorf("close node %d: %v", i, err)
	}
	b.nodes[i] = nil
}

func (b *bees) say(format string, args ...any) {
	b.did = append(b.did, fmt.Sprintf(format, args...))
}
