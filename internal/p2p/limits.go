package p2p

import (
	"fmt"
	"net/netip"

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

// The library's defaults admit 8 connections an address, which breaks
// containers and nodes behind one gateway; these fit a network of some 200
// members and stay bounded.
const (
	maxConns         = 1024
	maxConnsPeer     = 8
	maxStreamsPeer   = 128
	maxConnsSubnet   = 256
	connsPerSecond   = 20
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
			Conns: 256, ConnsInbound: 128, ConnsOutbound: 128,
			Streams: 1024, StreamsInbound: 512, StreamsOutbound: 512, Memory: 64 << 20, FD: 256,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: maxConnsPeer, ConnsInbound: maxConnsPeer, ConnsOutbound: maxConnsPeer,
			Streams: maxStreamsPeer, StreamsInbound: maxStreamsPeer / 2, StreamsOutbound: maxStreamsPeer / 2,
			Memory: 64 << 20, FD: maxConnsPeer,
		},
		Service:     map[string]rcmgr.ResourceLimits{ServiceSync: streams(128), ServiceMatch: streams(512)},
		ServicePeer: map[string]rcmgr.ResourceLimits{ServiceSync: streams(8), ServiceMatch: streams(16)},
	}
	loop4, loop6 := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")
	opts := []rcmgr.Option{
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: maxConnsSubnet}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: maxConnsSubnet}, {PrefixLength: 48, ConnCount: 2 * maxConnsSubnet}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{{Prefix: loop4}, {Prefix: loop6}}, // loopback: no rate
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: rate.Limit{RPS: connsPerSecond, Burst: maxConnsSubnet}}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: rate.Limit{RPS: connsPerSecond, Burst: maxConnsSubnet}}},
			},
		}),
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
