package match

import (
	"slices"
	"testing"

	"github.com/herald-net/herald/node/ct"
)

func TestParseBirth(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Birth
		ok   bool
	}{
		{"1965", Birth{From: 1965, To: 1965}, true},
		{"1965-07", Birth{From: 1965, To: 1965, Month: 7}, true},
		{"1965-07-04", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-7-4", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04T00:00:00", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04 23:59", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04 00:00:00.000", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04T00:00:00Z", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04T22:00:00+02:00", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04Z", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04+00:00", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-07-04-05:00", Birth{From: 1965, To: 1965, Month: 7, Day: 4}, true},
		{"1965-00-00", Birth{From: 1965, To: 1965}, true},
		{"1965-07-00", Birth{From: 1965, To: 1965, Month: 7}, true},
		{"1965-13-04", Birth{}, false},
		{"1965-07-32", Birth{}, false},
		{"1965-02-30", Birth{}, false},
		{"1970-31-12", Birth{}, false},
		{"1970-W53-4", Birth{}, false},
		{"1970-365", Birth{}, false},
		{"1970-12-31 (approx.)", Birth{}, false},
		{"1970-12-31x", Birth{}, false},
		{"1970-12-31T25:00", Birth{}, false},
		{"1970-12T00:00:00", Birth{}, false},
		{"1970-12-31T00:00:00/", Birth{}, false},
		{"1965-07-XX", Birth{From: 1965, To: 1965, Month: 7}, true},
		{"1965~", Birth{From: 1965, To: 1965, Approx: true}, true},
		{"196X", Birth{From: 1960, To: 1969}, true},
		{"1960/1965", Birth{From: 1960, To: 1965}, true},
		{"1960~/1965~", Birth{From: 1960, To: 1965, Approx: true}, true},
		{"1965/1960", Birth{}, false},
		{"1900/1990", Birth{}, false},
		{"1960/..", Birth{}, false},
		{"1960/1961/1962", Birth{}, false},
		{"19XX", Birth{}, false},
		{"65", Birth{}, false},
		{"0065", Birth{}, false},
		{"+1965", Birth{}, false},
		{"", Birth{}, false},
	} {
		got, ok := ParseBirth(c.in)
		if got != c.want || ok != c.ok {
			t.Errorf("ParseBirth(%q): from %d to %d, month %d, day %d, %v; want %d to %d, %d, %d, %v", c.in,
				got.From, got.To, got.Month, got.Day, ok, c.want.From, c.want.To, c.want.Month, c.want.Day, c.ok)
		}
	}
}

func TestParseBirths(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []Birth
	}{
		{"a day", "1965-07-04", []Birth{{From: 1965, To: 1965, Month: 7, Day: 4}}},
		{"approximate, before", "~1965", []Birth{{From: 1965, To: 1965, Approx: true}}},
		{"uncertain", "1965?", []Birth{{From: 1965, To: 1965, Approx: true}}},
		{"one of a set", "[1965,1967-02]", []Birth{{From: 1965, To: 1965}, {From: 1967, To: 1967, Month: 2}}},
		{"all of a set", "{1965, 1967}", []Birth{{From: 1965, To: 1965}, {From: 1967, To: 1967}}},
		{"a range in a set", "[1965..1967]", []Birth{{From: 1965, To: 1967}}},
		{"a Solar or a lunar Hijri year", "1364", []Birth{{From: 1985, To: 1986, Approx: true}, {From: 1944, To: 1945, Approx: true}}},
		{"an interval of Hijri years", "1364/1366", []Birth{{From: 1985, To: 1988, Approx: true}, {From: 1944, To: 1947, Approx: true}}},
		{"a Hijri year and another", "1364/1985", nil},
		{"an empty set", "[]", nil},
		{"no end", "[1965", nil},
		{"open", "1965/..", nil},
		{"no year", "unknown", nil},
	} {
		if got := ParseBirths(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%s: %d births, want %d, or others", c.name, len(got), len(c.want))
		}
	}
}

