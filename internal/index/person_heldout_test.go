package index_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// TestEvaluateHeldOut measures what typing errors cannot: the list is indexed
// under primary names only, and asked for its real aliases and original
// scripts. Many aliases share nothing with the primary name, so this has a
// ceiling well below one. Namesakes are the listed names with another birth.
func TestEvaluateHeldOut(t *testing.T) {
	_, persons := listIndex(t)
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	var changes []index.Change
	for _, p := range persons {
		primary := ct.Person{Names: p.Names[:1], Births: p.Births, Nationalities: p.Nationalities}
		changes = append(changes, index.Change{Ref: p.ExternalRefs[0].Value, Person: &primary})
	}
	if err := x.Update(index.Cursors{}, changes); err != nil {
		t.Fatal(err)
	}
	var times []time.Duration
	classes := []struct {
		name   string
		pick   func(n ct.Name) bool
		births bool
		floor  float64 // of recall at 5
	}{
		{"good alias with birth", func(n ct.Name) bool { return n.Quality == "good" }, true, 0.62},
		{"good alias, name only", func(n ct.Name) bool { return n.Quality == "good" }, false, 0.60},
		{"low alias with birth", func(n ct.Name) bool { return n.Quality == "low" }, true, 0.14},
		{"original script with birth", func(n ct.Name) bool { return n.Script == "Arab" || n.Script == "Cyrl" }, true, 0.92},
		{"original script, name only", func(n ct.Name) bool { return n.Script == "Arab" || n.Script == "Cyrl" }, false, 0.90},
	}
	for _, c := range classes {
		var asked, first, five, possible, other int
		for _, p := range persons {
			for _, n := range p.Names[1:] {
				if !c.pick(n) {
					continue
				}
				n.Quality = ""
				query := ct.Person{Names: []ct.Name{n}}
				if c.births {
					query.Births = p.Births
				}
				start := time.Now()
				hits, err := x.Find(match.Prepare(query), 5)
				times = append(times, time.Since(start))
				if err != nil {
					t.Fatal(err)
				}
				asked++
				ref := p.ExternalRefs[0].Value
				if i := slices.IndexFunc(hits, func(h index.Hit) bool { return h.Ref == ref }); i >= 0 {
					five++
					if i == 0 {
						first++
					}
					if hits[i].Tier >= match.Possible {
						possible++
					}
				}
				if slices.ContainsFunc(hits, func(h index.Hit) bool { return h.Ref != ref && h.Tier >= match.Possible }) {
					other++
				}
			}
		}
		t.Logf("%-28s %5d asked: at 1 %.1f %%, at 5 %.1f %%, possible or better %.1f %%; somebody else possible %.1f %%", c.name, asked,
			100*ratio(first, asked), 100*ratio(five, asked), 100*ratio(possible, asked), 100*ratio(other, asked))
		if ratio(five, asked) < c.floor {
			t.Errorf("%s: recall at 5 is %.3f, want at least %.2f", c.name, ratio(five, asked), c.floor)
		}
	}

	var asked, possible int
	for _, p := range persons {
		if len(p.Births) == 0 || len(p.Births[0].Date) != 10 {
			continue
		}
		asked++
		hits, err := x.Find(match.Prepare(ct.Person{Names: p.Names[:1], Births: []ct.Birth{{Date: "1931-11-23"}}}), 5)
		if err != nil {
			t.Fatal(err)
		}
		if best(hits) >= match.Possible {
			possible++
		}
	}
	t.Logf("namesakes with another birth: %d of %d possible or better (%.1f %%, target at most 1 %%)", possible, asked, 100*ratio(possible, asked))
	if ratio(possible, asked) > 0.03 {
		t.Errorf("too many namesakes")
	}
	logTimes(t, times)
}
