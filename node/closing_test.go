package node_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/sim"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
)

// thief signs with a node's key, from where the node's log stands.
type thief struct {
	t    *testing.T
	key  *keys.Key
	net  ct.NetworkID
	line wire.Line
	seq  uint64
	prev ct.ID
	end  uint64
}

func (x *thief) sign(kind ct.Kind, topic ct.Topic, expires ct.Millis, body []byte, refs ...ct.Ref) ([]byte, ct.ID) {
	x.t.Helper()
	salt := make([]byte, wire.SaltSize)
	_, err := rand.Read(salt)
	must(x.t, err)
	now := ct.MillisOf(time.Now())
	header := wire.Header{
		Version: wire.Version, Network: x.net.Prefix(), Log: x.key.Public(), Seq: x.seq + 1, Prev: x.prev, Offset: max(x.end, x.line.At(now)),
		Kind: uint32(kind), Topic: uint32(topic), Commit: wire.Commit(salt, body), BodySize: uint32(len(body)),
		Issued: now, Expires: expires,
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPGreen), Audience: uint32(ct.AudienceAll), Refs: refs,
	}
	h := wire.EncodeHeader(&header)
	sig, err := x.key.Sign(keys.ContextRecord, x.net, h)
	must(x.t, err)
	next := header.After(wire.ID(x.net, h), len(h))
	x.seq, x.prev, x.end = header.Seq, next.Prev, next.End
	return wire.Encode(&wire.Envelope{HeaderBytes: h, Alg: keys.AlgEd25519, Sig: sig, Salt: salt, Body: body}), x.prev
}

func (x *thief) notify(n *ct.Notification) ([]byte, ct.ID) {
	body, err := wire.EncodeNotification(n)
	must(x.t, err)
	expires, err := time.Parse(time.RFC3339Nano, n.Retention.Expires)
	must(x.t, err)
	return x.sign(ct.KindNotification, n.Topic, ct.MillisOf(expires), body)
}

func (x *thief) retract(target ct.Ref) ([]byte, ct.ID) {
	body, err := wire.EncodeRetraction(&ct.Retraction{Reason: "error"})
	must(x.t, err)
	return x.sign(ct.KindRetract, ct.TopicTravel, ct.MillisOf(time.Now().Add(24*time.Hour)), body, target)
}

// leads counts the nodes that answer that they know a person.
func leads(ctx context.Context, t *testing.T, n *running, p ct.Person) (possible int) {
	t.Helper()
	q := desk.MatchQuery{Person: p, Purpose: "border-screening", Basis: "UNSCR-2396-OP11", Case: "C1", Grounds: "test", Operator: "op1", Timeout: 20 * time.Second}
	sum, err := n.Match(ctx, q, func(desk.MatchAnswer) error { return nil })
	must(t, err)
	return sum.Possible
}

