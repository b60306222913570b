package gossip

import (
	"context"
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// What the tests of the package look into.
const (
	AheadMax    = aheadMax
	BehindMax   = behindMax
	BeaconBurst = beaconBurst
	AuthorBurst = authorBurst

	ForwardBurst = forwardBurst
	AuthorRate   = authorRate
	PeerBurst    = peerBurst
	ControlBurst = controlBurst
	MeshBurst    = meshBurst
	MeshFaults   = meshFaults

	RepeatsMax   = repeatsMax
	CopiesMax    = copiesMax
	TakenMax     = takenMax
	AuthorBytes  = authorBytesBurst
	RepeatFaults = repeatFaults
)

var (
	MessageID = messageID
	TopicName = topicName
)

// Judge is the validator without pubsub.
func (g *Gossip) Judge(topic ct.Topic, from peer.ID, raw []byte, now time.Time) (verify.Record, verify.Verdict, string) {
	return g.judge(topic, from, raw, now)
}

// PubSub starts the library as Run does, but for other options, for a look at
// what it keeps.
func (g *Gossip) PubSub(ctx context.Context, other ...pubsub.Option) (*pubsub.PubSub, error) {
	opts, err := g.options()
	if err != nil {
		return nil, err
	}
	return pubsub.NewGossipSub(ctx, g.cfg.Host.Libp2p(), append(opts, other...)...)
}

// JudgeBeacon is the validator of beacons without pubsub, Beacon what this node
// would send now, and Follow what comes after an accepted one.
func (g *Gossip) JudgeBeacon(from peer.ID, raw []byte, now time.Time) (verify.Verdict, string) {
	_, verdict, reason := g.judgeBeacon(from, raw, now, now)
	return verdict, reason
}

// Inspect is what comes before pubsub, at a time.
func (g *Gossip) Inspect(from peer.ID, rpc *pb.RPC, now time.Time) error {
	in := &pubsub.RPC{}
	in.Subscriptions, in.Publish, in.Control = rpc.Subscriptions, rpc.Publish, rpc.Control
	err := g.inspectAt(from, in, now)
	rpc.Subscriptions, rpc.Publish, rpc.Control = in.Subscriptions, in.Publish, in.Control
	return err
}

func (g *Gossip) Beacon() ([]byte, error) { return g.beacon() }
func (g *Gossip) Follow(b wire.Beacon)    { g.follow(b) }

// Validate is the validator as pubsub calls it.
func (g *Gossip) Validate(ctx context.Context, topic ct.Topic, from peer.ID, raw []byte) pubsub.ValidationResult {
	name := topicName(g.cfg.View().Network(), topic)
	return g.validator(topic)(ctx, from, &pubsub.Message{Message: &pb.Message{Data: raw, Topic: &name}})
}
