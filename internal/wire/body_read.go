package wire

import (
	"fmt"
	"unicode/utf8"

	"github.com/herald-net/herald/node/ct"
	"google.golang.org/protobuf/encoding/protowire"
)

// The content of a notification is read by hand, as the header is: one walk
// that accepts only the one encoding, instead of the generated code, which
// accepts many and must be held against its own output. Every node judges every
// record, so this is on the path of catch-up. A fuzz test holds it against the
// generated code: what one accepts the other does.

// readBody starts on the bytes of a body.
func readBody(body []byte) (decoder, error) {
	if len(body) > MaxBody {
		return decoder{}, fmt.Errorf("%w: %d bytes, at most %d", ErrBodyLarge, len(body), MaxBody)
	}
	return decoder{b: body, all: string(body), end: len(body)}, nil
}

// blob is bytes that may be empty: an element of a list, an embedded message.
func (d *decoder) blob() []byte {
	if d.typ != protowire.BytesType {
		d.bad = true
		return nil
	}
	n, ok := d.varint()
	if !ok || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

// message starts on an embedded message of a body.
func (d *decoder) message() decoder {
	v := d.blob()
	return decoder{b: v, all: d.all, end: d.end - len(d.b), bad: d.bad}
}

// count is how many elements the list has that begins here, so that it is
// made once. It may be too few, never more than there are bytes for.
func (d *decoder) count() int {
	n, rest := 1, d.b
	for n < maxRepeated {
		size, k := protowire.ConsumeVarint(rest)
		if k < 0 || size >= uint64(len(rest)-k) {
			break
		}
		rest = rest[k+int(size):]
		num, typ, k := protowire.ConsumeTag(rest)
		if k < 0 || int(num) != d.num || typ != protowire.BytesType {
			break
		}
		n, rest = n+1, rest[k:]
	}
	return n
}

// bounded says that the current field is an element of a list of which n are
// there already.
func (d *decoder) bounded(n int) {
	d.repeat()
	if n >= maxRepeated {
		d.bad = true
	}
}

func readTexts[S ~string](d *decoder, list []S) []S {
	d.bounded(len(list))
	if list == nil {
		list = make([]S, 0, d.count())
	}
	v := d.blob()
	if !utf8.Valid(v) {
		d.bad = true
	}
	if d.bad {
		return list
	}
	return append(list, S(d.string(v)))
}

func readList[T any](d *decoder, list []T, read func(*decoder) T) []T {
	d.bounded(len(list))
	if d.bad {
		return list
	}
	if list == nil {
		list = make([]T, 0, d.count())
	}
	return append(list, read(d))
}

func readNotification(d *decoder) *ct.Notification {
	n := &ct.Notification{}
	seen := 0
	for d.next() {
		seen++
		switch d.num {
		case 1:
			n.Event = readEvent(d)
		case 2:
			n.Person = readPersonIn(d)
		case 3:
			n.Assessment = readAssessment(d)
		case 4:
			n.Handling = readHandling(d)
		case 5:
			n.Retention = readRetention(d)
		case 6:
			n.Contact = readContact(d)
		default:
			d.bad = true
		}
	}
	d.bad = d.bad || seen != 6 // all are always present
	return n
}

func readEvent(d *decoder) (e ct.Event) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			e.Type = ct.EventType(in.text())
		case 2:
			e.Phase = in.text()
		case 3:
			e.Time = in.text()
		case 4:
			e.Precision = in.text()
		case 5:
			e.Legs = readList(&in, e.Legs, readLeg)
		case 6:
			e.Source = ct.State(in.text())
		case 7:
			e.Transit = readTexts(&in, e.Transit)
		case 8:
			e.Destination = ct.State(in.text())
		case 9:
			e.Detention = readDetention(&in)
		case 10:
			e.Accompanying = readList(&in, e.Accompanying, readCompanion)
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return e
}

func readLeg(d *decoder) (l ct.Leg) {
	in := d.message()
	places := 0
	for in.next() {
		switch in.num {
		case 1:
			l.Mode = in.text()
		case 2:
			l.Carrier = in.text()
		case 3:
			l.ServiceNo = in.text()
		case 4:
			l.From = readPlace(&in)
			places++
		case 5:
			l.To = readPlace(&in)
			places++
		case 6:
			l.Departs = in.text()
		case 7:
			l.Arrives = in.text()
		case 8:
			l.PNRHash = in.text()
		default:
			in.bad = true
		}
	}
	in.bad = in.bad || places != 2 // both are always present
	d.join(&in)
	return l
}

func readPlace(d *decoder) (p ct.Place) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			p.Code = in.text()
		case 2:
			p.State = ct.State(in.text())
		case 3:
			p.Text = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return p
}

func readDetention(d *decoder) *ct.Detention {
	t := &ct.Detention{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			t.Authority = in.text()
		case 2:
			t.Country = ct.State(in.text())
		case 3:
			t.Region = in.text()
		case 4:
			t.LegalGround = in.text()
		case 5:
			t.Since = in.text()
		case 6:
			t.ConsularNotified = in.text()
		case 7:
			t.ConsularTime = in.text()
		case 8:
			t.ExpectedRelease = in.text()
		case 9:
			t.ExpectedTransfer = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return t
}

func readCompanion(d *decoder) (c ct.Companion) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			c.Role = in.text()
		case 2:
			n := readName(&in)
			c.Name = &n
		case 3:
			b := readBirth(&in)
			c.Birth = &b
		case 4:
			c.Note = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return c
}

func readAssessment(d *decoder) (a ct.Assessment) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			a.Grounds = readTexts(&in, a.Grounds)
		case 2:
			a.GroundsText = in.text()
		case 3:
			a.Designation = in.text()
		case 4:
			a.LegalBasis = readList(&in, a.LegalBasis, readLegalBasis)
		case 5:
			a.Purpose = in.text()
		case 6:
			a.SourceGrade = in.text()
		case 7:
			a.InfoGrade = in.text()
		case 8:
			a.RequestedAction = in.text()
		case 9:
			a.WarrantRef = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return a
}

func readLegalBasis(d *decoder) (b ct.LegalBasis) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			b.Instrument = in.text()
		case 2:
			b.Reference = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return b
}

func readHandling(d *decoder) (h ct.Handling) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			h.Codes = readTexts(&in, h.Codes)
		case 2:
			h.PAP = in.text()
		case 3:
			h.Caveats = readTexts(&in, h.Caveats)
		case 4:
			h.Originator = readTexts(&in, h.Originator)
		case 5:
			h.Text = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return h
}

func readRetention(d *decoder) (r ct.Retention) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			r.PurposeDate = in.text()
		case 2:
			r.ReviewDate = in.text()
		case 3:
			r.ExtensionReason = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return r
}

func readContact(d *decoder) (c ct.Contact) {
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			c.Desk = in.text()
		case 2:
			c.Phone = in.text()
		case 3:
			c.Email = in.text()
		case 4:
			c.Ref = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
	return c
}
