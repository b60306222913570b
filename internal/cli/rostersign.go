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
	"github.com/herald-net/herald/internal/wire"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// signing are the flags of the commands that sign.
type signing struct{ rootKey, file string }

func (s *signing) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.rootKey, "root-key", "", "the State's root key file (default root.key in the data directory)")
	cmd.Flags().StringVar(&s.file, "roster", "", "sign offline on this roster file and add to it; without it the running node is asked and told")
}

// sign signs what ops gives for the roster, and keeps or submits it.
func (s *signing) sign(cmd *cobra.Command, ops func(*asked, time.Time) ([]roster.Operation, error)) error {
	now := time.Now()
	if s.rootKey == "" {
		dir, err := dataDir(cmd)
		if err != nil {
			return usagef("name the root key with --root-key FILE")
		}
		s.rootKey = filepath.Join(dir, node.FileRootKey)
	}
	var r *asked
	var err error
	if s.file != "" {
		r, err = rosterOfFile(s.file)
	} else {
		r, err = rosterOfNode(cmd)
	}
	if err != nil {
		return err
	}
	what, err := ops(r, now)
	if err != nil {
		return usageOf(err)
	}
	signed, err := datadir.SignRoster(r.Roster, s.rootKey, now, what...)
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
	_, records, err := roster.ParseFile(signed)
	if err != nil {
		return err
	}
	return submitRoster(cmd, r.node, records[len(records)-len(what):])
}

// end are the flags that name the last record of a log that counts.
type end struct {
	seq uint64
	id  string
}

func (e *end) flags(cmd *cobra.Command) {
	cmd.Flags().Uint64Var(&e.seq, "at", 0, "seq of the last record that counts; 0: none does")
	cmd.Flags().StringVar(&e.id, "id", "", "id of that record, 64 hex digits")
}

// given tells that a person has named the record.
func (e *end) given(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("at") || cmd.Flags().Changed("id")
}

// closing is the end of a node's log at the record that was named.
func (e *end) closing(n roster.Node, reason string) (*ct.Closing, error) {
	c := &ct.Closing{Log: n.Key, Seq: e.seq, ID: n.Delegation, Reason: reason}
	switch {
	case e.seq > 0 && e.id == "":
		return nil, errors.New("--id is missing: the id of the last record that counts")
	case e.seq > 0:
		var err error
		if c.ID, err = ct.ParseID(e.id); err != nil {
			return nil, fmt.Errorf("--id: %w", err)
		}
	}
	return c, nil
}

// held refuses a closing at a record that the node which is asked does not hold
// there: most likely it is mistyped, and every node would wait for it in vain.
func (a *asked) held(cmd *cobra.Command, c *ct.Closing) error {
	if a.node == nil || c.Seq == 0 {
		return nil
	}
	h := a.heads[c.Log.String()]
	if h != nil && h.Seq == c.Seq && h.Id == c.ID.String() {
		return nil
	}
	res, err := a.node.Record(cmd.Context(), connect.NewRequest(&apiv1.RecordRequest{Id: c.ID.String()}))
	switch {
	case connect.CodeOf(err) == connect.CodeNotFound:
		return withCode(exitConflict, fmt.Errorf("this node does not hold the record %s: check --at and --id (`herald roster show` says how far each log is held), or add --unseen when it is on a branch that is held elsewhere", c.ID.Short()))
	case err != nil:
		return a.node.explain(err)
	}
	e, err := wire.Decode(res.Msg.Record)
	if err != nil {
		return err
	}
	if e.Header.Log != c.Log || e.Header.Seq != c.Seq {
		return withCode(exitConflict, fmt.Errorf("the record %s is record %d of log %s, not record %d of log %s: check --at and --id", c.ID.Short(), e.Header.Seq, e.Header.Log.Short(), c.Seq, c.Log.Short()))
	}
	return nil
}

// retirement ends a node's log at its last record: the one that was named, or
// the one to which the node that is asked holds it.
func (a *asked) retirement(cmd *cobra.Command, key string, e *end) (roster.Operation, error) {
	n, err := nodeOf(a, key)
	if err != nil {
		return roster.Operation{}, err
	}
	if !e.given(cmd) {
		h := a.heads[n.Key.String()]
		switch {
		case h == nil:
			return roster.Operation{}, errors.New("a roster file does not say how far a log goes: give --at SEQ and --id ID, as `herald roster show` on a node prints them")
		case h.Contested:
			return roster.Operation{}, errors.New("the log has two branches: end it with `herald roster close`, at the record that holds")
		}
		*e = end{h.Seq, h.Id}
	}
	c, err := e.closing(n, "retired")
	if err == nil {
		err = a.held(cmd, c)
	}
	return roster.Operation{Closing: c}, err
}

