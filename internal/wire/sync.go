package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/herald-net/herald/node/ct"
	"google.golang.org/protobuf/encoding/protowire"
)

// Limits of a sync stream (proto/herald/v1/sync.proto), counts unless said otherwise.
const (
	MaxSyncFrame       = 5 << 18 // bytes of one message: 1.25 MiB
	MaxSyncLogs        = 4096    // in a frontier
	MaxSyncRanges      = 1024    // in a want
	MaxSyncRecords     = 1024    // in one records message
	MaxSyncRecordBytes = 1 << 20 // of records in one records message
	MaxSyncWant        = 16384   // records asked for by one want
	MaxSyncSize        = 1 << 48 // length of a log
)

// LogHead is how far a node holds a log: its records 1..Size, the last of
// them Head.
type LogHead struct {
	Log       ct.LogID
	Size      uint64
	Head      ct.ID
	Contested bool // the node holds a fork proof of this log
}

// SyncHello opens a stream, from both sides.
type SyncHello struct {
	Digest   [32]byte  // FrontierDigest of all the sender holds
	YourSize uint64    // length of the receiver's own log at the sender
	Time     ct.Millis // the sender's clock
}

// Mark is a node's own name for its frontier at one moment; it means nothing
// to others. Zero: none.
type Mark [16]byte

// IsZero tells whether there is no mark.
func (m Mark) IsZero() bool { return m == Mark{} }

// SyncFrontier is what the sender holds, by ascending log. It follows the
// hellos when their digests differ. The opener's may leave out what it told
// this peer before.
type SyncFrontier struct {
	Heads []LogHead
	Mark  Mark // the sender's name for this state; the answer's only
	// In the opener's the last mark that it has of the other side. In an answer
	// the same, when Heads are only what changed since.
	Since Mark
}

// SyncRange is records From … From+Count-1 of a log.
type SyncRange struct {
	Log         ct.LogID
	From, Count uint64
}

// SyncWant asks for ranges, in this order, then for fork proofs.
type SyncWant struct {
	Ranges []SyncRange
	Forks  []ct.LogID
	Bodies bool // only records whose body the peer holds
}

// SyncRecords is a part of the answer to a want: records in the order asked.
type SyncRecords struct {
	Records [][]byte
	Last    bool // the want is answered
}

// SyncMessage is exactly one of its fields.
type SyncMessage struct {
	Hello    *SyncHello
	Frontier *SyncFrontier
	Want     *SyncWant
	Records  *SyncRecords
}

// ErrSync is a sync message that is not in its one encoding or over a limit.
var ErrSync = errors.New("not a sync message")

// FrontierDigest is SHA-256("herald/frontier/v1" ‖ the encoding of a frontier
// of all heads, without marks).
// Equal digests mean that two nodes hold the same logs to the same length.
func FrontierDigest(heads []LogHead) [32]byte {
	h := sha256.New()
	h.Write([]byte("herald/frontier/v1"))
	h.Write(encodeFrontier(&SyncFrontier{Heads: heads}))
	return [32]byte(h.Sum(nil))
}

// EncodeSync writes the one encoding of m.
func EncodeSync(m *SyncMessage) []byte {
	if m.Records != nil {
		return appendRecords(make([]byte, 0, recordsSize(m.Records)+8), m.Records)
	}
	switch {
	case m.Hello != nil:
		return appendBytes(nil, 1, encodeHello(m.Hello))
	case m.Frontier != nil:
		return appendBytes(nil, 2, encodeFrontier(m.Frontier))
	default:
		return appendBytes(nil, 3, encodeWant(m.Want))
	}
}

// AppendSyncFrame appends m as a frame. Of records, which are nearly all that a
// stream carries, each byte is copied once.
func AppendSyncFrame(b []byte, m *SyncMessage) []byte {
	if m.Records == nil {
		return AppendFrame(b, EncodeSync(m))
	}
	n := recordsSize(m.Records)
	b = slices.Grow(b, n+16)
	b = binary.AppendUvarint(b, uint64(1+protowire.SizeBytes(n)))
	return appendRecords(b, m.Records)
}

func encodeHello(h *SyncHello) []byte {
	b := appendBytes(make([]byte, 0, 64), 1, h.Digest[:])
	b = appendUint(b, 2, h.YourSize)
	return appendUint(b, 3, uint64(h.Time))
}

func encodeFrontier(f *SyncFrontier) []byte {
	heads := f.Heads
	b := make([]byte, 0, 84*len(heads)+36)
	in := make([]byte, 0, 84)
	for i := range heads {
		h := &heads[i]
		in = appendBytes(in[:0], 1, h.Log[:])
		in = appendUint(in, 2, h.Size)
		in = appendBytes(in, 3, h.Head[:])
		if h.Contested {
			in = appendUint(in, 4, 1)
		}
		b = appendBytes(b, 1, in)
	}
	if !f.Mark.IsZero() {
		b = appendBytes(b, 2, f.Mark[:])
	}
	if !f.Since.IsZero() {
		b = appendBytes(b, 3, f.Since[:])
	}
	return b
}

func encodeWant(w *SyncWant) []byte {
	b := make([]byte, 0, 48*len(w.Ranges)+34*len(w.Forks)+2)
	in := make([]byte, 0, 64)
	for i := range w.Ranges {
		r := &w.Ranges[i]
		in = appendBytes(in[:0], 1, r.Log[:])
		in = appendUint(in, 2, r.From)
		in = appendUint(in, 3, r.Count)
		b = appendBytes(b, 1, in)
	}
	for i := range w.Forks {
		b = appendBytes(b, 2, w.Forks[i][:])
	}
	if w.Bodies {
		b = appendUint(b, 3, 1)
	}
	return b
}

