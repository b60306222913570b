package node_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// rootKey writes a State's root log as no tool of ours does: any kind, any body.
type rootKey struct {
	t    *testing.T
	key  *keys.Key
	net  ct.NetworkID
	line wire.Line
	next wire.Next
}

func rootOf(t *testing.T, v *roster.View, key *keys.Key) *rootKey {
	t.Helper()
	next, ok := v.RootNext(key.Public())
	if !ok {
		t.Fatal("no root key of the network")
	}
	return &rootKey{t, key, v.Network(), v.Line(key.Public()), next}
}

func (x *rootKey) sign(kind uint32, body []byte) []byte {
	x.t.Helper()
	salt := make([]byte, wire.SaltSize)
	_, err := rand.Read(salt)
	must(x.t, err)
	now := ct.MillisOf(time.Now())
	h := wire.Header{
		Version: wire.Version, Network: x.net.Prefix(), Log: x.key.Public(), Kind: kind, Topic: uint32(ct.TopicControl),
		Commit: wire.Commit(salt, body), BodySize: uint32(len(body)), Issued: now, Expires: now + 1000,
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPGreen), Audience: uint32(ct.AudienceAll),
	}
	x.next.Put(&h, x.line)
	raw := wire.EncodeHeader(&h)
	x.next = h.After(wire.ID(x.net, raw), len(raw))
	sig, err := x.key.Sign(keys.ContextRecord, x.net, raw)
	must(x.t, err)
	return wire.Encode(&wire.Envelope{HeaderBytes: raw, Alg: keys.AlgEd25519, Sig: sig, Salt: salt, Body: body})
}

// offline is the roster as who holds a root key reads it: from a node's export.
func offline(t *testing.T, n *running) (file []byte, v *roster.View) {
	t.Helper()
	file, err := n.RosterFile()
	must(t, err)
	_, v, _, err = node.OpenRoster(file, time.Now())
	must(t, err)
	return file, v
}

// act signs on a node's export and submits to it.
func act(ctx context.Context, t *testing.T, n *running, root *keys.Key, op roster.Operation) {
	t.Helper()
	_, v := offline(t, n)
	raw, _, _, err := v.SignOperation(root, op, time.Now())
	must(t, err)
	got, err := n.RosterSubmit(ctx, raw)
	must(t, err)
	until(ctx, t, "the roster follows", func() bool {
		seq, _, _, _ := n.View().RootHead(root.Public())
		return seq >= got.Seq
	})
}

// newcomer prepares the directory of a further node of a State.
func newcomer(t *testing.T, s ct.State, root *keys.Key) (dir string, req roster.Request) {
	t.Helper()
	dir = t.TempDir()
	key := generate(t)
	must(t, keys.Save(filepath.Join(dir, node.FileNodeKey), keys.KindNode, key))
	storage, err := keys.NewStorage()
	must(t, err)
	must(t, keys.SaveStorage(filepath.Join(dir, node.FileStorageKey), storage))
	req, err = roster.NewRequest(s, root, key, nil)
	must(t, err)
	return dir, req
}

