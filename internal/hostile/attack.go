package hostile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"
)

// Scene is where an attack happens.
type Scene struct {
	View    *roster.View
	Victims []peer.AddrInfo
	Held    [][]byte      // records of honest authors on the travel topic that all victims hold
	Expired [][]byte      // records of a key whose delegation has ended, dated before that
	For     time.Duration // how long
	Every   time.Duration // pause between the steps of an attack on one victim
}

// Attack is one thing to do to others.
type Attack struct {
	Name string
	// Fault tells that no honest node does this, whatever others make it pass
	// on: who does is to be put into quarantine. Without it he must not be.
	Fault bool
	Run   func(ctx context.Context, n *Node, s Scene)
}

// Attacks are all but those on who syncs from the attacker: see Liars.
func Attacks() []Attack {
	var all []Attack
	for _, f := range Fakes() {
		all = append(all, Attack{f.Name, true, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return publish(n.Topic(ct.TopicTravel), f.Make(pick(s.Held, i), i))
		})})
	}
	all = append(all,
		Attack{"wrong topic", true, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return publish(n.Topic(ct.TopicArrival), pick(s.Held, i))
		})},
		Attack{"replay", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return publish(n.Topic(ct.TopicTravel), s.Held...)
		})},
		Attack{"replay flood", true, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return publish(n.Topic(ct.TopicTravel), s.Held...)
		})},
		Attack{"backdated after its delegation", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			if i >= 8 { // again and again would be a fault of its own
				return nil
			}
			return publish(n.Topic(ct.TopicTravel), s.Expired...)
		})},
		Attack{"of strangers", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			k, err := keys.Generate()
			if err != nil {
				return nil
			}
			raw, _ := NewAuthor(k, s.View).Next(ct.TopicTravel, []byte("x"), time.Now(), nil)
			return publish(n.Topic(ct.TopicTravel), raw)
		})},
		Attack{"far ahead", false, func(ctx context.Context, n *Node, s Scene) {
			a := NewAuthor(n.Key, s.View)
			a.At.Seq = 1<<20 + 1
			gossip(func(n *Node, s Scene, i int) *pb.RPC {
				raw, _ := a.Next(ct.TopicTravel, []byte("x"), time.Now(), nil)
				return publish(n.Topic(ct.TopicTravel), raw)
			})(ctx, n, s)
		}},
		Attack{"gaps", false, func(ctx context.Context, n *Node, s Scene) { // each record after one that never comes
			a := NewAuthor(n.Key, s.View)
			gossip(func(n *Node, s Scene, i int) *pb.RPC {
				a.At.Seq = uint64(i%100)*2 + 3
				raw, _ := a.Next(ct.TopicTravel, []byte("x"), time.Now(), nil)
				return publish(n.Topic(ct.TopicTravel), raw)
			})(ctx, n, s)
		}},
		Attack{"nested bodies", false, func(ctx context.Context, n *Node, s Scene) { // signed, so chained and not shown
			a := NewAuthor(n.Key, s.View)
			gossip(func(n *Node, s Scene, i int) *pb.RPC {
				raw, _ := a.Next(ct.TopicTravel, Nested(2000), time.Now(), nil)
				return publish(n.Topic(ct.TopicTravel), raw)
			})(ctx, n, s)
		}},
		Attack{"one record in many ways", true, func(ctx context.Context, n *Node, s Scene) {
			a := NewAuthor(n.Key, s.View)
			raw, _ := a.Next(ct.TopicTravel, []byte("x"), time.Now(), nil)
			gossip(func(n *Node, s Scene, i int) *pb.RPC {
				return publish(n.Topic(ct.TopicTravel), Copies(n.Key, s.View, raw, 8)...)
			})(ctx, n, s)
		}},
		Attack{"sound records as fast as it can", false, Flood(100, 50, 0)},
		Attack{"sound records as many as are taken", false, Flood(100, 50, 4000)},
		Attack{"large sound records as many as are taken", false, Flood(50_000, 1, 300)},
		Attack{"equivocation", false, Equivocate},
		Attack{"silent dropping", false, gossip(func(*Node, Scene, int) *pb.RPC { return nil })},

		Attack{"subscriptions by the thousand", true, gossip(func(n *Node, s Scene, i int) *pb.RPC { return subscribe(1000) })},
		Attack{"subscription flood", true, gossip(func(n *Node, s Scene, i int) *pb.RPC { return subscribe(60) })},
		Attack{"IHAVE flood", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return control(&pb.ControlMessage{Ihave: []*pb.ControlIHave{{TopicID: n.Topic(ct.TopicTravel), MessageIDs: ids(2000)}}})
		})},
		Attack{"IWANT flood", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return control(&pb.ControlMessage{Iwant: []*pb.ControlIWant{{MessageIDs: ids(2000)}}})
		})},
		Attack{"IWANT of what is there", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			heard := n.Heard()
			if len(heard) == 0 {
				return nil
			}
			want := make([]string, 2000)
			for k := range want {
				want[k] = messageID(heard[len(heard)-1-k%len(heard)])
			}
			return control(&pb.ControlMessage{Iwant: []*pb.ControlIWant{{MessageIDs: want}}})
		})},
		Attack{"IDONTWANT flood", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return control(&pb.ControlMessage{Idontwant: []*pb.ControlIDontWant{{MessageIDs: ids(2000)}}})
		})},
		Attack{"ids of another size", true, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return control(&pb.ControlMessage{Ihave: []*pb.ControlIHave{{TopicID: n.Topic(ct.TopicTravel), MessageIDs: []string{string(make([]byte, 50_000))}}}})
		})},
		Attack{"GRAFT flood", true, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			c := &pb.ControlMessage{}
			for range 100 {
				c.Graft = append(c.Graft, &pb.ControlGraft{TopicID: n.Topic(ct.TopicTravel)})
			}
			return control(c)
		})},
		Attack{"PRUNE flood", true, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			c := &pb.ControlMessage{}
			for range 100 {
				c.Prune = append(c.Prune, &pb.ControlPrune{TopicID: n.Topic(ct.TopicTravel), Backoff: proto.Uint64(1 << 60),
					Peers: []*pb.PeerInfo{{PeerID: []byte(n.Host.Libp2p().ID())}}})
			}
			return control(c)
		})},
		Attack{"beacon flood", false, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			return publish(n.Topic(ct.TopicControl), beacon(n, s.View, n.Key.Public(), time.Now()))
		})},
		Attack{"beacons of others", true, gossip(func(n *Node, s Scene, i int) *pb.RPC {
			other, _ := ownerOf(s.Held, i)
			return publish(n.Topic(ct.TopicControl), beacon(n, s.View, other, time.Now().Add(time.Second)))
		})},

		Attack{"sync stream flood", false, streams((*Node).Sync, func(st *Stream) { st.Say(Hello(time.Now())) })},
		Attack{"match stream flood", false, streams((*Node).Match, func(st *Stream) { _, _ = st.Write([]byte{200, 1, 1}) })},
		Attack{"gossip stream flood", false, streams((*Node).gossipStream, func(st *Stream) { _, _ = st.Write([]byte{0x80}) })},
		Attack{"slow loris", false, streams((*Node).Sync, func(st *Stream) { _, _ = st.Write([]byte{0x80, 0x80, 0x20, 1}) })},
		Attack{"streams of no protocol", false, streams(rawStream, func(st *Stream) { _, _ = st.Write(make([]byte, 1<<10)) })},
		Attack{"malformed match requests", true, streams((*Node).Match, func(st *Stream) {
			_, _ = st.Write(wire.AppendFrame(nil, make([]byte, 1024)))
			_ = st.SetReadDeadline(time.Now().Add(patience))
			_, _ = st.Read(make([]byte, 1))
			_ = st.Reset()
		})},
		Attack{"sync garbage", true, streams((*Node).Sync, func(st *Stream) {
			_, _ = st.Write([]byte{0xff, 0xff, 0xff, 0xff, 0xff})
			st.Get()
			_ = st.Reset()
		})},
	)
	return all
}

