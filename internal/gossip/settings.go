package gossip

import (
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// The library's queues of 32 lose half of a burst of a thousand, for good;
// its limits fit other networks. Sizes in bytes.
const (
	queueSize          = 1024
	subscriptionBuffer = 4096
	maxMessage         = 80 << 10 // the limit is on a whole RPC: room around one record of 64 KiB
	maxControl         = 64 << 10
	maxSubscriptions   = 64 // in one RPC
	// seenTTL is longer than a message travels. It is what one member's valid
	// records can make a node remember: see guard. What comes after it is known
	// by its log's head and by taken.
	seenTTL = 30 * time.Second
	// announceMin is from which size a node tells its peers that it has a
	// message already: below, telling costs more than the message, and a
	// stranger's junk would be told eight times over.
	announceMin = 16 << 10
)

// messageID is SHA-256("herald/gossip/v1" ‖ topic length ‖ topic ‖ data)[:20].
// It must cover all bytes: an id taken from the payload lets one member make
// others take the true message for one they have seen.
func messageID(m *pb.Message) string {
	h := sha256.New()
	h.Write([]byte("herald/gossip/v1"))
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(m.GetTopic())))
	h.Write(n[:])
	h.Write([]byte(m.GetTopic()))
	h.Write(m.GetData())
	return string(h.Sum(nil)[:20])
}

func (g *Gossip) options() ([]pubsub.Option, error) {
	network := g.cfg.View().Network()
	var names []string
	scores := map[string]*pubsub.TopicScoreParams{}
	for _, t := range ct.Topics() {
		names = append(names, topicName(network, t))
		scores[topicName(network, t)] = topicScore()
	}
	// Ids of our own keep other GossipSub networks out.
	v13 := protocol.ID("/herald/1/" + networkLabel(network) + "/meshsub/1.3.0")
	v12 := protocol.ID("/herald/1/" + networkLabel(network) + "/meshsub/1.2.0")
	feature := func(f pubsub.GossipSubFeature, p protocol.ID) bool {
		if f == pubsub.GossipSubFeatureExtensions {
			return p == v13
		}
		return p == v13 || p == v12
	}
	params := pubsub.DefaultGossipSubParams()
	params.D, params.Dlo, params.Dhi, params.Dout, params.Dscore = 8, 6, 12, 3, 6
	params.Dlazy, params.GossipFactor = 6, 0.05       // what is on offer goes to six more each second: sync repairs the rest
	params.HistoryLength, params.HistoryGossip = 6, 5 // the first is whole messages in memory
	params.IDontWantMessageThreshold = announceMin

	return []pubsub.Option{
		// A record carries its author's signature, which outlives the message.
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithGossipSubProtocols([]protocol.ID{v13, v12}, feature),
		pubsub.WithGossipSubParams(params),
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(
			pubsub.NewAllowlistSubscriptionFilter(names...), maxSubscriptions)),
		pubsub.WithPeerFilter(func(id peer.ID, _ string) bool { return g.member(id) }),
		pubsub.WithAppSpecificRpcInspector(g.inspect),
		pubsub.WithPeerOutboundQueueSize(queueSize),
		pubsub.WithValidateQueueSize(queueSize),
		pubsub.WithMaxMessageSize(maxMessage),
		pubsub.WithMaxControlMessageSize(maxControl),
		pubsub.WithSeenMessagesTTL(seenTTL),
		pubsub.WithFloodPublish(true),
		pubsub.WithPeerExchange(false),
		pubsub.WithPeerScore(&pubsub.PeerScoreParams{
			Topics:            scores,
			TopicScoreCap:     100,
			AppSpecificScore:  g.appScore,
			AppSpecificWeight: 1,
			// None for promises that are not kept: what guard cuts was sent, and
			// whoever signs one record for every node anew would have honest
			// nodes blame each other. Floods of control messages are guard's.
			BehaviourPenaltyWeight:      0,
			DecayInterval:               time.Second,
			DecayToZero:                 0.01,
			RetainScore:                 6 * time.Hour,
			SeenMsgTTL:                  seenTTL,
			IPColocationFactorWeight:    0, // several nodes behind one gateway are normal
			IPColocationFactorThreshold: 1,
		}, &pubsub.PeerScoreThresholds{
			GossipThreshold: -500, PublishThreshold: -1000, GraylistThreshold: -2500,
			AcceptPXThreshold: 1e9, OpportunisticGraftThreshold: 1,
		}),
		pubsub.WithRawTracer(tracer{g.metrics}),
		pubsub.WithLogger(slog.New(slog.DiscardHandler)), // what matters is counted
		pubsub.WithRPCLogger(slog.New(slog.DiscardHandler)),
	}, nil
}

// topicScore is a quarantine for broken or taken-over nodes and nothing else:
// no penalty for delivering little (P3, P3b), which honest nodes of a small
// network do.
func topicScore() *pubsub.TopicScoreParams {
	return &pubsub.TopicScoreParams{
		SkipAtomicValidation:           true,
		TopicWeight:                    1,
		TimeInMeshWeight:               1.0 / 3600,
		TimeInMeshQuantum:              time.Second,
		TimeInMeshCap:                  3600,
		FirstMessageDeliveriesWeight:   1,
		FirstMessageDeliveriesDecay:    pubsub.ScoreParameterDecay(time.Hour),
		FirstMessageDeliveriesCap:      50,
		InvalidMessageDeliveriesWeight: -100,
		InvalidMessageDeliveriesDecay:  pubsub.ScoreParameterDecay(time.Hour),
	}
}

// member tells whether a peer may take part now: this node or a live member's.
func (g *Gossip) member(id peer.ID) bool {
	if id == g.cfg.Host.Libp2p().ID() {
		return true
	}
	_, ok := g.cfg.Host.Member(id)
	return ok
}

func (g *Gossip) appScore(id peer.ID) float64 {
	if g.member(id) {
		return 0
	}
	// A node whose log was closed hears of it while it is still connected.
	if key, ok := p2p.NodeKey(id); ok {
		if node, _ := g.cfg.View().Node(key); node.Closing != nil {
			return 0
		}
	}
	return -1e6
}
