package roster_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

// Whatever a hostile root key writes, dated as it likes, at no moment may more
// than max_nodes of its State's keys speak, nor did it name more than 64; and no
// window reaches where no honest one could. Other States notice nothing.
func TestWindowsOfAHostileRoot(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	rounds, records := 40, 300
	if testing.Short() {
		rounds = 8
	}
	var held []*keys.Key
	proofs := map[ct.LogID][]byte{}
	for i := range 90 {
		k := node("UTO", 1+i)
		held = append(held, k)
		proofs[k.Public()], _ = roster.Agree(k, "UTO", root("UTO").Public())
	}
	created := ct.MillisOf(founded)
	longest := ct.Millis((400 * day).Milliseconds())
	effects := 0
	for range rounds {
		g, err := roster.NewGenesis("N", true, founded, roster.Policy{MaxNodes: 1 + rng.Uint32N(roster.MaxNodes)}, requests(t, "UTO", "NOR"))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []ct.State{"UTO", "NOR"} {
			if err := g.Sign(root(s), founded); err != nil {
				t.Fatal(err)
			}
		}
		v, err := roster.New(g)
		if err != nil {
			t.Fatal(err)
		}
		keysOf := held[:5+rng.IntN(len(held)-5)]
		l := openLog(t, v, "UTO")
		nor, _ := v.Node(node("NOR", 1).Public())
		// near: within some years of the founding; else 1970 to 2100.
		date := func() ct.Millis {
			if rng.IntN(4) == 0 {
				return ct.Millis(rng.Uint64N(uint64((130 * 365 * day).Milliseconds())))
			}
			return created + ct.Millis(rng.Uint64N(3*uint64(longest))) - ct.Millis(day.Milliseconds())
		}
		latest := created
		for range records {
			k := keysOf[rng.IntN(len(keysOf))].Public()
			var op roster.Operation
			kind := ct.KindDelegation
			issued := date()
			if rng.IntN(2) == 0 {
				issued = latest // as one who plays by most of the rules
			}
			switch rng.IntN(5) {
			case 0, 1, 2:
				l.serial++
				d := &ct.Delegation{State: "UTO", Serial: l.serial, Node: k, Proof: proofs[k]}
				d.NotBefore = max(issued, latest) - ct.Millis(rng.Int64N(2*day.Milliseconds())) + ct.Millis(rng.Int64N(int64(longest)/2))
				d.NotAfter = d.NotBefore + ct.Millis(rng.Uint64N(uint64(longest)))
				if rng.IntN(4) == 0 {
					d.NotBefore, d.NotAfter = date(), date()
				}
				op.Delegation = d
			case 3:
				kind = ct.KindRenewal
				op.Renewal = &ct.Renewal{Node: k, NotAfter: date()}
			case 4:
				kind = ct.KindClosing
				op.Closing = &ct.Closing{Log: k, Seq: 1 + rng.Uint64N(5), ID: ct.ID{1}, Reason: "lost"}
			}
			h, id := l.dated(uint32(kind), issued)
			latest = max(latest, issued)
			was := v.Version()
			v, _ = v.Apply(h, id, op)
			if v.Version() != was {
				effects++
				checkWindows(t, v, created, latest+longest)
			}
		}
		if again, _ := v.Node(nor.Key); again.NotAfter != nor.NotAfter || !v.Live(nor.Key, founded) {
			t.Error("another State's node changed")
		}
		if t.Failed() {
			return
		}
	}
	if effects < rounds*5 {
		t.Errorf("%d effects in %d rounds: the test does not try hard", effects, rounds)
	}
}

func checkWindows(t *testing.T, v *roster.View, created, last ct.Millis) {
	t.Helper()
	m, _ := v.Member("UTO")
	if len(m.Nodes) > 64 {
		t.Errorf("%d keys", len(m.Nodes))
	}
	var moments []time.Time
	for _, n := range m.Nodes {
		moments = append(moments, n.NotBefore.Time(), n.NotAfter.Time().Add(-time.Millisecond))
		if n.NotBefore.Time().Before(created.Time().Add(-day)) || n.NotAfter > last {
			t.Errorf("a window from %v until %v: the network is of %v, the last record of %v", n.NotBefore, n.NotAfter, created, last)
		}
	}
	for _, at := range moments {
		live := slices.DeleteFunc(slices.Clone(m.Nodes), func(n roster.Node) bool { return !v.Live(n.Key, at) })
		if len(live) > int(v.Policy().MaxNodes) {
			t.Errorf("%d live keys at %v, the policy says %d", len(live), at, v.Policy().MaxNodes)
		}
	}
}

// The ends of the founders' nodes follow from their keys and lie apart.
func TestFoundingEndsAreSpread(t *testing.T) {
	for _, x := range []struct{ longest, spread time.Duration }{
		{400 * day, 60 * day}, {120 * day, 60 * day}, {119 * day, 119 * day / 2}, {48 * time.Hour, 24 * time.Hour},
	} {
		var reqs []roster.Request
		for i := range 8 {
			reqs = append(reqs, request(t, "UTO", i), request(t, "NOR", i))
		}
		g, err := roster.NewGenesis("N", true, founded, roster.Policy{MaxDelegation: x.longest}, reqs)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []ct.State{"UTO", "NOR"} {
			if err := g.Sign(root(s), founded); err != nil {
				t.Fatal(err)
			}
		}
		v, err := roster.New(g)
		if err != nil {
			t.Fatal(err)
		}
		var ends []ct.Millis
		latest := founded.Add(x.longest - day)
		for _, n := range v.Nodes() {
			if end := n.NotAfter.Time(); end.After(latest) || !end.After(latest.Add(-x.spread)) {
				t.Errorf("max_delegation %v: an end at %v", x.longest, end)
			}
			ends = append(ends, n.NotAfter)
		}
		slices.Sort(ends)
		if days := ends[len(ends)-1].Time().Sub(ends[0].Time()); days < x.spread/2 || len(slices.Compact(ends)) < 16 {
			t.Errorf("max_delegation %v: the ends of 16 nodes lie within %v", x.longest, days)
		}
	}
}

// A record without effect costs the same in a large roster as in a small one.
func BenchmarkApplyWithoutEffect(b *testing.B) {
	v := view(b)
	l := openLog(b, v, "UTO")
	for b.Loop() {
		h, id := l.next(uint32(ct.KindNotification))
		v, _ = v.Apply(h, id, roster.Operation{})
	}
}
