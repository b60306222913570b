package fishing_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/fishing"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/internal/synth"
	"github.com/herald-net/herald/node/ct"
)

var start = ct.MillisOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))

func at(d time.Duration) ct.Millis { return start + ct.Millis(d.Milliseconds()) }

// honest runs the requests of a post and gives the first finding.
func honest(asks []synth.Ask) (fishing.Finding, time.Duration) {
	w := fishing.New([32]byte{1}, "UTO")
	for _, a := range asks {
		if f, _ := w.See(at(a.At), match.Prepare(a.Person), true, fishing.DefaultLimits()); f.Rule != "" {
			return f, a.At
		}
	}
	return fishing.Finding{}, 0
}

func TestHonestPosts(t *testing.T) {
	for _, kind := range synth.Posts() {
		t.Run(kind, func(t *testing.T) {
			for seed := range uint64(2) {
				if f, when := honest(synth.New(seed).Post(kind, 2)); f.Rule != "" {
					t.Errorf("seed %d: flagged after %v: %+v", seed, when, f)
				}
			}
		})
	}
}

// pace is how far requests are apart that use a budget of 500 a day and no more.
const pace = 24 * time.Hour / 500

// delay is after how many requests fishing is found; 0: never.
func delay(persons []ct.Person, every time.Duration, answered bool, l fishing.Limits) (int, fishing.Finding) {
	w := fishing.New([32]byte{1}, "UTO")
	for i, p := range persons {
		if f, _ := w.See(at(time.Duration(i)*every), match.Prepare(p), answered, l); f.Rule != "" {
			return i + 1, f
		}
	}
	return 0, fishing.Finding{}
}

func TestFishersAreFound(t *testing.T) {
	rules := map[string]string{ // where another rule would find it too, but later
		"sequential": fishing.RuleNumbers, "one person respelled": fishing.RuleAgain, "years of birth": fishing.RuleBirths, "alphabet": fishing.RuleNames,
		"random numbers": fishing.RuleMisses, "bare names": fishing.RuleMisses,
	}
	for _, kind := range synth.Fishers() {
		t.Run(kind, func(t *testing.T) {
			for seed := range uint64(3) {
				persons := synth.New(seed).Fisher(kind, 300)
				n, f := delay(persons, pace, true, fishing.DefaultLimits())
				if n == 0 || n >= 250 {
					t.Errorf("seed %d: found after %d requests, want fewer than 250", seed, n)
				}
				if want, ok := rules[kind]; ok && f.Rule != want {
					t.Errorf("seed %d: found by %q after %d requests, want %q", seed, f.Rule, n, want)
				}
				t.Logf("seed %d: found after %d requests: %+v", seed, n, f)
			}
		})
	}
}

// Numbers are found by their order alone: in the company of an invented person
// each, and beyond the budget, where nothing is answered.
func TestNumbersInCompany(t *testing.T) {
	for _, kind := range []string{
		"sequential", "descending", "check digit", "machine-readable", "two check digits", "prefixes", "interleaved",
		"stride 7", "stride 1000", "with gaps", "shuffled 1000", "runs of 12", "with invented persons", "between honest requests",
	} {
		for _, answered := range []bool{true, false} {
			g := synth.New(7)
			persons := g.Fisher(kind, 300)
			for i, cover := range g.Fisher("with invented persons", 300) {
				persons[i].Names, persons[i].Births = cover.Names, cover.Births
			}
			n, f := delay(persons, pace, answered, fishing.DefaultLimits())
			if n == 0 || n >= 250 || f.Rule != fishing.RuleNumbers {
				t.Errorf("%s, answered %v: found after %d requests (%+v), want fewer than 250", kind, answered, n, f)
			}
			if kind == "with gaps" && n != 64 { // one row, at no regular distances
				t.Errorf("%s, answered %v: found after %d requests, want 64", kind, answered, n)
			}
			t.Logf("%s, answered %v: found after %d requests", kind, answered, n)
		}
	}
}

// Dates that follow one another are tried, though they are few and of a bare
// name whose other requests say nothing yet; dates all over a century are not.
func TestNearDatesOfBirth(t *testing.T) {
	for _, x := range []struct {
		name  string
		step  int // days
		found int
	}{{"day by day", 1, 8}, {"month by month", 30, 8}, {"far apart", 997, 0}} {
		var persons []ct.Person
		for i := range 14 {
			day := time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i*x.step)
			persons = append(persons, ct.Person{Names: []ct.Name{{Full: "Oskvar Tellumini"}}, Births: []ct.Birth{{Date: day.Format(time.DateOnly)}}})
		}
		l := fishing.DefaultLimits()
		l.Again = 1000 // one name and year is one person
		if n, f := delay(persons, pace, true, l); n != x.found || n > 0 && f.Rule != fishing.RuleBirths {
			t.Errorf("%s: found after %d (%+v), want %d", x.name, n, f, x.found)
		}
	}
}

