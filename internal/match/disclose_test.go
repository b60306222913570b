package match_test

import (
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

func held() *ct.Notification {
	return &ct.Notification{
		TLP: ct.TLPAmber,
		Person: ct.Person{
			Names: []ct.Name{{Full: "Vell Orandi"}}, Births: []ct.Birth{{Date: "1980"}}, Nationalities: []ct.State{"FIN"},
			Residence: []ct.PlaceOfLife{{State: "FIN"}}, Contacts: []ct.PersonContact{{Kind: "phone", Value: "1"}},
			Physical: &ct.Physical{HeightCM: 180}, Biometrics: &ct.Biometrics{Face: true},
		},
		Event:      ct.Event{Type: ct.Arrival, Time: "2026-01-01"},
		Assessment: ct.Assessment{Designation: "suspected", RequestedAction: ct.ActionLocate, GroundsText: "told by a source"},
		Contact:    ct.Contact{Desk: "UTO desk"},
	}
}

// What goes out, by handling, author, age and purpose.
func TestDisclose(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		name       string
		change     func(*ct.Notification)
		author, to ct.State
		purpose    string
		without    []string
		person     bool
		assessment bool
		told       bool
	}{
		{"own", func(*ct.Notification) {}, "UTO", "FIN", "investigation", nil, true, true, true},
		{"own, AMBER+STRICT", func(n *ct.Notification) { n.TLP = ct.TLPAmberStrict }, "UTO", "FIN", "investigation", nil, true, true, true},
		{"own, RED", func(n *ct.Notification) { n.TLP = ct.TLPRed }, "UTO", "FIN", "investigation", nil, false, false, true},
		{"own, H2 binds the asker", func(n *ct.Notification) { n.Handling.Codes = []string{"H2"} }, "UTO", "FIN", "investigation", nil, true, true, true},
		{"own, H3", func(n *ct.Notification) { n.Handling.Codes = []string{"H3"} }, "UTO", "FIN", "investigation", nil, false, false, true},
		{"a person says no", func(*ct.Notification) {}, "UTO", "FIN", "investigation", []string{ct.WithheldPerson}, false, false, true},
		{"without assessment", func(*ct.Notification) {}, "UTO", "FIN", "investigation", []string{ct.WithheldAssessment}, true, false, true},
		{"another State's, AMBER", func(*ct.Notification) {}, "KEN", "FIN", "investigation", nil, false, false, false},
		{"another State's, to itself", func(*ct.Notification) {}, "KEN", "KEN", "investigation", nil, true, true, true},
		{"another State's, GREEN", func(n *ct.Notification) { n.TLP = ct.TLPGreen }, "KEN", "FIN", "investigation", nil, true, true, true},
		{"another State's, no onward", func(n *ct.Notification) {
			n.TLP, n.Handling.Caveats = ct.TLPGreen, []string{"no-onward"}
		}, "KEN", "FIN", "investigation", nil, false, false, false},
		{"another State's, H2", func(n *ct.Notification) {
			n.TLP, n.Handling.Codes = ct.TLPGreen, []string{"H2"}
		}, "KEN", "FIN", "investigation", nil, false, false, false},
		{"another State's, named", func(n *ct.Notification) { n.Handling.Originator = []ct.State{"FIN"} }, "KEN", "FIN", "investigation", nil, true, true, true},
		{"another State's, others named", func(n *ct.Notification) {
			n.TLP, n.Handling.Originator = ct.TLPGreen, []ct.State{"BRA"}
		}, "KEN", "FIN", "investigation", nil, false, false, false},
		{"a minor", func(n *ct.Notification) { n.Person.Births[0].Date = "2012" }, "UTO", "FIN", "investigation", nil, false, false, true},
		{"a child by the action asked for", func(n *ct.Notification) {
			n.Person.Births, n.Assessment.RequestedAction = nil, ct.ActionChildProtection
		}, "UTO", "FIN", "investigation", nil, false, false, true},
		{"to the State that was fled", func(n *ct.Notification) { n.Person.FledFrom = []ct.State{"FIN"} }, "UTO", "FIN", "investigation", nil, false, false, false},
		{"a minor, for protection", func(n *ct.Notification) { n.Person.Births[0].Date = "2012" }, "UTO", "FIN", "protection", nil, true, false, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := held()
			x.change(n)
			h, told := match.Disclose(ct.ReleasedHit{Ref: "rec:1", Score: 1, Tier: "strong"}, match.NewSource(n, nil, x.author, now), "UTO",
				match.Asker{State: x.to, Purpose: x.purpose}, x.without)
			if told != x.told {
				t.Fatalf("told %v, want %v", told, x.told)
			}
			if !told {
				return
			}
			if (h.Person != nil) != x.person || (h.Event != "") != x.person {
				t.Errorf("person %v, event %q, want %v", h.Person != nil, h.Event, x.person)
			}
			if (h.Designation != "") != x.assessment || (h.Action != "") != x.assessment {
				t.Errorf("assessment %q %q, want %v", h.Designation, h.Action, x.assessment)
			}
			if slices.Contains(h.Withheld, ct.WithheldPerson) == x.person || slices.Contains(h.Withheld, ct.WithheldAssessment) == x.assessment {
				t.Errorf("withheld %v", h.Withheld)
			}
			if h.Author != x.author || h.TLP != n.TLP || h.Contact == nil {
				t.Errorf("not said whose it is: %v %v", h.Author, h.TLP)
			}
			for _, never := range ct.NeverReleased() {
				if !slices.Contains(h.Withheld, never) {
					t.Errorf("%s is not named as withheld", never)
				}
			}
			if p := h.Person; p != nil && (p.Residence != nil || p.Contacts != nil || p.Physical != nil || p.Biometrics != nil) {
				t.Error("released what no release carries")
			}
			r := ct.MatchRelease{Requests: []ct.ID{{1}}, To: x.to, By: ct.ReleasedByHuman, Hits: []ct.ReleasedHit{h}, Contact: ct.Contact{Desk: "d"}}
			if faults := r.Validate(now); len(faults) > 0 {
				t.Errorf("not publishable: %v", faults)
			}
		})
	}
}

