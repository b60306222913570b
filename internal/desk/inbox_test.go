package desk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Ten States that fill the inbox leave a place to every other one.
func TestNobodyIsCrowdedOut(t *testing.T) {
	_, a, b := knowing(t)
	for i := range 10 {
		b.desk.FillInbox(ct.State(fmt.Sprintf("XX%c", 'A'+i)))
	}
	ask(t, a, query(wanted(), "FIN"))
	if item := waiting(t, b); item.State != "UTO" {
		t.Fatalf("%+v", item)
	}
}

// Who releases has read for which case and on what grounds: a request for other
// reasons is a decision of its own, and one for the same joins.
func TestOtherReasonsAreAnotherDecision(t *testing.T) {
	net, a, b := knowing(t)
	q := query(wanted(), "FIN")
	ask(t, a, q)
	joined, _ := ask(t, a, q)
	if item := waiting(t, b); item.Times != 2 {
		t.Fatalf("%+v", item)
	}
	if e := lastAct(b, journal.ActMatchAnswer); !strings.Contains(e.Outcome, "(joined)") {
		t.Errorf("the journal has %q", e.Outcome)
	}
	first := waiting(t, b).ID
	q.Case = "UTO-2026-78"
	ask(t, a, q)
	q.Grounds = "none"
	other, _ := ask(t, a, q)
	requests, _ := inbox(t, b)
	if len(requests) != 3 {
		t.Fatalf("%d requests wait, want one for each case and its grounds", len(requests))
	}
	_, content, err := b.desk.Release(within(t), first.String(), desk.ReleaseOptions{})
	must(t, err)
	if len(content.Requests) != 2 || content.Requests[1] != joined["FIN"].Inbox {
		t.Fatalf("it answers %v", content.Requests)
	}
	// An auditor finds every request that was answered.
	for _, id := range content.Requests {
		if e := lastAct(b, journal.ActRelease); !strings.Contains(e.Outcome, id.String()[:32]) {
			t.Errorf("request %s is not in the entry of its release: %q", id.Short(), e.Outcome)
		}
	}
	net.deliver()
	becomes(t, a, joined["FIN"].Inbox, desk.StatusReleased)
	if got := status(t, a, other["FIN"].Inbox); got != desk.StatusWaiting {
		t.Errorf("the request on other grounds is %s", got)
	}

	b.desk.FillInbox("UTO") // what joins takes no place
	ask(t, a, q)
	if e := lastAct(b, journal.ActMatchAnswer); !strings.Contains(e.Outcome, "(joined)") {
		t.Errorf("the journal has %q", e.Outcome)
	}
}

// A key that was closed since it asked may have been a thief's: what it asked
// for is not released.
func TestNoReleaseToAClosedKey(t *testing.T) {
	net, a, b := knowing(t)
	answers, _ := ask(t, a, query(wanted(), "FIN"))
	id := answers["FIN"].Inbox.String()

	b.stop()
	a.stop()
	root := net.roots["UTO"].Public()
	at, _ := net.view.RootNext(root)
	h := &wire.Header{Version: 1, Log: root, Kind: uint32(ct.KindClosing), Issued: ct.MillisOf(time.Now())}
	at.Put(h, net.view.Line(root))
	right, _ := net.view.Right(a.key.Public())
	closed, err := net.view.Apply(h, wire.ID(net.view.Network(), wire.EncodeHeader(h)),
		roster.Operation{Closing: &ct.Closing{Log: a.key.Public(), Seq: 0, ID: right.First, Reason: "compromised"}})
	must(t, err)
	net.view = closed
	b.start()
	b.follow()

	shown, err := b.desk.InboxShow(id, "officer-3")
	must(t, err)
	if !strings.Contains(shown.Item.Reason, "does not speak for it any more") {
		t.Errorf("the officer reads %q", shown.Item.Reason)
	}
	if _, _, err := b.desk.Release(within(t), id, desk.ReleaseOptions{}); !errors.Is(err, desk.ErrNotAllowed) {
		t.Fatalf("released: %v", err)
	}
	waiting(t, b)
	must(t, b.desk.Refuse(id, "the key was stolen", "officer-3"))
}

