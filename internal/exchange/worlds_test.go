package exchange_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

var (
	worlds    = flag.Int("worlds", 4, "random worlds of TestRandomWorlds")
	worldSeed = flag.Uint64("world", 0, "seed of the first of them; 0: any")
)

// wild is a State whose two node keys are in a thief's hands, and four honest nodes of
// other States that hear of it in their own order: branches, retractions from one
// into the other, closings of any record, some mistyped, some lowered later.
type wild struct {
	*cluster
	rng   *rand.Rand
	keys  [2]*keys.Key
	state *roster.View // as the root key's holder sees it
	open  *roster.View // before any closing
	recs  [2][]*leaf   // by log
	ops   []verify.Record
	views [5]atomic.Pointer[roster.View]
	apart bool
}

// leaf is a record of one of many histories.
type leaf struct {
	verify.Record
	before *leaf
}

// way is the history that leads to a record.
func (l *leaf) way() (out []verify.Record) {
	for ; l != nil; l = l.before {
		out = append(out, l.Record)
	}
	slices.Reverse(out)
	return out
}

func (l *leaf) ref() ct.Ref { return ct.Ref{Log: l.Header().Log, Seq: l.Header().Seq, ID: l.ID()} }

func newWild(b *cluster, rng *rand.Rand) *wild {
	w := &wild{cluster: b, rng: rng, keys: [2]*keys.Key{b.members.Nodes[0], sim.Key(rng.Uint64(), 1)}}
	rec, v, err := b.members.Delegate(b.members.View, 0, w.keys[1], time.Now())
	w.ok(err)
	w.state, w.open, w.ops = v, v, append(w.ops, rec)
	for i := 1; i < 5; i++ {
		w.start(i)
	}
	return w
}

func (w *wild) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// start runs an honest node, which follows the root logs that it holds.
func (w *wild) start(i int) {
	w.t.Helper()
	w.views[i].Store(w.members.View)
	s := w.cluster.start(i, func(c *sim.StackConfig) {
		c.View = w.views[i].Load
		if i == 4 {
			c.Topics = ct.TopicSet(1<<ct.TopicControl | 1<<ct.TopicArrival)
		}
	}, slices.DeleteFunc([]int{1, 2, 3, 4}, func(j int) bool { return j == i })...)
	founding, err := w.members.Founding(time.Now())
	w.ok(err)
	w.ok(s.Ingest.SubmitAll(w.ctx, founding))
	w.follow(i)
}

// follow is what a node does with root logs and closings.
func (w *wild) follow(i int) {
	w.t.Helper()
	s, view := w.nodes[i], w.views[i].Load()
	for _, m := range view.Members() {
		for {
			seq, _, _, _ := view.RootHead(m.Root)
			if h, _ := s.Store.Head(m.Root); h.Size <= seq {
				break
			}
			row, err := s.Store.Get(m.Root, seq+1)
			w.ok(err)
			var op roster.Operation
			if row.Inadmissible == "" && roster.HasOperation(row.Header.Kind) {
				if row.BodyState != store.BodyHeld {
					break
				}
				op, err = roster.ReadOperation(row.Header.Kind, row.Body)
				w.ok(err)
			}
			view, _ = view.Apply(&row.Header, row.ID, op)
		}
	}
	w.views[i].Store(view)
	for _, n := range view.Nodes() {
		if n.Closing != nil && !w.ended(i, n) {
			w.ok(s.Ingest.CloseLog(w.ctx, n.Key, *n.Closing))
			if !w.ended(i, n) {
				s.Exchange.Kick(n.Key)
			}
		}
	}
}

func (w *wild) ended(i int, n roster.Node) bool {
	h, held := w.nodes[i].Store.Head(n.Key)
	if !held || n.Closing.Seq == 0 {
		return n.Closing.Seq == 0 && h.Size == 0 && h.Contested == 0
	}
	return h.Closed && h.Size == n.Closing.Seq && h.ID == n.Closing.ID && h.Contested == 0
}

