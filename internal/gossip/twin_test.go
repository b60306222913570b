package gossip_test

import (
	"testing"
	"time"

	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// A beacon of the own key that this process has not sent is another's. Its own,
// and what it said before the start, are not, and neither is a forgery.
func TestTwin(t *testing.T) {
	m, err := sim.NewMembers(3, 5, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Start(sim.StackConfig{Key: m.Nodes[0], View: func() *roster.View { return m.View }, Dir: t.TempDir(), Beacons: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	from, _ := p2p.PeerID(m.Nodes[1].Public())
	hear := func(raw []byte, now time.Time) {
		t.Helper()
		if verdict, _ := s.Gossip.JudgeBeacon(from, raw, now); verdict == verify.Accept {
			t.Error("a beacon of the own key is taken as news")
		}
	}
	own, err := s.Gossip.Beacon()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Second)
	forged := signed(t, m.Nodes[2], m.View, now, func(b *wire.Beacon) { b.Node = m.Nodes[0].Public() })
	for name, raw := range map[string][]byte{
		"its own": own, "before the start": signed(t, m.Nodes[0], m.View, now.Add(-time.Hour), nil), "forged": forged,
	} {
		if hear(raw, now); s.Gossip.Twin() != 0 {
			t.Fatalf("%s is taken for another's", name)
		}
	}
	hear(signed(t, m.Nodes[0], m.View, now, nil), now)
	if got := s.Gossip.Twin(); got != ct.MillisOf(now) {
		t.Errorf("twin %v, want %v", got, ct.MillisOf(now))
	}
}
