package wire

import (
	"math"
	"unicode/utf8"

	"github.com/herald-net/herald/node/ct"
	"google.golang.org/protobuf/encoding/protowire"
)

// decoder walks protobuf fields and accepts only the one encoding: ascending
// numbers, minimal varints, no default values. It never allocates but for
// texts and lists, and never panics; the first fault sticks in bad.
type decoder struct {
	b    []byte
	all  string // of a body: all of it, of which the texts are parts; one copy serves them all
	end  int    // where b ends in all
	num  int
	typ  protowire.Type
	last int
	bad  bool
	rep  bool // this field repeats the one before it
}

func (d *decoder) next() bool {
	if d.rep {
		d.bad = true // a repetition that repeat() did not allow
	}
	if d.bad || len(d.b) == 0 {
		return false
	}
	if tag := d.b[0]; tag < 0x80 && int(tag>>3) > d.last { // nearly all
		d.b = d.b[1:]
		d.num, d.typ, d.rep = int(tag>>3), protowire.Type(tag&7), false
		d.last = d.num
		return true
	}
	v, ok := d.varint()
	if !ok {
		return false
	}
	num, typ := protowire.DecodeTag(v)
	if num < 1 || int(num) < d.last {
		d.bad = true
		return false
	}
	d.rep = int(num) == d.last
	d.num, d.typ, d.last = int(num), typ, int(num)
	return true
}

// repeat says that the current field may occur more than once.
func (d *decoder) repeat() { d.rep = false }

func (d *decoder) varint() (uint64, bool) {
	if len(d.b) > 0 && d.b[0] < 0x80 { // nearly all are of one byte
		v := uint64(d.b[0])
		d.b = d.b[1:]
		return v, true
	}
	v, n := protowire.ConsumeVarint(d.b)
	if n < 0 || n != protowire.SizeVarint(v) {
		d.bad = true
		return 0, false
	}
	d.b = d.b[n:]
	return v, true
}

func (d *decoder) uint() uint64 {
	if d.typ != protowire.VarintType {
		d.bad = true
		return 0
	}
	v, _ := d.varint()
	if v == 0 { // a default value is not written
		d.bad = true
	}
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uint()
	if v > math.MaxUint32 {
		d.bad = true
	}
	return uint32(v)
}

func (d *decoder) bytes() []byte {
	if d.typ != protowire.BytesType {
		d.bad = true
		return nil
	}
	n, ok := d.varint()
	if !ok || n > uint64(len(d.b)) || n == 0 {
		d.bad = true
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) fixed(dst []byte) {
	if v := d.bytes(); len(v) != len(dst) {
		d.bad = true
	} else {
		copy(dst, v)
	}
}

func (d *decoder) ref() ct.Ref {
	var r ct.Ref
	in := d.sub()
	seen := 0
	for in.next() {
		seen++
		switch in.num {
		case 1:
			in.fixed(r.Log[:])
		case 2:
			r.Seq = in.uint()
		case 3:
			in.fixed(r.ID[:])
		default:
			in.bad = true
		}
	}
	if in.bad || seen != 3 {
		d.bad = true
	}
	return r
}

// skip passes over a value that is read elsewhere.
func (d *decoder) skip() {
	n := protowire.ConsumeFieldValue(protowire.Number(d.num), d.typ, d.b)
	if n < 0 {
		d.bad = true
		return
	}
	d.b = d.b[n:]
}

// sub starts on the bytes of an embedded message.
func (d *decoder) sub() decoder { return decoder{b: d.bytes(), bad: d.bad} }

// join takes over the fault of an embedded message's decoder.
func (d *decoder) join(in *decoder) { d.bad = d.bad || in.bad }

// bool reads a flag; false is the default and so never written.
func (d *decoder) bool() bool {
	v := d.uint()
	if v != 1 {
		d.bad = true
	}
	return v == 1
}

// millis reads a time or a length of time, which is never negative here.
func (d *decoder) millis() ct.Millis {
	v := d.uint()
	if v > math.MaxInt64 {
		d.bad = true
	}
	return ct.Millis(v)
}

// text reads a string of valid UTF-8.
func (d *decoder) text() string {
	v := d.bytes()
	if !utf8.Valid(v) {
		d.bad = true
	}
	return d.string(v)
}

// string gives the value just read as a string.
func (d *decoder) string(v []byte) string {
	if d.all == "" {
		return string(v)
	}
	end := d.end - len(d.b)
	return d.all[end-len(v) : end]
}
