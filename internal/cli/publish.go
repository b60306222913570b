package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/structpb"
)

func newPublishCmd() *cobra.Command {
	var file, operator, key string
	var dryRun, noWait bool
	var accept []string
	cmd := &cobra.Command{
		Use:   "publish -f FILE|-",
		Short: "Sign a notification and spread it",
		Long: `Sign notifications and spread them to every member.

The file holds one notification as JSON (see ` + "`herald example`" + `), several one after
the other, or an array of them; they are published in order. For each, after it
is durable on this node, one line is printed:

  {"id":…,"log":…,"seq":…}

While the node may not sign yet (it first asks its peers how far they know its
log) publish waits and says for what; --no-wait leaves the notification in the
outbox and prints {"waiting":KEY}.

What would reach a State that the person has fled, or seems to tell of religion,
ethnicity, health, political opinion, a union or sexual life in its free text, is
not signed (exit 6) before you have read the warnings of --dry-run and said so:
--accept asylum, --accept special-category.

Nor is what was published already and is in force: equal content is a conflict
(exit 6) that names the record; --accept duplicate publishes it all the same.
Who does not know whether a publication succeeded repeats it with the --key of the
first try: then the same line is printed again and nothing is signed twice, and the
same key with other content is a conflict. Of a file of several notifications the
key of the n-th is KEY/n. A key is kept until its record expires.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return publish(cmd, c, file, &apiv1.PublishRequest{DryRun: dryRun, NoWait: noWait, Operator: operator, Accept: accept, IdempotencyKey: key})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the notification or notifications, - for stdin")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check and show what would be signed; nothing is kept")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return at once when it cannot be signed yet")
	cmd.Flags().StringVar(&operator, "operator", "", "pseudonym for the journal")
	cmd.Flags().StringVar(&key, "key", "", "idempotency key: the same again with it publishes nothing twice")
	addAccept(cmd, &accept)
	return cmd
}

// addAccept gives a command the flag by which a person says that he has seen
// what a refusal has named.
func addAccept(cmd *cobra.Command, words *[]string) {
	cmd.Flags().StringSliceVar(words, "accept", nil, "sign in spite of warnings that you have read: asylum, special-category, duplicate")
}

func publish(cmd *cobra.Command, c *client, file string, how *apiv1.PublishRequest) error {
	data, name, err := readText(cmd, file)
	if err != nil {
		return err
	}
	docs, err := documents(name, data)
	if err != nil {
		return err
	}
	// All are read before the first is signed: a slip in the last one should
	// not leave half of them published.
	requests := make([]*apiv1.PublishRequest, len(docs))
	for i, d := range docs {
		n, err := ct.DecodeNotification(bytes.NewReader(d.raw))
		if err != nil {
			return d.located(err)
		}
		// The node judges once more, by its network's policy.
		if err := n.Validate(time.Now(), ct.Policy{}).Err(); err != nil {
			return fmt.Errorf("%s:%d:%d: %w", d.file, d.line, d.column, err)
		}
		s, err := toStruct(d.raw)
		if err != nil {
			return d.located(err)
		}
		key := how.IdempotencyKey
		if key != "" && len(docs) > 1 {
			key = fmt.Sprintf("%s/%d", key, i+1)
		}
		requests[i] = &apiv1.PublishRequest{
			Notification: s, DryRun: how.DryRun, NoWait: how.NoWait, Operator: how.Operator, Accept: how.Accept, IdempotencyKey: key,
		}
	}
	bar := newProgress(cmd, int64(len(docs)), "publishing")
	if len(docs) == 1 {
		bar = &progress{}
	}
	defer bar.done()
	warn := warnings{cmd: cmd}
	defer warn.rest()
	for i, req := range requests {
		r, err := publishOne(cmd, c, req)
		if err != nil && len(docs) > 1 {
			return fmt.Errorf("%s:%d:%d: %d of %d published: %w", docs[i].file, docs[i].line, docs[i].column, i, len(docs), err)
		} else if err != nil {
			return err
		}
		place := ""
		if len(docs) > 1 {
			place = fmt.Sprintf("%s:%d:%d: ", docs[i].file, docs[i].line, docs[i].column)
		}
		warn.show(place, r)
		if err := printReceipt(cmd, r, how.DryRun); err != nil {
			return err
		}
		bar.add(1)
	}
	return nil
}

// sayAfter is how long a publish may take before the user is told for what it
// waits.
const sayAfter = time.Second

// publishOne waits for the node and meanwhile says for what the node waits.
func publishOne(cmd *cobra.Command, c *client, req *apiv1.PublishRequest) (*apiv1.Receipt, error) {
	g, ctx := errgroup.WithContext(cmd.Context())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var receipt *apiv1.Receipt
	g.Go(func() error {
		defer cancel()
		res, err := c.Publish(ctx, connect.NewRequest(req))
		if err != nil {
			return c.explain(err)
		}
		receipt = res.Msg.Receipt
		return nil
	})
	g.Go(func() error {
		said := ""
		tick := time.NewTicker(sayAfter)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			st, err := c.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{}))
			if err != nil {
				continue
			}
			if why := strings.Join(st.Msg.Reasons, "; "); why != "" && why != said {
				said = why
				fmt.Fprintln(cmd.ErrOrStderr(), "waiting: "+safe(why))
			}
		}
	})
	err := g.Wait()
	if err != nil && cmd.Context().Err() != nil {
		return nil, withCode(exitInterrupted, errors.New("interrupted: what could not be signed yet stays in the outbox; see `herald outbox`"))
	}
	return receipt, err
}

// receiptLine is what publish prints for a program. Only the keys that apply
// are there.
type receiptLine struct {
	ID      string `json:"id,omitempty"`
	Log     string `json:"log,omitempty"`
	Seq     uint64 `json:"seq,omitempty"`
	Waiting string `json:"waiting,omitempty"`
	Why     string `json:"why,omitempty"`
}

// warnings shows what a human should look at, and of a long file only the
// first: a screen full of them is read by nobody.
type warnings struct {
	cmd    *cobra.Command
	hidden int
	shown  int
}

const maxWarnings = 10

// show takes a receipt's warnings; place says which document of a file they
// are about.
func (w *warnings) show(place string, r *apiv1.Receipt) {
	for _, text := range r.GetWarnings() {
		if w.shown == maxWarnings {
			w.hidden++
			continue
		}
		w.shown++
		fmt.Fprintln(w.cmd.ErrOrStderr(), place+"warning: "+safe(text))
	}
}

func (w *warnings) rest() {
	if w.hidden > 0 {
		fmt.Fprintf(w.cmd.ErrOrStderr(), "and %d more warnings: --dry-run shows those of one notification\n", w.hidden)
	}
}

// printReceipt tells what became of one document.
func printReceipt(cmd *cobra.Command, r *apiv1.Receipt, dryRun bool) error {
	if dryRun {
		return printPreview(cmd, r)
	}
	return printJSON(cmd, receiptLine{r.GetId(), r.GetLog(), r.GetSeq(), r.GetWaiting(), r.GetWhy()})
}

func printPreview(cmd *cobra.Command, r *apiv1.Receipt) error {
	if r.GetPreview() == nil {
		return printJSON(cmd, struct {
			DryRun bool `json:"dry_run"`
		}{true})
	}
	e, err := wholeOf(r.Preview)
	if err != nil {
		return err
	}
	e.ID = "" // nothing is signed, so there is none
	if wantJSON(cmd) {
		return printJSON(cmd, e)
	}
	fmt.Fprintln(cmd.OutOrStdout(), "would be signed (nothing was):")
	return renderEntry(cmd.OutOrStdout(), e)
}

func newOutboxCmd() *cobra.Command {
	var signNow, discard, reason string
	var why *freeText
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Show what waits to be signed, sign it now or drop it",
		Long: `Show what waits to be signed and for what. --sign-now signs one item although
the node has not heard yet how far its peers know its log. That can fork the
log when this directory was restored from a backup, so it wants a reason, which
goes to the journal. It does not sign what the key may not sign at all: when another
process signs with it, the log has forked or is closed, or the delegation has ended
(exit 4). --discard drops one item for good, with a reason too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			switch {
			case signNow == "" && discard == "":
				return listOutbox(cmd, c)
			case signNow != "" && discard != "":
				return usagef("either --sign-now or --discard, not both")
			}
			if err := why.must(cmd, c); err != nil {
				return err
			}
			if discard != "" {
				_, err := c.Discard(cmd.Context(), connect.NewRequest(&apiv1.DiscardRequest{Key: discard, Reason: reason}))
				return c.explain(err)
			}
			res, err := c.SignNow(cmd.Context(), connect.NewRequest(&apiv1.SignNowRequest{Key: signNow, Reason: reason}))
			if err != nil {
				return c.explain(err)
			}
			(&warnings{cmd: cmd}).show("", res.Msg.Receipt)
			return printReceipt(cmd, res.Msg.Receipt, false)
		},
	}
	cmd.Flags().StringVar(&signNow, "sign-now", "", "sign the item with this key now")
	cmd.Flags().StringVar(&discard, "discard", "", "drop the item with this key for good")
	why = addFreeText(cmd, &reason, "reason", "why, for the journal")
	return cmd
}