// rest lets the nodes talk.
func (w *wild) rest(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d; {
		time.Sleep(time.Second)
		for i := 1; i < 5; i++ {
			w.follow(i)
		}
	}
}

// grow signs one more record after any of a log.
func (w *wild) grow() {
	l := w.rng.IntN(2)
	log := w.keys[l].Public()
	right, _ := w.state.Right(log)
	at := wire.First(right.First)
	var before *leaf
	if n := len(w.recs[l]); n > 0 && w.rng.IntN(40) > 0 {
		before = w.recs[l][n-1]
		if w.rng.IntN(12) == 0 {
			before = w.recs[l][w.rng.IntN(n)]
		}
		at = before.Next()
	}
	topic := ct.TopicTravel + ct.Topic(w.rng.IntN(2))
	h := sim.Header(w.members.View.Network(), log, topic, time.Now())
	at.Put(&h, right.Growth.Line)
	body := []byte(fmt.Sprint("content ", w.rng.Uint64()))
	if all := slices.Concat(w.recs[0], w.recs[1]); len(all) > 0 && w.rng.IntN(3) == 0 {
		h.Kind = uint32(ct.KindRetract)
		for range 1 + w.rng.IntN(3) {
			to := all[w.rng.IntN(len(all))].ref()
			if w.rng.IntN(8) == 0 {
				to.Seq++
			}
			if !slices.Contains(h.Refs, to) {
				h.Refs = append(h.Refs, to)
			}
		}
		if w.rng.IntN(2) == 0 {
			var err error
			body, err = wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
			w.ok(err)
		}
	}
	rec, err := sim.Sign(w.keys[l], w.open, h, body)
	w.ok(err)
	w.recs[l] = append(w.recs[l], &leaf{rec, before})
}

// give brings records to a node as a peer would.
func (w *wild) give(i int, recs []verify.Record) {
	view := w.views[i].Load()
	for len(recs) > 0 {
		n := min(len(recs), 1+w.rng.IntN(20))
		var part [][]byte
		for k, r := range recs[:n] {
			e := wire.Envelope{HeaderBytes: r.HeaderBytes(), Alg: r.Alg(), Sig: slices.Clone(r.Sig()), Salt: r.Salt(), Body: r.Body()}
			if w.rng.IntN(4) == 0 {
				e.Salt, e.Body = nil, nil
			}
			if k < n-1 && w.rng.IntN(20) == 0 {
				e.Sig[5] ^= 1
			}
			part = append(part, wire.Encode(&e))
		}
		recs = recs[n:]
		opened, err := verify.OpenRange(part, view, time.Now())
		if err != nil {
			for _, raw := range part {
				if r, err := verify.Open(raw, view, time.Now()); err == nil {
					_, err := w.nodes[i].Ingest.Submit(w.ctx, r)
					w.ok(err)
				}
			}
		} else if err := w.nodes[i].Ingest.SubmitAll(w.ctx, opened); err != nil &&
			!errors.Is(err, ingest.ErrForked) && !errors.Is(err, ingest.ErrGap) && !errors.Is(err, ingest.ErrRefused) {
			w.t.Fatalf("node %d: %v", i, err)
		}
	}
}

// tell gives a node what the root key has signed.
func (w *wild) tell(i int) {
	err := w.nodes[i].Ingest.SubmitAll(w.ctx, w.ops)
	w.ok(err)
}

// close signs a closing of a log at a record.
func (w *wild) close(c ct.Closing) {
	w.t.Helper()
	raw, _, next, err := w.state.SignOperation(w.members.Roots[0], roster.Operation{Closing: &c}, time.Now())
	if err != nil {
		return // it would take nothing back
	}
	rec, err := verify.Open(raw, w.state, time.Now())
	w.ok(err)
	w.ops, w.state = append(w.ops, rec), next
	n, _ := w.state.Node(c.Log)
	w.t.Logf("closing of log %s at %d; it is closed at %d", c.Log.Short(), c.Seq, n.Closing.Seq)
}

