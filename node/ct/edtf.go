package ct

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Precision of a Date.
type Precision string

// The precisions that ParseEDTF gives.
const (
	PrecisionDay      Precision = "day"
	PrecisionMonth    Precision = "month"
	PrecisionYear     Precision = "year"
	PrecisionDecade   Precision = "decade"
	PrecisionCentury  Precision = "century"
	PrecisionInterval Precision = "interval"
)

// Date is the span of days that an EDTF string allows. Earliest and Latest
// are midnight UTC of the first and of the last day, both inside the span.
// A Date may be a person's birth, so it prints redacted.
type Date struct {
	Earliest, Latest time.Time
	Precision        Precision
	Approx           bool // marked with ~, ? or %: the span is a guess of the source and is not widened here
}

// Format, like String, shows nothing of the date.
func (d Date) Format(f fmt.State, _ rune) { io.WriteString(f, d.String()) }
func (d Date) String() string             { return "date(redacted)" }

// Errors of ParseEDTF. They never hold the text, which may be personal.
var (
	ErrDateForm       = errors.New("not an EDTF date (want YYYY, YYYY-MM or YYYY-MM-DD, ~ when approximate, a/b for an interval)")
	ErrDateImpossible = errors.New("impossible date")
	ErrDateOrder      = errors.New("interval ends before it begins")
)

// ParseEDTF reads a subset of EDTF level 1 (ISO 8601-2): a year, month or day
// (1965, 1965-07, 1965-07-04), unspecified digits from the right (196X, 19XX,
// 1965-XX, 1965-07-XX), a qualifier behind (~ ? %), and an interval of two of
// these (1960/1965). Months and days of one digit are accepted, since lists
// write 1969-7-16. Seasons, open intervals and years outside 1000..9999 are
// refused.
func ParseEDTF(s string) (Date, error) {
	if len(s) > 32 {
		return Date{}, ErrDateForm
	}
	from, to, interval := strings.Cut(s, "/")
	a, err := parseEDTFPart(from)
	if err != nil || !interval {
		return a, err
	}
	b, err := parseEDTFPart(to)
	if err != nil {
		return Date{}, err
	}
	if b.Latest.Before(a.Earliest) {
		return Date{}, ErrDateOrder
	}
	return Date{a.Earliest, b.Latest, PrecisionInterval, a.Approx || b.Approx}, nil
}

func parseEDTFPart(s string) (Date, error) {
	d := Date{}
	if n := len(s); n > 0 && strings.IndexByte("~?%", s[n-1]) >= 0 {
		d.Approx, s = true, s[:n-1]
	}
	yyyy, rest, hasMonth := strings.Cut(s, "-")
	mm, dd, hasDay := strings.Cut(rest, "-")

	span := 1 // years that the year's digits allow
	digits := strings.TrimRight(yyyy, "X")
	switch len(yyyy) - len(digits) {
	case 0:
		d.Precision = PrecisionYear
	case 1:
		d.Precision, span = PrecisionDecade, 10
	case 2:
		d.Precision, span = PrecisionCentury, 100
	default:
		return Date{}, ErrDateForm
	}
	year, ok := smallInt(digits)
	if len(yyyy) != 4 || !ok || year*span < 1000 || span > 1 && hasMonth {
		return Date{}, ErrDateForm
	}
	year *= span
	if !hasMonth || mm == "XX" && (!hasDay || dd == "XX") {
		d.Earliest, d.Latest = day(year, 1, 1), day(year+span-1, 12, 31)
		return d, nil
	}

	month, ok := smallInt(mm)
	if !ok || len(mm) > 2 {
		return Date{}, ErrDateForm
	}
	if month < 1 || month > 12 {
		return Date{}, ErrDateImpossible
	}
	last := daysIn(year, month)
	if !hasDay || dd == "XX" {
		d.Precision = PrecisionMonth
		d.Earliest, d.Latest = day(year, time.Month(month), 1), day(year, time.Month(month), last)
		return d, nil
	}

	n, ok := smallInt(dd)
	if !ok || len(dd) > 2 {
		return Date{}, ErrDateForm
	}
	if n < 1 || n > last {
		return Date{}, ErrDateImpossible
	}
	d.Precision = PrecisionDay
	d.Earliest = day(year, time.Month(month), n)
	d.Latest = d.Earliest
	return d, nil
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// daysIn is the length of a month of the Gregorian calendar, also before it was in use.
func daysIn(year, month int) int {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4, month == 6, month == 9, month == 11:
		return 30
	}
	return 31
}

// smallInt reads up to four ASCII digits; strconv would accept a sign.
func smallInt(s string) (int, bool) {
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

// parseInstant reads an RFC 3339 time with an offset, strictly: time.Parse
// alone also takes an hour of one digit, a comma before the fraction and an
// offset of 24 hours.
func parseInstant(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > 40 || s[13] != ':' || strings.IndexByte(s, ',') >= 0 {
		return time.Time{}, false
	}
	if n := len(s); s[n-1] != 'Z' && (s[n-6:n-3] > "+23" && s[n-6] == '+' || s[n-6:n-3] > "-23" && s[n-6] == '-' || s[n-2] > '5') {
		return time.Time{}, false // time.Parse takes an offset of 24 hours, and of 60 minutes
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil && t.Year() >= 1900 && t.Year() <= 2200
}
