package match

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// encodingVersion is the first byte of an encoded subject.
const encodingVersion = 2

// maxEncoded bounds what Unmarshal reads.
const maxEncoded = 64 << 10

var errTruncated = errors.New("encoded subject: it ends too early")

// Marshal is the compact form in which an index keeps a subject:
//
//	version, names {n, low, tokens {n, weight, flags, text}}, births {n, from,
//	years, month, day, approx}, documents {n, text, issuer {0 or 3 bytes}}, nationalities {n, 3 bytes}
//
// One subject has one encoding.
func (s *Subject) Marshal() []byte {
	out := make([]byte, 0, 128)
	out = append(out, encodingVersion, byte(len(s.Names)))
	for _, n := range s.Names {
		out = append(out, flag(n.Low), byte(len(n.Tokens)))
		for _, t := range n.Tokens {
			out = append(out, t.Weight, byte(t.Flags), byte(len(t.Text)))
			out = append(out, t.Text...)
		}
	}
	out = append(out, byte(len(s.Births)))
	for _, b := range s.Births {
		out = binary.BigEndian.AppendUint16(out, b.From)
		out = append(out, byte(b.To-b.From), b.Month, b.Day, flag(b.Approx))
	}
	out = append(out, byte(len(s.Documents)))
	for _, d := range s.Documents {
		out = append(out, byte(len(d.Number)))
		out = append(out, d.Number...)
		out = append(out, byte(len(d.Issuer)))
		out = append(out, d.Issuer...)
	}
	out = append(out, byte(len(s.Nationalities)))
	for _, n := range s.Nationalities {
		out = append(out, n[:3]...)
	}
	return out
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// Unmarshal reads what Marshal wrote and refuses everything else.
func Unmarshal(data []byte) (*Subject, error) {
	// One copy; every text of the subject is a part of it.
	return new(Decoder).Decode(slices.Clone(data))
}

// Decoder reads one subject after another into the same memory.
type Decoder struct {
	s      Subject
	tokens []name.Token
}

// Decode reads what Marshal wrote and refuses everything else. The subject and
// all texts in it are good until the next Decode or until data changes.
func (r *Decoder) Decode(data []byte) (*Subject, error) {
	if len(data) > maxEncoded {
		return nil, fmt.Errorf("encoded subject: %d bytes, at most %d", len(data), maxEncoded)
	}
	d := decoder{text: unsafe.String(unsafe.SliceData(data), len(data))}
	if v := d.byte(); v != encodingVersion && !d.short {
		return nil, fmt.Errorf("encoded subject: version %d, want %d", v, encodingVersion)
	}
	s := &r.s
	s.Names = sized(s.Names, d.count(MaxNames))
	tokens := r.tokens[:0]
	for i := range s.Names {
		s.Names[i].Low = d.flag()
		n := d.count(name.MaxTokens)
		if n == 0 {
			d.bad = true
		}
		first := len(tokens) // where append moves them, earlier names keep the old memory
		for range n {
			weight, flags := d.byte(), d.byte()
			text := d.string(1, name.MaxToken)
			tokens = append(tokens, name.NewToken(text, weight, name.Flags(flags)))
		}
		s.Names[i].Tokens = tokens[first:len(tokens):len(tokens)]
	}
	r.tokens = tokens
	s.Births = sized(s.Births, d.count(MaxBirths))
	for i := range s.Births {
		from := uint16(d.byte())<<8 | uint16(d.byte())
		b := Birth{From: from, To: from + uint16(d.byte()), Month: d.byte(), Day: d.byte(), Approx: d.flag()}
		if b.Month > 12 || b.Day > 31 || b.To-b.From > maxSpan || b.To < b.From {
			d.bad = true
		}
		s.Births[i] = b
	}
	s.Documents = sized(s.Documents, d.count(MaxDocuments))
	for i := range s.Documents {
		s.Documents[i] = Document{Number: d.string(minDocument, maxDocument)}
		if n := d.byte(); n != 0 {
			d.bad = d.bad || n != 3
			s.Documents[i].Issuer = ct.State(d.take(3))
		}
	}
	s.Nationalities = sized(s.Nationalities, d.count(MaxNationalities))
	for i := range s.Nationalities {
		s.Nationalities[i] = ct.State(d.take(3))
	}
	switch {
	case d.short:
		return nil, errTruncated
	case d.bad:
		return nil, errors.New("encoded subject: a value is out of range")
	case d.at != len(d.text):
		return nil, fmt.Errorf("encoded subject: %d bytes too many", len(d.text)-d.at)
	}
	return s, nil
}

// sized gives a slice of n elements, nil for none of nothing, in the memory of s
// where that does.
func sized[T any](s []T, n int) []T {
	if n > cap(s) {
		return make([]T, n)
	}
	return s[:n]
}

// decoder reads forward; the first fault is kept and later reads give zeros.
type decoder struct {
	text       string
	at         int
	short, bad bool
}

func (d *decoder) byte() byte {
	if d.at >= len(d.text) {
		d.short = true
		return 0
	}
	d.at++
	return d.text[d.at-1]
}

func (d *decoder) flag() bool {
	b := d.byte()
	if b > 1 {
		d.bad = true
	}
	return b == 1
}

func (d *decoder) count(limit int) int {
	n := int(d.byte())
	if n > limit {
		d.bad = true
		return 0
	}
	return n
}

func (d *decoder) take(n int) string {
	if len(d.text)-d.at < n {
		d.short = true
		d.at = len(d.text)
		return ""
	}
	d.at += n
	return d.text[d.at-n : d.at]
}

func (d *decoder) string(least, most int) string {
	n := int(d.byte())
	if n < least || n > most {
		d.bad = true
		return ""
	}
	return d.take(n)
}
