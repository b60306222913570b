package exchange_test

import (
	"context"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
)

// BenchmarkCatchUp fetches 50,000 records with bodies of 600 bytes, of 20 logs,
// over loopback from another exchange in the same process. Targets: 60,000
// records/s and 1.2 times the bytes. Both sides' work is in the figure.
func BenchmarkCatchUp(b *testing.B) {
	const logs, perLog = 20, 2500
	m, err := sim.NewMembers(logs+2, 1, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	view := func() *roster.View { return m.View }
	start := func(k *keys.Key, boot ...string) *sim.Stack {
		s, err := sim.Start(sim.StackConfig{
			Key: k, View: view, Dir: b.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Bootstrap: boot, NoGossip: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	src := start(m.Nodes[logs])
	defer src.Close()
	size := 0
	for i := range logs {
		k := m.Nodes[i]
		right, _ := m.View.Right(k.Public())
		h := sim.Header(m.View.Network(), k.Public(), 2, time.Now())
		at := wire.First(right.First)
		var recs []verify.Record
		for range perLog {
			at.Put(&h, m.View.Line(h.Log))
			r, err := sim.Sign(k, m.View, h, make([]byte, 600))
			if err != nil {
				b.Fatal(err)
			}
			at = r.Next()
			size += len(r.Raw())
			recs = append(recs, r)
		}
		if err := src.Ingest.SubmitAll(ctx, recs); err != nil {
			b.Fatal(err)
		}
	}
	var took time.Duration
	var bytes float64
	n := 0
	for b.Loop() {
		b.StopTimer()
		dst := start(m.Nodes[logs+1], src.Host.Addrs()...)
		b.StartTimer()
		begin := time.Now()
		for dst.Store.Last() < logs*perLog {
			if err := dst.Store.Wait(ctx, dst.Store.Last()); err != nil {
				b.Fatal(err)
			}
		}
		took += time.Since(begin)
		b.StopTimer()
		bytes += dst.Counter("herald_sync_bytes_total")
		n++
		if err := dst.Close(); err != nil {
			b.Error(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(n*logs*perLog)/took.Seconds(), "records/s")
	b.ReportMetric(bytes/float64(n*size), "bytes/difference")
	b.ReportMetric(bytes/float64(n*logs*perLog), "bytes/record")
}
