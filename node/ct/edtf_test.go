package ct_test

import (
	"errors"
	"testing"
	"time"

	"github.com/herald-net/herald/node/ct"
)

func TestParseEDTF(t *testing.T) {
	tests := []struct {
		in               string
		earliest, latest string
		precision        ct.Precision
		approx           bool
	}{
		{"1965", "1965-01-01", "1965-12-31", ct.PrecisionYear, false},
		{"1965~", "1965-01-01", "1965-12-31", ct.PrecisionYear, true},
		{"1965?", "1965-01-01", "1965-12-31", ct.PrecisionYear, true},
		{"1965%", "1965-01-01", "1965-12-31", ct.PrecisionYear, true},
		{"1965-07", "1965-07-01", "1965-07-31", ct.PrecisionMonth, false},
		{"1965-07~", "1965-07-01", "1965-07-31", ct.PrecisionMonth, true},
		{"1965-12", "1965-12-01", "1965-12-31", ct.PrecisionMonth, false},
		{"1965-07-04", "1965-07-04", "1965-07-04", ct.PrecisionDay, false},
		{"1969-7-16", "1969-07-16", "1969-07-16", ct.PrecisionDay, false},
		{"1969-7-6~", "1969-07-06", "1969-07-06", ct.PrecisionDay, true},
		{"2000-02-29", "2000-02-29", "2000-02-29", ct.PrecisionDay, false},
		{"196X", "1960-01-01", "1969-12-31", ct.PrecisionDecade, false},
		{"19XX", "1900-01-01", "1999-12-31", ct.PrecisionCentury, false},
		{"1965-XX", "1965-01-01", "1965-12-31", ct.PrecisionYear, false},
		{"1965-XX-XX", "1965-01-01", "1965-12-31", ct.PrecisionYear, false},
		{"1965-02-XX", "1965-02-01", "1965-02-28", ct.PrecisionMonth, false},
		{"1960/1965", "1960-01-01", "1965-12-31", ct.PrecisionInterval, false},
		{"1960-03~/1961-05-02", "1960-03-01", "1961-05-02", ct.PrecisionInterval, true},
		{"1965/1965-03", "1965-01-01", "1965-03-31", ct.PrecisionInterval, false},
		{"9999-12-31", "9999-12-31", "9999-12-31", ct.PrecisionDay, false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			d, err := ct.ParseEDTF(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Earliest.Format(time.DateOnly); got != tt.earliest {
				t.Errorf("earliest %s, want %s", got, tt.earliest)
			}
			if got := d.Latest.Format(time.DateOnly); got != tt.latest {
				t.Errorf("latest %s, want %s", got, tt.latest)
			}
			if d.Precision != tt.precision || d.Approx != tt.approx {
				t.Errorf("got %s approx %v, want %s approx %v", d.Precision, d.Approx, tt.precision, tt.approx)
			}
		})
	}
}

func TestParseEDTFRefuses(t *testing.T) {
	tests := map[string]error{
		"":                                   ct.ErrDateForm,
		"~":                                  ct.ErrDateForm,
		"65":                                 ct.ErrDateForm,
		"0965":                               ct.ErrDateForm,
		"19655":                              ct.ErrDateForm,
		"-1965":                              ct.ErrDateForm,
		"+1965":                              ct.ErrDateForm,
		"1965-":                              ct.ErrDateForm,
		"1965-7-":                            ct.ErrDateForm,
		"1965-007":                           ct.ErrDateForm,
		"1965-07-004":                        ct.ErrDateForm,
		"1965-07-04-01":                      ct.ErrDateForm,
		"1965-XX-04":                         ct.ErrDateForm,
		"196X-07":                            ct.ErrDateForm,
		"1XXX":                               ct.ErrDateForm,
		"XXXX":                               ct.ErrDateForm,
		"1965~~":                             ct.ErrDateForm,
		"1965/":                              ct.ErrDateForm,
		"/1965":                              ct.ErrDateForm,
		"1965/..":                            ct.ErrDateForm,
		"1965/1966/1967":                     ct.ErrDateForm,
		"1965-07-04T00:00:00Z":               ct.ErrDateForm,
		"04.07.1965":                         ct.ErrDateForm,
		"١٩٦٥":                               ct.ErrDateForm,
		"1965-07-04                        ": ct.ErrDateForm,
		"2023-02-30":                         ct.ErrDateImpossible,
		"1900-02-29":                         ct.ErrDateImpossible,
		"2023-13":                            ct.ErrDateImpossible,
		"2023-21":                            ct.ErrDateImpossible, // a season
		"2023-00":                            ct.ErrDateImpossible,
		"2023-04-31":                         ct.ErrDateImpossible,
		"2023-04-0":                          ct.ErrDateImpossible,
		"1966/1965":                          ct.ErrDateOrder,
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			if _, err := ct.ParseEDTF(in); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

// FuzzParseEDTF: a date that parses is a span within its years, not reversed.
func FuzzParseEDTF(f *testing.F) {
	for _, s := range []string{"1965", "1965-07~", "196X", "1965-XX-XX", "1969-7-16", "1960/1965", "2023-02-30", "1965/.."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ct.ParseEDTF(s)
		if err != nil {
			return
		}
		if d.Latest.Before(d.Earliest) || d.Earliest.Year() < 1000 || d.Latest.Year() > 9999 || d.Precision == "" {
			t.Fatalf("%q gives a span that cannot be", s)
		}
	})
}
