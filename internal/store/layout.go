package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/herald-net/herald/internal/verify"
	"github.com/herald-net/herald/node/ct"
)

// The buckets. All numbers are big-endian. A place is the local number of a
// log (4 bytes) and a seq (8 bytes), or for a disowned record the number of the
// disowned of its log with the highest bit set; a cursor is an arrival number
// (8 bytes).
const (
	bktMeta = "meta" // every file: see putMeta; log.db also "garbage", erased bodies not yet compacted away, and "judged", see Judging

	bktLogs    = "logs"    // log key → logEntry
	bktHdr     = "hdr"     // place → held
	bktArr     = "arr"     // cursor → place
	bktMissing = "missing" // place → topic (255: any above): held without the body
	bktRetract = "retract" // noteOf a target, place of the RETRACT → time it was stored, summed
	bktHidden  = "hidden"  // target id → hiding: the RETRACT that counts
	bktDue     = "due"     // time stored, place of the target → target id: to be erased
	bktErase   = "erase"   // place → 1: tombstoned, salt and body not yet deleted
	bktFork    = "fork"    // log key → seq, length of A (4), A, B
	bktChained = "chained" // place of the first of a range → seq of its last: held for a later signature's sake, own ones not checked
	bktUnsound = "unsound" // place → 1: held for a later signature's sake, the own one does not verify

	bktSalt  = "salt"  // keys.db: place → salt
	bktGone  = "gone"  // keys.db: record id → why its body was erased: log.db says so too, and either may be lost
	bktBody  = "body"  // body.db: place → sealed body
	bktLocal = "local" // local.db, lists.db: one bucket per name in it
)

// one is the value of a set's members. bbolt's empty values are best avoided.
var one = []byte{1}

// place is where a record stands in this store.
type place [12]byte

func placeOf(num uint32, seq uint64) (p place) {
	binary.BigEndian.PutUint32(p[:4], num)
	binary.BigEndian.PutUint64(p[4:], seq)
	return p
}

func (p place) num() uint32 { return binary.BigEndian.Uint32(p[:4]) }
func (p place) seq() uint64 { return binary.BigEndian.Uint64(p[4:]) }

func parsePlace(b []byte) (p place, err error) {
	if len(b) != len(p) {
		return p, fmt.Errorf("%w: place of %d bytes", ErrDamaged, len(b))
	}
	return place(b), nil
}

func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func parseU64(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: number of %d bytes", ErrDamaged, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

// held is a record in bktHdr: everything but the salt and the body.
type held struct {
	cursor  uint64 // newest arrival; a body that comes later is an arrival too
	state   BodyState
	hidden  bool
	bodyLen uint32
	alg     uint32
	sig     []byte
	reason  verify.Reason
	header  []byte
}

const heldFixed = 8 + 1 + 1 + 4 + 4 + 2 + 1

func (h *held) encode() []byte {
	b := make([]byte, 0, heldFixed+len(h.sig)+len(h.reason)+len(h.header)+sumSize)
	b = binary.BigEndian.AppendUint64(b, h.cursor)
	b = append(b, byte(h.state), flag(h.hidden))
	b = binary.BigEndian.AppendUint32(b, h.bodyLen)
	b = binary.BigEndian.AppendUint32(b, h.alg)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.sig)))
	b = append(b, byte(len(h.reason)))
	b = append(b, h.sig...)
	b = append(b, h.reason...)
	return summed(append(b, h.header...))
}

// decodeHeld shares memory with b, but for the reason.
func decodeHeld(b []byte) (h held, err error) {
	if b, err = sound(b); err != nil {
		return h, err
	}
	return parseHeld(b)
}

func parseHeld(b []byte) (h held, err error) {
	if len(b) < heldFixed {
		return h, fmt.Errorf("%w: record of %d bytes", ErrDamaged, len(b))
	}
	h.cursor = binary.BigEndian.Uint64(b)
	h.state, h.hidden = BodyState(b[8]), b[9] != 0
	h.bodyLen = binary.BigEndian.Uint32(b[10:])
	h.alg = binary.BigEndian.Uint32(b[14:])
	nsig, nreason := int(binary.BigEndian.Uint16(b[18:])), int(b[20])
	b = b[heldFixed:]
	if len(b) < nsig+nreason || h.state > BodyDisowned {
		return h, fmt.Errorf("%w: record entry", ErrDamaged)
	}
	h.sig, b = b[:nsig:nsig], b[nsig:]
	h.reason, h.header = verify.Reason(b[:nreason]), b[nreason:]
	return h, nil
}

// logEntry is a log in bktLogs and in memory.
type logEntry struct {
	id    ct.LogID
	num   uint32 // local number, from 1
	state ct.State
	root  bool
	first ct.ID // prev of seq 1
	head  Head

	change uint64 // Store.changes at its last one; in memory alone
}

func (l *logEntry) encode() []byte {
	b := make([]byte, 0, 112)
	b = binary.BigEndian.AppendUint32(b, l.num)
	b = binary.BigEndian.AppendUint64(b, l.head.Size)
	b = append(b, l.head.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.head.LastIssued))
	b = binary.BigEndian.AppendUint64(b, l.head.End)
	b = binary.BigEndian.AppendUint64(b, l.head.Contested)
	b = append(b, flag(l.head.Closed), flag(l.root))
	b = append(b, l.first[:]...)
	return summed(append(b, l.state...))
}

func decodeLog(k, v []byte) (*logEntry, error) {
	const fixed = 4 + 8 + 32 + 8 + 8 + 8 + 2 + 32
	v, err := sound(v)
	if err != nil {
		return nil, fmt.Errorf("log entry: %w", err)
	}
	if len(k) != 32 || len(v) < fixed {
		return nil, fmt.Errorf("%w: log entry", ErrDamaged)
	}
	return &logEntry{
		id:    ct.LogID(k),
		num:   binary.BigEndian.Uint32(v),
		first: ct.ID(v[70:102]),
		state: ct.State(v[fixed:]),
		root:  v[69] != 0,
		head: Head{
			Size:       binary.BigEndian.Uint64(v[4:]),
			ID:         ct.ID(v[12:44]),
			LastIssued: ct.Millis(binary.BigEndian.Uint64(v[44:])),
			End:        binary.BigEndian.Uint64(v[52:]),
			Contested:  binary.BigEndian.Uint64(v[60:]),
			Closed:     v[68] != 0,
		},
	}, nil
}

// The pages of a file carry no checksum, so what log.db says of a record
// carries its own (CRC-32C, last): a header is bound by its chain, but a
// flipped bit in its state would show what was retracted. Salts and bodies
// have the seal.
const sumSize = 4

func summed(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// sound gives what summed was given.
func sound(b []byte) ([]byte, error) {
	n := len(b) - sumSize
	if n < 0 {
		return nil, fmt.Errorf("%w: entry of %d bytes", ErrDamaged, len(b))
	}
	if crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[n:]) {
		return nil, fmt.Errorf("%w: entry with a wrong sum", ErrDamaged)
	}
	return b[:n:n], nil
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
