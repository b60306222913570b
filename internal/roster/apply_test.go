package roster_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// rootLog writes the headers of one State's root log, from where the founding left it.
type rootLog struct {
	state  ct.State
	line   wire.Line
	at     wire.Next
	serial uint64
}

func openLog(t testing.TB, v *roster.View, s ct.State) *rootLog {
	t.Helper()
	m, ok := v.Member(s)
	if !ok {
		t.Fatalf("no member %s", s)
	}
	last := m.Nodes[len(m.Nodes)-1]
	at, _ := v.RootNext(m.Root)
	return &rootLog{s, v.Line(m.Root), at, last.Serial}
}

// next is the header of the next record, of any kind.
func (l *rootLog) next(kind uint32) (*wire.Header, ct.ID) { return l.dated(kind, ct.MillisOf(founded)) }

// dated is the same issued at any time, before the record that it follows too.
func (l *rootLog) dated(kind uint32, issued ct.Millis) (*wire.Header, ct.ID) {
	h := &wire.Header{Version: 1, Log: root(l.state).Public(), Kind: kind, Issued: issued}
	l.at.Issued = 0
	l.at.Put(h, l.line)
	raw := wire.EncodeHeader(h)
	l.at = h.After(wire.ID(ct.NetworkID{}, raw), len(raw))
	return h, l.at.Prev
}

// delegate is the next delegation, for days from the founding on.
func (l *rootLog) delegate(node ct.LogID, from, until int) *ct.Delegation {
	l.serial++
	at := func(days int) ct.Millis { return ct.MillisOf(founded.Add(time.Duration(days) * day)) }
	return &ct.Delegation{State: l.state, Serial: l.serial, Node: node, NotBefore: at(from), NotAfter: at(until), Proof: l.agreed(node)}
}

// agreed is the node key's proof, for the keys that these tests hold.
func (l *rootLog) agreed(pub ct.LogID) []byte {
	for i := -4; i < 200; i++ {
		k := node("UTO", i)
		if i < 0 {
			k = []*keys.Key{key("new"), root("UTO"), root("NOR"), node("NOR", 1)}[i+4]
		}
		if k.Public() == pub {
			proof, _ := roster.Agree(k, l.state, root(l.state).Public())
			return proof
		}
	}
	return make([]byte, 64)
}

func del(d *ct.Delegation) roster.Operation { return roster.Operation{Delegation: d} }

const delegationKind = uint32(ct.KindDelegation)

func TestApplyNamesANode(t *testing.T) {
	v := view(t)
	before, l, k := v.Version(), openLog(t, v, "UTO"), key("new").Public()
	h, id := l.next(delegationKind)
	n, err := v.Apply(h, id, del(l.delegate(k, 0, 400)))
	if err != nil {
		t.Fatal(err)
	}
	if n.Version() != before+1 || v.Version() != before {
		t.Errorf("versions %d and %d, want %d and %d", n.Version(), v.Version(), before+1, before)
	}
	if _, ok := v.Right(k); ok || len(v.Nodes()) != 4 {
		t.Error("Apply changed the view it was called on")
	}
	if r, ok := n.Right(k); !ok || r.First != id || r.State != "UTO" || len(n.Nodes()) != 5 {
		t.Errorf("right %+v, %v of %d nodes", r, ok, len(n.Nodes()))
	}
	again, err := n.Apply(h, id, del(l.delegate(k, 0, 400)))
	if err != nil || again != n {
		t.Errorf("applied twice: %v, the same view: %v", err, again == n)
	}
}

