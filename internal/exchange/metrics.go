package exchange

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	pulls   *prometheus.CounterVec // by result
	records prometheus.Counter
	bytes   *prometheus.CounterVec // by direction
	refused *prometheus.CounterVec // inbound streams, by service
	asks    *prometheus.CounterVec // match requests sent, by result

	signatures *prometheus.CounterVec // of chained records, by what was found
	mended     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		pulls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_sync_pulls_total", Help: "Syncs that this node opened, by result.",
		}, []string{"result"}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herald_sync_records_total", Help: "Records fetched by sync and verified.",
		}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_sync_bytes_total", Help: "Bytes of sync messages, by direction.",
		}, []string{"direction"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_streams_refused_total", Help: "Streams of peers that were refused, by service.",
		}, []string{"service"}),
		asks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_match_asks_total", Help: "Match requests sent to other nodes, by result.",
		}, []string{"result"}),
		signatures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_sync_signatures_total", Help: "Signatures inside ranges, checked after the range: good, bad, and bad ones replaced.",
		}, []string{"result"}),
	}
	m.mended = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "herald_rot_mended_total", Help: "Stored records that had rotted and were fetched again.",
	})
	if reg != nil {
		reg.MustRegister(m.mended, m.pulls, m.records, m.bytes, m.refused, m.asks, m.signatures)
	}
	return m
}
