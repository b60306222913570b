package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/node/ct"
)

// marked is a notification about who is wanted, with free text in every place
// that a release could carry.
func marked(tlp ct.TLP) *ct.Notification {
	n := about(wanted())
	n.TLP = tlp
	n.Handling = ct.Handling{PAP: "RED", Text: "CANARY the source sits at the harbour"}
	n.Contact = ct.Contact{Desk: "KEN desk", Phone: "+254700000000", Ref: "CANARY-CASE-77"}
	return n
}

// Another State's record is told of as its marking and its author's word allow,
// and of one that may not go on not even that there is one.
func TestThirdStatesRecordIsNotTold(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(*ct.Notification)
		asker  int
		told   bool
	}{
		{"RED", func(n *ct.Notification) { n.TLP = ct.TLPRed }, 0, false},
		{"AMBER", func(n *ct.Notification) { n.TLP = ct.TLPAmber }, 0, false},
		{"RED, to its author", func(n *ct.Notification) { n.TLP = ct.TLPRed }, 2, true},
		{"GREEN", func(*ct.Notification) {}, 0, true},
		{"GREEN, no onward", func(n *ct.Notification) { n.Handling.Caveats = []string{"no-onward"} }, 0, false},
		{"GREEN, H2", func(n *ct.Notification) { n.Handling.Codes = []string{"H2"} }, 0, false},
		{"RED, the asker named", func(n *ct.Notification) { n.TLP, n.Handling.Originator = ct.TLPRed, []ct.State{"UTO"} }, 0, true},
		{"GREEN, another named", func(n *ct.Notification) { n.Handling.Originator = []ct.State{"BRA"} }, 0, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
			b, c := net.nodes[1], net.nodes[2]
			n := marked(ct.TLPGreen)
			x.change(n)
			publish(t, c, n)
			net.deliver()
			got, _ := ask(t, net.nodes[x.asker], query(wanted(), "FIN"))
			if told := got["FIN"].Answer == desk.AnswerPossible; told != x.told || !told && got["FIN"].Answer != desk.AnswerNoHit {
				t.Fatalf("the answer is %s, want told %v", got["FIN"].Answer, x.told)
			}
			if requests, _ := inbox(t, b); len(requests) != 0 {
				t.Fatal("it waits for a release, and its author is the one to ask")
			}
			// Beside an entry of the own list it is in a release, or not.
			_, err := b.desk.ImportPersons(within(t), "own", strings.NewReader(listLine("p1", wanted())), nil)
			must(t, err)
			b.follow()
			ask(t, net.nodes[x.asker], query(wanted(), "FIN"))
			_, rel, err := b.desk.Release(within(t), waiting(t, b).ID.String(), desk.ReleaseOptions{Operator: "x"})
			must(t, err)
			i := slices.IndexFunc(rel.Hits, func(h ct.ReleasedHit) bool { return h.Author == "KEN" })
			if (i >= 0) != x.told {
				t.Fatalf("in a release: %v, want %v", i >= 0, x.told)
			}
			if !x.told {
				return
			}
			h := rel.Hits[i]
			if h.Author != "KEN" || h.Contact == nil || h.Contact.Desk != "KEN desk" {
				t.Fatalf("not said whose it is: %s", h.Author)
			}
			if x.asker == 0 && (strings.Contains(h.Handling.Text, "CANARY") || strings.Contains(h.Contact.Ref, "CANARY") ||
				!slices.Contains(h.Withheld, ct.WithheldText) || !slices.Contains(h.Withheld, ct.WithheldCase)) {
				t.Errorf("free text and case reference go on; withheld %v", h.Withheld)
			}
		})
	}
}

// Who has fled a State is no hit for it, however many other records there are of
// the person, and others are told.
func TestFledSilencesOtherRecords(t *testing.T) {
	for _, x := range []struct {
		name string
		ask  func(*ct.Person)
	}{
		{"asked with everything", func(*ct.Person) {}},
		{"asked by name alone", func(p *ct.Person) { p.Births, p.Documents, p.Nationalities = nil, nil, nil }},
		{"asked by number alone", func(p *ct.Person) { p.Names, p.Births, p.Nationalities = nil, nil, nil }},
	} {
		t.Run(x.name, func(t *testing.T) {
			net := newNetwork(t, generous(), "UTO", "FIN", "KEN")
			a, b, c := net.nodes[0], net.nodes[1], net.nodes[2]
			fled := wanted()
			fled.FledFrom = []ct.State{"UTO"}
			publish(t, b, about(fled))
			_, err := b.desk.ImportPersons(within(t), "own", strings.NewReader(listLine("p1", wanted())), nil)
			must(t, err)
			b.follow()
			q := query(wanted(), "FIN")
			x.ask(&q.Person)
			if got, _ := ask(t, a, q); got["FIN"].Answer != desk.AnswerNoHit {
				t.Errorf("the State fled from is told %s", got["FIN"].Answer)
			}
			if got, _ := ask(t, c, q); got["FIN"].Answer != desk.AnswerPossible {
				t.Errorf("another State is told %s", got["FIN"].Answer)
			}
		})
	}
}