func TestApplyOfTheFoundingIsDoneAlready(t *testing.T) {
	v := view(t)
	for _, raw := range signed(t).Records() {
		e, err := wire.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		d, err := wire.DecodeDelegation(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		n, err := v.Apply(&e.Header, wire.ID(v.Network(), e.HeaderBytes), del(d))
		if err != nil || n != v {
			t.Errorf("%v, the same view: %v", err, n == v)
		}
	}
}

func TestRenewalKeepsTheLog(t *testing.T) {
	v := view(t)
	l, k := openLog(t, v, "UTO"), node("UTO", 1).Public()
	was, _ := v.Right(k)
	h, id := l.dated(delegationKind, ct.MillisOf(founded.Add(500*day))) // late: the first has ended
	v, err := v.Apply(h, id, del(l.delegate(k, 500, 900)))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := v.Right(k)
	if r.First != was.First || r.NotBefore != was.NotBefore || r.NotAfter != ct.MillisOf(founded.Add(900*day)) {
		t.Errorf("right %+v after the renewal of %+v", r, was)
	}
	if n, _ := v.Node(k); len(v.Nodes()) != 4 || n.Serial != 2 || n.Delegation != was.First {
		t.Errorf("node %+v of %d", n, len(v.Nodes()))
	}
}

func TestApplyWithoutEffect(t *testing.T) {
	k := key("new").Public()
	for _, x := range []struct {
		name string
		d    func(*rootLog) *ct.Delegation
		want string
	}{
		{"another State", func(l *rootLog) *ct.Delegation { d := l.delegate(k, 0, 9); d.State = "NOR"; return d }, "another State"},
		{"another State's node", func(l *rootLog) *ct.Delegation { return l.delegate(node("NOR", 1).Public(), 0, 9) }, "another State's"},
		{"a root key", func(l *rootLog) *ct.Delegation { return l.delegate(root("NOR").Public(), 0, 9) }, "a root key"},
		{"its own root key", func(l *rootLog) *ct.Delegation { return l.delegate(root("UTO").Public(), 0, 9) }, "a root key"},
		{"a key of small order", func(l *rootLog) *ct.Delegation { return l.delegate(ct.LogID{1}, 0, 9) }, "not a possible Ed25519 key"},
		{"over 400 days", func(l *rootLog) *ct.Delegation { return l.delegate(k, 0, 401) }, "not_after"},
		{"begins before its record", func(l *rootLog) *ct.Delegation { return l.delegate(k, -2, 9) }, "begins more than"},
		{"ends long after its record", func(l *rootLog) *ct.Delegation { return l.delegate(k, 1, 401) }, "ends more than"},
		{"ends first", func(l *rootLog) *ct.Delegation { return l.delegate(k, 9, 9) }, "not_after"},
		{"old serial", func(l *rootLog) *ct.Delegation { d := l.delegate(k, 0, 9); d.Serial = 1; return d }, "serial 1 is not above 1"},
	} {
		v := view(t)
		l := openLog(t, v, "UTO")
		h, id := l.next(delegationKind)
		n, err := v.Apply(h, id, del(x.d(l)))
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q in it", x.name, err, x.want)
		}
		if !reflect.DeepEqual(n.Members(), v.Members()) || n.Version() != v.Version() {
			t.Errorf("%s: it had an effect", x.name)
		}
		// One odd record does not stop the log.
		h, id = l.next(delegationKind)
		d := l.delegate(k, 0, 9)
		if n, err = n.Apply(h, id, del(d)); err != nil {
			t.Errorf("%s: the record after it: %v", x.name, err)
		}
		if _, ok := n.Node(k); !ok {
			t.Errorf("%s: the record after it had no effect", x.name)
		}
	}
}

func TestPolicyBoundsDelegations(t *testing.T) {
	g, err := roster.NewGenesis("N", true, founded, roster.Policy{MaxDelegation: 30 * day, MaxNodes: 2}, requests(t, "UTO"))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Sign(root("UTO"), founded); err != nil {
		t.Fatal(err)
	}
	v, err := roster.New(g)
	if err != nil {
		t.Fatal(err)
	}
	if n := v.Nodes()[0]; n.NotAfter.Time().Sub(n.NotBefore.Time()) > 30*day || n.NotAfter.Time().Sub(n.NotBefore.Time()) <= 15*day {
		t.Errorf("founding delegation from %v until %v, want 15 to 30 days", n.NotBefore, n.NotAfter)
	}
	l := openLog(t, v, "UTO")
	for _, x := range []struct {
		node int
		days int
		want string
	}{
		{2, 31, "longer than the policy's 720h0m0s"},
		{2, 30, ""},
		{3, 30, "2 nodes already"},
	} {
		h, id := l.next(delegationKind)
		v, err = v.Apply(h, id, del(l.delegate(node("UTO", x.node).Public(), 0, x.days)))
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("node %d for %d days: got %v, want %q in it", x.node, x.days, err, x.want)
		}
	}
}