// gossip repeats a step over a link to each victim.
func gossip(step func(n *Node, s Scene, i int) *pb.RPC) func(context.Context, *Node, Scene) {
	return func(ctx context.Context, n *Node, s Scene) {
		links := map[peer.ID]*Link{}
		for _, v := range s.Victims {
			if l, err := n.Link(ctx, v); err == nil {
				links[v.ID] = l
			}
		}
		s.repeat(ctx, func(i int) {
			rpc := step(n, s, i)
			for id, l := range links {
				if rpc != nil && l.Send(rpc) != nil {
					delete(links, id) // it does not listen any more
				}
			}
		})
	}
}

// streams opens stream after stream to each victim and keeps them.
func streams(open func(*Node, context.Context, peer.AddrInfo) (*Stream, error), use func(*Stream)) func(context.Context, *Node, Scene) {
	return func(ctx context.Context, n *Node, s Scene) {
		s.repeat(ctx, func(int) {
			for _, v := range s.Victims {
				if st, err := open(n, ctx, v); err == nil {
					use(st)
				}
			}
		})
	}
}

// gossipStream opens one more gossip stream, which ends the one before.
func (n *Node) gossipStream(ctx context.Context, to peer.AddrInfo) (*Stream, error) {
	s, err := n.open(ctx, to, n.gossip())
	if err != nil {
		return nil, err
	}
	return newStream(s), nil
}

