package value_test

import (
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/format/value"
	"github.com/herald-net/herald/node/ct"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// Every form is read in the one way in which it can be read, or told.
func TestBirths(t *testing.T) {
	for in, want := range map[string]string{ // dates, blanks between, then a part of the note
		"1970-12-31": "1970-12-31", "1970-7-4": "1970-7-4", "1970": "1970", "1970~": "1970~", "196X": "196X", "1969/1971": "1969/1971",
		"31/12/1970": "1970-12-31", "12/31/1970": "1970-12-31", "31.12.1970": "1970-12-31", "04.03.1970": "1970-03-04", "31-12-1970": "1970-12-31",
		"12.31.1970": "1970-12-31", "05/05/1970": "1970-05-05", "04/03/1985": "|may be either", "4-3-1985": "|may be either",
		"31 Dec 1970": "1970-12-31", "31-Dec-1970": "1970-12-31", "Dec 31, 1970": "1970-12-31", "31DEC1970": "1970-12-31", "31 décembre 1970": "1970-12-31",
		"31 de diciembre de 1970": "1970-12-31", "December 1970": "1970-12", "1958 Sep.": "1958-09", "3rd March 1961": "1961-03-03", "1. März 1961": "1961-03-01",
		"31-Dec-70": "|century", "701231": "|century", "31.12.70": "|century", "12 March": "|century",
		"19701231": "1970-12-31", "31121970": "|no date", "1970/12/31": "1970-12-31", "1970.12.31": "1970-12-31", "1970.0": "1970",
		"25933": "|spreadsheet", "25933.0": "|spreadsheet", "25933,5": "|spreadsheet",
		"1970-12-31T00:00:00": "1970-12-31", "1970-12-31 00:00:00": "1970-12-31", "1970-12-31T00:00:00Z": "1970-12-31", "1970-12-31T00:00:00.000-05:00": "1970-12-31",
		"1970-12-31Z": "1970-12-31", "1970-12-31-05:00": "1970-12-31", "1970-12-31+00:00": "1970-12-31", "1970-12-30T23:00:00Z": "1970|zone", "1970-12-31 07:15": "1970-12-31",
		"1970-31-12": "1970|only its year", "1970-02-30": "1970-02|only its month", "1970-W53-4": "1970|only its year", "1970-365": "1970|only its year",
		"1970-00-00": "1970", "1970-12-00": "1970-12", "0000-00-00": "|no date", "": "|no date", "unknown": "|no date", "soon": "|no date", "Invalid date": "|no date",
		"circa 1970": "1970~", "c. 1970": "1970~", "ca 1970": "1970~", "about 1970": "1970~", "1970 approx": "1970~", "Approximately 1965": "1965~", "~1965": "1965~",
		"1970-12-31 (approx.)": "1970-12-31~", "1969-1971": "1969/1971", "1969 – 1971": "1969/1971", "1969 to 1971": "1969/1971", "between 1966 and 1968": "1966/1968",
		"Between Aug. and Sep. 1977": "1977-08/1977-09", "approx. 1966 to 1968": "1966~/1968~", "1960s": "196X", "1971/1969": "|before it begins", "1965/..": "|no date",
		"1970;1971": "1970 1971", "1970, 1971": "1970 1971", "[1965,1967..1969]": "1965 1967/1969", "1970; soon": "1970|one of several",
		`"1970-12-31"`: "1970-12-31", "'1970-12-31": "1970-12-31", `="1970-12-31"`: "1970-12-31", "\ufeff1970\u00a0": "1970", "1970\u200b-12-31": "1970-12-31",
		"1349-10-10": "1970-12-31(solar-hijri) 1930~/1931~(hijri)", "1390-11-02": "2012-01-22(solar-hijri) 1970~/1971~(hijri)",
		"1260": "1881~/1882~(solar-hijri)", "1836": "|outside 1850", "0001-01-01": "|no date", "1781-02-03": "|outside 1850", "2101": "|outside 1850", "2070-12-31": "|future", "2026-11-28": "2026-11-28",
		strings.Repeat("1970;", 60): "|no date",
	} {
		births, note := value.Births(in, now)
		var got []string
		for _, b := range births {
			s := b.Date
			if b.Calendar != "" {
				s += "(" + b.Calendar + ")"
			}
			got = append(got, s)
		}
		dates, told, _ := strings.Cut(want, "|")
		if all := strings.Join(got, " "); all != dates || (note == "") != (told == "") || !strings.Contains(note, told) {
			t.Errorf("%q: got %q, note %q; want %q, %q", in, all, note, dates, told)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{
		"QX7719034": "QX7719034", " QX 7719 034 ": "QX 7719 034", "QX\u00a07719\u00a0034": "QX 7719 034", `="QX7719034"`: "QX7719034", "'QX7719034": "QX7719034",
		"8834071205526619.0": "8834071205526619", "8.83407E+15": "|spreadsheet", "8,83407E+15": "|spreadsheet", "8E+15": "|spreadsheet", "1E234567": "1E234567",
		"####": "|narrow", "": "|no number", "n/a": "|no number", "X\ufffd123": "|lost",
	} {
		got, note := value.Number(in)
		number, told, _ := strings.Cut(want, "|")
		if got != number || (note == "") != (told == "") || !strings.Contains(note, told) {
			t.Errorf("%q: got %q, %q; want %q", in, got, note, want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		" a  b\t\nc ": "a b c", "\ufeffa": "a", "a\u200b b": "a b", "\u202ba\u202c": "a", "\u200fa\u200f": "\u200fa\u200f", "a\u00a0b": "a b", "a\x00b": "a b", "a\ufffdb": "a\ufffdb", "": "",
	} {
		if got := value.Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Whatever the text, a birth that is read is valid, nothing is lost without a
// note, and a note never holds the text.
func FuzzBirths(f *testing.F) {
	for _, s := range []string{"1970-12-31", "31/12/1970", "Between Aug. and Sep. 1977", "[1965,1967..1969]", "1349-10-10", "circa 1960s", "31DEC1970", "1970-12-31T00:00:00Z", "1. März 1961", "1970–1971"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		births, note := value.Births(s, now)
		if len(births) == 0 && note == "" {
			t.Fatal("nothing is read and nothing is said")
		}
		p := ct.Person{Births: births}
		for _, fault := range p.Validate(time.Time{}) {
			if strings.HasPrefix(fault.Field, "births[") {
				t.Fatalf("a birth that is not valid: %v", fault)
			}
		}
		number, note := value.Number(s)
		if (number == "") != (note != "") {
			t.Fatalf("number %q, note %q", number, note)
		}
	})
}
