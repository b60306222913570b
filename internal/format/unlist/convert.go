package unlist

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/herald-net/herald/internal/format/value"
	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// individual is the element of the list, as far as it is read.
type individual struct {
	DataID         string `xml:"DATAID"`
	First          string `xml:"FIRST_NAME"`
	Second         string `xml:"SECOND_NAME"`
	Third          string `xml:"THIRD_NAME"`
	Fourth         string `xml:"FOURTH_NAME"`
	Reference      string `xml:"REFERENCE_NUMBER"`
	DelistedOn     string `xml:"DELISTED_ON"`
	Gender         string `xml:"GENDER"`
	OriginalScript string `xml:"NAME_ORIGINAL_SCRIPT"`

	Nationalities []string   `xml:"NATIONALITY>VALUE"`
	Aliases       []alias    `xml:"INDIVIDUAL_ALIAS"`
	Addresses     []place    `xml:"INDIVIDUAL_ADDRESS"`
	Births        []birth    `xml:"INDIVIDUAL_DATE_OF_BIRTH"`
	BirthPlaces   []place    `xml:"INDIVIDUAL_PLACE_OF_BIRTH"`
	Documents     []document `xml:"INDIVIDUAL_DOCUMENT"`
}

type alias struct {
	Quality     string `xml:"QUALITY"`
	Name        string `xml:"ALIAS_NAME"`
	DateOfBirth string `xml:"DATE_OF_BIRTH"`
}

type place struct {
	Street   string `xml:"STREET"`
	City     string `xml:"CITY"`
	Province string `xml:"STATE_PROVINCE"`
	Country  string `xml:"COUNTRY"`
}

type birth struct {
	Type string `xml:"TYPE_OF_DATE"`
	Note string `xml:"NOTE"`
	Date string `xml:"DATE"`
	Year string `xml:"YEAR"`
	From string `xml:"FROM_YEAR"`
	To   string `xml:"TO_YEAR"`
}

type document struct {
	Type    string `xml:"TYPE_OF_DOCUMENT"`
	Type2   string `xml:"TYPE_OF_DOCUMENT2"`
	Number  string `xml:"NUMBER"`
	Issuer  string `xml:"ISSUING_COUNTRY"`
	Issuer2 string `xml:"COUNTRY_OF_ISSUE"`
	Issued  string `xml:"DATE_OF_ISSUE"`
	Note    string `xml:"NOTE"`
}

// convert gives the entry, or why the individual is rejected. The reason names
// fields, never values. One value that cannot be read costs that value alone.
func convert(raw *individual) (Entry, error) {
	c := converter{}
	c.e.DataID = c.line("DATAID", raw.DataID, ct.MaxShort)
	reference := c.line("REFERENCE_NUMBER", raw.Reference, ct.MaxShort)
	for _, v := range []string{reference, c.e.DataID} {
		if v != "" {
			c.e.Person.ExternalRefs = append(c.e.Person.ExternalRefs, ct.ExternalRef{System: "un", Value: v})
		}
	}
	if c.names(raw); len(c.e.Person.Names) == 0 {
		return c.e, errors.New("names: missing")
	}
	if reference == "" && c.e.DataID == "" {
		return c.e, errors.New("REFERENCE_NUMBER and DATAID: missing")
	}
	c.births(raw)
	c.e.Person.BirthPlaces = c.places("INDIVIDUAL_PLACE_OF_BIRTH", raw.BirthPlaces)
	c.e.Person.Residence = c.places("INDIVIDUAL_ADDRESS", raw.Addresses)
	c.nationalities(raw.Nationalities)
	c.documents(raw.Documents)
	if sex, ok := value.Sex(raw.Gender); ok {
		c.e.Person.Sex = sex
	} else if value.Line(raw.Gender) != "" {
		c.note("GENDER", "neither male nor female")
	}
	if value.Line(raw.DelistedOn) != "" {
		c.note("DELISTED_ON", "a person taken off the list stands in it: kept")
	}
	return c.e, nil
}

// converter fills one entry.
type converter struct{ e Entry }

func (c *converter) note(field, why string) {
	if len(c.e.Notes) < maxNotes {
		c.e.Notes = append(c.e.Notes, Note{Field: field, Why: why})
	}
}

