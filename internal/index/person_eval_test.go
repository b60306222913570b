package index_test

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/format/unlist"
	"github.com/herald-net/herald/internal/index"
	"github.com/herald-net/herald/internal/match"
	"github.com/herald-net/herald/node/ct"
)

// Targets of the evaluation: recall of listed persons with typing errors at
// tier possible or better, and false positives among persons on no list.
const (
	wantRecall         = 0.97
	wantFalsePositives = 5
)

// sharedData opens a file of the data beside the repository, which is never
// part of it, or skips.
func sharedData(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("shared/data/%s is not beside the repository; TestEvaluateSynthetic proves the same on invented persons", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func sharedRows(t *testing.T, name string) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(sharedData(t, name)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, h := range rows[0] {
			m[h] = r[i]
		}
		out = append(out, m)
	}
	return out
}

func rowSubject(r map[string]string) *match.Subject { return match.Prepare(rowPerson(r)) }

func rowPerson(r map[string]string) ct.Person {
	p := ct.Person{Names: []ct.Name{{Full: r["full_name"]}}}
	if d := r["date_of_birth"]; d != "" {
		p.Births = []ct.Birth{{Date: d}}
	}
	if s, ok := unlist.Country(r["nationality"]); ok {
		p.Nationalities = []ct.State{s}
	}
	return p
}

// listIndex imports the UN list.
func listIndex(t *testing.T) (*index.Index, []ct.Person) {
	t.Helper()
	var persons []ct.Person
	var changes []index.Change
	res, err := unlist.Read(sharedData(t, "unlist/un_consolidated.xml"), func(e unlist.Entry) error {
		p := e.Person
		persons = append(persons, p)
		changes = append(changes, index.Change{Ref: p.ExternalRefs[0].Value, Person: &p})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Read != res.Accepted+res.Rejected || res.Read < 700 {
		t.Fatalf("list: %+v", res)
	}
	x := openIndex(t, filepath.Join(t.TempDir(), "index.db"))
	if err := x.Update(index.Cursors{Lists: 1}, changes); err != nil {
		t.Fatal(err)
	}
	return x, persons
}

// TestEvaluateList measures recall and false positives with the files beside
// the repository. It prints figures, never names.
func TestEvaluateList(t *testing.T) {
	x, persons := listIndex(t)
	untreated := sharedRows(t, "names/positives_un_untreated.csv")
	treated := sharedRows(t, "names/positives_un_treated.csv")
	negatives := sharedRows(t, "names/negatives_global.csv")

	// The truth of a row: the listed persons with the untreated row's name.
	truth := map[string][]string{}
	for _, p := range persons {
		key := strings.ToUpper(strings.Join(strings.Fields(p.Names[0].Full), " "))
		truth[key] = append(truth[key], p.ExternalRefs[0].Value)
	}
	var own, any, strong, rows, rowsWithTruth int
	var times []time.Duration
	find := func(q *match.Subject) []index.Hit {
		start := time.Now()
		hits, err := x.Find(q, 10)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(start))
		return hits
	}
	for i, r := range treated {
		hits := find(rowSubject(r))
		rows++
		if best(hits) >= match.Possible {
			any++
		}
		if best(hits) == match.Strong {
			strong++
		}
		refs, ok := truth[strings.ToUpper(strings.Join(strings.Fields(untreated[i]["full_name"]), " "))]
		if !ok || untreated[i]["place_of_birth"] != r["place_of_birth"] {
			continue // the two files are not in the same order throughout
		}
		rowsWithTruth++
		if slices.ContainsFunc(hits, func(h index.Hit) bool { return h.Tier >= match.Possible && slices.Contains(refs, h.Ref) }) {
			own++
		}
	}
	const stride = 25
	var wrong, asked int
	for i := 0; i < len(negatives); i += stride {
		asked++
		hits := find(rowSubject(negatives[i]))
		if best(hits) >= match.Possible {
			wrong++
		}
	}
	recall := ratio(any, rows)
	t.Logf("recall, any hit at possible or better: %d of %d = %.1f %% (target %.0f %%)", any, rows, 100*recall, 100*wantRecall)
	t.Logf("recall, the row's own person:          %d of %d = %.1f %% (target %.0f %%)", own, rowsWithTruth, 100*ratio(own, rowsWithTruth), 100*wantRecall)
	t.Logf("strong among them: %d", strong)
	t.Logf("false positives: %d of %d (target at most %d)", wrong, asked, wantFalsePositives)
	logTimes(t, times)
	if recall < wantRecall || ratio(own, rowsWithTruth) < wantRecall || wrong > wantFalsePositives {
		t.Errorf("targets missed")
	}
}

func best(hits []index.Hit) match.Tier {
	if len(hits) == 0 {
		return match.None
	}
	return hits[0].Tier
}

func ratio(a, b int) float64 { return float64(a) / float64(max(b, 1)) }

func logTimes(t testing.TB, times []time.Duration) {
	t.Helper()
	slices.Sort(times)
	t.Logf("find: p50 %v, p99 %v of %d", times[len(times)/2], times[len(times)*99/100], len(times))
}
