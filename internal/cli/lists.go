package cli

import (
	"fmt"
	"strconv"
	"time"

	"connectrpc.com/connect"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newListsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lists",
		Short: "Show this State's own lists: how many persons, how old, on what basis",
		Long: `Show the lists that match requests are answered from, with what was said of them
when they were imported. A list whose review date has passed is marked.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := c.Lists(cmd.Context(), connect.NewRequest(&apiv1.ListsRequest{}))
			if err != nil {
				return c.explain(err)
			}
			return printLists(cmd, res.Msg.Lists, time.Now())
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "rm NAME",
		Short: "Take a list away with all its persons; it is journalled",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := c.RemoveList(cmd.Context(), connect.NewRequest(&apiv1.RemoveListRequest{Name: args[0]}))
			if err != nil {
				return c.explain(err)
			}
			if wantJSON(cmd) {
				return printJSON(cmd, struct {
					List    string `json:"list"`
					Removed uint64 `json:"removed"`
				}{args[0], res.Msg.Persons})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "list %s is gone, with %d persons\n", args[0], res.Msg.Persons)
			return nil
		},
	})
	return cmd
}

// listLine is one list as a program reads it.
type listLine struct {
	List     string `json:"list"`
	Persons  uint64 `json:"persons"`
	Imported string `json:"imported"`
	TLP      string `json:"tlp"`
	Basis    string `json:"basis,omitempty"`
	Source   string `json:"source,omitempty"`
	Date     string `json:"date,omitempty"`
	Review   string `json:"review,omitempty"`
}

func printLists(cmd *cobra.Command, lists []*apiv1.ListInfo, now time.Time) error {
	if wantJSON(cmd) {
		for _, l := range lists {
			a := l.About
			if err := printJSON(cmd, listLine{l.Name, l.Persons, l.Imported, a.GetTlp(), a.GetBasis(), a.GetSource(), a.GetDate(), a.GetReview()}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(lists) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "no list is imported")
		return nil
	}
	t := newTable(cmd.OutOrStdout(), "LIST", "PERSONS", "AGE", "TLP", "BASIS", "SOURCE", "DATE", "REVIEW")
	for _, l := range lists {
		a := l.About
		review := a.GetReview()
		if review != "" && review < now.Format(time.DateOnly) {
			review += " (passed)"
		}
		t.row(l.Name, strconv.FormatUint(l.Persons, 10), age(l.Imported, now), a.GetTlp(), a.GetBasis(), a.GetSource(), a.GetDate(), review)
	}
	return t.flush()
}

// age says how long ago a time was, in its largest unit.
func age(stamp string, now time.Time) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return "?"
	}
	switch d := now.Sub(t); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	case d >= time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dm", max(int(d.Minutes()), 0))
	}
}