func TestApplyGoesOn(t *testing.T) {
	for _, x := range []struct {
		name string
		kind uint32
	}{
		{"inadmissible delegation", delegationKind},
		{"notification in a root log", uint32(ct.KindNotification)},
		{"checkpoint in a root log", uint32(ct.KindCheckpoint)},
	} {
		v := view(t)
		l := openLog(t, v, "UTO")
		h, id := l.next(x.kind)
		n, err := v.Apply(h, id, roster.Operation{})
		if err != nil || n.Version() != v.Version() || len(n.Nodes()) != 4 {
			t.Errorf("%s: %v", x.name, err)
		}
		h, id = l.next(delegationKind)
		if n, err = n.Apply(h, id, del(l.delegate(key("new").Public(), 0, 9))); err != nil || len(n.Nodes()) != 5 {
			t.Errorf("%s: the record after it: %v", x.name, err)
		}
	}
}

// What this version does not understand, in any place of a root log, stops that
// log: the records after it have no effect, whatever they are. The log is
// followed all the same, and no other State's stops.
func TestApplyFailsStatic(t *testing.T) {
	for _, kind := range []uint32{
		uint32(ct.KindRenewal), uint32(ct.KindClosing), uint32(ct.KindRootRotation), uint32(ct.KindAmendment), uint32(ct.KindVote),
		0, uint32(ct.KindCheckpoint) + 1, 256 + delegationKind, 1<<32 - 1,
	} {
		v := view(t)
		before := v.Version()
		l := openLog(t, v, "UTO")
		h, id := l.next(kind)
		v, err := v.Apply(h, id, roster.Operation{})
		if !errors.Is(err, roster.ErrLater) || v.Stopped(h.Log) != h.Seq {
			t.Errorf("kind %d: got %v, stopped at %d", kind, err, v.Stopped(h.Log))
		}
		for _, next := range []uint32{delegationKind, 0, kind, uint32(ct.KindNotification), delegationKind} {
			var op roster.Operation
			if next == delegationKind {
				op = del(l.delegate(key("new").Public(), 0, 9))
			}
			stopped := h.Seq
			at, atID := l.next(next)
			if v, err = v.Apply(at, atID, op); !errors.Is(err, roster.ErrLater) || v.Version() != before {
				t.Errorf("kind %d after kind %d: %v", next, kind, err)
			}
			if seq, head, _, _ := v.RootHead(at.Log); seq != at.Seq || head != atID || v.Stopped(at.Log) != stopped {
				t.Errorf("kind %d after kind %d: followed to %d, stopped at %d", next, kind, seq, v.Stopped(at.Log))
			}
		}
		if _, _, _, err := v.SignOperation(root("UTO"), del(l.delegate(key("new").Public(), 0, 9)), founded); !errors.Is(err, roster.ErrLater) {
			t.Errorf("kind %d: signed after it: %v", kind, err)
		}
		other := openLog(t, v, "BRA")
		h, id = other.next(uint32(ct.KindClosing))
		k := node("BRA", 1).Public()
		if v, err = v.Apply(h, id, roster.Operation{Closing: &ct.Closing{Log: k, Seq: 1, ID: ct.ID{1}, Reason: "lost"}}); err != nil || v.Live(k, founded) {
			t.Errorf("kind %d: another State's closing: %v", kind, err)
		}
	}
}