// Only what needs no judgement goes by a standing policy.
func TestUnattended(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	rule := &ct.ReleaseRule{State: "FIN", Purposes: []string{"investigation"}, TLP: ct.TLPAmber, Strong: true}
	for name, x := range map[string]struct {
		change func(*ct.Notification)
		author ct.State
		tier   string
		goes   bool
	}{
		"covered":         {func(*ct.Notification) {}, "UTO", "strong", true},
		"another State's": {func(n *ct.Notification) { n.TLP = ct.TLPClear }, "KEN", "strong", false},
		"tier":            {func(*ct.Notification) {}, "UTO", "possible", false},
		"marked higher":   {func(n *ct.Notification) { n.TLP = ct.TLPAmberStrict }, "UTO", "strong", false},
		"minor":           {func(n *ct.Notification) { n.Person.Births[0].Date = "2012" }, "UTO", "strong", false},
		"asylum":          {func(n *ct.Notification) { n.Person.AsylumOrRefugee = true }, "UTO", "strong", false},
		"fled":            {func(n *ct.Notification) { n.Person.FledFrom = []ct.State{"BRA"} }, "UTO", "strong", false},
		"child": {func(n *ct.Notification) {
			n.Person.Births, n.Assessment.RequestedAction = nil, ct.ActionChildProtection
		}, "UTO", "strong", false},
		"refugee":       {func(n *ct.Notification) { n.Person.Nationalities = []ct.State{"XXB"} }, "UTO", "strong", false},
		"H2":            {func(n *ct.Notification) { n.Handling.Codes = []string{"H2"} }, "UTO", "strong", false},
		"H3":            {func(n *ct.Notification) { n.Handling.Codes = []string{"H3"} }, "UTO", "strong", false},
		"contact first": {func(n *ct.Notification) { n.Handling.Caveats = []string{"contact-first"} }, "UTO", "strong", false},
		"source":        {func(n *ct.Notification) { n.Handling.Caveats = []string{"source-protection"} }, "UTO", "strong", false},
	} {
		t.Run(name, func(t *testing.T) {
			n := held()
			x.change(n)
			if got := match.Unattended(rule, match.NewSource(n, nil, x.author, now), "UTO", x.tier); got != x.goes {
				t.Errorf("got %v, want %v", got, x.goes)
			}
		})
	}
}
