package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/herald-net/herald/internal/api"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// importChunk is the size of one message of an upload, in bytes.
const importChunk = 256 << 10

func newImportCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Load one of this State's own lists",
		Long: `Load a list of persons that match requests are then answered from. A list stays
on this node and is never spread. A new import replaces the list of the same
name as a whole; a broken file leaves it as it was.

A value that cannot be read is left out of its person and told with its line and
field; so is one that is kept and cannot be compared, or not fully. A row without a usable id or name is rejected; whoever was on the list and
is rejected now stays on it as he was, and when a rejected row has no id that can
be read, nobody leaves the list. Rows of one id are one person. When anything was
left out, not compared or rejected the exit code is 8. A list that would lose more than a tenth
of its persons is refused with 6, unless --accept-shrink says that this is meant;
with it an empty file empties the list. herald lists shows the lists, and
herald lists rm takes one away.

What --tlp, --basis, --source, --date and --review say holds until it is said anew.`,
	}
	cmd.AddCommand(
		importCmd("un", "The UN Security Council Consolidated List (XML)", api.ListUN),
		importCmd("persons", `persons in JSON {"id","names":[{"full"}],"births":[],…}`, "national"),
	)
	return cmd
}

func importCmd(kind, what, list string) *cobra.Command {
	var accept bool
	about := &apiv1.ListAbout{}
	cmd := &cobra.Command{
		Use:   kind + " FILE|-",
		Short: what,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := upload(cmd, c, args[0], &apiv1.ImportRequest{Kind: kind, List: list, AcceptShrink: accept, About: about})
			if err != nil {
				return err
			}
			if err := printImport(cmd, list, res); err != nil {
				return err
			}
			if res.Rejected+res.LeftOut+res.NotCompared > 0 {
				return withCode(exitPartial, nil)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&list, "list", list, "name of the list to replace")
	cmd.Flags().BoolVar(&accept, "accept-shrink", false, "the list may lose more than a tenth of its persons")
	cmd.Flags().StringVar(&about.Tlp, "tlp", "", "marking of every entry: CLEAR, GREEN, AMBER (unless said otherwise), AMBER+STRICT, RED")
	cmd.Flags().StringVar(&about.Basis, "basis", "", "legal basis of keeping the list")
	cmd.Flags().StringVar(&about.Source, "source", "", "who made the list")
	cmd.Flags().StringVar(&about.Date, "date", "", "when it was made, such as 2026-12-31")
	cmd.Flags().StringVar(&about.Review, "review", "", "when somebody must look whether it is still needed")
	return cmd
}

func upload(cmd *cobra.Command, c *client, path string, first *apiv1.ImportRequest) (*apiv1.ImportResponse, error) {
	in, name, err := openInput(cmd, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	total := int64(-1)
	if f, ok := in.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			total = st.Size()
		}
	}
	bar := newByteProgress(cmd, total, "importing")
	defer bar.done()
	// A file that cannot be read to its end must not look complete to the
	// node: cancelling breaks the stream off instead of ending it.
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	out := c.Import(ctx)
	msg, buf := first, make([]byte, importChunk)
	for {
		n, err := io.ReadFull(in, buf)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			cancel()
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		msg.Chunk = buf[:n]
		if sendErr := out.Send(msg); errors.Is(sendErr, io.EOF) {
			break // the node has answered already; CloseAndReceive says what
		} else if sendErr != nil {
			return nil, c.explain(sendErr)
		}
		bar.add(n)
		if err != nil {
			break
		}
		msg = &apiv1.ImportRequest{}
	}
	res, err := out.CloseAndReceive()
	if err != nil {
		return nil, c.explain(err)
	}
	return res.Msg, nil
}

// leftOut says what became of a value.
func leftOut(kept bool) string {
	if kept {
		return "not compared"
	}
	return "left out"
}

func printImport(cmd *cobra.Command, list string, r *apiv1.ImportResponse) error {
	if wantJSON(cmd) {
		for _, j := range r.Rejections {
			line := struct {
				Line   uint64 `json:"line"`
				Reason string `json:"reason"`
			}{j.Line, j.Reason}
			if err := printJSON(cmd, line); err != nil {
				return err
			}
		}
		for _, l := range r.Left {
			line := struct {
				Line  uint64 `json:"line"`
				Field string `json:"field"`
				Left  string `json:"left_out,omitempty"`
				Kept  string `json:"not_compared,omitempty"`
			}{Line: l.Line, Field: l.Field}
			if line.Left = l.Why; l.Kept {
				line.Left, line.Kept = "", l.Why
			}
			if err := printJSON(cmd, line); err != nil {
				return err
			}
		}
		return printJSON(cmd, struct {
			Read     uint64 `json:"read"`
			Accepted uint64 `json:"accepted"`
			Joined   uint64 `json:"joined"`
			Rejected uint64 `json:"rejected"`
			LeftOut  uint64 `json:"left_out"`
			Unread   uint64 `json:"not_compared"`
			Kept     uint64 `json:"kept"`
			Before   uint64 `json:"before"`
			After    uint64 `json:"after"`
		}{r.Read, r.Accepted, r.Joined, r.Rejected, r.LeftOut, r.NotCompared, r.Kept, r.Before, r.After})
	}
	w := cmd.OutOrStdout()
	for _, j := range r.Rejections {
		fmt.Fprintf(w, "line %d: rejected: %s\n", j.Line, safe(j.Reason))
	}
	if more := r.Rejected - uint64(len(r.Rejections)); more > 0 && r.Rejected > uint64(len(r.Rejections)) {
		fmt.Fprintf(w, "and %d more rejected\n", more)
	}
	for _, l := range r.Left {
		fmt.Fprintf(w, "line %d: %s: %s: %s\n", l.Line, leftOut(l.Kept), safe(l.Field), safe(l.Why))
	}
	if all := r.LeftOut + r.NotCompared; all > uint64(len(r.Left)) {
		fmt.Fprintf(w, "and %d more values left out or not compared\n", all-uint64(len(r.Left)))
	}
	fmt.Fprintf(w, "read %d, accepted %d, rejected %d, values left out %d, not compared %d\n", r.Read, r.Accepted, r.Rejected, r.LeftOut, r.NotCompared)
	if r.Joined > 0 {
		fmt.Fprintf(w, "%d rows were further rows of a person\n", r.Joined)
	}
	if r.Kept > 0 {
		fmt.Fprintf(w, "%d persons stay on the list as they were: their rows were rejected, or rows without an id that can be read\n", r.Kept)
	}
	if r.Entities > 0 {
		fmt.Fprintf(w, "%d organisations were left out: they are not persons\n", r.Entities)
	}
	fmt.Fprintf(w, "list %s: %d persons before, %d now\n", list, r.Before, r.After)
	return nil
}
