package wire

import (
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
)

// encodePerson writes a person by itself, as a match request carries one.
func encodePerson(p *ct.Person) ([]byte, error) { return encodeBody(personToProto(p)) }

// decodePerson reads a person in its one encoding.
func decodePerson(b []byte) (*ct.Person, error) {
	d, err := readBody(b)
	if err != nil {
		return nil, err
	}
	p := &ct.Person{}
	readPerson(&d, p)
	if d.bad {
		return nil, bodyFault(b, &heraldv1.Person{})
	}
	return p, nil
}

func personToProto(p *ct.Person) *heraldv1.Person {
	out := &heraldv1.Person{
		Names:           mapped(p.Names, nameToProto),
		Births:          mapped(p.Births, birthToProto),
		BirthPlaces:     mapped(p.BirthPlaces, lifeToProto),
		Nationalities:   statesToProto(p.Nationalities),
		Residence:       mapped(p.Residence, lifeToProto),
		Sex:             string(p.Sex),
		Documents:       mapped(p.Documents, documentToProto),
		NationalIds:     mapped(p.NationalIDs, nationalIDToProto),
		Contacts:        mapped(p.Contacts, contactToProto),
		ExternalRefs:    mapped(p.ExternalRefs, externalRefToProto),
		AsylumOrRefugee: p.AsylumOrRefugee,
		FledFrom:        statesToProto(p.FledFrom),
	}
	if v := p.Physical; v != nil {
		out.Physical = filled(&heraldv1.Physical{
			HeightCm: v.HeightCM, WeightKg: v.WeightKG, Eyes: v.Eyes, Hair: v.Hair, Marks: v.Marks,
			Confidence: v.Confidence, SourceRef: v.SourceRef,
		})
	}
	if v := p.Biometrics; v != nil {
		out.BiometricsAvailable = filled(&heraldv1.Biometrics{
			Face: v.Face, Fingerprint: v.Fingerprint, Iris: v.Iris, Dna: v.DNA, Contact: v.Contact,
		})
	}
	if v := p.MisusedIdentity; v != nil {
		out.MisusedIdentity = filled(&heraldv1.Misused{
			Names: mapped(v.Names, nameToProto), Births: mapped(v.Births, birthToProto),
			Documents: mapped(v.Documents, documentToProto), Note: v.Note,
		})
	}
	return out
}

func nameToProto(n *ct.Name) *heraldv1.Name {
	return &heraldv1.Name{
		Kind: string(n.Kind), Parts: n.Parts, Full: n.Full, Script: n.Script, Lang: n.Lang,
		Quality: n.Quality, MrzForm: n.MRZ, Confidence: n.Confidence, SourceRef: n.SourceRef,
	}
}

func birthToProto(b *ct.Birth) *heraldv1.Birth {
	return &heraldv1.Birth{Date: b.Date, Calendar: b.Calendar, Confidence: b.Confidence, SourceRef: b.SourceRef}
}

func lifeToProto(p *ct.PlaceOfLife) *heraldv1.PlaceOfLife {
	return &heraldv1.PlaceOfLife{State: string(p.State), Text: p.Text, Confidence: p.Confidence, SourceRef: p.SourceRef}
}

func documentToProto(d *ct.Document) *heraldv1.Document {
	return &heraldv1.Document{
		Type: d.Type, Number: d.Number, Issuer: string(d.Issuer), Issued: d.Issued, Expires: d.Expires,
		Status: d.Status, Mrz: d.MRZ, Confidence: d.Confidence, SourceRef: d.SourceRef,
	}
}

func nationalIDToProto(n *ct.NationalID) *heraldv1.NationalId {
	return &heraldv1.NationalId{
		Country: string(n.Country), Scheme: n.Scheme, Value: n.Value, Confidence: n.Confidence, SourceRef: n.SourceRef,
	}
}

func contactToProto(c *ct.PersonContact) *heraldv1.PersonContact {
	return &heraldv1.PersonContact{
		Kind: c.Kind, Value: c.Value, Confidence: c.Confidence, SourceRef: c.SourceRef,
	}
}

func externalRefToProto(r *ct.ExternalRef) *heraldv1.ExternalRef {
	return &heraldv1.ExternalRef{System: r.System, Value: r.Value}
}
