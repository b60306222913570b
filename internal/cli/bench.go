package cli

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/herald-net/herald/internal/bench"
	"github.com/spf13/cobra"
)

func newBenchCmd() *cobra.Command {
	var o bench.Options
	cmd := &cobra.Command{
		Use:   "bench [ingest|catchup|match|match-net|fishing|gossip|growth|all]",
		Short: "Measure this machine with the real parts, beside the targets",
		Long: `Measure this machine: signed records into a real store, catch-up and gossip
between real nodes on loopback, matching in a generated list, the work of one
answer to another State, fishing found in modelled traffic, and what of everybody's
disk one member can take. Each figure stands beside its target. Rates of a shared or busy machine vary; the processor time
per record varies less.`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: append(bench.All(), "all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			names := args
			if len(args) == 0 || args[0] == "all" {
				names = bench.All()
			}
			var results []bench.Result
			for _, name := range names {
				if err := benchOne(cmd, name, o, func(r bench.Result) error {
					results = append(results, r)
					if wantJSON(cmd) {
						return printJSON(cmd, r)
					}
					return nil
				}); err != nil {
					return fmt.Errorf("bench %s: %w", name, err)
				}
			}
			if wantJSON(cmd) {
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 2, 0, 2, ' ', 0)
			fmt.Fprintln(w, "FIGURE\tMEASURED\tTARGET\t\tUNIT")
			for _, r := range results {
				verdict := ""
				if r.Met != nil && !*r.Met {
					verdict = "MISSED"
				} else if r.Met != nil {
					verdict = "met"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, figure(r.Value), r.Target, verdict, r.Unit)
			}
			return w.Flush()
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "", "directory on the disk to measure (default: the system's temporary directory)")
	f.IntVar(&o.Records, "records", 0, "records of ingest and growth (default 60000) and catch-up (default 200000)")
	f.IntVar(&o.Held, "held", 0, "records that the store of ingest holds for its second run (default 1000000, about 2 GB)")
	f.IntVar(&o.Logs, "logs", 0, "authors (default 200)")
	f.IntVar(&o.Persons, "persons", 0, "persons to match in (default 1000000)")
	f.IntVar(&o.Days, "days", 0, "days of each honest State of fishing (default 30)")
	f.IntVar(&o.Nodes, "nodes", 0, "nodes of gossip (default 20)")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of keys and content")
	cmd.AddCommand(&cobra.Command{
		Use: "peer", Hidden: true, Args: cobra.NoArgs,
		Short: "One node of a benchmark between processes, told by standard input what to do",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.RunPeer(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	})
	return cmd
}

// benchOne shows a bar a stage on a terminal.
func benchOne(cmd *cobra.Command, name string, o bench.Options, out func(bench.Result) error) error {
	var bar *progress
	stage, shown := "", 0
	finish := func() {
		if bar != nil {
			bar.done()
		}
	}
	defer finish()
	o.Progress = func(what string, done, total int) {
		if what != stage {
			finish()
			bar, stage, shown = newProgress(cmd, int64(total), name+": "+what), what, 0
		}
		bar.add(done - shown)
		shown = done
	}
	return bench.Run(cmd.Context(), name, o, out)
}

// figure prints three significant digits and no more zeros than needed.
func figure(v float64) string {
	if v >= 1000 {
		digits := []byte(fmt.Sprintf("%.0f", v))
		for i := len(digits) - 3; i > 0; i -= 3 {
			digits = slices.Insert(digits, i, ',')
		}
		return string(digits)
	}
	return fmt.Sprintf("%.3g", v)
}
