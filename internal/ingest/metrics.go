package ingest

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	records *prometheus.CounterVec
	commit  prometheus.Histogram
	batch   prometheus.Histogram
	waiting atomic.Int64 // records in the reorder buffer, as the writer last left it
}

func newMetrics(in *Ingest) *metrics {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_ingest_records_total", Help: "Records brought to the store, by what became of them.",
		}, []string{"outcome"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "herald_ingest_commit_seconds", Help: "Time of one durable commit.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "herald_ingest_batch_records", Help: "Records of one durable commit.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7),
		}),
	}
	if in.cfg.Registerer == nil {
		return m
	}
	depth := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "herald_ingest_queue", Help: "Submissions that wait for the writer.",
	}, func() float64 { return float64(len(in.own) + len(in.queue)) })
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "herald_ingest_waiting", Help: "Records that wait for the ones before them.",
	}, func() float64 { return float64(m.waiting.Load()) })
	for _, c := range []prometheus.Collector{m.records, m.commit, m.batch, depth, waiting} {
		if err := in.cfg.Registerer.Register(c); err != nil {
			in.log.Warn("metric is not registered", "error", err)
		}
	}
	return m
}

func (m *metrics) count(o Outcome, n int) { m.records.WithLabelValues(o.String()).Add(float64(n)) }
