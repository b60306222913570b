package unlist

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"

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
	ListType       string `xml:"UN_LIST_TYPE"`
	Reference      string `xml:"REFERENCE_NUMBER"`
	ListedOn       string `xml:"LISTED_ON"`
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
// fields, never values.
func convert(raw *individual) (Entry, error) {
	c := converter{}
	c.e.DataID = clean(raw.DataID)
	c.e.ListType = clean(raw.ListType)
	c.e.Listed = c.listed(raw.ListedOn)
	c.names(raw)
	if len(c.e.Person.Names) == 0 {
		return Entry{}, errors.New("names: missing")
	}
	reference := clean(raw.Reference)
	if reference == "" && c.e.DataID == "" {
		return Entry{}, errors.New("REFERENCE_NUMBER and DATAID: missing")
	}
	for _, v := range []string{reference, c.e.DataID} {
		if v != "" {
			c.e.Person.ExternalRefs = append(c.e.Person.ExternalRefs, ct.ExternalRef{System: "un", Value: v})
		}
	}
	c.births(raw)
	c.e.Person.BirthPlaces = c.places("birth place", raw.BirthPlaces)
	c.e.Person.Residence = c.places("address", raw.Addresses)
	c.nationalities(raw.Nationalities)
	c.documents(raw.Documents)
	c.sex(raw.Gender)
	if faults := c.e.Person.Validate(time.Time{}); len(faults) > 0 {
		return Entry{}, faults.Err()
	}
	return c.e, nil
}

// converter fills one entry.
type converter struct{ e Entry }

func (c *converter) note(field, text string) {
	if text = clean(text); text != "" && len(c.e.Notes) < maxNotes {
		c.e.Notes = append(c.e.Notes, Note{Field: field, Text: text})
	}
}

// clean makes one line without blanks at its ends: the list wraps and indents
// inside of values, and some names in Arabic script hold marks of direction.
// What prints nothing is dropped.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r == '\u200c' || r == '\u200d': // the joiners that Persian needs
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// listed reads 2012-12-31 and 2012-12-31-05:00.
func (c *converter) listed(text string) string {
	text = clean(text)
	if len(text) >= 10 {
		if _, err := time.Parse(time.DateOnly, text[:10]); err == nil {
			return text[:10]
		}
	}
	c.note("listed on", text)
	return ""
}

func (c *converter) names(raw *individual) {
	var parts []string
	for _, p := range []string{raw.First, raw.Second, raw.Third, raw.Fourth} {
		if p = clean(p); p != "" && !placeholder(p) {
			parts = append(parts, p)
		}
	}
	if len(parts) > 0 {
		c.addName(ct.Name{Kind: ct.NamePrimary, Parts: parts, Full: strings.Join(parts, " ")})
	}
	if original := clean(raw.OriginalScript); original != "" {
		c.addName(ct.Name{Kind: ct.NamePrimary, Full: original})
	}
	for _, a := range raw.Aliases {
		quality := ""
		switch strings.ToLower(clean(a.Quality)) {
		case "good":
			quality = "good"
		case "low":
			quality = "low"
		}
		for _, n := range aliasNames(clean(a.Name)) {
			c.addName(ct.Name{Kind: ct.NameAlias, Full: n, Quality: quality})
		}
	}
}

func (c *converter) addName(n ct.Name) {
	p := &c.e.Person
	for i := range p.Names {
		if p.Names[i].Full == n.Full {
			return
		}
	}
	if len(p.Names) == ct.MaxNames {
		c.note("alias beyond the limit", n.Full)
		return
	}
	if s := name.Script(n.Full); s != "Latn" {
		n.Script = s
	}
	p.Names = append(p.Names, n)
}

// aliasNames takes apart an alias field that holds several spellings, divided
// by semicolons or with one in another script in brackets.
func aliasNames(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		if head, inner, ok := strings.Cut(part, "("); ok {
			inner, _, _ = strings.Cut(inner, ")")
			inner = strings.TrimSpace(inner)
			if s := name.Script(inner); s != "" && s != name.Script(head) {
				out = append(out, inner)
				part = strings.TrimSpace(head)
			}
		}
		if part != "" && !placeholder(part) {
			out = append(out, part)
		}
	}
	return out
}

// placeholder: lists write na where they know nothing.
func placeholder(s string) bool {
	switch strings.ToLower(strings.Trim(s, ".:- ")) {
	case "", "na", "n/a", "none", "unknown":
		return true
	}
	return false
}

func (c *converter) sex(text string) {
	switch strings.ToLower(clean(text)) {
	case "":
	case "male":
		c.e.Person.Sex = "M"
	case "female":
		c.e.Person.Sex = "F"
	default:
		c.note("gender", text)
	}
}

