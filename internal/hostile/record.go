package hostile

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
)

// Author writes records that are what it wants them to be.
type Author struct {
	Key  *keys.Key
	View *roster.View

	At wire.Next // what the last one dictates of the next
}

// NewAuthor is the author of a node's log from its beginning.
func NewAuthor(k *keys.Key, v *roster.View) *Author {
	right, _ := v.Right(k.Public())
	return &Author{Key: k, View: v, At: wire.First(right.First)}
}

// Branch is the same author with the same past, to write another future.
func (a *Author) Branch() *Author { b := *a; return &b }

// Next is the next record of the log, sound but for what edit does to its
// header before it is signed; edit may be nil.
func (a *Author) Next(topic ct.Topic, body []byte, now time.Time, edit func(*wire.Header)) ([]byte, error) {
	h := wire.Header{
		Version: wire.Version, Network: a.View.Network().Prefix(), Log: a.Key.Public(), Kind: uint32(ct.KindNotification),
		Topic: uint32(topic), Issued: ct.MillisOf(now), Expires: ct.MillisOf(now.Add(24 * time.Hour)),
		Priority: uint32(ct.PriorityRoutine), TLP: uint32(ct.TLPAmber), Audience: uint32(ct.AudienceAll),
	}
	a.At.Put(&h, a.View.Line(h.Log))
	salt := sha256.Sum256(binary.BigEndian.AppendUint64(h.Log[:], h.Seq))
	h.Commit, h.BodySize = wire.Commit(salt[:], body), uint32(len(body))
	if edit != nil {
		edit(&h)
	}
	raw := wire.EncodeHeader(&h)
	sig, err := a.Key.Sign(keys.ContextRecord, a.View.Network(), raw)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	a.At = h.After(wire.ID(a.View.Network(), raw), len(raw))
	return wire.Encode(&wire.Envelope{HeaderBytes: raw, Alg: keys.AlgEd25519, Sig: sig, Salt: salt[:], Body: body}), nil
}

// Resign gives a record with another signature of its author: as good, and of
// the same id, since the id does not cover it.
func Resign(k *keys.Key, v *roster.View, raw []byte) ([]byte, error) {
	var nonce [32]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	return ResignWith(k, v, raw, nonce)
}

// ResignWith is Resign with a nonce of one's own choice, by RFC 8032: that of
// another key.
func ResignWith(k *keys.Key, v *roster.View, raw []byte, nonce [32]byte) ([]byte, error) {
	e, err := wire.Decode(raw)
	if err != nil {
		return nil, err
	}
	network, pub := v.Network(), k.Public()
	var msg []byte // what is signed, by PROTOCOL.md section 3
	for _, part := range [][]byte{[]byte(keys.ContextRecord), {keys.AlgEd25519}, network[:], e.HeaderBytes} {
		msg = append(binary.BigEndian.AppendUint32(msg, uint32(len(part))), part...)
	}
	commitment := keys.FromSeed(nonce).Public()
	number := func(le []byte) *big.Int {
		be := bytes.Clone(le)
		slices.Reverse(be)
		return new(big.Int).SetBytes(be)
	}
	secret := func(seed [32]byte) *big.Int {
		h := sha512.Sum512(seed[:])
		h[0] &= 248
		h[31] = h[31]&63 | 64
		return number(h[:32])
	}
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	h := sha512.Sum512(slices.Concat(commitment[:], pub[:], msg))
	s := new(big.Int).Mul(number(h[:]), secret(k.Seed()))
	s.Add(s, secret(nonce)).Mod(s, order)
	half := s.FillBytes(make([]byte, 32))
	slices.Reverse(half)
	e.Sig = append(commitment[:], half...)
	return wire.Encode(e), nil
}

// A Fake is a sound record and what can be done to it without its author's key.
type Fake struct {
	Name string
	Make func(sound []byte, i int) []byte // i makes it another one
}

// Fakes are the ways to alter what somebody else has signed. None may be
// accepted, and each is the fault of who sends it.
func Fakes() []Fake {
	edit := func(f func(e *wire.Envelope, i int)) func([]byte, int) []byte {
		return func(sound []byte, i int) []byte {
			e, err := wire.Decode(bytes.Clone(sound))
			if err != nil {
				return nil
			}
			f(e, i)
			return wire.Encode(e)
		}
	}
	header := func(f func(h *wire.Header, i int)) func([]byte, int) []byte {
		return edit(func(e *wire.Envelope, i int) {
			h := e.Header
			f(&h, i)
			e.HeaderBytes = wire.EncodeHeader(&h)
		})
	}
	return []Fake{
		{"forged", edit(func(e *wire.Envelope, i int) { e.Sig[5] ^= byte(i%255) + 1 })},
		{"altered", header(func(h *wire.Header, i int) { h.Expires += ct.Millis(i) + 1 })},
		{"id poisoned", edit(func(e *wire.Envelope, i int) { clear(e.Sig[i%32:]) })}, // the record's own id, since that does not cover the signature
		{"wrong network", header(func(h *wire.Header, i int) { h.Network[i%8] ^= byte(i/8%255) + 1 })},
		{"other body", edit(func(e *wire.Envelope, i int) { e.Body = fmt.Append(nil, "another one, ", i) })},
		{"body stripped", edit(func(e *wire.Envelope, _ int) { e.Salt, e.Body = nil, nil })},
		{"second encoding", func(sound []byte, i int) []byte { return append(bytes.Clone(sound), 15<<3, byte(i%127)) }},
		{"second encoding of a length", func(sound []byte, _ int) []byte {
			// A length in two bytes or more, with one that says nothing.
			for i, b := range sound[1:] {
				if b < 0x80 {
					out := bytes.Clone(sound[:i+1])
					return append(append(out, b|0x80, 0), sound[i+2:]...)
				}
			}
			return nil
		}},
		{"oversized", func(sound []byte, i int) []byte {
			return append(bytes.Clone(sound), bytes.Repeat([]byte{byte(i)}, wire.MaxRecord)...)
		}},
		{"nested", func(sound []byte, i int) []byte { return Nested(len(sound) + 4*(i%100)) }},
		{"zeroes", func(_ []byte, i int) []byte { return make([]byte, 1+i%100) }},
	}
}

// Nested is messages within messages, n bytes in all.
func Nested(n int) []byte {
	var out []byte
	for len(out) < n {
		inner := binary.AppendUvarint([]byte{0x0a}, uint64(len(out)))
		out = append(inner, out...)
	}
	return out
}
