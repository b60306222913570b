package index_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/index"
)

// BenchmarkBuild follows a list from nothing, as after a loss of the index, and
// once more when it was imported again. The million: HERALD_BENCH_LARGE=1.
func BenchmarkBuild(b *testing.B) {
	for _, listed := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(listed), func(b *testing.B) {
			if listed > 100_000 && os.Getenv("HERALD_BENCH_LARGE") == "" {
				b.Skip("HERALD_BENCH_LARGE is not set")
			}
			w, p := newWorld(b, 1), newPopulation(7)
			for i := range listed {
				w.lists.changes = append(w.lists.changes, index.Change{Ref: fmt.Sprint(i), Person: p.person()})
			}
			dir := b.TempDir()
			for i := 0; b.Loop(); i++ {
				x := openIndex(b, filepath.Join(dir, fmt.Sprint(i)))
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				go func() { ended <- x.Follow(ctx, w.source()) }()
				start := time.Now()
				must(b, x.Reach(ctx, w.reached()))
				built := time.Now()
				w.lists.add(w.lists.changes[:listed]...)
				must(b, x.Reach(ctx, w.reached()))
				b.ReportMetric(built.Sub(start).Seconds(), "built-s")
				b.ReportMetric(time.Since(built).Seconds(), "again-s")
				cancel()
				must(b, <-ended)
				w.lists.changes = w.lists.changes[:listed]
			}
		})
	}
}
