package hostile_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/hostile"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/node/ct"
	"golang.org/x/sync/errgroup"
)

var (
	byzantineNodes = flag.Int("byzantine-nodes", 10, "nodes of TestByzantineThird, three of ten hostile")
	byzantineFor   = flag.Duration("byzantine-for", 6*time.Second, "virtual time that each phase of TestByzantineThird publishes")
)

// delays follows the stores of honest nodes and tells how long each record took.
type delays struct {
	mu   sync.Mutex
	sent map[ct.ID]time.Time
	took []time.Duration
}

func (d *delays) follow(ctx context.Context, s *sim.Stack) {
	for cursor := s.Store.Last(); s.Store.Wait(ctx, cursor) == nil; {
		now := time.Now()
		rows, err := s.Store.Read(cursor, 1000, false)
		if err != nil {
			return
		}
		d.mu.Lock()
		for _, r := range rows {
			cursor = r.Cursor
			if at, ok := d.sent[r.ID]; ok && r.Header.Log != s.Key.Public() {
				d.took = append(d.took, now.Sub(at))
			}
		}
		d.mu.Unlock()
	}
}

// p99 gives the delay of the slowest hundredth, and forgets.
func (d *delays) p99() (p99 time.Duration, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n = len(d.took); n == 0 {
		return 0, 0
	}
	slices.Sort(d.took)
	p99 = d.took[n*99/100]
	d.took = nil
	return p99, n
}

// Three of ten members are hostile and do all there is to do at once. Honest
// records reach all honest nodes as fast as before, nothing forged is taken,
// and who shows two histories is known everywhere at once.
//
//	go test ./internal/hostile -run TestByzantineThird -v -byzantine-nodes 30 -byzantine-for 60s
func TestByzantineThird(t *testing.T) {
	n := *byzantineNodes
	hostiles := n * 3 / 10
	honest := n - hostiles
	inWorld(t, honest, hostiles, 2*time.Hour, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(w.seed, 2))
		w.net.SetLatency(func(from, to int) time.Duration { return time.Duration(20+(from*7+to*7)%40) * time.Millisecond })
		d := &delays{sent: map[ct.ID]time.Time{}}
		var parts sync.WaitGroup
		defer parts.Wait()
		ctx, stop := context.WithCancel(w.ctx)
		defer stop()
		for _, s := range w.nodes {
			parts.Go(func() { d.follow(ctx, s) })
		}
		// phase has honest nodes publish ten records a second in all.
		phase := func() (time.Duration, float64) {
			begin, records := time.Now(), 0
			for time.Since(begin) < *byzantineFor {
				i := rng.IntN(honest)
				at := time.Now()
				d.mu.Lock() // before anyone looks
				d.sent[w.publish(i)] = at
				d.mu.Unlock()
				records++
				time.Sleep(100 * time.Millisecond)
			}
			w.until("all delivered", 40*time.Second, w.all)
			time.Sleep(time.Second)
			p99, got := d.p99()
			return p99, 100 * float64(got) / float64(records*(honest-1))
		}
		time.Sleep(expiry)
		phase() // to have something to alter and replay
		quiet, _ := phase()

		evidence := w.attack(ctx, &parts, honest, hostiles)
		loud, delivered := phase()
		w.sound("all attacks at once")
		var slowest time.Duration
		for _, e := range evidence() {
			slowest = max(slowest, e)
		}
		ratio := float64(loud) / float64(quiet)
		t.Logf("%d of %d nodes hostile: %d forged records taken (target 0); %.1f %% of honest records delivered (target 100); p99 %d ms, quiet %d ms: %.2f times (target 1.5); evidence of every equivocation everywhere within %.1f s (target 10)",
			hostiles, n, w.forged(), delivered, loud.Milliseconds(), quiet.Milliseconds(), ratio, slowest.Seconds())
		if delivered != 100 || slowest > 10*time.Second {
			t.Errorf("delivered %.1f %%, evidence after %v", delivered, slowest)
		}
	})
}

// attack has every hostile node equivocate, then do everything else, until ctx
// ends. What it returns waits for the evidence of each equivocation on every
// honest node and tells how long each took.
func (w *world) attack(ctx context.Context, parts *sync.WaitGroup, honest, hostiles int) (evidence func() []time.Duration) {
	attacks := hostile.Attacks()
	liars := hostile.Liars(w.members.Nodes[0].Public())
	held := w.held()
	begin := time.Now()
	for k := range hostiles {
		liar := liars[k%len(liars)]
		n := w.hostile(honest+k, func(st *hostile.Stream) { liar.Serve(st, w.view, held) })
		parts.Go(func() {
			defer n.Close()
			scene := hostile.Scene{
				View: w.view, Victims: w.victims(), Held: held, Expired: w.expired,
				For: 5 * time.Second, Every: 100 * time.Millisecond,
			}
			hostile.Equivocate(ctx, n, scene)
			// What does not get it put out first, or it could do no more.
			for _, fault := range []bool{false, true} {
				for i := range attacks {
					if a := attacks[(i+5*k)%len(attacks)]; a.Fault == fault && ctx.Err() == nil {
						scene.For = 2 * time.Second
						a.Run(ctx, n, scene)
					}
				}
			}
		})
	}
	took := make([]time.Duration, hostiles)
	var g errgroup.Group
	for k := range hostiles {
		log := w.members.Nodes[honest+k].Public()
		g.Go(func() error {
			for i := 0; i < honest && ctx.Err() == nil; {
				if h, _ := w.nodes[i].Store.Head(log); h.Contested != 0 {
					i++
					continue
				}
				time.Sleep(50 * time.Millisecond)
			}
			took[k] = time.Since(begin)
			return nil
		})
	}
	return func() []time.Duration { _ = g.Wait(); return took }
}
