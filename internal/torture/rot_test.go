package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/feed"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// Bits that turn over in a node's files while it is down: started again, it
// never shows a wrong record, never ends without saying why, and gets back
// from its peers what rotted. Each lot has a network of its own.
func TestBitFlips(t *testing.T) {
	flips := rounds(t, "HERALD_FLIPS", 4) // in each file
	seed := seedOf(t)
	files := []string{"log.db", "keys.db", "body.db", "index.db"}
	lot, held := 4, 30
	if flips > lot {
		lot, held = 10, 150
	} else { // the short form looks at two of them
		rng := rand.New(rand.NewPCG(seed, 8))
		rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		files = files[:2]
	}
	if bubble.Race {
		flips, lot, held = 1, 1, 10
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			var sum rotted
			for done := 0; done < flips && !t.Failed(); done += lot {
				rotBubble(t, seed+uint64(done), file, min(lot, flips-done), held, &sum)
			}
			t.Logf("%d bits turned over in %d lots: %d whole again, %d of them after one more start, %d whole but for what store check still finds, "+
				"%d refused with a clear line, %d not whole; %d records shown wrong",
				sum.flips, sum.lots, sum.healed, sum.restarted, sum.unsound, sum.refused, sum.left, sum.wrong)
			if sum.wrong+sum.unsound+sum.left > 0 {
				t.Error("a record was shown wrong, did not come back, or something beside the records stayed rotten")
			}
		})
	}
}

// scrubbed is how long it takes at most until a node of a few records has been
// scrubbed once more.
const scrubbed = 70 * time.Minute

type rotted struct {
	flips, lots                               int
	healed, restarted, refused, left, unsound int
	wrong                                     int
}

// rotBubble turns bits over in one lot, in a bubble of its own.
func rotBubble(t *testing.T, seed uint64, file string, flips, held int, sum *rotted) {
	t.Helper()
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))) // invented persons are of age
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		r := &rot{t: t, ctx: ctx, rng: rand.New(rand.NewPCG(seed, 7)), net: sim.New(seed), dir: dir, sum: sum}
		defer r.net.Close()
		r.found(3)
		for i := range r.nodes {
			r.must(r.start(i))
		}
		defer func() {
			for i := range r.nodes {
				r.stop(i)
			}
		}()
		r.publish(seed, held)
		if !r.whole(0, time.Hour) {
			t.Fatal("before anything was damaged the nodes do not hold the same")
		}
		r.stop(0)
		r.flip(file, flips)
		sum.flips, sum.lots = sum.flips+flips, sum.lots+1
		r.judge(file)
	})
}

type rot struct {
	t     *testing.T
	ctx   context.Context
	rng   *rand.Rand
	net   *sim.Network
	dir   string
	nodes [3]*rotNode
	dirs  []string
	want  map[ct.ID]string // what each record says
	sum   *rotted
}

type rotNode struct {
	*node.Node
	stop context.CancelFunc
	done chan error
}

func (r *rot) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// found prepares the directories of a new network.
func (r *rot) found(n int) {
	r.t.Helper()
	var roots []*keys.Key
	var reqs []roster.Request
	for i := range n {
		dir := filepath.Join(r.dir, fmt.Sprint("n", i+1))
		root, err := keys.Generate()
		r.must(err)
		key, err := keys.Generate()
		r.must(err)
		r.must(os.Mkdir(dir, 0o700))
		r.must(keys.Save(filepath.Join(dir, node.FileNodeKey), keys.KindNode, key))
		storage, err := keys.NewStorage()
		r.must(err)
		r.must(keys.SaveStorage(filepath.Join(dir, node.FileStorageKey), storage))
		req, err := roster.NewRequest([]ct.State{"UTO", "ISL", "KEN"}[i], root, key, nil)
		r.must(err)
		roots, reqs, r.dirs = append(roots, root), append(reqs, req), append(r.dirs, dir)
	}
	policy := roster.DefaultPolicy()
	policy.LogBurst = 1 << 50
	g, err := roster.NewGenesis("rot", true, time.Now(), policy, reqs)
	r.must(err)
	for _, k := range roots {
		r.must(g.Sign(k, time.Now()))
	}
	for _, dir := range r.dirs {
		_, err := node.Join(node.Config{Dir: dir}, g.Encode(), time.Now())
		r.must(err)
	}
}

