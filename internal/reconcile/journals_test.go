package reconcile_test

import (
	"reflect"
	"testing"

	"github.com/herald-net/herald/internal/reconcile"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

func journalBeacon(node byte, at int64, entries uint64, head byte) *wire.Beacon {
	return &wire.Beacon{Node: logID(node), Time: ct.Millis(at), JournalEntries: entries, JournalHead: [32]byte{head}}
}

func TestJournals(t *testing.T) {
	type said struct {
		at      int64
		entries uint64
		head    byte
		broken  bool // contradicts
	}
	tests := []struct {
		name  string
		said  []said
		was   uint64 // entries that the alarm names; 0: no alarm
		last  uint64
		known bool
	}{
		{"empty journals are not remembered", []said{{1, 0, 0, false}}, 0, 0, false},
		{"grows", []said{{1, 1, 1, false}, {2, 5, 2, false}, {3, 5, 2, false}}, 0, 5, true},
		{"shorter", []said{{1, 5, 1, false}, {2, 4, 2, true}}, 5, 4, true},
		{"gone", []said{{1, 5, 1, false}, {2, 0, 0, true}}, 5, 0, true},
		{"another head", []said{{1, 5, 1, false}, {2, 5, 2, true}}, 5, 5, true},
		{"a replay of what was said before", []said{{1, 4, 1, false}, {2, 5, 2, false}, {1, 4, 1, false}, {2, 5, 2, false}}, 0, 5, true},
		{"a later one of the same time", []said{{2, 5, 2, false}, {2, 4, 1, false}}, 0, 5, true},
		{"grows again after it was cut", []said{{1, 5, 1, false}, {2, 3, 2, true}, {3, 9, 3, false}}, 5, 9, true},
		{"is cut again, further back", []said{{1, 5, 1, false}, {2, 3, 2, true}, {3, 2, 3, true}}, 5, 2, true},
		{"is cut again, further on", []said{{1, 5, 1, false}, {2, 3, 2, true}, {3, 9, 3, false}, {4, 8, 4, true}}, 9, 8, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := reconcile.NewJournals(nil)
			for i, s := range tt.said {
				if got := j.Hear(journalBeacon(1, s.at, s.entries, s.head)); got != s.broken {
					t.Errorf("beacon %d: contradicts %v, want %v", i, got, s.broken)
				}
				j = reconcile.NewJournals(j.All()) // a restart changes nothing
			}
			all := j.All()
			if len(all) == 0 && !tt.known {
				return
			}
			if len(all) != 1 || all[0].Broken != (tt.was > 0) || all[0].Was.Entries != tt.was || all[0].Last.Entries != tt.last {
				t.Fatalf("got %+v, want last %d, was %d", all, tt.last, tt.was)
			}
			if got := j.Accept(logID(1)); got != (tt.was > 0) || j.All()[0].Broken || j.Accept(logID(1)) {
				t.Errorf("accept: %v, then %+v", got, j.All())
			}
			if j.Hear(journalBeacon(1, 100, tt.last+1, 9)) {
				t.Error("a journal that grows after an accepted cut is suspected")
			}
		})
	}
}

func TestJournalsAreKeptWhenTheyChange(t *testing.T) {
	j := reconcile.NewJournals(nil)
	step := func(want bool, what string, do func()) {
		t.Helper()
		do()
		if got := j.Changed(); got != want {
			t.Errorf("%s: changed %v", what, got)
		}
	}
	step(false, "nothing", func() {})
	step(true, "a first head", func() { j.Hear(journalBeacon(1, 1, 1, 1)) })
	step(false, "the same head", func() { j.Hear(journalBeacon(1, 2, 1, 1)) })
	step(true, "a longer journal", func() { j.Hear(journalBeacon(1, 3, 2, 2)) })
	step(true, "a shorter one", func() { j.Hear(journalBeacon(1, 4, 1, 1)) })
	step(true, "accepted", func() { j.Accept(logID(1)) })
	j.Hear(journalBeacon(2, 1, 7, 7))
	j.Forget(func(node ct.LogID) bool { return node == logID(2) })
	want := []reconcile.JournalOf{{Node: logID(2), Last: reconcile.JournalHead{Entries: 7, Head: [32]byte{7}, Said: 1}}}
	if got := j.All(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
