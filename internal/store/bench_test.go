package store_test

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// cpu is the processor time of this process so far.
func cpu(tb testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkAppend stores records with bodies of 600 bytes, of ten logs, in
// batches of a thousand; one operation is one record.
func BenchmarkAppend(b *testing.B) {
	for _, held := range []int{0, 200_000} {
		b.Run(fmt.Sprintf("held=%d", held), func(b *testing.B) {
			w := newWorld(b, uto, isl, fji, "NZL", "MLT")
			s, _ := w.create()
			for n := 0; n < held; n += 1000 {
				w.append(s, mixed(w, 1000, 600)...)
			}
			recs := mixed(w, b.N, 600)
			b.ResetTimer()
			start := cpu(b)
			for batch := range slices.Chunk(recs, 1000) {
				w.append(s, batch...)
			}
			used := cpu(b) - start
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-us/record")
		})
	}
}

func mixed(w *world, n, size int) []verify.Record {
	var authors []*author
	for a := range w.all() {
		authors = append(authors, a)
	}
	recs := make([]verify.Record, n)
	for i := range recs {
		recs[i] = authors[w.rng.IntN(len(authors))].notify(size)
	}
	return recs
}

// BenchmarkAppendOne is the time of one acknowledgement.
func BenchmarkAppendOne(b *testing.B) {
	w := newWorld(b, uto)
	s, _ := w.create()
	recs := w.authors[uto].notifyMany(b.N, 600)
	times := make([]time.Duration, 0, b.N)
	for b.Loop() {
		start := time.Now()
		w.append(s, recs[len(times)])
		times = append(times, time.Since(start))
		if len(times) == len(recs) {
			recs = append(recs, w.authors[uto].notifyMany(100, 600)...)
		}
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
}

// BenchmarkRead reads rows with bodies.
func BenchmarkRead(b *testing.B) {
	w := newWorld(b, uto, isl)
	s, _ := w.create()
	const n = 20_000
	for range n / 1000 {
		w.append(s, mixed(w, 1000, 600)...)
	}
	log := w.authors[uto].key.Public()
	b.Run("rows", func(b *testing.B) {
		after := uint64(0)
		for i := 0; i < b.N; {
			rows, err := s.Read(after%n, 1000, true)
			w.ok(err)
			i += len(rows)
			after = rows[len(rows)-1].Cursor
		}
	})
	b.Run("range", func(b *testing.B) {
		for i, from := 0, uint64(1); i < b.N; {
			raw, err := s.Range(log, from, 1024, 1<<20)
			w.ok(err)
			i += len(raw)
			if from += uint64(len(raw)); from > n/5 {
				from = 1
			}
		}
	})
}

// BenchmarkErase erases one body of a store of many: the rewriting of keys.db.
func BenchmarkErase(b *testing.B) {
	w := newWorld(b, uto)
	s, _ := w.create()
	var recs []verify.Record
	for range 50 {
		more := w.authors[uto].notifyMany(1000, 10)
		w.append(s, more...)
		recs = append(recs, more...)
	}
	b.ResetTimer()
	for i := range b.N {
		w.ok(s.Erase([]ct.Ref{ref(recs[i%len(recs)])}, store.BodyExpired))
	}
	b.ReportMetric(float64(len(recs)), "salts")
}

// BenchmarkOpen opens a store of many records: its pages are proved, its free
// pages found and its heads read.
func BenchmarkOpen(b *testing.B) {
	const n = 100_000
	w := newWorld(b, uto, isl)
	s, cfg := w.create()
	for range n / 1000 {
		w.append(s, mixed(w, 1000, 600)...)
	}
	w.ok(s.Close())
	b.ResetTimer()
	for range b.N {
		s, err := store.Open(cfg)
		w.ok(err)
		w.ok(s.Close())
	}
	b.ReportMetric(n, "records")
}

// BenchmarkCompactBodies erases a tenth of the records and compacts body.db
// while records are appended one by one; pause-ms is the longest that one took
// then, quiet-ms the longest before. HERALD_LONG=1: a million records.
func BenchmarkCompactBodies(b *testing.B) {
	size := 50_000
	if os.Getenv("HERALD_LONG") != "" {
		size = 1_000_000
	}
	for b.Loop() {
		w := newWorld(b, uto, isl)
		s, _ := w.create()
		var erase []ct.Ref
		for n := 0; n < size; n += 1000 {
			recs := mixed(w, 1000, 600)
			w.append(s, recs...)
			for _, r := range recs[:100] {
				erase = append(erase, ref(r))
			}
		}
		w.ok(s.Erase(erase, store.BodyExpired))
		longest := func(until func() bool) (most time.Duration, count int) {
			for ; !until(); count++ {
				rec := w.authors[uto].notify(600)
				start := time.Now()
				w.append(s, rec)
				most = max(most, time.Since(start))
			}
			return most, count
		}
		n := 0
		quiet, _ := longest(func() bool { n++; return n > 200 })
		done := make(chan error, 1)
		start := time.Now()
		go func() { done <- s.CompactBodies() }()
		var err error
		pause, count := longest(func() bool {
			select {
			case err = <-done:
				return true
			default:
				return false
			}
		})
		w.ok(err)
		b.ReportMetric(float64(quiet.Microseconds())/1000, "quiet-ms")
		b.ReportMetric(float64(pause.Microseconds())/1000, "pause-ms")
		b.ReportMetric(float64(count), "appended")
		b.ReportMetric(time.Since(start).Seconds(), "s/compaction")
	}
}

// BenchmarkScrub reads stored records again; one operation is one record.
func BenchmarkScrub(b *testing.B) {
	w := newWorld(b, uto, isl)
	s, _ := w.create()
	for range 20 {
		w.append(s, mixed(w, 1000, 600)...)
	}
	var at store.ScrubPlace
	b.ResetTimer()
	start := cpu(b)
	for n := 0; n < b.N; {
		next, found, err := s.Scrub(at, min(512, b.N-n))
		w.ok(err)
		if at = next; found.Done {
			at = store.ScrubPlace{}
		}
		n += found.Records
	}
	used := cpu(b) - start
	each := float64(used.Microseconds()) / float64(b.N)
	b.ReportMetric(each, "cpu-us/record")
	b.ReportMetric(each*1e6/24/3600/1e4, "%core-for-1M-a-day") // target: < 1
}
