package wire

import (
	"github.com/herald-net/herald/node/ct"
	heraldv1 "github.com/herald-net/herald/proto/herald/v1"
)

// EncodeMatchRelease writes the body of a MATCH_RELEASE record. It does not
// validate.
func EncodeMatchRelease(r *ct.MatchRelease) ([]byte, error) { return encodeBody(releaseToProto(r)) }

// DecodeMatchRelease reads a body in its one encoding.
func DecodeMatchRelease(body []byte) (*ct.MatchRelease, error) {
	d, err := readBody(body)
	if err != nil {
		return nil, err
	}
	r := readRelease(&d)
	if d.bad {
		return nil, bodyFault(body, &heraldv1.MatchRelease{})
	}
	return r, nil
}

func releaseToProto(r *ct.MatchRelease) *heraldv1.MatchRelease {
	return &heraldv1.MatchRelease{
		Requests: mapped(r.Requests, func(id *ct.ID) []byte { return id[:] }),
		To:       string(r.To), By: r.By,
		Hits:    mapped(r.Hits, releasedHitToProto),
		Contact: deskToProto(&r.Contact),
	}
}

func releasedHitToProto(h *ct.ReleasedHit) *heraldv1.ReleasedHit {
	out := &heraldv1.ReleasedHit{
		Ref: h.Ref, Score: h.Score, Tier: h.Tier, Why: h.Why, Author: string(h.Author), Tlp: uint32(h.TLP),
		Event: string(h.Event), EventTime: h.EventTime, Designation: h.Designation, RequestedAction: h.Action,
		Handling: handlingToProto(&h.Handling), Withheld: h.Withheld,
	}
	if h.Person != nil {
		out.Person = filled(personToProto(h.Person))
	}
	if h.Contact != nil {
		out.Contact = filled(deskToProto(h.Contact))
	}
	return out
}

func readRelease(d *decoder) *ct.MatchRelease {
	r := &ct.MatchRelease{}
	contacts := 0
	for d.next() {
		switch d.num {
		case 1:
			d.bounded(len(r.Requests))
			var id ct.ID
			d.fixed(id[:])
			r.Requests = append(r.Requests, id)
		case 2:
			r.To = ct.State(d.text())
		case 3:
			r.By = d.text()
		case 4:
			r.Hits = another(d, r.Hits)
			readReleasedHit(d, &r.Hits[len(r.Hits)-1])
		case 5:
			readContact(d, &r.Contact)
			contacts++
		default:
			d.bad = true
		}
	}
	d.bad = d.bad || contacts != 1 // always present
	return r
}

func readReleasedHit(d *decoder, h *ct.ReleasedHit) {
	*h = ct.ReleasedHit{Why: h.Why[:0], Withheld: h.Withheld[:0]}
	in := d.message()
	handling := 0
	for in.next() {
		switch in.num {
		case 1:
			h.Ref = in.text()
		case 2:
			h.Score = in.uint32()
		case 3:
			h.Tier = in.text()
		case 4:
			h.Why = readTexts(&in, h.Why)
		case 5:
			h.Author = ct.State(in.text())
		case 6:
			h.TLP = ct.TLP(in.uint32())
		case 7:
			h.Event = ct.EventType(in.text())
		case 8:
			h.EventTime = in.text()
		case 9:
			in.filled()
			h.Person = new(ct.Person)
			readPersonIn(&in, h.Person)
		case 10:
			h.Designation = in.text()
		case 11:
			h.Action = in.text()
		case 12:
			readHandling(&in, &h.Handling)
			handling++
		case 13:
			in.filled()
			h.Contact = new(ct.Contact)
			readContact(&in, h.Contact)
		case 14:
			h.Withheld = readTexts(&in, h.Withheld)
		default:
			in.bad = true
		}
	}
	in.bad = in.bad || handling != 1 // always present
	d.join(&in)
}