// until waits for what must become true.
func until(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(10 * time.Minute)
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		case <-late:
			t.Fatalf("not in time: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// told waits until a node has told its address, which it does unasked and in
// its own time, and all hold that: its log is at rest.
func told(ctx context.Context, t *testing.T, n *running, log ct.LogID, all []*running) {
	t.Helper()
	until(ctx, t, "the address is told", func() bool { return len(n.Told().Addrs) > 0 })
	for _, other := range all {
		until(ctx, t, "the address is known", func() bool { return other.Heads()[log] == n.Heads()[log] })
	}
}

func loadNodeKey(t *testing.T, dir string) *keys.Key {
	t.Helper()
	k, err := keys.Load(dir + "/" + node.FileNodeKey)
	must(t, err)
	return k
}

// closing signs a closing as a root key's holder does: from a file that a node
// has exported, without a network.
func closing(t *testing.T, n *running, root *keys.Key, c ct.Closing) []byte {
	t.Helper()
	file, err := n.RosterFile()
	must(t, err)
	_, view, _, err := node.OpenRoster(file, time.Now())
	must(t, err)
	raw, _, _, err := view.SignOperation(root, roster.Operation{Closing: &c}, time.Now())
	must(t, err)
	return raw
}

// A key that was stolen signs two histories. Its State closes the log at the
// end of one of them. In the end every node has that one and no trace of the
// other is shown: those that were on the other branch, one that was away, one
// that starts only now, and the node of the stolen key itself.
func TestClosingAfterAFork(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
		defer cancel()
		const nodes, victim = 7, 4
		policy := roster.DefaultPolicy()
		policy.LogBurst = 1 << 30 // 600 records at once
		dirs, roots := foundedBy(t, nodes, policy)
		net := sim.New(1)
		defer net.Close()
		all := make([]*running, nodes)
		for i := range nodes - 1 { // the last joins late
			all[i] = startSimulated(t, net, dirs, i, dirs[i])
		}
		defer func() {
			for _, n := range all {
				if n != nil {
					n.close()
				}
			}
		}()
		for _, n := range all[:nodes-1] {
			n.ready(ctx)
		}
		key := loadNodeKey(t, dirs[victim])
		log := key.Public()
		told(ctx, t, all[victim], log, all[:nodes-1])
		gen := synth.New(11)
		notification := func() *ct.Notification {
			n := gen.Notification(ct.TopicTravel, time.Now())
			n.TLP = ct.TLPGreen // who holds it may tell of it
			return n
		}
		kept := notification()
		honest, err := all[victim].Publish(ctx, kept, desk.PublishOptions{})
		must(t, err)
		for _, n := range all[:nodes-1] {
			must(t, n.waitFor(ctx, map[ct.ID]bool{honest.ID: true}))
		}
		must(t, err)

		// The thief: two nodes get one history, the others another.
		head := all[0].Heads()[log]
		a := &thief{t, key, all[0].Status().Network, all[0].View().Line(log), head.Size, head.ID, head.End}
		b := *a
		lost, won := notification(), notification()
		net.Partition([]int{0, 1}, []int{2, 3, 4, 5})
		submit := func(raw []byte, to ...int) {
			for _, i := range to {
				must(t, all[i].Submit(ctx, raw))
			}
		}
		raw, lostID := a.notify(lost)
		submit(raw, 0, 1)
		raw, _ = a.retract(ct.Ref{Log: log, Seq: honest.Seq, ID: honest.ID})
		submit(raw, 0, 1)
		raw, wonID := b.notify(won)
		submit(raw, 2, 3)
		var many [][]byte
		for range 600 { // more than the way back takes in one step
			raw, _ = b.notify(notification())
			many = append(many, raw)
		}
		must(t, all[2].Submit(ctx, many...))
		must(t, all[3].Submit(ctx, many...))
		end := ct.Closing{Log: log, Seq: b.seq, ID: b.prev, Reason: "compromised"}
		for range 3 {
			raw, _ = b.notify(notification())
			submit(raw, 2)
		}
		if got := leads(ctx, t, all[0], lost.Person); got == 0 {
			t.Error("the person of the lost branch is not known before the closing")
		}
		if e, _, err := all[1].Get(honest.ID.String()); err != nil || e.Unreadable != ct.UnreadableRetracted {
			t.Errorf("what the thief retracted: %q, %v", e.Unreadable, err)
		}
		all[3].close() // away from here on
		all[3] = nil
		net.Heal()
		for _, i := range []int{0, 1, 2, 5} {
			until(ctx, t, "the fork is known", func() bool { return all[i].Status().Forks == 1 })
		}

		// The State's decision, by way of a node on the wrong branch.
		raw = closing(t, all[0], roots[victim], end)
		ref, err := all[0].RosterSubmit(ctx, raw)
		must(t, err)
		again, err := all[0].RosterSubmit(ctx, raw)
		if err != nil || again.Ref != ref.Ref {
			t.Errorf("submitted twice: %v", err)
		}
		submitted := time.Now()
		all[1].close() // in the middle of it
		all[1] = startSimulated(t, net, dirs, 1, dirs[1])
		settled := func(i int) func() bool {
			return func() bool {
				h := all[i].Heads()[log]
				return h.Closed && h.Contested == 0 && h.Size == end.Seq && h.ID == end.ID
			}
		}
		for _, i := range []int{0, 1, 2, 5} {
			until(ctx, t, "the branch that holds", settled(i))
		}
		t.Logf("five minutes at most, and it took %v", time.Since(submitted))
		if took := time.Since(submitted); took > 5*time.Minute {
			t.Errorf("settled after %v", took)
		}
		all[3] = startSimulated(t, net, dirs, 3, dirs[3])
		all[6] = startSimulated(t, net, dirs, 6, dirs[6])
		for _, i := range []int{3, 6} {
			until(ctx, t, "the branch that holds, on who comes late", settled(i))
		}
		until(ctx, t, "the victim knows", func() bool { return strings.Contains(strings.Join(all[victim].Status().Reasons, "; "), "closed: ") })

		open := []int{0, 1, 2, 3, 5, 6}
		for _, i := range open {
			n := all[i]
			if e, _, err := n.Get(honest.ID.String()); err != nil || !e.Readable {
				t.Errorf("node %d: what the thief retracted: %q, %v", i, e.Unreadable, err)
			}
			e, _, err := n.Get(lostID.String())
			disowned := err == nil && !e.Readable && e.Unreadable == ct.UnreadableDisowned
			// Node 5, whom the thief gave nothing, has had what reached it first.
			if held := i < 2 || i == 5 && err == nil; held && !disowned || !held && err == nil {
				t.Errorf("node %d: the lost record: %q, %v", i, e.Unreadable, err)
			}
			if e, _, err := n.Get(wonID.String()); err != nil || !e.Readable {
				t.Errorf("node %d: the record of the branch that holds: %q, %v", i, e.Unreadable, err)
			}
			if s := n.Status(); s.Forks != 0 {
				t.Errorf("node %d: %d forks", i, s.Forks)
			}
			// A beacon that the partition held up says that its sender's clock is behind, until the next one.
			until(ctx, t, "no alarm", func() bool { return len(n.Status().Alarms) == 0 })
			for other, h := range all[0].Heads() {
				if got := n.Heads()[other]; got.Size != h.Size || got.ID != h.ID {
					t.Errorf("node %d holds log %s to %d, node 0 to %d", i, other.Short(), got.Size, h.Size)
				}
			}
		}
		until(ctx, t, "the lost person is nobody's lead", func() bool { return leads(ctx, t, all[0], lost.Person) == 0 })
		until(ctx, t, "the retracted person is everyone's lead again", func() bool { return leads(ctx, t, all[0], kept.Person) == len(open) })
		until(ctx, t, "the person that holds is everyone's lead", func() bool { return leads(ctx, t, all[0], won.Person) == len(open) })

		// Nothing of the lost branch comes back, from whomever.
		raw, _ = (&thief{t, key, a.net, a.line, head.Size, head.ID, head.End}).notify(notification())
		if err := all[0].Submit(ctx, raw); err == nil {
			t.Error("a record of a branch before the end was taken in")
		}
		before := all[0].Heads()[log]
		<-time.After(2 * time.Minute)
		if h := all[0].Heads()[log]; h != before {
			t.Errorf("the closed log changed: %+v", h)
		}
		// The victim signs nothing and is cut off.
		why := strings.Join(all[victim].Status().Reasons, "; ")
		if !strings.Contains(why, "closed: ") || all[victim].Status().Ready {
			t.Errorf("the node of the stolen key: %q", why)
		}
		if _, err := all[victim].Publish(ctx, notification(), desk.PublishOptions{}); !errors.Is(err, desk.ErrNotAllowed) {
			t.Errorf("it publishes: %v", err)
		}
		until(ctx, t, "it is cut off", func() bool { return all[victim].Status().Peers == 0 })
	})
}

