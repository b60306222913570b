package gossip

import (
	"time"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
	"github.com/libp2p/go-libp2p/core/peer"
)

// What the tests of the package look into.
const (
	AheadMax    = aheadMax
	BehindMax   = behindMax
	AuthorBurst = authorBurst
)

var (
	MessageID = messageID
	TopicName = topicName
)

// Judge is the validator without pubsub.
func (g *Gossip) Judge(topic ct.Topic, from peer.ID, raw []byte, now time.Time) (verify.Record, verify.Verdict, string) {
	return g.judge(topic, from, raw, now)
}