// A request whose source is gone says so before anybody tries to release it; a
// restored node does not show what may have been retracted since.
func TestShownAsItIs(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	r := publish(t, b, about(wanted()))
	b.follow()
	ask(t, a, query(wanted(), "FIN"))
	id := waiting(t, b).ID.String()
	if shown, err := b.desk.InboxShow(id, ""); err != nil || shown.Release == nil || shown.Item.Reason != "" {
		t.Fatalf("%v, %+v", err, shown.Item)
	}
	b.unsettle(true)
	if shown, err := b.desk.InboxShow(id, ""); err != nil || shown.Release != nil || !strings.Contains(shown.Item.Reason, "restore") {
		t.Fatalf("restored: %v, a release shown: %v, %+v", err, shown.Release != nil, shown.Item)
	}
	b.unsettle(false)
	_, err := b.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error"}, "")
	must(t, err)
	if e := lastAct(b, journal.ActRetract); e.Actor != "operator" {
		t.Errorf("the journal says that %q retracted", e.Actor)
	}
	if shown, err := b.desk.InboxShow(id, ""); err != nil || shown.Release != nil || !strings.HasPrefix(shown.Item.Reason, "no release: what was found has been retracted") {
		t.Fatalf("%v, %+v", err, shown.Item)
	}
}

// What a standing policy covers goes out once there is room for it.
func TestStandingPolicyTriesAgain(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		set := generous()
		rule := ct.ReleaseRule{State: "UTO", Purposes: []string{"investigation"}, TLP: ct.TLPAmber}
		set.release = map[ct.State]desk.ReleasePolicy{"FIN": {Rules: []ct.ReleaseRule{rule}}}
		net := newNetwork(t, set, "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		note := about(wanted())
		note.TLP = ct.TLPAmber
		publish(t, b, note)
		b.follow()
		b.fill(store.ErrFull)
		ask(t, a, query(wanted(), "FIN"))
		<-time.After(time.Minute)
		waiting(t, b)
		b.fill(nil)
		<-time.After(time.Minute)
		if requests, _ := inbox(t, b); len(requests) != 0 {
			t.Fatal("it waits for a person, though the policy covers it")
		}
	})
}

// One release that cannot be looked at does not keep the others from being
// withdrawn.
func TestWithdrawalIsNotHeldUp(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	r := publish(t, b, about(wanted()))
	b.follow()
	answers, _ := ask(t, a, query(wanted(), "FIN"))
	id := answers["FIN"].Inbox
	_, _, err := b.desk.Release(within(t), id.String(), desk.ReleaseOptions{})
	must(t, err)
	net.deliver()
	becomes(t, a, id, desk.StatusReleased)
	b.desk.SpoilReleases(100) // they are looked at in no order
	_, err = b.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error"}, "")
	must(t, err)
	arrives(t, a, id, desk.StatusWithdrawn)
}

// However many nodes are silent, the others are asked.
func TestSilentNodesHoldUpNobody(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		states := []ct.State{"UTO"}
		for i := range 50 {
			for range 2 {
				states = append(states, ct.State([]string{
					"ATG", "AND", "BHS", "BLZ", "BRB", "BRN", "BTN", "COM", "CPV", "CRI", "CYP", "DMA", "EST", "FJI", "FSM", "GRD", "GUY", "ISL",
					"KIR", "KNA", "LCA", "LIE", "LSO", "LUX", "LVA", "MCO", "MDV", "MHL", "MLT", "MNG", "MUS", "NRU", "PAN", "PLW", "PRY", "SLB",
					"SMR", "STP", "SUR", "SVN", "SWZ", "SYC", "TLS", "TON", "TUV", "URY", "VCT", "VUT", "WSM", "ZMB",
				}[i]))
			}
		}
		set := generous()
		set.running = 1
		net := newNetwork(t, set, states...)
		a := net.nodes[0]
		asked := make(chan ct.State, len(states))
		a.ask = func(ctx context.Context, to *node, _ []byte) ([]byte, error) {
			if ctx.Err() == nil {
				asked <- to.state
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		_, s := ask(t, a, query(stranger()))
		if s.Asked != 101 || len(asked) != 100 {
			t.Fatalf("%d of %d nodes were sent the request", len(asked), s.Asked-1)
		}
	})
}

// Of too many answers those go first that nothing can come of.
func TestOpenAnswersStay(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		net := newNetwork(t, generous(), "UTO", "FIN")
		a, b := net.nodes[0], net.nodes[1]
		publish(t, b, about(wanted()))
		b.follow()
		open, _ := ask(t, a, query(wanted(), "FIN"))
		<-time.After(time.Minute)
		short := query(wanted(), "FIN")
		short.ReleaseWithin = time.Minute
		ask(t, a, short)
		<-time.After(time.Minute)
		must(t, a.desk.SweepLeads(1))
		if _, answers := inbox(t, a); len(answers) != 1 || answers[0].ID != open["FIN"].Inbox {
			t.Fatalf("%d answers are left: %+v", len(answers), answers)
		}
	})
}
