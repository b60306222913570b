package wire

import (
	"errors"
	"fmt"

	"github.com/herald-net/herald/node/ct"
)

// MaxBeacon is the most bytes of an encoded SignedBeacon (proto/herald/v1/beacon.proto).
const MaxBeacon = 512

// beaconFirst is the first byte of every beacon: field 6, length-delimited. A
// record begins with its field 1.
const beaconFirst = 6<<3 | 2

// Beacon is what a node says of itself once a minute.
type Beacon struct {
	Network        [8]byte // first bytes of the network id
	Node           ct.LogID
	Time           ct.Millis // the node's clock; never zero
	Size           uint64    // length of its own log
	Head           ct.ID     // of its own log; zero when Size is
	Logs           uint32    // how many logs it holds
	Digest         [32]byte  // FrontierDigest of them
	Roster         uint64    // accepted roster changes
	JournalEntries uint64
	JournalHead    [32]byte // zero when JournalEntries is
}

// SignedBeacon is a decoded beacon in its one encoding. Nothing else is known
// of it: no signature has been checked.
type SignedBeacon struct {
	Beacon Beacon
	Bytes  []byte // the exact signed bytes
	Alg    uint32
	Sig    []byte
}

// ErrBeacon is a beacon that is not in its one encoding or over a limit.
var ErrBeacon = errors.New("not a beacon in its one encoding")

// IsBeacon tells a message that can only be a beacon from one that can only be
// a record, by its first byte.
func IsBeacon(raw []byte) bool { return len(raw) > 0 && raw[0] == beaconFirst }

// EncodeBeacon writes the one encoding of b, which is what a node signs.
func EncodeBeacon(b *Beacon) []byte {
	out := make([]byte, 0, 192)
	out = appendUint(out, 1, Version)
	out = appendBytes(out, 2, b.Network[:])
	out = appendBytes(out, 3, b.Node[:])
	out = appendUint(out, 4, uint64(b.Time))
	if b.Size > 0 {
		out = appendUint(out, 5, b.Size)
		out = appendBytes(out, 6, b.Head[:])
	}
	out = appendUint(out, 7, uint64(b.Logs))
	out = appendBytes(out, 8, b.Digest[:])
	out = appendUint(out, 9, b.Roster)
	if b.JournalEntries > 0 {
		out = appendUint(out, 10, b.JournalEntries)
		out = appendBytes(out, 11, b.JournalHead[:])
	}
	return out
}

// EncodeSignedBeacon writes the one encoding of signed bytes and their signature.
func EncodeSignedBeacon(s *SignedBeacon) []byte {
	out := make([]byte, 0, len(s.Bytes)+len(s.Sig)+12)
	out = appendBytes(out, 6, s.Bytes)
	out = appendUint(out, 7, uint64(s.Alg))
	return appendBytes(out, 8, s.Sig)
}

// DecodeBeacon reads a signed beacon and refuses what EncodeSignedBeacon would
// not have written, with ErrTooLarge, ErrVersion or ErrBeacon. The result
// shares memory with raw.
func DecodeBeacon(raw []byte) (*SignedBeacon, error) {
	if len(raw) > MaxBeacon {
		return nil, fmt.Errorf("%w: beacon of %d bytes, at most %d", ErrTooLarge, len(raw), MaxBeacon)
	}
	s, seen, d := &SignedBeacon{}, 0, decoder{b: raw}
	for d.next() {
		seen++
		switch d.num {
		case 6:
			s.Bytes = d.bytes()
		case 7:
			s.Alg = d.uint32()
		case 8:
			s.Sig = d.bytes()
		default:
			d.bad = true
		}
	}
	if d.bad || seen != 3 {
		return nil, fmt.Errorf("%w: field %d", ErrBeacon, d.num)
	}
	if err := decodeBeacon(s.Bytes, &s.Beacon); err != nil {
		return nil, err
	}
	return s, nil
}

func decodeBeacon(raw []byte, b *Beacon) error {
	seen, d := uint32(0), decoder{b: raw}
	for d.next() {
		if d.num <= 11 {
			seen |= 1 << d.num
		}
		switch d.num {
		case 1:
			// Before anything else: a later version may have other fields.
			if v := d.uint32(); !d.bad && v != Version {
				return fmt.Errorf("%w: beacon %d, this is %d", ErrVersion, v, Version)
			}
		case 2:
			d.fixed(b.Network[:])
		case 3:
			d.fixed(b.Node[:])
		case 4:
			b.Time = d.millis()
		case 5:
			b.Size = d.uint()
		case 6:
			d.fixed(b.Head[:])
		case 7:
			b.Logs = d.uint32()
		case 8:
			d.fixed(b.Digest[:])
		case 9:
			b.Roster = d.uint()
		case 10:
			b.JournalEntries = d.uint()
		case 11:
			d.fixed(b.JournalHead[:])
		default:
			d.bad = true
		}
	}
	const must = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<8
	pair := func(size, head int) bool { return seen>>size&1 == seen>>head&1 }
	switch {
	case d.bad:
		return fmt.Errorf("%w: field %d of the beacon", ErrBeacon, d.num)
	case seen&must != must || !pair(5, 6) || !pair(10, 11):
		return fmt.Errorf("%w: a field is missing", ErrBeacon)
	case b.Size > MaxSyncSize:
		return fmt.Errorf("%w: %d records in the own log", ErrTooLarge, b.Size)
	}
	return nil
}