func TestCompareBirth(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want Verdict
	}{
		{"1965-07-04", "1965-07-04", Agree},
		{"1965-07-04", "1965-04-07", DayMonthSwapped},
		{"1965-07-04", "1965-07-05", DateClose},
		{"1965-07-04", "1966-07-04", YearOffByOne},
		{"1965-07-04", "1956-07-04", YearSwapped},
		{"1965-07-04", "1985-07-04", YearDigit},
		{"1965-07-04", "1965-09-20", YearClose},
		{"1965-01-01", "1965-09-20", YearAgree},
		{"1965-07-04", "1966-09-20", Conflict},
		{"1965-07-04", "1983-09-20", Conflict},
		{"1965", "1965-07-04", YearAgree},
		{"1965-07", "1965-07-04", MonthAgree},
		{"1965-08", "1965-07-04", YearClose},
		{"1965", "1966-07-04", YearClose},
		{"1965~", "1967", YearClose},
		{"1965", "1969", YearNear},
		{"1965", "1971", Conflict},
		{"1960/1964", "1962-07-04", YearClose},
		{"196X", "1975", Conflict},
		{"1965-07-04~", "1965-07-04", Agree},
		{"1965-07-04~", "1966-09-20", YearClose},
		{"1965-07-04~", "1972-09-20", Conflict},
	} {
		a, _ := ParseBirth(c.a)
		b, _ := ParseBirth(c.b)
		if got, back := compareBirth(a, b), compareBirth(b, a); got.verdict != c.want || back != got {
			t.Errorf("%s and %s: %s, the other way round %s, want %s", c.a, c.b, got.verdict, back.verdict, c.want)
		}
	}
}

func TestDocumentNumbers(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"UT1234567", []string{"UT1234567"}},
		{" ut-123 4567 ", []string{"UT1234567"}},
		{"OO12I4L", []string{"0012141"}},
		{"1-78-09-44621-80", []string{"178094462180"}},
		{"Utopian passport no. UT1234567, expired 2015", []string{"UT1234567"}},
		{"UT١٢٣٤٥٦٧", []string{"UT1234567"}},
		{"АВ۱۲۳۴۵۶۷", []string{"AB1234567"}},
		{"ＵＴ１２３４５６７", []string{"UT1234567"}},
		{"UT1234567<5", []string{"UT12345675"}},
		{"UT12345675", []string{"UT12345675", "UT1234567"}},
		{"D23145890<7349", []string{"D231458907349"}},
		{"CFJ2XTKG8", []string{"CFJ2XTKG8"}},
		{"C4KX7RTWF", []string{"C4KX7RTWF"}},
		{"NXFRK6BP4", []string{"NXFRK6BP4"}},
		{"QX 7719 034", []string{"QX7719034"}},
		{"12 AB 34 567", []string{"12AB34567"}},
		{"TR-P 714 266", []string{"TRP714266"}},
		{"4417 1234 5678 9113", []string{"4417123456789113"}},
		{"Passport No. QX 7719 034", []string{"QX7719034"}},
		{"n° 12AB34567 (expired)", []string{"12AB34567"}},
		{"CFJ2XTKG8 issued 12 May 2015 in Utopia", []string{"CFJ2XTKG8"}},
		{"QX7719034, TRP714266", []string{"QX7719034", "TRP714266"}},
		{"000000000", nil},
		{"ABCDEFGHJ", nil},
		{"1234", nil},
		{"expired 2015", nil},
		{"unknown", nil},
		{"", nil},
	} {
		if got := documentNumbers(c.in); !slices.Equal(got, c.want) {
			t.Errorf("documentNumbers(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestCompareDocuments(t *testing.T) {
	for _, c := range []struct {
		name           string
		a, b           string
		issuerA, other ct.State
		want           Verdict
	}{
		{"the same", "UT1234567", "ut 123-4567", "UTO", "UTO", Agree},
		{"an issuer is not known", "UT1234567", "UT1234567", "UTO", "", Agree},
		{"O for 0 and I for 1", "OI234567", "01234567", "UTO", "UTO", Agree},
		{"another issuer", "UT1234567", "UT1234567", "UTO", "NLD", Close},
		{"a typing error", "UT1234567", "UT1234568", "UTO", "UTO", Close},
		{"S for 5, B for 8 and Z for 2", "UT5582347", "UTSBBZ347", "UTO", "UTO", Conflict},
		{"S for 5 and Z for 2", "UT5582347", "UTSS8Z347", "UTO", "UTO", Close},
		{"confused, of another issuer", "UT5582347", "UTSS8Z347", "UTO", "NLD", Conflict},
		{"too short for a slip", "12345", "12346", "UTO", "UTO", Conflict},
		{"another number", "UT1234567", "UT7654321", "UTO", "UTO", Conflict},
	} {
		a := []Document{{documentNumber(c.a), c.issuerA}}
		b := []Document{{documentNumber(c.b), c.other}}
		if got, back := compareDocuments(a, b), compareDocuments(b, a); got != c.want || back != got {
			t.Errorf("%s: %s, the other way round %s, want %s", c.name, got, back, c.want)
		}
	}
	if compareDocuments(nil, []Document{{"UT1234567", ""}}) != Absent {
		t.Error("no document on one side is not absent")
	}
}

// FuzzDocuments: whatever stands in a document field, its numbers are bounded,
// are letters and digits, and read the same again.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{"UT1234567", "passport no. UT1234567, expired 2015", "UT12345675", "АВ۱۲۳۴۵۶۷", "\xff\xfe12345", "<<<<<<<<<<"} {
		f.Add(s, "UTO")
	}
	f.Fuzz(func(t *testing.T, text, issuer string) {
		s := Prepare(ct.Person{Documents: []ct.Document{{Number: text, Issuer: ct.State(issuer)}}})
		if len(s.Documents) > 4 {
			t.Errorf("%d numbers", len(s.Documents))
		}
		for _, d := range s.Documents {
			if n := len(d.Number); n < minDocument || n > maxDocument || len(d.Issuer) != 0 && len(d.Issuer) != 3 {
				t.Errorf("a number of %d, an issuer of %d", n, len(d.Issuer))
			}
			for i := range len(d.Number) {
				if c := d.Number[i]; !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') || c == 'O' || c == 'I' || c == 'L' {
					t.Error("a number holds what is folded")
				}
			}
			if again := documentNumber(d.Number); again != d.Number {
				t.Error("a number is read otherwise a second time")
			}
		}
		if len(s.Documents) > 0 && compareDocuments(s.Documents, s.Documents) != Agree {
			t.Error("a document does not agree with itself")
		}
	})
}

