package api

import (
	"context"
	"errors"
	"net"

	"connectrpc.com/connect"
)

// errStopping is what calls end with when the node stops: they are not at
// fault, and may be made again when it is back.
var errStopping = errors.New("the node is stopping: ask again when it is back, a tail after the last cursor that was shown")

// serverKey is where the context of a call holds that of the server.
type serverKey struct{}

// within makes the contexts of a server's calls end with ctx.
func within(ctx context.Context) func(net.Listener) context.Context {
	return func(net.Listener) context.Context { return context.WithValue(ctx, serverKey{}, ctx) }
}

// ending says of a call that ended with its context whether the caller left or
// the node stops.
type ending struct{}

func (ending) tell(ctx context.Context, err error) error {
	server, ok := ctx.Value(serverKey{}).(context.Context)
	if err == nil || connect.CodeOf(err) != connect.CodeCanceled || !ok || server.Err() == nil {
		return err
	}
	return connect.NewError(connect.CodeUnavailable, errStopping)
}

func (e ending) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		return res, e.tell(ctx, err)
	}
}

func (ending) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (e ending) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return e.tell(ctx, next(ctx, conn))
	}
}
