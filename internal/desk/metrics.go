package desk

import (
	"time"

	"github.com/herald-net/herald/node/ct"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics count acts. Labels are codes: nothing of a person and no key.
type metrics struct {
	match   *prometheus.CounterVec
	flags   *prometheus.CounterVec
	work    prometheus.Histogram
	publish *prometheus.CounterVec
}

// asking shows how much of their budgets the asking States have used.
type asking struct {
	budgets *budgets
	desc    *prometheus.Desc
}

func (a *asking) Describe(to chan<- *prometheus.Desc) { to <- a.desc }

func (a *asking) Collect(to chan<- prometheus.Metric) {
	for s, n := range a.budgets.used(ct.MillisOf(time.Now())) {
		to <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, float64(n.hour), string(s), "hour")
		to <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, float64(n.day), string(s), "day")
	}
}

func newMetrics(r prometheus.Registerer, b *budgets, outbox, inbox, journal func() float64) *metrics {
	m := &metrics{
		match: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_match_requests_total",
			Help: "Match requests by side (asker, responder) and answer.",
		}, []string{"side", "answer"}),
		flags: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_match_flags_total",
			Help: "Findings of fishing by side (asker: an operator of this node; responder: another State) and rule.",
		}, []string{"side", "rule"}),
		work: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "herald_match_work_seconds",
			Help:    "What an answer took to judge, search and journal, before it waits for its time to leave.",
			Buckets: []float64{.001, .002, .005, .010, .015, .020, .050, .1, .5},
		}),
		publish: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herald_publish_total",
			Help: "Records signed at this desk, and drafts refused, by kind and outcome.",
		}, []string{"kind", "outcome"}),
	}
	if r != nil {
		r.MustRegister(m.match, m.flags, m.work, m.publish, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "herald_outbox",
			Help: "Drafts that wait to be signed.",
		}, outbox), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "herald_inbox",
			Help: "Match requests of other States that wait for a person.",
		}, inbox), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "herald_journal_entries",
			Help: "Entries of this node's audit journal.",
		}, journal), &asking{b, prometheus.NewDesc(
			"herald_match_asked", "Match requests counted against an asking State's budget in the last hour and day.", []string{"state", "window"}, nil,
		)})
	}
	return m
}