// Somebody else of another name is told, though one who fled is held too.
func TestFledSilencesNobodyElse(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	fled := person("Ulfgrim Zetakovnar")
	fled.FledFrom = []ct.State{"UTO"}
	publish(t, b, about(fled))
	publish(t, b, about(wanted()))
	b.follow()
	if got, _ := ask(t, a, query(wanted(), "FIN")); got["FIN"].Answer != desk.AnswerPossible {
		t.Errorf("answer %s", got["FIN"].Answer)
	}
}

// A flag protects also where nothing says from whom, and the codes of the United
// Kingdom are its own: neither is asked, answered or published to unasked.
func TestFledBesidesNationality(t *testing.T) {
	for name, change := range map[string]func(*ct.Person){
		"a flag that names nobody":    func(p *ct.Person) { p.Nationalities, p.AsylumOrRefugee = nil, true },
		"a British national overseas": func(p *ct.Person) { p.Nationalities, p.AsylumOrRefugee = []ct.State{"GBN"}, true },
		"a refugee born there": func(p *ct.Person) {
			p.Nationalities, p.BirthPlaces = []ct.State{"XXB"}, []ct.PlaceOfLife{{State: "GBR"}}
		},
		"a State that is named as fled":    func(p *ct.Person) { p.FledFrom = []ct.State{"GBR"} },
		"a code that is named as fled":     func(p *ct.Person) { p.FledFrom = []ct.State{"GBD"} },
		"a refugee of unknown nationality": func(p *ct.Person) { p.Nationalities = []ct.State{"XXC"} },
	} {
		t.Run(name, func(t *testing.T) {
			net := newNetwork(t, generous(), "GBR", "FIN")
			a, b := net.nodes[0], net.nodes[1]
			p := wanted()
			change(&p)
			_, err := b.desk.Publish(within(t), about(p), desk.PublishOptions{Operator: "x"})
			if !errors.Is(err, desk.ErrConflict) || !strings.Contains(err.Error(), "--accept asylum") || strings.Contains(err.Error(), "GBR") {
				t.Fatalf("published without asking: %v", err)
			}
			dry, err := b.desk.Publish(within(t), about(p), desk.PublishOptions{DryRun: true})
			must(t, err)
			if !strings.Contains(strings.Join(dry.Warnings, "\n"), "asylum: GBR is told") {
				t.Errorf("warnings %q", dry.Warnings)
			}
			publish(t, b, about(p)) // which accepts
			b.follow()
			if e := lastAct(b, "publish"); !strings.Contains(e.Outcome, "accepted=asylum") {
				t.Errorf("the journal does not say who accepted: %q", e.Outcome)
			}
			q := wanted()
			q.Nationalities = nil
			if got, _ := ask(t, a, query(q, "FIN")); got["FIN"].Answer != desk.AnswerNoHit {
				t.Errorf("answer %s", got["FIN"].Answer)
			}
			if _, sum := ask(t, b, query(p)); sum.Asked != 1 || !slices.Equal(sum.Withheld, []ct.State{"GBR"}) {
				t.Errorf("asked %d, withheld %v", sum.Asked, sum.Withheld)
			}
		})
	}
}

