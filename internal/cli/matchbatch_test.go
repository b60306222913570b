package cli_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/desk"
	"github.com/herald-net/herald/node/ct"
)

// A batch is asked side by side and answered in its order; one that the node refuses
// says so in its place and costs the exit code; a node that goes away ends it.
func TestMatchBatch(t *testing.T) {
	var at, most atomic.Int32
	full := make(chan struct{}) // closed when as many as are asked at once are under way
	dir := backend(t, api.Backend{
		Status: func() api.Status { return api.Status{Exercise: true} },
		Match: func(ctx context.Context, q desk.MatchQuery, each func(desk.MatchAnswer) error) (desk.MatchSummary, error) {
			name := q.Person.Names[0].Full
			if name == "Refused Person" {
				return desk.MatchSummary{}, ct.Faults{{Field: "person", Fault: ct.FaultTooMany}}
			}
			n := at.Add(1)
			defer at.Add(-1)
			most.Store(max(most.Load(), n))
			if n == 8 && strings.HasPrefix(name, "Crowd") {
				close(full)
			}
			if strings.HasPrefix(name, "Crowd") {
				select {
				case <-full:
				case <-ctx.Done():
					return desk.MatchSummary{}, ctx.Err()
				}
			}
			sum := desk.MatchSummary{Asked: 2, Answered: 1, Possible: 1, Silent: []desk.Silence{{State: "FJI", Node: ct.LogID{3}, Why: "away", Since: time.UnixMilli(1e12)}}}
			return sum, each(desk.MatchAnswer{State: "UTO", Node: ct.LogID{1}, Answer: desk.AnswerPossible, Reason: name})
		},
	})
	ask := func(names []string, more ...string) result {
		var in strings.Builder
		for _, n := range names {
			fmt.Fprintf(&in, "{\"name\":%q}\n", n)
		}
		return herald(t, in.String(), append(append([]string{"match", "-f", "-", "--data", dir}, reasons...), more...)...)
	}
	var crowd []string
	for i := range 24 {
		crowd = append(crowd, fmt.Sprintf("Crowd Person %c", 'A'+i))
	}
	r := ask(crowd, "--json")
	l := r.lines(t)
	if r.code != 0 || len(l) != 2*len(crowd) || most.Load() != 8 {
		t.Fatalf("exit code %d, %d lines, %d at once: %s", r.code, len(l), most.Load(), r.err)
	}
	for i, name := range crowd {
		if l[2*i]["reason"] != name || l[2*i+1]["query"] != float64(i+1) {
			t.Errorf("query %d: %v, %v", i+1, l[2*i], l[2*i+1])
		}
	}
	if got := fmt.Sprint(l[1]["silent"]); !strings.Contains(got, "since:2001-09-09T01:46:40") || !strings.Contains(got, "why:away") {
		t.Errorf("who is away: %s", got)
	}

	some := []string{"First Person", "Refused Person", "Last Person"}
	r = ask(some, "--json")
	if l := r.lines(t); r.code != 8 || len(l) != 5 || l[2]["query"] != 2.0 || !strings.Contains(fmt.Sprint(l[2]["error"]), ct.FaultTooMany) || l[4]["query"] != 3.0 {
		t.Errorf("exit code %d: %v", r.code, l)
	}
	r.check(t, 8, "", "1 of 3 queries were not asked")
	ask(some).check(t, 8, "query 2 (line 2)\nnot asked: ", "1 of 3")
	ask(some).check(t, 8, "away, last heard 2001-09-09T01:46:40", "")
	ask([]string{"Refused Person", "Refused Person"}).check(t, 2, "not asked: ", "person")
}
