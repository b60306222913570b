package ingest_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/ingest"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
)

// BenchmarkLive takes raw records with bodies of 600 bytes, of ten logs, as
// gossip brings them, from bytes in memory to verified and durable: two
// goroutines verify, the writer commits. One operation is one record.
func BenchmarkLive(b *testing.B) {
	w := newWorld(b, "UTO", "ISL", "FJI", "NZL", "MLT", "BRB", "LCA", "TUV", "NRU", "PLW")
	in := w.start()
	raw := make([][]byte, b.N)
	for i := range raw {
		a := w.authors[i%len(w.authors)]
		body := make([]byte, 600)
		binary.BigEndian.PutUint64(body, uint64(i))
		rec := a.sign(a.seq+1, a.prev, body)
		a.seq, a.prev = a.seq+1, rec.ID()
		raw[i] = rec.Raw()
	}
	b.ResetTimer()
	start := cpu(b)
	var wg sync.WaitGroup
	var offered atomic.Int64
	for half := range 2 {
		wg.Go(func() {
			for i := range raw {
				if i%len(w.authors)%2 != half {
					continue
				}
				rec, err := verify.Open(raw[i], w.view, created.Add(time.Hour))
				if err != nil {
					b.Error(err)
					return
				}
				if in.Offer(rec) {
					offered.Add(1)
				} else if _, err := in.Submit(b.Context(), rec); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	w.ok(in.store.Wait(b.Context(), uint64(b.N)-1))
	used := cpu(b) - start
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-us/record")
}

// BenchmarkAck is the time from Submit to durable, one record a millisecond.
func BenchmarkAck(b *testing.B) {
	w := newWorld(b, "UTO")
	in := w.start()
	recs := w.authors[0].next(b.N)
	times := make([]time.Duration, b.N)
	b.ResetTimer()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i, rec := range recs {
		<-tick.C
		start := time.Now()
		if o, err := in.Submit(b.Context(), rec); err != nil || o != ingest.Stored {
			b.Fatal(o, err)
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
}

// BenchmarkAuthor has a hundred publishers share commits.
func BenchmarkAuthor(b *testing.B) {
	w := newWorld(b, "UTO")
	in := w.start()
	a := w.authors[0]
	b.SetParallelism(50)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := in.Author(b.Context(), a.log(), a.first, func(at wire.Next) (verify.Record, error) {
				return a.sign(at.Seq, at.Prev, make([]byte, 600)), nil
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func cpu(tb testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