func recordsSize(r *SyncRecords) (n int) {
	for _, raw := range r.Records {
		n += 1 + protowire.SizeBytes(len(raw))
	}
	if r.Last {
		n += 2
	}
	return n
}

func appendRecords(b []byte, r *SyncRecords) []byte {
	b = protowire.AppendTag(b, 4, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(recordsSize(r)))
	for _, raw := range r.Records {
		b = appendBytes(b, 1, raw)
	}
	if r.Last {
		b = appendUint(b, 2, 1)
	}
	return b
}

// DecodeSync reads one message and refuses what EncodeSync would not have
// written. The records of the result share memory with raw.
func DecodeSync(raw []byte) (*SyncMessage, error) {
	if len(raw) > MaxSyncFrame {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrSync, len(raw), MaxSyncFrame)
	}
	d := decoder{b: raw}
	tag, ok := d.varint()
	size, ok2 := uint64(0), false
	if ok {
		size, ok2 = d.varint()
	}
	num, typ := protowire.DecodeTag(tag)
	if !ok2 || typ != protowire.BytesType || size != uint64(len(d.b)) {
		return nil, fmt.Errorf("%w: frame of %d bytes", ErrSync, len(raw))
	}
	m, in := &SyncMessage{}, decoder{b: d.b}
	switch num {
	case 1:
		m.Hello = in.syncHello()
	case 2:
		m.Frontier = in.syncFrontier()
	case 3:
		m.Want = in.syncWant()
	case 4:
		m.Records = in.syncRecords()
	default:
		return nil, fmt.Errorf("%w: kind %d", ErrSync, num)
	}
	if in.bad {
		return nil, fmt.Errorf("%w: field %d of kind %d", ErrSync, in.num, num)
	}
	return m, nil
}

func (d *decoder) syncHello() *SyncHello {
	h, digest := &SyncHello{}, false
	for d.next() {
		switch d.num {
		case 1:
			digest = true
			d.fixed(h.Digest[:])
		case 2:
			h.YourSize = d.uint()
		case 3:
			t := d.uint()
			d.bad = d.bad || t > math.MaxInt64
			h.Time = ct.Millis(t)
		default:
			d.bad = true
		}
	}
	d.bad = d.bad || !digest || h.YourSize > MaxSyncSize
	return h
}

func (d *decoder) syncFrontier() *SyncFrontier {
	f := &SyncFrontier{}
	for d.next() {
		switch d.num {
		case 1:
			d.repeat()
			h := d.logHead()
			if n := len(f.Heads); n == MaxSyncLogs || n > 0 && bytes.Compare(f.Heads[n-1].Log[:], h.Log[:]) >= 0 {
				d.bad = true
				return f
			}
			f.Heads = append(f.Heads, h)
		case 2:
			d.mark(&f.Mark)
		case 3:
			d.mark(&f.Since)
		default:
			d.bad = true
		}
	}
	return f
}

func (d *decoder) mark(m *Mark) {
	d.fixed(m[:])
	d.bad = d.bad || m.IsZero()
}

func (d *decoder) logHead() LogHead {
	var h LogHead
	in, seen := decoder{b: d.bytes()}, 0
	for in.next() {
		switch in.num {
		case 1:
			in.fixed(h.Log[:])
		case 2:
			h.Size = in.uint()
		case 3:
			in.fixed(h.Head[:])
		case 4:
			h.Contested = in.flag()
			seen--
		default:
			in.bad = true
		}
		seen++
	}
	d.bad = d.bad || in.bad || seen != 3 || h.Size > MaxSyncSize
	return h
}

func (d *decoder) syncWant() *SyncWant {
	w, total := &SyncWant{}, uint64(0)
	for d.next() {
		switch d.num {
		case 1:
			d.repeat()
			r := d.syncRange()
			total += r.Count
			w.Ranges = append(w.Ranges, r)
		case 2:
			d.repeat()
			var l ct.LogID
			d.fixed(l[:])
			w.Forks = append(w.Forks, l)
		case 3:
			w.Bodies = d.flag()
		default:
			d.bad = true
		}
		if total > MaxSyncWant || len(w.Ranges) > MaxSyncRanges || len(w.Forks) > MaxSyncRanges {
			d.bad = true
		}
	}
	d.bad = d.bad || len(w.Ranges)+len(w.Forks) == 0
	return w
}

func (d *decoder) syncRange() SyncRange {
	var r SyncRange
	in, seen := decoder{b: d.bytes()}, 0
	for in.next() {
		seen++
		switch in.num {
		case 1:
			in.fixed(r.Log[:])
		case 2:
			r.From = in.uint()
		case 3:
			r.Count = in.uint()
		default:
			in.bad = true
		}
	}
	d.bad = d.bad || in.bad || seen != 3 || r.From > MaxSyncSize || r.Count > MaxSyncWant
	return r
}

func (d *decoder) syncRecords() *SyncRecords {
	r := &SyncRecords{}
	for d.next() {
		switch d.num {
		case 1:
			d.repeat()
			raw := d.bytes()
			d.bad = d.bad || len(raw) > MaxRecord || len(r.Records) == MaxSyncRecords
			r.Records = append(r.Records, raw)
		case 2:
			r.Last = d.flag()
		default:
			d.bad = true
		}
	}
	d.bad = d.bad || len(r.Records) == 0 && !r.Last // says nothing
	return r
}

// flag is a boolean: present means true.
func (d *decoder) flag() bool {
	if d.uint() != 1 {
		d.bad = true
	}
	return true
}
