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
	return &rootLog{s, at, last.Serial}
}

// next is the header of the next record, of any kind.
func (l *rootLog) next(kind uint32) (*wire.Header, ct.ID) {
	h := &wire.Header{Version: 1, Log: root(l.state).Public(), Kind: kind, Issued: ct.MillisOf(founded)}
	l.at.Put(h)
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
	held := []*keys.Key{key("new"), root("UTO"), root("NOR"), node("NOR", 1)}
	for i := range 200 {
		held = append(held, node("UTO", i), key("key", i))
	}
	for _, k := range held {
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
	h, id := l.next(delegationKind)
	v, err := v.Apply(h, id, del(l.delegate(k, 500, 900))) // late: the first ended after 399 days
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
	if n := v.Nodes()[0]; n.NotAfter-n.NotBefore != ct.Millis(30*day/time.Millisecond) {
		t.Errorf("founding delegation from %v until %v, want 30 days", n.NotBefore, n.NotAfter)
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

func TestApplyFailsStatic(t *testing.T) {
	for _, kind := range []uint32{
		uint32(ct.KindRenewal), uint32(ct.KindClosing), uint32(ct.KindRootRotation), uint32(ct.KindAmendment), uint32(ct.KindVote),
		0, uint32(ct.KindCheckpoint) + 1, 256 + delegationKind,
	} {
		v := view(t)
		l := openLog(t, v, "UTO")
		h, id := l.next(kind)
		n, err := v.Apply(h, id, roster.Operation{})
		if !errors.Is(err, roster.ErrLater) || n != v {
			t.Errorf("kind %d: got %v, the same view: %v", kind, err, n == v)
		}
		h, id = l.next(delegationKind)
		if n, err = n.Apply(h, id, del(l.delegate(key("new").Public(), 0, 9))); !errors.Is(err, roster.ErrOrder) || n != v {
			t.Errorf("kind %d: the record after it: %v", kind, err)
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
		h, id := l.next(delegationKind)
		h.Issued = ct.MillisOf(issued)
		l.at.Prev = id // the id is what the next one names, whatever it was made of
		var err error
		v, err = v.Apply(h, id, del(l.delegate(k.Public(), from, until)))
		return err
	}
	for i := 2; i <= 8; i++ {
		if err := apply(node("UTO", i), 0, 10, founded); err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
	}
	if err := apply(node("UTO", 9), 0, 10, founded); err == nil || !strings.Contains(err.Error(), "8 nodes already") {
		t.Errorf("a ninth node: %v", err)
	}
	if err := apply(node("UTO", 8), 5, 20, founded); err != nil {
		t.Errorf("renewal of the eighth: %v", err)
	}
	late := founded.Add(15 * day) // nodes 2 to 7 have ended
	for i := 9; i < 15; i++ {
		if err := apply(node("UTO", i), 10, 30, late); err != nil {
			t.Errorf("node %d, after others ended: %v", i, err)
		}
	}
	if err := apply(node("UTO", 15), 10, 30, late); err == nil {
		t.Error("a ninth node in force")
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
