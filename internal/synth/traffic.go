package synth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-net/herald/node/ct"
)

// Ask is a match request of modelled traffic: when and about whom.
type Ask struct {
	At     time.Duration
	Person ct.Person
}

// Posts names what honest States ask, for Post.
func Posts() []string {
	return []string{"border", "families", "flight", "pilgrims", "commuters", "one culture", "small state", "casework"}
}

// Post makes the requests of an honest State for some days, within budgets of
// 60 an hour and 500 a day: about 60 travellers an hour for eight hours, with
// name, date of birth and passport unless the kind says otherwise.
//
//	border       travellers of many States, a third of them in families
//	families     holiday flights: nine in ten travel as families of 2 to 6 with passports of one day
//	flight       300 in the order of the manifest, which is the alphabet's
//	pilgrims     groups of 40 whose passports one office gave out in two days
//	commuters    300 persons, there and back, day by day
//	one culture  names of a hundred family and two hundred given names, some far more frequent
//	small state  all of one State with 35,000 passports
//	casework     30 a day: bare names, and persons asked again, up to five times
func (g *Gen) Post(kind string, days int) []Ask {
	var out []Ask
	w := g.world(kind)
	for day := range days {
		start := time.Duration(day)*24*time.Hour + 8*time.Hour
		n := 480
		switch kind {
		case "flight":
			n = 300
		case "casework":
			out = append(out, g.casework(start)...)
			continue
		}
		var people []ct.Person
		for len(people) < n {
			switch {
			case kind == "commuters":
				people = append(people, w.regulars[len(people)%len(w.regulars)])
			case kind == "pilgrims" && g.chance(1):
				people = append(people, w.group(40, 3)...)
			case kind == "families" && g.chance(75) || kind != "families" && g.chance(14):
				people = append(people, w.group(g.between(2, 6), 4)...)
			default:
				people = append(people, w.group(1, 1)...)
			}
		}
		if kind == "flight" {
			slices.SortFunc(people, func(a, b ct.Person) int { return strings.Compare(a.Names[0].Full, b.Names[0].Full) })
		}
		for i, p := range people[:n] {
			out = append(out, Ask{start + time.Duration(i)*time.Minute + time.Duration(g.r.IntN(50))*time.Second, p})
		}
	}
	return out
}

// world is whom a post meets.
type world struct {
	g             *Gen
	issuers       []issuer
	family, given []string
	regulars      []ct.Person
}

// issuer gives out passports by number.
type issuer struct {
	prefix string
	digits int
	first  int
	valid  int // how many numbers are in use
}

func (g *Gen) world(kind string) *world {
	w := &world{g: g}
	for range 60 {
		d := g.between(6, 9)
		most := 1
		for range d {
			most *= 10
		}
		i := issuer{prefix: g.letters(upper, 9-d), digits: d, valid: most / g.between(2, 20)}
		i.first = g.r.IntN(most - i.valid)
		w.issuers = append(w.issuers, i)
	}
	families, givens := 3000, 2000
	switch kind {
	case "one culture":
		families, givens, w.issuers = 100, 200, w.issuers[:1]
	case "small state":
		families, givens = 600, 400
		w.issuers = []issuer{{prefix: "U", digits: 7, first: 4_000_000, valid: 35_000}}
	}
	for range families {
		w.family = append(w.family, g.word())
	}
	for range givens {
		w.given = append(w.given, g.word())
	}
	for kind == "commuters" && len(w.regulars) < 300 {
		w.regulars = append(w.regulars, w.group(1, 1)...)
	}
	return w
}

func (g *Gen) word() string {
	var b strings.Builder
	for range g.between(2, 3) {
		b.WriteString(g.letters("bcdfghjklmnprstvz", 1) + g.letters("aeiou", 1))
	}
	if g.chance(50) {
		b.WriteString(g.letters("lmnrst", 1))
	}
	return title(b.String())
}

// often picks the more frequently the earlier in the list: about as names are spread.
func often[T any](g *Gen, from []T) T {
	f := g.r.Float64()
	return from[int(f*f*float64(len(from)))]
}

// group makes n travellers of one family name whose passports were given out
// together, each at most gap numbers after the one before; six in ten such
// groups, the others one by one.
func (w *world) group(n, gap int) []ct.Person {
	g := w.g
	i := pick(g, w.issuers)
	family, number := often(g, w.family), g.r.IntN(i.valid)
	together := g.chance(60)
	var out []ct.Person
	for range n {
		born := time.Date(g.between(firstBirth, lastBirth), 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, g.r.IntN(365))
		name := family + " " + often(g, w.given)
		if g.chance(40) {
			name += " " + often(g, w.given)
		}
		out = append(out, ct.Person{
			Names:     []ct.Name{{Full: name}},
			Births:    []ct.Birth{{Date: born.Format(time.DateOnly)}},
			Documents: []ct.Document{{Type: "P", Number: fmt.Sprintf("%s%0*d", i.prefix, i.digits, i.first+number)}},
		})
		if together {
			number = (number + g.between(1, gap)) % i.valid
		} else {
			number = g.r.IntN(i.valid)
		}
		if n > 6 { // no family: a group
			family = often(g, w.family)
		}
	}
	return out
}

