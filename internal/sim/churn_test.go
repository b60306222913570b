package sim_test

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// Nodes leave and come back for hours while the others publish. What every
// node needs for it must not grow: goroutines and heap, all nodes together.
func TestScaleChurn(t *testing.T) {
	n, hours := scaleNodes(5, 12), size(2, 4) // the first hour fills caches
	const slot = 5 * time.Minute              // one node leaves, and comes back after a slot or two
	inField(t, n, time.Duration(hours+2)*time.Hour, func(t *testing.T, c *cluster) {
		rng := rand.New(rand.NewPCG(uint64(n), 7))
		c.startAll()
		c.meshed()
		published := make([]uint64, n)
		away := map[int]int{} // slots left
		restarts := 0
		publish := func() {
			for i, s := range c.nodes {
				if s != nil {
					c.publish(1, i)
					published[i]++
				}
			}
		}
		// reading brings all nodes back and up to date, and counts.
		reading := func() (goroutines int, heap uint64) {
			for i := range away {
				c.start(i)
				restarts++
			}
			clear(away)
			want := map[int]uint64{}
			for i, k := range published {
				want[i] = k
			}
			took := c.settle(want)
			c.same()
			c.meshed()
			time.Sleep(15 * time.Minute) // gossip has forgotten
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			// The simulated link of a node that has left keeps its two goroutines;
			// and two nodes that dial each other at once keep both connections,
			// each of which has three goroutines at either end.
			ends := 0
			for _, s := range c.nodes {
				ends += len(s.Host.Libp2p().Network().Conns())
			}
			goroutines = runtime.NumGoroutine() - 2*restarts - 3*ends
			t.Logf("after %d restarts, all equal after %v: %d goroutines and %.1f MiB of heap for %d nodes with %d connections",
				restarts, took.Round(time.Millisecond), goroutines, float64(m.HeapAlloc)/(1<<20), n, ends/2)
			return goroutines, m.HeapAlloc
		}
		var goroutines []int
		var heaps []uint64
		for range hours {
			for range int(time.Hour/slot) - 3 {
				for i := range away {
					if away[i]--; away[i] == 0 {
						delete(away, i)
						c.start(i)
						restarts++
					}
				}
				if i := rng.IntN(n); away[i] == 0 && len(away) < n/4+1 {
					c.stop(i)
					away[i] = 1 + rng.IntN(2)
				}
				publish()
				time.Sleep(slot)
			}
			g, h := reading()
			goroutines, heaps = append(goroutines, g), append(heaps, h)
		}
		first, last := goroutines[0], goroutines[len(goroutines)-1]
		if last > first+5 {
			t.Errorf("goroutines grew from %d to %d", first, last)
		}
		if a, b := heaps[0], heaps[len(heaps)-1]; b > a+a/5 {
			t.Errorf("the heap grew from %d to %d bytes", a, b)
		}
	})
}
