package ct_test

import (
	"testing"

	"github.com/herald-net/herald/node/ct"
)

// From whom somebody needs protection, by every way of saying so.
func TestHasFled(t *testing.T) {
	of := func(states ...ct.State) ct.Person { return ct.Person{Nationalities: states} }
	flagged := func(p ct.Person) ct.Person { p.AsylumOrRefugee = true; return p }
	born := func(p ct.Person, s ct.State) ct.Person { p.BirthPlaces = []ct.PlaceOfLife{{State: s}}; return p }
	from := func(p ct.Person, s ...ct.State) ct.Person { p.FledFrom = s; return p }
	for _, x := range []struct {
		name   string
		person ct.Person
		fled   []ct.State
		not    []ct.State
	}{
		{"nobody has fled", born(of("KEN"), "UTO"), nil, []ct.State{"KEN", "UTO", "FIN"}},
		{"the State of nationality", flagged(of("KEN")), []ct.State{"KEN"}, []ct.State{"FIN"}},
		{"the State of birth", flagged(born(of("FIN"), "KEN")), []ct.State{"KEN", "FIN"}, []ct.State{"UTO"}},
		{"the State named, without the flag", from(ct.Person{}, "KEN"), []ct.State{"KEN"}, []ct.State{"FIN"}},
		{"the State named, beside that of nationality", from(of("BRA"), "KEN"), []ct.State{"KEN", "BRA"}, []ct.State{"FIN"}},
		{"a flag that names nobody", flagged(ct.Person{}), []ct.State{"KEN", "UTO", "FIN"}, nil},
		{"a flag and a status", flagged(of("XXA")), []ct.State{"KEN", "FIN"}, nil},
		{"a flag and a residence", flagged(ct.Person{Residence: []ct.PlaceOfLife{{State: "FIN"}}}), []ct.State{"KEN", "FIN"}, nil},
		{"a refugee of whom nothing is known", of("XXB"), []ct.State{"KEN", "FIN"}, nil},
		{"another refugee", born(of("XXC"), "KEN"), []ct.State{"KEN"}, []ct.State{"FIN"}},
		{"a British national overseas", flagged(of("GBN")), []ct.State{"GBR", "GBN"}, []ct.State{"FIN"}},
		{"every code of the United Kingdom", flagged(of("GBD", "GBO", "GBP", "GBS")), []ct.State{"GBR"}, []ct.State{"FIN"}},
		{"named by a code of the United Kingdom", from(ct.Person{}, "GBP"), []ct.State{"GBR"}, []ct.State{"FIN"}},
		{"a territory", flagged(of("HKG")), []ct.State{"CHN"}, []ct.State{"GBR"}},
	} {
		for _, s := range x.fled {
			if !x.person.HasFled(s) {
				t.Errorf("%s: not protected from %s", x.name, s)
			}
		}
		for _, s := range x.not {
			if x.person.HasFled(s) {
				t.Errorf("%s: hidden from %s", x.name, s)
			}
		}
	}
}
