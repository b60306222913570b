package gossip_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/gossip"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"
)

// signed is a beacon of k, changed by edit before it is signed.
func signed(t *testing.T, k *keys.Key, v *roster.View, at time.Time, edit func(*wire.Beacon)) []byte {
	t.Helper()
	b := wire.Beacon{Network: v.Network().Prefix(), Node: k.Public(), Time: ct.MillisOf(at)}
	if edit != nil {
		edit(&b)
	}
	s := wire.SignedBeacon{Bytes: wire.EncodeBeacon(&b), Alg: wire.AlgEd25519}
	var err error
	if s.Sig, err = k.Sign(keys.ContextBeacon, v.Network(), s.Bytes); err != nil {
		t.Fatal(err)
	}
	return wire.EncodeSignedBeacon(&s)
}

func TestBeaconVerdicts(t *testing.T) {
	now := time.Now()
	m, err := sim.NewMembers(5, 5, now)
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := sim.NewMembers(1, 6, now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Start(sim.StackConfig{Key: m.Nodes[0], View: func() *roster.View { return m.View }, Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	author := m.Nodes[1]
	good := signed(t, author, m.View, now, nil)
	flip := func(at int) []byte { b := bytes.Clone(good); b[at] ^= 1; return b }
	otherContext := func() []byte {
		env, err := wire.DecodeBeacon(good)
		if err != nil {
			t.Fatal(err)
		}
		if env.Sig, err = author.Sign(keys.ContextRecord, m.View.Network(), env.Bytes); err != nil {
			t.Fatal(err)
		}
		return wire.EncodeSignedBeacon(env)
	}
	forwarder, _ := p2p.PeerID(m.Nodes[2].Public())
	outsider, _ := p2p.PeerID(strangers.Nodes[0].Public())
	tests := []struct {
		name    string
		from    peer.ID
		raw     []byte
		now     time.Time
		verdict verify.Verdict
		reason  string
	}{
		{"from an outsider", outsider, good, now, verify.Ignore, "forwarder"},
		{"of a stranger", forwarder, signed(t, strangers.Nodes[0], m.View, now, nil), now, verify.Ignore, string(verify.Stranger)},
		{"of a root key", forwarder, signed(t, m.Roots[1], m.View, now, nil), now, verify.Ignore, string(verify.Stranger)},
		{"delegation over", forwarder, good, now.AddDate(3, 0, 0), verify.Ignore, string(verify.HeldDelegation)},
		{"of this node itself", forwarder, signed(t, m.Nodes[0], m.View, now, nil), now, verify.Ignore, "old"},
		{"other network", forwarder, signed(t, author, m.View, now, func(b *wire.Beacon) { b.Network[0] ^= 1 }), now, verify.Reject, string(verify.OtherNetwork)},
		{"time altered", forwarder, flip(50), now, verify.Reject, string(verify.BadSignature)},
		{"signature altered", forwarder, flip(len(good) - 1), now, verify.Reject, string(verify.BadSignature)},
		{"signed as a record", forwarder, otherContext(), now, verify.Reject, string(verify.BadSignature)},
		{"in another's name", forwarder, signed(t, m.Nodes[3], m.View, now, func(b *wire.Beacon) { b.Node = author.Public() }), now, verify.Reject, string(verify.BadSignature)},
		{"garbage", forwarder, []byte{0x32, 1, 1}, now, verify.Reject, string(verify.NotABeacon)},
		{"too large", forwarder, append(good, make([]byte, wire.MaxBeacon)...), now, verify.Reject, string(verify.TooLarge)},
		{"good", forwarder, good, now, verify.Accept, ""},
		{"the same again", forwarder, good, now, verify.Ignore, "old"},
		{"an older one", forwarder, signed(t, author, m.View, now.Add(-time.Minute), nil), now, verify.Ignore, "old"},
		{"another's, an hour old", forwarder, signed(t, m.Nodes[3], m.View, now.Add(-time.Hour), nil), now, verify.Ignore, "clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			verdict, reason := s.Gossip.JudgeBeacon(tt.from, tt.raw, tt.now)
			if verdict != tt.verdict || reason != tt.reason {
				t.Errorf("got %v %q, want %v %q", verdict, reason, tt.verdict, tt.reason)
			}
		})
	}

	t.Run("two a minute", func(t *testing.T) {
		k, accepted := m.Nodes[4], 0
		forged := bytes.Clone(signed(t, k, m.View, now, nil))
		forged[len(forged)-1] ^= 1
		for range 10 { // forgeries do not spend the budget of whom they name
			if verdict, _ := s.Gossip.JudgeBeacon(forwarder, forged, now); verdict == verify.Accept {
				t.Fatal("a forgery was accepted")
			}
		}
		for sec := range 240 {
			at := now.Add(time.Duration(sec) * time.Second)
			if verdict, _ := s.Gossip.JudgeBeacon(forwarder, signed(t, k, m.View, at, nil), at); verdict == verify.Accept {
				accepted++
			}
		}
		if want := gossip.BeaconBurst + 7; accepted != want {
			t.Errorf("%d of 240 beacons in four minutes were accepted, want %d", accepted, want)
		}
	})

	// What a node says of its journal is remembered from beacons that count, and
	// from no others.
	t.Run("journals", func(t *testing.T) {
		k, at := m.Nodes[3], now.Add(10*time.Minute)
		say := func(entries uint64, head byte, after time.Duration) {
			at = at.Add(after)
			raw := signed(t, k, m.View, at, func(b *wire.Beacon) { b.JournalEntries, b.JournalHead = entries, [32]byte{head} })
			s.Gossip.JudgeBeacon(forwarder, raw, now.Add(10*time.Minute+max(0, at.Sub(now.Add(10*time.Minute)))))
		}
		about := func(entries, was uint64) {
			t.Helper()
			for _, j := range s.Gossip.Journals() {
				if j.Node == k.Public() && (j.Last.Entries != entries || j.Broken != (was > 0) || j.Was.Entries != was) {
					t.Errorf("got %+v, want %d, was %d", j, entries, was)
				}
			}
		}
		say(7, 7, 0)
		about(7, 0)
		say(9, 9, time.Minute)
		say(8, 8, -30*time.Second) // an old one, late
		about(9, 0)
		say(8, 8, 2*time.Minute)
		about(8, 9)
		if n := len(s.Gossip.Journals()); n != 1 {
			t.Errorf("%d journals remembered, want that of the one node that told of its own", n)
		}
		if ok, err := s.Gossip.AcceptJournal(k.Public()); !ok || err != nil {
			t.Errorf("accept: %v %v", ok, err)
		}
		about(8, 0)
	})

	t.Run("only on control", func(t *testing.T) {
		raw := signed(t, author, m.View, now.Add(time.Minute), nil)
		if _, verdict, reason := s.Gossip.Judge(ct.TopicTravel, forwarder, raw, now); verdict != verify.Reject || reason != string(verify.NotARecord) {
			t.Errorf("as a record: got %v %q", verdict, reason)
		}
	})
}

// What a node sends is a beacon in order, and says what the node holds.
func TestOwnBeacon(t *testing.T) {
	now := time.Now()
	m, err := sim.NewMembers(2, 5, now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Start(sim.StackConfig{Key: m.Nodes[0], View: func() *roster.View { return m.View }, Dir: t.TempDir(), NoSync: true, Beacons: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rec, err := s.Publish(t.Context(), ct.TopicTravel, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Gossip.Beacon()
	if err != nil {
		t.Fatal(err)
	}
	env, err := wire.DecodeBeacon(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.OpenBeacon(env, m.View, now); err != nil {
		t.Fatal(err)
	}
	want := wire.Beacon{
		Network: m.View.Network().Prefix(), Node: m.Nodes[0].Public(), Time: env.Beacon.Time, Size: 1, Head: rec.ID(), Logs: 1,
		Digest: wire.FrontierDigest([]wire.LogHead{{Log: m.Nodes[0].Public(), Size: 1, Head: rec.ID()}}), Roster: m.View.Version(),
	}
	if env.Beacon != want {
		t.Errorf("got %+v\nwant %+v", env.Beacon, want)
	}
	t.Logf("a beacon has %d bytes", len(raw))
}

// Beacons cross the network by hops; a forged one stops at the first node.
func TestBeaconsThroughHops(t *testing.T) {
	chain(t, 3, 0, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		control := proto.String(gossip.TopicName(m.View.Network(), ct.TopicControl))
		good := signed(t, m.Nodes[0], m.View, time.Now(), nil)
		forged := signed(t, m.Nodes[0], m.View, time.Now(), func(b *wire.Beacon) { b.Node = m.Nodes[2].Public() })
		// In one message: a second stream of one peer resets the first, read or not.
		send(ctx, t, nodes[0], nodes[1], m, &pb.RPC{Publish: []*pb.Message{{Data: good, Topic: control}, {Data: forged, Topic: control}}})
		time.Sleep(5 * time.Second)
		for i, want := range map[int]float64{1: 1, 2: 1} {
			if got := nodes[i].Counter("herald_gossip_beacons_total", "verdict", "accept"); got != want {
				t.Errorf("node %d accepted %v beacons, want %v", i, got, want)
			}
		}
		if got := nodes[1].Counter("herald_gossip_beacons_total", "verdict", "reject", "reason", string(verify.BadSignature)); got != 1 {
			t.Errorf("the forgery was rejected %v times, want 1", got)
		}
		if got := nodes[2].Counter("herald_gossip_beacons_total", "verdict", "reject"); got != 0 {
			t.Errorf("the forgery was passed on: %v", got)
		}
	})
}

// What a beacon shows asks for a sync: more of its log, or another history.
func TestBeaconAsksForSync(t *testing.T) {
	now := time.Now()
	m, err := sim.NewMembers(2, 5, now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Start(sim.StackConfig{Key: m.Nodes[0], View: func() *roster.View { return m.View }, Dir: t.TempDir(), NoSync: true, Beacons: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	author := m.Nodes[1].Public()
	right, _ := m.View.Right(author)
	h := sim.Header(m.View.Network(), author, ct.TopicTravel, now)
	wire.First(right.First).Put(&h, m.View.Line(author))
	rec, err := sim.Sign(m.Nodes[1], m.View, h, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ingest.Submit(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	raw, err := s.Gossip.Beacon()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := wire.DecodeBeacon(raw)
	if err != nil {
		t.Fatal(err)
	}
	same := wire.Beacon{Node: author, Size: 1, Head: rec.ID(), Digest: mine.Beacon.Digest}
	for _, c := range []struct {
		lack string
		edit func(*wire.Beacon)
	}{
		{"", func(*wire.Beacon) {}},
		{"records", func(b *wire.Beacon) { b.Size, b.Head = 2, ct.ID{7} }},
		{"fork", func(b *wire.Beacon) { b.Head = ct.ID{7} }},
		{"digest", func(b *wire.Beacon) { b.Digest[0] ^= 1 }},
	} {
		b := same
		c.edit(&b)
		total := s.Counter("herald_gossip_beacon_syncs_total")
		s.Gossip.Follow(b)
		if got := s.Counter("herald_gossip_beacon_syncs_total", "lack", c.lack); c.lack != "" && got != 1 {
			t.Errorf("%s: %v syncs, want 1", c.lack, got)
		}
		if got := s.Counter("herald_gossip_beacon_syncs_total") - total; c.lack == "" && got != 0 {
			t.Errorf("the same holdings ask for %v syncs", got)
		}
	}
}
