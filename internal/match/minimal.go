package match

import (
	"reflect"

	"github.com/herald-net/herald/node/ct"
)

// Minimal is what of a person another State is asked with: the values that are
// compared, and nothing beside them. No place, contact, description, biometric,
// asylum flag, source or remark leaves with a question.
func Minimal(p *ct.Person) ct.Person {
	return ct.Person{
		Names: each(p.Names, func(n *ct.Name) ct.Name {
			return ct.Name{Parts: n.Parts, Full: n.Full, Quality: n.Quality, MRZ: n.MRZ}
		}),
		Births:        each(p.Births, func(b *ct.Birth) ct.Birth { return ct.Birth{Date: b.Date} }),
		Nationalities: p.Nationalities,
		Documents:     each(p.Documents, func(d *ct.Document) ct.Document { return ct.Document{Number: d.Number, Issuer: d.Issuer} }),
		NationalIDs: each(p.NationalIDs, func(n *ct.NationalID) ct.NationalID {
			return ct.NationalID{Country: n.Country, Value: n.Value}
		}),
	}
}

// IsMinimal tells whether nothing else is in a person.
func IsMinimal(p *ct.Person) bool {
	m := Minimal(p)
	return reflect.DeepEqual(&m, p)
}

// each maps a list; none stays none.
func each[T any](in []T, f func(*T) T) []T {
	if in == nil {
		return nil
	}
	out := make([]T, len(in))
	for i := range in {
		out[i] = f(&in[i])
	}
	return out
}
