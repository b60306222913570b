package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/spf13/cobra"
)

// resumeEvery is how often a tail asks whether a node that went away is back.
const resumeEvery = time.Second

// errShown ends a tail: all that was asked for is shown.
var errShown = errors.New("shown")

// follow shows what arrives after a cursor. When the node stops or goes away it
// waits, and goes on behind the last record that it has shown.
func follow(cmd *cobra.Command, c *client, filter *apiv1.Filter, after, limit uint64, show func(*apiv1.Entry) error) error {
	ctx, shown, away := cmd.Context(), uint64(0), false
	for {
		err := c.receive(ctx, &apiv1.TailRequest{Filter: filter, After: after}, func(e *apiv1.Entry) error {
			away = false
			if err := show(e); err != nil {
				return err
			}
			after = e.Cursor
			if shown++; shown == limit {
				return errShown
			}
			return nil
		})
		switch {
		case err == errShown:
			return nil
		case ctx.Err() != nil || !wentAway(err):
			return c.explain(err)
		case !away:
			away = true
			fmt.Fprintf(cmd.ErrOrStderr(), "the node went away; this goes on after cursor %d when it is back\n", after)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(resumeEvery):
		}
	}
}

// receive gives a tail's entries to fn until the tail or fn ends.
func (c *client) receive(ctx context.Context, req *apiv1.TailRequest, fn func(*apiv1.Entry) error) error {
	in, err := c.Tail(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	defer in.Close()
	for in.Receive() {
		if err := fn(in.Msg().Entry); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF // a tail has no end of its own
}

// wentAway tells that a call ended because the node stopped, was killed or does
// not run, and not because of what was asked.
func wentAway(err error) bool {
	switch code := connect.CodeOf(err); {
	case errors.Is(err, api.ErrUnreachable), errors.Is(err, io.ErrUnexpectedEOF), code == connect.CodeUnavailable:
		return true
	case connect.IsWireError(err):
		return false
	default: // broken off in the middle
		var fromNode *connect.Error
		return errors.As(err, &fromNode) && (code == connect.CodeInternal || code == connect.CodeUnknown)
	}
}
