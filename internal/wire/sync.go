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
	MaxSyncLogs        = 4096    // in one page of a frontier
	MaxFrontier        = 1 << 16 // logs in all pages of a frontier
	MaxSyncRanges      = 1024    // in a want
	MaxSyncRecords     = 1024    // in one records message
	MaxSyncRecordBytes = 1 << 20 // of records in one records message
	MaxSyncWant        = 16384   // records asked for by one want
	MaxSyncSize        = 1 << 48 // length of a log
	MaxSyncExt         = 1024    // bytes of a message's ext
)

// LogHead is how far a node holds a log: its records 1..Size, the last of
// them Head. Of a forked log it says the part that nobody disputes.
type LogHead struct {
	Log  ct.LogID
	Size uint64
	Head ct.ID  // zero when Size is
	Fork uint64 // the lowest seq of which the node holds a fork proof, above Size; 0: none
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

// SyncFrontier is a page of what the sender holds, by ascending log. It follows
// the hellos when their digests differ. The opener's may leave out what it told
// this peer before. Mark and Since are in the last page.
type SyncFrontier struct {
	Heads []LogHead
	Mark  Mark // the sender's name for this state; the answer's only
	// In the opener's the last mark that it has of the other side. In an answer
	// the same, when Heads are only what changed since.
	Since Mark
	More  bool // another page follows; this one is full
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
	Bodies bool        // only records whose body the peer holds
	Topics ct.TopicSet // bodies of these alone; zero: of all
}

// SyncRecords is a part of the answer to a want: records in the order asked.
type SyncRecords struct {
	Records [][]byte
	Last    bool // the want is answered
}

// SyncMessage is exactly one of its fields, and Ext.
type SyncMessage struct {
	Hello    *SyncHello
	Frontier *SyncFrontier
	Want     *SyncWant
	Records  *SyncRecords
	Ext      []byte // of later versions; this one sends and reads none
}

// ErrSync is a sync message that is not in its one encoding or over a limit.
var ErrSync = errors.New("not a sync message")

// PartDigest sums up the heads of one part of a frontier: the logs with the
// same first byte.
func PartDigest(heads []LogHead) [32]byte {
	h := sha256.New()
	h.Write([]byte("herald/frontier-part/v1"))
	h.Write(encodeFrontier(&SyncFrontier{Heads: heads}))
	return [32]byte(h.Sum(nil))
}

// FrontierSum is the digest of a frontier whose parts have these digests; nil
// stands for a part without logs.
func FrontierSum(parts *[256]*[32]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("herald/frontier/v2"))
	for i, p := range parts {
		if p != nil {
			h.Write([]byte{byte(i)})
			h.Write(p[:])
		}
	}
	return [32]byte(h.Sum(nil))
}

// FrontierDigest is the digest of a frontier of all heads, by ascending log.
// Equal digests mean that two nodes hold the same logs to the same length. One
// that changes log by log is kept by its parts (FrontierSum).
func FrontierDigest(heads []LogHead) [32]byte {
	var parts [256]*[32]byte
	for len(heads) > 0 {
		first, n := heads[0].Log[0], 1
		for n < len(heads) && heads[n].Log[0] == first {
			n++
		}
		sum := PartDigest(heads[:n])
		parts[first], heads = &sum, heads[n:]
	}
	return FrontierSum(&parts)
}

// EncodeSync writes the one encoding of m.
func EncodeSync(m *SyncMessage) []byte {
	var b []byte
	switch {
	case m.Hello != nil:
		b = appendBytes(nil, 1, encodeHello(m.Hello))
	case m.Frontier != nil:
		b = appendBytes(nil, 2, encodeFrontier(m.Frontier))
	case m.Want != nil:
		b = appendBytes(nil, 3, encodeWant(m.Want))
	default:
		b = appendRecords(make([]byte, 0, recordsSize(m.Records)+8), m.Records)
	}
	return appendExt(b, m.Ext)
}

func appendExt(b, ext []byte) []byte {
	if len(ext) == 0 {
		return b
	}
	return appendBytes(b, syncExt, ext)
}

// syncExt is the field of SyncMessage that later versions fill.
const syncExt = 15

