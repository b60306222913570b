package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/structpb"
)

func newInboxCmd() *cobra.Command {
	var operator string
	cmd := &cobra.Command{
		Use:   "inbox [ID]",
		Short: "What waits for a person here, and what others have answered",
		Long: `List the match requests of other States that were answered POSSIBLE and wait for
a person here, the nearest deadline first, and the POSSIBLE answers that this
node got, with what became of them: waiting, released, withdrawn (what was
released was corrected or retracted since), expired or unanswered.

With an ID, or a unique prefix of one, one item whole: of a request the person
asked for and what a release would carry, of an answer what was released. The
journal holds who looked before anything is shown.

A request goes on with ` + "`herald release ID` or `herald refuse ID --reason R`" + `. What nobody
has dealt with by its deadline is dropped.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return showItem(cmd, c, args[0], operator)
			}
			return listInbox(cmd, c)
		},
	}
	cmd.Flags().StringVar(&operator, "operator", "", "pseudonym for the journal")
	return cmd
}

func newReleaseCmd() *cobra.Command {
	req := &apiv1.ReleaseRequest{}
	cmd := &cobra.Command{
		Use:   "release ID",
		Short: "Answer a waiting request with the details that may go out",
		Long: `Answer a waiting match request with what the handling of the record lets go: a
MATCH_RELEASE record for the State that asked, which survives outages and is
withdrawn by itself when the record or list entry behind it is corrected or
retracted. ` + "`herald inbox ID`" + ` shows beforehand what it would carry.

--withhold leaves out more: person, event, assessment, contact, births,
birth-places, nationalities, sex, documents, national-ids, external-refs,
misused-identity.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			req.Id = args[0]
			res, err := c.Release(cmd.Context(), connect.NewRequest(req))
			if err != nil {
				return c.explain(err)
			}
			if !wantJSON(cmd) {
				if err := printContent(cmd, res.Msg.Release, orderedRelease); err != nil {
					return err
				}
			}
			return printReceipt(cmd, res.Msg.Receipt, false)
		},
	}
	cmd.Flags().StringVar(&req.Operator, "operator", "", "pseudonym for the journal")
	cmd.Flags().StringSliceVar(&req.Withhold, "withhold", nil, "leave these out, for example documents,births")
	return cmd
}

