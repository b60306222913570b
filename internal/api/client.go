package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	apiv1 "github.com/herald-net/herald/proto/herald/api/v1"
	"github.com/herald-net/herald/proto/herald/api/v1/apiv1connect"
)

// ErrUnreachable tells that nothing answers on a node's socket.
var ErrUnreachable = errors.New("node unreachable")

const (
	dialTimeout   = 5 * time.Second
	answerTimeout = 30 * time.Second
)

// NewClient speaks to the node whose socket this is. It connects when it is
// called and keeps no connection for long.
func NewClient(socket string) apiv1connect.NodeClient {
	hc := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := net.Dialer{Timeout: dialTimeout}
			c, err := d.DialContext(ctx, "unix", socket)
			if err != nil && ctx.Err() == nil {
				return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
			}
			return c, err
		},
		DisableCompression: true,
		MaxIdleConns:       4,
		IdleConnTimeout:    10 * time.Second,
	}}
	// The host is never resolved: the dialler above knows one place only.
	return apiv1connect.NewNodeClient(hc, "http://herald",
		connect.WithReadMaxBytes(maxAnswer), connect.WithInterceptors(connect.UnaryInterceptorFunc(inTime)))
}

// inTime bounds the calls that a node answers from what it holds, so that one
// that hangs is noticed. Those that wait for something else (the outbox, a
// long chain, a stream) are bounded by their caller alone.
func inTime(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		switch req.Spec().Procedure {
		case apiv1connect.NodePublishProcedure, apiv1connect.NodeRetractProcedure,
			apiv1connect.NodeSignNowProcedure, apiv1connect.NodeJournalVerifyProcedure, apiv1connect.NodeJournalEraseProcedure:
			return next(ctx, req)
		}
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		return next(ctx, req)
	}
}

// maxAnswer bounds one message from the node: a page of 1,000 entries with
// their contents.
const maxAnswer = 128 << 20

// RefusalOf gives the typed detail of an error that came from a node.
func RefusalOf(err error) (*apiv1.Refusal, bool) {
	var ce *connect.Error
	if !errors.As(err, &ce) {
		return nil, false
	}
	for _, d := range ce.Details() {
		v, err := d.Value()
		if r, ok := v.(*apiv1.Refusal); ok && err == nil {
			return r, true
		}
	}
	return nil, false
}