// Whatever a version does not understand in one State's root log, in any place,
// stops that log for the roster and nothing else: other States close, renew and
// delegate, nodes start again, and who joins later does from a file.
func TestOneOddRootLogStopsAlone(t *testing.T) {
	for name, odd := range map[string][]uint32{
		"unknown, then one that is known": {21, uint32(ct.KindDelegation)},
		"kind 0":                          {0, 0, uint32(ct.KindNotification)},
		"beyond all kinds":                {uint32(ct.KindNotification), 24, 1<<32 - 1, uint32(ct.KindClosing)},
		"a closing that cannot be read":   {uint32(ct.KindClosing), uint32(ct.KindRenewal)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				today()
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
				defer cancel()
				dirs, roots := foundedBy(t, 3, roster.DefaultPolicy())
				net := sim.New(1)
				defer net.Close()
				all := simulated(t, net, dirs)
				defer func() {
					for _, n := range all {
						n.close()
					}
				}()
				for _, n := range all {
					n.ready(ctx)
				}
				x := rootOf(t, all[0].View(), roots[1])
				for _, kind := range odd {
					got, err := all[0].RosterSubmit(ctx, x.sign(kind, []byte("of a later version")))
					must(t, err)
					if kind != uint32(ct.KindNotification) && got.Note == "" {
						t.Errorf("nothing is said of kind %d", kind)
					}
				}
				last := x.next.Seq - 1
				for _, n := range all {
					until(ctx, t, "the odd log is passed on", func() bool { return n.Heads()[roots[1].Public()].Size == last })
					until(ctx, t, "the alarm", func() bool {
						return strings.Contains(strings.Join(n.Status().Alarms, "; "), "root log of "+string(states[1])+" is not understood")
					})
				}
				// Another State renews, closes and delegates, by way of two nodes.
				old, _ := all[0].View().Node(loadNodeKey(t, dirs[2]).Public())
				act(ctx, t, all[0], roots[2], all[0].View().RenewalOf(old, time.Time{}, time.Now()))
				dir, req := newcomer(t, states[2], roots[2])
				op, err := all[0].View().DelegationOf(req, time.Time{}, time.Now())
				must(t, err)
				act(ctx, t, all[0], roots[2], op)
				until(ctx, t, "it is known elsewhere", func() bool { return all[1].RosterVersion() == all[0].RosterVersion() })
				end := ct.Closing{Log: old.Key, ID: old.Delegation, Reason: "retired"}
				if h := all[1].Heads()[old.Key]; h.Size > 0 {
					end.Seq, end.ID = h.Size, h.ID
				}
				act(ctx, t, all[1], roots[2], roster.Operation{Closing: &end})
				until(ctx, t, "the closing counts everywhere", func() bool { return !all[0].View().Live(old.Key, time.Now()) })
				// A restart, and a node that joins from the file.
				all[1].close()
				all[1] = startSimulated(t, net, dirs, 1, dirs[1])
				if all[1].RosterVersion() != all[0].RosterVersion() || all[1].View().Stopped(roots[1].Public()) == 0 {
					t.Errorf("after a restart: version %d of %d", all[1].RosterVersion(), all[0].RosterVersion())
				}
				file, v := offline(t, all[1])
				if seq, _, _, _ := v.RootHead(roots[1].Public()); seq != last {
					t.Errorf("the file has %d records of the odd log, want %d", seq, last)
				}
				_, err = node.Join(node.Config{Dir: dir}, file, time.Now())
				must(t, err)
				all = append(all, startSimulated(t, net, append(slices.Clone(dirs), dir), 3, dir))
				all[3].ready(ctx)
				r, err := all[3].Publish(ctx, synth.New(5).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{})
				must(t, err)
				must(t, all[0].waitFor(ctx, map[ct.ID]bool{r.ID: true}))
			})
		})
	}
}

