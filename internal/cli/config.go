package cli

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/spf13/cobra"
)

func newConfigCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "check a node's configuration"}
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "read the configuration as `herald run` does and show where each value comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			_, settings, err := datadir.Load(dir, environment())
			if err != nil {
				return err
			}
			if wantJSON(cmd) {
				for _, s := range settings {
					if err := printJSON(cmd, s); err != nil {
						return err
					}
				}
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "KEY\tFROM\tVALUE")
			for _, s := range settings {
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Key, s.Origin, s.Value)
			}
			return w.Flush()
		},
	})
	return cmd
}

// environment lets HERALD_* override the configuration file.
func environment() datadir.Source { return datadir.Source{Env: os.LookupEnv} }