// closeSomewhere closes a log at any record, or at none.
func (w *wild) closeSomewhere() {
	l := w.rng.IntN(2)
	right, _ := w.state.Right(w.keys[l].Public())
	c := ct.Closing{Log: w.keys[l].Public(), ID: right.First, Reason: "compromised"}
	if len(w.recs[l]) > 0 && w.rng.IntN(8) > 0 {
		to := w.recs[l][w.rng.IntN(len(w.recs[l]))]
		c.Seq, c.ID = to.Header().Seq, to.ID()
		if w.rng.IntN(6) == 0 {
			c.ID[7] ^= 1
		}
	}
	w.close(c)
}

func (w *wild) step() {
	i := 1 + w.rng.IntN(4)
	l := w.rng.IntN(2)
	switch n := w.rng.IntN(20); {
	case n < 6:
		for range 1 + w.rng.IntN(6) {
			w.grow()
		}
	case n < 11: // a whole history
		if len(w.recs[l]) > 0 {
			w.give(i, w.recs[l][w.rng.IntN(len(w.recs[l]))].way())
		}
	case n < 14: // pieces in any order
		some := slices.Clone(w.recs[l])
		w.rng.Shuffle(len(some), func(a, b int) { some[a], some[b] = some[b], some[a] })
		for _, r := range some[:min(len(some), 10)] {
			w.give(i, []verify.Record{r.Record})
		}
	case n < 15:
		w.tell(i)
	case n < 16:
		w.stop(i)
		time.Sleep(time.Duration(w.rng.IntN(60)) * time.Second) // it is away
		w.start(i)
	case n < 17:
		if w.apart = !w.apart; w.apart {
			w.net.Partition([]int{1 + w.rng.IntN(4)})
		} else {
			w.net.Heal()
		}
	case n < 18:
		due, err := w.nodes[i].Store.DueRetractions(time.Now().Add(30*24*time.Hour), time.Minute, 1000)
		w.ok(err)
		w.ok(w.nodes[i].Store.Erase(due, store.BodyRetracted))
	case n < 19:
		if w.rng.IntN(3) == 0 {
			w.closeSomewhere()
		}
	default:
		w.rest(time.Duration(1+w.rng.IntN(90)) * time.Second)
	}
}

// settle closes what is left in dispute, at what one node holds, until every node
// holds every closed log to its end.
func (w *wild) settle() {
	w.net.Heal()
	w.rest(10 * time.Minute)
	for i := 1; i < 5; i++ {
		w.tell(i)
	}
	w.rest(10 * time.Minute)
	for _, key := range w.keys {
		log := key.Public()
		n, _ := w.state.Node(log)
		whole, disputed := true, false
		for i := 1; i < 5; i++ {
			h, _ := w.nodes[i].Store.Head(log)
			disputed = disputed || h.Contested != 0
			whole = whole && (n.Closing == nil || w.ended(i, n))
		}
		if n.Closing == nil && !disputed || n.Closing != nil && whole {
			continue
		}
		for i := 1; i < 5; i++ {
			h, _ := w.nodes[i].Store.Head(log)
			w.t.Logf("log %s, node %d: %d %s contested %d closed %v", log.Short(), i, h.Size, h.ID.Short(), h.Contested, h.Closed)
		}
		i := 1 + w.rng.IntN(4)
		h, _ := w.nodes[i].Store.Head(log)
		right, _ := w.state.Right(log)
		c := ct.Closing{Log: log, ID: right.First, Reason: "compromised"}
		most := h.Size
		if n.Closing != nil && n.Closing.Seq == 0 {
			w.t.Errorf("closed at 0 and not ended")
			continue
		}
		if n.Closing != nil {
			most = min(most, n.Closing.Seq-1)
		}
		if c.Seq = w.rng.Uint64N(most + 1); w.rng.IntN(2) == 0 {
			c.Seq = most
		}
		if c.Seq > 0 {
			id, _, ok, err := w.nodes[i].Store.Lookup(log, c.Seq)
			if err != nil || !ok {
				w.t.Fatal(ok, err)
			}
			c.ID = id
		}
		w.close(c)
	}
	w.tell(1 + w.rng.IntN(4))
	w.rest(30 * time.Minute)
}

