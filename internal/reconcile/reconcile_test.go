package reconcile_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

func logID(b byte) (l ct.LogID) { l[0] = b; return l }

func head(log byte, size uint64, id byte) wire.LogHead {
	return wire.LogHead{Log: logID(log), Size: size, Head: ct.ID{id}}
}

func forked(h wire.LogHead, at uint64) wire.LogHead { h.Fork = at; return h }

// of looks heads up as Compare does.
func of(heads []wire.LogHead) func(ct.LogID) wire.LogHead {
	var f reconcile.Frontier
	for _, h := range heads {
		f.Set(h, 1)
	}
	return f.Head
}

func span(log byte, from, count uint64) wire.SyncRange {
	return wire.SyncRange{Log: logID(log), From: from, Count: count}
}

// class: logs 1 to 9 are root logs, up to 99 node logs, above strangers'.
func class(l ct.LogID) reconcile.Class {
	switch {
	case l[0] < 10:
		return reconcile.Root
	case l[0] < 100:
		return reconcile.Node
	}
	return reconcile.Unknown
}

func TestCompare(t *testing.T) {
	type heads = []wire.LogHead
	type ranges = []wire.SyncRange
	tests := []struct {
		name         string
		mine, theirs heads
		want         reconcile.Plan
	}{
		{"both empty", nil, nil, reconcile.Plan{}},
		{"equal", heads{head(1, 5, 1), head(10, 3, 2)}, heads{head(1, 5, 1), head(10, 3, 2)}, reconcile.Plan{}},
		{"they have nothing", heads{head(1, 5, 1)}, nil, reconcile.Plan{}},
		{"I have nothing", nil, heads{head(1, 5, 1), head(10, 3, 2)}, reconcile.Plan{
			Roots: ranges{span(1, 1, 5)}, Nodes: ranges{span(10, 1, 3)},
		}},
		{"behind in some", heads{head(10, 3, 2), head(12, 9, 4)}, heads{head(10, 8, 7), head(11, 1, 1), head(12, 9, 4)}, reconcile.Plan{
			Nodes: ranges{span(10, 4, 5), span(11, 1, 1)},
		}},
		{"ahead", heads{head(10, 8, 7)}, heads{head(10, 3, 2)}, reconcile.Plan{Shorter: heads{head(10, 3, 2)}}},
		{"stranger's log", nil, heads{head(10, 1, 1), head(200, 4, 4)}, reconcile.Plan{Nodes: ranges{span(10, 1, 1)}, Skipped: 1}},
		{"same size, other head", heads{head(10, 8, 7)}, heads{head(10, 8, 6)}, reconcile.Plan{Suspects: ranges{span(10, 8, 1)}}},
		{"forked here", heads{forked(head(10, 8, 7), 9)}, heads{head(10, 20, 6)}, reconcile.Plan{}},
		{"forked here, further on", heads{forked(head(10, 4, 7), 9)}, heads{head(10, 20, 6)}, reconcile.Plan{Nodes: ranges{span(10, 5, 4)}}},
		{"forked here, nothing held", heads{forked(head(10, 0, 0), 9)}, heads{head(10, 3, 6)}, reconcile.Plan{Nodes: ranges{span(10, 1, 3)}}},
		{"forked there", heads{head(10, 8, 7)}, heads{forked(head(10, 8, 7), 9)}, reconcile.Plan{Proofs: []ct.LogID{logID(10)}}},
		{"forked there, below", heads{head(10, 8, 7)}, heads{forked(head(10, 2, 7), 3)}, reconcile.Plan{
			Proofs: []ct.LogID{logID(10)}, Shorter: heads{forked(head(10, 2, 7), 3)},
		}},
		{"forked there and longer", nil, heads{forked(head(10, 2, 7), 3)}, reconcile.Plan{
			Nodes: ranges{span(10, 1, 2)}, Proofs: []ct.LogID{logID(10)},
		}},
		{"forked there from the first", nil, heads{forked(head(10, 0, 0), 1)}, reconcile.Plan{Proofs: []ct.LogID{logID(10)}}},
		{"forked on both sides", heads{forked(head(10, 8, 7), 9)}, heads{forked(head(10, 8, 7), 9)}, reconcile.Plan{}},
		{"forked lower there", heads{forked(head(10, 8, 7), 9)}, heads{forked(head(10, 3, 7), 4)}, reconcile.Plan{
			Proofs: []ct.LogID{logID(10)}, Shorter: heads{forked(head(10, 3, 7), 4)},
		}},
		{"forked lower here", heads{forked(head(10, 3, 7), 4)}, heads{forked(head(10, 8, 7), 9)}, reconcile.Plan{}},
		{"forked alike, other prefix", heads{forked(head(10, 8, 7), 9)}, heads{forked(head(10, 8, 6), 9)}, reconcile.Plan{Suspects: ranges{span(10, 8, 1)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := reconcile.Compare(of(tt.mine), tt.theirs, class)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
			behind := len(tt.want.Roots)+len(tt.want.Nodes)+len(tt.want.Suspects)+len(tt.want.Proofs) > 0
			if got.Behind() != behind {
				t.Errorf("behind: got %v, want %v", got.Behind(), behind)
			}
		})
	}
}

func TestSize(t *testing.T) {
	heads := []wire.LogHead{head(30, 3, 1), head(10, 1, 1), head(20, 2, 1)}
	reconcile.Sort(heads)
	for log, want := range map[byte]uint64{10: 1, 20: 2, 30: 3, 5: 0, 15: 0, 40: 0} {
		if got := reconcile.Size(heads, logID(log)); got != want {
			t.Errorf("log %d: got %d, want %d", log, got, want)
		}
	}
}

func TestFetchAsksForAll(t *testing.T) {
	want := []wire.SyncRange{span(1, 5, 40_000), span(2, 1, 1), span(3, 9, 20_000)}
	for i := range 3000 {
		want = append(want, wire.SyncRange{Log: ct.LogID{4, byte(i >> 8), byte(i)}, From: 1, Count: 1})
	}
	f := reconcile.NewFetch(want)
	got := map[ct.LogID]uint64{}
	for w := f.Next(); w != nil; w = f.Next() {
		total := uint64(0)
		for _, r := range w.Ranges {
			total += r.Count
			for seq := r.From; seq < r.From+r.Count; seq++ {
				if err := f.Got(r.Log, seq); err != nil {
					t.Fatal(err)
				}
			}
			got[r.Log] += r.Count
		}
		if total > wire.MaxSyncWant || len(w.Ranges) > wire.MaxSyncRanges {
			t.Fatalf("a want of %d records in %d ranges is over the limits", total, len(w.Ranges))
		}
		if short, err := f.Done(); err != nil || len(short) > 0 {
			t.Fatal(err)
		}
	}
	for _, r := range want {
		if got[r.Log] != r.Count {
			t.Errorf("log %x: asked for %d records, want %d", r.Log[:3], got[r.Log], r.Count)
		}
	}
	if f.Open() != 0 {
		t.Errorf("%d wants are open at the end", f.Open())
	}
}

func TestFetchRefuses(t *testing.T) {
	type rec struct {
		log byte
		seq uint64
	}
	ranges := []wire.SyncRange{span(1, 5, 2), span(2, 1, 2)}
	tests := []struct {
		name   string
		bodies bool
		recs   []rec
		want   error // at the last record
		short  []wire.SyncRange
	}{
		{"all in order", false, []rec{{1, 5}, {1, 6}, {2, 1}, {2, 2}}, nil, nil},
		{"nothing", false, nil, nil, ranges},
		{"stops early", false, []rec{{1, 5}, {1, 6}, {2, 1}}, nil, []wire.SyncRange{span(2, 2, 1)}},
		{"skips a record", false, []rec{{1, 6}}, reconcile.ErrOrder, nil},
		{"skips a log", false, []rec{{1, 5}, {2, 1}}, reconcile.ErrOrder, nil},
		{"repeats a record", false, []rec{{1, 5}, {1, 5}}, reconcile.ErrOrder, nil},
		{"another log", false, []rec{{3, 5}}, reconcile.ErrOrder, nil},
		{"beyond the range", false, []rec{{1, 5}, {1, 6}, {1, 7}}, reconcile.ErrOrder, nil},
		{"one too many", false, []rec{{1, 5}, {1, 6}, {2, 1}, {2, 2}, {2, 3}}, reconcile.ErrOrder, nil},
		{"bodies: may leave out", true, []rec{{1, 6}, {2, 1}}, nil, nil},
		{"bodies: may send none", true, nil, nil, nil},
		{"bodies: not backwards", true, []rec{{1, 6}, {1, 5}}, reconcile.ErrOrder, nil},
		{"bodies: not back a log", true, []rec{{2, 1}, {1, 5}}, reconcile.ErrOrder, nil},
		{"bodies: not another log", true, []rec{{3, 5}}, reconcile.ErrOrder, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := reconcile.NewFetch(ranges)
			if tt.bodies {
				var refs []ct.Ref
				for _, r := range ranges {
					refs = append(refs, ct.Ref{Log: r.Log, Seq: r.From}, ct.Ref{Log: r.Log, Seq: r.From + 1})
				}
				f = reconcile.NewBodyFetch(refs)
			}
			if w := f.Next(); w == nil || !reflect.DeepEqual(w.Ranges, ranges) || w.Bodies != tt.bodies {
				t.Fatalf("got want %+v", w)
			}
			var err error
			for _, r := range tt.recs {
				if err != nil {
					t.Fatalf("refused too early: %v", err)
				}
				err = f.Got(logID(r.log), r.seq)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if short, err := f.Done(); tt.want == nil && (err != nil || !slices.Equal(short, tt.short)) {
				t.Errorf("short of %+v, want %+v; error %v", short, tt.short, err)
			}
		})
	}
	f := reconcile.NewFetch(nil)
	if _, err := f.Done(); f.Next() != nil || !errors.Is(err, reconcile.ErrOrder) || !errors.Is(f.Got(logID(1), 1), reconcile.ErrOrder) {
		t.Error("an empty fetch asks for something or takes an answer")
	}
}

// Any two holders of honest logs end equal after each has fetched its plan.
func TestCompareConverges(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		a, b := map[byte]uint64{}, map[byte]uint64{}
		for log := byte(1); log < 100; log++ {
			a[log], b[log] = uint64(rng.IntN(5)), uint64(rng.IntN(5))
		}
		frontier := func(m map[byte]uint64) (out []wire.LogHead) {
			for log, size := range m {
				if size > 0 {
					out = append(out, head(log, size, byte(size)))
				}
			}
			reconcile.Sort(out)
			return out
		}
		pull := func(mine, theirs map[byte]uint64) {
			p := reconcile.Compare(of(frontier(mine)), frontier(theirs), class)
			if len(p.Suspects)+len(p.Proofs)+p.Skipped > 0 {
				t.Fatalf("honest logs look forked: %+v", p)
			}
			for _, r := range append(p.Roots, p.Nodes...) {
				log := r.Log[0]
				if mine[log]+1 != r.From || r.From+r.Count-1 != theirs[log] {
					t.Fatalf("log %d: plan %d+%d, mine %d, theirs %d", log, r.From, r.Count, mine[log], theirs[log])
				}
				mine[log] = theirs[log]
			}
		}
		pull(a, b)
		pull(b, a)
		if wire.FrontierDigest(frontier(a)) != wire.FrontierDigest(frontier(b)) {
			t.Fatal("the two differ after both have pulled")
		}
	}
}

