package cli

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/journal"
	"github.com/herald-net/herald/internal/keys"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
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

func newJournalVerifyCmd() *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Recompute the journal's whole chain",
		Long: `Recompute the whole chain of the journal: any entry that was changed, removed,
moved or cut off is found. It asks the node when one runs and reads the
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
			return printJournal(cmd, res.Msg.Entries, res.Msg.Head, int(res.Msg.Fitting), len(heads) > 0)
		},
	}
	cmd.Flags().StringArrayVar(&files, "heads", nil, "what another node remembers of this one's journal (repeatable)")
	return cmd
}

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
	data, name, err := readInput(cmd, path)
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

// offlineJournal calls do with the journal of a node that does not run.
func offlineJournal(cmd *cobra.Command, do func(*journal.Journal) error) (err error) {
	cfg, err := storeConfig(cmd)
	if err != nil {
		return err
	}
	s, err := store.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	j, err := journal.Open(s.Local(), cfg.Key)
	if err != nil {
		return err
	}
	return do(j)
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
		n, err := j.Verify(told...)
		if err != nil {
			return err
		}
		_, head := j.Head()
		return printJournal(cmd, n, hex.EncodeToString(head[:]), len(told), len(heads) > 0)
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

func printJournal(cmd *cobra.Command, entries uint64, head string, fitting int, compared bool) error {
	if wantJSON(cmd) {
		line := struct {
			Entries uint64 `json:"entries"`
			Head    string `json:"head"`
			Fitting *int   `json:"fitting,omitempty"`
		}{entries, head, nil}
		if compared {
			line.Fitting = &fitting
		}
		if err := printJSON(cmd, line); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "%d entries, all in order\nhead %s\n", entries, safe(head))
	}
	switch {
	case compared && fitting == 0:
		return usagef("none of the heads given is of this node: nothing was compared")
	case compared && !wantJSON(cmd):
		fmt.Fprintf(cmd.OutOrStdout(), "%d heads that others remember lie on it\n", fitting)
	}
	return nil
}

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

func newJournalEraseCmd() *cobra.Command {
	var reason string
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
			_, err = c.JournalErase(cmd.Context(), connect.NewRequest(&apiv1.JournalEraseRequest{Seq: seq, Reason: reason}))
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
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the journal")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
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
	var reason string
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
			_, err = c.JournalAccept(cmd.Context(), connect.NewRequest(&apiv1.JournalAcceptRequest{Node: args[0], Reason: reason}))
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
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the journal")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}
