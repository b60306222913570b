package people

import (
	"cmp"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/format/value"
	"github.com/herald-net/herald/node/ct"
)

// mend reads an entry value by value.
func mend(o *object, now time.Time) Entry {
	m := mender{now: now}
	e := Entry{}
	switch id := o.values["id"].(type) {
	case string:
		e.ID = strings.TrimSpace(id)
	case nil:
	default:
		e.Fault = "id: want a string"
	}
	delete(o.values, "id")
	m.fields("", o, reflect.ValueOf(&e.Person).Elem())
	m.drop(&e.Person)
	e.Left = m.left
	switch {
	case e.Fault != "":
	case e.ID == "":
		e.Fault = "id: missing"
	case len([]rune(e.ID)) > ct.MaxShort || strings.ContainsRune(e.ID, '\ufffd') || value.Line(e.ID) != e.ID:
		e.Fault = "id: " + ct.FaultText
	case len(e.Person.Names) == 0:
		e.Fault = "names: missing"
		if i := slices.IndexFunc(m.left, func(l Left) bool { return strings.HasPrefix(l.Field, "names") }); i >= 0 {
			e.Fault = m.left[i].Field + ": " + m.left[i].Why
		}
	}
	if e.Fault != "" {
		e.Person, e.Left = ct.Person{}, nil
	}
	return e
}

// mender fills a person and tells what it leaves out.
type mender struct {
	now  time.Time
	left []Left
}

func (m *mender) leave(path, why string) { m.left = append(m.left, Left{Field: path, Why: why}) }

// field is the path of a field. A name that is none of ours may be anything, a
// person's name too.
func field(path, key string) string {
	if path != "" {
		path += "."
	}
	for _, c := range key {
		if len(key) > 40 || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", c) {
			return path + "?"
		}
	}
	return path + key
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func (m *mender) fields(path string, o *object, v reflect.Value) {
	for _, key := range o.keys {
		x, ok := o.values[key]
		if !ok || x == nil {
			continue
		}
		if f, ok := fieldOf(v, key); ok {
			m.fill(field(path, key), x, f)
		} else {
			m.leave(field(path, key), "unknown field")
		}
	}
}

// fieldOf finds a field by its name in JSON, in embedded structs too.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			if inner, ok := fieldOf(v.Field(i), key); ok {
				return inner, true
			}
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// fill sets a field from a value that is not null.
func (m *mender) fill(path string, x any, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *[]ct.Birth:
		m.births(path, x, p)
	case *[]ct.State:
		m.each(path, x, func(path string, x any) { *p = append(*p, m.states(path, x)...) })
		*p = unique(*p)
	case *ct.State:
		if s := m.states(path, x); len(s) > 0 {
			*p = s[0]
		}
	case *[]ct.Document:
		m.documents(path, x, p)
	case *ct.Sex:
		if s, ok := value.Sex(word(x)); ok {
			*p = s
		} else {
			m.leave(path, "neither M nor F nor X")
		}
	case *bool:
		if b, ok := x.(bool); ok {
			*p = b
		} else {
			m.leave(path, "want true or false")
		}
	case *uint32:
		if n, err := strconv.ParseUint(word(x), 10, 32); err == nil {
			*p = uint32(n)
		} else {
			m.leave(path, "want a number")
		}
	default:
		m.fillKind(path, x, v)
	}
}

func (m *mender) fillKind(path string, x any, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if _, text := x.(string); !text {
			m.leave(path, "want a string")
			return
		}
		v.SetString(value.Line(word(x)))
		switch path[strings.LastIndexByte(path, '.')+1:] {
		case "quality", "calendar", "status", "system", "kind":
			v.SetString(strings.ToLower(v.String()))
		case "script":
			if s := strings.ToLower(v.String()); s != "" {
				v.SetString(strings.ToUpper(s[:1]) + s[1:])
			}
		}
	case reflect.Slice:
		m.each(path, x, func(path string, x any) {
			e := reflect.New(v.Type().Elem()).Elem()
			before := len(m.left)
			if m.fill(path, x, e); !e.IsZero() || len(m.left) == before {
				v.Set(reflect.Append(v, e))
			}
		})
	case reflect.Pointer:
		e := reflect.New(v.Type().Elem())
		if m.fill(path, x, e.Elem()); !e.Elem().IsZero() {
			v.Set(e)
		}
	case reflect.Struct:
		o, ok := x.(*object)
		if !ok {
			m.leave(path, "want an object")
			return
		}
		m.fields(path, o, v)
	}
}