// A thief retracts what its State's root log says of it: on nodes that know the
// closing, on one that was away and meets the thief first, with the stolen key
// and with a second key of the State. Nothing of a root log is ever hidden,
// before or after the grace, or a restart.
func TestNobodyRetractsARootLog(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 6*time.Hour)
		defer cancel()
		policy := roster.DefaultPolicy()
		policy.RetractGrace = time.Minute
		dirs, roots := foundedBy(t, 4, policy)
		net := sim.New(1)
		defer net.Close()
		all := simulated(t, net, dirs)
		defer func() {
			for _, n := range all {
				n.close()
			}
		}()
		for _, n := range all {
			n.ready(ctx)
		}
		key := loadNodeKey(t, dirs[3])
		log, root := key.Public(), roots[3].Public()
		told(ctx, t, all[3], log, all)
		second, req := newcomer(t, states[3], roots[3])
		op, err := all[0].View().DelegationOf(req, time.Time{}, time.Now())
		must(t, err)
		act(ctx, t, all[0], roots[3], op)
		honest, err := all[3].Publish(ctx, synth.New(4).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{})
		must(t, err)
		for _, n := range all {
			must(t, n.waitFor(ctx, map[ct.ID]bool{honest.ID: true}))
			until(ctx, t, "the second key is known", func() bool { return n.RosterVersion() == all[0].RosterVersion() })
		}
		all[2].close() // it is away
		head := all[3].Heads()[log]
		end := ct.Closing{Log: log, Seq: head.Size, ID: head.ID, Reason: "compromised"}
		net.Partition([]int{0, 1}, []int{2, 3})
		act(ctx, t, all[0], roots[3], roster.Operation{Closing: &end})
		targets := rootRefs(t, all[0], root)

		// The thief forges, and retracts the root log, on the node that it holds.
		v := all[0].View()
		stolen := &thief{t: t, key: key, net: v.Network(), line: v.Line(log), seq: head.Size, prev: head.ID, end: head.End}
		lost, _ := stolen.notify(synth.New(9).Notification(ct.TopicArrival, time.Now()))
		raws := [][]byte{lost}
		for _, ref := range targets {
			raw, _ := stolen.retract(ref)
			raws = append(raws, raw)
		}
		must(t, all[3].Submit(ctx, raws...))
		all[2] = startSimulated(t, net, dirs, 2, dirs[2])
		until(ctx, t, "the node that was away meets the thief first", func() bool { return all[2].Heads()[log].Size == stolen.seq })
		net.Heal()

		closed := func(n *running, what string) {
			t.Helper()
			until(ctx, t, what, func() bool {
				h := n.Heads()[log]
				return h.Closed && h.Size == end.Seq && h.ID == end.ID
			})
			_, v := offline(t, n)
			if x, ok := v.Node(log); !ok || x.Closing == nil || x.Closing.Seq != end.Seq {
				t.Errorf("%s: the file it exports says %+v", what, x.Closing)
			}
			for _, ref := range targets {
				raw, err := n.Record(ref.ID.String())
				must(t, err)
				if e, err := wire.Decode(raw); err != nil || !e.HasBody() {
					t.Errorf("%s: record %d of the root log has lost its body", what, ref.Seq)
				}
			}
		}
		for i, n := range all {
			closed(n, fmt.Sprintf("node %d: the closing counts", i))
		}

		// The State's second key, which is in order, says the same of its root log.
		me, _ := v.Node(req.Node)
		nodeKey := loadNodeKey(t, second)
		other := &thief{t: t, key: nodeKey, net: v.Network(), line: v.Line(nodeKey.Public()), prev: me.Delegation}
		raws = nil
		for _, ref := range targets {
			raw, _ := other.retract(ref)
			raws = append(raws, raw)
		}
		must(t, all[0].Submit(ctx, raws...))
		for _, n := range all[:3] {
			until(ctx, t, "the second key's records are known", func() bool { return n.Heads()[req.Node].Size == other.seq })
		}
		<-time.After(policy.RetractGrace + 5*time.Minute)
		for i := range 3 {
			all[i].close()
			all[i] = startSimulated(t, net, dirs, i, dirs[i])
			closed(all[i], fmt.Sprintf("node %d: after the grace and a restart", i))
		}
		// One that joins from the file, and one from the genesis alone.
		file, _ := offline(t, all[0])
		_, err = node.Join(node.Config{Dir: second}, file, time.Now())
		must(t, err)
		all = append(all, startSimulated(t, net, append(slices.Clone(dirs), second), 4, second))
		closed(all[4], "who joins late")
	})
}

// rootRefs are all records held of a root log.
func rootRefs(t *testing.T, n *running, root ct.LogID) (refs []ct.Ref) {
	t.Helper()
	file, _ := offline(t, n)
	_, _, recs, err := node.OpenRoster(file, time.Now())
	must(t, err)
	for _, rec := range recs {
		if h := rec.Header(); h.Log == root {
			refs = append(refs, ct.Ref{Log: root, Seq: h.Seq, ID: rec.ID()})
		}
	}
	return refs
}

