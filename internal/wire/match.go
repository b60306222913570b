package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/herald-net/herald/node/ct"
	"google.golang.org/protobuf/encoding/protowire"
)

// Limits of match messages, in bytes unless said otherwise.
const (
	MaxMatchRequest  = 24 << 10 // signed and encoded
	MatchRequestStep = 1 << 10  // a request is padded to a multiple of this
	MatchAnswerSize  = 4 << 10  // every answer, signed and encoded
	MaxMatchPerson   = 16 << 10
	MaxMatchBasis    = 512
	MaxMatchCase     = 256
	MaxMatchOperator = 128
	MaxMatchGrounds  = 1 << 10
	MaxMatchPurpose  = 64
	MaxMatchHits     = 5 // count
	MaxMatchRef      = 128
	MaxMatchWhy      = 12 // codes a hit
	MaxMatchCode     = 40
	MaxMatchReason   = 32
	MaxMatchScore    = 10_000
)

// MatchPlain is the mode in which the person travels as it is. Others follow.
const MatchPlain = 1

// MatchVerdict is the answer of one node to a match request.
type MatchVerdict uint32

// The verdicts. The numbers are the wire's.
const (
	MatchNoHit MatchVerdict = iota + 1
	MatchPossible
	MatchRefused
	MatchRateLimited
)

// MatchTier is the evidence tier of a disclosed hit.
type MatchTier uint32

// The tiers that count as a hit. The numbers are the wire's.
const (
	MatchTierPossible MatchTier = iota + 1
	MatchTierStrong
)

// MatchRequest asks one node whether it knows a person.
type MatchRequest struct {
	Network         [8]byte
	Nonce           [32]byte
	Mode            uint32
	Asker           ct.LogID
	Responder       ct.LogID
	Purpose         string
	Basis           string
	Case            string
	Operator        string
	Grounds         string
	Priority        ct.Priority
	Issued, Expires ct.Millis
	Person          ct.Person
	ReleaseUntil    ct.Millis // until when the asker takes a release; 0: it wants none
}

// MatchAnswer is what the responder signs.
type MatchAnswer struct {
	Network   [8]byte
	Responder ct.LogID
	Request   [32]byte // MatchRequestHash of the request
	Verdict   MatchVerdict
	Reason    string // code; with refused and rate-limited, and with possible as AskReason gives it
	Hits      []MatchHit
	Issued    ct.Millis
}

// MatchHit is a disclosed lead. It carries no value of any person.
type MatchHit struct {
	Ref   string
	Score uint32 // ten-thousandths
	Tier  MatchTier
	Why   []string // field:verdict codes
}

// SignedMatch is a request or an answer with its signature.
type SignedMatch struct {
	Body []byte // the exact signed bytes
	Alg  uint32
	Sig  []byte
}

// ErrMatch is every refusal of a match message: its encoding, its limits, or
// a field that is missing. It never tells a value.
var ErrMatch = errors.New("not a match message in its one encoding")

// MatchRequestHash binds an answer to the request as it was received.
func MatchRequestHash(raw []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("herald/match-request/v1"))
	h.Write(raw)
	return [32]byte(h.Sum(nil))
}

// EncodeSignedMatch writes the one encoding of a signed match message.
func EncodeSignedMatch(s SignedMatch) []byte {
	b := make([]byte, 0, len(s.Body)+signedMatchOverhead)
	b = appendBytes(b, 1, s.Body)
	b = appendUint(b, 2, uint64(s.Alg))
	return appendBytes(b, 3, s.Sig)
}

// signedMatchOverhead is what EncodeSignedMatch adds to a body of 128 to
// 16,383 bytes with an Ed25519 signature.
const signedMatchOverhead = 1 + 2 + 2 + 2 + SigSize

func decodeSignedMatch(raw []byte) (SignedMatch, error) {
	var s SignedMatch
	d := decoder{b: raw}
	for d.next() {
		switch d.num {
		case 1:
			s.Body = d.bytes()
		case 2:
			s.Alg = d.uint32()
		case 3:
			s.Sig = d.bytes()
		default:
			d.bad = true
		}
	}
	if d.bad || len(s.Body) == 0 || s.Alg != AlgEd25519 || len(s.Sig) != SigSize {
		return SignedMatch{}, fmt.Errorf("%w: envelope", ErrMatch)
	}
	return s, nil
}

