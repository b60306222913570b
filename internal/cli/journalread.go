package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

func newJournalReadCmd() *cobra.Command {
	var keyFile string
	var after uint64
	cmd := &cobra.Command{
		Use:   "read",
		Short: "Print the journal",
		Long: `Print the entries of the journal, of a running node or of a directory. Whom an
entry is about is shown with --auditor-key alone: the secret half of the auditor's
key, or the node's storage key where no auditor is configured. A subject that is
sealed to another key is counted at the end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var key *keys.Sealing
			if keyFile != "" {
				var err error
				if key, err = loadAuditor(keyFile); err != nil {
					return err
				}
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			p := journalPrinter{cmd: cmd, key: key}
			for {
				res, err := c.JournalRead(cmd.Context(), connect.NewRequest(&apiv1.JournalReadRequest{After: after, Max: 1000}))
				if err = c.explain(err); exitCode(err) == exitUnreachable {
					break
				} else if err != nil {
					return err
				}
				for _, e := range res.Msg.Entries {
					if err := p.print(e); err != nil {
						return err
					}
					after = e.Seq
				}
				if len(res.Msg.Entries) == 0 {
					return p.end()
				}
			}
			return offlineJournal(cmd, func(j *journal.Journal) error {
				for {
					entries, err := j.Read(after, 1000)
					if err != nil {
						return err
					}
					for _, e := range entries {
						if err := p.print(api.JournalEntryOf(&e)); err != nil {
							return err
						}
						after = e.Seq
					}
					if len(entries) == 0 {
						return p.end()
					}
				}
			})
		},
	}
	cmd.Flags().StringVar(&keyFile, "auditor-key", "", "show whom entries are about, with this secret key")
	cmd.Flags().Uint64Var(&after, "after", 0, "entries after this number")
	return cmd
}

// loadAuditor takes an auditor's key, or the storage key that stands in for it.
func loadAuditor(path string) (*keys.Sealing, error) {
	key, err := keys.LoadAuditor(path)
	if err == nil {
		return key, nil
	}
	if storage, serr := keys.LoadStorage(path); serr == nil {
		return journal.OwnKey(storage)
	}
	return nil, usagef("%v", err)
}

type journalPrinter struct {
	cmd   *cobra.Command
	key   *keys.Sealing
	other int // subjects that are sealed to another key
}

func (p *journalPrinter) print(e *apiv1.JournalEntry) error {
	subject, kept := "", "none"
	switch {
	case len(e.Sealed) > 0:
		kept = "sealed"
		entry := journal.Entry{Seq: e.Seq, Sealed: e.Sealed}
		copy(entry.Commit[:], e.Commit)
		if p.key == nil {
			break
		}
		switch err := entry.Reveal(p.key); {
		case errors.Is(err, keys.ErrNotSealedToKey):
			p.other++
		case err != nil:
			return err
		default:
			subject, kept = string(entry.Subject), "shown"
		}
	case len(e.Commit) > 0:
		kept = "gone" // forgotten at once, or erased
	}
	if wantJSON(p.cmd) {
		return printJSON(p.cmd, struct {
			Seq     uint64          `json:"seq"`
			Time    string          `json:"time"`
			Act     string          `json:"act"`
			Actor   string          `json:"actor,omitempty"`
			Purpose string          `json:"purpose,omitempty"`
			Basis   string          `json:"basis,omitempty"`
			Case    string          `json:"case,omitempty"`
			Outcome string          `json:"outcome,omitempty"`
			Peer    string          `json:"peer,omitempty"`
			Of      uint64          `json:"of,omitempty"`
			Kept    string          `json:"kept"`
			Subject json.RawMessage `json:"subject,omitempty"`
			Hash    string          `json:"hash"`
		}{e.Seq, e.Time, e.Act, e.Actor, e.Purpose, e.Basis, e.Case, e.Outcome, e.Peer, e.Of, kept, asJSON(subject), e.Hash})
	}
	w := p.cmd.OutOrStdout()
	fmt.Fprintf(w, "%d %s %s", e.Seq, safe(e.Time), safe(e.Act))
	for _, f := range []struct{ name, value string }{
		{"by", e.Actor}, {"peer", e.Peer}, {"purpose", e.Purpose}, {"basis", e.Basis}, {"case", e.Case}, {"outcome", e.Outcome},
	} {
		if f.value != "" {
			fmt.Fprintf(w, " %s=%s", f.name, strconv.Quote(safe(f.value)))
		}
	}
	if e.Of > 0 {
		fmt.Fprintf(w, " of=%d", e.Of)
	}
	fmt.Fprintf(w, " subject=%s\n", kept)
	if subject != "" {
		fmt.Fprintf(w, "    %s\n", isolate(w, subject))
	}
	return nil
}

// asJSON is a document as it is, and other text as a string of JSON.
func asJSON(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	return quoted
}

func (p *journalPrinter) end() error {
	if p.other > 0 {
		return withCode(exitNotAllowed, fmt.Errorf("%d subjects are sealed to another key and stay closed", p.other))
	}
	return nil
}
