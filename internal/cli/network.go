package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

func newNetworkCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "network", Short: "found a network, sign its genesis, join it"}
	cmd.AddCommand(newGenesisCmd(), newSignCmd(), newJoinCmd(), newNetworkStatusCmd())
	return cmd
}

func newGenesisCmd() *cobra.Command {
	o := datadir.FoundOptions{Policy: roster.DefaultPolicy()}
	cmd := &cobra.Command{
		Use:   "genesis --name NAME --out FILE REQUEST...",
		Short: "write the genesis of a new network from the founders' join requests",
		Long: "Checks every request's proof of possession and writes the unsigned genesis file.\n" +
			"Each founding State then signs it with `herald network sign`.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Requests = args
			g, err := datadir.Found(o, time.Now())
			if err != nil {
				return err
			}
			if wantJSON(cmd) {
				return printJSON(cmd, map[string]any{
					"network": g.Network().String(), "name": o.Name, "exercise": o.Exercise, "genesis": o.Out, "missing": g.Missing(),
				})
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "network %s %q, %s\n", g.Network().String()[:16], o.Name, kindOfNetwork(o.Exercise))
			fmt.Fprintf(out, "next: each of %s signs with `herald network sign %s`\n", states(g.Missing()), o.Out)
			return nil
		},
	}
	p := &o.Policy
	cmd.Flags().StringVar(&o.Name, "name", "", "the network's name")
	cmd.Flags().BoolVar(&o.Exercise, "exercise", false, "nothing in this network is real; every screen and record says so")
	cmd.Flags().StringVar(&o.Out, "out", "genesis.json", "the file to write; an existing one is never overwritten")
	cmd.Flags().Uint32Var(&p.MatchPerHour, "match-per-hour", p.MatchPerHour, "match requests that a State may ask one responder in an hour")
	cmd.Flags().Uint32Var(&p.MatchPerDay, "match-per-day", p.MatchPerDay, "match requests that a State may ask one responder in a day")
	cmd.Flags().Uint32Var(&p.MatchBurst, "match-burst", p.MatchBurst, "match requests that may come at once")
	cmd.Flags().DurationVar(&p.RetractGrace, "retract-grace", p.RetractGrace, "time between hiding what is retracted and erasing it")
	cmd.Flags().DurationVar(&p.MaxRetention, "max-retention", p.MaxRetention, "longest life of a record")
	cmd.Flags().Uint64Var(&p.LogBurst, "log-burst", p.LogBurst, "bytes that the log of one node may take at once")
	cmd.Flags().Uint64Var(&p.LogRate, "log-rate", p.LogRate, "bytes that it may take a day beside")
	_ = cmd.MarkFlagRequired("name") // fails only for a flag that is not defined
	return cmd
}

func newSignCmd() *cobra.Command {
	var rootKey string
	cmd := &cobra.Command{
		Use:   "sign GENESIS [COPY...]",
		Short: "sign a genesis with this State's root key, in place",
		Long: "Adds this State's signature and the delegations of its nodes to the genesis file.\n" +
			"Read the file first: the signature agrees to its members and its policy.\n" +
			"Founders need not sign one after the other: signatures in copies of the same file\n" +
			"are taken over, with or without a root key here.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if rootKey == "" {
				dir, err := dataDir(cmd)
				if err != nil {
					return err
				}
				rootKey = filepath.Join(dir, node.FileRootKey)
			}
			missing, err := datadir.Sign(args[0], args[1:], rootKey, time.Now())
			if err != nil {
				return err
			}
			if wantJSON(cmd) {
				return printJSON(cmd, map[string]any{"genesis": args[0], "missing": missing})
			}
			if len(missing) > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "signed; still missing: %s\n", states(missing))
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "signed by all\nnext: every founder runs `herald network join %s`\n", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&rootKey, "root-key", "", "the State's root key file (default root.key in the data directory)")
	return cmd
}

func newJoinCmd() *cobra.Command {
	var peers []string
	cmd := &cobra.Command{
		Use:   "join GENESIS [--peer ADDR]...",
		Short: "make this node a member of the network of a signed genesis",
		Long: "Checks the genesis offline, creates the store and puts the founders' delegations in it.\n" +
			"Joining the same network again changes nothing but adds the peers named.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			m, err := datadir.Join(dir, args[0], peers, environment(), time.Now())
			switch {
			case errors.Is(err, node.ErrOtherNetwork):
				return withCode(exitConflict, err)
			case errors.Is(err, node.ErrNoMember):
				return withCode(exitNotAllowed, err)
			case err != nil:
				return err
			}
			if wantJSON(cmd) {
				return printJSON(cmd, map[string]any{
					"network": m.Network.String(), "name": m.Name, "exercise": m.Exercise, "state": m.State, "node": m.Node.String(),
				})
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "node %s of %s has joined network %s %q, %s\n", m.Node.Short(), m.State, m.Network.String()[:16], m.Name, kindOfNetwork(m.Exercise))
			fmt.Fprintf(out, "next: herald run --data %s\n", dir)
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&peers, "peer", nil, "address of another node, written to herald.toml")
	return cmd
}

func newNetworkStatusCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show the network that this data directory has joined",
		Long:  "Reads and checks DIR/genesis.json offline; `herald status` asks the running node.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			n, err := datadir.Inspect(dir)
			if err != nil {
				return err
			}
			if wantJSON(cmd) {
				return printJSON(cmd, n)
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "network %s %q, %s, created %s\n", n.Network.String()[:16], n.Name, kindOfNetwork(n.Exercise), n.Created)
			for _, m := range n.Members {
				fmt.Fprintf(out, "%s  root %s  nodes %s\n", m.State, m.Root.Short(), strings.Join(m.Nodes, " "))
			}
			return nil
		},
	}
}

func kindOfNetwork(exercise bool) string {
	if exercise {
		return "EXERCISE: nothing in it is real"
	}
	return "operational"
}

func states(list []ct.State) string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}
