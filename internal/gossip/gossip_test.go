package gossip_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/gossip"
	"github.com/herald-net/herald/internal/p2p"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"
)

// chain runs n nodes in virtual time, each connected to its neighbours only,
// and with gossip alone; node quiet (-1: none) has not even that, nor has
// everyone if that is what quiet says.
func chain(t *testing.T, n, quiet int, fn func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack)) {
	t.Helper()
	chainOf(t, n, quiet, func(int, *sim.StackConfig) {}, fn)
}

// chainOf is chain with nodes that are changed before they start.
func chainOf(t *testing.T, n, quiet int, change func(int, *sim.StackConfig), fn func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack)) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	bubble.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		m, err := sim.NewMembers(n, seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		net := sim.New(seed)
		defer net.Close()
		var nodes []*sim.Stack
		for i := range n {
			var boot []string
			if i > 0 {
				boot = []string{net.Addr(i - 1)}
			}
			cfg := sim.StackConfig{
				Key: m.Nodes[i], View: func() *roster.View { return m.View }, Dir: filepath.Join(dir, fmt.Sprint(i)),
				Underlay: net.Underlay(i), Listen: []string{net.Addr(i)}, Bootstrap: boot, NoSync: true, NoGossip: i == quiet || quiet == everyone,
			}
			change(i, &cfg)
			s, err := sim.Start(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			nodes = append(nodes, s)
		}
		time.Sleep(30 * time.Second) // connections and meshes
		for i, s := range nodes {
			want := 2
			if i == 0 || i == n-1 {
				want = 1
			}
			if got := len(s.Host.Peers()); got != want {
				t.Fatalf("node %d has %d peers, want %d", i, got, want)
			}
		}
		fn(ctx, t, m, nodes)
	})
}

const everyone = -2

// largest is a record of exactly the largest size, first of its log.
func largest(t *testing.T, m *sim.Members, i int) verify.Record {
	t.Helper()
	k := m.Nodes[i]
	right, _ := m.View.Right(k.Public())
	h := sim.Header(m.View.Network(), k.Public(), ct.TopicTravel, time.Now())
	wire.First(right.First).Put(&h, m.View.Line(h.Log))
	h.Ext = make([]byte, wire.MaxExt)
	sign := func(body int) verify.Record {
		rec, err := sim.Sign(k, m.View, h, make([]byte, body))
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	const near = wire.MaxBodyBytes - 4<<10 // its length takes as many bytes as that of the largest
	rec := sign(near)
	rec = sign(min(wire.MaxBodyBytes, near+wire.MaxRecord-len(rec.Raw())))
	for len(h.Refs) < wire.MaxRefs && len(rec.Raw()) < wire.MaxRecord {
		h.Refs = append(h.Refs, ct.Ref{Log: k.Public(), Seq: 1, ID: ct.ID{1}})
		rec = sign(near)
		rec = sign(min(wire.MaxBodyBytes, near+wire.MaxRecord-len(rec.Raw())))
	}
	if len(rec.Raw()) != wire.MaxRecord {
		t.Fatalf("the largest record has %d bytes, want %d", len(rec.Raw()), wire.MaxRecord)
	}
	return rec
}

func TestLargestRecordThroughHops(t *testing.T) {
	chain(t, 4, -1, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		rec := largest(t, m, 0)
		if _, err := nodes[0].Ingest.Submit(ctx, rec); err != nil {
			t.Fatal(err)
		}
		for i, s := range nodes[1:] {
			if err := s.Store.Wait(ctx, 0); err != nil {
				t.Fatalf("node %d, %d hops away, has not got a record of %d bytes: %v", i+1, i+1, len(rec.Raw()), err)
			}
			raws, err := s.Store.Range(m.Nodes[0].Public(), 1, 1, 1<<20)
			if err != nil || !bytes.Equal(raws[0], rec.Raw()) {
				t.Errorf("node %d holds other bytes than the author sent (%v)", i+1, err)
			}
		}
	})
}

