package hostile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/hostile"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

var real = flag.Bool("real", false, "run the floods of real processes on loopback, which take minutes and measure")

// stage is victims, real processes, and who attacks them, on loopback.
type stage struct {
	t       *testing.T
	members *sim.Members
	victims []*victim
	next    int // the next hostile member
}

func newStage(t *testing.T, victims, members int) *stage {
	t.Helper()
	if !*real {
		t.Skip("measures real processes: run with -real; TestAttacks holds the same attacks off in virtual time")
	}
	seed, created := rand.Uint64(), time.Now().Truncate(time.Second).UTC()
	m, err := sim.NewMembers(members, seed, created)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, members: m, next: victims}
	var peers []string
	for i := range victims {
		v := startVictim(t, role{Seed: seed, Members: members, Index: i, Created: created, Peers: peers})
		s.victims = append(s.victims, v)
		peers = append(peers, v.addrs...)
	}
	return s
}

func (s *stage) attacker() *hostile.Node { return s.server(0, 0) }

// server is an attacker that serves a log of its own in sync, when it has one.
func (s *stage) server(records, body int) *hostile.Node {
	s.t.Helper()
	cfg := hostile.Config{
		Key: s.members.Nodes[s.next], View: func() *roster.View { return s.members.View }, Listen: []string{"/ip4/127.0.0.1/tcp/0"},
	}
	if records > 0 {
		a := hostile.NewAuthor(cfg.Key, s.members.View)
		raws := make([][]byte, records)
		for i := range raws {
			var err error
			if raws[i], err = a.Next(ct.TopicTravel, make([]byte, body), time.Now(), nil); err != nil {
				s.t.Fatal(err)
			}
		}
		cfg.Sync = hostile.Serve(cfg.Key.Public(), a.At.Prev, raws)
	}
	n, err := hostile.Start(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.next++
	s.t.Cleanup(func() { _ = n.Close() })
	return n
}

// held are records of member 0, sound and held by nobody.
func (s *stage) held(k int) (out [][]byte) {
	a := hostile.NewAuthor(s.members.Nodes[0], s.members.View)
	for range k {
		raw, err := a.Next(ct.TopicTravel, make([]byte, 100), time.Now(), nil)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// What each flood does to the heap of a real process, at full speed: after a
// collection, with the attacker still at it.
//
//	go test ./internal/hostile -run TestHeapUnderFloods -v -real
func TestHeapUnderFloods(t *testing.T) {
	const target, lasts = 20 << 20, 4 * time.Second
	attacks := hostile.Attacks()
	s := newStage(t, 1, 1+len(attacks))
	v := s.victims[0]
	held := s.held(8)
	t.Logf("%-32s %12s %12s %10s %8s", "flood, at full speed", "heap before", "growth", "target", "peak RSS")
	for _, a := range attacks {
		if !strings.Contains(a.Name, *only) {
			continue
		}
		n := s.attacker()
		before := v.memory()
		ctx, stop := context.WithTimeout(t.Context(), lasts)
		var running sync.WaitGroup
		running.Go(func() {
			a.Run(ctx, n, hostile.Scene{View: s.members.View, Victims: []peer.AddrInfo{v.info}, Held: held, Expired: held[:1], For: lasts})
		})
		<-time.After(lasts / 4)
		for range 20 { // there is something to ask for
			v.say("publish")
		}
		<-time.After(lasts / 2)
		during := v.memory()
		running.Wait()
		stop()
		after := v.memory()
		growth := int64(max(during.Heap, after.Heap)) - int64(before.Heap)
		verdict := "met"
		if growth > target {
			verdict = "MISSED"
		}
		t.Logf("%-32s %9.1f MB %9.1f MB %7d MB %5.0f MB %s (cut %.0f, judged %.0f)", a.Name, mb(before.Heap), float64(growth)/(1<<20), target>>20,
			mb(after.Peak), verdict, after.Cut-before.Cut, after.Judged-before.Judged)
		_ = n.Close()
	}
}

func mb(n uint64) float64 { return float64(n) / (1 << 20) }

// One member sends as many messages as it can, up to 50,000 a second, to one of
// three nodes that gossip with each other: what that costs the node, and what
// the others notice. Quiet and flooded phases alternate, since the attacker has
// the same processors.
//
//	go test ./internal/hostile -run TestFloodOfMessages -v -real
func TestFloodOfMessages(t *testing.T) {
	for _, c := range []struct {
		name    string
		members int                           // thirty: the flood stays below what members could author; four: it does not
		part    func(e *wire.Envelope) []byte // what makes each another one; nil: nothing does
	}{
		{"records of strangers", 30, author},
		{"forgeries", 30, func(e *wire.Envelope) []byte { return e.Sig }},
		{"replays", 30, nil},
		{"records of strangers, beyond all bounds", 4, author},
	} {
		t.Run(c.name, func(t *testing.T) { flood(t, c.members, c.part) })
	}
}

func author(e *wire.Envelope) []byte { return e.Header.Log[:] }

func flood(t *testing.T, members int, part func(*wire.Envelope) []byte) {
	const perSecond, perFrame, rounds, records = 50_000, 100, 3, 60
	s := newStage(t, 3, members)
	frame, offsets := s.frame(perFrame, part)
	<-time.After(5 * time.Second) // meshes
	var quiet, loud []time.Duration
	before := s.victims[0].memory()
	var rate float64
	n := s.attacker()
	for range rounds {
		quiet = append(quiet, s.measure(records)...)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			link, err := n.Link(ctx, s.victims[0].info)
			if err != nil {
				t.Logf("the attacker is not let in")
				return
			}
			begin, sent := time.Now(), 0
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for counter := uint64(1); ctx.Err() == nil; {
				for range perSecond / perFrame / 100 {
					for _, at := range offsets {
						counter++
						binary.BigEndian.PutUint64(frame[at:], counter*0x9e3779b97f4a7c15)
					}
					if link.Write(frame) != nil {
						t.Logf("the attacker was cut off after %v and %d messages", time.Since(begin).Round(time.Millisecond), sent)
						return
					}
					sent += perFrame
				}
				<-tick.C
			}
			rate = float64(sent) / time.Since(begin).Seconds()
			_ = link.Close()
		})
		loud = append(loud, s.measure(records)...)
		stop()
		running.Wait()
	}
	after := s.victims[0].memory()
	p := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)*99/100].Microseconds()) / 1000
	}
	t.Logf("reached %.0f messages/s (asked for %d); victim: peak RSS %.0f MiB (target <= 512), heap %.1f -> %.1f MiB, cut %.0f, judged %.0f",
		rate, perSecond, mb(after.Peak), mb(before.Heap), mb(after.Heap), after.Cut, after.Judged)
	t.Logf("delivery p99 %.1f ms, quiet %.1f ms: %.2f times (target <= 2), p50 %.1f and %.1f ms",
		p(loud), p(quiet), p(loud)/p(quiet), ms(loud), ms(quiet))
	for _, d := range append(loud, quiet...) {
		if d >= time.Hour {
			t.Error("a record of an honest node did not arrive")
			break
		}
	}
}

