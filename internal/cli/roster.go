package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newRosterCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Who may speak: show it, and sign for a State with its root key",
		Long: `Who may speak in the network, and what a State's root key has to say about it:
close a node log for good, name a further node, let a node speak for longer.

The root key lies offline. What it signs goes by a roster file:

    herald roster export FILE --data DIR     on a node: the roster as it is
    herald roster close … --roster FILE      where the root key lies: signs, adds to FILE
    herald roster submit FILE --data DIR     on any member's node: from there to all

Without --roster the commands that sign ask the node of --data and submit to it
at once: for an exercise, or a root key on the node's own machine.`,
	}
	cmd.AddCommand(newRosterShowCmd(), newRosterExportCmd(), newRosterVerifyCmd(), newRosterSubmitCmd(),
		newRosterCloseCmd(), newRosterDelegateCmd(), newRosterRenewCmd())
	return cmd
}

// nodeRoster is the roster of the running node.
func nodeRoster(cmd *cobra.Command) (*client, []byte, error) {
	c, err := newClient(cmd)
	if err != nil {
		return nil, nil, err
	}
	res, err := c.Roster(cmd.Context(), connect.NewRequest(&apiv1.RosterRequest{}))
	if err != nil {
		return nil, nil, c.explain(err)
	}
	return c, res.Msg.File, nil
}

func newRosterShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE]",
		Short: "List the members' nodes: of the running node, or of a roster file",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r, err := datadir.ReadRoster(args[0], time.Now())
				if err != nil {
					return usageOf(err)
				}
				return printRoster(cmd, r)
			}
			_, raw, err := nodeRoster(cmd)
			if err != nil {
				return err
			}
			r, err := datadir.ParseRoster(raw, time.Now())
			if err != nil {
				return err
			}
			return printRoster(cmd, r)
		},
	}
}

func newRosterVerifyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a roster file offline: every signature, from the genesis on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := datadir.ReadRoster(args[0], time.Now())
			if err != nil {
				return usageOf(err)
			}
			if wantJSON(cmd) {
				return printJSON(cmd, struct {
					Network string `json:"network"`
					Name    string `json:"name"`
					Members int    `json:"members"`
					Nodes   int    `json:"nodes"`
					Records int    `json:"records"`
					Version uint64 `json:"version"`
				}{r.View.Network().String(), r.View.Name(), len(r.View.Members()), len(r.View.Nodes()), len(r.Records), r.View.Version()})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "network %s %q, %s: %d members, %d nodes, %d records of root logs, all signed\n",
				r.View.Network().String()[:16], safe(r.View.Name()), kindOfNetwork(r.View.Exercise()), len(r.View.Members()), len(r.View.Nodes()), len(r.Records))
			return err
		},
	}
}

func newRosterExportCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write the running node's roster to a file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, raw, err := nodeRoster(cmd)
			if err != nil {
				return err
			}
			if _, err := datadir.ParseRoster(raw, time.Now()); err != nil {
				return err
			}
			return datadir.WriteRoster(args[0], raw)
		},
	}
}

func newRosterSubmitCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "submit FILE",
		Short: "Hand the running node what a root key has signed",
		Long: `Hand the running node the records of a roster file that it does not hold yet.
Any member's node will do: it checks them and passes them on to all others.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := datadir.ReadRoster(args[0], time.Now())
			if err != nil {
				return usageOf(err)
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return submitRoster(cmd, c, r)
		},
	}
}

func submitRoster(cmd *cobra.Command, c *client, r *datadir.Roster) error {
	for _, raw := range r.Later() {
		res, err := c.RosterSubmit(cmd.Context(), connect.NewRequest(&apiv1.RosterSubmitRequest{Record: raw}))
		if err != nil {
			return c.explain(err)
		}
		if wantJSON(cmd) {
			if err := printJSON(cmd, struct {
				ID  string `json:"id"`
				Log string `json:"log"`
				Seq uint64 `json:"seq"`
			}{res.Msg.Id, res.Msg.Log, res.Msg.Seq}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "record %d of root log %s is held: %s\n", res.Msg.Seq, short(res.Msg.Log), short(res.Msg.Id))
	}
	return nil
}

// signing are the flags of the commands that sign.
type signing struct{ rootKey, file string }

func (s *signing) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.rootKey, "root-key", "", "the State's root key file (default root.key in the data directory)")
	cmd.Flags().StringVar(&s.file, "roster", "", "sign offline on this roster file and add to it; without it the running node is asked and told")
}

// sign signs what op gives for the roster, and keeps or submits it.
func (s *signing) sign(cmd *cobra.Command, op func(*datadir.Roster, time.Time) (roster.Operation, error)) error {
	now := time.Now()
	if s.rootKey == "" {
		dir, err := dataDir(cmd)
		if err != nil {
			return usagef("name the root key with --root-key FILE")
		}
		s.rootKey = filepath.Join(dir, node.FileRootKey)
	}
	var c *client
	var r *datadir.Roster
	var err error
	if s.file != "" {
		if r, err = datadir.ReadRoster(s.file, now); err != nil {
			return usageOf(err)
		}
	} else {
		var raw []byte
		if c, raw, err = nodeRoster(cmd); err != nil {
			return err
		}
		if r, err = datadir.ParseRoster(raw, now); err != nil {
			return err
		}
	}
	what, err := op(r, now)
	if err != nil {
		return usageOf(err)
	}
	signed, err := datadir.SignRoster(r, s.rootKey, what, now)
	switch {
	case errors.Is(err, datadir.ErrSignedAlready):
		return withCode(exitConflict, err)
	case err != nil:
		return err
	}
	if s.file != "" {
		if err := datadir.WriteRoster(s.file, signed); err != nil {
			return err
		}
		if !wantJSON(cmd) {
			fmt.Fprintf(cmd.OutOrStdout(), "signed, and added to %s\nnext: herald roster submit %s, on any member's node\n", s.file, s.file)
		}
		return nil
	}
	if r, err = datadir.ParseRoster(signed, now); err != nil {
		return err
	}
	return submitRoster(cmd, c, r)
}

func newRosterCloseCmd() *cobra.Command {
	var s signing
	var at uint64
	var id, reason, text, since string
	cmd := &cobra.Command{
		Use:   "close LOG --at SEQ --id ID --reason REASON",
		Short: "End a node log of this State for good, at its last valid record",
		Long: `End a node log of this State for good. LOG is the node key; ID is the record at
SEQ, the last one that counts (` + "`herald list --state S --json`" + ` gives id and seq; for
--at 0, when nothing counts, no id is needed). Every node then disowns what comes
after it and what is on another branch, shows again what a disowned retraction
hid, and cuts off the key. It cannot be undone: a new node needs a new key.

