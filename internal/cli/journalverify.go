package cli

import (
	"encoding/hex"
	"fmt"
	"path/filepath"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/node"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newJournalVerifyCmd() *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Recompute the journal's whole chain",
		Long: `Recompute the whole chain of the journal: any entry that was changed, removed,
moved or cut off is found, from the checkpoint on that stands for the entries
whose time was over. It asks the node when one runs and reads the
directory when none does.

Who holds all keys of the node could write the whole journal anew. That is found
with what other nodes were told in its beacons: --heads takes what their
operators print with

  herald journal heads --json > heads.jsonl

and the journal must lead to each head of this node that stands there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var heads []*apiv1.JournalHead
			for _, f := range files {
				more, err := readHeads(cmd, f)
				if err != nil {
					return err
				}
				heads = append(heads, more...)
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := c.JournalVerify(cmd.Context(), connect.NewRequest(&apiv1.JournalVerifyRequest{Heads: heads}))
			switch err = c.explain(err); {
			case exitCode(err) == exitUnreachable:
				return verifyOffline(cmd, heads)
			case err != nil:
				return err
			}
			return printJournal(cmd, res.Msg, len(heads) > 0)
		},
	}
	cmd.Flags().StringArrayVar(&files, "heads", nil, "what another node remembers of this one's journal (repeatable)")
	return cmd
}

func verifyOffline(cmd *cobra.Command, heads []*apiv1.JournalHead) error {
	var told []journal.Told
	if len(heads) > 0 {
		dir, err := dataDir(cmd)
		if err != nil {
			return err
		}
		key, err := keys.Load(filepath.Join(dir, node.FileNodeKey))
		if err != nil {
			return err
		}
		told = node.ToldOf(key.Public(), apiHeads(heads))
	}
	return offlineJournal(cmd, func(j *journal.Journal) error {
		s, err := node.VerifyJournal(j, told)
		if err != nil {
			return err
		}
		return printJournal(cmd, s.Message(), len(heads) > 0)
	})
}

// apiHeads are heads that readHeads has checked.
func apiHeads(heads []*apiv1.JournalHead) (out []api.JournalHead) {
	for _, h := range heads {
		line := api.JournalHead{Entries: h.Entries, Alarm: h.Alarm, WasEntries: h.WasEntries}
		_, _ = hex.Decode(line.Node[:], []byte(h.Node))
		_, _ = hex.Decode(line.Head[:], []byte(h.Head))
		_, _ = hex.Decode(line.WasHead[:], []byte(h.WasHead))
		out = append(out, line)
	}
	return out
}

func printJournal(cmd *cobra.Command, j *apiv1.JournalVerifyResponse, compared bool) error {
	if wantJSON(cmd) {
		line := struct {
			Entries        uint64  `json:"entries"`
			Head           string  `json:"head"`
			Checkpoint     uint64  `json:"checkpoint,omitempty"`
			CheckpointHash string  `json:"checkpoint_hash,omitempty"`
			Fitting        *uint32 `json:"fitting,omitempty"`
		}{j.Entries, j.Head, j.Checkpoint, j.CheckpointHash, nil}
		if compared {
			line.Fitting = &j.Fitting
		}
		if err := printJSON(cmd, line); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "%d entries, all in order\n", j.Entries-j.Checkpoint)
		if j.Checkpoint > 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "checkpoint %d, %s: the entries up to it were removed, since their time was over\n", j.Checkpoint, safe(j.CheckpointHash))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "head %d, %s\n", j.Entries, safe(j.Head))
	}
	switch {
	case compared && j.Fitting == 0:
		return usagef("none of the heads given is of this node: nothing was compared")
	case compared && !wantJSON(cmd):
		fmt.Fprintf(cmd.OutOrStdout(), "%d heads that others remember lie on it\n", j.Fitting)
	}
	return nil
}
