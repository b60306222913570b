package index_test

import (
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

type header = wire.Header

// at gives the ids of the records at some cursors.
func (w *world) at(cursors []uint64) []ct.ID {
	w.t.Helper()
	var out []ct.ID
	for _, c := range cursors {
		row, err := w.store.At(c)
		must(w.t, err)
		if !slices.Contains(out, row.ID) {
			out = append(out, row.ID)
		}
	}
	return out
}

func idsOf(recs ...verify.Record) []ct.ID {
	var out []ct.ID
	for _, r := range recs {
		out = append(out, r.ID())
	}
	return out
}

// places checks something of the followed index, and again of one that was
// built anew.
func (w *world) places(check func(when string)) {
	w.t.Helper()
	w.follow()
	check("followed")
	w.rebuild()
	check("built again")
}

func TestByIDAndReferrers(t *testing.T) {
	w := newWorld(t, 2)
	target, other := w.about(0, people[0], life), w.about(1, people[1], life)
	one, foreign, two := w.retract(0, target), w.retract(1, target), w.retract(0, target)
	w.append(target, other, w.bare(one))
	w.follow()
	w.append(foreign, two)
	w.fill(one)
	w.places(func(when string) {
		for _, r := range []verify.Record{target, other, one, foreign, two} {
			for _, n := range []int{4, 5, 15, 16, 17, 64} {
				cursors, err := w.index.ByID(r.ID().String()[:n], 2)
				must(t, err)
				if got := w.at(cursors); !slices.Contains(got, r.ID()) || n > 8 && len(got) != 1 {
					t.Errorf("%s, %d digits: got %v, want %s", when, n, got, r.ID())
				}
			}
		}
		if cursors, err := w.index.ByID("00000000000000000000", 2); err != nil || len(cursors) != 0 {
			t.Errorf("%s: an id of nobody is at %v (%v)", when, cursors, err)
		}
		cursors, err := w.index.Referrers(target.ID())
		must(t, err)
		if !slices.IsSorted(cursors) {
			t.Errorf("%s: cursors %v are not in the order of arrival", when, cursors)
		}
		got, want := w.at(cursors), idsOf(one, foreign, two)
		for _, ids := range [][]ct.ID{got, want} {
			slices.SortFunc(ids, func(a, b ct.ID) int { return slices.Compare(a[:], b[:]) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: referrers %v, want %v", when, got, want)
		}
		if cursors, err := w.index.Referrers(other.ID()); err != nil || len(cursors) != 0 {
			t.Errorf("%s: what nobody refers to has referrers %v (%v)", when, cursors, err)
		}
	})
}

// What has expired is due, the first to expire first, until it is done; a
// root log's records and what is erased are not.
func TestDueExpiries(t *testing.T) {
	w := newWorld(t, 1)
	longest, soon, later := w.about(0, people[0], 40*time.Hour), w.about(0, people[1], 2*time.Hour), w.about(0, people[2], 3*time.Hour)
	bare := w.about(0, people[3], 4*time.Hour)
	w.append(longest, soon, later, w.bare(bare))
	now := time.Now()
	due := func(after time.Duration, max int) []ct.Ref {
		refs, err := w.index.DueExpiries(now.Add(after), max)
		must(t, err)
		return refs
	}
	w.places(func(when string) {
		for _, c := range []struct {
			after time.Duration
			max   int
			want  []verify.Record
		}{
			{0, 10, nil},
			{2*time.Hour - time.Minute, 10, nil},
			{2*time.Hour + time.Minute, 10, []verify.Record{soon}},
			{5 * time.Hour, 10, []verify.Record{soon, later, bare}},
			{5 * time.Hour, 2, []verify.Record{soon, later}},
			{48 * time.Hour, 10, []verify.Record{soon, later, bare, longest}},
		} {
			got := due(c.after, c.max)
			if len(got) != len(c.want) {
				t.Errorf("%s, after %v: %d due, want %d", when, c.after, len(got), len(c.want))
				continue
			}
			for i, want := range c.want {
				if got[i] != ref(want) {
					t.Errorf("%s, after %v: %v is due at place %d, want %v", when, c.after, got[i], i, ref(want))
				}
			}
		}
	})
	// The janitor's way: erase, then take off the list.
	refs := due(5*time.Hour, 2)
	must(t, w.store.Erase(refs, store.BodyExpired))
	must(t, w.index.ExpiriesDone(now.Add(5*time.Hour), refs))
	w.places(func(when string) {
		if got := due(48*time.Hour, 10); len(got) != 2 || got[0] != ref(bare) || got[1] != ref(longest) {
			t.Errorf("%s, after the erasure: %v due", when, got)
		}
	})
	w.fill(bare) // it arrives again and is due once
	w.places(func(when string) {
		if got := due(48*time.Hour, 10); len(got) != 2 || got[0] != ref(bare) {
			t.Errorf("%s, after its body came: %v due", when, got)
		}
	})
}

// The newest statement of a log by its place in the log counts, though the
// body of an older one comes last, and though a newer one has none yet.
func TestEachAddress(t *testing.T) {
	w := newWorld(t, 3)
	statements := func() map[ct.LogID]uint64 {
		out := map[ct.LogID]uint64{}
		must(t, w.index.EachAddress(func(cursor uint64) error {
			row, err := w.store.At(cursor)
			must(t, err)
			a, err := wire.DecodeAddresses(row.Body)
			must(t, err)
			if _, twice := out[row.Header.Log]; twice {
				t.Errorf("log %s has two statements", row.Header.Log.Short())
			}
			out[row.Header.Log] = a.Serial
			return nil
		}))
		return out
	}
	late, newest := w.address(0, 1), w.address(0, 2)
	only, awaited := w.address(1, 7), w.address(1, 8)
	w.append(w.bare(late), newest, only, w.bare(awaited))
	w.follow()
	w.fill(late)
	w.places(func(when string) {
		got := statements()
		if a, b := w.m.Nodes[0].Public(), w.m.Nodes[1].Public(); len(got) != 2 || got[a] != 2 || got[b] != 7 {
			t.Errorf("%s: serials %v, want 2 of %s and 7 of %s", when, got, a.Short(), b.Short())
		}
	})
	w.fill(awaited)
	w.places(func(when string) {
		if got := statements(); got[w.m.Nodes[1].Public()] != 8 {
			t.Errorf("%s: serial %d, want 8", when, got[w.m.Nodes[1].Public()])
		}
	})
}

// A record says how long its body stays; one that says more than the policy allows
// is inadmissible, and its body goes when the policy says.
func TestInadmissibleExpires(t *testing.T) {
	w := newWorld(t, 1)
	body := []byte("no notification, but bytes of a person")
	issued := time.Now()
	ever := w.sign(0, ct.KindNotification, ct.TopicTravel, body, func(h *wire.Header) {
		h.Issued, h.Expires = ct.MillisOf(issued), 1<<63-1
	})
	if ever.Inadmissible() == "" {
		t.Fatal("it is in order")
	}
	w.append(ever)
	w.places(func(when string) {
		for after, want := range map[time.Duration]int{retention - time.Minute: 0, retention + time.Minute: 1} {
			if got, err := w.index.DueExpiries(issued.Add(after), 10); err != nil || len(got) != want {
				t.Errorf("%s, after %v: %v due, want %d, %v", when, after, got, want, err)
			}
		}
	})
}