func (g *Gen) casework(start time.Duration) []Ask {
	var out []Ask
	for len(out) < 30 {
		p := ct.Person{Names: []ct.Name{{Full: g.word() + " " + g.word()}}}
		if g.chance(50) {
			p.Births = []ct.Birth{{Date: strconv.Itoa(g.between(firstBirth, lastBirth))}}
		}
		for range min(1+g.r.IntN(5), 1+g.r.IntN(5)) {
			out = append(out, Ask{start + time.Duration(g.r.IntN(10*60))*time.Minute, p})
		}
	}
	slices.SortFunc(out, func(a, b Ask) int { return int(a.At - b.At) })
	return out
}

// Fishers names what a State may do that does not ask about persons whom it
// has met, for Fisher.
func Fishers() []string {
	return []string{
		"sequential", "descending", "check digit", "machine-readable", "two check digits", "prefixes", "base 36", "interleaved",
		"stride 7", "stride 1000", "with gaps", "shuffled 1000", "runs of 12", "with invented persons", "between honest requests",
		"one person respelled", "dates of birth", "years of birth", "alphabet", "random numbers", "bare names",
	}
}

// Fisher makes n requests of a kind of fishing, in order, without times.
func (g *Gen) Fisher(kind string, n int) []ct.Person {
	first := 10_000_000 + g.r.IntN(50_000_000)
	number := func(text string) ct.Person { return ct.Person{Documents: []ct.Document{{Number: text}}} }
	eight := func(v int) string { return fmt.Sprintf("%08d", v) }
	shuffled := g.r.Perm(1000)
	victim := g.word() + " " + g.word() + " " + g.word()
	honest := g.world("border")
	var out []ct.Person
	for i := range n {
		var p ct.Person
		switch kind {
		case "sequential":
			p = number("K" + eight(first+i))
		case "descending":
			p = number("K" + eight(first-i))
		case "check digit":
			text := eight(first + i)
			p = number(text + digit(text))
		case "machine-readable":
			text := "K" + eight(first+i)
			p = number(text + digit(text))
		case "two check digits":
			p = number(fmt.Sprintf("%08d%02d", first+i, 98-(first+i)*100%97))
		case "prefixes":
			p = number(string(upper[i%26]) + string(upper[i*7%26]) + strconv.Itoa(first/10+i))
		case "base 36":
			p = number("X" + strings.ToUpper(strconv.FormatInt(int64(first)*36*36+int64(i), 36)))
		case "interleaved":
			p = number("K" + eight(first+i%3*1_000_003+i/3))
		case "stride 7":
			p = number("K" + eight(first+7*i))
		case "stride 1000":
			p = number("K" + eight((first+1000*i)%100_000_000))
		case "with gaps": // as the numbers that are in use lie
			if first++; g.chance(20) {
				first += g.between(8, 22)
			}
			p = number("K" + eight(first))
		case "shuffled 1000":
			p = number("K" + eight(first+i/1000*1000+shuffled[i%1000]))
		case "runs of 12":
			if i%12 == 0 {
				first = 10_000_000 + g.r.IntN(50_000_000)
			}
			p = number("K" + eight(first+i%12))
		case "with invented persons":
			p = honest.group(1, 1)[0]
			p.Documents[0].Number = "K" + eight(first+i)
		case "between honest requests":
			if p = honest.group(1, 1)[0]; i%2 == 0 {
				p = number("K" + eight(first+i/2))
			}
		case "one person respelled":
			parts := strings.Fields(victim)
			g.r.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
			v := g.r.IntN(len(parts))
			parts[v] = strings.NewReplacer("a", pick(g, []string{"a", "e", "aa"}), "i", pick(g, []string{"i", "y", "ee"}),
				"u", pick(g, []string{"u", "o", "ou"})).Replace(parts[v])
			p = ct.Person{Names: []ct.Name{{Full: strings.Join(parts, " ")}}, Births: []ct.Birth{{Date: "1984"}}}
		case "dates of birth":
			day := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i)
			p = ct.Person{Names: []ct.Name{{Full: victim}}, Births: []ct.Birth{{Date: day.Format(time.DateOnly)}}}
		case "years of birth":
			p = ct.Person{Names: []ct.Name{{Full: victim}}, Births: []ct.Birth{{Date: strconv.Itoa(1940 + i%60)}}}
		case "alphabet":
			p = ct.Person{Names: []ct.Name{{Full: g.word() + " " + g.word()}}}
		case "random numbers":
			p = number(g.letters(upper, 2) + g.letters(digits, 7))
		case "bare names":
			p = ct.Person{Names: []ct.Name{{Full: g.word() + " " + g.word()}}}
		}
		out = append(out, p)
	}
	if kind == "alphabet" {
		slices.SortFunc(out, func(a, b ct.Person) int { return strings.Compare(a.Names[0].Full, b.Names[0].Full) })
	}
	return out
}
