package ct

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a document. The encoded body has one of its own: wire.MaxBody.
const (
	MaxNames     = 64   // names of one person
	MaxNameParts = 16   // parts of one name
	MaxNameLen   = 256  // characters of a name, and of one part
	MaxList      = 16   // entries of any other list
	MaxDocuments = 32   // documents of one person
	MaxShort     = 128  // characters of a reference, number or label
	MaxText      = 2000 // characters of free text
)

// checker walks a document and gathers faults. The path is built in one
// buffer and becomes a string only when there is a fault to name.
type checker struct {
	now    time.Time // zero: rules that need it are left out
	path   []byte
	faults Faults
}

// at enters a field, at [i] of a list when i >= 0; undo with leave.
func (c *checker) at(field string, i int) (mark int) {
	mark = len(c.path)
	if mark > 0 && field != "" {
		c.path = append(c.path, '.')
	}
	c.path = append(c.path, field...)
	if i >= 0 {
		c.path = append(c.path, '[')
		c.path = strconv.AppendInt(c.path, int64(i), 10)
		c.path = append(c.path, ']')
	}
	return mark
}

func (c *checker) leave(mark int) { c.path = c.path[:mark] }

// fault records a reason at a field of the current place; field may be empty.
func (c *checker) fault(field, reason string) { c.faultAt(field, -1, reason) }

func (c *checker) faultAt(field string, i int, reason string) {
	if len(c.faults) >= maxFaults {
		return
	}
	m := c.at(field, i)
	c.faults = append(c.faults, Fault{string(c.path), reason})
	c.leave(m)
}

func (c *checker) must(field, s string) bool {
	if s == "" {
		c.fault(field, FaultMissing)
	}
	return s != ""
}

// code checks a word of a closed list; empty is allowed.
func (c *checker) code(field, s string, list codes) {
	if s != "" && !list.has(s) {
		c.fault(field, list.fault())
	}
}

func (c *checker) mustCode(field, s string, list codes) {
	if c.must(field, s) {
		c.code(field, s, list)
	}
}

// codeList checks words of a closed list, none twice.
func (c *checker) codeList(field string, ss []string, list codes) {
	for i, s := range ss {
		if !list.has(s) {
			c.faultAt(field, i, list.fault())
		} else if codes(ss[:i]).has(s) {
			c.faultAt(field, i, FaultDuplicate)
		}
		if i == len(list) { // more than all: the rest can only repeat
			return
		}
	}
}

func (c *checker) count(field string, n, most int) bool {
	if n > most {
		c.fault(field, FaultTooMany)
	}
	return n <= most
}

// text checks a string of at most most characters; multi allows line breaks.
func (c *checker) text(field, s string, most int, multi bool) {
	if s == "" {
		return
	}
	if len(s) > most && utf8.RuneCountInString(s) > most {
		c.fault(field, FaultTooLong)
		return
	}
	if !cleanText(s, multi) {
		c.fault(field, FaultText)
	}
}

func (c *checker) line(field, s string, most int) { c.text(field, s, most, false) }

// cleanText refuses what could drive a terminal or disguise a name: control
// characters, embeddings and overrides of direction, line separators, invalid
// UTF-8. Joiners and direction marks stay: Persian and Arabic need them.
func cleanText(s string, multi bool) bool {
	ascii := true
	for i := range len(s) {
		if b := s[i]; b >= utf8.RuneSelf {
			ascii = false
		} else if b < ' ' && !(multi && b == '\n') || b == 0x7f {
			return false
		}
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	if ascii {
		return true
	}
	for i, r := range s {
		switch {
		case r == utf8.RuneError, unicode.Is(unicode.Cc, r) && r != '\n',
			r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029, r == 0xfeff:
			return false
		case r != '\n' && unicode.IsSpace(r) && (i == 0 || i+utf8.RuneLen(r) == len(s)):
			return false
		}
	}
	return true
}

func (c *checker) state(field string, s State) {
	if s != "" && !ValidState(s) {
		c.fault(field, FaultState)
	}
}

// states checks a list of State codes, none twice.
func (c *checker) states(field string, ss []State, most int) {
	if !c.count(field, len(ss), most) {
		return
	}
	for i, s := range ss {
		if !ValidState(s) {
			c.faultAt(field, i, FaultState)
		}
		for _, t := range ss[:i] {
			if s == t {
				c.faultAt(field, i, FaultDuplicate)
			}
		}
	}
}

// date checks an EDTF string; empty is allowed and gives ok = false.
func (c *checker) date(field, s string) (Date, bool) {
	if s == "" {
		return Date{}, false
	}
	d, err := ParseEDTF(s)
	switch err {
	case nil:
		return d, true
	case ErrDateImpossible:
		c.fault(field, FaultImpossible)
	case ErrDateOrder:
		c.fault(field, FaultOrder)
	default:
		c.fault(field, FaultDate)
	}
	return Date{}, false
}

// instant checks an RFC 3339 time; empty is allowed and gives ok = false.
func (c *checker) instant(field, s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, false
	}
	t, ok := parseInstant(s)
	if !ok {
		c.fault(field, FaultTime)
	}
	return t, ok
}

// future tells whether a day has begun nowhere on Earth yet.
func (c *checker) future(t time.Time) bool {
	return !c.now.IsZero() && t.After(c.now.Add(24*time.Hour))
}

// shaped tells whether s has between least and most bytes, each in the set.
func shaped(s string, least, most int, set *byteSet) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return true
}

// byteSet holds the bytes that may stand in a text.
type byteSet [256]bool

func setOf(bytes ...string) *byteSet {
	var set byteSet
	for _, b := range bytes {
		for i := range len(b) {
			set[b[i]] = true
		}
	}
	return &set
}

const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	smalls   = "abcdefghijklmnopqrstuvwxyz"
	decimals = "0123456789"
)

// The sets are never changed.
var (
	upper      = setOf(capitals)
	lower      = setOf(smalls)
	digits     = setOf(decimals)
	upperDigit = setOf(capitals, decimals)
	langSet    = setOf(capitals, smalls, decimals, "-")
	serviceSet = setOf(capitals, smalls, decimals, "-/ ")
	mrzSet     = setOf(capitals, "<")
	placeSet   = setOf(capitals, "23456789")
	hostSet    = setOf(capitals, smalls, decimals, "-.")
	keySet     = setOf(capitals, smalls, decimals, "_-")
	roleSet    = setOf(smalls, decimals, "-")
	whySet     = setOf(smalls, decimals, ":_-")
)
