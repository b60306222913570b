package value

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/name"
	"github.com/herald-net/herald/node/ct"
)

// What is wrong with a date.
const (
	noteForm     = "no date that is understood, such as 1970-12-31 or 1970"
	noteEither   = "day and month may be either: write it as 1970-12-31"
	noteCentury  = "the century is not said: write it as 1970-12-31"
	noteSerial   = "a spreadsheet's number of a day: format the column as text"
	noteYear     = "only its year is understood and taken"
	noteMonth    = "only its month is understood and taken"
	noteZone     = "an hour in a zone, so that the day is not certain: only its year is taken"
	noteRange    = "a year outside 1850 to 2100"
	noteFuture   = "a date in the future"
	noteWide     = "too wide a span to be compared"
	noteBackward = "an interval that ends before it begins"
	notePart     = "one of several dates is not understood and left out"
)

const maxDate = 256 // bytes of a date; a set of sixteen has about as many

// Births reads a date of birth, and all of them when a text names several. A
// year of a Hijri calendar gives the birth in either of the two, marked with
// it. note says what was lost: all when there is no birth, else a part.
func Births(text string, now time.Time) (births []ct.Birth, note string) {
	s := unquoted(Line(text))
	if len(s) > maxDate || Nothing(s) {
		return nil, noteForm
	}
	dates, note := dates(s)
	for _, d := range dates {
		span, err := ct.ParseEDTF(d)
		switch {
		case err != nil: // Date gives none such
			note = noteForm
		case span.Earliest.Year() < 1850 && len(match.ParseBirths(d)) == 2:
			for i, b := range match.ParseBirths(d) {
				if b.From >= 1850 {
					births = append(births, ct.Birth{Date: written(b), Calendar: [...]string{"solar-hijri", "hijri"}[i]})
				}
			}
		case span.Earliest.Year() < 1850 || span.Latest.Year() > 2100:
			note = noteRange
		case !now.IsZero() && span.Earliest.After(now.Add(24*time.Hour)):
			note = noteFuture
		default:
			if births = append(births, ct.Birth{Date: d}); len(match.ParseBirths(d)) == 0 {
				note = noteWide
			}
		}
	}
	return births, note
}

// written is a birth of package match as EDTF.
func written(b match.Birth) string {
	mark := ""
	if b.Approx {
		mark = "~"
	}
	switch {
	case b.From != b.To:
		return fmt.Sprintf("%04d%s/%04d%s", b.From, mark, b.To, mark)
	case b.Day > 0:
		return fmt.Sprintf("%04d-%02d-%02d%s", b.From, b.Month, b.Day, mark)
	case b.Month > 0:
		return fmt.Sprintf("%04d-%02d%s", b.From, b.Month, mark)
	}
	return fmt.Sprintf("%04d%s", b.From, mark)
}

