package wire

import (
	"fmt"

	"github.com/herald-net/herald/node/ct"
	"google.golang.org/protobuf/encoding/protowire"
)

// EncodeHeader writes the one encoding of h.
func EncodeHeader(h *Header) []byte {
	b := make([]byte, 0, 256+len(h.Refs)*80+len(h.Ext))
	b = appendUint(b, 1, uint64(h.Version))
	b = appendBytes(b, 2, h.Network[:])
	b = appendBytes(b, 3, h.Log[:])
	b = appendUint(b, 4, h.Seq)
	b = appendBytes(b, 5, h.Prev[:])
	b = appendUint(b, 6, uint64(h.Kind))
	b = appendUint(b, 7, uint64(h.Topic))
	b = appendBytes(b, 8, h.Commit[:])
	b = appendUint(b, 9, uint64(h.BodySize))
	b = appendUint(b, 10, uint64(h.Issued))
	b = appendUint(b, 11, uint64(h.Expires))
	b = appendUint(b, 12, uint64(h.Priority))
	b = appendUint(b, 13, uint64(h.TLP))
	b = appendUint(b, 14, uint64(h.Audience))
	b = appendUint(b, 15, uint64(h.KeyEpoch))
	b = appendUint(b, 16, h.Offset)
	for i := range h.Refs {
		b = appendBytes(b, 17, encodeRef(&h.Refs[i]))
	}
	if len(h.Ext) > 0 {
		b = appendBytes(b, 18, h.Ext)
	}
	return b
}

func encodeRef(r *ct.Ref) []byte {
	b := make([]byte, 0, 80)
	b = appendBytes(b, 1, r.Log[:])
	b = appendUint(b, 2, r.Seq)
	return appendBytes(b, 3, r.ID[:])
}

// Encode writes the one encoding of a record.
func Encode(e *Envelope) []byte {
	return AppendRecord(make([]byte, 0, len(e.HeaderBytes)+len(e.Body)+len(e.Salt)+len(e.Sig)+24), e)
}

// AppendRecord appends the one encoding of a record.
func AppendRecord(b []byte, e *Envelope) []byte {
	b = appendBytes(b, 1, e.HeaderBytes)
	b = appendUint(b, 2, uint64(e.Alg))
	b = appendBytes(b, 3, e.Sig)
	if e.HasBody() {
		b = appendBytes(b, 4, e.Salt)
		if len(e.Body) > 0 {
			b = appendBytes(b, 5, e.Body)
		}
	}
	return b
}

// RecordSize is how many bytes AppendRecord writes of a record with a header, a
// signature and a body of these lengths; a negative body: it goes without.
func RecordSize(header, sig, body int, alg uint32) int {
	n := sizeBytes(header) + 1 + protowire.SizeVarint(uint64(alg)) + sizeBytes(sig)
	if body >= 0 {
		n += sizeBytes(SaltSize)
	}
	if body > 0 {
		n += sizeBytes(body)
	}
	return n
}

// sizeBytes is what a field of n bytes takes; its number is below 16.
func sizeBytes(n int) int { return 1 + protowire.SizeBytes(n) }

// Decode reads a record and refuses anything that Encode would not have
// written, byte for byte. The result shares memory with raw.
func Decode(raw []byte) (*Envelope, error) {
	e := &Envelope{}
	if err := DecodeInto(e, raw); err != nil {
		return nil, err
	}
	return e, nil
}

// DecodeInto is Decode into an empty envelope that is part of something else.
func DecodeInto(e *Envelope, raw []byte) error {
	if len(raw) > MaxRecord {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(raw), MaxRecord)
	}
	d := decoder{b: raw}
	for d.next() {
		switch d.num {
		case 1:
			e.HeaderBytes = d.bytes()
			if err := checkVersion(e.HeaderBytes); err != nil {
				return err
			}
		case 2:
			e.Alg = d.uint32()
		case 3:
			e.Sig = d.bytes()
		case 4:
			e.Salt = d.bytes()
		case 5:
			e.Body = d.bytes()
		default:
			return fmt.Errorf("%w: record field %d", ErrMalformed, d.num)
		}
	}
	if d.bad {
		return fmt.Errorf("%w: record", ErrMalformed)
	}
	switch {
	case len(e.Salt) != 0 && len(e.Salt) != SaltSize:
		return fmt.Errorf("%w: salt of %d bytes", ErrMalformed, len(e.Salt))
	case len(e.Body) > 0 && !e.HasBody():
		return fmt.Errorf("%w: body without salt", ErrMalformed)
	case len(e.Sig) == 0:
		return fmt.Errorf("%w: no signature", ErrMalformed)
	case len(e.Sig) > maxSig:
		return fmt.Errorf("%w: signature of %d bytes, at most %d", ErrTooLarge, len(e.Sig), maxSig)
	case len(e.Body) > MaxBodyBytes:
		return fmt.Errorf("%w: body of %d bytes, at most %d", ErrTooLarge, len(e.Body), MaxBodyBytes)
	case e.Alg == 0:
		return fmt.Errorf("%w: no algorithm", ErrMalformed)
	}
	if err := decodeHeader(e.HeaderBytes, &e.Header); err != nil {
		return err
	}
	// The header commits to its body's size, so a record that could never
	// travel whole is refused without its body too: one answer on every path.
	if n := fullSize(e); n > MaxRecord {
		return fmt.Errorf("%w: %d bytes with its body, at most %d", ErrTooLarge, n, MaxRecord)
	}
	return nil
}