// EncodeMatchRequest writes the bytes that the asker signs. It refuses a
// request that a responder could not decode.
func EncodeMatchRequest(r *MatchRequest) ([]byte, error) {
	if err := checkMatchRequest(r); err != nil {
		return nil, err
	}
	person, err := encodePerson(&r.Person)
	if err != nil {
		return nil, fmt.Errorf("%w: person", ErrMatch)
	}
	if len(person) == 0 || len(person) > MaxMatchPerson {
		return nil, fmt.Errorf("%w: person of %d bytes, at most %d", ErrMatch, len(person), MaxMatchPerson)
	}
	b := make([]byte, 0, len(person)+2*MatchRequestStep)
	b = appendBytes(b, 1, r.Network[:])
	b = appendBytes(b, 2, r.Nonce[:])
	b = appendUint(b, 3, uint64(r.Mode))
	b = appendBytes(b, 4, r.Asker[:])
	b = appendBytes(b, 5, r.Responder[:])
	b = appendText(b, 6, r.Purpose)
	b = appendText(b, 7, r.Basis)
	b = appendText(b, 8, r.Case)
	b = appendText(b, 9, r.Operator)
	b = appendText(b, 10, r.Grounds)
	b = appendUint(b, 11, uint64(r.Priority))
	b = appendUint(b, 12, uint64(r.Issued))
	b = appendUint(b, 13, uint64(r.Expires))
	b = appendBytes(b, 14, person)
	b = appendUint(b, 15, uint64(r.ReleaseUntil))
	size := len(b) + signedMatchOverhead
	for want := MatchRequestStep; want <= MaxMatchRequest; want += MatchRequestStep {
		if padded, ok := appendPadding(b, 16, want-size); ok {
			return padded, nil
		}
	}
	return nil, fmt.Errorf("%w: over %d bytes", ErrMatch, MaxMatchRequest)
}

// DecodeMatchRequest reads a signed request and refuses every encoding that
// EncodeMatchRequest would not have written. No signature is checked.
func DecodeMatchRequest(raw []byte) (*MatchRequest, SignedMatch, error) {
	if len(raw) > MaxMatchRequest {
		return nil, SignedMatch{}, fmt.Errorf("%w: %d bytes, at most %d", ErrMatch, len(raw), MaxMatchRequest)
	}
	s, err := decodeSignedMatch(raw)
	if err != nil {
		return nil, SignedMatch{}, err
	}
	r := &MatchRequest{}
	var person []byte
	d := decoder{b: s.Body}
	for d.next() {
		switch d.num {
		case 1:
			d.fixed(r.Network[:])
		case 2:
			d.fixed(r.Nonce[:])
		case 3:
			r.Mode = d.uint32()
		case 4:
			d.fixed(r.Asker[:])
		case 5:
			d.fixed(r.Responder[:])
		case 6:
			r.Purpose = string(d.bytes())
		case 7:
			r.Basis = string(d.bytes())
		case 8:
			r.Case = string(d.bytes())
		case 9:
			r.Operator = string(d.bytes())
		case 10:
			r.Grounds = string(d.bytes())
		case 11:
			r.Priority = ct.Priority(min(d.uint(), 255))
		case 12:
			r.Issued = ct.Millis(d.uint())
		case 13:
			r.Expires = ct.Millis(d.uint())
		case 14:
			person = d.bytes()
		case 15:
			r.ReleaseUntil = ct.Millis(d.uint())
		case 16:
			d.bytes()
		default:
			d.bad = true
		}
	}
	if d.bad || len(person) == 0 || len(person) > MaxMatchPerson {
		return nil, SignedMatch{}, fmt.Errorf("%w: request", ErrMatch)
	}
	p, err := decodePerson(person)
	if err != nil {
		return nil, SignedMatch{}, fmt.Errorf("%w: person", ErrMatch)
	}
	r.Person = *p
	again, err := EncodeMatchRequest(r)
	if err != nil {
		return nil, SignedMatch{}, err
	}
	if !bytes.Equal(again, s.Body) {
		return nil, SignedMatch{}, fmt.Errorf("%w: request", ErrMatch)
	}
	return r, s, nil
}

