package ct

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"
)

// MaxJSON bounds a document that people hand in, in bytes.
const MaxJSON = 64 << 10

// ListPerson is one person of a State's own list.
type ListPerson struct {
	ID string `json:"id"` // the list's own, opaque
	Person
}

// listForm is how a line of a list may write an entry: births and documents
// also as plain strings.
type listForm struct {
	ID string `json:"id"`
	Person
	Births    []listBirth    `json:"births"`
	Documents []listDocument `json:"documents"`
}

type (
	listBirth    Birth
	listDocument Document
)

func (listBirth) shortForm()    {}
func (listDocument) shortForm() {}

func (b *listBirth) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &b.Date)
	}
	return json.Unmarshal(data, (*Birth)(b))
}

func (d *listDocument) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &d.Number)
	}
	return json.Unmarshal(data, (*Document)(d))
}

// queryForm is the short form of a query: one value of each.
type queryForm struct {
	Name        string `json:"name"`
	Birth       string `json:"birth"`
	Nationality State  `json:"nationality"`
	Document    string `json:"document"`
}

var (
	notificationSchema = schemaOf(reflect.TypeFor[Notification]())
	personSchema       = schemaOf(reflect.TypeFor[Person]())
	queryFormSchema    = schemaOf(reflect.TypeFor[queryForm]())
	listFormSchema     = schemaOf(reflect.TypeFor[listForm]())
)

// DecodeNotification reads one notification as JSON, strictly: an unknown or
// repeated field, a wrong type, null, anything behind the document and more
// than MaxJSON bytes are refused with line, column and field. It does not
// validate.
func DecodeNotification(r io.Reader) (*Notification, error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, err
	}
	n := &Notification{}
	if err := decodeStrict(data, notificationSchema, false, n); err != nil {
		return nil, err
	}
	return n, nil
}

// DecodeQuery reads the person whom a match request asks for, strictly: a
// Person, or the short form {"name","birth","nationality","document"}. The
// result is valid but for one liberty: a query may have a document and no name.
func DecodeQuery(r io.Reader) (*Person, error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, err
	}
	p := &Person{}
	if isShortQuery(data) {
		var q queryForm
		if err := decodeStrict(data, queryFormSchema, false, &q); err != nil {
			return nil, err
		}
		p = q.person()
	} else if err := decodeStrict(data, personSchema, false, p); err != nil {
		return nil, err
	}
	faults := p.Validate(time.Time{})
	if len(p.Names) == 0 && len(p.Documents) > 0 {
		faults = faults[1:] // names: missing, always the first
	}
	return p, faults.Err()
}

// isShortQuery tells whether an object has one of the short form's keys; none
// of them is a key of Person.
func isShortQuery(data []byte) bool {
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return false
	}
	for k := range queryFormSchema.fields {
		if _, ok := keys[k]; ok {
			return true
		}
	}
	return false
}

func (q *queryForm) person() *Person {
	p := &Person{}
	if q.Name != "" {
		p.Names = []Name{{Full: q.Name}}
	}
	if q.Birth != "" {
		p.Births = []Birth{{Date: q.Birth}}
	}
	if q.Nationality != "" {
		p.Nationalities = []State{q.Nationality}
	}
	if q.Document != "" {
		p.Documents = []Document{{Number: q.Document}}
	}
	return p
}

// DecodeListEntry reads one line of a list in JSON lines: {"id","names":
// [{"full","quality","script"}],"births":[],"nationalities":[],"documents":[]}
// and any other field of Person. Births may be EDTF strings and documents
// their numbers; null stands for absent. The result is valid.
func DecodeListEntry(line []byte) (ListPerson, error) {
	if len(line) > MaxJSON {
		return ListPerson{}, fmt.Errorf("line of %d bytes, at most %d", len(line), MaxJSON)
	}
	var f listForm
	if err := decodeStrict(line, listFormSchema, true, &f); err != nil {
		return ListPerson{}, err
	}
	e := ListPerson{ID: f.ID, Person: f.Person}
	for _, b := range f.Births {
		e.Births = append(e.Births, Birth(b))
	}
	for _, d := range f.Documents {
		e.Documents = append(e.Documents, Document(d))
	}
	c := checker{}
	if c.must("id", e.ID) {
		c.line("id", e.ID, MaxShort)
	}
	c.person(&e.Person)
	return e, c.faults.Err()
}

// EncodeJSON writes a notification as people read it: indented, with a final
// line feed, in the form that DecodeNotification reads.
func EncodeJSON(w io.Writer, n *Notification) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(n)
}

var utf8Mark = []byte("\xef\xbb\xbf")

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if len(data) > MaxJSON {
		return nil, fmt.Errorf("document of more than %d bytes", MaxJSON)
	}
	data = bytes.TrimPrefix(data, utf8Mark)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("document is empty")
	}
	return data, nil
}
