package cli

import (
	"encoding/json"
	"fmt"

	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// printListed shows a person of a list.
func printListed(cmd *cobra.Command, l *apiv1.ListEntry) error {
	person, err := ordered[ct.Person](l.Person)
	if err != nil {
		return err
	}
	about := l.GetAbout()
	if wantJSON(cmd) {
		return printJSON(cmd, struct {
			List     string          `json:"list"`
			ID       string          `json:"id"`
			Imported string          `json:"imported"`
			TLP      string          `json:"tlp,omitempty"`
			Basis    string          `json:"basis,omitempty"`
			Source   string          `json:"source,omitempty"`
			Date     string          `json:"date,omitempty"`
			Review   string          `json:"review,omitempty"`
			Person   json.RawMessage `json:"person"`
		}{l.List, l.Id, l.Imported, about.GetTlp(), about.GetBasis(), about.GetSource(), about.GetDate(), about.GetReview(), person})
	}
	w := cmd.OutOrStdout()
	t := newTable(w, "FIELD", "VALUE")
	for _, row := range [][2]string{{"list", l.List}, {"entry", l.Id}, {"imported", l.Imported}, {"tlp", about.GetTlp()}, {"basis", about.GetBasis()},
		{"source", about.GetSource()}, {"date", about.GetDate()}, {"review", about.GetReview()}} {
		if row[1] != "" {
			t.row(row[0], row[1])
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	all, err := leaves(person)
	if err != nil {
		return err
	}
	for _, leaf := range all {
		fmt.Fprintf(w, "  %s: %s\n", safe(leaf.path), isolate(w, leaf.value))
	}
	return nil
}
