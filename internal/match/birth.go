package match

import "strings"

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
	year, ok := number(parts[0])
	if !ok || len(parts[0]) != 4 || len(parts) > 3 {
		return nil
	}
	month, day := monthDay(parts)
	return hijri(year, month, day)
}

// ParseBirth reads EDTF level 1 as persons write it: 1965, 1965-07, 1965-7-4,
// 1965~, 196X, 1960/1965. An impossible month or day leaves what stands before
// it; an impossible year makes the whole unusable.
func ParseBirth(text string) (Birth, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 40 {
		return Birth{}, false
	}
	if from, to, ok := strings.Cut(text, "/"); ok {
		if strings.Contains(to, "/") {
			return Birth{}, false
		}
		a, okA := ParseBirth(from)
		b, okB := ParseBirth(to)
		switch {
		case okA && okB && b.To >= a.From && b.To-a.From <= maxSpan:
			return Birth{From: a.From, To: b.To, Approx: a.Approx || b.Approx}, true
		case okA && strings.Trim(to, ".") == "":
			return Birth{}, false // open interval: no statement
		}
		return Birth{}, false
	}
	var b Birth
	if t := strings.TrimRight(text, "~?%"); t != text {
		text, b.Approx = t, true
	}
	if t := strings.TrimLeft(text, "~?%"); t != text {
		text, b.Approx = t, true
	}
	parts := strings.Split(text, "-")
	if len(parts) > 3 || len(parts[0]) != 4 {
		return Birth{}, false
	}
	year := parts[0]
	switch {
	case year[3] == 'X' && year[2] == 'X':
		return Birth{}, false // a century
	case year[3] == 'X':
		decade, ok := number(year[:3])
		if !ok {
			return Birth{}, false
		}
		b.From, b.To = uint16(decade*10), uint16(decade*10+9)
		return b, plausibleYear(int(b.From))
	}
	y, ok := number(year)
	if !ok || !plausibleYear(y) {
		return Birth{}, false
	}
	b.From, b.To = uint16(y), uint16(y)
	b.Month, b.Day = monthDay(parts)
	return b, true
}

// monthDay reads what follows the year; 0 is what is absent or impossible.
func monthDay(parts []string) (month, day uint8) {
	if len(parts) > 1 {
		if m, ok := number(strings.TrimRight(parts[1], "~?%")); ok && m >= 1 && m <= 12 {
			month = uint8(m)
		}
	}
	if len(parts) > 2 && month > 0 {
		if d, ok := number(strings.TrimRight(parts[2], "~?%")); ok && d >= 1 && d <= 31 {
			day = uint8(d)
		}
	}
	return month, day
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
