package ct_test

import (
	"reflect"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

func TestAddressees(t *testing.T) {
	person := func(nationalities ...ct.State) ct.Person { return ct.Person{Nationalities: nationalities} }
	tests := []struct {
		name      string
		n         ct.Notification
		must      []ct.State
		missing   []ct.Role
		conflicts []ct.Conflict
	}{
		{
			name: "every role, author left out, none twice",
			n: ct.Notification{
				Event:  ct.Event{Type: ct.Arrival, Source: "TUR", Transit: []ct.State{"ARE", "TUR"}, Destination: "UTO"},
				Person: ct.Person{Nationalities: []ct.State{"KEN", "UTO"}, Residence: []ct.PlaceOfLife{{State: "FRA"}, {Text: "unknown town"}}},
			},
			must: []ct.State{"ARE", "FRA", "KEN", "TUR"},
		},
		{
			name: "States from the legs",
			n: ct.Notification{
				Event: ct.Event{Type: ct.TravelIntended, Legs: []ct.Leg{
					{From: ct.Place{Code: "KENBO"}, To: ct.Place{Code: "AEDXB"}},
					{From: ct.Place{Code: "DXB", State: "ARE"}, To: ct.Place{State: "JPN"}},
				}},
				Person: person("KEN"),
			},
			must: []ct.State{"ARE", "JPN", "KEN"},
		},
		{
			name:    "nothing known",
			n:       ct.Notification{Event: ct.Event{Type: ct.DeportationPlanned}},
			missing: []ct.Role{ct.RoleSource, ct.RoleDestination, ct.RoleNationality},
		},
		{
			name: "stateless person lacks no nationality",
			n: ct.Notification{
				Event:  ct.Event{Type: ct.Detained},
				Person: person("XXA"),
			},
		},
		{
			name:    "detention needs no route",
			n:       ct.Notification{Event: ct.Event{Type: ct.Detained}},
			missing: []ct.Role{ct.RoleNationality},
		},
		{
			name: "organisations are no addressees, nationality codes of the United Kingdom are",
			n:    ct.Notification{Event: ct.Event{Type: ct.Detained}, Person: person("GBO", "EUE", "GBR")},
			must: []ct.State{"GBR"},
		},
		{
			name: "asylum: not the State of nationality",
			n: ct.Notification{
				Event:  ct.Event{Type: ct.Arrival, Source: "TUR", Destination: "UTO"},
				Person: ct.Person{Nationalities: []ct.State{"KEN"}, AsylumOrRefugee: true},
			},
			must:      []ct.State{"TUR"},
			conflicts: []ct.Conflict{{State: "KEN", Roles: []ct.Role{ct.RoleNationality}}},
		},
		{
			name: "refugee document: deportation to the State of birth",
			n: ct.Notification{
				Event:  ct.Event{Type: ct.DeportationPlanned, Source: "UTO", Destination: "KEN"},
				Person: ct.Person{Nationalities: []ct.State{"XXB"}, BirthPlaces: []ct.PlaceOfLife{{State: "KEN"}}},
			},
			conflicts: []ct.Conflict{{State: "KEN", Roles: []ct.Role{ct.RoleDestination}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			must, missing, conflicts := ct.Addressees(&tt.n, "UTO")
			if !reflect.DeepEqual(must, tt.must) {
				t.Errorf("must: got %v, want %v", must, tt.must)
			}
			if !reflect.DeepEqual(missing, tt.missing) {
				t.Errorf("missing: got %v, want %v", missing, tt.missing)
			}
			if !reflect.DeepEqual(conflicts, tt.conflicts) {
				t.Errorf("conflicts: got %v, want %v", conflicts, tt.conflicts)
			}
		})
	}
}

func TestRolesOf(t *testing.T) {
	n := &ct.Notification{
		Event:  ct.Event{Type: ct.Arrival, Source: "TUR", Transit: []ct.State{"ARE"}, Destination: "UTO"},
		Person: ct.Person{Nationalities: []ct.State{"TUR"}, Residence: []ct.PlaceOfLife{{State: "TUR"}}},
	}
	for s, want := range map[ct.State][]ct.Role{
		"TUR": {ct.RoleSource, ct.RoleNationality, ct.RoleResidence},
		"ARE": {ct.RoleTransit},
		"UTO": {ct.RoleDestination},
		"KEN": nil,
	} {
		if got := n.RolesOf(s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", s, got, want)
		}
	}
}