// measure publishes on two of the victims and gives how long each record took to
// each of the others; an hour: it did not come within a minute.
func (s *stage) measure(records int) (took []time.Duration) {
	known := map[string]bool{}
	for _, v := range s.victims {
		v.mu.Lock()
		for id := range v.sent {
			known[id] = true
		}
		v.mu.Unlock()
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := range records {
		<-tick.C
		s.victims[1+i%2].say("publish")
	}
	for range 60 {
		<-time.After(time.Second)
		if took = s.delays(known); len(took) == records*(len(s.victims)-1) && slices.Max(took) < time.Hour {
			break
		}
	}
	return took
}

// delays are those of the records that are not known.
func (s *stage) delays(known map[string]bool) (took []time.Duration) {
	for _, from := range s.victims {
		from.mu.Lock()
		for id, sent := range from.sent {
			if known[id] {
				continue
			}
			for _, to := range s.victims {
				if to == from {
					continue
				}
				to.mu.Lock()
				came, ok := to.came[id]
				to.mu.Unlock()
				if !ok {
					came = sent + time.Hour.Nanoseconds()
				}
				took = append(took, time.Duration(came-sent))
			}
		}
		from.mu.Unlock()
	}
	return took
}

// ms is the median of sorted delays.
func ms(d []time.Duration) float64 { return float64(d[len(d)/2].Microseconds()) / 1000 }

// frame is a whole RPC of k messages, and where in it each message is changed
// so that no two are alike; nowhere for replays.
func (s *stage) frame(k int, part func(*wire.Envelope) []byte) (frame []byte, offsets []int) {
	s.t.Helper()
	rpc := &pb.RPC{}
	rec := s.held(1)[0]
	topic := fmt.Sprintf("/herald/1/%x/travel", s.members.View.Network().Prefix())
	for range k {
		rpc.Publish = append(rpc.Publish, &pb.Message{Data: rec, Topic: &topic})
	}
	frame, err := hostile.Frame(rpc)
	if err != nil {
		s.t.Fatal(err)
	}
	if part == nil {
		return frame, nil
	}
	env, err := wire.Decode(rec)
	if err != nil {
		s.t.Fatal(err)
	}
	at := bytes.Index(rec, part(env))
	for from := 0; ; {
		i := bytes.Index(frame[from:], rec)
		if i < 0 {
			break
		}
		offsets = append(offsets, from+i+at)
		from += i + len(rec)
	}
	if len(offsets) != k {
		s.t.Fatalf("%d messages in a frame of %d", len(offsets), k)
	}
	return frame, offsets
}

const byServing = "40,000 sound records by sync"

// Members that sign what they send: one record in ever new ways, or sound
// records as fast as they can, small and large. What it costs real nodes, and
// what the others notice.
//
//	go test ./internal/hostile -run TestSoundFloods -v -real
func TestSoundFloods(t *testing.T) {
	const records, lasts = 100, 12 * time.Second
	for _, attack := range []string{"one record in many ways", "sound records as many as are taken", "large sound records as many as are taken", byServing} {
		for _, members := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, %d members", attack, members), func(t *testing.T) {
				s := newStage(t, 3, 3+members)
				<-time.After(5 * time.Second) // meshes
				quiet := s.measure(records)
				before := s.victims[0].memory()
				scene := hostile.Scene{View: s.members.View, For: lasts}
				for _, v := range s.victims {
					scene.Victims = append(scene.Victims, v.info)
				}
				var running sync.WaitGroup
				var nodes []*hostile.Node
				for range members {
					if attack == byServing {
						nodes = append(nodes, s.server(40_000, 1000))
					} else {
						nodes = append(nodes, s.attacker())
					}
				}
				for _, n := range nodes {
					running.Go(func() {
						if attack == byServing {
							for _, v := range scene.Victims {
								_ = n.Meet(t.Context(), v) // who connects is synced from
							}
							<-time.After(lasts)
							return
						}
						all := hostile.Attacks()
						all[slices.IndexFunc(all, func(a hostile.Attack) bool { return a.Name == attack })].Run(t.Context(), n, scene)
					})
				}
				<-time.After(time.Second)
				loud := s.measure(records)
				running.Wait()
				peak, heap, held := uint64(0), uint64(0), uint64(0)
				for _, v := range s.victims {
					m := v.memory()
					peak, heap, held = max(peak, m.Peak), max(heap, m.Heap), max(held, m.Held)
				}
				slices.Sort(quiet)
				slices.Sort(loud)
				last := float64(loud[len(loud)-1].Microseconds()) / 1000
				t.Logf("delivery p50 %.1f ms, at most %.1f ms; quiet %.1f ms; peak RSS %.0f MiB (target <= 512), heap %.1f -> %.1f MiB after a collection; %d records held",
					ms(loud), last, ms(quiet), mb(peak), mb(before.Heap), mb(heap), held)
				if peak > 512<<20 {
					t.Error("the target is missed")
				}
				for _, d := range append(loud, quiet...) {
					if d >= time.Hour {
						t.Error("a record of an honest node did not arrive")
						break
					}
				}
			})
		}
	}
}