func TestApplyRefusesDisorder(t *testing.T) {
	v := view(t)
	l := openLog(t, v, "UTO")
	first, firstID := l.next(delegationKind)
	second, secondID := l.next(delegationKind)
	d := l.delegate(key("new").Public(), 0, 9)
	if n, err := v.Apply(second, secondID, del(d)); !errors.Is(err, roster.ErrOrder) || n != v {
		t.Errorf("a gap: %v", err)
	}
	astray := *first
	astray.Prev = ct.ID{1}
	if n, err := v.Apply(&astray, ct.ID{2}, del(d)); !errors.Is(err, roster.ErrOrder) || n != v {
		t.Errorf("another prev: %v", err)
	}
	n, err := v.Apply(first, firstID, del(d))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := n.Apply(first, ct.ID{3}, del(d)); !errors.Is(err, roster.ErrOrder) || again != n {
		t.Errorf("another record of the same seq: %v", err)
	}
	stranger := *second
	stranger.Log = key("stranger").Public()
	if again, err := n.Apply(&stranger, secondID, del(d)); err == nil || again != n {
		t.Errorf("a stranger's log: %v", err)
	}
	other := *second
	other.Log = node("UTO", 1).Public()
	if again, err := n.Apply(&other, secondID, del(d)); err == nil || again != n {
		t.Errorf("a node's log: %v", err)
	}
}

func TestNodesOfAStateAreBounded(t *testing.T) {
	v := view(t)
	l := openLog(t, v, "UTO")
	apply := func(k *keys.Key, from, until int, issued time.Time) error {
		h, id := l.dated(delegationKind, ct.MillisOf(issued))
		var err error
		v, err = v.Apply(h, id, del(l.delegate(k.Public(), from, until)))
		return err
	}
	for i := 2; i <= 8; i++ {
		if err := apply(node("UTO", i), 0, 10, founded); err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
	}
	// Neither a date in the record nor a window that only reaches into theirs helps.
	for _, issued := range []time.Time{founded, founded.Add(-50 * 365 * day)} {
		if err := apply(node("UTO", 9), 9, 30, issued); err == nil || !strings.Contains(err.Error(), "8 nodes already") {
			t.Errorf("a ninth node, issued %v: %v", issued, err)
		}
	}
	if err := apply(node("UTO", 9), 10, 30, founded); err != nil {
		t.Errorf("a node that begins when seven others end: %v", err)
	}
	if err := apply(node("UTO", 8), 5, 20, founded); err != nil {
		t.Errorf("renewal of the eighth: %v", err)
	}
	late := founded.Add(10 * day) // nodes 2 to 7 have ended
	for i := 10; i < 15; i++ {
		if err := apply(node("UTO", i), 10, 30, late); err != nil {
			t.Errorf("node %d, after others ended: %v", i, err)
		}
	}
	if err := apply(node("UTO", 15), 10, 30, late); err == nil {
		t.Error("a ninth node in force")
	}
	if err := apply(node("UTO", 2), 64, 65, founded.Add(64*day)); err == nil || !strings.Contains(err.Error(), "8 nodes already") {
		t.Errorf("a renewal that makes one long window of two: %v", err)
	}
	// Ended ones are bounded too: 64 keys in all.
	var err error
	n := 0
	for i := 100; i < 200 && err == nil; i++ {
		err = apply(node("UTO", i), i, i+1, founded.Add(time.Duration(i)*day))
		if i > 130 && err == nil {
			n = len(v.Nodes())
		}
	}
	if err == nil || !strings.Contains(err.Error(), "64 node keys already") || n != 64+3 {
		t.Errorf("keys without end: %v with %d nodes", err, n)
	}
}

