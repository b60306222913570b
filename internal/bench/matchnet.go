package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// matchNetBench measures what one node does for one answer to another State:
// verify, count, watch, search, journal with a sync of the disk, sign. What the
// network adds is one round trip (go test ./node -run TestMatchTakesOneRoundTrip).
func matchNetBench(ctx context.Context, o Options, out func(Result) error) (err error) {
	queries, known := 2000, 2000
	if o.Quick {
		queries, known = 40, 20
	}
	r, err := newResponder(o, known)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.fill(ctx, o, known); err != nil {
		return err
	}
	for _, parallel := range []int{1, 8} {
		name := "match-net"
		if parallel > 1 {
			name = fmt.Sprintf("match-net.at-once-%d", parallel)
		}
		before, err := r.work()
		if err != nil {
			return err
		}
		took := make([]time.Duration, queries)
		var possible atomic.Int64
		busy := cpu()
		var g errgroup.Group
		for w := range parallel {
			asker := r.net.nodes[1+w%(len(r.net.nodes)-1)]
			gen := synth.New(o.Seed + 1000*uint64(parallel) + uint64(w))
			g.Go(func() error {
				for i := w; i < queries && ctx.Err() == nil; i += parallel {
					p := gen.Person()
					if i/parallel%2 == 0 {
						p = r.held[i%len(r.held)]
					}
					verdict, d, err := r.ask(ctx, asker, p)
					switch {
					case err != nil:
						return err
					case verdict == wire.MatchPossible:
						possible.Add(1)
					case verdict != wire.MatchNoHit:
						return fmt.Errorf("verdict %d", verdict)
					}
					took[i] = d
				}
				return ctx.Err()
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		used := cpu() - busy
		after, err := r.work()
		if err != nil {
			return err
		}
		n := float64(after.count - before.count)
		within := float64(after.within - before.within)
		results := []Result{
			{Name: name + ".work", Value: 1000 * (after.sum - before.sum) / n, Unit: "ms mean of an answer's work, disk included"},
			atLeast(name+".in-time", 100*within/n, "% of answers whose work takes <= 10 ms", 99),
			atMost(name+".p50", ms(percentile(took, 50)), "ms at the responder, with the wait for the grid", 20),
			atMost(name+".p99", ms(percentile(took, 99)), "ms at the responder, with the wait for the grid", 20),
			{Name: name + ".cpu", Value: float64(used.Microseconds()) / n, Unit: "us/answer, the asker's signature included"},
			{Name: name + ".possible", Value: 100 * float64(possible.Load()) / n, Unit: "% of answers"},
		}
		if parallel > 1 { // no target: one State's request reaches a node once
			for i := range results {
				results[i].Target, results[i].Met = "", nil
			}
		}
		if err := all(out, results...); err != nil {
			return err
		}
	}
	return all(out, Result{Name: "match-net.persons", Value: float64(o.Persons), Unit: "persons held"})
}

// responder is a node's desk with real files.
type responder struct {
	net   *network
	dir   string
	store *store.Store
	index *index.Index
	desk  *desk.Desk
	reg   *prometheus.Registry
	held  []ct.Person
	nonce atomic.Uint64
}

func newResponder(o Options, known int) (r *responder, err error) {
	policy := roster.DefaultPolicy()
	policy.MatchBurst, policy.MatchPerHour, policy.MatchPerDay = 1_000_000, 1_000_000, 1_000_000
	r = &responder{reg: prometheus.NewRegistry()}
	if r.net, err = foundUnder(policy, 9, o.Seed, time.Now().Add(-time.Minute)); err != nil {
		return nil, err
	}
	if r.dir, err = os.MkdirTemp(o.Dir, "bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	view := func() *roster.View { return r.net.view }
	sc := store.Config{Dir: r.dir, Key: keys.Storage{1}, Network: r.net.view.Network()}
	if err := store.Create(sc); err != nil {
		return nil, err
	}
	if r.store, err = store.Open(sc); err != nil {
		return nil, err
	}
	if r.index, err = index.Open(index.Config{Path: filepath.Join(r.dir, "index.db"), Key: [32]byte{2}}); err != nil {
		return nil, err
	}
	j, err := journal.Open(r.store.Local(), keys.Storage{3})
	if err != nil {
		return nil, err
	}
	own := r.net.nodes[0]
	r.desk = desk.New(desk.Config{
		Store: r.store, Index: r.index, Ingest: ingest.New(ingest.Config{Store: r.store, View: view}), Journal: j, View: view,
		Signer: own.key, State: own.state, Gate: func() (bool, string) { return true, "" },
		Lookup:     func(ct.ID) (store.Row, error) { return store.Row{}, store.ErrNotFound },
		Registerer: r.reg,
	})
	return r, nil
}

// fill gives the responder persons to search, and known ones of a list of its own.
func (r *responder) fill(ctx context.Context, o Options, known int) error {
	gen := synth.New(o.Seed)
	for n := 0; n < o.Persons-known; {
		var changes []index.Change
		for len(changes) < 20_000 && n < o.Persons-known {
			p := gen.Person()
			changes = append(changes, index.Change{Ref: fmt.Sprint("list:bench/", n), Person: &p})
			n++
		}
		if err := r.index.Update(index.Cursors{}, changes); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		o.Progress("index persons", n, o.Persons-known)
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for n := range known {
		p := gen.Person()
		p.Births = []ct.Birth{{Date: fmt.Sprintf("%d-%02d-%02d", 1950+n%50, 1+n%12, 1+n%28)}}
		p.Documents, p.NationalIDs = nil, nil
		if err := enc.Encode(map[string]any{"id": strconv.Itoa(n), "names": []any{map[string]string{"full": p.Names[0].Full}}, "births": []string{p.Births[0].Date}}); err != nil {
			return err
		}
		r.held = append(r.held, p)
	}
	if _, err := r.desk.ImportPersons(ctx, "known", &lines, nil); err != nil {
		return err
	}
	for at := uint64(0); ; {
		changes, last, err := r.desk.ListPersons(at, 1000)
		if err != nil {
			return err
		}
		if last == at {
			break
		}
		if err := r.index.Update(index.Cursors{Lists: last}, changes); err != nil {
			return err
		}
		at = last
	}
	_, err := r.index.Find(match.Prepare(gen.Person()), 5) // a running node has its index in memory
	return err
}

// ask sends one request as a stream brings it, and gives how long the answer took.
func (r *responder) ask(ctx context.Context, from *author, p ct.Person) (wire.MatchVerdict, time.Duration, error) {
	v, now := r.net.view, time.Now()
	req := &wire.MatchRequest{
		Network: v.Network().Prefix(), Mode: wire.MatchPlain, Asker: from.key.Public(), Responder: r.net.nodes[0].key.Public(),
		Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: "bench", Operator: "bench", Grounds: "bench", Priority: ct.PriorityRoutine,
		Issued: ct.MillisOf(now), Expires: ct.MillisOf(now.Add(time.Minute)), Person: match.Minimal(&p),
	}
	copy(req.Nonce[:], fmt.Sprint("bench ", r.nonce.Add(1)))
	body, err := wire.EncodeMatchRequest(req)
	if err != nil {
		return 0, 0, err
	}
	sig, err := from.key.Sign(keys.ContextMatchRequest, v.Network(), body)
	if err != nil {
		return 0, 0, err
	}
	raw := wire.EncodeSignedMatch(wire.SignedMatch{Body: body, Alg: keys.AlgEd25519, Sig: sig})
	began := time.Now()
	answer := r.desk.Answer(ctx, from.key.Public(), raw)
	took := time.Since(began)
	if answer == nil {
		return 0, 0, errors.New("no answer")
	}
	a, _, err := wire.DecodeMatchAnswer(answer)
	if err != nil {
		return 0, 0, err
	}
	return a.Verdict, took, nil
}

type work struct {
	count, within uint64
	sum           float64 // seconds
}

// work reads the desk's own metric.
func (r *responder) work() (w work, err error) {
	families, err := r.reg.Gather()
	if err != nil {
		return w, err
	}
	for _, f := range families {
		if f.GetName() != "herald_match_work_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		w.count, w.sum = h.GetSampleCount(), h.GetSampleSum()
		for _, b := range h.GetBucket() {
			if b.GetUpperBound() <= .010 {
				w.within = b.GetCumulativeCount()
			}
		}
	}
	return w, nil
}

func (r *responder) close() error {
	var errs []error
	if r.index != nil {
		errs = append(errs, r.index.Close())
	}
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}