func TestOneTypingError(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"A1234567", "A1234567", true}, {"A1234567", "A1234568", true}, {"A1234567", "A123467", true},
		{"A1234567", "A1234657", true}, {"A1234567", "A1234675", false}, {"A1234567", "B1234568", false},
		{"A1234567", "A12345", false}, {"", "A", true},
	} {
		if got := oneTypingError(c.a, c.b); got != c.want || oneTypingError(c.b, c.a) != got {
			t.Errorf("%s and %s: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestKeysAndProbes(t *testing.T) {
	s := Prepare(ct.Person{
		Names:     []ct.Name{{Full: "Abdulrahman al-Belkazi"}, {Full: "Dr. Han Mi-so"}, {Full: "Pio de los Quernes"}},
		Documents: []ct.Document{{Number: "UT1234567"}},
	})
	keys := Keys(s)
	for _, want := range []string{"dUT1234567", "nrahman", "nbelkazi", "nhan", "nmi", "nso", "nmiso", "ndelosquernes"} {
		if !slices.Contains(keys, want) {
			t.Errorf("keys lack %q", want)
		}
	}
	for _, not := range []string{"nal", "nabd", "ndr"} {
		if slices.Contains(keys, not) {
			t.Errorf("keys hold %q, which half of a list bears", not)
		}
	}
	q := Prepare(ct.Person{Names: []ct.Name{{Full: "Alharithi Han Miso"}}})
	var probes []string
	for _, p := range Probes(q) {
		probes = append(probes, p.Key)
		if p.Weight <= 0 || p.Weight > 1 {
			t.Errorf("a probe weighs %f", p.Weight)
		}
	}
	for _, want := range []string{"nalharithi", "nharithi", "nhan", "nmiso", "nhanmiso"} {
		if !slices.Contains(probes, want) {
			t.Errorf("probes lack %q", want)
		}
	}
	if only := Keys(Prepare(ct.Person{Names: []ct.Name{{Full: "Abu Bin"}}})); len(only) == 0 {
		t.Error("a name of particles alone has no key")
	}
}
