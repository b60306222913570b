package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-net/herald/testnet"
	"github.com/spf13/cobra"
)

func newTestnetCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "testnet",
		Short: "start a network of real nodes on this machine, perturb it, take a tour",
		Long: "Starts real processes on loopback with an exercise network of their own. Every person in it is invented.\n" +
			"The nodes n1, n2, … have their data directories in DIR; use them with any command: --data DIR/n1.",
	}
	cmd.PersistentFlags().String("dir", ".testnet", "the testnet's directory")
	cmd.AddCommand(newTestnetUpCmd(), newTestnetStatusCmd(), newTestnetTourCmd(), newTestnetScenarioCmd(),
		newTestnetCheckCmd(), newTestnetPerturbCmd(), newTestnetLogsCmd(), newTestnetDownCmd(), newTestnetRealCmd())
	return cmd
}

func newTestnetUpCmd() *cobra.Command {
	var o testnet.Options
	cmd := &cobra.Command{
		Use:   "up",
		Short: "prepare and start the nodes; those that run already are left alone",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Dir = testnetDir(cmd)
			n, started, err := testnet.Up(cmd.Context(), o)
			if err != nil {
				return testnetError(err)
			}
			if !wantJSON(cmd) {
				switch started {
				case 0:
					fmt.Fprintf(cmd.OutOrStdout(), "a testnet of %d nodes is up already\n", len(n.Nodes))
				case len(n.Nodes):
					fmt.Fprintf(cmd.OutOrStdout(), "%d nodes started, all are ready\n", started)
				default:
					fmt.Fprintf(cmd.OutOrStdout(), "%d of %d nodes were down and are started again, all are ready\n", started, len(n.Nodes))
				}
			}
			return printTestnet(cmd, n)
		},
	}
	cmd.Flags().IntVar(&o.Nodes, "nodes", 5, "number of nodes, 1 to "+strconv.Itoa(testnet.MaxNodes))
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of the invented persons")
	cmd.Flags().StringVar(&o.Manifest, "manifest", "default", "one of "+strings.Join(testnet.Manifests(), ", "))
	return cmd
}

func newTestnetStatusCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show what every node does",
		Args:  cobra.NoArgs,
		RunE: onTestnet(func(cmd *cobra.Command, n *testnet.Net, _ []string) error {
			return printTestnet(cmd, n)
		}),
	}
}

func newTestnetTourCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "tour",
		Short: "see what a network does: publish, match, retract, crash, catch up",
		Args:  cobra.NoArgs,
		RunE: onTestnet(func(cmd *cobra.Command, n *testnet.Net, _ []string) error {
			if err := n.Tour(cmd.Context(), cmd.OutOrStdout()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "\nThe network is yours: herald testnet status --dir %[1]s, herald list --data %[1]s/n1\n", testnetDir(cmd))
			return nil
		}),
	}
}

func newTestnetScenarioCmd() *cobra.Command {
	return &cobra.Command{
		Use:       "scenario NAME",
		Short:     "play one scene: " + strings.Join(testnet.Scenarios(), ", "),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: testnet.Scenarios(),
		RunE: onTestnet(func(cmd *cobra.Command, n *testnet.Net, args []string) error {
			return n.Scenario(cmd.Context(), args[0], cmd.OutOrStdout())
		}),
	}
}

func newTestnetCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "check the invariants: same records everywhere, all signed, nothing retracted readable",
		Args:  cobra.NoArgs,
		RunE: onTestnet(func(cmd *cobra.Command, n *testnet.Net, _ []string) error {
			r, err := n.Check(cmd.Context())
			if err != nil {
				return err
			}
			r.Print(cmd.OutOrStdout())
			return r.Err()
		}),
	}
}

func newTestnetPerturbCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "perturb WHAT NODE...",
		Short: strings.Join(testnet.Perturbations(), ", ") + " of the named nodes",
		Long: "kill ends a node at once, as a power cut; restart starts it again, or stops and starts one that runs.\n" +
			"pause and resume stop a process in its tracks. partition lets the named nodes and all others mute one\n" +
			"another, heal ends that.",
		Args: cobra.MinimumNArgs(2),
		RunE: onTestnet(func(cmd *cobra.Command, n *testnet.Net, args []string) error {
			nodes, err := n.Find(args[1:]...)
			if err != nil {
				return usagef("%v", err)
			}
			if !slices.Contains(testnet.Perturbations(), args[0]) {
				return usagef("%q is not one of %s", args[0], strings.Join(testnet.Perturbations(), ", "))
			}
			if err := n.Perturb(cmd.Context(), args[0], nodes); err != nil {
				return err
			}
			return printTestnet(cmd, n)
		}),
	}
}

func newTestnetLogsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "logs [NODE...]",
		Short: "print the log lines of the nodes, one JSON object a line",
		RunE: onTestnet(func(cmd *cobra.Command, n *testnet.Net, args []string) error {
			nodes, err := n.Find(args...)
			if err != nil {
				return usagef("%v", err)
			}
			for _, i := range nodes {
				if err := printFile(cmd.OutOrStdout(), i.LogFile()); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func newTestnetDownCmd() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "stop every node; nothing is removed but the pid files",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := testnet.Open(testnetDir(cmd))
			if errors.Is(err, testnet.ErrNone) {
				fmt.Fprintf(cmd.OutOrStdout(), "no testnet in %s\n", testnetDir(cmd))
				return nil
			} else if err != nil {
				return err
			}
			stopped, err := n.Down(cmd.Context(), purge)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d of %d nodes stopped, none runs\n", stopped, len(n.Nodes))
			return nil
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "also remove the nodes' data directories")
	return cmd
}

func newTestnetRealCmd() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:    "real",
		Short:  "measure matching between real processes on real lists",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "herald-real-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			var bar *progress
			defer func() { bar.done() }()
			bar = newProgress(cmd, -1, "")
			err = testnet.Real(cmd.Context(), testnet.RealOptions{
				Data: data, Dir: filepath.Join(dir, "net"), Out: cmd.OutOrStdout(),
				Progress: func(what string, done, total int) {
					if done == 1 {
						bar.done()
						bar = newProgress(cmd, int64(total), what)
					}
					bar.add(1)
					if done == total {
						bar.done()
					}
				},
			})
			if errors.Is(err, testnet.ErrNoData) {
				fmt.Fprintf(cmd.OutOrStdout(), "skipped: %v\n", err)
				return nil
			}
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "../shared/data", "folder of the real lists, outside the repository")
	return cmd
}

// onTestnet opens the testnet that a command works on.
func onTestnet(run func(*cobra.Command, *testnet.Net, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		n, err := testnet.Open(testnetDir(cmd))
		if err != nil {
			return testnetError(err)
		}
		return testnetError(run(cmd, n, args))
	}
}

// testnetError gives the errors of package testnet their exit codes.
func testnetError(err error) error {
	switch {
	case errors.Is(err, testnet.ErrNone):
		return withCode(exitNotFound, err)
	case errors.Is(err, testnet.ErrConflict):
		return withCode(exitConflict, err)
	}
	return err
}

// testnetDir is --dir, which has a default.
func testnetDir(cmd *cobra.Command) string {
	dir, err := cmd.Flags().GetString("dir")
	if err != nil {
		return ""
	}
	return dir
}

func printTestnet(cmd *cobra.Command, n *testnet.Net) error {
	rows := n.Status(cmd.Context())
	if wantJSON(cmd) {
		for _, s := range rows {
			if err := printJSON(cmd, s); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(cmd.OutOrStdout(), "NAME", "STATE", "NODE", "IS", "READY", "PEERS", "RECORDS", "PID", "METRICS", "DATA")
	for _, s := range rows {
		ready := "no"
		if s.Ready {
			ready = "yes"
		}
		t.row(s.Name, s.State, s.Node[:8], s.Doing, ready, strconv.Itoa(int(s.Peers)),
			strconv.FormatUint(s.Records, 10), strconv.Itoa(s.PID), s.Metrics, s.Data)
	}
	return t.flush()
}

func printFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