func (r *rot) start(i int) error {
	var peers []string
	for j := range r.nodes {
		if j != i {
			peers = append(peers, r.net.Addr(j))
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	n, err := node.New(ctx, node.Config{
		Dir: r.dirs[i], Listen: []string{r.net.Addr(i)}, Peers: peers, Underlay: r.net.Underlay(i), NoAPI: true,
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		stop()
		return err
	}
	x := &rotNode{Node: n, stop: stop, done: make(chan error, 1)}
	go func() { x.done <- n.Run(ctx) }()
	r.nodes[i] = x
	return nil
}

// stop ends a node and gives the error with which it ran.
func (r *rot) stop(i int) (err error) {
	x := r.nodes[i]
	if x == nil {
		return nil
	}
	r.nodes[i] = nil
	x.stop()
	err = <-x.done
	if cerr := x.Close(); cerr != nil {
		r.t.Logf("close: %v", cerr)
	}
	return err
}

func (r *rot) publish(seed uint64, n int) {
	r.t.Helper()
	for i := range r.nodes {
		for !r.nodes[i].Status().Ready {
			if r.ctx.Err() != nil {
				r.t.Fatalf("node %d is not ready: %v", i, r.nodes[i].Status().Reasons)
			}
			<-time.After(100 * time.Millisecond)
		}
	}
	gen := synth.New(seed)
	for k := range n {
		_, err := r.nodes[k%3].Publish(r.ctx, gen.Notification(ct.Topics()[1+k%4], time.Now()), desk.PublishOptions{})
		r.must(err)
	}
	<-time.After(2 * time.Minute) // addresses are told, too
	r.want = r.held(1)
	if len(r.want) < n {
		r.t.Fatalf("a peer holds %d records of %d", len(r.want), n)
	}
}

// held gives what a node shows: by id, its whole content.
func (r *rot) held(i int) map[ct.ID]string {
	out := map[ct.ID]string{}
	for after := uint64(0); ; {
		entries, next, err := r.nodes[i].List(feed.Filter{All: true}, after, 1000)
		if err != nil || len(entries) == 0 {
			return out
		}
		for _, e := range entries {
			said := fmt.Sprintf("unreadable: %s", e.Unreadable)
			if e.Readable {
				b, err := json.Marshal([]any{e.State, e.Kind, e.Topic, e.Issued, e.Notification, e.Retraction, e.Addresses, e.Delegation})
				r.must(err)
				said = string(b)
			}
			out[e.ID] = said
		}
		after = next
	}
}

// whole waits until a node shows all that is wanted; what it shows meanwhile
// must not be wrong.
func (r *rot) whole(i int, limit time.Duration) bool {
	for until := time.Now().Add(limit); ; {
		got, right := r.held(i), 0
		for id, said := range got {
			want, known := r.want[id]
			switch {
			case known && said == want:
				right++
			case !known || !strings.HasPrefix(said, "unreadable: "):
				r.sum.wrong++
				r.t.Errorf("record %s is shown, known %v: %.120s", id.Short(), known, said)
			}
		}
		if right == len(r.want) {
			return true
		}
		if time.Now().After(until) || r.t.Failed() {
			return false
		}
		select {
		case err := <-r.nodes[i].done: // it ended by itself
			r.nodes[i].done <- err
			return false
		case <-time.After(20 * time.Second):
		}
	}
}

// flip turns bits over, of pages that hold something.
func (r *rot) flip(file string, n int) {
	r.t.Helper()
	path := filepath.Join(r.dirs[0], file)
	b, err := os.ReadFile(path)
	r.must(err)
	var pages []int
	for at := 0; at < len(b); at += block {
		if page := b[at:min(at+block, len(b))]; !bytes.Equal(page, make([]byte, len(page))) {
			pages = append(pages, at)
		}
	}
	for range n {
		at := pages[r.rng.IntN(len(pages))] + r.rng.IntN(block)
		b[at%len(b)] ^= 1 << r.rng.IntN(8)
	}
	r.must(os.WriteFile(path, b, 0o600))
}

// judge starts the node and looks at what it shows.
func (r *rot) judge(file string) {
	r.t.Helper()
	err := r.start(0)
	switch {
	case err != nil:
		r.refused(file, err)
		return
	case r.whole(0, 30*time.Minute):
	default:
		err := r.stop(0)
		r.t.Logf("%s: not whole again, ended with %v", file, err)
		if err := r.start(0); err != nil {
			r.refused(file, err)
			return
		}
		if !r.whole(0, 30*time.Minute) {
			r.sum.left++
			return
		}
		r.sum.restarted++
	}
	// What shows all may have begun a round of the scrub before the last of it
	// came. The next one begins an hour after the last began.
	<-time.After(scrubbed)
	if err := r.stop(0); err != nil {
		r.t.Errorf("%s: the node ended with %v", file, err)
	}
	key, err := keys.LoadStorage(filepath.Join(r.dirs[0], node.FileStorageKey))
	r.must(err)
	raw, err := os.ReadFile(filepath.Join(r.dirs[0], node.FileGenesis))
	r.must(err)
	g, err := roster.ParseGenesis(raw)
	r.must(err)
	rep, err := store.Check(store.Config{Dir: r.dirs[0], Key: key, Network: g.Network(), Log: slog.New(slog.DiscardHandler)})
	if err != nil || !rep.OK() {
		r.t.Logf("%s: shows all, but check says %v %v", file, err, rep.Problems)
		r.sum.unsound++
		return
	}
	r.sum.healed++
}

// refused: a file that does not open is named in one line.
func (r *rot) refused(file string, err error) {
	r.t.Helper()
	if !strings.Contains(err.Error(), file) && !strings.Contains(err.Error(), strings.TrimSuffix(file, ".db")) || strings.Contains(err.Error(), "\n") {
		r.t.Errorf("%s: the node does not start and says no clear line: %v", file, err)
	}
	r.sum.refused++
}
