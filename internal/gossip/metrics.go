package gossip

import (
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	published     prometheus.Counter
	delivered     prometheus.Counter
	duplicate     prometheus.Counter
	rejected      *prometheus.CounterVec // by pubsub's reason
	refused       *prometheus.CounterVec // by our verdict and reason
	dropped       prometheus.Counter     // messages in RPCs that did not fit a peer's queue
	undeliverable prometheus.Counter
	rpcs          *prometheus.CounterVec // refused whole or cut, by reason
	cut           *prometheus.CounterVec // messages cut out before pubsub saw them, by reason
	beacons       *prometheus.CounterVec // by verdict and reason
	lacks         *prometheus.CounterVec // syncs asked for, by what a beacon showed
	grafts        prometheus.Counter
	prunes        prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "herald_gossip_" + name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "herald_gossip_" + name, Help: help}, labels)
	}
	m := &metrics{
		published:     counter("published_total", "Own records gossiped."),
		delivered:     counter("delivered_total", "Messages accepted for the first time, own ones included."),
		duplicate:     counter("duplicate_total", "Messages seen before."),
		rejected:      vec("rejected_total", "Messages that pubsub did not deliver, by its reason.", "reason"),
		refused:       vec("refused_total", "Records refused by the validator or by a busy ingest.", "verdict", "reason"),
		dropped:       counter("dropped_total", "Messages dropped before sending: a peer's queue was full."),
		undeliverable: counter("undeliverable_total", "Messages dropped after validation: this node read too slowly."),
		rpcs:          vec("rpcs_refused_total", "RPCs refused whole, by reason.", "reason"),
		cut:           vec("cut_total", "Messages dropped before they were queued or remembered, by reason.", "reason"),
		beacons:       vec("beacons_total", "Beacons sent, and those that came, by verdict and reason.", "verdict", "reason"),
		lacks:         vec("beacon_syncs_total", "Syncs asked for because of a beacon, by what it showed.", "lack"),
		grafts:        counter("grafts_total", "Mesh links begun, all topics together."),
		prunes:        counter("prunes_total", "Mesh links ended by either side."),
	}
	if reg != nil {
		reg.MustRegister(m.published, m.delivered, m.duplicate, m.rejected, m.refused,
			m.dropped, m.undeliverable, m.rpcs, m.cut, m.beacons, m.lacks, m.grafts, m.prunes)
	}
	return m
}

// tracer counts; pubsub calls it inline, so it does nothing else.
type tracer struct{ m *metrics }

var _ pubsub.RawTracer = tracer{}

func (t tracer) DeliverMessage(*pubsub.Message)       { t.m.delivered.Inc() }
func (t tracer) DuplicateMessage(*pubsub.Message)     { t.m.duplicate.Inc() }
func (t tracer) UndeliverableMessage(*pubsub.Message) { t.m.undeliverable.Inc() }
func (t tracer) RejectMessage(_ *pubsub.Message, reason string) {
	t.m.rejected.WithLabelValues(reason).Inc()
}
func (t tracer) DropRPC(rpc *pubsub.RPC, _ peer.ID) { t.m.dropped.Add(float64(len(rpc.GetPublish()))) }
func (t tracer) Graft(peer.ID, string)              { t.m.grafts.Inc() }
func (t tracer) Prune(peer.ID, string)              { t.m.prunes.Inc() }

func (t tracer) OnNewOutboundStream(peer.ID, protocol.ID)             {}
func (t tracer) OnClosedOutboundStream(peer.ID)                       {}
func (t tracer) Join(string)                                          {}
func (t tracer) Leave(string)                                         {}
func (t tracer) ValidateMessage(*pubsub.Message)                      {}
func (t tracer) ThrottlePeer(peer.ID)                                 {}
func (t tracer) RecvRPC(*pubsub.RPC)                                  {}
func (t tracer) SendRPC(*pubsub.RPC, peer.ID)                         {}
func (t tracer) SendRPCCompleted(*pubsub.RPC, peer.ID, time.Duration) {}
