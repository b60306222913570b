package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"

	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/node"
	"github.com/spf13/cobra"
)

func newRunCmd() *cobra.Command {
	var logFormat, show string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "run the node of a data directory until it is told to stop",
		Long: "Runs in the foreground. SIGINT or SIGTERM stops it in order; a second one ends it at once.\n" +
			"SIGHUP, and a log that nobody reads any more, do not end it.\n" +
			"Logs go to standard error: text on a terminal, JSON elsewhere.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := dataDir(cmd)
			if err != nil {
				return err
			}
			src := environment()
			src.Flag = func(key string) (string, bool) { return flagValue(cmd, key) }
			cfg, _, err := datadir.Load(dir, src)
			if err != nil {
				return err
			}
			log, err := newLogger(cmd.ErrOrStderr(), logFormat, cfg.LogLevel)
			if err != nil {
				return err
			}
			// A terminal that is closed, or a reader of the log that is gone, ends
			// no node.
			signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
			nc := cfg.Node(dir)
			nc.Log, nc.Version, nc.ShowRestored = log, version(), show
			return runNode(cmd.Context(), nc, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringSlice("listen", nil, "multiaddr, or host:port for TCP and QUIC; instead of the file's")
	cmd.Flags().StringSlice("announce", nil, "address told to others; instead of the file's")
	cmd.Flags().StringSlice("peers", nil, "address to dial first; instead of the file's")
	cmd.Flags().String("metrics", "", "loopback host:port of /metrics, /healthz and /readyz")
	cmd.Flags().String("storage-key-file", "", "the key that seals what is stored")
	cmd.Flags().String("log-level", "", "debug, info, warn or error")
	cmd.Flags().StringVar(&show, "show-restored", "", "show the content of a restored node before it knows what was retracted since, for the `REASON` given")
	cmd.Flags().StringVar(&logFormat, "log-format", "auto", "text, json, or auto: text on a terminal")
	return cmd
}

// runNode runs a node until ctx ends. The line on out tells a supervisor that
// the directory is locked, the ports are bound and the API answers.
func runNode(ctx context.Context, cfg node.Config, out io.Writer) error {
	n, err := node.New(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "herald runs: %s\n", cfg.Dir)
	err = n.Run(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, n.Close())
}

// flagValue is a flag's value when the user gave it; key is as in herald.toml.
func flagValue(cmd *cobra.Command, key string) (string, bool) {
	f := cmd.Flags().Lookup(strings.ReplaceAll(key, "_", "-"))
	if f == nil || !f.Changed {
		return "", false
	}
	if f.Value.Type() == "stringSlice" {
		list, err := cmd.Flags().GetStringSlice(f.Name)
		return strings.Join(list, ","), err == nil
	}
	return f.Value.String(), true
}

func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: l}
	switch {
	case format == "text", format == "auto" && isTerminal(w):
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case format == "json", format == "auto":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, usagef("--log-format %q is not one of auto, text, json", format)
}