// An alphabet is found long before its misses are too many, forwards, backwards
// and two at a time; the same names in another order are not.
func TestAlphabetIsFoundByOrder(t *testing.T) {
	up := synth.New(9).Fisher("alphabet", 140)
	down := slices.Clone(up)
	slices.Reverse(down)
	two, mixed := slices.Clone(up), slices.Clone(up)
	for i := range 70 {
		two[2*i], two[2*i+1] = up[i], up[70+i]
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, x := range []struct {
		name    string
		persons []ct.Person
		found   int
	}{{"forwards", up, 64}, {"backwards", down, 64}, {"two at a time", two, 64}, {"mixed", mixed, 0}} {
		if n, f := delay(x.persons, pace, true, fishing.DefaultLimits()); n != x.found {
			t.Errorf("%s: found after %d (%+v), want %d", x.name, n, f, x.found)
		}
	}
}

// Whoever was found lately is found again much sooner.
func TestPartIsSooner(t *testing.T) {
	persons := synth.New(1).Fisher("with invented persons", 100)
	if n, _ := delay(persons, pace, true, fishing.DefaultLimits().Part(4)); n != 16 {
		t.Errorf("found after %d requests, want 16", n)
	}
}

// Founders who allow more allow more of what grows with it, and no more rows.
func TestForALargerBudget(t *testing.T) {
	many := fishing.DefaultLimits().For(500 * 1000)
	for kind, found := range map[string]bool{"sequential": true, "stride 1000": true, "random numbers": false, "bare names": false, "one person respelled": false} {
		if n, f := delay(synth.New(2).Fisher(kind, 400), time.Second, true, many); found != (n > 0) {
			t.Errorf("%s: found after %d (%+v), want found %v", kind, n, f, found)
		}
	}
	if fishing.DefaultLimits().For(499) != fishing.DefaultLimits() {
		t.Error("a smaller budget changes the limits")
	}
}

// A request that was lost, or came too soon for the budget, and comes again is
// one request; after more than a minute with an answer it is another.
func TestRetriesAreOneRequest(t *testing.T) {
	p := match.Prepare(ct.Person{Names: []ct.Name{{Full: "Oskvar Tellumini"}}, Births: []ct.Birth{{Date: "1987-04-23"}}})
	for _, x := range []struct {
		name     string
		every    time.Duration
		answered bool
		asked    int
		found    bool
	}{
		{"at once", time.Second, true, 1, false},
		{"over the budget", 10 * time.Minute, false, 1, false},
		{"again and again", 10 * time.Minute, true, 7, true},
	} {
		w := fishing.New([32]byte{1}, "UTO")
		var last fishing.Finding
		when := start
		for i := range 7 {
			when = at(time.Duration(i) * x.every)
			last, _ = w.See(when, p, x.answered, fishing.DefaultLimits())
		}
		if got := w.Asked(when); got != x.asked || (last.Rule == fishing.RuleAgain) != x.found {
			t.Errorf("%s: %d requests, finding %+v; want %d, found %v", x.name, got, last, x.asked, x.found)
		}
	}
}

// Hits are what honest bare requests have.
func TestHitsExcuse(t *testing.T) {
	w := fishing.New([32]byte{1}, "UTO")
	for i, p := range synth.New(3).Fisher("bare names", 300) {
		f, id := w.See(at(time.Duration(i)*pace), match.Prepare(p), true, fishing.DefaultLimits())
		if f.Rule != "" {
			t.Fatalf("request %d: %+v", i+1, f)
		}
		if i%25 == 0 {
			w.Hit(id)
		}
	}
}

// A day later nothing is left, and there is never more than the bound.
func TestSketchesAreBounded(t *testing.T) {
	w := fishing.New([32]byte{1}, "UTO")
	many := fishing.DefaultLimits().For(1 << 30)
	for i, p := range synth.New(4).Fisher("random numbers", 1200) {
		if f, _ := w.See(at(time.Duration(i)*time.Second), match.Prepare(p), true, many); f.Rule != "" {
			t.Fatalf("%+v", f)
		}
	}
	if got := w.Asked(at(time.Hour)); got != 1024 {
		t.Errorf("%d sketches, want 1024", got)
	}
	if got := w.Asked(at(26 * time.Hour)); got != 0 {
		t.Errorf("%d sketches after a day, want none", got)
	}
}

// A sketch shows nothing of the person, and nothing that another key, or
// another asker's sketch, shares.
func TestSketchIsKeyed(t *testing.T) {
	p := ct.Person{
		Names: []ct.Name{{Full: "Oskvar Tellumini Brandeth"}}, Births: []ct.Birth{{Date: "1987-04-23"}},
		Documents: []ct.Document{{Number: "K44719025"}, {Number: "98765432"}},
	}
	dump := func(key byte, asker string) (string, []string) {
		w := fishing.New([32]byte{key}, asker)
		w.See(start, match.Prepare(p), true, fishing.DefaultLimits())
		text := fmt.Sprintf("%+v", w.Sketches())
		return text, regexp.MustCompile(`[0-9]{7,}`).FindAllString(text, -1)
	}
	text, first := dump(1, "UTO")
	for _, plain := range []string{"Oskvar", "oskvar", "skfr", "44719025", "98765432", "1987", "K447"} {
		if strings.Contains(text, plain) {
			t.Errorf("the sketch holds %q", plain)
		}
	}
	if len(first) < 10 {
		t.Fatalf("only %d values in %s: the test reads nothing", len(first), text)
	}
	for _, other := range []struct {
		key   byte
		asker string
	}{{2, "UTO"}, {1, "FIN"}} {
		_, values := dump(other.key, other.asker)
		for _, v := range values {
			if slices.Contains(first, v) && v != fmt.Sprint(int64(start)) {
				t.Errorf("key %d, asker %s: %s is in both sketches", other.key, other.asker, v)
			}
		}
	}
}

// What was sketched by a clock that was ahead, and has been set right, is kept
// for a day and no longer.
func TestClockSetBack(t *testing.T) {
	w := fishing.New([32]byte{1}, "UTO")
	p := match.Prepare(synth.New(1).Person())
	w.See(at(1000*time.Hour), p, true, fishing.DefaultLimits())
	if n := w.Asked(at(0)); n != 1 {
		t.Errorf("set back, %d requests of the day, want 1", n)
	}
	if n := w.Asked(at(fishing.Window)); n != 0 {
		t.Errorf("a day later, %d requests of the day, want none", n)
	}
}
