package synth

import (
	"fmt"
	"strconv"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Births of Person lie in these years, so that nobody may be a minor from 2020 on.
const (
	firstBirth = 1950
	lastBirth  = 2000
)

// Person makes the next person: valid, adult, with one to three names.
func (g *Gen) Person() ct.Person {
	return g.person(g.born())
}

func (g *Gen) born() time.Time {
	return time.Date(g.between(firstBirth, lastBirth), 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, g.r.IntN(365))
}

func (g *Gen) person(born time.Time) ct.Person {
	s := g.name(g.culture())
	p := ct.Person{Names: s.names(), Births: []ct.Birth{g.birth(born)}}
	if g.chance(30) {
		p.Names = append(p.Names, g.alias(&s))
	}
	p.Nationalities = g.nationalities()
	if g.chance(65) {
		p.Sex = ct.Sex(g.letters("MF", 1))
	}
	if g.chance(60) {
		p.Documents = []ct.Document{g.passport(&s, born, p.Sex)}
	}
	if g.chance(50) {
		p.BirthPlaces = []ct.PlaceOfLife{{State: p.Nationalities[0], Text: g.town()}}
	}
	if g.chance(30) {
		p.Residence = []ct.PlaceOfLife{{State: pick(g, g.states).State, Text: g.town()}}
	}
	g.details(&p)
	return p
}

// details adds what few sources have.
func (g *Gen) details(p *ct.Person) {
	if g.chance(15) {
		p.NationalIDs = []ct.NationalID{{Country: "UTO", Scheme: "civil-register", Value: g.letters(digits, 11)}}
	}
	if g.chance(10) {
		p.Contacts = []ct.PersonContact{{Kind: "phone", Value: "+999" + g.letters("0123456789", 8)}}
	}
	if g.chance(15) {
		p.Physical = &ct.Physical{
			HeightCM: uint32(g.between(150, 200)),
			Eyes:     pick(g, []string{"BRO", "BLA", "BLU", "GRN"}),
			Hair:     pick(g, []string{"BLA", "BRO", "GRY"}),
		}
	}
	if g.chance(15) {
		p.Biometrics = &ct.Biometrics{Face: true, Fingerprint: g.chance(50), Contact: deskEmail}
	}
	if g.chance(20) {
		p.ExternalRefs = []ct.ExternalRef{{System: "national", Value: "UTO-" + g.letters(digits, 6)}}
	}
}

// birth writes a date as precisely as sources do: mostly a day, often less.
func (g *Gen) birth(born time.Time) ct.Birth {
	year := born.Year()
	switch n := g.r.IntN(100); {
	case n < 60:
		return ct.Birth{Date: born.Format(time.DateOnly)}
	case n < 75:
		return ct.Birth{Date: strconv.Itoa(year)}
	case n < 85:
		return ct.Birth{Date: born.Format("2006-01")}
	case n < 93:
		return ct.Birth{Date: strconv.Itoa(year) + "~"}
	}
	return ct.Birth{Date: fmt.Sprintf("%d/%d", year-g.between(1, 3), year)}
}

func (g *Gen) nationalities() []ct.State {
	switch n := g.r.IntN(100); {
	case n < 70:
		return []ct.State{"UTO"}
	case n < 85:
		return []ct.State{"UTO", pick(g, g.states).State}
	}
	return []ct.State{pick(g, g.states).State}
}

// alias is another spelling of the name, or a name that has nothing to do
// with it.
func (g *Gen) alias(s *spoken) ct.Name {
	if g.chance(50) {
		n := s.names()[0]
		n = g.typo(n)
		n.Kind, n.Quality = ct.NameAlias, "low"
		return n
	}
	_, latin := g.part(&cultures[g.r.IntN(len(cultures))].parts[0])
	return ct.Name{Kind: ct.NameNomDeGuerre, Parts: []string{"Abun", latin}, Full: "Abun " + latin, Script: "Latn", Quality: "low"}
}

func (g *Gen) town() string {
	_, latin := g.part(&element{stems: western, least: 2, most: 2, ends: same("burg port dale")})
	return latin
}

// passport is of the specimen State; one in three carries its machine-readable
// zone, which agrees with the person.
func (g *Gen) passport(s *spoken, born time.Time, sex ct.Sex) ct.Document {
	number := g.letters(upper, 1) + g.letters(digits, 6) + g.letters(upper, 1) + g.letters(digits, 1)
	issued := time.Date(g.between(2017, 2025), time.Month(g.between(1, 12)), g.between(1, 28), 0, 0, 0, 0, time.UTC)
	expires := issued.AddDate(10, 0, 0)
	d := ct.Document{
		Type: "P", Number: number, Issuer: "UTO", Issued: issued.Format(time.DateOnly), Expires: expires.Format(time.DateOnly),
		Status: pick(g, []string{"valid", "valid", "valid", "lost", "stolen"}),
	}
	if !g.chance(33) {
		return d
	}
	mark := string(sex)
	if mark == "" {
		mark = "<"
	}
	birth, end := born.Format("060102"), expires.Format("060102")
	a := number + digit(number)
	b := birth + digit(birth)
	c := end + digit(end) + "<<<<<<<<<<<<<<0"
	d.MRZ = "P<UTO" + s.mrz(39) + "\n" + a + "UTO" + b + mark + c + digit(a+b+c)
	return d
}

// digit is the check digit of a field that we know to be well formed.
func digit(field string) string {
	d, _ := ct.CheckDigit(field)
	return string(d)
}