// What is wrong with a value.
const (
	noteTooLong = "too long"
	noteTooMany = "more than a person may have"
	noteLost    = "characters of it are lost"
)

// line is a value without what cannot stand in one line; empty and told when
// nothing is left that could be used.
func (c *converter) line(field, text string, most int) string {
	s := value.Line(text)
	switch {
	case len(s) > most && utf8.RuneCountInString(s) > most:
		c.note(field, noteTooLong)
	case strings.ContainsRune(s, unicode.ReplacementChar):
		c.note(field, noteLost)
	default:
		return s
	}
	return ""
}

func (c *converter) names(raw *individual) {
	var parts []string
	for i, p := range []string{raw.First, raw.Second, raw.Third, raw.Fourth} {
		if p = c.line([]string{"FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"}[i], p, ct.MaxNameLen); !value.Nothing(p) {
			parts = append(parts, p)
		}
	}
	if len(parts) > 0 {
		c.addName("names", ct.Name{Kind: ct.NamePrimary, Parts: parts, Full: strings.Join(parts, " ")})
	}
	for _, n := range aliasNames(raw.OriginalScript) {
		c.addName("NAME_ORIGINAL_SCRIPT", ct.Name{Kind: ct.NamePrimary, Full: n})
	}
	for _, a := range raw.Aliases {
		quality := ""
		switch q := strings.ToLower(value.Line(a.Quality)); {
		case strings.HasPrefix(q, "good"):
			quality = "good"
		case strings.HasPrefix(q, "low"):
			quality = "low"
		}
		for _, n := range aliasNames(a.Name) {
			c.addName("ALIAS_NAME", ct.Name{Kind: ct.NameAlias, Full: n, Quality: quality})
		}
	}
}

func (c *converter) addName(field string, n ct.Name) {
	p := &c.e.Person
	if n.Full = c.line(field, n.Full, ct.MaxNameLen); n.Full == "" {
		return
	}
	for i := range p.Names {
		if p.Names[i].Full == n.Full {
			return
		}
	}
	if len(p.Names) == ct.MaxNames {
		c.note(field, noteTooMany)
		return
	}
	if s := name.Script(n.Full); s != "Latn" {
		n.Script = s
	}
	p.Names = append(p.Names, n)
}

func (c *converter) births(raw *individual) {
	for _, b := range raw.Births {
		date, note := b.edtf()
		births, why := value.Births(date, time.Time{})
		switch {
		case date != "":
			c.addBirths("INDIVIDUAL_DATE_OF_BIRTH", births, cmp.Or(why, note))
		case note != "":
			c.note("INDIVIDUAL_DATE_OF_BIRTH", note)
		}
	}
	for _, a := range raw.Aliases {
		if !value.Nothing(value.Line(a.DateOfBirth)) {
			births, note := value.Births(a.DateOfBirth, time.Time{})
			c.addBirths("DATE_OF_BIRTH", births, note)
		}
	}
}

func (c *converter) addBirths(field string, births []ct.Birth, note string) {
	if note != "" {
		c.note(field, note)
	}
	for _, b := range births {
		switch {
		case slices.Contains(c.e.Person.Births, b):
		case len(c.e.Person.Births) == ct.MaxList:
			c.note(field, noteTooMany)
		default:
			c.e.Person.Births = append(c.e.Person.Births, b)
		}
	}
}

// edtf writes a birth as EDTF: the first of its fields that says one. note
// tells what is not read; both are empty when the element says nothing.
func (b birth) edtf() (date, note string) {
	about := func(s string) bool { return strings.HasPrefix(strings.ToLower(value.Line(s)), "approx") }
	text := value.Line(b.Note)
	if about(text) {
		if _, rest, ok := strings.Cut(text, " "); ok {
			text = rest
		} else {
			text = ""
		}
	}
	texts := []string{b.Date, b.Year, "", text}
	if from, to := value.Line(b.From), value.Line(b.To); from != "" && to != "" {
		texts[2] = from + " to " + to
	} else if from != "" || to != "" {
		note = "only one end of an interval"
	}
	if year := value.Line(b.Year); text != "" && year != "" { // 1958 with the note Sep.
		if d, why := value.Date(text + " " + year); d != "" && why == "" {
			texts[1], texts[3] = d, ""
		}
	}
	for i, t := range texts {
		if value.Line(t) == "" {
			continue
		}
		d, why := value.Date(t)
		switch {
		case d == "":
			note = why
			continue
		case date != "": // a note beside a date
			note = "a remark that is not read"
			continue
		case why != "":
			note = why
		}
		if date = d; i == 3 {
			note = why
		}
	}
	if date != "" && (about(b.Type) || about(b.Note)) && !strings.ContainsAny(date, "~?%X") {
		date = strings.Replace(date, "/", "~/", 1) + "~"
	}
	return date, note
}

