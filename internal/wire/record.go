// Package wire turns records into bytes and back. It knows limits and the one
// encoding of each record; it knows neither keys nor policy.
//
// Header and record are protocol buffers (proto/herald/v1/record.proto) with
// one encoding each: fields in ascending order, minimal varints, no default
// values, no unknown fields. Decode refuses every other encoding, so that a
// record has one id and one form on every node, whatever library wrote it.
package wire

import (
	"crypto/sha256"
	"errors"

	"github.com/herald-net/herald/node/ct"
)

// Limits, in bytes unless said otherwise (PROTOCOL.md section 2).
const (
	Version      = 1
	MaxRecord    = 64 << 10 // encoded record
	MaxRefs      = ct.MaxRefs
	MaxExt       = 256
	MaxBodyBytes = 61 << 10 // body as carried: 24 KiB, sealed and wrapped at most
	SaltSize     = 32
	SigSize      = 64 // Ed25519
	AlgEd25519   = 1

	maxSig = 4 << 10 // of algorithms to come

	// What a record counts for in its log beside its header: at least what it takes
	// of a disk, whatever it holds (`herald bench growth`).
	sizeApart  = 768     // its entries in the store and the index
	sizeRef    = 320     // what is noted of a ref
	sizeBody   = 2       // a body lies in pages of 4 KiB, of which half may be empty
	sizePerson = 40      // the words of a person, a row of the index each
	maxPerson  = 2 << 10 // bytes of body: more words than those have no rows
)

// Errors of Decode. They are deterministic: every node that follows the
// protocol gives the same answer for the same bytes.
var (
	ErrMalformed = errors.New("not a record in its one encoding")
	ErrTooLarge  = errors.New("record over a size limit")
	ErrVersion   = errors.New("record of an unknown version")
)

// Header is the signed, non-personal part of a record. It is kept for ever.
type Header struct {
	Version  uint32
	Network  [8]byte // first bytes of the network id
	Log      ct.LogID
	Seq      uint64 // from 1, without gaps
	Prev     ct.ID  // id of seq-1; for seq 1 the id of the delegation (root log: the network id)
	Kind     uint32 // ct.Kind; an unknown one is chained too
	Topic    uint32 // ct.Topic
	Commit   [32]byte
	BodySize uint32
	Issued   ct.Millis
	Expires  ct.Millis
	Priority uint32
	TLP      uint32
	Audience uint32
	KeyEpoch uint32
	Offset   uint64 // how far its log has grown before it: see Next.Put
	Refs     []ct.Ref
	Ext      []byte
}

// Size is what a record counts for in its log when its header has so many bytes:
// no less than what it can make a node keep, its body there or not.
func (h *Header) Size(header int) uint64 {
	body := uint64(h.BodySize)
	n := uint64(header) + sizeApart + sizeRef*uint64(len(h.Refs)) + sizeBody*body
	if h.Kind == uint32(ct.KindNotification) { // of no other kind is the body indexed
		n += sizePerson * min(body, maxPerson)
	}
	return n
}

// Next is what the head of a log dictates of the record that follows it.
type Next struct {
	Seq    uint64
	Prev   ct.ID
	End    uint64    // its offset is no lower
	Issued ct.Millis // not before that of the last record
}

// First is what is dictated of the first record of a log; prev is its first
// delegation, or the network id.
func First(prev ct.ID) Next { return Next{Seq: 1, Prev: prev} }

// After is what this header, of that id and encoded size, dictates of the next.
func (h *Header) After(id ct.ID, size int) Next {
	return Next{Seq: h.Seq + 1, Prev: id, End: h.Offset + h.Size(size), Issued: h.Issued}
}

// Put puts a header at its place in the log; it is dated no earlier than the last.
// Its offset is where the last record ends, or the line where the log lies below
// it: what it did not use is not kept for later.
func (n Next) Put(h *Header, l Line) {
	h.Seq, h.Prev, h.Issued = n.Seq, n.Prev, max(h.Issued, n.Issued)
	h.Offset = max(n.End, l.At(h.Issued))
}

// Envelope is a decoded record whose bytes are in the one encoding and within
// the limits. Nothing else is known of it: no signature has been checked.
type Envelope struct {
	Header      Header
	HeaderBytes []byte // the exact signed bytes
	Alg         uint32
	Sig         []byte
	Salt        []byte // nil when the record travels without its body
	Body        []byte
}

// HasBody tells whether salt and body travel with the record. A body may be
// empty; it is present when its salt is.
func (e *Envelope) HasBody() bool { return len(e.Salt) == SaltSize }

// ID is SHA-256("herald/record/v1" ‖ network id ‖ header bytes).
func ID(network ct.NetworkID, header []byte) ct.ID {
	h := sha256.New()
	h.Write([]byte("herald/record/v1"))
	h.Write(network[:])
	h.Write(header)
	var id ct.ID
	h.Sum(id[:0])
	return id
}

// Commit is SHA-256("herald/body/v1" ‖ salt ‖ body as carried). Without the
// salt it says nothing about the body, so that erasing the salt is enough.
func Commit(salt, body []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("herald/body/v1"))
	h.Write(salt)
	h.Write(body)
	var c [32]byte
	h.Sum(c[:0])
	return c
}
