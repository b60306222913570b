package wire

import (
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
)

// encodePerson writes a person by itself, as a match request carries one.
func encodePerson(p *ct.Person) ([]byte, error) { return encodeBody(personToProto(p)) }

// decodePerson reads a person in its one encoding.
func decodePerson(b []byte) (*ct.Person, error) {
	m := &heraldv1.Person{}
	if err := decodeBody(b, m); err != nil {
		return nil, err
	}
	p := personFromProto(m)
	if err := same(b, personToProto(&p)); err != nil {
		return nil, err
	}
	return &p, nil
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
	}
	if v := p.Physical; v != nil {
		out.Physical = &heraldv1.Physical{
			HeightCm: v.HeightCM, WeightKg: v.WeightKG, Eyes: v.Eyes, Hair: v.Hair, Marks: v.Marks,
			Confidence: v.Confidence, SourceRef: v.SourceRef,
		}
	}
	if v := p.Biometrics; v != nil {
		out.BiometricsAvailable = &heraldv1.Biometrics{
			Face: v.Face, Fingerprint: v.Fingerprint, Iris: v.Iris, Dna: v.DNA, Contact: v.Contact,
		}
	}
	if v := p.MisusedIdentity; v != nil {
		out.MisusedIdentity = &heraldv1.Misused{
			Names: mapped(v.Names, nameToProto), Births: mapped(v.Births, birthToProto),
			Documents: mapped(v.Documents, documentToProto), Note: v.Note,
		}
	}
	return out
}

func personFromProto(m *heraldv1.Person) ct.Person {
	out := ct.Person{
		Names:           unmapped(m.GetNames(), nameFromProto),
		Births:          unmapped(m.GetBirths(), birthFromProto),
		BirthPlaces:     unmapped(m.GetBirthPlaces(), lifeFromProto),
		Nationalities:   statesFromProto(m.GetNationalities()),
		Residence:       unmapped(m.GetResidence(), lifeFromProto),
		Sex:             ct.Sex(m.GetSex()),
		Documents:       unmapped(m.GetDocuments(), documentFromProto),
		NationalIDs:     unmapped(m.GetNationalIds(), nationalIDFromProto),
		Contacts:        unmapped(m.GetContacts(), contactFromProto),
		ExternalRefs:    unmapped(m.GetExternalRefs(), externalRefFromProto),
		AsylumOrRefugee: m.GetAsylumOrRefugee(),
	}
	if v := m.GetPhysical(); v != nil {
		out.Physical = &ct.Physical{
			HeightCM: v.HeightCm, WeightKG: v.WeightKg, Eyes: v.Eyes, Hair: v.Hair, Marks: v.Marks,
			Fact: fact(v.Confidence, v.SourceRef),
		}
	}
	if v := m.GetBiometricsAvailable(); v != nil {
		out.Biometrics = &ct.Biometrics{
			Face: v.Face, Fingerprint: v.Fingerprint, Iris: v.Iris, DNA: v.Dna, Contact: v.Contact,
		}
	}
	if v := m.GetMisusedIdentity(); v != nil {
		out.MisusedIdentity = &ct.Misused{
			Names: unmapped(v.Names, nameFromProto), Births: unmapped(v.Births, birthFromProto),
			Documents: unmapped(v.Documents, documentFromProto), Note: v.Note,
		}
	}
	return out
}

func fact(confidence, sourceRef string) ct.Fact {
	return ct.Fact{Confidence: confidence, SourceRef: sourceRef}
}

func nameToProto(n *ct.Name) *heraldv1.Name {
	return &heraldv1.Name{
		Kind: string(n.Kind), Parts: n.Parts, Full: n.Full, Script: n.Script, Lang: n.Lang,
		Quality: n.Quality, MrzForm: n.MRZ, Confidence: n.Confidence, SourceRef: n.SourceRef,
	}
}

func nameFromProto(m *heraldv1.Name) ct.Name {
	return ct.Name{
		Kind: ct.NameKind(m.Kind), Parts: m.Parts, Full: m.Full, Script: m.Script, Lang: m.Lang,
		Quality: m.Quality, MRZ: m.MrzForm, Fact: fact(m.Confidence, m.SourceRef),
	}
}

func birthToProto(b *ct.Birth) *heraldv1.Birth {
	return &heraldv1.Birth{Date: b.Date, Calendar: b.Calendar, Confidence: b.Confidence, SourceRef: b.SourceRef}
}

func birthFromProto(m *heraldv1.Birth) ct.Birth {
	return ct.Birth{Date: m.Date, Calendar: m.Calendar, Fact: fact(m.Confidence, m.SourceRef)}
}

func lifeToProto(p *ct.PlaceOfLife) *heraldv1.PlaceOfLife {
	return &heraldv1.PlaceOfLife{State: string(p.State), Text: p.Text, Confidence: p.Confidence, SourceRef: p.SourceRef}
}

func lifeFromProto(m *heraldv1.PlaceOfLife) ct.PlaceOfLife {
	return ct.PlaceOfLife{State: ct.State(m.State), Text: m.Text, Fact: fact(m.Confidence, m.SourceRef)}
}

func documentToProto(d *ct.Document) *heraldv1.Document {
	return &heraldv1.Document{
		Type: d.Type, Number: d.Number, Issuer: string(d.Issuer), Issued: d.Issued, Expires: d.Expires,
		Status: d.Status, Mrz: d.MRZ, Confidence: d.Confidence, SourceRef: d.SourceRef,
	}
}

func documentFromProto(m *heraldv1.Document) ct.Document {
	return ct.Document{
		Type: m.Type, Number: m.Number, Issuer: ct.State(m.Issuer), Issued: m.Issued, Expires: m.Expires,
		Status: m.Status, MRZ: m.Mrz, Fact: fact(m.Confidence, m.SourceRef),
	}
}

func nationalIDToProto(n *ct.NationalID) *heraldv1.NationalId {
	return &heraldv1.NationalId{
		Country: string(n.Country), Scheme: n.Scheme, Value: n.Value, Confidence: n.Confidence, SourceRef: n.SourceRef,
	}
}

func nationalIDFromProto(m *heraldv1.NationalId) ct.NationalID {
	return ct.NationalID{
		Country: ct.State(m.Country), Scheme: m.Scheme, Value: m.Value, Fact: fact(m.Confidence, m.SourceRef),
	}
}

func contactToProto(c *ct.ContactHash) *heraldv1.ContactHash {
	return &heraldv1.ContactHash{
		Kind: c.Kind, Value: c.Value, Hashed: c.Hashed, Confidence: c.Confidence, SourceRef: c.SourceRef,
	}
}

func contactFromProto(m *heraldv1.ContactHash) ct.ContactHash {
	return ct.ContactHash{Kind: m.Kind, Value: m.Value, Hashed: m.Hashed, Fact: fact(m.Confidence, m.SourceRef)}
}

func externalRefToProto(r *ct.ExternalRef) *heraldv1.ExternalRef {
	return &heraldv1.ExternalRef{System: r.System, Value: r.Value}
}

func externalRefFromProto(m *heraldv1.ExternalRef) ct.ExternalRef {
	return ct.ExternalRef{System: m.System, Value: m.Value}
}
