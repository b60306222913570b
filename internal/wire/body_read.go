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

// blob is bytes that may be empty: an embedded message that is always present.
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

// filled says that the embedded message which comes now is one that is absent
// when it is empty, as every element of a list is.
func (d *decoder) filled() { d.bad = d.bad || len(d.b) > 0 && d.b[0] == 0 }

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
	if cap(list) == 0 {
		list = make([]S, 0, d.count())
	}
	v := d.bytes() // no element is empty
	if !utf8.Valid(v) {
		d.bad = true
	}
	if d.bad {
		return list
	}
	return append(list, S(d.string(v)))
}

// another makes room for one more element of a list. Where the list has memory
// left, what stood there before is memory for the new element's own lists.
// (A function that reads the element, given here, would put every decoder on the heap.)
func another[T any](d *decoder, list []T) []T {
	d.bounded(len(list))
	d.filled()
	if cap(list) == 0 {
		list = make([]T, 0, d.count())
	}
	if n := len(list); n < cap(list) {
		return list[:n+1]
	}
	var zero T
	return append(list, zero)
}

// readNotification reads all but what the header carries. Each reader here
// sets its value anew and keeps the memory of its lists.
func readNotification(d *decoder, n *ct.Notification) {
	seen := 0
	for d.next() {
		seen++
		switch d.num {
		case 1:
			readEvent(d, &n.Event)
		case 2:
			readPersonIn(d, &n.Person)
		case 3:
			readAssessment(d, &n.Assessment)
		case 4:
			readHandling(d, &n.Handling)
		case 5:
			readRetention(d, &n.Retention)
		case 6:
			readContact(d, &n.Contact)
		default:
			d.bad = true
		}
	}
	d.bad = d.bad || seen != 6 // all are always present
}

func readEvent(d *decoder, e *ct.Event) {
	*e = ct.Event{Legs: e.Legs[:0], Transit: e.Transit[:0], Accompanying: e.Accompanying[:0]}
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
			e.Legs = another(&in, e.Legs)
			readLeg(&in, &e.Legs[len(e.Legs)-1])
		case 6:
			e.Source = ct.State(in.text())
		case 7:
			e.Transit = readTexts(&in, e.Transit)
		case 8:
			e.Destination = ct.State(in.text())
		case 9:
			in.filled()
			e.Detention = new(ct.Detention)
			readDetention(&in, e.Detention)
		case 10:
			e.Accompanying = another(&in, e.Accompanying)
			readCompanion(&in, &e.Accompanying[len(e.Accompanying)-1])
		default:
			in.bad = true
		}
	}
	d.join(&in)
}

func readLeg(d *decoder, l *ct.Leg) {
	*l = ct.Leg{}
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
			readPlace(&in, &l.From)
			places++
		case 5:
			readPlace(&in, &l.To)
			places++
		case 6:
			l.Departs = in.text()
		case 7:
			l.Arrives = in.text()
		default:
			in.bad = true
		}
	}
	in.bad = in.bad || places != 2 // both are always present
	d.join(&in)
}

func readPlace(d *decoder, p *ct.Place) {
	*p = ct.Place{}
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
}

func readDetention(d *decoder, t *ct.Detention) {
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
}

func readCompanion(d *decoder, c *ct.Companion) {
	*c = ct.Companion{}
	in := d.message()
	for in.next() {
		switch in.num {
		case 1:
			c.Role = in.text()
		case 2:
			in.filled()
			c.Name = new(ct.Name)
			readName(&in, c.Name)
		case 3:
			in.filled()
			c.Birth = new(ct.Birth)
			readBirth(&in, c.Birth)
		case 4:
			c.Note = in.text()
		default:
			in.bad = true
		}
	}
	d.join(&in)
}

func readAssessment(d *decoder, a *ct.Assessment) {
	*a = ct.Assessment{Grounds: a.Grounds[:0], LegalBasis: a.LegalBasis[:0]}
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
			a.LegalBasis = another(&in, a.LegalBasis)
			readLegalBasis(&in, &a.LegalBasis[len(a.LegalBasis)-1])
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
}

func readLegalBasis(d *decoder, b *ct.LegalBasis) {
	*b = ct.LegalBasis{}
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
}

func readHandling(d *decoder, h *ct.Handling) {
	*h = ct.Handling{Codes: h.Codes[:0], Caveats: h.Caveats[:0], Originator: h.Originator[:0]}
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
}

func readRetention(d *decoder, r *ct.Retention) {
	*r = ct.Retention{}
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
}

func readContact(d *decoder, c *ct.Contact) {
	*c = ct.Contact{}
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
}
