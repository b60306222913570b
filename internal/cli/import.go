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
name as a whole; a broken file leaves it as it was.`,
	}
	cmd.AddCommand(
		importCmd("un", "The UN Security Council Consolidated List (XML)", api.ListUN),
		importCmd("persons", `JSON lines {"id","names":[{"full"}],"births":[],…}`, "national"),
	)
	return cmd
}

func importCmd(kind, what, list string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   kind + " FILE|-",
		Short: what,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			res, err := upload(cmd, c, args[0], &apiv1.ImportRequest{Kind: kind, List: list})
			if err != nil {
				return err
			}
			return printImport(cmd, res)
		},
	}
	cmd.Flags().StringVar(&list, "list", list, "name of the list to replace")
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

func printImport(cmd *cobra.Command, r *apiv1.ImportResponse) error {
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
		return printJSON(cmd, struct {
			Read     uint64 `json:"read"`
			Accepted uint64 `json:"accepted"`
			Rejected uint64 `json:"rejected"`
		}{r.Read, r.Accepted, r.Rejected})
	}
	w := cmd.OutOrStdout()
	for _, j := range r.Rejections {
		fmt.Fprintf(w, "line %d: %s\n", j.Line, safe(j.Reason))
	}
	if more := r.Rejected - uint64(len(r.Rejections)); more > 0 {
		fmt.Fprintf(w, "and %d more rejected\n", more)
	}
	fmt.Fprintf(w, "read %d, accepted %d, rejected %d\n", r.Read, r.Accepted, r.Rejected)
	if r.Entities > 0 {
		fmt.Fprintf(w, "%d organisations were left out: they are not persons\n", r.Entities)
	}
	return nil
}
