package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// entryLine is one record in list and tail: these keys and no others.
type entryLine struct {
	ID       string `json:"id"`
	Log      string `json:"log"`
	Seq      uint64 `json:"seq"`
	Cursor   uint64 `json:"cursor"`
	State    string `json:"state"`
	Kind     string `json:"kind"`
	Topic    string `json:"topic"`
	Issued   string `json:"issued"`
	Expires  string `json:"expires"`
	Readable bool   `json:"readable"`
	Priority string `json:"priority,omitempty"`
	TLP      string `json:"tlp,omitempty"`
	What     string `json:"what,omitempty"` // happened; nothing of the person
}

// whole is one record in get: its line, the rest of its header and its content.
type whole struct {
	entryLine
	Audience     string          `json:"audience,omitempty"`
	Refs         []ref           `json:"refs,omitempty"`
	BodySize     uint32          `json:"body_size"`
	Exercise     bool            `json:"exercise"`
	Unreadable   string          `json:"unreadable,omitempty"`
	Hidden       bool            `json:"hidden,omitempty"`
	Contested    bool            `json:"contested,omitempty"`
	Notification json.RawMessage `json:"notification,omitempty"`
	Retraction   json.RawMessage `json:"retraction,omitempty"`
	Addresses    json.RawMessage `json:"addresses,omitempty"`
	Delegation   json.RawMessage `json:"delegation,omitempty"`
	Renewal      json.RawMessage `json:"renewal,omitempty"`
	Closing      json.RawMessage `json:"closing,omitempty"`
	Release      json.RawMessage `json:"match_release,omitempty"`
	History      []whole         `json:"history,omitempty"`
}

type ref struct {
	Log string `json:"log"`
	Seq uint64 `json:"seq"`
	ID  string `json:"id"`
}

func lineOf(e *apiv1.Entry) entryLine {
	return entryLine{e.Id, e.Log, e.Seq, e.Cursor, e.State, e.Kind, e.Topic, e.Issued, e.Expires, e.Readable, e.Priority, e.Tlp, e.What}
}

func wholeOf(e *apiv1.Entry) (whole, error) {
	w := whole{
		entryLine: lineOf(e), Audience: e.Audience, BodySize: e.BodySize,
		Exercise: e.Exercise, Unreadable: e.Unreadable, Hidden: e.Hidden, Contested: e.Contested,
	}
	for _, r := range e.Refs {
		w.Refs = append(w.Refs, ref{r.Log, r.Seq, r.Id})
	}
	if e.Content == nil {
		return w, nil
	}
	var err error
	switch e.Kind {
	case ct.KindNotification.String():
		w.Notification, err = ordered[ct.Notification](e.Content)
	case ct.KindRetract.String():
		w.Retraction, err = ordered[ct.Retraction](e.Content)
	case ct.KindAddress.String():
		w.Addresses, err = ordered[ct.Addresses](e.Content)
	case ct.KindDelegation.String():
		w.Delegation, err = ordered[ct.Delegation](e.Content)
	case ct.KindRenewal.String():
		w.Renewal, err = ordered[ct.Renewal](e.Content)
	case ct.KindMatchRelease.String():
		w.Release, err = orderedRelease(e.Content)
	case ct.KindClosing.String():
		w.Closing, err = ordered[ct.Closing](e.Content)
	}
	return w, err
}

// filterFlags adds the flags that narrow the feed.
func filterFlags(cmd *cobra.Command) *apiv1.Filter {
	f := &apiv1.Filter{}
	cmd.Flags().StringSliceVar(&f.Topic, "topic", nil, "any of travel, arrival, deportation, detention, receipt")
	cmd.Flags().StringSliceVar(&f.State, "state", nil, "any of these issuing States, for example UTO")
	cmd.Flags().StringSliceVar(&f.Kind, "kind", nil, "any of notification, retract, …")
	cmd.Flags().StringVar(&f.Since, "since", "", "issued at this time or later, for example 2026-11-28T14:00:00Z")
	cmd.Flags().BoolVar(&f.All, "all", false, "also the records that carry the network itself")
	return f
}

const pageSize = 500

func newListCmd() *cobra.Command {
	var after, limit uint64
	var contents bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the records that this node holds, in order of arrival",
		Long: `List the records that this node holds, in order of arrival: who says what, with
priority and marking. Persons are named with --contents alone; with --json that
prints each record whole, as herald get does.`,
		Args: cobra.NoArgs,
	}
	filter := filterFlags(cmd)
	cmd.Flags().BoolVar(&contents, "contents", false, "also who it is about; with --json each record whole")
	cmd.Flags().Uint64Var(&after, "after", 0, "only what arrived after this cursor")
	cmd.Flags().Uint64Var(&limit, "limit", 0, "at most this many; 0: all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd)
		if err != nil {
			return err
		}
		show := entryPrinter(cmd, contents)
		for shown := uint64(0); ; {
			size := uint64(pageSize)
			if limit > 0 {
				size = min(size, limit-shown)
			}
			res, err := c.List(cmd.Context(), connect.NewRequest(&apiv1.ListRequest{Filter: filter, After: after, Max: uint32(size), Contents: contents}))
			if err != nil {
				return c.explain(err)
			}
			for _, e := range res.Msg.Entries {
				if err := show(e); err != nil {
					return err
				}
			}
			shown += uint64(len(res.Msg.Entries))
			if uint64(len(res.Msg.Entries)) < size || shown == limit {
				return nil
			}
			after = res.Msg.Next
		}
	}
	return cmd
}

