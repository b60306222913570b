package gossip_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/gossip"
	"github.com/herald-net/herald/internal/hostile"
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

// guarded is one node of n that holds records of member 1 and hears nobody.
type guarded struct {
	t     *testing.T
	m     *sim.Members
	s     *sim.Stack
	now   time.Time
	topic string
	held  []verify.Record
	ends  map[ct.ID]uint64 // offset of what follows a record
}

const guardedHeld = 100

func newGuarded(t *testing.T, n int) *guarded {
	t.Helper()
	now := time.Now()
	m, err := sim.NewMembers(n, 5, now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Start(sim.StackConfig{Key: m.Nodes[0], View: func() *roster.View { return m.View }, Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	g := &guarded{t: t, ends: make(map[ct.ID]uint64), m: m, s: s, now: now, topic: gossip.TopicName(m.View.Network(), ct.TopicTravel)}
	right, _ := m.View.Right(m.Nodes[1].Public())
	prev := right.First
	for seq := uint64(1); seq <= guardedHeld; seq++ {
		g.held = append(g.held, g.record(m.Nodes[1], m.View, seq, prev, "x"))
		prev = g.held[len(g.held)-1].ID()
	}
	if err := s.Ingest.SubmitAll(t.Context(), g.held); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guarded) record(k *keys.Key, v *roster.View, seq uint64, prev ct.ID, body string) verify.Record {
	g.t.Helper()
	h := sim.Header(v.Network(), k.Public(), ct.TopicTravel, g.now)
	wire.Next{Seq: seq, Prev: prev, End: g.ends[prev]}.Put(&h, v.Line(h.Log))
	r, err := sim.Sign(k, v, h, []byte(body))
	if err != nil {
		g.t.Fatal(err)
	}
	g.ends[r.ID()] = r.Next().End
	return r
}

func (g *guarded) peer(i int) peer.ID {
	id, err := p2p.PeerID(g.m.Nodes[i].Public())
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

func (g *guarded) out(i int) bool {
	_, out := g.s.Host.Quarantined(g.m.Nodes[i].Public())
	return out
}

// send gives how many of the messages get as far as pubsub.
func (g *guarded) send(i int, at time.Time, msgs ...*pb.Message) int {
	rpc := &pb.RPC{Publish: msgs}
	if g.s.Gossip.Inspect(g.peer(i), rpc, at) != nil {
		return 0
	}
	return len(rpc.Publish)
}

func (g *guarded) msg(raw []byte) *pb.Message { return &pb.Message{Data: raw, Topic: &g.topic} }

// What a node would ignore is cut before it is queued or remembered, and blames
// nobody: whoever passed it on need not have known.
func TestUselessIsCutWithoutBlame(t *testing.T) {
	g := newGuarded(t, 4)
	others, err := sim.NewMembers(1, 6, g.now)
	if err != nil {
		t.Fatal(err)
	}
	// Member 3 has forked its log: the proof is held.
	right, _ := g.m.View.Right(g.m.Nodes[3].Public())
	for _, body := range []string{"a", "b"} {
		if _, err := g.s.Ingest.Submit(t.Context(), g.record(g.m.Nodes[3], g.m.View, 1, right.First, body)); err != nil {
			t.Fatal(err)
		}
	}
	author, last := g.m.Nodes[1], g.held[guardedHeld-1]
	next := g.record(author, g.m.View, guardedHeld+1, last.ID(), "x")
	control := gossip.TopicName(g.m.View.Network(), ct.TopicControl)
	beacon := func(k *keys.Key, at time.Time) *pb.Message {
		return &pb.Message{Data: signed(t, k, g.m.View, at, nil), Topic: &control}
	}
	tests := []struct {
		name string
		msg  *pb.Message
		want string // the reason; empty: it is judged
	}{
		{"next record", g.msg(next.Raw()), ""},
		{"garbage, which is a fault and judged", g.msg([]byte("garbage")), ""},
		{"of a stranger", g.msg(g.record(others.Nodes[0], others.View, 1, ct.ID{1}, "x").Raw()), "stranger"},
		{"long held", g.msg(g.held[0].Raw()), "old"},
		{"far ahead", g.msg(g.record(author, g.m.View, guardedHeld+gossip.AheadMax+1, ct.ID{1}, "x").Raw()), "ahead"},
		{"of a contested log", g.msg(g.record(g.m.Nodes[3], g.m.View, 2, ct.ID{1}, "x").Raw()), "contested"},
		{"on a topic of another network", &pb.Message{Data: next.Raw(), Topic: proto.String("/herald/1/0000000000000000/travel")}, "topic"},
		{"beacon", beacon(author, g.now), ""},
		{"beacon of a stranger", beacon(others.Nodes[0], g.now), "stranger"},
		{"beacon of this node itself", beacon(g.m.Nodes[0], g.now), "old"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := g.s.Counter("herald_gossip_cut_total", "reason", tt.want)
			kept := g.send(2, g.now, tt.msg)
			if got := g.s.Counter("herald_gossip_cut_total", "reason", tt.want) - before; tt.want != "" && (kept != 0 || got != 1) {
				t.Errorf("kept %d, cut %v for it being %q", kept, got, tt.want)
			}
			if tt.want == "" && kept != 1 {
				t.Errorf("it was cut")
			}
		})
	}
	// A minute of each, at what all members may author, no two of one record, and
	// no fault.
	edited := func(raw []byte, edit func(h *wire.Header, i int)) func(i int) *pb.Message {
		env, err := wire.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		return func(i int) *pb.Message {
			h := env.Header
			edit(&h, i)
			return g.msg(wire.Encode(&wire.Envelope{HeaderBytes: wire.EncodeHeader(&h), Alg: 1, Sig: env.Sig, Salt: env.Salt, Body: env.Body}))
		}
	}
	another := []func(i int) *pb.Message{
		edited(tests[2].msg.Data, func(h *wire.Header, i int) { binary.BigEndian.PutUint64(h.Log[:], uint64(i)) }),
		edited(tests[4].msg.Data, func(h *wire.Header, i int) { h.Seq += uint64(i) }),
		edited(tests[5].msg.Data, func(h *wire.Header, i int) { h.Seq += uint64(i) }),
	}
	old := edited(tests[3].msg.Data, func(h *wire.Header, i int) { h.Seq += uint64(i) })
	for i := range guardedHeld - gossip.BehindMax {
		for range gossip.RepeatsMax {
			g.send(2, g.now, old(i))
		}
	}
	for sec := range 60 {
		at := g.now.Add(time.Duration(sec) * time.Second)
		for k := range 4 * gossip.AuthorRate / 6 {
			var msgs []*pb.Message
			for i := range 6 {
				msgs = append(msgs, another[i%3](sec<<20|k<<4|i))
			}
			g.send(2, at, msgs...)
		}
	}
	if g.out(2) {
		t.Error("a peer is in quarantine for what it could not know better")
	}
}

// A beacon of the rate of its author's is cut, before its signature is looked at.
func TestBeaconFloodIsCut(t *testing.T) {
	g := newGuarded(t, 3)
	control := gossip.TopicName(g.m.View.Network(), ct.TopicControl)
	kept := 0
	for sec := range 600 {
		at := g.now.Add(time.Duration(sec) * 100 * time.Millisecond)
		raw := signed(t, g.m.Nodes[1], g.m.View, at, nil)
		n := g.send(2, at, &pb.Message{Data: raw, Topic: &control})
		kept += n
		if n > 0 {
			g.s.Gossip.JudgeBeacon(g.peer(2), raw, at)
		}
	}
	if want := gossip.BeaconBurst + 1; kept != want {
		t.Errorf("%d of 600 beacons of a minute were judged, want %d", kept, want)
	}
}

// One peer has its share, whatever it sends; another's is its own.
func TestPeerHasAShare(t *testing.T) {
	g := newGuarded(t, 3)
	junk, kept := g.msg([]byte("junk")), 0
	for k := range 50 {
		msgs := make([]*pb.Message, 200)
		for i := range msgs {
			msgs[i] = g.msg(fmt.Appendf(nil, "junk %d", 200*k+i))
		}
		kept += g.send(2, g.now, msgs...)
	}
	if kept != gossip.PeerBurst {
		t.Errorf("%d messages of one peer were let pass at once, want %d", kept, gossip.PeerBurst)
	}
	if got := g.send(1, g.now, junk); got != 1 {
		t.Error("another peer has lost its share")
	}
	big, bytesKept := make([]byte, wire.MaxRecord), 0
	for i := range 1000 {
		binary.BigEndian.PutUint64(big, uint64(i))
		bytesKept += g.send(1, g.now, g.msg(big)) * wire.MaxRecord
	}
	if limit := 16 << 20; bytesKept > limit || bytesKept < limit*9/10 {
		t.Errorf("%d bytes of one peer were let pass at once, want close to %d", bytesKept, limit)
	}
}

// A peer that sends more than all members together may author is put out.
func TestFloodIsQuarantined(t *testing.T) {
	g := newGuarded(t, 3)
	msgs := make([]*pb.Message, 500)
	for sec := range 10 {
		for k := range 50_000 / len(msgs) {
			for i := range msgs {
				msgs[i] = g.msg(fmt.Appendf(nil, "junk %d", sec<<20|k<<10|i))
			}
			g.send(2, g.now.Add(time.Duration(sec)*time.Second), msgs...)
		}
	}
	if !g.out(2) {
		t.Error("a peer that sends 50,000 messages a second is not in quarantine after ten seconds")
	}
	if g.out(1) {
		t.Error("who sends nothing is in quarantine")
	}
}

// A peer gives the same message a few times: once by itself, and again to who
// asks. Who does not stop is put out at once, whatever the message is; who gives
// many, each as often as an honest node may, is not.
func TestRepeatsAreQuarantined(t *testing.T) {
	g := newGuarded(t, 4)
	author, last := g.m.Nodes[1], g.held[guardedHeld-1]
	next := g.record(author, g.m.View, guardedHeld+1, last.ID(), "x").Raw()
	var window []*pb.Message
	for i := range 256 {
		window = append(window, g.msg(g.record(author, g.m.View, guardedHeld+1+uint64(i), last.ID(), "x").Raw()))
	}
	for round := range 3 {
		for copies := range gossip.RepeatsMax {
			at := g.now.Add(time.Duration(round)*3*time.Minute + time.Duration(copies)*time.Second)
			for _, m := range window {
				if g.send(3, at, m) == 0 {
					t.Fatalf("round %d: what an honest node may send was cut", round)
				}
			}
		}
	}
	if g.out(3) {
		t.Fatal("an honest peer is in quarantine")
	}
	at, kept := g.now.Add(time.Hour), 0
	for i := range gossip.RepeatsMax + gossip.RepeatFaults {
		kept += g.send(2, at, g.msg(next))
		if g.out(2) {
			t.Fatalf("in quarantine after %d copies", i+1)
		}
	}
	if cut := g.s.Counter("herald_gossip_cut_total", "reason", "repeat"); kept != gossip.RepeatsMax || cut != gossip.RepeatFaults {
		t.Errorf("%d copies of one message were let pass and %v cut, want %d and %d", kept, cut, gossip.RepeatsMax, gossip.RepeatFaults)
	}
	if g.send(2, at, g.msg(next)); !g.out(2) {
		t.Error("who sends the same message again and again is not in quarantine")
	}
}

// The holder of a key can sign one record in ever new ways, each of which is
// good. Two are taken, and the third is cut before it is queued or looked at,
// whoever brings it: the first forwarder need not have known of the others.
// Who brings more than an honest node takes is put out.
func TestOneRecordInManyWays(t *testing.T) {
	g := newGuarded(t, 4)
	author, last := g.m.Nodes[1], g.held[guardedHeld-1]
	next := g.record(author, g.m.View, guardedHeld+1, last.ID(), "x")
	other := func() []byte {
		raw, err := hostile.Resign(author, g.m.View, next.Raw())
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	// An honest peer passes on what it has taken.
	for i := range 6 {
		raw, want := other(), verify.Accept
		if i >= gossip.TakenMax {
			want = verify.Ignore
			if n := g.send(2+i%2, g.now, g.msg(raw)); n != 0 {
				t.Errorf("message %d of one record is not cut", i+1)
			}
		}
		if _, got, reason := g.s.Gossip.Judge(ct.TopicTravel, g.peer(2), raw, g.now); got != want {
			t.Errorf("message %d of one record: got %v %q, want %v", i+1, got, reason, want)
		}
	}
	if after := g.record(author, g.m.View, guardedHeld+2, next.ID(), "x"); g.send(2, g.now, g.msg(after.Raw())) != 1 {
		t.Error("the next record is cut too")
	}
	if again := g.s.Counter("herald_gossip_cut_total", "reason", "copy"); again != 4 {
		t.Errorf("%v messages were cut as copies, want 4", again)
	}
	for i := range gossip.CopiesMax + gossip.RepeatFaults {
		g.send(1, g.now, g.msg(other()))
		if g.out(1) {
			t.Fatalf("in quarantine after %d messages", i+1)
		}
	}
	if g.send(1, g.now, g.msg(other())); !g.out(1) {
		t.Error("who signs one record again and again is not in quarantine")
	}
	if g.out(2) || g.out(3) {
		t.Error("who passed on what it had taken is in quarantine")
	}
}

// Subscriptions, grafts and prunes are few; message ids have their size and
// number; nobody tells this node whom to dial.
func TestControlIsBounded(t *testing.T) {
	g := newGuarded(t, 3)
	id := string(make([]byte, 20))
	many := func(n int, s string) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = s
		}
		return out
	}
	inspect := func(i int, at time.Time, c *pb.ControlMessage) (*pb.ControlMessage, error) {
		rpc := &pb.RPC{Control: c}
		err := g.s.Gossip.Inspect(g.peer(i), rpc, at)
		return rpc.Control, err
	}

	t.Run("message ids have a size", func(t *testing.T) {
		for name, c := range map[string]*pb.ControlMessage{
			"ihave":     {Ihave: []*pb.ControlIHave{{TopicID: &g.topic, MessageIDs: many(3, id+"x")}}},
			"iwant":     {Iwant: []*pb.ControlIWant{{MessageIDs: many(3, "")}}},
			"idontwant": {Idontwant: []*pb.ControlIDontWant{{MessageIDs: append(many(3, id), "short")}}},
		} {
			got, err := inspect(1, g.now, c)
			if err != nil || len(got.Ihave)+len(got.Iwant)+len(got.Idontwant) != 0 {
				t.Errorf("%s: got %v, %v, want the ids cut", name, got, err)
			}
		}
	})
	t.Run("what honest nodes announce passes", func(t *testing.T) {
		for sec := range 600 {
			got, err := inspect(2, g.now.Add(time.Duration(sec)*time.Second), &pb.ControlMessage{
				Ihave: []*pb.ControlIHave{{TopicID: &g.topic, MessageIDs: many(5000, id)}},
				Iwant: []*pb.ControlIWant{{MessageIDs: many(2000, id)}},
				Graft: []*pb.ControlGraft{{TopicID: &g.topic}, {TopicID: &g.topic}, {TopicID: &g.topic}},
				Prune: []*pb.ControlPrune{{TopicID: &g.topic}, {TopicID: &g.topic}, {TopicID: &g.topic}},
			})
			if err != nil || len(got.Ihave) != 1 || len(got.Iwant) != 1 || len(got.Graft) != 3 || len(got.Prune) != 3 {
				t.Fatalf("second %d: got %v, %v", sec, got, err)
			}
		}
		if g.out(2) {
			t.Error("an honest peer is in quarantine")
		}
	})
	t.Run("message ids have a rate", func(t *testing.T) {
		later, kept := g.now.Add(time.Hour), 0
		for range 100 {
			c, err := inspect(2, later, &pb.ControlMessage{Iwant: []*pb.ControlIWant{{MessageIDs: many(2999, id)}}})
			if err != nil {
				t.Fatal(err)
			}
			kept += 3000 * len(c.Iwant)
		}
		if kept != gossip.ControlBurst {
			t.Errorf("%d ids were let pass at once, want %d", kept, gossip.ControlBurst)
		}
	})
	t.Run("prunes name nobody to dial", func(t *testing.T) {
		got, err := inspect(2, g.now.Add(2*time.Hour), &pb.ControlMessage{
			Prune: []*pb.ControlPrune{{TopicID: &g.topic, Peers: []*pb.PeerInfo{{PeerID: []byte("x")}}}},
		})
		if err != nil || len(got.Prune) != 1 || got.Prune[0].Peers != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("a flood of grafts and prunes", func(t *testing.T) {
		passed, later := 0, g.now.Add(3*time.Hour)
		for range gossip.MeshBurst + gossip.MeshFaults + 1 {
			if _, err := inspect(2, later, &pb.ControlMessage{Graft: []*pb.ControlGraft{{TopicID: &g.topic}}}); err == nil {
				passed++
			}
		}
		if passed != gossip.MeshBurst || !g.out(2) {
			t.Errorf("%d grafts passed at once, want %d; in quarantine: %v", passed, gossip.MeshBurst, g.out(2))
		}
		if _, err := inspect(2, later.Add(time.Second), &pb.ControlMessage{}); err == nil {
			t.Error("a peer in quarantine is still heard")
		}
	})
}

// Faults are what no honest node passes on. A few are forgiven.
func TestFaultsLeadToQuarantine(t *testing.T) {
	for _, tt := range []struct {
		name string
		rpc  func(g *guarded) *pb.RPC
	}{
		{"an author beside the record's", func(g *guarded) *pb.RPC {
			m := g.msg(g.held[99].Raw())
			m.From = []byte("x")
			return &pb.RPC{Publish: []*pb.Message{m}}
		}},
		{"a signature beside the record's", func(g *guarded) *pb.RPC {
			m := g.msg(g.held[99].Raw())
			m.Signature, m.Key, m.Seqno = []byte("x"), []byte("x"), []byte("x")
			return &pb.RPC{Publish: []*pb.Message{m}}
		}},
		{"many subscriptions", func(*guarded) *pb.RPC {
			rpc := &pb.RPC{}
			for range 65 {
				rpc.Subscriptions = append(rpc.Subscriptions, &pb.RPC_SubOpts{Topicid: proto.String("x")})
			}
			return rpc
		}},
		{"message ids that are none", func(*guarded) *pb.RPC {
			return &pb.RPC{Control: &pb.ControlMessage{Idontwant: []*pb.ControlIDontWant{{MessageIDs: []string{"x"}}}}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuarded(t, 3)
			for i := range 5 {
				if g.out(2) {
					t.Fatalf("in quarantine after %d faults", i)
				}
				rpc := tt.rpc(g)
				if err := g.s.Gossip.Inspect(g.peer(2), rpc, g.now); err == nil && len(rpc.Publish) > 0 {
					t.Error("it was let pass")
				}
			}
			if !g.out(2) {
				t.Error("not in quarantine after five faults")
			}
		})
	}
	t.Run("rejected messages", func(t *testing.T) {
		g := newGuarded(t, 3)
		forged := bytes.Clone(g.record(g.m.Nodes[1], g.m.View, guardedHeld+1, g.held[99].ID(), "x").Raw())
		env, err := wire.Decode(forged)
		if err != nil {
			t.Fatal(err)
		}
		env.Sig[3] ^= 1
		future := wire.Encode(&wire.Envelope{HeaderBytes: env.HeaderBytes, Alg: 2, Sig: env.Sig, Salt: env.Salt, Body: env.Body})
		for range 10 { // of an algorithm that a newer node may know
			g.s.Gossip.Validate(t.Context(), ct.TopicTravel, g.peer(2), future)
		}
		if g.out(2) {
			t.Error("in quarantine for a signature of another algorithm")
		}
		for range 5 {
			g.s.Gossip.Validate(t.Context(), ct.TopicTravel, g.peer(2), wire.Encode(env))
		}
		if !g.out(2) {
			t.Error("not in quarantine after five forgeries")
		}
	})
}
