package match

import "time"

// Years that are written in another era are read in both: 1364 is 1985 of the
// Solar Hijri calendar (Iran, Afghanistan) and about 1944 of the lunar one.
const (
	firstHijri = 1260 // 1881 solar, 1844 lunar
	lastHijri  = 1480 // 2101 solar, 2057 lunar
)

// hijri gives what a date in one of the two Hijri calendars may mean. month and
// day may be 0.
func hijri(year int, month, day uint8) []Birth {
	if year < firstHijri || year > lastHijri {
		return nil
	}
	return []Birth{solarHijri(year, month, day), lunarHijri(year)}
}

// solarHijri converts by the 33-year cycle of leap years, which is that of the
// equinox for all years read here: the year begins on 20 to 22 March, has six
// months of 31 days, five of 30, and a last of 29 or 30. Without a day it is a
// span of years.
func solarHijri(year int, month, day uint8) Birth {
	switch {
	case month == 0:
		return Birth{From: uint16(year + 621), To: uint16(year + 622), Approx: true}
	case day == 0 && month <= 9:
		return Birth{From: uint16(year + 621), To: uint16(year + 621), Approx: true}
	case day == 0:
		return Birth{From: uint16(year + 621), To: uint16(year + 622), Approx: true}
	}
	days := 365*(year-1300) + solarLeaps(year) - solarLeaps(1300) + min(int(month)-1, 6)*31 + max(int(month)-7, 0)*30 + int(day) - 1
	t := time.Date(1921, time.March, 21+days, 0, 0, 0, 0, time.UTC)
	return Birth{From: uint16(t.Year()), To: uint16(t.Year()), Month: uint8(t.Month()), Day: uint8(t.Day())}
}

// solarLeaps counts the leap years before year.
func solarLeaps(year int) int {
	n := year / 33 * 8
	for _, place := range [...]int{1, 5, 9, 13, 17, 22, 26, 30} {
		if place < year%33 {
			n++
		}
	}
	return n
}

// lunarHijri gives the one or two years in which a lunar year lies. Its months
// begin with a sighting, so days are not converted.
func lunarHijri(year int) Birth {
	begin := 622.54 + float64(year-1)*0.970224
	return Birth{From: uint16(begin), To: uint16(begin + 0.97), Approx: true}
}
