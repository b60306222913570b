package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	"github.com/herald-net/herald/node"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
	"github.com/spf13/cobra"
)

// client speaks to the node that runs on one data directory.
type client struct {
	apiv1connect.NodeClient
	dir string
}

func newClient(cmd *cobra.Command) (*client, error) {
	dir, err := dataDir(cmd)
	if err != nil {
		return nil, err
	}
	return &client{api.NewClient(filepath.Join(dir, node.FileSocket)), dir}, nil
}

// explain turns "connection refused" into what to do about it. Every error of
// a call passes through it.
func (c *client) explain(err error) error {
	var fromNode *connect.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, api.ErrUnreachable):
		return withCode(exitUnreachable, fmt.Errorf("no node is running on %s; start it with `herald run --data %s`", c.dir, c.dir))
	case errors.As(err, &fromNode) && fromNode.Code() == connect.CodeUnavailable && !connect.IsWireError(err):
		return withCode(exitUnreachable, fmt.Errorf("the node on %s went away while it was asked", c.dir))
	case errors.As(err, &fromNode) && fromNode.Code() == connect.CodeDeadlineExceeded && !connect.IsWireError(err):
		return withCode(exitUnreachable, fmt.Errorf("the node on %s does not answer", c.dir))
	}
	return err
}
