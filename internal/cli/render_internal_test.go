package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/internal/datadir"
	"github.com/herald-net/herald/internal/store"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/node/ct"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                     "plain",
		"a\tb\nc\rd":                "a b c d",
		"\x1b[31mred\x1b[0m":        "[31mred[0m",
		"\u202etxt.exe\u202c":       "txt.exe",
		"\u2066x\u2069\ufeff\u2028": "x",
		"\x9b31m":                   "31m",
		"متن فارسی\u200cها":         "متن فارسی\u200cها", // the joiner inside stays
		"a\x00\x7fb":                "ab",
	} {
		if got := safe(in); got != want {
			t.Errorf("safe(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestTableIsSafe(t *testing.T) {
	var b bytes.Buffer
	tb := newTable(&b, "A", "B")
	tb.row("x\ny", "\x1b]0;title\x07")
	tb.row("", "z")
	if err := tb.flush(); err != nil {
		t.Fatal(err)
	}
	if want := "A    B\nx y  ]0;title\n-    z\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestLeaves(t *testing.T) {
	got, err := leaves([]byte(`{"b":{"x":[1,{"y":true}]},"a":"s","n":12345678901234567890}`))
	if want := "[{b.x[0] 1} {b.x[1].y true} {a s} {n 12345678901234567890}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v; want %s", got, err, want)
	}
}

func TestExitCodes(t *testing.T) {
	fromNode := func(c connect.Code) error { return fmt.Errorf("x: %w", connect.NewWireError(c, errors.New("e"))) }
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"nil", nil, exitOK},
		{"anything", errors.New("x"), exitFailure},
		{"usage", fmt.Errorf("wrapped: %w", usagef("x")), exitUsage},
		{"faults", fmt.Errorf("x: %w", ct.Faults{{Field: "f", Fault: "g"}}), exitUsage},
		{"malformed document", &ct.SyntaxError{}, exitUsage},
		{"configuration", fmt.Errorf("x: %w", &datadir.Invalid{Line: "l"}), exitConfig},
		{"not joined", fmt.Errorf("x: %w", node.ErrNotJoined), exitConfig},
		{"store in use", fmt.Errorf("x: %w", store.ErrInUse), exitConflict},
		{"socket in use", fmt.Errorf("x: %w", api.ErrInUse), exitConflict},
		{"exists", fmt.Errorf("x: %w", datadir.ErrExists), exitConflict},
		{"unreachable", fmt.Errorf("x: %w", api.ErrUnreachable), exitUnreachable},
		{"went away", connect.NewError(connect.CodeUnavailable, errors.New("EOF")), exitUnreachable},
		{"closing", fromNode(connect.CodeUnavailable), exitFailure},
		{"invalid", fromNode(connect.CodeInvalidArgument), exitUsage},
		{"refused", fromNode(connect.CodePermissionDenied), exitNotAllowed},
		{"not found", fromNode(connect.CodeNotFound), exitNotFound},
		{"conflict", fromNode(connect.CodeFailedPrecondition), exitConflict},
		{"full", fromNode(connect.CodeResourceExhausted), exitFailure},
		{"internal", fromNode(connect.CodeInternal), exitFailure},
		{"cobra's own", errors.New(`required flag(s) "out" not set`), exitUsage},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestMatchExit(t *testing.T) {
	for _, c := range []struct {
		name string
		sum  *apiv1.MatchSummary
		want int
	}{
		{"one possible among silence", &apiv1.MatchSummary{Asked: 9, Answered: 1, Possible: 1}, exitOK},
		{"all no", &apiv1.MatchSummary{Asked: 2, Answered: 2, NoHit: 2}, exitNotFound},
		{"one silent", &apiv1.MatchSummary{Asked: 2, Answered: 1, NoHit: 1}, exitPartial},
		{"one refused", &apiv1.MatchSummary{Asked: 2, Answered: 2, NoHit: 1, Refused: 1}, exitPartial},
		{"nobody asked", &apiv1.MatchSummary{}, exitPartial},
	} {
		if got := matchExit(c.sum); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
	if got := exitCode(notNo(connect.NewWireError(connect.CodeNotFound, errors.New("no member")))); got == exitNotFound {
		t.Error("a refusal ends with the exit code of an unknown person")
	}
}

func TestNamesAreIsolatedForTerminalsOnly(t *testing.T) {
	if got := isolate(&bytes.Buffer{}, "متن"); strings.ContainsAny(got, "\u2068\u2069") {
		t.Errorf("a file got direction marks: %q", got)
	}
}
