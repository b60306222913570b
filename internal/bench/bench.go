// Package bench measures this machine with the real parts: records signed by
// real keys, real bbolt files, real libp2p hosts on loopback. It sizes a
// machine for an operator and gives developers figures beside the targets. It
// is no test: nothing fails when a figure is missed.
package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Result is one figure. Target is empty where there is none.
type Result struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Target string  `json:"target,omitempty"`
	Met    *bool   `json:"met,omitempty"`
}

// Options size a run. Zero values are the defaults: a run of all benchmarks
// takes a few minutes.
type Options struct {
	Dir      string        // scratch directory; must be on the disk to be measured
	Records  int           // of ingest, default 60,000; of catch-up, default 200,000, a week's
	Held     int           // records that the store of ingest holds for its second run, default 1,000,000
	Logs     int           // authors, default 200
	Persons  int           // of match and match-net, default 1,000,000
	Days     int           // of each honest State of fishing, default 30
	Nodes    int           // of gossip, default 20
	Pace     time.Duration // of the paced ingest, default 5 s
	Seed     uint64
	Quick    bool                               // few messages and queries: to see that it runs, not how fast
	Peer     []string                           // command that runs RunPeer, for benchmarks between processes; empty: this program's `bench peer`
	Progress func(what string, done, total int) // never called twice at once; may be nil
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Held, 1_000_000)
	set(&o.Logs, 200)
	set(&o.Persons, 1_000_000)
	set(&o.Nodes, 20)
	set(&o.Days, 30)
	if o.Pace == 0 {
		o.Pace = 5 * time.Second
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	tell := o.Progress
	if tell == nil {
		tell = func(string, int, int) {}
	}
	var mu sync.Mutex // workers report too
	o.Progress = func(what string, done, total int) {
		mu.Lock()
		defer mu.Unlock()
		tell(what, done, total)
	}
	return o
}

// All names the benchmarks in the order in which `herald bench all` runs them.
func All() []string {
	return []string{"ingest", "catchup", "match", "match-net", "fishing", "gossip", "growth"}
}

// Run runs one benchmark by name and hands out each figure as it is known.
func Run(ctx context.Context, name string, o Options, out func(Result) error) error {
	if o.Records == 0 {
		o.Records = 60_000
		if name == "catchup" {
			o.Records = week
		}
	}
	o = o.withDefaults()
	switch name {
	case "ingest":
		return ingestBench(ctx, o, out)
	case "catchup":
		return catchupBench(ctx, o, out)
	case "match":
		return matchBench(ctx, o, out)
	case "match-net":
		return matchNetBench(ctx, o, out)
	case "fishing":
		return fishingBench(ctx, o, out)
	case "growth":
		return growthBench(ctx, o, out)
	case "gossip":
		return gossipBench(ctx, o, out)
	}
	return fmt.Errorf("bench %q is unknown: one of %v", name, All())
}

// atLeast and atMost give a figure with its target.
func atLeast(name string, v float64, unit string, target float64) Result {
	met := v >= target
	return Result{name, v, unit, fmt.Sprintf(">= %g", target), &met}
}

func atMost(name string, v float64, unit string, target float64) Result {
	met := v <= target
	return Result{name, v, unit, fmt.Sprintf("<= %g", target), &met}
}

func all(out func(Result) error, results ...Result) error {
	for _, r := range results {
		if err := out(r); err != nil {
			return err
		}
	}
	return nil
}

// cpu is the processor time, user and system, that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// percentile of unsorted durations, p in 0..100.
func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
