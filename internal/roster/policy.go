package roster

import (
	"cmp"
	"fmt"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Bounds of a network (PROTOCOL.md section 5).
const (
	MaxMembers  = 256 // founding States
	MaxNodes    = 8   // nodes of one State with a delegation in force
	maxReplaced = 8   // closed keys of one State whose windows lie over theirs
	maxKeys     = 64  // node keys of one State, ended ones included

	minGrowth = 1 << 20   // log_burst and log_rate, bytes
	RootBurst = 256 << 10 // what a root log may take at once, bytes,
	RootRate  = 16 << 10  // and what it may take a day beside
)

// Policy is what the founders agreed on; it is part of the genesis body.
type Policy struct {
	MaxRetention  time.Duration // of a record after issued_at, at most ct.MaxRetention
	RetractGrace  time.Duration // between hiding and erasing, default 24 h
	MatchPerHour  uint32        // requests a State may ask one responder, default 60
	MatchPerDay   uint32        // default 500
	MatchBurst    uint32        // default 20
	MaxNodes      uint32        // nodes per State, at most 8
	MaxDelegation time.Duration // of one delegation, at most ct.MaxDelegation
	LogBurst      uint64        // bytes that a node log may take at once, default 16 MiB
	LogRate       uint64        // bytes that it may take a day beside, default 32 MiB
}

// DefaultPolicy is the policy of a genesis that says nothing else.
func DefaultPolicy() Policy {
	return Policy{
		MaxRetention:  ct.MaxRetention,
		RetractGrace:  24 * time.Hour,
		MatchPerHour:  60,
		MatchPerDay:   500,
		MatchBurst:    20,
		MaxNodes:      MaxNodes,
		MaxDelegation: ct.MaxDelegation,
		LogBurst:      16 << 20,
		LogRate:       32 << 20,
	}
}

// withDefaults fills what is zero.
func (p Policy) withDefaults() Policy {
	d := DefaultPolicy()
	return Policy{
		MaxRetention:  cmp.Or(p.MaxRetention, d.MaxRetention),
		RetractGrace:  cmp.Or(p.RetractGrace, d.RetractGrace),
		MatchPerHour:  cmp.Or(p.MatchPerHour, d.MatchPerHour),
		MatchPerDay:   cmp.Or(p.MatchPerDay, d.MatchPerDay),
		MatchBurst:    cmp.Or(p.MatchBurst, d.MatchBurst),
		MaxNodes:      cmp.Or(p.MaxNodes, d.MaxNodes),
		MaxDelegation: cmp.Or(p.MaxDelegation, d.MaxDelegation),
		LogBurst:      cmp.Or(p.LogBurst, d.LogBurst),
		LogRate:       cmp.Or(p.LogRate, d.LogRate),
	}
}

// check holds p against the bounds of the protocol. An exercise may shorten
// times, raise the match budgets and let logs grow; a real network may only lower
// the match budgets, and grows within what members can keep.
func (p Policy) check(exercise bool) error {
	d := DefaultPolicy()
	shortest, budget := time.Hour, [3]uint32{d.MatchPerHour, d.MatchPerDay, d.MatchBurst}
	burst, rate := uint64(256<<20), uint64(64<<20)
	if exercise {
		const plenty = 10_000_000
		shortest, budget = time.Second, [3]uint32{plenty, plenty, plenty}
		burst, rate = 1<<50, 1<<40
	}
	for _, t := range []struct {
		name           string
		v, least, most time.Duration
	}{
		{"max_retention", p.MaxRetention, shortest, d.MaxRetention},
		{"retract_grace", p.RetractGrace, shortest, 30 * 24 * time.Hour},
		{"max_delegation", p.MaxDelegation, 48 * time.Hour, d.MaxDelegation},
	} {
		if t.v < t.least || t.v > t.most {
			return fmt.Errorf("policy: %s is %v, want %v to %v", t.name, t.v, t.least, t.most)
		}
		if t.v%time.Millisecond != 0 {
			return fmt.Errorf("policy: %s is %v, want whole milliseconds", t.name, t.v)
		}
	}
	for _, n := range []struct {
		name    string
		v, most uint32
	}{
		{"match_per_hour", p.MatchPerHour, budget[0]},
		{"match_per_day", p.MatchPerDay, budget[1]},
		{"match_burst", p.MatchBurst, budget[2]},
		{"max_nodes", p.MaxNodes, MaxNodes},
	} {
		if n.v < 1 || n.v > n.most {
			return fmt.Errorf("policy: %s is %d, want 1 to %d", n.name, n.v, n.most)
		}
	}
	for _, n := range []struct {
		name    string
		v, most uint64
	}{
		{"log_burst", p.LogBurst, burst},
		{"log_rate", p.LogRate, rate},
	} {
		if n.v < minGrowth || n.v > n.most {
			return fmt.Errorf("policy: %s is %d bytes, want %d to %d", n.name, n.v, uint64(minGrowth), n.most)
		}
	}
	return nil
}

// CheckDelegation tells why a delegation found in a State's root log says
// nothing; nil when it is sound. The answer depends on the genesis alone, so
// every node gives it.
func (p Policy) CheckDelegation(d *ct.Delegation, state ct.State, root ct.LogID) error {
	if err := d.Validate().Err(); err != nil {
		return fmt.Errorf("delegation: %w", err)
	}
	switch {
	case d.State != state:
		return fmt.Errorf("delegation: by the root key of another State")
	case d.NotAfter-d.NotBefore > millis(p.MaxDelegation):
		return fmt.Errorf("delegation: longer than the policy's %v", p.MaxDelegation)
	case !keys.Possible(d.Node):
		return fmt.Errorf("delegation: node: not a possible Ed25519 key")
	case !keys.Verify(d.Node, keys.ContextPossession, ct.NetworkID{}, wire.EncodePossession(d.State, root, d.Node), d.Proof):
		// Else a State could claim another's node key before its owner does.
		return fmt.Errorf("delegation: the node key has not agreed")
	}
	return nil
}

func millis(d time.Duration) ct.Millis { return ct.Millis(d / time.Millisecond) }

func (p Policy) wire() wire.GenesisPolicy {
	return wire.GenesisPolicy{
		MaxRetention:  millis(p.MaxRetention),
		RetractGrace:  millis(p.RetractGrace),
		MatchPerHour:  p.MatchPerHour,
		MatchPerDay:   p.MatchPerDay,
		MatchBurst:    p.MatchBurst,
		MaxNodes:      p.MaxNodes,
		MaxDelegation: millis(p.MaxDelegation),
		LogBurst:      p.LogBurst,
		LogRate:       p.LogRate,
	}
}

// policyOf reads the wire form; what time.Duration cannot hold becomes zero,
// which check refuses.
func policyOf(w *wire.GenesisPolicy) Policy {
	span := func(m ct.Millis) time.Duration {
		if m > millis(1<<63-1) {
			return 0
		}
		return time.Duration(m) * time.Millisecond
	}
	return Policy{
		MaxRetention:  span(w.MaxRetention),
		RetractGrace:  span(w.RetractGrace),
		MatchPerHour:  w.MatchPerHour,
		MatchPerDay:   w.MatchPerDay,
		MatchBurst:    w.MatchBurst,
		MaxNodes:      w.MaxNodes,
		MaxDelegation: span(w.MaxDelegation),
		LogBurst:      w.LogBurst,
		LogRate:       w.LogRate,
	}
}
