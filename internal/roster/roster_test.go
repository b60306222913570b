package roster_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node/ct"
)

var founded = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// key is the same every time for the same words.
func key(words ...any) *keys.Key {
	var seed [32]byte
	copy(seed[:], fmt.Sprint(words...))
	return keys.FromSeed(seed)
}

func root(s ct.State) *keys.Key        { return key("root", s) }
func node(s ct.State, n int) *keys.Key { return key("node", s, n) }

func request(t testing.TB, s ct.State, n int) roster.Request {
	t.Helper()
	r, err := roster.NewRequest(s, root(s), node(s, n), []string{"/ip4/192.0.2.1/tcp/4001", "/dns/node.example/udp/4001/quic-v1"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func requests(t testing.TB, states ...ct.State) []roster.Request {
	t.Helper()
	var out []roster.Request
	for _, s := range states {
		out = append(out, request(t, s, 1))
	}
	return out
}

// unsigned is an exercise of three States; NOR has two nodes.
func unsigned(t testing.TB) *roster.Genesis {
	t.Helper()
	reqs := append(requests(t, "UTO", "NOR", "BRA"), request(t, "NOR", 2))
	g, err := roster.NewGenesis("Exercise", true, founded, roster.Policy{}, reqs)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func signed(t testing.TB) *roster.Genesis {
	t.Helper()
	g := unsigned(t)
	for _, s := range []ct.State{"UTO", "NOR", "BRA"} {
		if err := g.Sign(root(s), founded.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func view(t testing.TB) *roster.View {
	t.Helper()
	v, err := roster.New(signed(t))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFounding(t *testing.T) {
	g := unsigned(t)
	if got := fmt.Sprint(g.Missing()); got != "[BRA NOR UTO]" {
		t.Errorf("missing %s, want all", got)
	}
	if _, err := roster.New(g); err == nil || !strings.Contains(err.Error(), "not signed yet by BRA, NOR, UTO") {
		t.Errorf("roster of an unsigned genesis: %v", err)
	}
	// The file goes from founder to founder.
	for i, s := range []ct.State{"NOR", "UTO", "BRA"} {
		var err error
		if g, err = roster.ParseGenesis(g.Encode()); err != nil {
			t.Fatal(err)
		}
		if got, want := len(g.Missing()), 3-i; got != want {
			t.Errorf("%d missing before %s signs, want %d", got, s, want)
		}
		if err := g.Sign(root(s), founded.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	g, err := roster.ParseGenesis(g.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	v, err := roster.New(g)
	if err != nil {
		t.Fatal(err)
	}
	if v.Network() != g.Network() || v.Name() != "Exercise" || !v.Exercise() || !v.Created().Equal(founded) {
		t.Errorf("view of another network: %s %q %v %v", v.Network(), v.Name(), v.Exercise(), v.Created())
	}
	if v.Policy() != roster.DefaultPolicy() {
		t.Errorf("policy %+v, want the defaults", v.Policy())
	}
	if got, want := v.Members(), g.Members(); !reflect.DeepEqual(got, want) {
		t.Errorf("members\n%+v\nwant\n%+v", got, want)
	}
	if got := len(v.Nodes()); got != 4 || len(g.Records()) != 4 {
		t.Errorf("%d nodes and %d records, want 4 and 4", got, len(g.Records()))
	}
	n, ok := v.Node(node("NOR", 2).Public())
	if !ok || n.State != "NOR" || len(n.Addrs) != 2 {
		t.Errorf("node: %+v, %v", n, ok)
	}
	r, ok := v.Right(n.Key)
	if !ok || r.Root || r.State != "NOR" || r.First != n.Delegation || r.NotBefore != n.NotBefore || r.NotAfter != n.NotAfter {
		t.Errorf("right of a node: %+v, %v", r, ok)
	}
	r, ok = v.Right(root("NOR").Public())
	if !ok || !r.Root || r.State != "NOR" || r.First != ct.ID(g.Network()) {
		t.Errorf("right of a root: %+v, %v", r, ok)
	}
	if _, ok := v.Right(key("stranger").Public()); ok {
		t.Error("a stranger has a right")
	}
	for _, x := range []struct {
		at   time.Time
		key  ct.LogID
		want bool
	}{
		{founded, n.Key, true},
		{founded.Add(-day), n.Key, true},
		{founded.Add(-day - time.Millisecond), n.Key, false},
		{n.NotAfter.Time().Add(-time.Millisecond), n.Key, true},
		{n.NotAfter.Time(), n.Key, false},
		{founded, root("NOR").Public(), false},
		{founded, key("stranger").Public(), false},
	} {
		if got := v.Live(x.key, x.at); got != x.want {
			t.Errorf("live at %v: %v, want %v", x.at, got, x.want)
		}
	}
}

func TestSigningTwiceForksNoRootLog(t *testing.T) {
	a, b := unsigned(t), unsigned(t)
	for g, now := range map[*roster.Genesis]time.Time{a: founded, b: founded.Add(30 * day)} {
		if err := g.Sign(root("NOR"), now); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(a.Records(), b.Records()) || len(a.Records()) != 2 {
		t.Error("two signings of one State made different records")
	}
	if err := a.Sign(root("NOR"), founded); err != nil {
		t.Errorf("signing the same file again: %v", err)
	}
}

func TestSignRefuses(t *testing.T) {
	for _, x := range []struct {
		name string
		key  *keys.Key
		now  time.Time
		want string
	}{
		{"stranger", key("stranger"), founded, "is not among the founders"},
		{"node key", node("NOR", 1), founded, "is not among the founders"},
		{"clock far behind", root("NOR"), founded.Add(-2 * day), "in the future of this machine's clock"},
		{"too late", root("NOR"), founded.Add(399 * day), "has ended"},
	} {
		g := unsigned(t)
		err := g.Sign(x.key, x.now)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q in it", x.name, err, x.want)
		}
		if len(g.Missing()) != 3 {
			t.Errorf("%s: a signature was added", x.name)
		}
	}
	g := unsigned(t)
	if err := g.Sign(liar{root("NOR")}, founded); err == nil || len(g.Missing()) != 3 {
		t.Errorf("a signer that signs anything: %v", err)
	}
}

// liar is a device that answers with a signature of something else.
type liar struct{ *keys.Key }

func (l liar) Sign(c keys.Context, n ct.NetworkID, _ []byte) ([]byte, error) {
	return l.Key.Sign(c, n, []byte("something else"))
}

func TestNewGenesisRefuses(t *testing.T) {
	uto := requests(t, "UTO")
	other, err := roster.NewRequest("UTO", key("other root"), key("other node"), nil)
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := roster.NewRequest("NOR", root("NOR"), node("UTO", 1), nil) // UTO lends its node key
	if err != nil {
		t.Fatal(err)
	}
	forged := uto[0]
	forged.State = "NOR"
	var nine []roster.Request
	for i := range 9 {
		nine = append(nine, request(t, "UTO", i))
	}
	long := roster.DefaultPolicy()
	long.MaxRetention += time.Hour
	rich := roster.DefaultPolicy()
	rich.MatchPerHour++
	for _, x := range []struct {
		name     string
		network  string
		exercise bool
		created  time.Time
		policy   roster.Policy
		reqs     []roster.Request
		want     string
	}{
		{"no name", "", true, founded, roster.Policy{}, uto, "name"},
		{"long name", strings.Repeat("x", 65), true, founded, roster.Policy{}, uto, "name"},
		{"control character", "a\nb", true, founded, roster.Policy{}, uto, "name"},
		{"name turned around", "a\u202eb", true, founded, roster.Policy{}, uto, "name"},
		{"blank at the end", "a ", true, founded, roster.Policy{}, uto, "name"},
		{"no clock", "N", true, time.Unix(0, 0), roster.Policy{}, uto, "created"},
		{"nobody", "N", true, founded, roster.Policy{}, nil, "no founder"},
		{"specimen State in earnest", "N", false, founded, roster.Policy{}, uto, "specimen"},
		{"two roots", "N", true, founded, roster.Policy{}, []roster.Request{uto[0], other}, "different root keys"},
		{"one request twice", "N", true, founded, roster.Policy{}, []roster.Request{uto[0], uto[0]}, "twice"},
		{"one node of two States", "N", true, founded, roster.Policy{}, []roster.Request{uto[0], stolen}, "twice"},
		{"forged request", "N", true, founded, roster.Policy{}, []roster.Request{forged}, "proof of possession"},
		{"nine nodes", "N", true, founded, roster.Policy{}, nine, "9 nodes, at most 8"},
		{"more nodes than the policy", "N", true, founded, roster.Policy{MaxNodes: 3}, nine[:4], "4 nodes, at most 3"},
		{"retention", "N", true, founded, long, uto, "max_retention"},
		{"match budget raised in earnest", "N", false, founded, rich, requests(t, "NOR"), "match_per_hour"},
		{"short delegations", "N", true, founded, roster.Policy{MaxDelegation: time.Hour}, uto, "max_delegation"},
		{"parts of a millisecond", "N", true, founded, roster.Policy{RetractGrace: time.Hour + 1}, uto, "retract_grace"},
		{"nothing left to regret", "N", false, founded, roster.Policy{RetractGrace: time.Second}, requests(t, "NOR"), "retract_grace"},
	} {
		_, err := roster.NewGenesis(x.network, x.exercise, x.created, x.policy, x.reqs)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q in it", x.name, err, x.want)
		}
	}
	p := roster.Policy{MatchPerHour: 1_000_000, MatchPerDay: 1_000_000, MatchBurst: 1000, RetractGrace: time.Second}
	g, err := roster.NewGenesis("N", true, founded, p, uto)
	if err != nil {
		t.Fatalf("an exercise with raised budgets: %v", err)
	}
	if got := g.Policy(); got.MatchPerHour != 1_000_000 || got.RetractGrace != time.Second || got.MaxNodes != 8 {
		t.Errorf("policy %+v", got)
	}
}

func TestEveryFounderCounts(t *testing.T) {
	g := unsigned(t)
	for _, s := range []ct.State{"UTO", "BRA"} {
		if err := g.Sign(root(s), founded); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Verify(); err == nil || !strings.Contains(err.Error(), "not signed yet by NOR (1 of 3 founders)") {
		t.Errorf("got %v", err)
	}
}
