package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	"github.com/spf13/cobra"
)

// The exit codes. A script may rely on them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitConfig      = 3
	exitNotAllowed  = 4
	exitNotFound    = 5
	exitConflict    = 6
	exitUnreachable = 7
	exitPartial     = 8
	exitInterrupted = 130
)

func newExitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `The exit codes of every command:

    0  ok
    1  failure
    2  usage: a flag, an argument or the input given is not valid
    3  the configuration is not valid
    4  not allowed
    5  nothing found
    6  conflict: in use, exists already (equal content in force), or not now
    7  no node is reachable on the data directory
    8  some peers did not answer, or something of a list was left out
  130  interrupted

match: 0 when any answer is POSSIBLE, 5 only when every node asked said NO_HIT,
8 otherwise. Silence, a refusal and an exhausted budget are never "no".

import: 0 when the whole list came in; 8 when rows were rejected or values left
out, each told with its line; 6 when the list would lose more than a tenth of its
persons and --accept-shrink does not say that this is meant, 1 when the file ends
in the middle: then the list stays as it was.

screen: 0 when all queries came through, with hits or without. Rows and entries that
cannot be read do not change that: each such row says so ("error" with --json), and
stderr sums up; with --strict the first one is 2. 2 too for a file of which nothing
can be read, 1 for one that ends in the middle.

journal verify: 1 when the journal is not whole, or not the one that others were
told of. journal read: 4 when subjects are sealed to another key than the given one.`,
	}
}

// codeError gives an error its exit code. Without an error the code is the
// command's answer and nothing is printed.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *codeError) Unwrap() error { return e.err }

func withCode(code int, err error) error { return &codeError{code, err} }

func usagef(format string, args ...any) error {
	return withCode(exitUsage, fmt.Errorf(format, args...))
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var coded *codeError
	var badConfig *datadir.Invalid
	var badInput *ct.SyntaxError
	var faults ct.Faults
	var fromNode *connect.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &badConfig), errors.Is(err, node.ErrNotJoined):
		return exitConfig
	case errors.As(err, &badInput), errors.As(err, &faults):
		return exitUsage
	case errors.Is(err, store.ErrInUse), errors.Is(err, api.ErrInUse), errors.Is(err, datadir.ErrExists):
		return exitConflict
	case errors.Is(err, api.ErrUnreachable):
		return exitUnreachable
	case errors.As(err, &fromNode):
		return exitOfNode(fromNode)
	case strings.HasPrefix(err.Error(), "required flag(s) "): // cobra's own, not typed
		return exitUsage
	}
	return exitFailure
}

func exitOfNode(err *connect.Error) int {
	if !connect.IsWireError(err) && err.Code() == connect.CodeUnavailable {
		return exitUnreachable // the node went away in the middle
	}
	switch err.Code() {
	case connect.CodeInvalidArgument:
		return exitUsage
	case connect.CodePermissionDenied, connect.CodeUnauthenticated:
		return exitNotAllowed
	case connect.CodeNotFound:
		return exitNotFound
	case connect.CodeFailedPrecondition, connect.CodeAlreadyExists, connect.CodeAborted:
		return exitConflict
	}
	return exitFailure
}

// report says on one line what went wrong, and what is wrong with the input
// field by field.
func report(w io.Writer, cmd *cobra.Command, err error) {
	var coded *codeError
	if errors.As(err, &coded) && coded.err == nil {
		return
	}
	line := err.Error()
	var faults ct.Faults
	var fromNode *connect.Error
	if errors.As(err, &fromNode) {
		// The code is the exit code's business; the message says it in words.
		line = strings.Replace(line, fromNode.Error(), fromNode.Message(), 1)
		if r, ok := api.RefusalOf(err); ok {
			for _, f := range r.Faults {
				faults = append(faults, ct.Fault{Field: f.Field, Fault: f.Fault})
			}
		}
	} else {
		errors.As(err, &faults)
	}
	if name := strings.TrimPrefix(cmd.CommandPath(), "herald "); cmd.HasParent() {
		first, _, _ := strings.Cut(name, " ")
		if _, rest, _ := strings.Cut(line, ": "); strings.HasPrefix(line, name+": ") || strings.HasPrefix(line, first+": ") {
			line = rest
		}
		line = name + ": " + line
	}
	fmt.Fprintln(w, "herald: "+safe(line))
	if len(faults) > 1 || len(faults) == 1 && !strings.Contains(line, faults[0].Fault) {
		t := newTable(w, "FIELD", "FAULT")
		for _, f := range faults {
			t.row(f.Field, f.Fault)
		}
		t.flush()
	}
}
