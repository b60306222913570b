package cli

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// headLine is one line of `herald journal heads --json`.
type headLine struct {
	State      string `json:"state"`
	Node       string `json:"node"`
	Entries    uint64 `json:"entries"`
	Head       string `json:"head"`
	Told       string `json:"told"`
	Alarm      bool   `json:"alarm"`
	WasEntries uint64 `json:"was_entries,omitempty"`
	WasHead    string `json:"was_head,omitempty"`
	WasTold    string `json:"was_told,omitempty"`
}

func readHeads(cmd *cobra.Command, path string) ([]*apiv1.JournalHead, error) {
	data, name, err := readText(cmd, path)
	if err != nil {
		return nil, err
	}
	docs, err := documents(name, data)
	if err != nil {
		return nil, err
	}
	var out []*apiv1.JournalHead
	for _, d := range docs {
		var h headLine
		err := json.Unmarshal(d.raw, &h)
		if err == nil && (!isHash(h.Node) || !isHash(h.Head) || h.Alarm && !isHash(h.WasHead)) {
			err = errors.New("no line of `herald journal heads --json`")
		}
		if err != nil {
			return nil, usagef("%s:%d: %v", name, d.line, err)
		}
		out = append(out, &apiv1.JournalHead{
			State: h.State, Node: h.Node, Entries: h.Entries, Head: h.Head, Told: h.Told,
			Alarm: h.Alarm, WasEntries: h.WasEntries, WasHead: h.WasHead, WasTold: h.WasTold,
		})
	}
	return out, nil
}

func isHash(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32
}

func newJournalHeadsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "heads",
		Short: "Show what this node remembers of the journals of others",
		Long: `Show what the beacons of other nodes have told of their journals: how many entries,
and the hash of the last. An alarm tells of a node whose journal is not any more
the one that it told of before: it was restored from a backup, or written anew.
With --json this is what 'herald journal verify --heads' of those nodes takes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := c.JournalHeads(cmd.Context(), connect.NewRequest(&apiv1.JournalHeadsRequest{}))
			if err != nil {
				return c.explain(err)
			}
			if wantJSON(cmd) {
				for _, h := range res.Msg.Heads {
					err := printJSON(cmd, headLine{h.State, h.Node, h.Entries, h.Head, h.Told, h.Alarm, h.WasEntries, h.WasHead, h.WasTold})
					if err != nil {
						return err
					}
				}
				return nil
			}
			if len(res.Msg.Heads) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no node has told of its journal yet")
				return nil
			}
			t := newTable(cmd.OutOrStdout(), "STATE", "NODE", "ENTRIES", "HEAD", "TOLD", "ALARM")
			for _, h := range res.Msg.Heads {
				alarm := ""
				if h.Alarm {
					alarm = fmt.Sprintf("had told of %d entries, %s", h.WasEntries, short(h.WasHead))
				}
				t.row(h.State, short(h.Node), strconv.FormatUint(h.Entries, 10), short(h.Head), h.Told, alarm)
			}
			return t.flush()
		},
	}
}

func newJournalAcceptCmd() *cobra.Command {
	req := &apiv1.JournalAcceptRequest{}
	var reason *freeText
	cmd := &cobra.Command{
		Use:   "accept NODE",
		Short: "End the alarm about another node's journal",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := ct.ParseLogID(args[0]); err != nil {
				return usagef("%q is no node: want 64 hex digits, as `herald journal heads --json` shows them", args[0])
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := reason.must(cmd, c); err != nil {
				return err
			}
			req.Node = args[0]
			_, err = c.JournalAccept(cmd.Context(), connect.NewRequest(req))
			if err != nil {
				return c.explain(err)
			}
			if wantJSON(cmd) {
				return printJSON(cmd, struct {
					Node     string `json:"node"`
					Accepted bool   `json:"accepted"`
				}{args[0], true})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the journal of node %s is taken as it is now\n", short(args[0]))
			return err
		},
	}
	reason = addFreeText(cmd, &req.Reason, "reason", "why, for the journal")
	cmd.Flags().StringVar(&req.Operator, "operator", "", "pseudonym for the journal")
	return cmd
}
