package wire

import "github.com/herald-net/herald/node/ct"

// readPersonIn reads a person that is embedded in a body.
func readPersonIn(d *decoder) ct.Person {
	in := d.message()
	p := readPerson(&in)
	d.join(&in)
	return p
}

// readPerson reads a person to the end of d.
func readPerson(d *decoder) (p ct.Person) {
	for d.next() {
		switch d.num {
		case 1:
			p.Names = readList(d, p.Names, readName)
		case 2:
			p.Births = readList(d, p.Births, readBirth)
		case 3:
			p.BirthPlaces = readList(d, p.BirthPlaces, readLife)
		case 4:
			p.Nationalities = readTexts(d, p.Nationalities)
		case 5:
			p.Residence = readList(d, p.Residence, readLife)
		case 6:
			p.Sex = ct.Sex(d.text())
		case 7:
			p.Documents = readList(d, p.Documents, readDocument)
		case 8:
			p.NationalIDs = readList(d, p.NationalIDs, readNationalID)
		case 9:
			p.Contacts = readList(d, p.Contacts, readContactHash)
		case 10:
			v := readPhysical(d)
			p.Physical = &v
		case 11:
			v := readBiometrics(d)
			p.Biometrics = &v
		case 12:
			p.ExternalRefs = readList(d, p.ExternalRefs, readExternalRef)
		case 13:
			v := readMisused(d)
			p.MisusedIdentity = &v
		case 14:
			p.AsylumOrRefugee = d.bool()
		default:
			d.bad = true
		}
	}
	return p
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

func readName(d *decoder) (n ct.Name) {
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
	return n
}

func readBirth(d *decoder) (b ct.Birth) {
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
	return b
}

func readLife(d *decoder) (p ct.PlaceOfLife) {
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
	return p
}

func readDocument(d *decoder) (t ct.Document) {
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
	return t
}

func readNationalID(d *decoder) (n ct.NationalID) {
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
	return n
}

func readContactHash(d *decoder) (c ct.ContactHash) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			c.Kind = in.text()
		case 2:
			c.Value = in.text()
		case 3:
			c.Hashed = in.bool()
		default:
			in.fact(&c.Fact)
		}
	}
	d.join(&in)
	return c
}

func readExternalRef(d *decoder) (r ct.ExternalRef) {
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
	return r
}

func readPhysical(d *decoder) (p ct.Physical) {
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
	return p
}

func readBiometrics(d *decoder) (b ct.Biometrics) {
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
	return b
}

func readMisused(d *decoder) (m ct.Misused) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			m.Names = readList(&in, m.Names, readName)
		case 2:
			m.Births = readList(&in, m.Births, readBirth)
		case 3:
			m.Documents = readList(&in, m.Documents, readDocument)
		case 4:
			m.Note = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return m
}
