package match

import (
	"strings"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Birth is one alternative of a date of birth: a span of years, and month and
// day when the years are one.
type Birth struct {
	From, To   uint16 // years, From <= To
	Month, Day uint8  // 0: not known
	Approx     bool
}

// maxSpan is the longest span of years that still says something.
const maxSpan = 30

// ParseBirths gives every birth that a text may mean: one, one a calendar when
// its year is of a Hijri era, several when it is a set ("[1965,1967]"). None when
// it says nothing usable.
func ParseBirths(text string) []Birth {
	text = strings.TrimSpace(text)
	if len(text) > 256 {
		return nil
	}
	if set, ok := between(text); ok {
		var out []Birth
		for part := range strings.SplitSeq(set, ",") {
			if from, to, ok := strings.Cut(part, ".."); ok { // 1965..1967
				part = strings.TrimSpace(from) + "/" + strings.TrimSpace(to)
			}
			for _, b := range parseBirths(part) {
				if len(out) < MaxBirths {
					out = append(out, b)
				}
			}
		}
		return out
	}
	return parseBirths(text)
}

// between gives what stands in the brackets of a set.
func between(text string) (string, bool) {
	if n := len(text); n >= 2 && (text[0] == '[' && text[n-1] == ']' || text[0] == '{' && text[n-1] == '}') {
		return text[1 : n-1], true
	}
	return "", false
}

func parseBirths(text string) []Birth {
	if b, ok := ParseBirth(text); ok {
		return []Birth{b}
	}
	if from, to, ok := strings.Cut(text, "/"); ok {
		a, b := parseHijri(from), parseHijri(to)
		if len(a) != len(b) {
			return nil
		}
		var out []Birth
		for i := range a { // each calendar by itself
			if a[i].From <= b[i].To && b[i].To-a[i].From <= maxSpan {
				out = append(out, Birth{From: a[i].From, To: b[i].To, Approx: true})
			}
		}
		return out
	}
	return parseHijri(text)
}

// parseHijri reads a year, a month or a day of a Hijri calendar.
func parseHijri(text string) []Birth {
	text = strings.Trim(strings.TrimSpace(text), "~?%")
	if len(text) > len("1364-12-29") {
		return nil
	}
	parts := strings.Split(text, "-")
	if len(parts[0]) != 4 || len(parts) > 3 {
		return nil
	}
	var n [3]int // year, month and day; 0: not known
	for i, part := range parts {
		var ok bool
		if n[i], ok = number(part); !ok && part != "XX" {
			return nil
		}
	}
	if n[1] > 12 || n[2] > 31 || n[1] == 0 && n[2] > 0 {
		return nil
	}
	return hijri(n[0], uint8(n[1]), uint8(n[2]))
}

// ParseBirth reads what ct.ParseEDTF reads, and beside it how lists write it: a
// time of day behind a day (1970-12-31T00:00:00Z), 00 for a month or a day that is
// not known, a qualifier in front. What cannot be is no birth at all: it is for
// the caller to tell, and never half a date without a word.
func ParseBirth(text string) (Birth, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 40 {
		return Birth{}, false
	}
	if from, to, ok := strings.Cut(text, "/"); ok {
		a, okA := ParseBirth(from)
		b, okB := ParseBirth(to)
		if strings.Contains(to, "/") || !okA || !okB || b.To < a.From || b.To-a.From > maxSpan {
			return Birth{}, false
		}
		return Birth{From: a.From, To: b.To, Approx: a.Approx || b.Approx}, true
	}
	bare := strings.Trim(text, "~?%")
	d, err := ct.ParseEDTF(unknownDay(withoutTime(bare)))
	if err != nil || d.Precision == ct.PrecisionCentury || !plausibleYear(d.Earliest.Year()) {
		return Birth{}, false
	}
	b := Birth{From: uint16(d.Earliest.Year()), To: uint16(d.Latest.Year()), Approx: len(bare) < len(text)}
	switch d.Precision {
	case ct.PrecisionDay:
		b.Month, b.Day = uint8(d.Earliest.Month()), uint8(d.Earliest.Day())
	case ct.PrecisionMonth:
		b.Month = uint8(d.Earliest.Month())
	}
	return b, true
}

// withoutTime takes a time of day, or a zone alone, off a day: the day is the one
// that is written.
func withoutTime(text string) string {
	dashes := 0
	end := strings.IndexFunc(text, func(r rune) bool {
		if r == '-' {
			dashes++
		}
		return dashes == 3 || r != '-' && (r < '0' || r > '9')
	})
	if end < 0 || dashes < 2 {
		return text
	}
	tail := text[end:]
	if tail[0] == ' ' {
		tail = "T" + tail[1:]
	}
	for _, layout := range timesOfDay {
		if _, err := time.Parse(layout, tail); err == nil {
			return text[:end]
		}
	}
	return text
}

var timesOfDay = []string{
	"T15:04:05", "T15:04", "T15:04:05Z07:00", "T15:04Z07:00", "T15:04:05Z0700", "T15:04:05 Z07:00", "T15:04:05 Z0700", "Z07:00", "Z0700",
}

// unknownDay writes 00 for a month or a day as EDTF does.
func unknownDay(text string) string {
	return strings.ReplaceAll(text, "-00", "-XX")
}

func plausibleYear(y int) bool { return y >= 1850 && y <= 2150 }

func number(s string) (int, bool) {
	if s == "" || len(s) > 4 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// full says whether the birth is a whole date.
func (b Birth) full() bool { return b.Day > 0 }

// birthEvidence is how two births agree: a value 0..1 and its code.
type birthEvidence struct {
	value   float64
	verdict Verdict
	telling bool // the same day, and not one that stands for "some day"
}

// compareBirths gives the best agreement of any alternative of either side.
func compareBirths(a, b []Birth) birthEvidence {
	best := birthEvidence{verdict: Absent}
	for _, x := range a {
		for _, y := range b {
			e := compareBirth(x, y)
			e.telling = e.value == 1 && !placeholder(x)
			if best.verdict == Absent || e.value > best.value || e.value == best.value && e.telling {
				best = e
			}
		}
	}
	return best
}

// odds of one person, as a logarithm: how few strangers agree as well.
func (e birthEvidence) odds() float64 {
	switch e.verdict {
	case Agree:
		if !e.telling {
			return oddsDay - oddsPlace
		}
		return oddsDay
	case DayMonthSwapped, YearOffByOne:
		return 7
	case DateClose, MonthAgree:
		return 5.5
	case YearAgree, YearSwapped, YearDigit:
		return 3.5
	case YearClose:
		return 2
	case YearNear:
		return 0.5
	case Conflict:
		return -3
	}
	return 0
}

const oddsDay = 9

// Values of agreement. A whole date is worth more than a year because fewer
// namesakes share it; typing errors in one field of a date leave most of it.
var (
	birthDate      = birthEvidence{value: 1.00, verdict: Agree}
	birthSwapped   = birthEvidence{value: 0.95, verdict: DayMonthSwapped}
	birthOneField  = birthEvidence{value: 0.85, verdict: DateClose}
	birthYearOff   = birthEvidence{value: 0.85, verdict: YearOffByOne}
	birthMonth     = birthEvidence{value: 0.83, verdict: MonthAgree}
	birthYear      = birthEvidence{value: 0.80, verdict: YearAgree}
	birthYearTypo  = birthEvidence{value: 0.75, verdict: YearSwapped}
	birthYearClose = birthEvidence{value: 0.65, verdict: YearClose}
	birthYearNear  = birthEvidence{value: 0.45, verdict: YearNear}
	birthYearDigit = birthEvidence{value: 0.45, verdict: YearDigit}
	birthConflict  = birthEvidence{value: 0.00, verdict: Conflict}
)

func compareBirth(a, b Birth) birthEvidence {
	gap := yearGap(a, b)
	sameDay := a.Month == b.Month && a.Day == b.Day
	if a.full() && b.full() && (sameDay || !a.Approx && !b.Approx) { // an approximate day is no day to contradict
		switch {
		case gap == 0 && sameDay:
			return birthDate
		case gap == 0 && a.Month == b.Day && a.Day == b.Month:
			return birthSwapped
		case gap == 0 && (a.Month == b.Month || a.Day == b.Day):
			return birthOneField
		case gap == 1 && sameDay:
			return birthYearOff
		case sameDay && oneDigit(a.From, b.From):
			return birthYearDigit
		case sameDay && swappedDigits(a.From, b.From):
			return birthYearTypo
		case gap == 0 && (placeholder(a) || placeholder(b)):
			return birthYear
		case gap == 0:
			return birthYearClose
		case gap == 1 && (placeholder(a) || placeholder(b)):
			return birthYearClose
		}
		return birthConflict
	}
	switch {
	case gap == 0 && a.Month > 0 && b.Month > 0:
		if a.Month == b.Month {
			return birthMonth
		}
		return birthYearClose
	case gap == 0 && a.From == a.To && b.From == b.To && !a.Approx && !b.Approx:
		return birthYear
	case gap == 0:
		return birthYearClose
	case gap == 1:
		return birthYearClose
	case gap <= 2 && (a.Approx || b.Approx):
		return birthYearClose
	case gap <= 5:
		return birthYearNear // a year without a date is often an estimate
	}
	return birthConflict
}

// placeholder: the first of January stands for "some day" in many registers.
func placeholder(b Birth) bool { return b.Month == 1 && b.Day == 1 }

// yearGap is the distance of two spans of years, 0 when they overlap.
func yearGap(a, b Birth) int {
	switch {
	case a.From > b.To:
		return int(a.From - b.To)
	case b.From > a.To:
		return int(b.From - a.To)
	}
	return 0
}

// oneDigit: one digit differs.
func oneDigit(a, b uint16) bool {
	diff := 0
	for ; a > 0 || b > 0; a, b = a/10, b/10 {
		if a%10 != b%10 {
			diff++
		}
	}
	return diff == 1
}

// swappedDigits: the last two digits, or the two in the middle, are exchanged.
func swappedDigits(a, b uint16) bool {
	swap := func(y, unit uint16) uint16 {
		low, high := y/unit%10, y/unit/10%10
		return y - low*unit - high*unit*10 + high*unit + low*unit*10
	}
	return a != b && (swap(a, 1) == b || swap(a, 10) == b)
}
