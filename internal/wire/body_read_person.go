package wire

import "github.com/herald-net/herald/node/ct"

// readPersonIn reads a person that is embedded in a body.
func readPersonIn(d *decoder, p *ct.Person) {
	in := d.message()
	readPerson(&in, p)
	d.join(&in)
}

// readPerson reads a person to the end of d.
func readPerson(d *decoder, p *ct.Person) {
	*p = ct.Person{
		Names: p.Names[:0], Births: p.Births[:0], BirthPlaces: p.BirthPlaces[:0],
		Nationalities: p.Nationalities[:0], Residence: p.Residence[:0], Documents: p.Documents[:0],
		NationalIDs: p.NationalIDs[:0], Contacts: p.Contacts[:0], ExternalRefs: p.ExternalRefs[:0],
		FledFrom: p.FledFrom[:0],
	}
	for d.next() {
		switch d.num {
		case 1:
			p.Names = another(d, p.Names)
			readName(d, &p.Names[len(p.Names)-1])
		case 2:
			p.Births = another(d, p.Births)
			readBirth(d, &p.Births[len(p.Births)-1])
		case 3:
			p.BirthPlaces = another(d, p.BirthPlaces)
			readLife(d, &p.BirthPlaces[len(p.BirthPlaces)-1])
		case 4:
			p.Nationalities = readTexts(d, p.Nationalities)
		case 5:
			p.Residence = another(d, p.Residence)
			readLife(d, &p.Residence[len(p.Residence)-1])
		case 6:
			p.Sex = ct.Sex(d.text())
		case 7:
			p.Documents = another(d, p.Documents)
			readDocument(d, &p.Documents[len(p.Documents)-1])
		case 8:
			p.NationalIDs = another(d, p.NationalIDs)
			readNationalID(d, &p.NationalIDs[len(p.NationalIDs)-1])
		case 9:
			p.Contacts = another(d, p.Contacts)
			readPersonContact(d, &p.Contacts[len(p.Contacts)-1])
		case 10:
			d.filled()
			p.Physical = new(ct.Physical)
			readPhysical(d, p.Physical)
		case 11:
			d.filled()
			p.Biometrics = new(ct.Biometrics)
			readBiometrics(d, p.Biometrics)
		case 12:
			p.ExternalRefs = another(d, p.ExternalRefs)
			readExternalRef(d, &p.ExternalRefs[len(p.ExternalRefs)-1])
		case 13:
			d.filled()
			p.MisusedIdentity = new(ct.Misused)
			readMisused(d, p.MisusedIdentity)
		case 14:
			p.AsylumOrRefugee = d.bool()
		case 15:
			p.FledFrom = readTexts(d, p.FledFrom)
		default:
			d.bad = true
		}
	}
}

// fact reads what many messages end in: how sure it is and where it is from.
func (d *decoder) fact(f *ct.Fact) {
	switch d.num {
	case 14:
		f.Confidence = d.text()
	case 15:
		f.SourceRef = d.text()
	default:
		d.bad = true
	}
}

func readName(d *decoder, n *ct.Name) {
	*n = ct.Name{Parts: n.Parts[:0]}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			n.Kind = ct.NameKind(in.text())
		case 2:
			n.Parts = readTexts(&in, n.Parts)
		case 3:
			n.Full = in.text()
		case 4:
			n.Script = in.text()
		case 5:
			n.Lang = in.text()
		case 6:
			n.Quality = in.text()
		case 7:
			n.MRZ = in.text()
		default:
			in.fact(&n.Fact)
		}
	}
	d.join(&in)
}

func readBirth(d *decoder, b *ct.Birth) {
	*b = ct.Birth{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			b.Date = in.text()
		case 2:
			b.Calendar = in.text()
		default:
			in.fact(&b.Fact)
		}
	}
	d.join(&in)
}

func readLife(d *decoder, p *ct.PlaceOfLife) {
	*p = ct.PlaceOfLife{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			p.State = ct.State(in.text())
		case 2:
			p.Text = in.text()
		default:
			in.fact(&p.Fact)
		}
	}
	d.join(&in)
}

func readDocument(d *decoder, t *ct.Document) {
	*t = ct.Document{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			t.Type = in.text()
		case 2:
			t.Number = in.text()
		case 3:
			t.Issuer = ct.State(in.text())
		case 4:
			t.Issued = in.text()
		case 5:
			t.Expires = in.text()
		case 6:
			t.Status = in.text()
		case 7:
			t.MRZ = in.text()
		default:
			in.fact(&t.Fact)
		}
	}
	d.join(&in)
}

func readNationalID(d *decoder, n *ct.NationalID) {
	*n = ct.NationalID{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			n.Country = ct.State(in.text())
		case 2:
			n.Scheme = in.text()
		case 3:
			n.Value = in.text()
		default:
			in.fact(&n.Fact)
		}
	}
	d.join(&in)
}

func readPersonContact(d *decoder, c *ct.PersonContact) {
	*c = ct.PersonContact{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			c.Kind = in.text()
		case 2:
			c.Value = in.text()
		default:
			in.fact(&c.Fact)
		}
	}
	d.join(&in)
}

func readExternalRef(d *decoder, r *ct.ExternalRef) {
	*r = ct.ExternalRef{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			r.System = in.text()
		case 2:
			r.Value = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
}

func readPhysical(d *decoder, p *ct.Physical) {
	*p = ct.Physical{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			p.HeightCM = in.uint32()
		case 2:
			p.WeightKG = in.uint32()
		case 3:
			p.Eyes = in.text()
		case 4:
			p.Hair = in.text()
		case 5:
			p.Marks = readTexts(&in, p.Marks)
		default:
			in.fact(&p.Fact)
		}
	}
	d.join(&in)
}

func readBiometrics(d *decoder, b *ct.Biometrics) {
	*b = ct.Biometrics{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			b.Face = in.bool()
		case 2:
			b.Fingerprint = in.bool()
		case 3:
			b.Iris = in.bool()
		case 4:
			b.DNA = in.bool()
		case 5:
			b.Contact = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
}

func readMisused(d *decoder, m *ct.Misused) {
	*m = ct.Misused{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			m.Names = another(&in, m.Names)
			readName(&in, &m.Names[len(m.Names)-1])
		case 2:
			m.Births = another(&in, m.Births)
			readBirth(&in, &m.Births[len(m.Births)-1])
		case 3:
			m.Documents = another(&in, m.Documents)
			readDocument(&in, &m.Documents[len(m.Documents)-1])
		case 4:
			m.Note = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
}
