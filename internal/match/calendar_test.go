package match

import (
	"slices"
	"testing"
	"time"
)

func TestHijri(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Birth
	}{
		{"1985-03-21", []Birth{{From: 1985, To: 1985, Month: 3, Day: 21}}},
		{"1364-01-01", []Birth{{From: 1985, To: 1985, Month: 3, Day: 21}, {From: 1944, To: 1945, Approx: true}}},
		{"1399-12-30", []Birth{{From: 2021, To: 2021, Month: 3, Day: 20}, {From: 1978, To: 1979, Approx: true}}},
		{"1364-05", []Birth{{From: 1985, To: 1985, Approx: true}, {From: 1944, To: 1945, Approx: true}}},
		{"1364-10", []Birth{{From: 1985, To: 1986, Approx: true}, {From: 1944, To: 1945, Approx: true}}},
		{"1406", []Birth{{From: 2027, To: 2028, Approx: true}, {From: 1985, To: 1986, Approx: true}}},
		{"1400~", []Birth{{From: 2021, To: 2022, Approx: true}, {From: 1979, To: 1980, Approx: true}}},
		{"1100", nil},
		{"136X", nil},
		{"1364-01-01/1985", nil},
		{"1364-01-01-01", nil},
		{"", nil},
	} {
		if got := ParseBirths(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q: %d readings, not the %d expected", c.text, len(got), len(c.want))
			for _, b := range got {
				t.Logf("from %d to %d month %d day %d approx %v", b.From, b.To, b.Month, b.Day, b.Approx)
			}
		}
	}
}

// New Year's Day is the day of the spring equinox, Tehran time: 20 or 21 March
// from 1921 on, and each year follows the last without a gap.
func TestSolarHijriYears(t *testing.T) {
	for year := firstHijri; year < lastHijri; year++ {
		next := day(solarHijri(year+1, 1, 1))
		if last := day(solarHijri(year, 12, 29)); next.Sub(last) > 48*time.Hour || next.Sub(last) < 24*time.Hour {
			t.Fatalf("%d ends on %s, %d begins on %s", year, last.Format(time.DateOnly), year+1, next.Format(time.DateOnly))
		}
		if m, d := next.Month(), next.Day(); m != time.March || d < 20 || d > 22 {
			t.Fatalf("%d begins on %s", year+1, next.Format(time.DateOnly))
		}
	}
	// The official calendar's leap years around its printed tables.
	for _, leap := range []int{1370, 1375, 1379, 1383, 1387, 1391, 1395, 1399, 1403} {
		if n := day(solarHijri(leap+1, 1, 1)).Sub(day(solarHijri(leap, 1, 1))); n != 366*24*time.Hour {
			t.Errorf("%d has %v", leap, n)
		}
	}
}

func day(b Birth) time.Time {
	return time.Date(int(b.From), time.Month(b.Month), int(b.Day), 0, 0, 0, 0, time.UTC)
}