// EncodeMatchAnswer writes the bytes that the responder signs, padded so that
// every signed answer is MatchAnswerSize bytes.
func EncodeMatchAnswer(a *MatchAnswer) ([]byte, error) {
	if err := checkMatchAnswer(a); err != nil {
		return nil, err
	}
	b := make([]byte, 0, MatchAnswerSize)
	b = appendBytes(b, 1, a.Network[:])
	b = appendBytes(b, 2, a.Responder[:])
	b = appendBytes(b, 3, a.Request[:])
	b = appendUint(b, 4, uint64(a.Verdict))
	b = appendText(b, 5, a.Reason)
	for i := range a.Hits {
		b = appendBytes(b, 6, encodeMatchHit(&a.Hits[i]))
	}
	b = appendUint(b, 7, uint64(a.Issued))
	padded, ok := appendPadding(b, 15, MatchAnswerSize-signedMatchOverhead-len(b))
	if !ok { // the limits of five hits leave room for more than 128 bytes of padding
		return nil, fmt.Errorf("%w: answer of %d bytes before padding", ErrMatch, len(b))
	}
	return padded, nil
}

func encodeMatchHit(h *MatchHit) []byte {
	b := appendBytes(nil, 1, []byte(h.Ref))
	b = appendUint(b, 2, uint64(h.Score))
	b = appendUint(b, 3, uint64(h.Tier))
	for _, w := range h.Why {
		b = appendBytes(b, 4, []byte(w))
	}
	return b
}

// DecodeMatchAnswer reads a signed answer and refuses every encoding that
// EncodeMatchAnswer would not have written. No signature is checked.
func DecodeMatchAnswer(raw []byte) (*MatchAnswer, SignedMatch, error) {
	if len(raw) != MatchAnswerSize {
		return nil, SignedMatch{}, fmt.Errorf("%w: answer of %d bytes, want %d", ErrMatch, len(raw), MatchAnswerSize)
	}
	s, err := decodeSignedMatch(raw)
	if err != nil {
		return nil, SignedMatch{}, err
	}
	a := &MatchAnswer{}
	d := decoder{b: s.Body}
	for d.next() {
		switch d.num {
		case 1:
			d.fixed(a.Network[:])
		case 2:
			d.fixed(a.Responder[:])
		case 3:
			d.fixed(a.Request[:])
		case 4:
			a.Verdict = MatchVerdict(d.uint32())
		case 5:
			a.Reason = string(d.bytes())
		case 6:
			d.repeat()
			if len(a.Hits) == MaxMatchHits {
				d.bad = true
				break
			}
			a.Hits = append(a.Hits, d.matchHit())
		case 7:
			a.Issued = ct.Millis(d.uint())
		case 15:
			d.bytes()
		default:
			d.bad = true
		}
	}
	if d.bad {
		return nil, SignedMatch{}, fmt.Errorf("%w: answer", ErrMatch)
	}
	again, err := EncodeMatchAnswer(a)
	if err != nil {
		return nil, SignedMatch{}, err
	}
	if !bytes.Equal(again, s.Body) {
		return nil, SignedMatch{}, fmt.Errorf("%w: answer", ErrMatch)
	}
	return a, s, nil
}

func (d *decoder) matchHit() MatchHit {
	var h MatchHit
	in := decoder{b: d.bytes()}
	for in.next() {
		switch in.num {
		case 1:
			h.Ref = string(in.bytes())
		case 2:
			h.Score = in.uint32()
		case 3:
			h.Tier = MatchTier(in.uint32())
		case 4:
			in.repeat()
			if len(h.Why) == MaxMatchWhy {
				in.bad = true
				break
			}
			h.Why = append(h.Why, string(in.bytes()))
		default:
			in.bad = true
		}
	}
	if in.bad {
		d.bad = true
	}
	return h
}

// appendText leaves an empty text out.
func appendText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return appendBytes(b, num, []byte(s))
}

// appendPadding adds a padding field of exactly size bytes, tag and length
// included; false when no field has that size.
func appendPadding(b []byte, num protowire.Number, size int) ([]byte, bool) {
	tag := protowire.SizeTag(num)
	n := size - tag - 1
	if n >= 128 {
		n = size - tag - 2
		if n < 128 {
			return nil, false
		}
	}
	if n < 1 || n >= 16<<10 {
		return nil, false
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(n))
	return append(b, make([]byte, n)...), true
}
