package cli

import (
	"fmt"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

func newInitCmd() *cobra.Command {
	var o datadir.InitOptions
	var state string
	cmd := &cobra.Command{
		Use:   "init --state STATE [--root-key FILE] [--listen ADDR]...",
		Short: "prepare a data directory: keys, configuration, join request",
		Long: "Makes a node's keys, a commented herald.toml and a join request in the data directory.\n" +
			"Nothing that exists is overwritten. Without --root-key the State's root key is made too:\n" +
			"move root.key to an offline place after the network is founded.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			o.Dir, o.State = dir, ct.State(state)
			p, err := datadir.Init(o)
			if err != nil {
				return err
			}
			if wantJSON(cmd) {
				return printJSON(cmd, map[string]string{
					"state": state, "node": p.Node.String(), "root": p.Root.String(), "request": p.Request,
				})
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "node %s of %s is prepared in %s\n", p.Node.Short(), state, dir)
			fmt.Fprintf(out, "next: send %s to the founder, who runs `herald network genesis`\n", p.Request)
			return nil
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the State whose node this is: ISO 3166-1 alpha-3, or UTO in an exercise")
	cmd.Flags().StringVar(&o.RootKey, "root-key", "", "the State's root key file; without it a new key is made")
	cmd.Flags().StringSliceVar(&o.Listen, "listen", nil, "multiaddr, or host:port for TCP and QUIC (default 0.0.0.0:2396)")
	cmd.Flags().StringSliceVar(&o.Announce, "announce", nil, "address told to others, when it is not the one listened on")
	cmd.Flags().StringVar(&o.Metrics, "metrics", "", "loopback host:port of /metrics, /healthz and /readyz")
	_ = cmd.MarkFlagRequired("state") // fails only for a flag that is not defined
	return cmd
}