// Free text that may tell of what has no field is not signed before somebody has
// said that he has seen it.
func TestSpecialCategoriesAreAskedAbout(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a := net.nodes[0]
	n := about(wanted())
	n.Assessment.GroundsText = "He prays at the mosque of the harbour and is treated for epilepsy."
	for _, accept := range [][]string{nil, {desk.AcceptAsylum}} {
		_, err := a.desk.Publish(within(t), n, desk.PublishOptions{Accept: accept})
		if !errors.Is(err, desk.ErrConflict) || !strings.Contains(err.Error(), "--accept special-category") || strings.Contains(err.Error(), "mosque") {
			t.Fatalf("accept %v: %v", accept, err)
		}
	}
	if head, _ := a.store.Head(a.key.Public()); head.Size != 0 {
		t.Fatal("it was signed")
	}
	dry, err := a.desk.Publish(within(t), n, desk.PublishOptions{DryRun: true})
	must(t, err)
	for _, want := range []string{"special-category: assessment.grounds_text: may tell of religion", "may tell of health"} {
		if !strings.Contains(strings.Join(dry.Warnings, "\n"), want) {
			t.Errorf("no warning %q in %q", want, dry.Warnings)
		}
	}
	var faults ct.Faults
	if _, err := a.desk.Publish(within(t), n, desk.PublishOptions{Accept: []string{"all"}}); !errors.As(err, &faults) {
		t.Fatalf("an unknown word is accepted: %v", err)
	}
	r, err := a.desk.Publish(within(t), n, desk.PublishOptions{Accept: []string{desk.AcceptSpecial}})
	must(t, err)
	if _, err := a.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error", Text: "es católico"}, "op"); !errors.Is(err, desk.ErrConflict) {
		t.Fatalf("retracted with such a remark: %v", err)
	}
	_, err = a.desk.Retract(within(t), r.ID, ct.Retraction{Reason: "error", Text: "es católico"}, "op", desk.AcceptSpecial)
	must(t, err)
}

// A retraction that waits to be signed hides here at once, across a restart, and
// no more when it is dropped.
func TestWaitingRetractionHides(t *testing.T) {
	_, a, b := knowing(t)
	row, err := b.store.At(b.store.Last())
	must(t, err)
	b.close("own-head check")
	answer := func() string {
		t.Helper()
		got, _ := ask(t, a, query(wanted(), "FIN"))
		return fmt.Sprint(got["FIN"].Answer, " ", b.desk.Retracting(row.ID))
	}
	stopped := within(t)
	go func() { _, _ = b.desk.Retract(stopped, row.ID, ct.Retraction{Reason: "mistaken-identity"}, "op") }()
	waitOutbox(t, b, 1)
	if got := answer(); got != "NO_HIT true" {
		t.Fatalf("while the retraction waits: %s", got)
	}
	b.restart()
	b.follow()
	if got := answer(); got != "NO_HIT true" {
		t.Fatalf("after a restart: %s", got)
	}
	items, err := b.desk.Outbox()
	must(t, err)
	must(t, b.desk.Discard(items[0].Key, "a slip", "op"))
	if got := answer(); got != "POSSIBLE false" {
		t.Fatalf("after it was dropped: %s", got)
	}
}

// A child of whom no birth is known carries no suspicion, and details go for
// protection alone.
func TestChildWithoutBirth(t *testing.T) {
	net := newNetwork(t, generous(), "UTO", "FIN")
	a, b := net.nodes[0], net.nodes[1]
	p := wanted()
	p.Births = nil
	n := about(p)
	n.Assessment.RequestedAction, n.Assessment.WarrantRef = ct.ActionChildProtection, ""
	n.Assessment.Designation, n.Assessment.Grounds = ct.DesignationSuspected, []string{ct.GroundConvicted}
	var faults ct.Faults
	_, err := b.desk.Publish(within(t), n, desk.PublishOptions{})
	if !errors.As(err, &faults) || !faults.Has("assessment.designation", ct.FaultMinorDesignation) || !faults.Has("assessment.grounds[0]", ct.FaultMinorGround) {
		t.Fatalf("published: %v", err)
	}
	n.Assessment.Designation, n.Assessment.Grounds = ct.DesignationFamilyMember, []string{ct.GroundAssociation}
	n.Retention.PurposeDate, n.Retention.ReviewDate = "", ""
	publish(t, b, n)
	b.follow()
	for purpose, told := range map[string]bool{"border-screening": false, "protection": true} {
		q := query(wanted(), "FIN")
		q.Purpose = purpose
		ask(t, a, q)
		_, rel, err := b.desk.Release(within(t), waiting(t, b).ID.String(), desk.ReleaseOptions{Operator: "x"})
		must(t, err)
		if h := rel.Hits[0]; (h.Person != nil) != told || h.Designation != "" || h.Action != "" {
			t.Errorf("%s: person %v, designation %q, action %q", purpose, h.Person != nil, h.Designation, h.Action)
		}
	}
}
