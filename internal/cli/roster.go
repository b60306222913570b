package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/roster"
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newRosterCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Who may speak: show it, and sign for a State with its root key",
		Long: `Who may speak in the network, and what a State's root key has to say about it:
let a node speak for longer (renew), name a further node (delegate), end a node's
log the normal way (retire), or cut off a key that is lost or in other hands (close).

The root key lies offline. What it signs goes by a roster file:

    herald roster export FILE --data DIR     on a node: the roster as it is
    herald roster retire … --roster FILE     where the root key lies: signs, adds to FILE
    herald roster submit FILE --data DIR     on any member's node: from there to all

Without --roster the commands that sign ask the node of --data and submit to it
at once: for an exercise, or a root key on the node's own machine.`,
	}
	cmd.AddCommand(newRosterShowCmd(), newRosterExportCmd(), newRosterVerifyCmd(), newRosterSubmitCmd(),
		newRosterRetireCmd(), newRosterCloseCmd(), newRosterDelegateCmd(), newRosterRenewCmd())
	return cmd
}

// asked is a roster: of a file, or of the running node, which also knows how far
// the node logs are held.
type asked struct {
	*datadir.Roster
	raw   []byte
	node  *client                    // nil: a file
	heads map[string]*apiv1.NodeHead // by node key in hex
}

// rosterOfFile reads a roster file.
func rosterOfFile(path string) (*asked, error) {
	r, err := datadir.ReadRoster(path, time.Now())
	if err != nil {
		return nil, usageOf(err)
	}
	return &asked{Roster: r}, nil
}

// rosterOfNode asks the running node.
func rosterOfNode(cmd *cobra.Command) (*asked, error) {
	c, err := newClient(cmd)
	if err != nil {
		return nil, err
	}
	res, err := c.Roster(cmd.Context(), connect.NewRequest(&apiv1.RosterRequest{}))
	if err != nil {
		return nil, c.explain(err)
	}
	r, err := datadir.ParseRoster(res.Msg.File, time.Now())
	if err != nil {
		return nil, err
	}
	a := &asked{r, res.Msg.File, c, map[string]*apiv1.NodeHead{}}
	for _, h := range res.Msg.Heads {
		a.heads[h.Log] = h
	}
	return a, nil
}

func newRosterShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE]",
		Short: "List the members' nodes: of the running node, or of a roster file",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r *asked
			var err error
			if len(args) == 1 {
				r, err = rosterOfFile(args[0])
			} else {
				r, err = rosterOfNode(cmd)
			}
			if err != nil {
				return err
			}
			return printRoster(cmd, r, time.Now())
		},
	}
}

func newRosterVerifyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a roster file offline: every signature, from the genesis on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := rosterOfFile(args[0])
			if err != nil {
				return err
			}
			if wantJSON(cmd) {
				return printJSON(cmd, struct {
					Network string    `json:"network"`
					Name    string    `json:"name"`
					Members int       `json:"members"`
					Nodes   int       `json:"nodes"`
					Records int       `json:"records"`
					Version uint64    `json:"version"`
					Unread  int       `json:"unread"`
					Stopped []stopped `json:"stopped"`
				}{r.View.Network().String(), r.View.Name(), len(r.View.Members()), len(r.View.Nodes()), len(r.Records), r.View.Version(), r.Unread, r.stopped()})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "network %s %q, %s: %d members, %d nodes, %d records of root logs, all signed\n",
				r.View.Network().String()[:16], safe(r.View.Name()), kindOfNetwork(r.View.Exercise()), len(r.View.Members()), len(r.View.Nodes()), len(r.Records))
			return r.printLimits(cmd)
		},
	}
}

func newRosterExportCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write the running node's roster to a file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := rosterOfNode(cmd)
			if err != nil {
				return err
			}
			return datadir.WriteRoster(args[0], r.raw)
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
			r, err := rosterOfFile(args[0])
			if err != nil {
				return err
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return submitRoster(cmd, c, r.Later())
		},
	}
}

