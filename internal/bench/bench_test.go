package bench_test

import (
	"context"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bench"
)

// Every benchmark runs to its end at a small size and gives figures that make
// sense. How large they are is not this test's business.
func TestSmall(t *testing.T) {
	for _, name := range bench.All() {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			o := bench.Options{Dir: t.TempDir(), Records: 600, Held: 3000, Logs: 6, Persons: 500, Nodes: 3, Pace: 100 * time.Millisecond, Quick: true}
			n := 0
			err := bench.Run(ctx, name, o, func(r bench.Result) error {
				n++
				if r.Name == "" || r.Unit == "" || r.Value < 0 || (r.Target == "") != (r.Met == nil) {
					t.Errorf("odd figure: %+v", r)
				}
				return nil
			})
			if err != nil || n < 5 {
				t.Errorf("%d figures, error %v", n, err)
			}
		})
	}
	if err := bench.Run(context.Background(), "nonsense", bench.Options{}, nil); err == nil {
		t.Error("an unknown benchmark ran")
	}
}
