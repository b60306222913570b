package testnet

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/herald-net/herald/internal/api"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
)

// callTimeout bounds one call of a local API that answers at once, on a
// machine with nothing else to do.
const callTimeout = time.Minute

// dial gives every instance the client of its socket. Nothing is connected
// before the first call.
func (n *Net) dial() {
	for k := range n.Nodes {
		n.Nodes[k].api = api.NewClient(n.Nodes[k].Socket())
	}
}

func (i Instance) status(ctx context.Context) (*apiv1.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	res, err := i.api.Status(ctx, connect.NewRequest(&apiv1.StatusRequest{}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.Name, err)
	}
	return res.Msg, nil
}

// entries reads the whole feed after a cursor, network records included.
func (i Instance) entries(ctx context.Context, after uint64) ([]*apiv1.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var out []*apiv1.Entry
	client := i.api
	for {
		res, err := client.List(ctx, connect.NewRequest(&apiv1.ListRequest{
			Filter: &apiv1.Filter{All: true}, After: after, Max: 1000,
		}))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.Name, err)
		}
		out = append(out, res.Msg.Entries...)
		if res.Msg.Next <= after {
			return out, nil
		}
		after = res.Msg.Next
	}
}

func (i Instance) peers(ctx context.Context) ([]*apiv1.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	res, err := i.api.Peers(ctx, connect.NewRequest(&apiv1.PeersRequest{}))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.Name, err)
	}
	return res.Msg.Peers, nil
}

// Status is one line of `herald testnet status`.
type Status struct {
	Name    string `json:"name"`
	PID     int    `json:"pid"` // 0: does not run
	Data    string `json:"data"`
	State   string `json:"state"`
	Node    string `json:"node"`
	Ready   bool   `json:"ready"`
	Peers   uint32 `json:"peers"`
	Records uint64 `json:"records"`
	Doing   string `json:"-"` // running, paused, starting or down
	API     string `json:"-"`
	Metrics string `json:"-"`
}

// Status tells what every node does. A node that does not answer is shown as
// such and is no error.
func (n *Net) Status(ctx context.Context) []Status {
	var out []Status
	for _, i := range n.Nodes {
		s := Status{
			Name: i.Name, Data: i.Data, State: string(i.State), Node: i.Node.String(),
			API: i.Socket(), Metrics: i.Metrics, Doing: "down",
		}
		if p, running := i.process(); running {
			s.PID = p.Pid
			s.Doing = "starting"
			if st, err := stat(p.Pid); err == nil && st.stopped() {
				s.Doing = "paused"
			} else if res, err := i.status(ctx); err == nil {
				s.Doing = "running"
				s.Ready, s.Peers, s.Records = res.Ready, res.Peers, res.Records
			}
		}
		out = append(out, s)
	}
	return out
}

// running leaves out what is down or paused.
func (n *Net) running() []Instance {
	var out []Instance
	for _, i := range n.Nodes {
		if p, ok := i.process(); ok {
			if st, err := stat(p.Pid); err == nil && !st.stopped() {
				out = append(out, i)
			}
		}
	}
	return out
}
