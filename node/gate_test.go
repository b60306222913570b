package node

import (
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/bubble"
)

// known is what a gate is told of the world.
type known struct {
	others, answers int
	peers, held     uint64 // records of our log: the most that a peer knows, and what is here
}

func newGate(k *known) *gate {
	return &gate{
		barred:   func() string { return "" },
		start:    time.Now(),
		others:   func() int { return k.others },
		told:     func() (int, uint64) { return k.answers, k.peers },
		held:     func() uint64 { return k.held },
		ahead:    func() (time.Duration, int) { return 0, 0 },
		restored: func() bool { return false },
		clock:    time.Now,
	}
}

// A node signs when enough peers have told how far they know its log, or one
// after a while, and never while one of them knows more than it holds itself.
func TestGate(t *testing.T) {
	const soon = ownHeadWait - time.Millisecond
	for _, c := range []struct {
		name  string
		after time.Duration
		known known
		why   string // what is said; empty: it may sign
	}{
		{"alone in the network", 0, known{held: 7}, ""},
		{"nobody has answered", 0, known{others: 9}, "0 of 3 peers"},
		{"two of three", soon, known{others: 9, answers: 2}, "2 of 3 peers"},
		{"three of three", 0, known{others: 9, answers: 3}, ""},
		{"all of a small network", 0, known{others: 1, answers: 1}, ""},
		{"not all of a small network", soon, known{others: 2, answers: 1}, "1 of 2 peers"},
		{"one, after the wait", ownHeadWait, known{others: 9, answers: 1}, ""},
		{"none, after the wait", ownHeadWait, known{others: 9}, "no peer has answered"},
		{"none, after a day", 24 * time.Hour, known{others: 1}, "no peer has answered"},
		{"a peer knows as much", 0, known{others: 3, answers: 3, peers: 7, held: 7}, ""},
		{"a peer knows less", 0, known{others: 3, answers: 3, peers: 6, held: 7}, ""},
		{"a peer knows more", 0, known{others: 3, answers: 3, peers: 8, held: 7}, "7 held, peers know 8"},
		{"a peer knows more, after a day", 24 * time.Hour, known{others: 3, answers: 3, peers: 8, held: 7}, "7 held, peers know 8"},
		{"all is lost", 0, known{others: 3, answers: 1, peers: 8}, "0 held, peers know 8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				g := newGate(&c.known)
				time.Sleep(c.after)
				open, why := g.ready()
				if open != (c.why == "") || !strings.Contains(why, c.why) || open != (why == "") {
					t.Errorf("open %v, %q; want %q", open, why, c.why)
				}
			})
		})
	}
}

// An open gate stays open when peers leave, closes when one turns up that
// holds records which were lost here, and opens when they have come back.
func TestGateClosesAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		k := &known{others: 4}
		g := newGate(k)
		step := func(name string, want bool) {
			t.Helper()
			if open, why := g.ready(); open != want {
				t.Fatalf("%s: open %v (%s), want %v", name, open, why, want)
			}
		}
		step("at the start", false)
		time.Sleep(ownHeadWait)
		step("after the wait, in silence", false)
		k.answers = 1
		step("the first answer", true)
		k.answers = 0
		step("that peer has left", true)
		k.answers, k.peers, k.held = 2, 5, 3
		step("one comes that knows two more", false)
		k.held = 4
		step("one of them is back", false)
		k.answers, k.peers, k.held = 0, 0, 3
		step("that one leaves: nobody vouches for the log now", false)
		k.answers, k.peers, k.held = 1, 5, 5
		step("both are back", true)
	})
}
