package index_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// Pairs of invented names, written as the customs of many places have it, that
// are or are not of one person: how many are leads, by name, with the year and
// with the date of birth. The file tells how many were when it was made.
func TestCulturePairs(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "culture_pairs.csv"))
	must(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	must(t, err)
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	birth := func(i int) string { return fmt.Sprintf("%d-%02d-%02d", 1940+i%60, 2+i%11, 2+i%27) }
	var listed []index.Change
	for i, r := range rows[1:] {
		listed = append(listed, index.Change{Ref: fmt.Sprint("list:a/", i), Person: named(r[2], birth(i))})
	}
	must(t, x.Update(index.Cursors{}, listed))

	type count struct{ all, before, now int }
	counts := map[string]*count{}
	for i, r := range rows[1:] {
		for k, b := range []string{"", birth(i)[:4], birth(i)} {
			p := ct.Person{Names: []ct.Name{{Full: r[1]}}}
			if b != "" {
				p.Births = []ct.Birth{{Date: b}}
			}
			hits, err := x.Find(match.Prepare(p), 100)
			must(t, err)
			tier := match.None
			for _, h := range hits {
				if h.Ref == listed[i].Ref {
					tier = h.Tier
				}
			}
			key := r[3] + [...]string{" by name", " with the year", " with the date"}[k]
			if counts[key] == nil {
				counts[key] = &count{}
			}
			c := counts[key]
			c.all++
			if r[4+k] == "possible" || r[4+k] == "strong" {
				c.before++
			}
			if tier >= match.Possible {
				c.now++
			}
		}
	}
	for _, same := range []string{"yes", "no"} {
		for _, how := range []string{" by name", " with the year", " with the date"} {
			c := counts[same+how]
			t.Logf("one person: %-3s %-14s  leads %3d of %3d, before %3d", same, how[1:], c.now, c.all, c.before)
			if same == "yes" && c.now < c.before || same == "no" && c.now > c.before {
				t.Errorf("%s%s: %d leads, before %d", same, how, c.now, c.before)
			}
		}
	}
}