// dates reads one date, or a set.
func dates(s string) (out []string, note string) {
	if d, note := Date(s); d != "" || note != noteForm {
		return nonEmpty(d), note
	}
	set := strings.FieldsFunc(strings.Trim(s, "[]{}"), func(r rune) bool { return r == ';' || r == ',' })
	if len(set) < 2 {
		return nil, noteForm
	}
	for _, part := range set {
		part = strings.Replace(part, "..", "/", 1) // 1965..1967, within a set
		d, why := Date(part)
		if out = append(out, nonEmpty(d)...); why != "" {
			note = notePart
		}
	}
	if len(out) == 0 {
		note = noteForm
	}
	return out, note
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

var (
	aboutBefore = regexp.MustCompile(`(?i)^(?:~|circa\b|ca?\.|ca?\s|about\b|around\b|approx(?:imately|\.|\b))[\s.:]*`)
	aboutBehind = regexp.MustCompile(`(?i)[\s(]*(?:[~?%]|\bcirca\b|\bapprox(?:imately|\.|\b))\)?$`)
	years       = regexp.MustCompile(`^(\d{4})\s?[-–—]\s?(\d{4})$`)
	betweenAnd  = regexp.MustCompile(`(?i)^(?:between\s+)(.+?)\s+and\s+(.+)$`)
	fromTo      = regexp.MustCompile(`(?i)^(?:from\s+)?(.+?)\s+to\s+(.+)$`)
)

// Date reads one date or interval and writes it as EDTF. note says what of it
// is not understood; with a date it is a part.
func Date(text string) (date, note string) {
	s := unquoted(Line(text))
	if _, err := ct.ParseEDTF(s); err == nil {
		return s, ""
	} else if err == ct.ErrDateOrder {
		return "", noteBackward
	}
	mark := ""
	for _, about := range []*regexp.Regexp{aboutBefore, aboutBehind} {
		if rest := about.ReplaceAllString(s, ""); rest != s {
			s, mark = rest, "~"
		}
	}
	for _, pair := range []*regexp.Regexp{years, betweenAnd, fromTo} {
		if m := pair.FindStringSubmatch(s); m != nil {
			return interval(m[1], m[2], mark)
		}
	}
	if from, to, ok := strings.Cut(s, "/"); ok && !strings.Contains(to, "/") && len(from) >= 4 && len(to) >= 4 {
		return interval(from, to, mark)
	}
	if date, note = point(s); date != "" {
		date += mark
	}
	return date, note
}

// interval reads two dates. The first may lack the year: Aug. and Sep. 1977.
func interval(from, to, mark string) (date, note string) {
	a, noteA := point(from)
	b, noteB := point(to)
	if a == "" && len(b) >= 4 {
		a, noteA = point(from + " " + b[:4])
	}
	if a == "" || b == "" || noteA != "" || noteB != "" {
		return "", noteForm
	}
	date = a + mark + "/" + b + mark
	if _, err := ct.ParseEDTF(date); err != nil {
		return "", noteBackward
	}
	return date, ""
}

var (
	isoHour  = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}:?\d{2})?$`)
	isoZone  = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}) ?(?:Z|[+-]\d{2}:?\d{2})$`)
	yearLead = regexp.MustCompile(`^(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})\.?$`)
	yearLast = regexp.MustCompile(`^(\d{1,2})([-/. ])(\d{1,2})[-/. ](\d{4})\.?$`)
	compact  = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})$`)
	serial   = regexp.MustCompile(`^\d{5}([.,]\d+)?$`)
	yearOnly = regexp.MustCompile(`^(\d{4})(?:[.,]0+)?$`)
	decade   = regexp.MustCompile(`^(\d{3})0'?s$`)
	yearRest = regexp.MustCompile(`^(\d{4})-\S+$`)
	joined   = regexp.MustCompile(`^(\d{1,2})(\pL{3,})\.?(\d{2,4})$`)
	twoDigit = regexp.MustCompile(`^\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2}$|^\d{6}$`)
)

// point reads one year, month or day.
func point(s string) (date, note string) {
	if _, err := ct.ParseEDTF(s); err == nil && !strings.ContainsAny(s, "/~?%") {
		return s, ""
	}
	if m := isoHour.FindStringSubmatch(s); m != nil {
		if strings.Trim(m[2], "0:.") != "" && m[3] != "" {
			return m[1][:4], noteZone
		}
		return point(m[1])
	}
	if m := isoZone.FindStringSubmatch(s); m != nil {
		return point(m[1])
	}
	if m := yearLead.FindStringSubmatch(s); m != nil {
		return of(m[1], m[2], m[3])
	}
	if m := compact.FindStringSubmatch(s); m != nil {
		if d, note := of(m[1], m[2], m[3]); note == "" {
			return d, ""
		}
		return "", noteForm
	}
	if m := yearLast.FindStringSubmatch(s); m != nil {
		a, b := small(m[1]), small(m[3])
		switch {
		case a > 12 || a == b || m[2] == ".": // nobody writes the month before a full stop first
			if m[2] == "." && b > 12 {
				return of(m[4], m[1], m[3])
			}
			return of(m[4], m[3], m[1])
		case b > 12:
			return of(m[4], m[1], m[3])
		}
		return "", noteEither
	}
	switch m := yearOnly.FindStringSubmatch(s); {
	case m != nil:
		return of(m[1], "", "")
	case serial.MatchString(s):
		return "", noteSerial
	case twoDigit.MatchString(s):
		return "", noteCentury
	}
	if m := decade.FindStringSubmatch(s); m != nil {
		return m[1] + "X", ""
	}
	if date, note = worded(s); date != "" || note != "" {
		return date, note
	}
	if m := yearRest.FindStringSubmatch(s); m != nil {
		if d, _ := of(m[1], "", ""); d != "" {
			return d, noteYear
		}
	}
	return "", noteForm
}

