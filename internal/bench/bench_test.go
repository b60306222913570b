package bench_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bench"
)

// TestMain lets this test binary be the peers of the benchmarks below.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "peer" {
		if err := bench.RunPeer(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Every benchmark runs to its end at a small size and gives figures that make
// sense. How large they are is not this test's business.
func TestSmall(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range bench.All() {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			o := bench.Options{Dir: t.TempDir(), Records: 600, Held: 3000, Logs: 6, Persons: 500, Nodes: 3, Pace: 100 * time.Millisecond, Quick: true, Peer: []string{self, "peer"}}
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