// A root key that fills its log holds up nobody: each of its records is looked at
// once, whatever was there before, and another State's closing counts.
func TestFloodOfARootLog(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	dirs, roots := foundedBy(t, 4, roster.DefaultPolicy())
	n := start(t, node.Config{Dir: dirs[0]})
	defer func() { n.close() }()
	before, reads := n.Heads()[roots[1].Public()].Size, n.RootReads()
	x := rootOf(t, n.View(), roots[1])
	const took uint64 = 60
	for range took {
		_, err := n.RosterSubmit(ctx, x.sign(uint32(ct.KindNotification), nil))
		must(t, err)
	}
	first := func(n *running, dir string) ct.ID {
		right, _ := n.View().Right(loadNodeKey(t, dir).Public())
		return right.First
	}
	log := loadNodeKey(t, dirs[2]).Public()
	act(ctx, t, n, roots[2], roster.Operation{Closing: &ct.Closing{Log: log, Seq: 0, ID: first(n, dirs[2]), Reason: "compromised"}})
	if n.View().Live(log, time.Now()) {
		t.Error("the closing does not count")
	}
	if got, want := n.RootReads()-reads, took+1; got != want {
		t.Errorf("%d records were given to the roster for %d that came", got, want)
	}
	n.close()
	n = start(t, node.Config{Dir: dirs[0]})
	if size := n.Heads()[roots[1].Public()].Size; size != before+took || n.View().Live(log, time.Now()) {
		t.Errorf("after a restart: %d records of the flood, want %d", size, before+took)
	}
	// It ends where a root log has no room any more.
	var refused error
	for taken := 0; refused == nil && taken < 200; taken++ {
		refused = n.Submit(ctx, x.sign(uint32(ct.KindNotification), make([]byte, 4<<10)))
	}
	const burst = 256 << 10 // the last record begins below it
	if end := n.Heads()[roots[1].Public()].End; refused == nil || !strings.Contains(refused.Error(), string(verify.Growth)) || end < burst/2 || end > 2*burst {
		t.Errorf("the root log grew to %d bytes: %v", end, refused)
	}
	act(ctx, t, n, roots[3], roster.Operation{Closing: &ct.Closing{Log: loadNodeKey(t, dirs[3]).Public(), ID: first(n, dirs[3]), Reason: "lost"}})
	offline(t, n)
}

// The windows of a network end while its nodes run: they say so before and after,
// sign nothing, and still pass root logs on. One State after another renews,
// through a node that has ended itself, and everybody goes on, also one that was
// off all the time.
func TestNodesRunOnAfterTheirWindow(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 1000*time.Hour)
		defer cancel()
		p := roster.DefaultPolicy()
		p.MaxDelegation = 48 * time.Hour
		dirs, roots := foundedBy(t, 4, p)
		genesis, err := os.ReadFile(filepath.Join(dirs[0], node.FileGenesis))
		must(t, err)
		v, _, err := node.OpenGenesis(genesis, time.Now())
		must(t, err)
		var first, last ct.Millis
		for _, n := range v.Nodes() {
			if last = max(last, n.NotAfter); first == 0 || n.NotAfter < first {
				first = n.NotAfter
			}
		}
		<-time.After(time.Until(first.Time().Add(-30 * time.Minute)))
		net := sim.New(1)
		defer net.Close()
		all := simulated(t, net, dirs[:3])
		defer func() {
			for _, n := range all {
				n.close()
			}
		}()
		for _, n := range all {
			n.ready(ctx)
			if a := strings.Join(n.Status().Alarms, "; "); !strings.Contains(a, "ends in less than 1 d") || !strings.Contains(a, "herald roster renew") {
				t.Errorf("before the end: %q", a)
			}
		}
		<-time.After(time.Until(last.Time().Add(time.Hour)))
		for i, n := range all {
			s := n.Status()
			if s.Ready || !strings.Contains(strings.Join(s.Reasons, "; "), "this node's key has ended") || s.Ends == 0 {
				t.Errorf("node %d after its end: %q", i, s.Reasons)
			}
			if _, err := n.Publish(ctx, synth.New(uint64(i)).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{NoWait: true}); err == nil && n.Heads()[loadNodeKey(t, dirs[i]).Public()].Size > 1 {
				t.Errorf("node %d signs after its end", i)
			}
		}
		// One that was off until now.
		all = append(all, startSimulated(t, net, dirs, 3, dirs[3]))
		for i := range all {
			old, _ := all[0].View().Node(loadNodeKey(t, dirs[i]).Public())
			act(ctx, t, all[0], roots[i], all[0].View().RenewalOf(old, time.Time{}, time.Now()))
		}
		for _, n := range all {
			until(ctx, t, "renewed", func() bool { return n.RosterVersion() == all[0].RosterVersion() })
		}
		for _, n := range all {
			n.ready(ctx)
		}
		for i, n := range all {
			r, err := n.Publish(ctx, synth.New(uint64(10+i)).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{})
			must(t, err)
			for _, m := range all {
				must(t, m.waitFor(ctx, map[ct.ID]bool{r.ID: true}))
			}
		}
	})
}