// of puts a date together. Zeros stand for what is not known; what is
// impossible is left out and told.
func of(year, month, day string) (date, note string) {
	date = year
	if _, err := ct.ParseEDTF(date); err != nil {
		return "", noteForm
	}
	m, d := small(month), small(day)
	switch {
	case m == 0 && d == 0:
		return date, ""
	case m < 1 || m > 12:
		return date, noteYear
	}
	date = fmt.Sprintf("%s-%02d", year, m)
	if d == 0 {
		return date, ""
	}
	whole := fmt.Sprintf("%s-%02d", date, d)
	if _, err := ct.ParseEDTF(whole); err != nil {
		return date, noteMonth
	}
	return whole, ""
}

// small is a number of one or two digits, 0 for none.
func small(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// worded reads a date whose month is a word: 31 Dec 1970, Dec 31, 1970,
// December 1970, 1958 Sep., 31DEC1970.
func worded(s string) (date, note string) {
	if m := joined.FindStringSubmatch(s); m != nil {
		s = m[1] + " " + m[2] + " " + m[3]
	}
	year, month, day := "", 0, ""
	words := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" .,-/", r) })
	if len(words) < 2 || len(words) > 5 {
		return "", ""
	}
	short := false // a year of two digits
	for _, w := range words {
		number := strings.TrimRight(strings.ToLower(w), "stndrh")
		switch n, err := strconv.Atoi(number); {
		case err != nil:
			m := months[name.Romanise(w)]
			if m == 0 && (w == "de" || w == "of" || w == "del") { // 31 de diciembre de 1970
				continue
			}
			if m == 0 || month != 0 {
				return "", ""
			}
			month = m
		case len(number) == 4 && year == "":
			year = number
		case n >= 1 && n <= 31 && len(number) <= 2 && day == "":
			day = number
		case len(number) == 2 && year == "":
			short = true
		default:
			return "", ""
		}
	}
	switch {
	case month == 0:
		return "", ""
	case year == "" && (short || day != ""):
		return "", noteCentury
	case year == "":
		return "", ""
	}
	return of(year, strconv.Itoa(month), day)
}

// months are the words for a month in languages of the UN, German and
// Portuguese, as name.Romanise gives them.
var months = func() map[string]int {
	out := map[string]int{}
	for i, words := range [...]string{
		"jan january janvier janv enero ene januar janeiro", "feb february fevrier fevr febrero februar fevereiro",
		"mar march mars marzo maerz marz marco", "apr april avril avr abril abr", "may mai mayo maio", "jun june juin junio juni junho",
		"jul july juillet juil julio juli julho", "aug august aout agosto ago", "sep sept september septembre septiembre setiembre setembro",
		"oct october octobre octubre oktober okt outubro out", "nov november novembre noviembre novembro",
		"dec december decembre diciembre dic dezember dez dezembro",
	} {
		for w := range strings.FieldsSeq(words) {
			out[w] = i + 1
		}
	}
	return out
}()