func newRosterRetireCmd() *cobra.Command {
	var s signing
	var last end
	cmd := &cobra.Command{
		Use:   "retire LOG",
		Short: "End a node log of this State the normal way: at its last record",
		Long: `End a node log of this State the normal way, when its key is no longer to be used:
stop the node first, so that its last record is known to the others. All its records
go on counting, also for members who join after the key's window. LOG is the node key.

The running node of --data says how far it holds the log. Offline give --at and --id,
as ` + "`herald roster show`" + ` on a node prints them. To put a new node in the place of an
old one in one step: ` + "`herald roster delegate REQUEST --replaces LOG`" + `.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.sign(cmd, func(r *asked, _ time.Time) ([]roster.Operation, error) {
				op, err := r.retirement(cmd, args[0], &last)
				return []roster.Operation{op}, err
			})
		},
	}
	s.flags(cmd)
	last.flags(cmd)
	return cmd
}

func newRosterCloseCmd() *cobra.Command {
	var s signing
	var last end
	var reason, text, since string
	var unseen bool
	cmd := &cobra.Command{
		Use:   "close LOG --at SEQ --id ID --reason REASON",
		Short: "Cut off a node key of this State, at its last valid record",
		Long: `Cut off a node key of this State: its log ends at its last valid record. LOG is the
node key; ID is the record at SEQ, the last one that counts (` + "`herald list --state S --json`" + `
gives id and seq; for --at 0, when nothing counts, no id is needed). Every node then
disowns what comes after it and what is on another branch, shows again what a disowned
retraction hid, and cuts off the key. It cannot be undone: a new node needs a new key.
A second closing counts when its SEQ is lower: when the first was mistyped, or the key
was in other hands earlier than it seemed. A node that is asked (without --roster)
refuses a record that it does not hold, unless --unseen is given.

REASON is compromised, lost, forked, retired or error. --text names no person.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.sign(cmd, func(r *asked, _ time.Time) ([]roster.Operation, error) {
				n, err := nodeOf(r, args[0])
				if err != nil {
					return nil, err
				}
				c, err := last.closing(n, reason)
				if err != nil {
					return nil, err
				}
				c.Text = text
				if since != "" {
					when, err := dateOf(since)
					if err != nil {
						return nil, fmt.Errorf("--since: %w", err)
					}
					c.Since = ct.MillisOf(when)
				}
				if !unseen {
					err = r.held(cmd, c)
				}
				return []roster.Operation{{Closing: c}}, err
			})
		},
	}
	s.flags(cmd)
	last.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "compromised, lost, forked, retired or error")
	cmd.Flags().StringVar(&text, "text", "", "a few words for the other members, about no person (at most 256 bytes)")
	cmd.Flags().StringVar(&since, "since", "", "when the key may have come into other hands: 2026-05-01 or RFC 3339")
	cmd.Flags().BoolVar(&unseen, "unseen", false, "the record is on a branch that the node which is asked does not hold")
	_ = cmd.MarkFlagRequired("at") // fails only for a flag that is not defined
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func newRosterDelegateCmd() *cobra.Command {
	var s signing
	var last end
	var until, replaces string
	cmd := &cobra.Command{
		Use:   "delegate REQUEST",
		Short: "Name a further node of this State, by the request of `herald init`",
		Long: `Name a further node of this State. REQUEST is request.json of the new node's data
directory, made by ` + "`herald init --state S --root-key FILE`" + `. When the record is submitted,
export the roster, and the new node joins with ` + "`herald network join FILE`" + `.
With --replaces LOG the old node's log is retired first, as ` + "`herald roster retire`" + ` does.`,
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
			if replaces == "" && last.given(cmd) {
				return usagef("--at and --id name the last record of the log that --replaces names")
			}
			return s.sign(cmd, func(r *asked, now time.Time) (ops []roster.Operation, err error) {
				var end time.Time
				if until != "" {
					if end, err = dateOf(until); err != nil {
						return nil, fmt.Errorf("--until: %w", err)
					}
				}
				if replaces != "" {
					op, err := r.retirement(cmd, replaces, &last)
					if err != nil {
						return nil, err
					}
					ops = append(ops, op)
				}
				op, err := r.View.DelegationOf(req, end, now)
				return append(ops, op), err
			})
		},
	}
	s.flags(cmd)
	last.flags(cmd)
	cmd.Flags().StringVar(&until, "until", "", "end of the delegation (default: as late as the policy allows)")
	cmd.Flags().StringVar(&replaces, "replaces", "", "node key of this State whose log is retired")
	return cmd
}

func newRosterRenewCmd() *cobra.Command {
	var s signing
	var until string
	cmd := &cobra.Command{
		Use:   "renew LOG [--until DATE]",
		Short: "Let a node of this State speak for longer, at most 400 days from now",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.sign(cmd, func(r *asked, now time.Time) ([]roster.Operation, error) {
				n, err := nodeOf(r, args[0])
				if err != nil {
					return nil, err
				}
				var end time.Time
				if until != "" {
					if end, err = dateOf(until); err != nil {
						return nil, fmt.Errorf("--until: %w", err)
					}
				}
				return []roster.Operation{r.View.RenewalOf(n, end, now)}, nil
			})
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&until, "until", "", "the new end: 2027-05-01 (midnight UTC) or RFC 3339 (default: as late as the policy allows)")
	return cmd
}

// nodeOf finds a node by its key or a beginning of it that is no other's.
func nodeOf(r *asked, prefix string) (found roster.Node, err error) {
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