// AppendSyncFrame appends m as a frame. Of records, which are nearly all that a
// stream carries, each byte is copied once.
func AppendSyncFrame(b []byte, m *SyncMessage) []byte {
	if m.Records == nil || len(m.Ext) > 0 {
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

func appendFlag(b []byte, num protowire.Number, flag bool) []byte {
	if !flag {
		return b
	}
	return appendUint(b, num, 1)
}

func encodeFrontier(f *SyncFrontier) []byte {
	heads := f.Heads
	b := make([]byte, 0, 84*len(heads)+38)
	in := make([]byte, 0, 90)
	for i := range heads {
		h := &heads[i]
		in = appendBytes(in[:0], 1, h.Log[:])
		if h.Size > 0 {
			in = appendUint(in, 2, h.Size)
			in = appendBytes(in, 3, h.Head[:])
		}
		in = appendUint(in, 4, h.Fork)
		b = appendBytes(b, 1, in)
	}
	if !f.Mark.IsZero() {
		b = appendBytes(b, 2, f.Mark[:])
	}
	if !f.Since.IsZero() {
		b = appendBytes(b, 3, f.Since[:])
	}
	return appendFlag(b, 4, f.More)
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
	b = appendFlag(b, 3, w.Bodies)
	return appendUint(b, 4, uint64(w.Topics))
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
	return appendFlag(b, 2, r.Last)
}

// DecodeSync reads one message and refuses what EncodeSync would not have
// written. The records of the result share memory with raw.
func DecodeSync(raw []byte) (*SyncMessage, error) {
	if len(raw) > MaxSyncFrame {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrSync, len(raw), MaxSyncFrame)
	}
	m, d := &SyncMessage{}, decoder{b: raw}
	num, in := 0, decoder{}
	for d.next() {
		switch {
		case d.num == syncExt && num > 0:
			m.Ext = d.bytes()
		case num == 0 && d.typ == protowire.BytesType:
			num = d.num
			n, ok := d.varint() // of a frontier without logs it is zero
			if d.bad = d.bad || !ok || n > uint64(len(d.b)); !d.bad {
				in.b, d.b = d.b[:n:n], d.b[n:]
			}
		default:
			d.bad = true
		}
	}
	if d.bad || len(m.Ext) > MaxSyncExt {
		return nil, fmt.Errorf("%w: message of %d bytes", ErrSync, len(raw))
	}
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

// OtherVersion tells a record of a version that this program does not know:
// nothing else can be read of it.
func OtherVersion(raw []byte) bool {
	d := decoder{b: raw}
	if !d.next() || d.num != 1 {
		return false
	}
	in := decoder{b: d.bytes()}
	if !in.next() || in.num != 1 {
		return false
	}
	v := in.uint32()
	return !in.bad && v != Version
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
		case 4:
			f.More = d.flag()
		default:
			d.bad = true
		}
	}
	if f.More && (len(f.Heads) < MaxSyncLogs || !f.Mark.IsZero() || !f.Since.IsZero()) {
		d.bad = true
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
		seen |= 1 << min(in.num, 5)
		switch in.num {
		case 1:
			in.fixed(h.Log[:])
		case 2:
			h.Size = in.uint()
		case 3:
			in.fixed(h.Head[:])
		case 4:
			h.Fork = in.uint()
		default:
			in.bad = true
		}
	}
	const log, held, fork = 1 << 1, 1<<2 | 1<<3, 1 << 4
	switch seen {
	case log | held, log | fork, log | held | fork:
	default:
		in.bad = true
	}
	d.bad = d.bad || in.bad || max(h.Size, h.Fork) > MaxSyncSize || h.Fork > 0 && h.Size >= h.Fork
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
		case 4:
			w.Topics = ct.TopicSet(d.uint32())
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
	r, size := &SyncRecords{}, 0
	for d.next() {
		switch d.num {
		case 1:
			d.repeat()
			raw := d.bytes()
			size += len(raw)
			d.bad = d.bad || len(raw) > MaxRecord || len(r.Records) == MaxSyncRecords || size > MaxSyncRecordBytes
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