func newTailCmd() *cobra.Command {
	var after, limit uint64
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow what arrives",
		Long: `Follow what arrives, until interrupted. Each line carries its cursor; --after
CURSOR goes on from there without gap or repetition, --after 0 begins with the
oldest record. Without --after only what arrives from now on is shown. A slow
reader lags and loses nothing. When the node is restarted the tail waits and goes
on by itself.`,
		Args: cobra.NoArgs,
	}
	filter := filterFlags(cmd)
	cmd.Flags().Uint64Var(&after, "after", 0, "begin after this cursor")
	cmd.Flags().Uint64Var(&limit, "limit", 0, "end after this many; 0: never")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := newClient(cmd)
		if err != nil {
			return err
		}
		st, err := c.Status(cmd.Context(), connect.NewRequest(&apiv1.StatusRequest{}))
		if err != nil {
			return c.explain(err)
		}
		if !cmd.Flags().Changed("after") {
			after = st.Msg.Cursor
		}
		return follow(cmd, c, filter, after, limit, entryPrinter(cmd, false))
	}
	return cmd
}

// entryPrinter shows entries as they come: JSON lines, or columns of a fixed
// width, so that a long list needs no memory and a tail no second look.
func entryPrinter(cmd *cobra.Command, contents bool) func(*apiv1.Entry) error {
	if wantJSON(cmd) {
		return func(e *apiv1.Entry) error {
			if !contents {
				return printJSON(cmd, lineOf(e))
			}
			w, err := wholeOf(e)
			if err != nil {
				return err
			}
			return printJSON(cmd, w)
		}
	}
	const columns = "%-8s %-12s %-5s %-14s %-11s %-8s %-12s %-24s %s\n"
	w := cmd.OutOrStdout()
	headed := false
	return func(e *apiv1.Entry) error {
		if !headed {
			headed = true
			fmt.Fprintf(w, columns, "CURSOR", "ID", "STATE", "KIND", "TOPIC", "PRIORITY", "TLP", "ISSUED", "CONTENT")
		}
		content := cmp.Or(e.What, "readable")
		if !e.Readable {
			content = e.Unreadable
		}
		content = safe(content)
		if who := subjectOf(e); who != "" {
			content += "  " + isolate(w, who)
		}
		_, err := fmt.Fprintf(w, columns, fmt.Sprint(e.Cursor), short(e.Id), safe(e.State), safe(e.Kind), safe(e.Topic),
			safe(e.Priority), safe(e.Tlp), safe(e.Issued), content)
		return err
	}
}

// subjectOf is the first name of whom an entry with its content is about.
func subjectOf(e *apiv1.Entry) string {
	if e.Content == nil || e.Kind != ct.KindNotification.String() {
		return ""
	}
	names := e.Content.Fields["person"].GetStructValue().GetFields()["names"].GetListValue().GetValues()
	if len(names) == 0 {
		return ""
	}
	n := names[0].GetStructValue().GetFields()
	if full := n["full"].GetStringValue(); full != "" {
		return full
	}
	var parts []string
	for _, p := range n["parts"].GetListValue().GetValues() {
		parts = append(parts, p.GetStringValue())
	}
	return strings.Join(parts, " ")
}

// short is as much of an id as people compare and type.
func short(id string) string { return id[:min(len(id), 12)] }

func newGetCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "get ID|list:LIST/ENTRY",
		Short: "Show one record with its history, or one person of a list",
		Long: `Show one record and what refers to it. A unique prefix of the id is enough. What
a match names as list:LIST/ENTRY is a person of one of this State's own lists.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := c.Get(cmd.Context(), connect.NewRequest(&apiv1.GetRequest{Id: args[0]}))
			if err != nil {
				return c.explain(err)
			}
			if l := res.Msg.ListEntry; l != nil {
				return printListed(cmd, l)
			}
			w, err := wholeOf(res.Msg.Entry)
			if err != nil {
				return err
			}
			for _, e := range res.Msg.History {
				h, err := wholeOf(e)
				if err != nil {
					return err
				}
				w.History = append(w.History, h)
			}
			if wantJSON(cmd) {
				return printJSON(cmd, w)
			}
			return renderEntry(cmd.OutOrStdout(), w)
		},
	}
}

// renderEntry shows a record to a person, field by field.
func renderEntry(w io.Writer, e whole) error {
	if e.Exercise {
		fmt.Fprintln(w, "EXERCISE: nothing in this network is real")
	}
	t := newTable(w, "FIELD", "VALUE")
	t.row("id", e.ID)
	t.row("state", e.State)
	t.row("kind", e.Kind)
	t.row("topic", e.Topic)
	t.row("priority", e.Priority)
	t.row("tlp", e.TLP)
	t.row("audience", e.Audience)
	t.row("issued", e.Issued)
	t.row("expires", e.Expires)
	t.row("log", fmt.Sprintf("%s, seq %d", e.Log, e.Seq))
	for _, r := range e.Refs {
		t.row("refers to", r.ID)
	}
	if e.Contested {
		t.row("contested", "the log is forked: another record claims this place")
	}
	if !e.Readable {
		t.row("content", e.Unreadable)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, content := range []json.RawMessage{e.Notification, e.Retraction, e.Addresses, e.Delegation, e.Renewal, e.Closing, e.Release} {
		if content == nil {
			continue
		}
		all, err := leaves(content)
		if err != nil {
			return err
		}
		for _, l := range all {
			fmt.Fprintf(w, "  %s: %s\n", safe(l.path), isolate(w, l.value))
		}
	}
	for _, h := range e.History {
		fmt.Fprintf(w, "\n%s by %s at %s (%s)\n", safe(h.Kind), safe(h.State), safe(h.Issued), short(h.ID))
		if h.Retraction != nil {
			all, err := leaves(h.Retraction)
			if err != nil {
				return err
			}
			for _, l := range all {
				fmt.Fprintf(w, "  %s: %s\n", safe(l.path), isolate(w, l.value))
			}
		}
	}
	return nil
}