func listOutbox(cmd *cobra.Command, c *client) error {
	res, err := c.Outbox(cmd.Context(), connect.NewRequest(&apiv1.OutboxRequest{}))
	if err != nil {
		return c.explain(err)
	}
	if wantJSON(cmd) {
		for _, i := range res.Msg.Items {
			line := struct {
				Key   string `json:"key"`
				Kind  string `json:"kind"`
				Topic string `json:"topic"`
				Since string `json:"since"`
				Why   string `json:"why"`
				Fault string `json:"fault,omitempty"`
			}{i.Key, i.Kind, i.Topic, i.Since, i.Why, i.Fault}
			if err := printJSON(cmd, line); err != nil {
				return err
			}
		}
		return nil
	}
	if len(res.Msg.Items) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "nothing waits")
		return nil
	}
	t := newTable(cmd.OutOrStdout(), "KEY", "KIND", "TOPIC", "SINCE", "WAITS FOR")
	for _, i := range res.Msg.Items {
		why := i.Why
		if i.Fault != "" {
			why = "cannot be signed: " + i.Fault
		}
		t.row(i.Key, i.Kind, i.Topic, i.Since, why)
	}
	return t.flush()
}

func newRetractCmd() *cobra.Command {
	var reason, text, operator string
	var accept []string
	var remark *freeText
	cmd := &cobra.Command{
		Use:   "retract ID --reason REASON",
		Short: "Withdraw a notification of the own State",
		Long: `Withdraw a notification of the own State. It is hidden at once on every node
that the retraction reaches, and its content is erased everywhere after the
network's grace period. A unique prefix of the id is enough.

Reasons: mistaken-identity, purpose-achieved, court-order, unlawful, acquitted,
deceased, error, superseded.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if reason == "" {
				return usagef("no --reason: mistaken-identity, purpose-achieved, court-order, unlawful, acquitted, deceased or error")
			}
			if err := remark.may(cmd, c); err != nil {
				return err
			}
			res, err := c.Retract(cmd.Context(), connect.NewRequest(&apiv1.RetractRequest{
				Id: args[0], Reason: reason, Text: text, Operator: operator, Accept: accept,
			}))
			if err != nil {
				return c.explain(err)
			}
			(&warnings{cmd: cmd}).show("", res.Msg.Receipt)
			return printReceipt(cmd, res.Msg.Receipt, false)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why it is withdrawn")
	remark = addFreeText(cmd, &text, "text", "a remark for the readers; no personal data")
	addAccept(cmd, &accept)
	cmd.Flags().StringVar(&operator, "operator", "", "pseudonym for the journal")
	return cmd
}

// toStruct makes a message of one JSON object.
func toStruct(raw []byte) (*structpb.Struct, error) {
	s := new(structpb.Struct)
	if err := s.UnmarshalJSON(raw); err != nil {
		return nil, errors.New("not a JSON object") // the parser's text would quote it
	}
	return s, nil
}

// ordered gives the JSON of a message's content in the field order of T, as
// people and programs know it from herald's own files.
func ordered[T any](s *structpb.Struct) (json.RawMessage, error) {
	raw, err := s.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var v T
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&v) != nil {
		return raw, nil // a newer node knows more fields than we do: as they came
	}
	var out bytes.Buffer
	if err := writeJSON(&out, v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
