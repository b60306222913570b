package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// BenchmarkStage is what each stage of a record's way into the store costs.
// One operation is one record. On a busy machine read cpu-us/record, not
// ns/op: it is processor time of the whole process, the collector's included.
//
//	go test -run XXX -bench Stage -benchmem ./internal/bench
func BenchmarkStage(b *testing.B) {
	net, err := newNetwork(200, 1)
	if err != nil {
		b.Fatal(err)
	}
	const n = 16_384
	raws, err := net.records(n, Options{}.withDefaults(), net.nodes)
	if err != nil {
		b.Fatal(err)
	}
	envs, recs := make([]*wire.Envelope, n), make([]verify.Record, n)
	now := time.Now()
	for i, raw := range raws {
		if envs[i], err = wire.Decode(raw); err != nil {
			b.Fatal(err)
		}
		if recs[i], err = verify.Open(raw, net.view, now); err != nil || recs[i].Inadmissible() != "" {
			b.Fatal(err, recs[i].Inadmissible())
		}
	}
	network := net.view.Network()
	each := func(name string, f func(i int, e *wire.Envelope) bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			measure(b, func() {
				for i := range b.N {
					if !f(i%n, envs[i%n]) {
						b.Fatal("a record is not as it was")
					}
				}
			})
		})
	}
	each("decode", func(i int, _ *wire.Envelope) bool { _, err := wire.Decode(raws[i]); return err == nil })
	each("id", func(i int, e *wire.Envelope) bool { return wire.ID(network, e.HeaderBytes) == recs[i].ID() })
	each("commitment", func(_ int, e *wire.Envelope) bool { return wire.Commit(e.Salt, e.Body) == e.Header.Commit })
	each("signature", func(_ int, e *wire.Envelope) bool {
		return keys.Verify(e.Header.Log, keys.ContextRecord, network, e.HeaderBytes, e.Sig)
	})
	each("body", func(_ int, e *wire.Envelope) bool {
		_, err := wire.DecodeNotification(e.Header.BodyHeader(), e.Body)
		return err == nil
	})
	each("content", func(_ int, e *wire.Envelope) bool {
		c, err := wire.DecodeNotification(e.Header.BodyHeader(), e.Body)
		return err == nil && len(c.Validate(e.Header.Issued.Time(), ct.Policy{})) == 0
	})
	each("open", func(i int, _ *wire.Envelope) bool { _, err := verify.Open(raws[i], net.view, now); return err == nil })
	b.Run("open-range", func(b *testing.B) {
		alone, err := newNetwork(200, 2)
		if err != nil {
			b.Fatal(err)
		}
		run, err := alone.records(1024, Options{}.withDefaults(), alone.nodes[:1])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		measure(b, func() {
			for i := 0; i < b.N; i += len(run) {
				if _, err := verify.OpenRange(run, alone.view, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("index", func(b *testing.B) { indexStage(b, net, recs) })
	for _, size := range []int{256, 1024, 4096} {
		b.Run(fmt.Sprintf("append-%d", size), func(b *testing.B) { appendStage(b, net, recs, size) })
	}
	b.Run("append-range-4096", func(b *testing.B) {
		net, err := newNetwork(200, 3)
		if err != nil {
			b.Fatal(err)
		}
		var recs []verify.Record
		for _, a := range net.nodes[:n/1024] {
			run, err := net.records(1024, Options{}.withDefaults(), []*author{a})
			if err != nil {
				b.Fatal(err)
			}
			opened, err := verify.OpenRange(run, net.view, now)
			if err != nil {
				b.Fatal(err)
			}
			recs = append(recs, opened...)
		}
		appendStage(b, net, recs, 4096)
	})
}

// indexStage lets an index follow a store of the records, again and again.
func indexStage(b *testing.B, net *network, recs []verify.Record) {
	key, err := keys.NewStorage()
	if err != nil {
		b.Fatal(err)
	}
	cfg := store.Config{Dir: b.TempDir(), Key: key, Network: net.view.Network()}
	if err := store.Create(cfg); err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for batch := range slices.Chunk(recs, 4096) {
		if _, err := s.Append(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	used, done := time.Duration(0), 0
	for done < b.N {
		x, err := index.Open(index.Config{Path: filepath.Join(b.TempDir(), "index.db"), Key: key})
		if err != nil {
			b.Fatal(err)
		}
		start := cpu()
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- x.Follow(ctx, source(s)) }()
		for x.Cursors().Store < s.Last() {
			_ = pause(ctx, time.Millisecond)
		}
		stop()
		if err := errors.Join(<-ended, x.Close()); err != nil {
			b.Fatal(err)
		}
		used, done = used+cpu()-start, done+len(recs)
	}
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(done), "cpu-us/record")
}

// appendStage appends batches to a store that is made anew when the records are
// all in.
func appendStage(b *testing.B, net *network, recs []verify.Record, size int) {
	delegations, err := net.delegations()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.StopTimer()
	used, done := time.Duration(0), 0
	for done < b.N {
		key, err := keys.NewStorage()
		if err != nil {
			b.Fatal(err)
		}
		cfg := store.Config{Dir: b.TempDir(), Key: key, Network: net.view.Network()}
		if err := store.Create(cfg); err != nil {
			b.Fatal(err)
		}
		s, err := store.Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Append(delegations); err != nil {
			b.Fatal(err)
		}
		start := cpu()
		b.StartTimer()
		for batch := range slices.Chunk(recs, size) {
			if _, err := s.Append(batch); err != nil {
				b.Fatal(err)
			}
			if done += len(batch); done >= b.N {
				break
			}
		}
		b.StopTimer()
		used += cpu() - start
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(done), "cpu-us/record")
}

func measure(b *testing.B, f func()) {
	start := cpu()
	f()
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1000/float64(b.N), "cpu-us/record")
}