func newRefuseCmd() *cobra.Command {
	req := &apiv1.RefuseRequest{}
	var reason *freeText
	cmd := &cobra.Command{
		Use:   "refuse ID --reason-file FILE|-",
		Short: "Drop a waiting request",
		Long: `Drop a waiting match request. The asking State is told nothing more than the
POSSIBLE it has, and nothing is held against it. The reason goes, sealed, to
the journal.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := reason.must(cmd, c); err != nil {
				return err
			}
			req.Id = args[0]
			if _, err = c.Refuse(cmd.Context(), connect.NewRequest(req)); err != nil {
				return c.explain(err)
			}
			if wantJSON(cmd) {
				return printJSON(cmd, struct {
					ID      string `json:"id"`
					Refused bool   `json:"refused"`
				}{req.Id, true})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "request %s is refused and waits no more\n", safe(req.Id))
			return err
		},
	}
	reason = addFreeText(cmd, &req.Reason, "reason", "why, for the journal")
	cmd.Flags().StringVar(&req.Operator, "operator", "", "pseudonym for the journal")
	return cmd
}

// inboxLine is an item for a program.
type inboxLine struct {
	Type     string          `json:"type"`
	ID       string          `json:"id"`
	State    string          `json:"state"`
	Node     string          `json:"node"`
	Purpose  string          `json:"purpose"`
	Basis    string          `json:"basis"`
	Case     string          `json:"case"`
	Operator string          `json:"operator"`
	Grounds  string          `json:"grounds"`
	Priority string          `json:"priority"`
	Tier     string          `json:"tier,omitempty"`
	Hits     []hitLine       `json:"hits,omitempty"`
	Received string          `json:"received"`
	Deadline string          `json:"deadline"`
	Status   string          `json:"status"`
	Times    uint32          `json:"times,omitempty"`
	Record   string          `json:"record,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Person   json.RawMessage `json:"person,omitempty"`
	Release  json.RawMessage `json:"release,omitempty"`
}

func lineOfItem(i *apiv1.InboxItem) inboxLine {
	return inboxLine{
		Type: i.GetType(), ID: i.GetId(), State: i.GetState(), Node: i.GetNode(), Purpose: i.GetPurpose(), Basis: i.GetBasis(),
		Case: i.GetCase(), Operator: i.GetOperator(), Grounds: i.GetGrounds(), Priority: i.GetPriority(), Tier: i.GetTier(),
		Hits: hitLines(i.GetHits()), Received: i.GetReceived(), Deadline: i.GetDeadline(), Status: i.GetStatus(), Times: i.GetTimes(),
		Record: i.GetRelease(), Reason: i.GetReason(),
	}
}

func hitLines(hits []*apiv1.MatchHit) (out []hitLine) {
	for _, h := range hits {
		out = append(out, hitLine{h.Ref, h.Score, h.Tier, append([]string{}, h.Why...)})
	}
	return out
}

func listInbox(cmd *cobra.Command, c *client) error {
	res, err := c.Inbox(cmd.Context(), connect.NewRequest(&apiv1.InboxRequest{}))
	if err != nil {
		return c.explain(err)
	}
	if wantJSON(cmd) {
		for _, i := range res.Msg.Items {
			if err := printJSON(cmd, lineOfItem(i)); err != nil {
				return err
			}
		}
		return nil
	}
	w := cmd.OutOrStdout()
	var requests, answers []*apiv1.InboxItem
	for _, i := range res.Msg.Items {
		if i.Type == "answer" {
			answers = append(answers, i)
		} else {
			requests = append(requests, i)
		}
	}
	if len(requests) == 0 {
		fmt.Fprintln(w, "no request waits for a person here")
	} else {
		t := newTable(w, "REQUEST", "STATE", "PURPOSE", "CASE", "PRIORITY", "TIER", "HITS", "DEADLINE", "GROUNDS")
		for _, i := range requests {
			t.row(short(i.Id), i.State, i.Purpose, i.Case, i.Priority, i.Tier, fmt.Sprint(len(i.Hits)), i.Deadline, i.Grounds)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if len(answers) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(w, "ANSWER", "STATE", "CASE", "ASKED", "DEADLINE", "STATUS", "RECORD")
	for _, i := range answers {
		status := i.Status
		if i.Reason != "" {
			status += ": " + i.Reason
		}
		record := i.Release
		if record != "" {
			record = short(record)
		}
		t.row(short(i.Id), i.State, i.Case, i.Received, i.Deadline, status, record)
	}
	return t.flush()
}

func showItem(cmd *cobra.Command, c *client, id, operator string) error {
	res, err := c.InboxShow(cmd.Context(), connect.NewRequest(&apiv1.InboxShowRequest{Id: id, Operator: operator}))
	if err != nil {
		return c.explain(err)
	}
	return printShown(cmd, res.Msg)
}

func orderedRelease(s *structpb.Struct) (json.RawMessage, error) { return ordered[ct.MatchRelease](s) }
func orderedPerson(s *structpb.Struct) (json.RawMessage, error)  { return ordered[ct.Person](s) }

func printShown(cmd *cobra.Command, m *apiv1.InboxShowResponse) error {
	line := lineOfItem(m.GetItem())
	if wantJSON(cmd) {
		var err error
		if m.Person != nil {
			if line.Person, err = orderedPerson(m.Person); err != nil {
				return err
			}
		}
		if m.Release != nil {
			if line.Release, err = orderedRelease(m.Release); err != nil {
				return err
			}
		}
		return printJSON(cmd, line)
	}
	w := cmd.OutOrStdout()
	t := newTable(w, strings.ToUpper(line.Type), line.ID)
	for _, f := range [][2]string{
		{"state", line.State}, {"node", line.Node}, {"status", line.Status}, {"reason", line.Reason}, {"asked", times(line.Times)}, {"purpose", line.Purpose},
		{"basis", line.Basis}, {"case", line.Case}, {"operator", line.Operator}, {"grounds", line.Grounds},
		{"priority", line.Priority}, {"received", line.Received}, {"deadline", line.Deadline}, {"record", line.Record},
	} {
		if f[1] != "" {
			t.row(f[0], f[1])
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, h := range line.Hits {
		fmt.Fprintf(w, "%.3f %-8s %s\n      %s\n", h.Score, safe(h.Tier), safe(h.Ref), safe(strings.Join(h.Why, " ")))
	}
	if m.Person != nil {
		fmt.Fprintln(w, "\nthe person asked for")
		if err := printContent(cmd, m.Person, orderedPerson); err != nil {
			return err
		}
	}
	switch {
	case m.Release == nil:
	case line.Type == "request":
		fmt.Fprintln(w, "\nwhat a release would carry")
	default:
		fmt.Fprintln(w, "\nwhat was released: a lead for a person to look at, never an identification")
	}
	return printContent(cmd, m.Release, orderedRelease)
}

// times says how often a State has asked; once needs no word.
func times(n uint32) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf("%d times", n)
}

// printContent prints a document a value a line.
func printContent(cmd *cobra.Command, s *structpb.Struct, order func(*structpb.Struct) (json.RawMessage, error)) error {
	if s == nil {
		return nil
	}
	raw, err := order(s)
	if err != nil {
		return err
	}
	values, err := leaves(raw)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	for _, l := range values {
		fmt.Fprintf(w, "  %-36s %s\n", safe(l.path), isolate(w, l.value))
	}
	return nil
}

// releasePoll is how often the node is asked for a release that is waited for.
const releasePoll = 500 * time.Millisecond

// stillOpen says how many waited in vain.
func stillOpen(cmd *cobra.Command, n int) error {
	if !wantJSON(cmd) {
		fmt.Fprintf(cmd.OutOrStdout(), "%d not released yet: `herald inbox` shows when they are\n", n)
	}
	return nil
}

// waitReleases shows what becomes of POSSIBLE answers, each once, until all
// are released or the time is over.
func waitReleases(cmd *cobra.Command, c *client, ids []string, wait time.Duration, operator string) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), wait)
	defer cancel()
	open := map[string]bool{}
	for _, id := range ids {
		open[id] = true
	}
	for len(open) > 0 {
		res, err := c.Inbox(ctx, connect.NewRequest(&apiv1.InboxRequest{}))
		switch {
		case cmd.Context().Err() != nil:
			return cmd.Context().Err()
		case err != nil && (ctx.Err() != nil || connect.CodeOf(err) == connect.CodeDeadlineExceeded):
			return stillOpen(cmd, len(open))
		case err != nil:
			return c.explain(err)
		}
		for _, i := range res.Msg.GetItems() {
			if i.Type != "answer" || !open[i.Id] || i.Status == "waiting" {
				continue
			}
			delete(open, i.Id)
			if err := showItem(cmd, c, i.Id, operator); err != nil {
				return err
			}
		}
		if len(open) == 0 {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(releasePoll):
		}
	}
	return nil
}
