package bench

import (
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
)

// profiled writes a processor profile of f alone to the file that
// HERALD_BENCH_PROFILE names, when it names one.
func profiled(b *testing.B, f func() error) {
	runtime.GC()
	if path := os.Getenv("HERALD_BENCH_PROFILE"); path != "" {
		out, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			b.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	if err := f(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCatchup and BenchmarkLive are the heart of `herald bench catchup` and
// `herald bench ingest`, alone, for profiles. One operation is one record.
//
//	go test -run XXX -bench 'Catchup|Live' -benchtime 200000x ./internal/bench
func BenchmarkCatchup(b *testing.B) {
	o := Options{Dir: b.TempDir()}.withDefaults()
	if b.N < o.Logs {
		return // the first call, of one
	}
	p, err := newPair(b.Context(), o, b.N)
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	b.ReportAllocs()
	b.ResetTimer()
	start := cpu()
	profiled(b, func() error { return p.sync(b.Context()) })
	b.StopTimer()
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1000/float64(b.N), "cpu-us/record")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkLive(b *testing.B) {
	o := Options{Dir: b.TempDir()}.withDefaults()
	if b.N < o.Logs {
		return
	}
	net, err := newNetwork(o.Logs, o.Seed)
	if err != nil {
		b.Fatal(err)
	}
	raws, err := net.records(b.N, o, net.nodes)
	if err != nil {
		b.Fatal(err)
	}
	bed, err := newBed(b.Context(), o, net)
	if err != nil {
		b.Fatal(err)
	}
	defer bed.close()
	b.ReportAllocs()
	b.ResetTimer()
	var r run
	profiled(b, func() (err error) {
		r, err = liveRun(b.Context(), bed, net, raws, o)
		return err
	})
	b.StopTimer()
	b.ReportMetric(r.us, "cpu-us/record")
	b.ReportMetric(r.rate, "records/s")
}