// checkVersion looks at the first field of a header before anything else: a
// later version may have other fields and other limits, in the header and around
// it. What does not begin with a version is for the rest of the decoder.
func checkVersion(header []byte) error {
	d := decoder{b: header}
	if !d.next() || d.num != 1 {
		return nil
	}
	if v := d.uint32(); !d.bad && v != Version {
		return fmt.Errorf("%w: %d, this is %d", ErrVersion, v, Version)
	}
	return nil
}

// Peek reads the log and seq that a record claims, without decoding the rest.
func Peek(raw []byte) (log ct.LogID, seq uint64, err error) {
	d := decoder{b: raw}
	if d.next() && d.num == 1 {
		return PeekHeader(d.bytes())
	}
	return log, 0, fmt.Errorf("%w: no log and seq", ErrMalformed)
}

// PeekHeader reads the log and seq of a header alone.
func PeekHeader(header []byte) (log ct.LogID, seq uint64, err error) {
	for in := (decoder{b: header}); in.next() && in.num <= 4; {
		switch in.num {
		case 3:
			in.fixed(log[:])
		case 4:
			if seq = in.uint(); !in.bad {
				return log, seq, nil
			}
		default:
			in.skip()
		}
	}
	return log, 0, fmt.Errorf("%w: no log and seq", ErrMalformed)
}

// fullSize is the encoded size of e with the body that its header names.
func fullSize(e *Envelope) int {
	field := func(n int) int { return 1 + protowire.SizeBytes(n) }
	n := field(len(e.HeaderBytes)) + 1 + protowire.SizeVarint(uint64(e.Alg)) + field(len(e.Sig)) + field(SaltSize)
	if e.Header.BodySize > 0 {
		n += field(int(e.Header.BodySize))
	}
	return n
}

// DecodeHeader reads a header in its one encoding. Ext shares memory with raw.
func DecodeHeader(raw []byte) (*Header, error) {
	h := &Header{}
	if err := decodeHeader(raw, h); err != nil {
		return nil, err
	}
	return h, nil
}

func decodeHeader(raw []byte, h *Header) error {
	if err := checkVersion(raw); err != nil {
		return err
	}
	seen := uint32(0)
	d := decoder{b: raw}
	for d.next() {
		if d.num <= 18 {
			seen |= 1 << d.num
		}
		switch d.num {
		case 1:
			h.Version = d.uint32()
		case 2:
			d.fixed(h.Network[:])
		case 3:
			d.fixed(h.Log[:])
		case 4:
			h.Seq = d.uint()
		case 5:
			d.fixed(h.Prev[:])
		case 6:
			h.Kind = d.uint32()
		case 7:
			h.Topic = d.uint32()
		case 8:
			d.fixed(h.Commit[:])
		case 9:
			h.BodySize = d.uint32()
		case 10:
			h.Issued = d.millis()
		case 11:
			h.Expires = d.millis()
		case 12:
			h.Priority = d.uint32()
		case 13:
			h.TLP = d.uint32()
		case 14:
			h.Audience = d.uint32()
		case 15:
			h.KeyEpoch = d.uint32()
		case 16:
			h.Offset = d.uint()
		case 17:
			d.repeat()
			h.Refs = append(h.Refs, d.ref())
		case 18:
			h.Ext = d.bytes()
		default:
			return fmt.Errorf("%w: header field %d", ErrMalformed, d.num)
		}
	}
	// Network, log, seq, prev, commit and both times are in every header; the
	// rest may have its default value, which is not written.
	const must = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<8 | 1<<10 | 1<<11
	switch {
	case d.bad:
		return fmt.Errorf("%w: header", ErrMalformed)
	case seen&must != must:
		return fmt.Errorf("%w: a header field is missing", ErrMalformed)
	case len(h.Refs) > MaxRefs || len(h.Ext) > MaxExt || h.BodySize > MaxBodyBytes:
		return fmt.Errorf("%w: header", ErrTooLarge)
	}
	return nil
}

func appendUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}