// compare holds the nodes against each other and against the rule.
func (w *wild) compare() {
	for l, key := range w.keys {
		log := key.Public()
		first, _ := w.nodes[1].Store.Head(log)
		for i := 1; i < 5; i++ {
			h, _ := w.nodes[i].Store.Head(log)
			if h.Size != first.Size || h.ID != first.ID || h.Contested != first.Contested {
				w.t.Errorf("log %d: node %d holds %d %s contested %d, node 1 %d %s contested %d", l, i, h.Size, h.ID.Short(), h.Contested, first.Size, first.ID.Short(), first.Contested)
			}
			if n, _ := w.state.Node(log); n.Closing != nil && !w.ended(i, n) {
				w.t.Errorf("log %d: node %d has not ended it", l, i)
			}
		}
	}
	for i := 1; i < 5; i++ {
		if got := w.views[i].Load().Version(); got != w.state.Version() {
			w.t.Errorf("node %d: the roster is at %d, want %d", i, got, w.state.Version())
		}
		if got := w.nodes[i].Counter("herald_sync_pulls_total", "result", "peer"); got != 0 {
			w.t.Errorf("node %d blamed an honest one %v times", i, got)
		}
	}
	counts := map[ct.Ref]bool{}
	hides := map[ct.Ref]bool{}
	for l, key := range w.keys {
		for _, r := range w.recs[l] {
			if id, _, ok, err := w.nodes[1].Store.Lookup(key.Public(), r.Header().Seq); err == nil && ok && id == r.ID() {
				counts[r.ref()] = true
				if ct.Kind(r.Header().Kind) == ct.KindRetract {
					for _, to := range r.Header().Refs {
						hides[to] = true
					}
				}
			}
		}
	}
	for l := range w.keys {
		for _, r := range w.recs[l] {
			want := counts[r.ref()] && hides[r.ref()] && ct.Kind(r.Header().Kind) == ct.KindNotification
			body := 0
			var states []string
			for i := 1; i < 5; i++ {
				if _, hidden := w.nodes[i].Store.Hidden(r.ID()); hidden != want {
					w.t.Errorf("node %d: record %d of log %d is hidden %v, want %v", i, r.Header().Seq, l, hidden, want)
				}
				if !counts[r.ref()] || i == 4 {
					continue
				}
				row, err := w.nodes[i].Store.Get(r.Header().Log, r.Header().Seq)
				w.ok(err)
				if states = append(states, row.BodyState.String()); row.BodyState == store.BodyHeld {
					body++
				}
			}
			if counts[r.ref()] && !want && body != 0 && body != 3 {
				w.t.Errorf("record %d of log %d: its body is %v", r.Header().Seq, l, states)
			}
		}
	}
}

// In random worlds nodes that heard of a thief's records, of retractions and of
// closings in any order, with losses, partitions and restarts, hold and show the
// same in the end, and blame nobody.
func TestRandomWorlds(t *testing.T) {
	seed := cmp.Or(*worldSeed, rand.Uint64())
	for n := range uint64(*worlds) {
		t.Run(fmt.Sprint(seed+n), func(t *testing.T) {
			inBubbleOf(t, seed+n, 5, func(t *testing.T, b *cluster) {
				w := newWild(b, rand.New(rand.NewPCG(seed+n, 0)))
				for range 80 {
					w.step()
				}
				w.settle()
				w.compare()
			})
		})
	}
}