// rawStream opens a stream and never says for what.
func rawStream(n *Node, ctx context.Context, to peer.AddrInfo) (*Stream, error) {
	if err := n.Meet(ctx, to); err != nil {
		return nil, err
	}
	s, err := n.Host.Libp2p().Network().NewStream(ctx, to.ID)
	if err != nil {
		return nil, err
	}
	return newStream(s), nil
}

func (s Scene) repeat(ctx context.Context, step func(i int)) {
	for i, end := 0, time.Now().Add(s.For); ctx.Err() == nil && time.Now().Before(end); i++ {
		step(i)
		select {
		case <-ctx.Done():
		case <-time.After(s.Every):
		}
	}
}

// Copies are one record in as many ways as asked for: of one id, and each signed
// anew by its author.
func Copies(k *keys.Key, v *roster.View, raw []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i], _ = Resign(k, v, raw)
	}
	return out
}

// Flood publishes sound records of the attacker's own, one after the other, some
// in each RPC, to all victims. With a burst it keeps to what PROTOCOL.md grants an
// author, since what is beyond leaves a gap and all that follows is ignored; the
// burst goes twice as fast. Without, it is as fast as it can.
func Flood(body, each, burst int) func(context.Context, *Node, Scene) {
	return func(ctx context.Context, n *Node, s Scene) {
		a := NewAuthor(n.Key, s.View)
		gossip(func(n *Node, s Scene, i int) *pb.RPC {
			raws := make([][]byte, each)
			for k := range raws {
				raws[k], _ = a.Next(ct.TopicTravel, make([]byte, body), time.Now(), nil)
			}
			if burst > 0 {
				size := each * len(raws[0])
				wait := max(time.Duration(each)*time.Second/500, time.Duration(size)*time.Second>>20)
				if i*each < burst {
					wait /= 2
				}
				time.Sleep(wait)
			}
			return publish(n.Topic(ct.TopicTravel), raws...)
		})(ctx, n, s)
	}
}

// Equivocate shows one record to half of the victims and another one with the
// same number to the others.
func Equivocate(ctx context.Context, n *Node, s Scene) {
	a := NewAuthor(n.Key, s.View)
	b := a.Branch()
	x, _ := a.Next(ct.TopicTravel, []byte("to some"), time.Now(), nil)
	y, _ := b.Next(ct.TopicTravel, []byte("to others"), time.Now(), nil)
	for i, v := range s.Victims {
		if l, err := n.Link(ctx, v); err == nil {
			_ = l.Send(publish(n.Topic(ct.TopicTravel), [][]byte{x, y}[i*2/max(len(s.Victims), 1)]))
		}
	}
	s.repeat(ctx, func(int) {})
}

func publish(topic *string, raws ...[]byte) *pb.RPC {
	rpc := &pb.RPC{}
	for _, raw := range raws {
		rpc.Publish = append(rpc.Publish, &pb.Message{Data: raw, Topic: topic})
	}
	return rpc
}

func subscribe(n int) *pb.RPC {
	rpc := &pb.RPC{}
	for range n {
		rpc.Subscriptions = append(rpc.Subscriptions, &pb.RPC_SubOpts{Subscribe: proto.Bool(true), Topicid: proto.String(rand.Text())})
	}
	return rpc
}

func control(c *pb.ControlMessage) *pb.RPC { return &pb.RPC{Control: c} }

// messageID is that of PROTOCOL.md.
func messageID(m *pb.Message) string {
	h := sha256.New()
	h.Write([]byte("herald/gossip/v1"))
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(m.GetTopic()))))
	h.Write([]byte(m.GetTopic()))
	h.Write(m.GetData())
	return string(h.Sum(nil)[:20])
}

// ids are n message ids of the right size that nobody has.
func ids(n int) []string {
	all := make([]byte, 20*n)
	_, _ = rand.Read(all)
	out := make([]string, n)
	for i := range out {
		out[i] = string(all[20*i : 20*(i+1)])
	}
	return out
}