// The transport carries wire.MaxRecord bytes: they arrive and are judged.
func TestMaxRecordBytesArrive(t *testing.T) {
	chain(t, 2, 0, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		evil := nodes[0]
		raw := make([]byte, wire.MaxRecord)
		send(ctx, t, evil, nodes[1], m, &pb.RPC{Publish: []*pb.Message{{
			Data: raw, Topic: proto.String(gossip.TopicName(m.View.Network(), ct.TopicControl)),
		}}})
		time.Sleep(time.Second)
		if got := nodes[1].Counter("herald_gossip_refused_total", "verdict", "reject", "reason", string(verify.NotARecord)); got != 1 {
			t.Errorf("messages of %d bytes judged: got %v, want 1", len(raw), got)
		}
	})
}

// send speaks pubsub's protocol by hand, for a node that does not speak it itself.
func send(ctx context.Context, t *testing.T, from, to *sim.Stack, m *sim.Members, rpc *pb.RPC) {
	t.Helper()
	n := m.View.Network().Prefix()
	id := protocol.ID(fmt.Sprintf("/herald/1/%x/meshsub/1.2.0", n))
	s, err := from.Host.Libp2p().NewStream(ctx, to.Host.Libp2p().ID(), id)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(rpc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(wire.AppendFrame(nil, raw)); err != nil {
		t.Fatal(err)
	}
}

func TestSubscriptionFloodIsRefused(t *testing.T) {
	chain(t, 2, 0, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		rpc := &pb.RPC{}
		for i := range 1000 {
			rpc.Subscriptions = append(rpc.Subscriptions, &pb.RPC_SubOpts{Subscribe: proto.Bool(true), Topicid: proto.String(fmt.Sprint("topic ", i))})
		}
		send(ctx, t, nodes[0], nodes[1], m, rpc)
		time.Sleep(time.Second)
		if got := nodes[1].Counter("herald_gossip_rpcs_refused_total", "reason", "subscriptions"); got != 1 {
			t.Errorf("refused RPCs: got %v, want 1", got)
		}
	})
}