// Closing a key makes room for another, but not for any number: each had its
// window to fill.
func TestReplacedKeysAreBounded(t *testing.T) {
	v := view(t)
	l := openLog(t, v, "UTO")
	k := node("UTO", 1)
	for i := 2; ; i++ {
		h, id := l.next(uint32(ct.KindClosing))
		var err error
		if v, err = v.Apply(h, id, roster.Operation{Closing: &ct.Closing{Log: k.Public(), Seq: 1, ID: ct.ID{1}, Reason: "lost"}}); err != nil {
			t.Fatal(err)
		}
		k = node("UTO", i)
		h, id = l.next(delegationKind)
		v, err = v.Apply(h, id, del(l.delegate(k.Public(), 0, 300)))
		if err == nil && i <= 16 {
			continue
		}
		if i != 17 || err == nil || !strings.Contains(err.Error(), "replaced 16 node keys already") {
			t.Errorf("key %d: %v", i, err)
		}
		break
	}
	h, id := l.dated(delegationKind, ct.MillisOf(founded.Add(399*day)))
	if _, err := v.Apply(h, id, del(l.delegate(k.Public(), 399, 600))); err != nil {
		t.Errorf("after their windows: %v", err)
	}
}

// A renewal reaches no further than max_delegation, from its record and from
// 60 days after the end till now.
func TestRenewalsAreBounded(t *testing.T) {
	k := node("UTO", 1).Public()
	most, sixty := ct.Millis((400 * day).Milliseconds()), ct.Millis((60 * day).Milliseconds())
	for _, x := range []struct {
		name   string
		issued func(end ct.Millis) ct.Millis
		until  func(end, issued ct.Millis) ct.Millis
		want   string
	}{
		{"as far as its record allows", func(end ct.Millis) ct.Millis { return end - 1000 }, func(_, issued ct.Millis) ct.Millis { return issued + most }, ""},
		{"further", func(end ct.Millis) ct.Millis { return end - 1000 }, func(_, issued ct.Millis) ct.Millis { return issued + most + 1 }, "longer than"},
		{"as far as the old end allows", func(end ct.Millis) ct.Millis { return end + sixty + 1000 }, func(end, _ ct.Millis) ct.Millis { return end + sixty + most }, ""},
		{"further than that", func(end ct.Millis) ct.Millis { return end + sixty + 1000 }, func(end, _ ct.Millis) ct.Millis { return end + sixty + most + 1 }, "longer than"},
		{"dated far ahead", func(end ct.Millis) ct.Millis { return end + 60*most }, func(_, issued ct.Millis) ct.Millis { return issued + 1 }, "longer than"},
	} {
		v := view(t)
		n, _ := v.Node(k)
		l := openLog(t, v, "UTO")
		h, id := l.dated(uint32(ct.KindRenewal), x.issued(n.NotAfter))
		_, err := v.Apply(h, id, roster.Operation{Renewal: &ct.Renewal{Node: k, NotAfter: x.until(n.NotAfter, h.Issued)}})
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v", x.name, err)
		}
	}
}

// A State names a node key that has agreed to be its own, and no other's.
func TestDelegationNeedsTheKeysAgreement(t *testing.T) {
	agree := func(k *keys.Key, s ct.State, rootOf ct.State) []byte {
		proof, err := roster.Agree(k, s, root(rootOf).Public())
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	flipped := agree(key("new"), "UTO", "UTO")
	flipped[3] ^= 1
	for _, x := range []struct {
		name  string
		proof []byte
		want  string
	}{
		{"agreed", agree(key("new"), "UTO", "UTO"), ""},
		{"altered", flipped, "has not agreed"},
		{"of another key", agree(key("other"), "UTO", "UTO"), "has not agreed"},
		{"to another State", agree(key("new"), "NOR", "UTO"), "has not agreed"},
		{"to another root key", agree(key("new"), "UTO", "NOR"), "has not agreed"},
		{"nothing", make([]byte, 64), "has not agreed"},
	} {
		t.Run(x.name, func(t *testing.T) {
			v := view(t)
			l := openLog(t, v, "UTO")
			h, id := l.next(delegationKind)
			d := l.delegate(key("new").Public(), 0, 30)
			d.Proof = x.proof
			n, err := v.Apply(h, id, del(d))
			if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
				t.Errorf("got %v, want %q in it", err, x.want)
			}
			if _, named := n.Node(key("new").Public()); named != (x.want == "") {
				t.Errorf("the key is a node of the network: %v", named)
			}
		})
	}
}