// each goes through a list; one value stands for a list of it.
func (m *mender) each(path string, x any, fn func(path string, x any)) {
	list, ok := x.([]any)
	if !ok {
		list = []any{x}
	}
	for i, x := range list {
		if x != nil {
			fn(element(path, i), x)
		}
	}
}

// word is a string or a number as it is written.
func word(x any) string {
	switch x := x.(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	}
	return ""
}

func (m *mender) births(path string, x any, out *[]ct.Birth) {
	m.each(path, x, func(path string, x any) {
		b := ct.Birth{Date: word(x)}
		if o, ok := x.(*object); ok {
			o.asText("date")
			m.fields(path, o, reflect.ValueOf(&b).Elem())
			path += ".date"
		}
		births, note := value.Births(b.Date, m.now)
		if note != "" {
			m.leave(path, note)
		}
		said := b.Calendar
		for _, r := range births {
			if said != "" && r.Calendar != "" && said != r.Calendar {
				continue // of two that the year may be of
			}
			b.Date, b.Calendar = r.Date, cmp.Or(said, r.Calendar)
			*out = append(*out, b)
		}
		if said == "gregorian" && len(births) > 0 && births[0].Calendar != "" {
			m.leave(path, "a year of another calendar")
		}
	})
	*out = unique(*out)
}