REASON is compromised, lost, forked, retired or error. --text names no person.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.sign(cmd, func(r *datadir.Roster, _ time.Time) (roster.Operation, error) {
				n, err := nodeOf(r, args[0])
				if err != nil {
					return roster.Operation{}, err
				}
				c := &ct.Closing{Log: n.Key, Seq: at, ID: n.Delegation, Reason: reason, Text: text}
				switch {
				case at > 0 && id == "":
					return roster.Operation{}, errors.New("--id is missing: the id of the last record that counts")
				case at > 0:
					if c.ID, err = ct.ParseID(id); err != nil {
						return roster.Operation{}, fmt.Errorf("--id: %w", err)
					}
				}
				if since != "" {
					when, err := dateOf(since)
					if err != nil {
						return roster.Operation{}, fmt.Errorf("--since: %w", err)
					}
					c.Since = ct.MillisOf(when)
				}
				return roster.Operation{Closing: c}, nil
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().Uint64Var(&at, "at", 0, "seq of the last record that counts; 0: none does")
	cmd.Flags().StringVar(&id, "id", "", "id of that record, 64 hex digits")
	cmd.Flags().StringVar(&reason, "reason", "", "compromised, lost, forked, retired or error")
	cmd.Flags().StringVar(&text, "text", "", "a few words for the other members, about no person (at most 256 bytes)")
	cmd.Flags().StringVar(&since, "since", "", "when the key may have come into other hands: 2026-05-01 or RFC 3339")
	_ = cmd.MarkFlagRequired("at") // fails only for a flag that is not defined
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func newRosterDelegateCmd() *cobra.Command {
	var s signing
	var until string
	cmd := &cobra.Command{
		Use:   "delegate REQUEST",
		Short: "Name a further node of this State, by the request of `herald init`",
		Long: `Name a further node of this State. REQUEST is request.json of the new node's data
directory, made by ` + "`herald init --state S --root-key FILE`" + `. When the record is submitted,
export the roster, and the new node joins with ` + "`herald network join FILE`" + `.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			req, err := roster.ParseRequest(raw)
			if err != nil {
				return usageOf(err)
			}
			return s.sign(cmd, func(r *datadir.Roster, now time.Time) (roster.Operation, error) {
				var end time.Time
				if until != "" {
					if end, err = dateOf(until); err != nil {
						return roster.Operation{}, fmt.Errorf("--until: %w", err)
					}
				}
				return r.View.DelegationOf(req, end, now)
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&until, "until", "", "end of the delegation (default: as late as the policy allows)")
	return cmd
}

func newRosterRenewCmd() *cobra.Command {
	var s signing
	var until string
	cmd := &cobra.Command{
		Use:   "renew LOG --until DATE",
		Short: "Let a node of this State speak for longer, at most 400 days from now",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.sign(cmd, func(r *datadir.Roster, now time.Time) (roster.Operation, error) {
				n, err := nodeOf(r, args[0])
				if err != nil {
					return roster.Operation{}, err
				}
				end, err := dateOf(until)
				if err != nil {
					return roster.Operation{}, fmt.Errorf("--until: %w", err)
				}
				return roster.Operation{Renewal: &ct.Renewal{Node: n.Key, NotAfter: ct.MillisOf(end)}}, nil
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&until, "until", "", "the new end: 2027-05-01 (midnight UTC) or RFC 3339")
	_ = cmd.MarkFlagRequired("until")
	return cmd
}

// nodeOf finds a node by its key or a beginning of it that is no other's.
func nodeOf(r *datadir.Roster, prefix string) (found roster.Node, err error) {
	prefix = strings.ToLower(prefix)
	for _, n := range r.View.Nodes() {
		if len(prefix) < 4 || !strings.HasPrefix(hex.EncodeToString(n.Key[:]), prefix) {
			continue
		}
		if !found.Key.IsZero() {
			return found, fmt.Errorf("more than one node key begins with %s", safe(prefix))
		}
		found = n
	}
	if found.Key.IsZero() {
		return found, fmt.Errorf("no node key begins with %s: see `herald roster show`", safe(prefix))
	}
	return found, nil
}

func dateOf(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("want a date such as 2027-05-01, or RFC 3339")
}

// usageOf makes an error about what was given one of usage.
func usageOf(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return err
	}
	return withCode(exitUsage, err)
}

func printRoster(cmd *cobra.Command, r *datadir.Roster) error {
	if !wantJSON(cmd) {
		fmt.Fprintf(cmd.OutOrStdout(), "network %s %q, %s\n", r.View.Network().String()[:16], safe(r.View.Name()), kindOfNetwork(r.View.Exercise()))
	}
	t := newTable(cmd.OutOrStdout(), "STATE", "NODE", "FROM", "UNTIL", "CLOSED")
	for _, n := range r.View.Nodes() {
		closed := ""
		if c := n.Closing; c != nil {
			closed = fmt.Sprintf("at %d, %s", c.Seq, c.Reason)
		}
		if wantJSON(cmd) {
			line := struct {
				State     ct.State  `json:"state"`
				Node      ct.LogID  `json:"node"`
				NotBefore ct.Millis `json:"not_before"`
				NotAfter  ct.Millis `json:"not_after"`
				ClosedAt  *uint64   `json:"closed_at,omitempty"`
				Reason    string    `json:"closed_reason,omitempty"`
			}{State: n.State, Node: n.Key, NotBefore: n.NotBefore, NotAfter: n.NotAfter}
			if n.Closing != nil {
				line.ClosedAt, line.Reason = &n.Closing.Seq, n.Closing.Reason
			}
			if err := printJSON(cmd, line); err != nil {
				return err
			}
			continue
		}
		t.row(string(n.State), n.Key.String(), n.NotBefore.String(), n.NotAfter.String(), closed)
	}
	if wantJSON(cmd) {
		return nil
	}
	return t.flush()
}