// A member may subscribe to anything; what is kept of it is the topics of the
// network, so that no peer makes this node's memory grow.
func TestUnknownTopicsAreNotKept(t *testing.T) {
	chain(t, 2, everyone, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		start := func(i int, opts ...pubsub.Option) *pubsub.PubSub {
			g, err := gossip.New(gossip.Config{
				Host: nodes[i].Host, View: nodes[i].View, Store: nodes[i].Store,
				Offer: func(verify.Record) bool { return true }, Own: m.Nodes[i].Public(),
			})
			if err != nil {
				t.Fatal(err)
			}
			ps, err := g.PubSub(ctx, opts...)
			if err != nil {
				t.Fatal(err)
			}
			return ps
		}
		known := gossip.TopicName(m.View.Network(), ct.TopicTravel)
		names := []string{known, "topic", "/herald/1/0000000000000000/travel", known + "/more"}
		evil := start(0, pubsub.WithSubscriptionFilter(pubsub.NewAllowlistSubscriptionFilter(names...)))
		ps := start(1)
		time.Sleep(5 * time.Second)
		for _, name := range names {
			topic, err := evil.Join(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := topic.Subscribe(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		for i, name := range names {
			want := 0
			if i == 0 {
				want = 1
			}
			if got := len(ps.ListPeers(name)); got != want {
				t.Errorf("%d peers are kept of topic %q, want %d", got, name, want)
			}
		}
	})
}

// Gossip is what is newly stored: what was there at the start is sync's.
func TestPublishesOnlyNewOwnRecords(t *testing.T) {
	chain(t, 3, -1, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		for i := range 5 {
			if _, err := nodes[1].Publish(ctx, ct.TopicDetention, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range nodes {
			for s.Store.Last() < 5 {
				if err := s.Store.Wait(ctx, s.Store.Last()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := nodes[1].Counter("herald_gossip_published_total"); got != 5 {
			t.Errorf("the author published %v records, want 5", got)
		}
		for _, i := range []int{0, 2} {
			if got := nodes[i].Counter("herald_gossip_published_total"); got != 0 {
				t.Errorf("node %d published %v records of another's log", i, got)
			}
			if got := nodes[i].Counter("herald_gossip_delivered_total"); got != 5 {
				t.Errorf("node %d: delivered %v, want 5", i, got)
			}
		}
	})
}

func TestMessageIDCoversAll(t *testing.T) {
	id := func(topic, data string) string {
		return gossip.MessageID(&pb.Message{Topic: &topic, Data: []byte(data)})
	}
	seen := map[string]string{}
	for _, c := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""}, {"a", "bd"}, {"a", "bc\x00"}} {
		x := id(c[0], c[1])
		if len(x) != 20 {
			t.Errorf("id of %q has %d bytes, want 20", c, len(x))
		}
		if other, ok := seen[x]; ok {
			t.Errorf("%q and %q have one id", c, other)
		}
		seen[x] = fmt.Sprintf("%q", c)
	}
}

func TestVerdicts(t *testing.T) {
	now := time.Now()
	m, err := sim.NewMembers(3, 5, now)
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
	right, _ := m.View.Right(author.Public())
	ends := make(map[ct.ID]uint64) // where a record ends
	record := func(seq uint64, prev ct.ID, body string) verify.Record {
		h := sim.Header(m.View.Network(), author.Public(), ct.TopicTravel, now)
		wire.Next{Seq: seq, Prev: prev, End: ends[prev]}.Put(&h, m.View.Line(h.Log))
		rec, err := sim.Sign(author, m.View, h, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		ends[rec.ID()] = rec.Next().End
		return rec
	}
	const held = 100
	prev := right.First
	var recs []verify.Record
	for seq := uint64(1); seq <= held; seq++ {
		recs = append(recs, record(seq, prev, "x"))
		prev = recs[len(recs)-1].ID()
	}
	if err := s.Ingest.SubmitAll(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	next := record(held+1, prev, "x")
	bad := bytes.Clone(next.Raw())
	env, err := wire.Decode(bad)
	if err != nil {
		t.Fatal(err)
	}
	env.Sig = bytes.Clone(env.Sig)
	env.Sig[0] ^= 1
	forged := wire.Encode(env)
	bare := wire.Encode(&wire.Envelope{HeaderBytes: next.HeaderBytes(), Alg: next.Alg(), Sig: next.Sig()})
	strange := func() []byte {
		h := sim.Header(m.View.Network(), strangers.Nodes[0].Public(), ct.TopicTravel, now)
		h.Seq, h.Prev = 1, ct.ID{1}
		h.Commit = wire.Commit(make([]byte, 32), nil)
		raw := wire.EncodeHeader(&h)
		return wire.Encode(&wire.Envelope{HeaderBytes: raw, Alg: 1, Sig: make([]byte, 64), Salt: make([]byte, 32)})
	}()
	forwarder, _ := p2p.PeerID(m.Nodes[2].Public())
	outsider, _ := p2p.PeerID(strangers.Nodes[0].Public())
	tests := []struct {
		name    string
		from    peer.ID
		topic   ct.Topic
		raw     []byte
		verdict verify.Verdict
		reason  string
	}{
		{"next record", forwarder, ct.TopicTravel, next.Raw(), verify.Accept, ""},
		{"last of the window", forwarder, ct.TopicTravel, record(held+gossip.AheadMax, ct.ID{1}, "x").Raw(), verify.Accept, ""},
		{"beyond the window", forwarder, ct.TopicTravel, record(held+gossip.AheadMax+1, ct.ID{1}, "x").Raw(), verify.Ignore, "ahead"},
		{"other half of a young fork", forwarder, ct.TopicTravel, record(held, ct.ID{1}, "y").Raw(), verify.Accept, ""},
		{"replay", forwarder, ct.TopicTravel, recs[held-gossip.BehindMax-1].Raw(), verify.Ignore, "old"},
		{"from an outsider", outsider, ct.TopicTravel, next.Raw(), verify.Ignore, "forwarder"},
		{"of a stranger", forwarder, ct.TopicTravel, strange, verify.Ignore, string(verify.Stranger)},
		{"on another topic", forwarder, ct.TopicArrival, next.Raw(), verify.Reject, string(verify.WrongTopic)},
		{"forged signature", forwarder, ct.TopicTravel, forged, verify.Reject, string(verify.BadSignature)},
		{"without body", forwarder, ct.TopicTravel, bare, verify.Reject, string(verify.MissingBody)},
		{"garbage", forwarder, ct.TopicTravel, []byte("garbage"), verify.Reject, string(verify.NotARecord)},
		{"too large", forwarder, ct.TopicTravel, make([]byte, wire.MaxRecord+1), verify.Reject, string(verify.TooLarge)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec, verdict, reason := s.Gossip.Judge(tt.topic, tt.from, tt.raw, now)
			if verdict != tt.verdict || reason != tt.reason {
				t.Errorf("got %v %q, want %v %q", verdict, reason, tt.verdict, tt.reason)
			}
			if verdict == verify.Accept && !bytes.Equal(rec.Raw(), tt.raw) {
				t.Error("the record is not the bytes that came")
			}
		})
	}

	t.Run("rate", func(t *testing.T) {
		// Forgeries in the author's name do not spend its budget …
		for range gossip.AuthorBurst + 10 {
			if _, verdict, reason := s.Gossip.Judge(ct.TopicTravel, forwarder, forged, now); verdict == verify.Accept {
				t.Fatalf("a forgery was accepted (%s)", reason)
			}
		}
		other, _ := p2p.PeerID(m.Nodes[1].Public())
		if _, verdict, reason := s.Gossip.Judge(ct.TopicTravel, other, next.Raw(), now); verdict != verify.Accept {
			t.Fatalf("after forgeries: got %v %q, want accept", verdict, reason)
		}
		// … its own records do.
		if _, err := s.Ingest.Submit(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		prev = next.ID()
		accepted, seq := 4, uint64(held+2) // three above, and next once more
		another := func(at time.Time) string {
			raw := record(seq, prev, "x")
			_, verdict, reason := s.Gossip.Judge(ct.TopicTravel, other, raw.Raw(), at)
			if verdict == verify.Accept {
				accepted++
			}
			if _, err := s.Ingest.Submit(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
			seq, prev = seq+1, raw.ID()
			return reason
		}
		for accepted < gossip.AuthorBurst {
			if reason := another(now); reason != "" {
				t.Fatalf("after %d records at once: got %q, want no more than the burst to be a reason", accepted, reason)
			}
		}
		if reason := another(now); reason != "rate" {
			t.Errorf("after %d records at once: got %q, want rate", accepted, reason)
		}
		if reason := another(now.Add(time.Second)); reason != "" {
			t.Errorf("a second later: got %q, want accept", reason)
		}
	})

	t.Run("rate of a forwarder", func(t *testing.T) {
		// Each forgery costs a signature check, which whoever forwards it pays.
		head := func() uint64 { h, _ := s.Store.Head(author.Public()); return h.Size }
		env, err := wire.Decode(record(head()+2, prev, "x").Raw())
		if err != nil {
			t.Fatal(err)
		}
		env.Sig = make([]byte, len(env.Sig))
		forgery := wire.Encode(env)
		later, checked := now.Add(time.Hour), 0
		for range 2 * gossip.ForwardBurst {
			if _, _, reason := s.Gossip.Judge(ct.TopicTravel, forwarder, forgery, later); reason == string(verify.BadSignature) {
				checked++
			}
		}
		if checked != gossip.ForwardBurst {
			t.Errorf("%d signatures of forgeries were checked at once, want %d", checked, gossip.ForwardBurst)
		}
		other, _ := p2p.PeerID(m.Nodes[1].Public())
		if _, verdict, reason := s.Gossip.Judge(ct.TopicTravel, other, record(head()+1, prev, "x").Raw(), later); verdict != verify.Accept {
			t.Errorf("another forwarder meanwhile: got %v %q, want accept", verdict, reason)
		}
	})
}

// Records as large as they may be have a rate in bytes.
func TestAuthorHasBytes(t *testing.T) {
	now := time.Now()
	m, err := sim.NewMembers(2, 5, now)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sim.Start(sim.StackConfig{Key: m.Nodes[0], View: func() *roster.View { return m.View }, Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	author := m.Nodes[1]
	from, _ := p2p.PeerID(author.Public())
	size, body := 0, make([]byte, wire.MaxBodyBytes-4<<10)
	for seq := uint64(1); ; seq++ {
		h := sim.Header(m.View.Network(), author.Public(), ct.TopicTravel, now)
		h.Seq, h.Prev = seq, ct.ID{1}
		rec, err := sim.Sign(author, m.View, h, body)
		if err != nil {
			t.Fatal(err)
		}
		_, verdict, reason := s.Gossip.Judge(ct.TopicTravel, from, rec.Raw(), now)
		if verdict == verify.Accept {
			size += len(rec.Raw())
			continue
		}
		if reason != "rate" || size > gossip.AuthorBytes || size < gossip.AuthorBytes-wire.MaxRecord {
			t.Errorf("after %d bytes at once: %q, want rate close below %d", size, reason, gossip.AuthorBytes)
		}
		return
	}
}

// A newer build passes on records and beacons of a version, or signed by an
// algorithm, that this one does not know: they are ignored, and what else it
// passes on is taken as before.
func TestLaterVersionsBlameNobody(t *testing.T) {
	chain(t, 2, 0, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		k, topic := m.Nodes[0], gossip.TopicName(m.View.Network(), ct.TopicControl)
		right, _ := m.View.Right(k.Public())
		h := sim.Header(m.View.Network(), k.Public(), ct.TopicControl, time.Now())
		(wire.Next{Seq: 1, Prev: right.First}).Put(&h, right.Growth.Line)
		rec, err := sim.Sign(k, m.View, h, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		env, err := wire.Decode(rec.Raw())
		if err != nil {
			t.Fatal(err)
		}
		beacon := func(version byte, alg uint32) []byte {
			b, err := wire.DecodeBeacon(signed(t, k, m.View, time.Now(), nil))
			if err != nil {
				t.Fatal(err)
			}
			b.Bytes = bytes.Clone(b.Bytes)
			b.Bytes[1], b.Alg = version, alg // its first field
			return wire.EncodeSignedBeacon(b)
		}
		for i := range 12 {
			h.Version, h.Seq = 2, uint64(20+i)
			later := wire.Encode(&wire.Envelope{HeaderBytes: wire.EncodeHeader(&h), Alg: 1, Sig: env.Sig, Salt: env.Salt, Body: env.Body})
			h.Version, h.Seq = wire.Version, uint64(40+i)
			other := wire.Encode(&wire.Envelope{HeaderBytes: wire.EncodeHeader(&h), Alg: uint32(2 + i), Sig: env.Sig, Salt: env.Salt, Body: env.Body})
			rpc := &pb.RPC{} // one: a further stream ends the one before it, read or not
			for _, raw := range [][]byte{later, other, beacon(1, uint32(2+i)), beacon(2, uint32(1+i))} {
				rpc.Publish = append(rpc.Publish, &pb.Message{Data: raw, Topic: &topic})
			}
			send(ctx, t, nodes[0], nodes[1], m, rpc)
			time.Sleep(time.Second)
		}
		for _, reason := range []string{string(verify.UnknownVersion), string(verify.BadAlgorithm)} {
			if got := nodes[1].Counter("herald_gossip_refused_total", "verdict", "ignore", "reason", reason); got == 0 {
				t.Errorf("nothing was ignored for %s", reason)
			}
		}
		if _, out := nodes[1].Host.Quarantined(k.Public()); out {
			t.Error("the peer is in quarantine")
		}
		send(ctx, t, nodes[0], nodes[1], m, &pb.RPC{Publish: []*pb.Message{{Data: rec.Raw(), Topic: &topic}}})
		time.Sleep(time.Second)
		if got, _ := nodes[1].Store.Head(k.Public()); got.Size != 1 {
			t.Error("a record that it passed on afterwards was not taken")
		}
	})
}

// A peer that offers what it never gives is not blamed: what the guard of this
// node has cut looks the same, and whoever signs one record anew for every node
// would have honest nodes blame each other.
func TestBrokenPromisesBlameNobody(t *testing.T) {
	chain(t, 2, 0, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		topic := gossip.TopicName(m.View.Network(), ct.TopicTravel)
		s, err := nodes[0].Host.Libp2p().NewStream(ctx, nodes[1].Host.Libp2p().ID(), protocol.ID(fmt.Sprintf("/herald/1/%x/meshsub/1.2.0", m.View.Network().Prefix())))
		if err != nil {
			t.Fatal(err)
		}
		say := func(rpc *pb.RPC) {
			raw, err := proto.Marshal(rpc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(wire.AppendFrame(nil, raw)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 120 {
			id := fmt.Sprintf("%020d", i)
			say(&pb.RPC{Control: &pb.ControlMessage{Ihave: []*pb.ControlIHave{{TopicID: &topic, MessageIDs: []string{id}}}}})
			time.Sleep(time.Second)
		}
		right, _ := m.View.Right(m.Nodes[0].Public())
		h := sim.Header(m.View.Network(), m.Nodes[0].Public(), ct.TopicTravel, time.Now())
		(wire.Next{Seq: 1, Prev: right.First}).Put(&h, right.Growth.Line)
		rec, err := sim.Sign(m.Nodes[0], m.View, h, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		say(&pb.RPC{Publish: []*pb.Message{{Data: rec.Raw(), Topic: &topic}}})
		time.Sleep(time.Second)
		if got, _ := nodes[1].Store.Head(m.Nodes[0].Public()); got.Size != 1 {
			t.Error("a record of who broke promises was not taken")
		}
	})
}

// A node of some topics is sent no records of others, and passes on its own.
func TestPartialTopics(t *testing.T) {
	arrivals, err := ct.TopicsOf(ct.TopicArrival)
	if err != nil {
		t.Fatal(err)
	}
	chainOf(t, 2, -1, func(i int, c *sim.StackConfig) {
		if i == 1 {
			c.Topics = arrivals
		}
	}, func(ctx context.Context, t *testing.T, m *sim.Members, nodes []*sim.Stack) {
		time.Sleep(3 * time.Second) // the mesh forms
		for i, topic := range []ct.Topic{ct.TopicTravel, ct.TopicArrival} {
			k := m.Nodes[i]
			right, _ := m.View.Right(k.Public())
			h := sim.Header(m.View.Network(), k.Public(), topic, time.Now())
			wire.First(right.First).Put(&h, m.View.Line(h.Log))
			rec, err := sim.Sign(k, m.View, h, []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nodes[i].Ingest.Submit(ctx, rec); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		if h, _ := nodes[0].Store.Head(m.Nodes[1].Public()); h.Size != 1 {
			t.Error("the arrival of the partial node has not come")
		}
		if h, _ := nodes[1].Store.Head(m.Nodes[0].Public()); h.Size != 0 {
			t.Error("a travel record was sent to a node of arrivals")
		}
	})
}