// submitRoster hands records over, in order. What the node refuses ends that
// root log and not the others: one State's trouble is nobody else's.
func submitRoster(cmd *cobra.Command, c *client, records [][]byte) error {
	refused := map[string]bool{}
	var errs []error
	for _, raw := range records {
		log := rootOf(raw)
		if refused[log] {
			continue
		}
		res, err := c.RosterSubmit(cmd.Context(), connect.NewRequest(&apiv1.RosterSubmitRequest{Record: raw}))
		if err != nil {
			if err = c.explain(err); exitCode(err) == exitUnreachable {
				return err
			}
			refused[log], errs = true, append(errs, err)
			continue
		}
		if wantJSON(cmd) {
			if err := printJSON(cmd, struct {
				ID   string `json:"id"`
				Log  string `json:"log"`
				Seq  uint64 `json:"seq"`
				Note string `json:"note,omitempty"`
			}{res.Msg.Id, res.Msg.Log, res.Msg.Seq, res.Msg.Note}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "record %d of root log %s is held: %s\n", res.Msg.Seq, short(res.Msg.Log), short(res.Msg.Id))
		if res.Msg.Note != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", safe(res.Msg.Note))
		}
	}
	return errors.Join(errs...)
}

// rootOf names the log of a record; "" for one that this version cannot read.
func rootOf(raw []byte) string {
	e, err := wire.Decode(raw)
	if err != nil {
		return ""
	}
	return e.Header.Log.String()
}

// usageOf makes an error about what was given one of usage.
func usageOf(err error) error {
	if errors.Is(err, os.ErrNotExist) || exitCode(err) != exitFailure { // it says already what it is
		return err
	}
	return withCode(exitUsage, err)
}

// stopped is a root log of which this version does not understand a record.
type stopped struct {
	State  ct.State `json:"state"`
	Record uint64   `json:"record"`
}

func (a *asked) stopped() []stopped {
	out := []stopped{}
	for _, m := range a.View.Members() {
		if seq := a.View.Stopped(m.Root); seq != 0 {
			out = append(out, stopped{m.State, seq})
		}
	}
	return out
}

// printLimits says what of the root logs does not count for this version.
func (a *asked) printLimits(cmd *cobra.Command) error {
	for _, s := range a.stopped() {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: record %d of the root log of %s and what follows it there is not understood by this version; it is kept and has no effect\n", s.Record, s.State)
	}
	if a.Unread > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %d records of the file cannot be judged by this version; they are kept and have no effect\n", a.Unread)
	}
	return nil
}

// left says how long a node may still speak.
func left(n roster.Node, now time.Time) string {
	switch d := n.NotAfter.Time().Sub(now); {
	case n.Closing != nil:
		return "-"
	case d <= 0:
		return fmt.Sprintf("ended %d d ago", int(-d/(24*time.Hour)))
	default:
		return fmt.Sprintf("%d d", int(d/(24*time.Hour)))
	}
}

func printRoster(cmd *cobra.Command, r *asked, now time.Time) error {
	if !wantJSON(cmd) {
		fmt.Fprintf(cmd.OutOrStdout(), "network %s %q, %s\n", r.View.Network().String()[:16], safe(r.View.Name()), kindOfNetwork(r.View.Exercise()))
	}
	columns := []string{"STATE", "NODE", "FROM", "UNTIL", "LEFT", "CLOSED"}
	if r.node != nil {
		columns = append(columns, "HELD TO")
	}
	t := newTable(cmd.OutOrStdout(), columns...)
	for _, n := range r.View.Nodes() {
		h := r.heads[n.Key.String()]
		if wantJSON(cmd) {
			line := struct {
				State     ct.State  `json:"state"`
				Node      ct.LogID  `json:"node"`
				NotBefore ct.Millis `json:"not_before"`
				NotAfter  ct.Millis `json:"not_after"`
				ClosedAt  *uint64   `json:"closed_at,omitempty"`
				ClosedID  *ct.ID    `json:"closed_id,omitempty"`
				Reason    string    `json:"closed_reason,omitempty"`
				Held      *uint64   `json:"held,omitempty"`
				HeldID    string    `json:"held_id,omitempty"`
			}{State: n.State, Node: n.Key, NotBefore: n.NotBefore, NotAfter: n.NotAfter}
			if n.Closing != nil {
				line.ClosedAt, line.ClosedID, line.Reason = &n.Closing.Seq, &n.Closing.ID, n.Closing.Reason
			}
			if h != nil {
				line.Held, line.HeldID = &h.Seq, h.Id
			}
			if err := printJSON(cmd, line); err != nil {
				return err
			}
			continue
		}
		closed := ""
		if c := n.Closing; c != nil {
			closed = fmt.Sprintf("at %d, %s", c.Seq, c.Reason)
		}
		row := []string{string(n.State), n.Key.String(), n.NotBefore.String(), n.NotAfter.String(), left(n, now), closed}
		if h != nil {
			row = append(row, fmt.Sprintf("%d %s", h.Seq, short(h.Id)))
		}
		t.row(row...)
	}
	if !wantJSON(cmd) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	return r.printLimits(cmd)
}
