// Package cli is the herald command: it reads flags and files, calls a
// running node through its local API or works offline on files, and renders
// what comes back. It holds no rules of the network and only Main decides on
// an exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
)

// Env is what a run of the command gets from its process.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
}

// Main runs one command and gives the process's exit code.
func Main(ctx context.Context, args []string, env Env) int {
	root := newRoot(env)
	root.SetArgs(append([]string{}, args...)) // never nil, for which cobra takes the process's own
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || connect.CodeOf(err) == connect.CodeCanceled) {
		err = withCode(exitInterrupted, errors.New("interrupted"))
	}
	report(env.Err, cmd, err)
	return exitCode(err)
}

func newRoot(env Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "herald",
		Short: "A federated notification network for Security Council resolution 2396",
		Long: `herald runs a node of a federated peer-to-peer notification network and talks
to it. Each Member State runs a node; nodes spread signed notifications about
the travel, arrival, deportation and detention of persons of concern and answer
match requests. There is no central server.

A newcomer's first minutes: ` + "`herald testnet up --dir net`" + ` starts five nodes here,
` + "`herald testnet tour --dir net`" + ` shows what they do.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.PersistentFlags().String("data", env.Getenv("HERALD_DATA"), "the node's data directory (or HERALD_DATA)")
	root.PersistentFlags().Bool("json", false, "one JSON object a line")
	root.AddCommand(
		newInitCmd(), newNetworkCmd(), newRunCmd(), newConfigCmd(), newTestnetCmd(), newBenchCmd(),
		newPublishCmd(), newOutboxCmd(), newRetractCmd(), newListCmd(), newGetCmd(), newTailCmd(),
		newMatchCmd(), newInboxCmd(), newReleaseCmd(), newRefuseCmd(), newScreenCmd(), newImportCmd(), newListsCmd(), newInspectCmd(), newExampleCmd(), newSchemaCmd(),
		newMuteCmd(), newPeersCmd(), newStatusCmd(), newStoreCmd(), newJournalCmd(), newRosterCmd(),
		newVersionCmd(), newExitCodesTopic(), newNotificationTopic(),
	)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usagef("%v", err) })
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	sealUsage(root)
	return root
}

// sealUsage makes every mistake in naming commands and arguments a usage
// error, whoever wrote the command.
func sealUsage(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2
	for _, sub := range cmd.Commands() {
		sealUsage(sub)
	}
	switch {
	case cmd.HasSubCommands() && !cmd.Runnable():
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q%s", args[0], suggest(cmd, args[0]))
			}
			if !cmd.HasParent() {
				return cmd.Help()
			}
			return usagef("which command? See `%s --help`", cmd.CommandPath())
		}
	case cmd.Args != nil:
		check := cmd.Args
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%v: usage: %s", err, cmd.UseLine())
			}
			return nil
		}
	}
}

func suggest(cmd *cobra.Command, word string) string {
	if s := cmd.SuggestionsFor(word); len(s) > 0 {
		return ": did you mean " + strings.Join(s, " or ") + "?"
	}
	return fmt.Sprintf(": see `%s --help`", cmd.CommandPath())
}

// dataDir is the directory that --data or HERALD_DATA names.
func dataDir(cmd *cobra.Command) (string, error) {
	dir, err := cmd.Flags().GetString("data")
	if err != nil {
		return "", err
	}
	if dir == "" {
		return "", usagef("no data directory: name the node with --data DIR or HERALD_DATA")
	}
	return dir, nil
}

// wantJSON tells whether a program reads the output.
func wantJSON(cmd *cobra.Command) bool {
	v, err := cmd.Flags().GetBool("json")
	return err == nil && v
}
