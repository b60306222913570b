package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/herald-net/herald/internal/match"
	"github.com/spf13/cobra"
)

// screenHit is one hit as a program reads it.
type screenHit struct {
	ID     string         `json:"id"`
	Score  float64        `json:"score"`
	Tier   match.Tier     `json:"tier"`
	Why    []string       `json:"why"`
	Fields []fieldVerdict `json:"fields,omitempty"` // with --explain
}

// fieldVerdict is what one field says, in words.
type fieldVerdict struct {
	Field  string   `json:"field"`
	Result string   `json:"result"` // agrees, close, conflicts, absent
	Why    []string `json:"why,omitempty"`
}

func newScreenHit(id string, r match.Result, explain bool) screenHit {
	h := screenHit{ID: id, Score: r.Score, Tier: r.Tier, Why: []string{}}
	for _, w := range r.Why {
		h.Why = append(h.Why, w.Field+":"+string(w.Verdict))
	}
	if explain {
		h.Fields = explainFields(r.Why)
	}
	return h
}

// results are the verdicts that say how a whole field compares; all others say
// in what it differs.
var results = map[match.Verdict]string{
	match.Agree: "agrees", match.Close: "close", match.Conflict: "conflicts", match.Absent: "absent",
}

var differences = map[match.Verdict]string{
	match.Spelling: "spelled differently", match.Order: "parts in another order", match.MissingPart: "one side lacks a part",
	match.OtherPart: "a part contradicts", match.ByInitial: "a part is only an initial", match.Joined: "parts written together or apart",
	match.LowQuality: "an alias of low quality", match.MonthAgree: "year and month agree", match.YearAgree: "the year agrees",
	match.DateClose: "one of day, month and year differs", match.DayMonthSwapped: "day and month swapped",
	match.YearOffByOne: "the year is off by one", match.YearDigit: "one digit of the year differs",
	match.YearClose: "the years are close", match.YearNear: "the years are near",
}

// explainFields puts the reasons of a hit together by field. A field of which
// nothing is said is absent on at least one side.
func explainFields(why []match.Reason) []fieldVerdict {
	out := []fieldVerdict{{Field: "name", Result: "absent"}, {Field: "birth", Result: "absent"}, {Field: "document", Result: "absent"}, {Field: "nationality", Result: "absent"}}
	for _, w := range why {
		for i := range out {
			if out[i].Field != w.Field {
				continue
			}
			if r, whole := results[w.Verdict]; whole {
				out[i].Result = r
				continue
			}
			text, known := differences[w.Verdict]
			if !known {
				text = string(w.Verdict)
			}
			if out[i].Why = append(out[i].Why, text); out[i].Result == "absent" {
				out[i].Result = "close"
			}
		}
	}
	return out
}

// screenPrinter prints one query with its hits.
func screenPrinter(cmd *cobra.Command, w io.Writer, explain bool) func(*query, []screenHit) error {
	if wantJSON(cmd) {
		return func(q *query, hits []screenHit) error {
			return writeJSON(w, struct {
				Query string      `json:"query"`
				Hits  []screenHit `json:"hits"`
				Error string      `json:"error,omitempty"` // not answered: no "no"
				Notes []string    `json:"notes,omitempty"` // answered without a value
			}{q.id, hits, q.faultText(), q.notes})
		}
	}
	return func(q *query, hits []screenHit) error {
		var err error
		switch {
		case q.fault != "":
			_, err = fmt.Fprintf(w, "%-16s not answered: %s\n", safe(q.id), q.faultText())
		case len(hits) == 0:
			_, err = fmt.Fprintf(w, "%-16s -\n", safe(q.id))
		}
		for _, h := range hits {
			if err == nil {
				_, err = fmt.Fprintf(w, "%-16s %.3f %-8s %-24s %s\n", safe(q.id), h.Score, h.Tier, safe(h.ID), strings.Join(h.Why, " "))
			}
			for _, f := range h.Fields {
				line := fmt.Sprintf("%-16s   %-11s %-9s %s", "", f.Field, f.Result, strings.Join(f.Why, ", "))
				if err == nil {
					_, err = fmt.Fprintln(w, strings.TrimRight(line, " "))
				}
			}
		}
		return err
	}
}