func unique[T comparable](list []T) (out []T) {
	for _, x := range list {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func (m *mender) states(path string, x any) []ct.State {
	states, whole := unlist.Countries(word(x))
	if !whole {
		m.leave(path, "names a State that is not known: want a code such as UTO")
	}
	return states
}

func (m *mender) documents(path string, x any, out *[]ct.Document) {
	m.each(path, x, func(path string, x any) {
		d := ct.Document{Number: word(x)}
		if o, ok := x.(*object); ok {
			o.asText("number")
			m.fields(path, o, reflect.ValueOf(&d).Elem())
			if kind, ok := value.DocumentType(d.Type); ok {
				d.Type = kind
			}
			d.Issued, d.Expires = m.date(path+".issued", d.Issued), m.date(path+".expires", d.Expires)
			path += ".number"
		}
		number, note := value.Number(d.Number)
		if note != "" {
			m.leave(path, note)
			return
		}
		d.Number = number
		*out = append(*out, d)
	})
}

func (m *mender) date(path, text string) string {
	if text == "" {
		return ""
	}
	date, note := value.Date(text)
	if note != "" {
		m.leave(path, note)
	}
	return date
}

// asText makes a number that stands for a text one.
func (o *object) asText(key string) {
	if n, ok := o.values[key].(json.Number); ok {
		o.values[key] = n.String()
	}
}

var step = regexp.MustCompile(`([a-z_]+)(?:\[(\d+)\])?`)

// drop takes out of a person what is not valid, the least that makes it so:
// a value, or the element of a list that is nothing without it.
func (m *mender) drop(p *ct.Person) {
	for {
		faults := p.Validate(time.Time{})
		faults = slices.DeleteFunc(faults, func(f ct.Fault) bool { return f.Field == "names" && f.Fault == ct.FaultMissing })
		if len(faults) == 0 {
			return
		}
		f := faults[len(faults)-1] // from behind: places before it stay
		told := func(l Left) bool { return strings.HasPrefix(l.Field, f.Field[:strings.LastIndexByte(f.Field, ']')+1]) }
		switch {
		case f.Fault == ct.FaultDuplicate: // nothing is lost
		case f.Fault == ct.FaultMissing && slices.ContainsFunc(m.left, told): // because it was left out
		default:
			m.leave(f.Field, f.Fault)
		}
		if !cut(reflect.ValueOf(p).Elem(), f) { // impossible: every fault names a field
			*p = ct.Person{}
			m.leave(f.Field, "the person cannot be read")
			return
		}
	}
}

// cut takes out the field that a fault names. A list that is too long loses its
// end; an element of a list goes when it is at fault itself, or when what it
// needs is missing.
func cut(v reflect.Value, f ct.Fault) bool {
	var list reflect.Value // the innermost list and the place in it
	at, last := -1, ""
	whole := false
	for _, s := range step.FindAllStringSubmatch(f.Field, -1) {
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return false
		}
		next, ok := fieldOf(v, s[1])
		if !ok {
			return false
		}
		v, last, whole = next, s[1], s[2] != ""
		if whole {
			n, err := strconv.Atoi(s[2])
			if err != nil || v.Kind() != reflect.Slice || n >= v.Len() {
				return false
			}
			list, at, v = v, n, v.Index(n)
		}
	}
	most := map[string]int{"names": ct.MaxNames, "documents": ct.MaxDocuments}[last]
	most = cmp.Or(most, ct.MaxList)
	switch {
	case f.Fault == ct.FaultTooMany && v.Kind() == reflect.Slice && v.Len() > most:
		v.SetLen(most)
	case list.IsValid() && (whole || f.Fault == ct.FaultMissing):
		list.Set(reflect.AppendSlice(list.Slice(0, at), list.Slice(at+1, list.Len())))
	case v.IsZero():
		return false
	default:
		v.SetZero()
	}
	return true
}

// Join adds what another row says of the same person.
func (e *Entry) Join(o Entry) {
	m := mender{left: append(e.Left, o.Left...)}
	p, q := &e.Person, &o.Person
	for _, n := range q.Names {
		if !slices.ContainsFunc(p.Names, func(x ct.Name) bool { return x.Full == n.Full && slices.Equal(x.Parts, n.Parts) }) {
			p.Names = append(p.Names, n)
		}
	}
	p.Births = unique(append(p.Births, q.Births...))
	p.BirthPlaces = unique(append(p.BirthPlaces, q.BirthPlaces...))
	p.Nationalities = unique(append(p.Nationalities, q.Nationalities...))
	p.Residence = unique(append(p.Residence, q.Residence...))
	p.Documents = unique(append(p.Documents, q.Documents...))
	p.NationalIDs = unique(append(p.NationalIDs, q.NationalIDs...))
	p.Contacts = unique(append(p.Contacts, q.Contacts...))
	p.ExternalRefs = unique(append(p.ExternalRefs, q.ExternalRefs...))
	p.AsylumOrRefugee = p.AsylumOrRefugee || q.AsylumOrRefugee
	if p.Sex == "" {
		p.Sex = q.Sex
	} else if q.Sex != "" && q.Sex != p.Sex {
		m.left = append(m.left, Left{Line: o.Line, Field: "sex", Why: "another one than in the rows before"})
	}
	for _, f := range []struct{ have, more reflect.Value }{
		{reflect.ValueOf(&p.Physical), reflect.ValueOf(q.Physical)}, {reflect.ValueOf(&p.Biometrics), reflect.ValueOf(q.Biometrics)},
		{reflect.ValueOf(&p.MisusedIdentity), reflect.ValueOf(q.MisusedIdentity)},
	} {
		if f.have.Elem().IsNil() {
			f.have.Elem().Set(f.more)
		} else if !f.more.IsNil() && !reflect.DeepEqual(f.have.Elem().Interface(), f.more.Interface()) {
			m.left = append(m.left, Left{Line: o.Line, Field: strings.ToLower(f.more.Type().Elem().Name()), Why: "another one than in the rows before"})
		}
	}
	before := len(m.left)
	m.drop(p)
	for i := range m.left[before:] {
		m.left[before+i].Line = o.Line
	}
	e.Left = m.left
	e.Rows += o.Rows
}

// Joiner puts rows that follow one another and have one id together: a list may
// have an alias a row.
type Joiner struct{ last *Entry }

// Add takes the next row and gives the entry before it, when that is whole.
func (j *Joiner) Add(e Entry) (Entry, bool) {
	last := j.last
	if last != nil && last.Fault == "" && e.Fault == "" && e.ID == last.ID && last.Rows < maxRows {
		last.Join(e)
		return Entry{}, false
	}
	j.last = &e
	if last == nil {
		return Entry{}, false
	}
	return *last, true
}

// maxRows of one person are put together; more are told by the limits of a
// person, and cost time each.
const maxRows = 1000

// Last gives the entry that no row follows.
func (j *Joiner) Last() (Entry, bool) {
	last := j.last
	j.last = nil
	if last == nil {
		return Entry{}, false
	}
	return *last, true
}
