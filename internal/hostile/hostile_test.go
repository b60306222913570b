package hostile_test

import (
	"flag"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/hostile"
	"github.com/herald-net/herald/node/ct"
)

var only = flag.String("attack", "", "run the attacks with this in their names, in TestAttacks")

// Each attack in turn, by a member of its own on four honest nodes at once:
// nothing false is stored, what honest nodes publish meanwhile arrives, who does
// what no honest node does is put out, and nobody else is.
//
//	go test ./internal/hostile -run TestAttacks -v -attack replay
func TestAttacks(t *testing.T) {
	const honest = 4
	attacks := hostile.Attacks()
	inWorld(t, honest, len(attacks), 5*time.Hour, func(t *testing.T, w *world) {
		for i := range 2 * honest {
			w.publish(i % honest)
		}
		w.until("all delivered", time.Minute, w.all)
		time.Sleep(expiry)
		for k, a := range attacks {
			if !strings.Contains(a.Name, *only) {
				continue
			}
			n := w.hostile(honest+k, nil)
			scene := hostile.Scene{
				View: w.view, Victims: w.victims(), Held: w.held(), Expired: w.expired,
				For: 4 * time.Second, Every: 50 * time.Millisecond,
			}
			if a.Name == "replay" { // also after gossip has forgotten, and as often as an honest node may
				scene.For, scene.Every = 150*time.Second, 20*time.Second
			}
			before := [3]float64{}
			for i, name := range []string{"herald_gossip_cut_total", "herald_gossip_rpcs_refused_total", "herald_streams_refused_total"} {
				before[i] = w.nodes[0].Counter(name)
			}
			var running sync.WaitGroup
			running.Go(func() { a.Run(w.ctx, n, scene) })
			time.Sleep(time.Second)
			begin := time.Now()
			for i := range honest {
				w.publish(i)
			}
			w.until("all delivered during "+a.Name, 40*time.Second, w.all)
			took := time.Since(begin)
			running.Wait()
			w.sound(a.Name)
			out := 0
			for _, s := range w.nodes {
				if _, is := s.Host.Quarantined(n.Key.Public()); is {
					out++
				}
			}
			if want := map[bool]int{true: honest}[a.Fault]; out != want {
				t.Errorf("%q: %d of %d nodes keep the attacker out, want %d", a.Name, out, honest, want)
			}
			t.Logf("%-32s delivered in %4d ms, kept out by %d; node 0 cut %v messages, refused %v RPCs and %v streams", a.Name, took.Milliseconds(), out,
				w.nodes[0].Counter("herald_gossip_cut_total")-before[0], w.nodes[0].Counter("herald_gossip_rpcs_refused_total")-before[1],
				w.nodes[0].Counter("herald_streams_refused_total")-before[2])
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A member that lies to whoever syncs from it: nothing it says is taken, its
// victims go on to sync from others, and a node that comes later gets all.
func TestLiars(t *testing.T) {
	const honest = 3
	count := len(hostile.Liars(ct.LogID{}))
	inWorld(t, honest, count, 2*time.Hour, func(t *testing.T, w *world) {
		for i := range 4 * honest {
			w.publish(i % honest)
		}
		w.until("all delivered", time.Minute, w.all)
		held := w.held()
		for k, liar := range hostile.Liars(w.members.Nodes[0].Public()) {
			if !strings.Contains(liar.Name, *only) {
				continue
			}
			served := 0
			var mu sync.Mutex
			n := w.hostile(honest+k, func(st *hostile.Stream) {
				mu.Lock()
				served++
				mu.Unlock()
				liar.Serve(st, w.view, held)
			})
			for _, v := range w.victims() { // who connects is synced from
				if err := n.Meet(w.ctx, v); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(5 * time.Second)
			begin := time.Now()
			for i := range honest {
				w.publish(i)
			}
			w.until("all delivered beside "+liar.Name, 40*time.Second, w.all)
			took := time.Since(begin)
			time.Sleep(3 * time.Minute) // they come again, after they have left it alone
			w.sound(liar.Name)
			for i := range honest {
				if h, _ := w.nodes[i].Store.Head(n.Key.Public()); h.Size > 0 {
					t.Errorf("%q: node %d holds records of the liar", liar.Name, i)
				}
			}
			mu.Lock()
			if served < 2*honest {
				t.Errorf("%q: it was synced from %d times only", liar.Name, served)
			}
			t.Logf("%-24s served %d streams; delivered in %d ms", liar.Name, served, took.Milliseconds())
			mu.Unlock()
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