// Whatever a peer answers, a fetch never accepts more than was asked, and each
// record at most once.
func FuzzFetch(f *testing.F) {
	f.Add([]byte{1, 5, 3, 2, 1, 2}, []byte{1, 5, 1, 6, 1, 7, 2, 1, 2, 2})
	f.Add([]byte{1, 1, 1}, []byte{1, 1, 0, 0, 1, 1})
	f.Fuzz(func(t *testing.T, plan, answers []byte) {
		for _, bodies := range []bool{false, true} {
			var ranges []wire.SyncRange
			var refs []ct.Ref
			asked := map[[2]byte]int{}
			for p := plan; len(p) >= 3; p = p[3:] {
				r := span(p[0], uint64(p[1])%200+1, uint64(p[2])%8+1)
				ranges = append(ranges, r)
				for s := r.From; s < r.From+r.Count; s++ {
					refs = append(refs, ct.Ref{Log: r.Log, Seq: s})
					asked[[2]byte{r.Log[0], byte(s)}]++
				}
			}
			x := reconcile.NewFetch(ranges)
			if bodies {
				x = reconcile.NewBodyFetch(refs)
			}
			for x.Next() != nil {
			}
			for a := answers; len(a) >= 2; a = a[2:] {
				if a[0] == 0 {
					_, _ = x.Done()
					continue
				}
				if x.Got(logID(a[0]), uint64(a[1])) == nil {
					if asked[[2]byte{a[0], a[1]}]--; asked[[2]byte{a[0], a[1]}] < 0 {
						t.Fatalf("log %d seq %d was accepted more often than asked for", a[0], a[1])
					}
				}
			}
		}
	})
}

// Whatever changed, the old frontier and the changes make the new one.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 500 {
		was, now := map[byte]uint64{}, map[byte]uint64{}
		for log := range byte(20) {
			if rng.IntN(2) == 0 {
				was[log] = uint64(rng.IntN(5) + 1)
				now[log] = was[log]
			}
		}
		changed := map[byte]uint64{}
		for range rng.IntN(10) {
			log := byte(rng.IntN(20))
			changed[log] = uint64(rng.IntN(5) + 1)
			now[log] = changed[log]
		}
		sorted := func(m map[byte]uint64) (out []wire.LogHead) {
			for log, size := range m {
				out = append(out, wire.LogHead{Log: ct.LogID{log}, Size: size})
			}
			reconcile.Sort(out)
			return out
		}
		if got := reconcile.Merge(sorted(was), sorted(changed)); !slices.Equal(got, sorted(now)) {
			t.Fatalf("%v and %v: got %v, want %v", was, changed, got, now)
		}
	}
}