func (c *converter) births(raw *individual) {
	for _, b := range raw.Births {
		date, ok := edtf(b)
		if ok {
			c.addBirth(date)
		}
		if !ok || clean(b.Note) != "" && !strings.HasPrefix(strings.ToLower(clean(b.Note)), "approximate") {
			c.note("birth", strings.Join([]string{b.Date, b.Year, b.From, b.To, b.Note}, " "))
		}
	}
	for _, a := range raw.Aliases {
		if d := clean(a.DateOfBirth); d != "" {
			if _, err := ct.ParseEDTF(d); err == nil {
				c.addBirth(d)
			} else {
				c.note("alias birth", d)
			}
		}
	}
}

func (c *converter) addBirth(date string) {
	for _, b := range c.e.Person.Births {
		if b.Date == date {
			return
		}
	}
	if len(c.e.Person.Births) == ct.MaxList {
		c.note("birth beyond the limit", date)
		return
	}
	c.e.Person.Births = append(c.e.Person.Births, ct.Birth{Date: date})
}

// edtf writes a birth as EDTF. false: there is none, or none that can be read.
func edtf(b birth) (string, bool) {
	kind := strings.ToUpper(clean(b.Type))
	approx := strings.HasPrefix(kind, "APPROX") || strings.HasPrefix(strings.ToLower(clean(b.Note)), "approx")
	date := cmp.Or(clean(b.Date), clean(b.Year))
	if from, to := clean(b.From), clean(b.To); kind == "BETWEEN" && from != "" && to != "" {
		date = from + "/" + to
		if approx {
			date = from + "~/" + to + "~"
		}
		approx = false
	}
	if date == "" {
		date = monthOfNote(clean(b.Note))
	}
	if date == "" {
		return "", false
	}
	if approx {
		date += "~"
	}
	_, err := ct.ParseEDTF(date)
	return date, err == nil
}

var monthYear = regexp.MustCompile(`^([A-Za-z]{3})[a-z]*\.? (\d{4})$`)

// monthOfNote reads "July 1961" and "Nov. 1973".
func monthOfNote(note string) string {
	m := monthYear.FindStringSubmatch(note)
	if m == nil {
		return ""
	}
	t, err := time.Parse("Jan 2006", m[1]+" "+m[2])
	if err != nil {
		return ""
	}
	return t.Format("2006-01")
}

// places keeps the text as the source wrote it, without streets, and the State
// where its name is known.
func (c *converter) places(field string, raw []place) []ct.PlaceOfLife {
	var out []ct.PlaceOfLife
	for _, p := range raw {
		state, known := Country(p.Country)
		text := clean(p.City + " " + p.Province)
		if city, province := clean(p.City), clean(p.Province); city != "" && province != "" {
			text = city + ", " + province
		}
		if country := clean(p.Country); !known && country != "" && !placeholder(country) {
			text = strings.TrimPrefix(text+", "+country, ", ")
		}
		if !known && text == "" {
			continue
		}
		if len(out) == ct.MaxList {
			c.note(field+" beyond the limit", text)
			continue
		}
		out = append(out, ct.PlaceOfLife{State: state, Text: cut(text, ct.MaxNameLen)})
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
		t = clean(t)
		if placeholder(t) {
			continue
		}
		s, ok := Country(t)
		if !ok || len(p.Nationalities) == ct.MaxList {
			c.note("nationality", t)
			continue
		}
		if !contains(p.Nationalities, s) {
			p.Nationalities = append(p.Nationalities, s)
		}
	}
}

func contains(list []ct.State, s ct.State) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// documents: passports become documents; other numbers become national ids
// where their country is known, else documents without a type.
func (c *converter) documents(raw []document) {
	p := &c.e.Person
	for _, d := range raw {
		number := clean(d.Number)
		if number == "" || placeholder(number) {
			c.note("document without number", d.Type+" "+d.Type2+" "+d.Note)
			continue
		}
		if len([]rune(number)) > ct.MaxShort {
			c.note("document", number)
			continue
		}
		issuer, known := Country(cmp.Or(clean(d.Issuer), clean(d.Issuer2)))
		if text := cmp.Or(clean(d.Issuer), clean(d.Issuer2)); !known && text != "" {
			c.note("document issuer", text)
		}
		kind := strings.ToLower(clean(d.Type + " " + d.Type2))
		passport := strings.Contains(kind, "passport") || strings.Contains(kind, "passeport") || strings.Contains(kind, "pasaporte")
		switch {
		case !passport && known && len(p.NationalIDs) < ct.MaxList:
			p.NationalIDs = append(p.NationalIDs, ct.NationalID{Country: issuer, Scheme: cut(clean(cmp.Or(d.Type2, d.Type)), ct.MaxShort), Value: number})
		case len(p.Documents) < ct.MaxDocuments:
			doc := ct.Document{Number: number, Issuer: issuer}
			if passport {
				doc.Type = "P"
			}
			if issued := clean(d.Issued); issued != "" {
				if _, err := ct.ParseEDTF(issued); err == nil {
					doc.Issued = issued
				} else {
					c.note("document issued", issued)
				}
			}
			p.Documents = append(p.Documents, doc)
		default:
			c.note("document beyond the limit", number)
		}
	}
}
