package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

func matchBench(ctx context.Context, o Options, out func(Result) error) (err error) {
	// Half of the persons asked for are held and asked for with a typing error
	// or another perturbation; half are not held.
	queries := 4000
	if o.Quick {
		queries = 100
	}
	dir, err := os.MkdirTemp(o.Dir, "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	key, err := keys.NewStorage()
	if err != nil {
		return err
	}
	cfg := index.Config{Path: filepath.Join(dir, "index.db"), Key: key}
	x, err := index.Open(cfg)
	if err != nil {
		return err
	}
	gen := synth.New(o.Seed)
	var held []ct.Person
	start := time.Now()
	for n := 0; n < o.Persons; {
		var changes []index.Change
		for len(changes) < 20_000 && n < o.Persons {
			p := gen.Person()
			if n%(o.Persons/(queries/2)+1) == 0 {
				held = append(held, p)
			}
			changes = append(changes, index.Change{Ref: fmt.Sprint("list:bench/", n), Person: &p})
			n++
		}
		if err := x.Update(index.Cursors{}, changes); err != nil {
			return errors.Join(err, x.Close())
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(err, x.Close())
		}
		o.Progress("index persons", n, o.Persons)
	}
	build := time.Since(start)
	if err := x.Close(); err != nil {
		return err
	}
	start = time.Now()
	if x, err = index.Open(cfg); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	opened := time.Since(start)

	var took []time.Duration
	found := 0
	busy := cpu()
	start = time.Now()
	for i := range queries {
		q := gen.Person()
		if i%2 == 0 && len(held) > 0 {
			q = gen.Perturb(held[i/2%len(held)])
		}
		began := time.Now()
		hits, err := x.Find(match.Prepare(q), 5)
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		if i%2 == 0 && len(hits) > 0 && hits[0].Tier >= match.Possible {
			found++
		}
	}
	wall := time.Since(start)
	used := cpu() - busy
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	for _, r := range []Result{
		{Name: "match.persons", Value: float64(o.Persons), Unit: "persons"},
		atMost("match.p50", ms(percentile(took, 50)), "ms", .5),
		atMost("match.p99", ms(percentile(took, 99)), "ms", 5),
		atLeast("match.rate", float64(queries)/wall.Seconds(), "matches/s on one core", 2000),
		{Name: "match.cpu", Value: float64(used.Microseconds()) / float64(queries), Unit: "us/match"},
		{Name: "match.found", Value: 100 * float64(found) / float64(queries/2), Unit: "% of perturbed persons"},
		atMost("match.heap", float64(m.HeapInuse)/(1<<20), "MiB", 300),
		atMost("match.build", build.Seconds(), "s", 60),
		atMost("match.open", opened.Seconds(), "s", 2),
	} {
		if err := out(r); err != nil {
			return err
		}
	}
	return nil
}
