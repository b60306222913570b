package wire_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
	"google.golang.org/protobuf/proto"
)

func (r random) genesis() *wire.Genesis {
	g := &wire.Genesis{
		Version: wire.Version, Name: "Exercise Übung", Exercise: r.IntN(2) == 0, Created: ct.Millis(r.Int64N(1 << 41)),
		Policy: wire.GenesisPolicy{
			MaxRetention: ct.Millis(1 + r.Int64N(1<<40)), RetractGrace: ct.Millis(r.Int64N(1 << 30)),
			MatchPerHour: r.code(), MatchPerDay: r.code(), MatchBurst: r.code(), MaxNodes: r.code(),
			MaxDelegation: ct.Millis(r.Int64N(1 << 40)),
		},
	}
	for range r.IntN(4) {
		f := wire.Founder{State: "UTO", Root: ct.LogID(r.bytes(32))}
		for range r.IntN(3) {
			n := wire.FounderNode{Key: ct.LogID(r.bytes(32)), Proof: [64]byte(r.bytes(64))}
			for range r.IntN(3) {
				n.Addrs = append(n.Addrs, "/ip4/192.0.2.1/tcp/4001")
			}
			f.Nodes = append(f.Nodes, n)
		}
		g.Founders = append(g.Founders, f)
	}
	return g
}

func genesisToProto(g *wire.Genesis) *heraldv1.Genesis {
	p := &g.Policy
	m := &heraldv1.Genesis{
		Version: g.Version, Name: g.Name, Exercise: g.Exercise, Created: int64(g.Created),
		Policy: &heraldv1.Policy{
			MaxRetention: int64(p.MaxRetention), RetractGrace: int64(p.RetractGrace), MatchPerHour: p.MatchPerHour,
			MatchPerDay: p.MatchPerDay, MatchBurst: p.MatchBurst, MaxNodes: p.MaxNodes, MaxDelegation: int64(p.MaxDelegation),
		},
	}
	for i := range g.Founders {
		m.Founders = append(m.Founders, founderToProto(&g.Founders[i]))
	}
	return m
}

func founderToProto(f *wire.Founder) *heraldv1.Founder {
	m := &heraldv1.Founder{State: string(f.State), Root: f.Root[:]}
	for i := range f.Nodes {
		n := &f.Nodes[i]
		m.Nodes = append(m.Nodes, &heraldv1.FounderNode{Key: n.Key[:], Proof: n.Proof[:], Addrs: n.Addrs})
	}
	return m
}

func TestGenesisCodecIsWhatTheProtoSays(t *testing.T) {
	r := newRandom(t)
	for range 500 {
		g := r.genesis()
		raw := wire.EncodeGenesis(g)
		if want := marshal(t, genesisToProto(g)); !bytes.Equal(raw, want) {
			t.Fatalf("genesis:\n got %x\nwant %x", raw, want)
		}
		got, err := wire.DecodeGenesis(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, g) {
			t.Fatalf("decoded %+v, want %+v", got, g)
		}
	}
	f := wire.Founder{State: "UTO", Root: ct.LogID{1}, Nodes: []wire.FounderNode{{Key: ct.LogID{2}, Proof: [64]byte{3}, Addrs: []string{"x"}}}}
	if got, want := wire.EncodeRequest(f.State, f.Root, &f.Nodes[0]), marshal(t, founderToProto(&f)); !bytes.Equal(got, want) {
		t.Errorf("request:\n got %x\nwant %x", got, want)
	}
	p := &heraldv1.Possession{State: "UTO", Root: f.Root[:], Node: f.Nodes[0].Key[:]}
	if got, want := wire.EncodePossession("UTO", f.Root, f.Nodes[0].Key), marshal(t, p); !bytes.Equal(got, want) {
		t.Errorf("possession:\n got %x\nwant %x", got, want)
	}
}

func TestGenesisHasOneEncoding(t *testing.T) {
	good := wire.EncodeGenesis(&wire.Genesis{
		Version: 1, Name: "n", Exercise: true, Created: 5, Policy: wire.GenesisPolicy{MaxNodes: 1},
		Founders: []wire.Founder{{State: "UTO", Root: ct.LogID{1}, Nodes: []wire.FounderNode{{Key: ct.LogID{2}}}}},
	})
	name, exercise := field(2, 2, "n"), []byte{0x18, 1}
	for what, bad := range map[string][]byte{
		"empty":                {},
		"no policy":            swap(t, good, []byte{0x2a, 2, 0x30, 1}, nil),
		"empty policy":         swap(t, good, []byte{0x2a, 2, 0x30, 1}, []byte{0x2a, 0}),
		"policy twice":         swap(t, good, []byte{0x2a, 2, 0x30, 1}, []byte{0x2a, 2, 0x30, 1, 0x2a, 2, 0x30, 1}),
		"flag of 2":            swap(t, good, exercise, []byte{0x18, 2}),
		"default flag written": swap(t, good, exercise, []byte{0x18, 0}),
		"name not UTF-8":       swap(t, good, name, field(2, 2, "\xff")),
		"founder without root": append(bytes.Clone(good), field(6, 2, string(field(1, 2, "UTO")))...),
		"node without proof": append(bytes.Clone(good), field(6, 2, string(field(2, 2, string(make([]byte, 32))))+
			string(field(3, 2, string(field(1, 2, string(make([]byte, 32)))))))...),
		"unknown field": append(bytes.Clone(good), field(7, 0, "\x01")...),
		"trailing byte": append(bytes.Clone(good), 0),
	} {
		if _, err := wire.DecodeGenesis(bad); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", what, err)
		}
	}
	if _, err := wire.DecodeGenesis(swap(t, good, []byte{8, 1, 0x12}, []byte{8, 2, 0x12})); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("version 2: got %v, want ErrVersion", err)
	}
	if _, err := wire.DecodeGenesis(make([]byte, wire.MaxGenesis+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too large: got %v, want ErrTooLarge", err)
	}
	if _, err := wire.DecodeGenesis(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func FuzzGenesisBody(f *testing.F) {
	r := random{rand.New(rand.NewPCG(5, 6))}
	for range 8 {
		f.Add(wire.EncodeGenesis(r.genesis()))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := wire.DecodeGenesis(raw)
		if err != nil {
			return
		}
		if again := wire.EncodeGenesis(g); !bytes.Equal(again, raw) {
			t.Fatalf("read %x, wrote %x", raw, again)
		}
		if err := proto.Unmarshal(raw, &heraldv1.Genesis{}); err != nil {
			t.Fatalf("protobuf refuses what we accept: %v", err)
		}
	})
}