// places keeps the text as the source wrote it, without streets, and the State
// where its name is known.
func (c *converter) places(field string, raw []place) []ct.PlaceOfLife {
	var out []ct.PlaceOfLife
	for _, p := range raw {
		state, known := Country(p.Country)
		city, province, country := value.Line(p.City), value.Line(p.Province), value.Line(p.Country)
		text := strings.Trim(city+", "+province, ", ")
		if !known && !value.Nothing(country) {
			text = strings.TrimPrefix(text+", "+country, ", ")
		}
		text = strings.ReplaceAll(text, string(unicode.ReplacementChar), "")
		if !known && text == "" {
			continue
		}
		if len(out) == ct.MaxList {
			c.note(field, noteTooMany)
			continue
		}
		out = append(out, ct.PlaceOfLife{State: state, Text: value.Line(cut(text, ct.MaxNameLen))})
	}
	return out
}

func cut(s string, runes int) string {
	r := []rune(s)
	if len(r) <= runes {
		return s
	}
	return strings.TrimSpace(string(r[:runes]))
}

func (c *converter) nationalities(texts []string) {
	p := &c.e.Person
	for _, t := range texts {
		if t = value.Line(t); value.Nothing(t) {
			continue
		}
		states, whole := Countries(t)
		if !whole {
			c.note("NATIONALITY", "names a State that is not known")
		}
		for _, s := range states {
			switch {
			case slices.Contains(p.Nationalities, s):
			case len(p.Nationalities) == ct.MaxList:
				c.note("NATIONALITY", noteTooMany)
			default:
				p.Nationalities = append(p.Nationalities, s)
			}
		}
	}
}

// documents: passports become documents; other numbers become national ids
// where their country is known, else documents without a type.
func (c *converter) documents(raw []document) {
	const field = "INDIVIDUAL_DOCUMENT"
	p := &c.e.Person
	for _, d := range raw {
		if d == (document{}) {
			continue
		}
		var numbers []string
		for _, text := range []string{d.Number, d.Type2, d.Note} {
			if numbers = documentNumbers(text); len(numbers) > 0 {
				break
			}
		}
		if len(numbers) == 0 {
			c.note(field, "no number")
			continue
		}
		country := cmp.Or(value.Line(d.Issuer), value.Line(d.Issuer2))
		issuer, known := Country(country)
		if !known && !value.Nothing(country) {
			c.note(field, "the issuer is a State that is not known")
		}
		kind, _ := value.DocumentType(d.Type + " " + d.Type2)
		scheme := cut(cmp.Or(value.Line(d.Type2), value.Line(d.Type)), ct.MaxShort)
		issued, note := value.Date(d.Issued)
		if !value.Nothing(value.Line(d.Issued)) && note != "" {
			c.note("DATE_OF_ISSUE", note)
		}
		for _, number := range numbers {
			if number = c.line(field, number, ct.MaxShort); number == "" {
				continue
			}
			switch {
			case kind != "P" && known && len(p.NationalIDs) < ct.MaxList:
				p.NationalIDs = append(p.NationalIDs, ct.NationalID{Country: issuer, Scheme: strings.ReplaceAll(scheme, string(unicode.ReplacementChar), ""), Value: number})
			case len(p.Documents) == ct.MaxDocuments:
				c.note(field, noteTooMany)
			case kind == "P":
				p.Documents = append(p.Documents, ct.Document{Type: kind, Number: number, Issuer: issuer, Issued: issued})
			default:
				p.Documents = append(p.Documents, ct.Document{Number: number, Issuer: issuer, Issued: issued})
			}
		}
	}
}
