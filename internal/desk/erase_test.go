package desk_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/node/ct"
)

// Erasing whom an entry is about reaches what else this node keeps of it: the
// request that waits, the grounds of an answer, the list entries that were found.
func TestErasureReachesTheInbox(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	const number = "PERSNR-19710304-1234"
	_, err := b.desk.ImportPersons(within(t), "own", strings.NewReader(listLine(number, wanted())), nil)
	must(t, err)
	b.follow()
	q := query(wanted(), "FIN")
	q.Grounds = "CANARY-GROUNDS was seen"
	ask(t, a, q)
	ask(t, b, query(wanted(), "FIN")) // the own holdings
	for _, n := range []*node{a, b} {
		for _, e := range n.entries() {
			if strings.Contains(e.Outcome, number) {
				t.Errorf("%s: entry %d (%s) names the list entry in clear: %q", n.state, e.Seq, e.Act, e.Outcome)
			}
		}
	}
	if e := lastAct(b, journal.ActMatchFound); string(e.Subject) != "list:own/"+number+"\n" || e.Of != lastAct(b, journal.ActMatchAnswer).Seq {
		t.Errorf("what was found is not in the journal: %v of %d %q", e, e.Of, e.Subject)
	}
	for _, n := range []*node{a, b} {
		for _, e := range n.entries() {
			if e.Sealed != nil && e.Act != journal.ActMatchFound && e.Act != journal.ActEraseSubject {
				must(t, n.desk.EraseSubject(e.Seq, "officer-3", "court order 12"))
			}
		}
		for _, e := range n.entries() {
			if e.Sealed != nil && e.Act != journal.ActEraseSubject {
				t.Errorf("%s: entry %d (%s) still has its subject", n.state, e.Seq, e.Act)
			}
		}
		items, err := n.desk.Inbox()
		must(t, err)
		for _, it := range items {
			if !it.Answer || strings.Contains(it.Grounds, "CANARY") {
				t.Errorf("%s: the inbox has %s with grounds %q", n.state, it.ID.Short(), it.Grounds)
			}
		}
		if all := opened(t, n); bytes.Contains(all, []byte("CANARY")) || bytes.Contains(all, []byte("Oskvar")) && n == a {
			t.Errorf("%s: local.db still holds it", n.state)
		}
	}
	if b.desk.Waits() != 0 {
		t.Error("the erased request is still counted")
	}
}

// A clock that jumps for one round drops no request that waits, forgets no
// release, and answers nothing by that clock.
func TestClockJumpForgetsNothing(t *testing.T) {
	net, a, b := knowing(t)
	row, err := b.store.At(b.store.Last())
	must(t, err)
	first, _ := ask(t, a, query(wanted(), "FIN"))
	id := first["FIN"].Inbox
	_, _, err = b.desk.Release(within(t), id.String(), desk.ReleaseOptions{Operator: "x"})
	must(t, err)
	q := query(wanted(), "FIN")
	q.Case = "another"
	ask(t, a, q)
	waiting(t, b)
	ahead := time.Now().Add(400 * 24 * time.Hour)
	for _, n := range []*node{a, b} {
		n.mistrust("this node's clock has jumped by 400 days", true)
		must(t, n.desk.LapseAt(ahead))
		must(t, n.desk.SupersedeAt(ahead))
		must(t, n.desk.SweepLeadsAt(ahead))
	}
	if n := b.desk.Given(); n != 1 {
		t.Fatalf("%d releases are remembered, want 1", n)
	}
	if got := a.asks(b, stranger(), "o", "c"); got.reason != "unavailable" {
		t.Errorf("answered by a wrong clock: %+v", got)
	}
	for _, n := range []*node{a, b} {
		n.mistrust("", false)
	}
	waiting(t, b)
	net.deliver()
	becomes(t, a, id, desk.StatusReleased)
	_, err = b.desk.Retract(within(t), row.ID, ct.Retraction{Reason: "mistaken-identity"}, "op")
	must(t, err)
	arrives(t, a, id, desk.StatusWithdrawn)
	must(t, b.desk.LapseAt(ahead)) // and by a clock that is trusted it ends
	if requests, _ := inbox(t, b); len(requests) != 0 {
		t.Error("nothing ever lapses")
	}
}