// A root key that signs two closings of one log forks its own log. Each node
// keeps the roster that it has, and says so; a later record changes nothing.
func TestConflictingClosings(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		dirs, roots := foundedBy(t, 4, roster.DefaultPolicy())
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
		log := loadNodeKey(t, dirs[3]).Public()
		told(ctx, t, all[3], log, all)
		arrival, err := all[3].Publish(ctx, synth.New(4).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{})
		must(t, err)
		for _, n := range all {
			must(t, n.waitFor(ctx, map[ct.ID]bool{arrival.ID: true}))
		}
		head := all[3].Heads()[log]
		v, _ := all[0].RosterFile()
		_, view, _, err := node.OpenRoster(v, time.Now())
		must(t, err)
		right, _ := view.Right(log)
		one := closing(t, all[0], roots[3], ct.Closing{Log: log, Seq: head.Size, ID: head.ID, Reason: "retired"})
		two := closing(t, all[0], roots[3], ct.Closing{Log: log, Seq: 0, ID: right.First, Reason: "compromised"})
		net.Partition([]int{0}, []int{1}, []int{2}, []int{3})
		_, err = all[0].RosterSubmit(ctx, one)
		must(t, err)
		_, err = all[1].RosterSubmit(ctx, two)
		must(t, err)
		version := all[0].RosterVersion()
		until(ctx, t, "both are applied", func() bool {
			return all[0].RosterVersion() > version-1 && all[1].Heads()[log].Closed && all[0].Heads()[log].Closed
		})
		applied := []uint64{all[0].RosterVersion(), all[1].RosterVersion()}
		net.Heal()
		for _, n := range all[:3] {
			until(ctx, t, "the fork of the root log raises an alarm", func() bool {
				return strings.Contains(strings.Join(n.Status().Alarms, "; "), "root log of "+string(states[3])+" has forked")
			})
		}
		for i, n := range all[:2] {
			if n.RosterVersion() != applied[i] {
				t.Errorf("node %d: the roster went from %d to %d", i, applied[i], n.RosterVersion())
			}
		}
		if a, b := all[0].Heads()[log].Size, all[1].Heads()[log].Size; a != head.Size || b != 0 {
			t.Errorf("the closed log is held to %d and %d", a, b)
		}
		// The others go on.
		r, err := all[0].Publish(ctx, synth.New(5).Notification(ct.TopicArrival, time.Now()), desk.PublishOptions{})
		must(t, err)
		for _, n := range all[1:3] {
			must(t, n.waitFor(ctx, map[ct.ID]bool{r.ID: true}))
		}
	})
}

// A log may be closed before its first record: then nothing of it counts, nothing is
// missing, and no alarm says so.
func TestClosingOfAWholeLog(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		today()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
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
		log := loadNodeKey(t, dirs[2]).Public()
		told(ctx, t, all[2], log, all)
		right, _ := all[0].View().Right(log)
		_, err := all[0].RosterSubmit(ctx, closing(t, all[0], roots[2], ct.Closing{Log: log, ID: right.First, Reason: "compromised"}))
		must(t, err)
		for i, n := range all[:2] {
			until(ctx, t, "nothing counts", func() bool { return n.Heads()[log].Closed && n.Heads()[log].Size == 0 })
			if alarms := strings.Join(n.Status().Alarms, "; "); strings.Contains(alarms, "closing:") {
				t.Errorf("node %d: %s", i, alarms)
			}
		}
		all[1].close()
		all[1] = startSimulated(t, net, dirs, 1, dirs[1])
		all[1].ready(ctx)
		if alarms := strings.Join(all[1].Status().Alarms, "; "); strings.Contains(alarms, "closing:") {
			t.Errorf("after a restart: %s", alarms)
		}
	})
}
