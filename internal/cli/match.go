package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// shortQuery is a person in four words, as a command line can give it.
type shortQuery struct {
	Name        string `json:"name,omitempty"`
	Birth       string `json:"birth,omitempty"`
	Nationality string `json:"nationality,omitempty"`
	Document    string `json:"document,omitempty"`
}

func newMatchCmd() *cobra.Command {
	var file string
	var short shortQuery
	var timeout, within, wait time.Duration
	req := &apiv1.MatchRequest{}
	var grounds *freeText
	cmd := &cobra.Command{
		Use:   "match -f QUERY|- --purpose P --basis B --case R --grounds-file FILE",
		Short: "Ask other States whether they know a person",
		Long: `Ask other States, and this node's own holdings, whether they know a person. The
query is JSON: a person as in a notification, or the short form

  {"name":"…","birth":"1965","nationality":"UTO","document":"…"}

Several queries, one after the other or as an array, are asked side by side and
answered in their order; each ends with its summary line. One that the node refuses
says so in its place ("error") and stops no other; the exit code is 8 then. Purpose, legal basis, case and grounds are
mandatory: they go into the journals of both sides, before any answer is shown.

Only what is compared leaves this node: names, births, nationalities, document and
identity numbers. Asylum and fled_from in the query keep it from the States that
the person has fled. The grounds come from a file; --grounds is for exercises.

A match is a lead for a person to look at, never an identification. A node that
did not answer has not said "no": the exit code is 0 when any answer is
POSSIBLE, 5 only when every node asked said NO_HIT, and 8 otherwise. For a node that
is known to be away nobody waits; it is shown with the time when it was last heard,
and counts as one that did not answer.

Every node of the States asked is asked, as each has holdings of its own, and
counted by itself. POSSIBLE comes first and alone: details only when a person
of that State, or a standing policy of it, releases them. ` + "`herald inbox`" + ` shows
when they have come; --wait-release waits for them here and shows each after
the summary line.

With --json a line an answer, and last a summary: "inbox" names where details will
show, "reason" why a node refused, "silent" the nodes without a usable answer and
"withheld" the States that were not asked, as the person fled them, "not_compared" what
of the query nobody can compare, or not fully. Each is left out where there is none.

Purposes: border-screening, investigation, detention-hand-over, protection.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			typed, err := grounds.read(cmd)
			if err != nil {
				return err
			}
			if err := mandatory(req); err != nil {
				return err
			}
			if timeout < time.Millisecond || timeout > 2*time.Minute {
				return usagef("--timeout %s: want 1ms to 2m", timeout)
			}
			req.TimeoutMs = uint32(timeout.Milliseconds())
			if within < 0 || within > 30*24*time.Hour || within%time.Second != 0 {
				return usagef("--release-within %s: want whole seconds up to 720h", within)
			}
			if wait < 0 || wait > 30*24*time.Hour {
				return usagef("--wait-release %s: want at most 720h", wait)
			}
			if len(req.States) == 0 && cmd.Flags().Changed("states") { // an empty variable of a script must not ask everybody
				return usagef("--states names none; leave it out to ask all")
			}
			req.ReleaseWithinS = uint32(within / time.Second)
			queries, err := matchQueries(cmd, file, short)
			if err != nil {
				return err
			}
			req.ExerciseOnly = typed || short != shortQuery{}
			return matchAll(cmd, c, req, queries, wait)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&file, "file", "f", "", "the query or queries, - for stdin")
	fl.StringVar(&req.Purpose, "purpose", "", "why the person is looked for")
	fl.StringVar(&req.Basis, "basis", "", "legal basis: national citation or resolution paragraph")
	fl.StringVar(&req.Case, "case", "", "the asker's case reference")
	grounds = addFreeText(cmd, &req.Grounds, "grounds", "why there are reasonable grounds to ask")
	fl.StringVar(&req.Operator, "operator", "", "pseudonym for the journals")
	fl.StringVar(&req.Priority, "priority", "", "routine, urgent or flash (default routine)")
	fl.StringSliceVar(&req.States, "states", nil, "ask only these States, for example UTO,XXA")
	fl.DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the answers; a node reached has 30s")
	fl.DurationVar(&within, "release-within", 0, "how long a release of details is wanted (default by priority 72h, 12h or 1h)")
	fl.DurationVar(&wait, "wait-release", 0, "after the answers, wait so long for details and show them")
	fl.StringVar(&short.Name, "name", "", "a name; in exercise networks only")
	fl.StringVar(&short.Birth, "birth", "", "with --name: birth date or year")
	fl.StringVar(&short.Nationality, "nationality", "", "with --name: State code")
	fl.StringVar(&short.Document, "document", "", "with --name or alone: document number")
	return cmd
}

// mandatory names every missing flag at once.
func mandatory(req *apiv1.MatchRequest) error {
	var missing []string
	for _, f := range []struct{ flag, value string }{
		{"--purpose", req.Purpose}, {"--basis", req.Basis}, {"--case", req.Case}, {"--grounds", req.Grounds},
	} {
		if strings.TrimSpace(f.value) == "" {
			missing = append(missing, f.flag)
		}
	}
	if len(missing) > 0 {
		return usagef("no request without %s: both journals record why a person is asked for", strings.Join(missing, ", "))
	}
	return nil
}

func matchQueries(cmd *cobra.Command, file string, short shortQuery) ([]document, error) {
	var docs []document
	switch {
	case short != shortQuery{} && file != "":
		return nil, usagef("either -f or --name, not both")
	case short != shortQuery{}:
		raw, err := json.Marshal(short)
		if err != nil {
			return nil, err
		}
		docs = []document{{raw, "command line", 1, 1}}
	default:
		data, name, err := readText(cmd, file)
		if err != nil {
			return nil, err
		}
		if docs, err = documents(name, data); err != nil {
			return nil, err
		}
	}
	for _, d := range docs {
		if _, err := ct.DecodeQuery(bytes.NewReader(d.raw)); err != nil {
			return nil, d.located(err)
		}
	}
	return docs, nil
}

func matchAll(cmd *cobra.Command, c *client, how *apiv1.MatchRequest, queries []document, wait time.Duration) error {
	var all apiv1.MatchSummary
	var open []string
	var refused, err error
	if len(queries) == 1 {
		var sum *apiv1.MatchSummary
		if how.Person, err = toStruct(queries[0].raw); err != nil {
			return queries[0].located(err)
		}
		if sum, open, err = matchOne(cmd, c, how); err != nil {
			return err
		}
		all.Asked, all.Possible, all.NoHit = sum.Asked, sum.Possible, sum.NoHit
	} else if open, refused, err = matchBatch(cmd, c, how, queries, &all); err != nil {
		return err
	}
	if wait > 0 {
		if err := waitReleases(cmd, c, open, wait, how.Operator); err != nil {
			return err
		}
	}
	if refused != nil {
		return refused
	}
	if code := matchExit(&all); code != exitOK {
		return withCode(code, nil)
	}
	return nil
}

// matchExit never lets silence or a refusal pass for "unknown person".
func matchExit(s *apiv1.MatchSummary) int {
	switch {
	case s.Possible > 0:
		return exitOK
	case s.Asked > 0 && s.NoHit == s.Asked:
		return exitNotFound
	}
	return exitPartial
}

// answerLine and summaryLine are what match prints for a program.
type (
	answerLine struct {
		State  string    `json:"state"`
		Node   string    `json:"node"`
		Answer string    `json:"answer"`
		Hits   []hitLine `json:"hits"`
		Reason string    `json:"reason,omitempty"`
		Inbox  string    `json:"inbox,omitempty"`
	}
	hitLine struct {
		Ref   string   `json:"ref"`
		Score float64  `json:"score"`
		Tier  string   `json:"tier"`
		Why   []string `json:"why"`
	}
	summaryLine struct {
		Query    int    `json:"query,omitempty"` // of several
		Error    string `json:"error,omitempty"` // it was not asked
		Asked    uint32 `json:"asked"`
		Answered uint32 `json:"answered"`
		Possible uint32 `json:"possible"`
		Refused  uint32 `json:"refused"`

		Silent   []silentLine `json:"silent,omitempty"`
		Withheld []string     `json:"withheld,omitempty"`
		Unread   []unreadLine `json:"not_compared,omitempty"`
	}
	unreadLine struct {
		Field string `json:"field"`
		Why   string `json:"why"`
	}
	silentLine struct {
		State string `json:"state"`
		Node  string `json:"node,omitempty"`
		Why   string `json:"why"`
		Since string `json:"since,omitempty"` // away: when it was last heard
	}
)

// matchSlack is what a node may take beside waiting for answers: its journal,
// its own holdings.
const matchSlack = 30 * time.Second

// matchOne asks for one person and prints what comes, as it comes. possible
// names the answers whose details may be released.
func matchOne(cmd *cobra.Command, c *client, req *apiv1.MatchRequest) (sum *apiv1.MatchSummary, possible []string, err error) {
	line := newAnsweredLine(cmd, time.Now().Add(time.Duration(req.TimeoutMs)*time.Millisecond))
	defer line.clear()
	sum, err = askMatch(cmd.Context(), c, req, func(a *apiv1.MatchAnswer) error {
		line.clear()
		if a.GetInbox() != "" {
			possible = append(possible, a.GetInbox())
		}
		if err := printAnswer(cmd, a); err != nil {
			return err
		}
		line.answered(a.GetAsked(), time.Now())
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	line.clear()
	return sum, possible, printSummary(cmd, sum, 0)
}

// askMatch asks for one person and gives the answers as they come.
func askMatch(ctx context.Context, c *client, req *apiv1.MatchRequest, each func(*apiv1.MatchAnswer) error) (*apiv1.MatchSummary, error) {
	// The node keeps the time; the rest is for one that hangs.
	ctx, cancel := context.WithTimeout(ctx, time.Duration(req.TimeoutMs)*time.Millisecond+matchSlack)
	defer cancel()
	in, err := c.Match(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, notNo(c.explain(err))
	}
	defer in.Close()
	for in.Receive() {
		if sum := in.Msg().GetSummary(); sum != nil {
			return sum, nil
		}
		if err := each(in.Msg().GetAnswer()); err != nil {
			return nil, err
		}
	}
	if err := in.Err(); err != nil {
		return nil, notNo(c.explain(err))
	}
	return nil, fmt.Errorf("the node ended its answers without a summary: %w", io.ErrUnexpectedEOF)
}

// answeredLine says on a terminal's stderr how many have answered and how long
// the others have.
type answeredLine struct {
	w        io.Writer // nil: nobody looks
	deadline time.Time
	n        uint32
	shown    bool
}

func newAnsweredLine(cmd *cobra.Command, deadline time.Time) *answeredLine {
	l := &answeredLine{deadline: deadline}
	if w := cmd.ErrOrStderr(); isTerminal(w) {
		l.w = w
	}
	return l
}

func (l *answeredLine) answered(asked uint32, now time.Time) {
	l.n++
	if l.w == nil || l.n >= asked {
		return
	}
	fmt.Fprint(l.w, l.text(asked, now))
	l.shown = true
}

func (l *answeredLine) text(asked uint32, now time.Time) string {
	return fmt.Sprintf("%d of %d answered, the others have %s", l.n, asked, max(0, l.deadline.Sub(now)).Round(time.Second))
}

func (l *answeredLine) clear() {
	if l.shown {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.shown = false
	}
}

// notNo keeps a refusal such as "no member of this network" from ending with
// the exit code that says that nobody knows the person.
func notNo(err error) error {
	if exitCode(err) == exitNotFound {
		return withCode(exitUsage, err)
	}
	return err
}

func printAnswer(cmd *cobra.Command, a *apiv1.MatchAnswer) error {
	if wantJSON(cmd) {
		return printJSON(cmd, answerLine{
			a.GetState(), a.GetNode(), a.GetAnswer(), append([]hitLine{}, hitLines(a.GetHits())...), a.GetReason(), a.GetInbox(),
		})
	}
	w := cmd.OutOrStdout()
	note := ""
	if a.GetOwn() {
		note = " (own holdings)"
	}
	if author, ok := strings.CutPrefix(a.GetReason(), "ask:"); ok && a.GetAnswer() == "POSSIBLE" {
		note += ": by a record of " + strings.ToUpper(author) + ", which is the one to ask"
	} else if a.GetReason() != "" {
		note += ": " + a.GetReason()
	}
	if a.GetInbox() != "" {
		note += ": details after a release, `herald inbox " + short(a.GetInbox()) + "`"
	}
	fmt.Fprintf(w, "%-4s %s  %s%s\n", safe(a.GetState()), short(a.GetNode()), safe(a.GetAnswer()), safe(note))
	for _, h := range a.GetHits() {
		fmt.Fprintf(w, "       %.3f %-8s %s\n             %s\n", h.Score, safe(h.Tier), safe(h.Ref), safe(strings.Join(h.Why, " ")))
	}
	return nil
}

// printSummary ends the answers to a query; query is its number among several, or 0.
func printSummary(cmd *cobra.Command, s *apiv1.MatchSummary, query int) error {
	if wantJSON(cmd) {
		line := summaryLine{Query: query, Asked: s.Asked, Answered: s.Answered, Possible: s.Possible, Refused: s.Refused, Withheld: s.Withheld}
		for _, q := range s.Silent {
			line.Silent = append(line.Silent, silentLine{q.State, q.Node, q.Why, q.Since})
		}
		for _, f := range s.NotCompared {
			line.Unread = append(line.Unread, unreadLine{f.Field, f.Why})
		}
		return printJSON(cmd, line)
	}
	w := cmd.OutOrStdout()
	for _, state := range s.Withheld {
		fmt.Fprintf(w, "%-4s not asked: the person seeks or has asylum from it\n", safe(state))
	}
	for _, q := range s.Silent {
		if q.Why == "away" {
			fmt.Fprintf(w, "%-4s %s  away, last heard %s: this is not a \"no\"\n", safe(q.State), cmp.Or(short(q.Node), "-"), cmp.Or(safe(q.Since), "before this node started"))
			continue
		}
		fmt.Fprintf(w, "%-4s %s  no usable answer (%s): this is not a \"no\"\n", safe(q.State), cmp.Or(short(q.Node), "-"), safe(q.Why))
	}
	for _, f := range s.NotCompared {
		fmt.Fprintf(w, "not compared: %s: %s\n", safe(f.Field), safe(f.Why))
	}
	_, err := fmt.Fprintf(w, "%d of %d nodes answered, %d possible, %d refused\n", s.Answered, s.Asked, s.Possible, s.Refused)
	return err
}
