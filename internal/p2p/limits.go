package p2p

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"
)

// Services name the streams of one purpose; the resource manager bounds each
// of them for a peer and for the node.
const (
	ServiceSync  = "herald.sync"
	ServiceMatch = "herald.match"
)

// These fit a network of some 200 members and stay bounded. The library's limits
// of an address are off, since they break containers and nodes behind one
// gateway: who has proved no identity is bounded by the door, and who has by its
// node.
const (
	maxConns         = 2048
	maxConnsPeer     = 8
	maxStreamsPeer   = 128
	memoryLimit      = 512 << 20
	fdLimit          = 2048
	trimLow          = 400
	trimHigh         = 600
	maxNodeAddresses = 8
)

func newResourceManager(metrics bool) (network.ResourceManager, error) {
	streams := func(n int) rcmgr.ResourceLimits {
		return rcmgr.ResourceLimits{
			Streams: rcmgr.LimitVal(n), StreamsInbound: rcmgr.LimitVal(n / 2), StreamsOutbound: rcmgr.LimitVal(n / 2),
		}
	}
	limits := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: maxConns, ConnsInbound: maxConns * 3 / 4, ConnsOutbound: maxConns / 2,
			Streams: 16 * maxConns, StreamsInbound: 12 * maxConns, StreamsOutbound: 8 * maxConns,
			Memory: memoryLimit, FD: fdLimit,
		},
		Transient: rcmgr.ResourceLimits{
			Conns: maxConns / 2, ConnsInbound: maxConns/2 - 128, ConnsOutbound: 128,
			Streams: 1024, StreamsInbound: 512, StreamsOutbound: 512, Memory: 64 << 20, FD: maxConns / 2,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: maxConnsPeer, ConnsInbound: maxConnsPeer, ConnsOutbound: maxConnsPeer,
			Streams: maxStreamsPeer, StreamsInbound: maxStreamsPeer / 2, StreamsOutbound: maxStreamsPeer / 2,
			Memory: 64 << 20, FD: maxConnsPeer,
		},
		Service:     map[string]rcmgr.ResourceLimits{ServiceSync: streams(128), ServiceMatch: streams(512)},
		ServicePeer: map[string]rcmgr.ResourceLimits{ServiceSync: streams(8), ServiceMatch: streams(16)},
	}
	opts := []rcmgr.Option{
		rcmgr.WithLimitPerSubnet([]rcmgr.ConnLimitPerSubnet{}, []rcmgr.ConnLimitPerSubnet{}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{}),
	}
	if !metrics {
		opts = append(opts, rcmgr.WithMetricsDisabled())
	}
	rm, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(rcmgr.DefaultLimits.Scale(memoryLimit, fdLimit))), opts...)
	if err != nil {
		return nil, fmt.Errorf("resource manager: %w", err)
	}
	return rm, nil
}
