package cli

import (
	"fmt"
	"strconv"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newJournalCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "The node's tamper-evident audit journal",
		Long: `The journal holds who asked what, why and on which basis, and what was answered.
Its entries are chained; whom they are about is sealed to an auditor's key, so
that the node cannot read it later, and can be erased without breaking the chain.

  herald journal auditor auditor.key       makes a key pair; the node gets auditor.key.pub
                                           (auditor_key_file in herald.toml)
  herald journal read --auditor-key FILE   what the auditor reads`,
	}
	cmd.AddCommand(newJournalVerifyCmd(), newJournalReadCmd(), newJournalEraseCmd(), newJournalHeadsCmd(),
		newJournalAcceptCmd(), newAuditorCmd())
	return cmd
}

func newAuditorCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "auditor KEYFILE",
		Short: "Make an auditor's key pair",
		Long: `Make an auditor's key pair: KEYFILE is the secret half and belongs to the auditor
alone, on a machine that is not the node's; KEYFILE.pub is the public half, which
herald.toml names as auditor_key_file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := keys.NewSealing()
			if err != nil {
				return err
			}
			if err := keys.SaveAuditor(args[0], k); err != nil {
				return err
			}
			if wantJSON(cmd) {
				return printJSON(cmd, struct {
					Secret string `json:"secret"`
					Public string `json:"public"`
				}{args[0], args[0] + ".pub"})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: the auditor's secret key\n%s.pub: for the node's auditor_key_file\n", safe(args[0]), safe(args[0]))
			return err
		},
	}
}

// offlineJournal calls do with the journal of a node that does not run.
func offlineJournal(cmd *cobra.Command, do func(*journal.Journal) error) error {
	return offlineStore(cmd, func(s *store.Store, storage keys.Storage) error {
		j, err := journal.Open(s.Local(), storage)
		if err != nil {
			return err
		}
		return do(j)
	})
}

func newJournalEraseCmd() *cobra.Command {
	req := &apiv1.JournalEraseRequest{}
	var reason *freeText
	cmd := &cobra.Command{
		Use:   "erase SEQ",
		Short: "Erase for good whom an entry is about",
		Long: `Erase for good whom an entry is about. The entry itself stays, and another one says
that and why its subject was erased.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || seq == 0 {
				return usagef("%q is no number of an entry", args[0])
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := reason.must(cmd, c); err != nil {
				return err
			}
			req.Seq = seq
			_, err = c.JournalErase(cmd.Context(), connect.NewRequest(req))
			if err != nil {
				return c.explain(err)
			}
			if wantJSON(cmd) {
				return printJSON(cmd, struct {
					Seq    uint64 `json:"seq"`
					Erased bool   `json:"erased"`
				}{seq, true})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the subject of entry %d is erased\n", seq)
			return err
		},
	}
	reason = addFreeText(cmd, &req.Reason, "reason", "why, for the journal")
	cmd.Flags().StringVar(&req.Operator, "operator", "", "pseudonym for the journal")
	return cmd
}