// beacon is one in a node's name, signed by n.
func beacon(n *Node, v *roster.View, of ct.LogID, at time.Time) []byte {
	b := wire.Beacon{Network: v.Network().Prefix(), Node: of, Time: ct.MillisOf(at)}
	s := wire.SignedBeacon{Bytes: wire.EncodeBeacon(&b), Alg: wire.AlgEd25519}
	s.Sig, _ = n.Key.Sign(keys.ContextBeacon, v.Network(), s.Bytes)
	return wire.EncodeSignedBeacon(&s)
}

func pick(all [][]byte, i int) []byte { return all[i%len(all)] }

func ownerOf(all [][]byte, i int) (ct.LogID, error) {
	log, _, err := wire.Peek(pick(all, i))
	return log, err
}

// Serve answers those who sync with a log of its own, as fast as they ask: head
// is the id of its last record.
func Serve(log ct.LogID, head ct.ID, raws [][]byte) func(*Stream) {
	return func(st *Stream) {
		for m := st.Get(); m != nil; m = st.Get() {
			answer := []*wire.SyncMessage{Hello(time.Now())}
			switch {
			case m.Frontier != nil:
				answer[0] = &wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: []wire.LogHead{{Log: log, Size: uint64(len(raws)), Head: head}}}}
			case m.Want != nil:
				answer = nil
				for _, r := range m.Want.Ranges {
					for from, end := r.From-1, min(r.From-1+r.Count, uint64(len(raws))); r.Log == log && from < end; {
						n, size := uint64(0), 0
						for from+n < end && n < wire.MaxSyncRecords && size+len(raws[from+n]) <= wire.MaxSyncRecordBytes {
							size += len(raws[from+n])
							n++
						}
						answer = append(answer, &wire.SyncMessage{Records: &wire.SyncRecords{Records: raws[from : from+n]}})
						from += n
					}
				}
				answer = append(answer, &wire.SyncMessage{Records: &wire.SyncRecords{Last: true}})
			}
			for _, a := range answer {
				if !st.Say(a) {
					return
				}
			}
		}
	}
}

// A Liar answers those who sync from it.
type Liar struct {
	Name  string
	Serve func(st *Stream, v *roster.View, held [][]byte)
}

// Liars are the ways to lie in sync. victim is a log that the liar says to hold
// more of than anybody.
func Liars(victim ct.LogID) []Liar {
	// claim plays the beginning: hello, and a frontier of these heads. It gives
	// what it is asked for then.
	claim := func(st *Stream, heads ...wire.LogHead) *wire.SyncMessage {
		if st.Get() == nil || !st.Say(Hello(time.Now())) || st.Get() == nil || !st.Say(&wire.SyncMessage{Frontier: &wire.SyncFrontier{Heads: heads}}) {
			return nil
		}
		return st.Get()
	}
	records := func(st *Stream, last bool, raws ...[]byte) bool {
		return st.Say(&wire.SyncMessage{Records: &wire.SyncRecords{Records: raws, Last: last}})
	}
	huge := wire.LogHead{Log: victim, Size: wire.MaxSyncSize, Head: ct.ID{9}}
	return []Liar{
		{"silent", func(st *Stream, _ *roster.View, _ [][]byte) { st.Get(); st.Get() }},
		{"heads that are none", func(st *Stream, _ *roster.View, _ [][]byte) {
			var heads []wire.LogHead
			for i := range wire.MaxSyncLogs {
				heads = append(heads, wire.LogHead{Log: ct.LogID{byte(i >> 8), byte(i), 1}, Size: wire.MaxSyncSize, Head: ct.ID{1}})
			}
			claim(st, heads...)
			records(st, true)
		}},
		{"a huge log", func(st *Stream, _ *roster.View, _ [][]byte) { claim(st, huge); records(st, true) }},
		{"endless", func(st *Stream, _ *roster.View, held [][]byte) {
			claim(st, huge)
			for records(st, false, held[0]) {
			}
		}},
		{"out of order", func(st *Stream, _ *roster.View, held [][]byte) {
			claim(st, huge)
			records(st, true, held[len(held)-1], held[0])
			st.Get()
		}},
		{"another log", func(st *Stream, v *roster.View, held [][]byte) {
			claim(st, huge)
			records(st, true, held...)
			st.Get()
		}},
		{"false fork proofs", func(st *Stream, v *roster.View, held [][]byte) {
			var heads []wire.LogHead
			log, seq, err := wire.Peek(held[0])
			if err != nil {
				return
			}
			m := claim(st, append(heads, wire.LogHead{Log: log, Size: seq, Head: ct.ID{1}, Fork: seq + 1})...)
			for range 10 {
				if m == nil {
					return
				}
				records(st, true, held[0], Fakes()[0].Make(held[0], 0))
				m = st.Get()
			}
		}},
	}
}
